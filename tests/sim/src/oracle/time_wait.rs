//! How long TIME-WAIT lasts: I-10.

use core::time::Duration;

use synack_tcb::{Endpoint, FourTuple, Instant, Occupant, TimeWait};
use synack_wire::{SeqNum, TcpPacket};

use crate::violation::{Invariant, Violation, ensure};

/// The judge of the TIME-WAIT records of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct TimeWaitWatch {
    records: Vec<Record>,
}

/// A connection that entered TIME-WAIT.
#[derive(Debug)]
struct Record {
    path: FourTuple,
    /// RCV.NXT.
    rcv_nxt: SeqNum,
    /// TS.Recent when it entered, if timestamps were in use.
    ts_recent: Option<u32>,
    /// Not over before this.
    soonest: Instant,
    /// Over by this.
    latest: Instant,
}

impl TimeWaitWatch {
    /// A connection entered TIME-WAIT, which lasts for `length`: twice the MSL.
    pub(crate) fn on_entered(&mut self, time_wait: &TimeWait, length: Duration) {
        let over = time_wait.entered + length;
        self.records.retain(|record| record.path != time_wait.path);
        self.records.push(Record {
            path: time_wait.path,
            rcv_nxt: time_wait.rcv_nxt,
            ts_recent: time_wait.timestamps.map(|timestamps| timestamps.recent.value),
            soonest: over,
            latest: over,
        });
    }

    /// A packet is about to be routed: a FIN that comes again restarts the time (TW-2).
    pub(crate) fn on_packet(&mut self, now: Instant, packet: &TcpPacket, length: Duration) {
        let path = FourTuple::of_arriving(packet);
        let segment = &packet.segment;
        let Some(record) = self.records.iter_mut().find(|record| record.path == path) else {
            return;
        };
        let is_plain = !segment.is_rst() && !segment.is_syn();
        if !(is_plain && segment.is_fin() && segment.end() == record.rcv_nxt) {
            return;
        }
        record.latest = record.latest.max(now + length);
        // PAWS may refuse it, by a TS.Recent that moved since.
        let value = segment.options.timestamps.map(|timestamps| timestamps.value);
        let is_taken = record.ts_recent.is_none_or(|recent| value == Some(recent));
        let has_moved = record.ts_recent.is_some();
        if is_taken && !has_moved {
            record.soonest = now + length;
        }
    }

    /// Judges all records; one whose addresses are in use again is let go of.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        endpoint: &Endpoint,
        late_max: Duration,
    ) -> Result<(), Violation> {
        for record in &self.records {
            let Record { path, soonest, latest, .. } = record;
            let occupant = endpoint.occupant(*path);
            ensure(occupant.is_some() || now >= *soonest, Invariant::TimeWait, || {
                format!("TIME-WAIT of {path:?} is over at {now:?}, not before {soonest:?}")
            })?;
            let lasts = occupant == Some(Occupant::TimeWait) && now > *latest + late_max;
            ensure(!lasts, Invariant::TimeWait, || {
                format!("TIME-WAIT of {path:?} lasts at {now:?}, not beyond {latest:?}")
            })?;
        }
        self.records.retain(|record| endpoint.occupant(record.path) == Some(Occupant::TimeWait));
        Ok(())
    }
}
