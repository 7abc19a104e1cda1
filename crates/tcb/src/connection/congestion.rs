//! What the congestion controller is told, and what its window leaves room for.

use synack_wire::SeqNum;

use super::Connection;
use crate::Instant;
use crate::congestion::{
    AckSample, Beginning, CongestionEvent, CongestionSignal, Inherited, SentSample,
};
use crate::recovery::AckOutcome;

impl Connection {
    /// The handshake settled the segment size: the controller begins anew.
    pub(super) fn begin_congestion_control(&mut self, now: Instant) {
        self.build_controller(now, None);
    }

    /// The application chose another controller: it goes on from where the one before it was.
    pub(super) fn replace_controller(&mut self, now: Instant) {
        let inherited = Inherited {
            cwnd: self.congestion.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            srtt: self.recovery.srtt(),
            delivered_total: self.recovery.delivered(),
        };
        self.build_controller(now, Some(inherited));
    }

    fn build_controller(&mut self, now: Instant, inherited: Option<Inherited>) {
        let seed = seed(self.snd.iss, self.timestamps.offset);
        let beginning = Beginning { now, mss: self.smss(), seed, inherited };
        self.congestion = self.config.congestion.build(&beginning);
    }

    /// Tells the controller what loss recovery found in an ACK.
    pub(super) fn tell_congestion(&mut self, now: Instant, outcome: &AckOutcome) {
        if let Some(signal) = outcome.recovered {
            self.congestion.on_recovered(now, signal);
        }
        if let Some(flight_size) = outcome.lost {
            self.signal_congestion(now, CongestionSignal::Loss, flight_size);
            self.due.retransmit = true;
            self.counters.recoveries = self.counters.recoveries.wrapping_add(1);
        }
        if let Some(sample) = &outcome.sample {
            let paced = self.congestion.pacing_rate().is_some();
            self.congestion.on_ack(&AckSample { paced, ..*sample });
        }
    }

    /// Congestion was met while `flight_size` octets were unacknowledged.
    pub(super) fn signal_congestion(
        &mut self,
        now: Instant,
        signal: CongestionSignal,
        flight_size: u32,
    ) {
        let in_flight = self.recovery.in_flight();
        self.congestion.on_congestion(&CongestionEvent { now, signal, flight_size, in_flight });
    }

    /// `bytes` are about to leave, in segments that count as in flight.
    pub(super) fn tell_sent(&mut self, now: Instant, bytes: u32) {
        let in_flight_before = self.recovery.in_flight();
        // With nothing in flight cwnd has room, so it was not what sending waited for.
        let is_app_limited = in_flight_before == 0;
        self.congestion.on_sent(&SentSample { now, bytes, in_flight_before, is_app_limited });
    }

    /// How many octets may still be put in flight. Source: RFC 5681 §3.1 (CC-1).
    pub(super) fn cwnd_room(&self) -> u32 {
        self.congestion.cwnd().saturating_sub(self.recovery.in_flight())
    }

    /// Sending begins again after an idle time longer than one RTO: cwnd proves nothing any more
    /// (RFC 5681 §4.1, CC-22).
    pub(super) fn restart_after_idle(&mut self, now: Instant) {
        let idle = now.since(self.waiting.sent_at);
        if !self.recovery.has_unacked() && idle > self.recovery.rto(self.rto_bounds()) {
            self.congestion.on_restart(now);
            self.waiting.sent_at = now;
        }
    }
}

/// Where the controller of a connection has all chance from: by way of the numbers that identify
/// the connection, from the endpoint's secret.
pub(super) fn seed(iss: SeqNum, timestamp_offset: u32) -> u64 {
    u64::from(timestamp_offset) << 32 | u64::from(iss.get())
}
