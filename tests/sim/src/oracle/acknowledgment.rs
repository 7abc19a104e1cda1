//! When text is acknowledged: I-14.

use core::time::Duration;

use synack_tcb::{ConnectionConfig, Instant, Internals, State};
use synack_wire::SeqNum;

use super::{Arrived, Cause, Change, Punctuality};
use crate::violation::{Invariant, Violation, ensure};

/// What the peer was told, and since when it waits for more.
#[derive(Debug)]
pub(super) struct AcknowledgmentWatch {
    punctuality: Punctuality,
    /// SEG.ACK of the last packet that left.
    acked: SeqNum,
    /// When the oldest number that is not acknowledged was taken.
    waits_since: Option<Instant>,
    /// The longest text of one segment: what RFC 9293 §3.8.6.3 calls full-sized. Units: octets.
    segment_max: u32,
}

impl AcknowledgmentWatch {
    pub(super) fn new(internals: &Internals, punctuality: Punctuality) -> Self {
        Self { punctuality, acked: internals.rcv_nxt, waits_since: None, segment_max: 0 }
    }

    pub(super) fn judge(&mut self, change: Change<'_>, cause: &Cause<'_>) {
        let Change { now, old, new, .. } = change;
        if old.state == State::SynSent && new.state != State::SynSent {
            self.acked = new.irs;
        }
        if let Cause::Packet(arrived) = cause {
            self.on_arrived(arrived);
        }
        if let Cause::Transmit(packet) = cause
            && let Some(ack) = packet.segment.ack.filter(|_| !packet.segment.is_rst())
        {
            self.acked = self.acked.max(ack);
        }
        if self.acked >= new.rcv_nxt {
            self.waits_since = None;
        } else if self.waits_since.is_none() {
            self.waits_since = Some(now);
        }
    }

    /// Learns how long the segments of the peer are.
    pub(super) fn on_arrived(&mut self, arrived: &Arrived) {
        self.segment_max = self.segment_max.max(arrived.segment.min(arrived.text));
    }

    /// MUST-40, SHLD-18 (DACK-1, DACK-2): not later than the delay, and not more than two segments.
    pub(super) fn judge_drained(
        &self,
        now: Instant,
        internals: &Internals,
        config: &ConnectionConfig,
    ) -> Result<(), Violation> {
        let over = matches!(internals.state, State::Closed | State::SynSent | State::SynReceived);
        let Some(since) = self.waits_since.filter(|_| !over) else { return Ok(()) };
        let waiting = internals.rcv_nxt - self.acked;
        ensure(waiting < self.segment_max.saturating_mul(2), Invariant::Acknowledgment, || {
            format!("{waiting} octets in segments of {} wait for an ACK", self.segment_max)
        })?;
        let delay_max = config.ack_delay.min(ACK_DELAY_MAX) + self.punctuality.late_max;
        let waited = now.since(since);
        let is_late = self.punctuality.is_clock_steady && waited > delay_max;
        ensure(!is_late, Invariant::Acknowledgment, || {
            format!("an ACK waits for {waited:?}, at most {delay_max:?}")
        })
    }

    pub(super) fn on_clock_changed(&mut self) {
        self.punctuality.is_clock_steady = false;
    }
}

/// RFC 9293 §3.8.6.3 (MUST-40).
const ACK_DELAY_MAX: Duration = Duration::from_millis(500);
