//! What the congestion controller is told, and what its window leaves room for.

use core::time::Duration;

use synack_wire::SeqNum;

use super::{Connection, TransmitLimits};
use crate::Instant;
use crate::congestion::pacing::{self, Pacer};
use crate::congestion::{
    AckSample, Beginning, BytesPerSecond, CongestionEvent, CongestionSignal, Inherited, SentSample,
    SpuriousEvent, initial_window,
};
use crate::recovery::AckOutcome;
use crate::timers::Timer;

impl Connection {
    /// The handshake is complete: a controller begins. `rtt` is what the handshake took, if it
    /// could be measured.
    pub(super) fn begin_congestion_control(&mut self, now: Instant, rtt: Option<Duration>) {
        self.build_controller(now, None);
        self.congestion.on_established(now, rtt);
    }

    /// The application chose another controller: it goes on from where the one before it was.
    pub(super) fn replace_controller(&mut self, now: Instant) {
        if !self.snd.is_syn_acked() {
            return;
        }
        let inherited = Inherited {
            cwnd: self.congestion.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            srtt: self.recovery.srtt(),
            min_rtt: self.recovery.min_rtt(),
            delivered_total: self.recovery.delivered(),
        };
        self.build_controller(now, Some(inherited));
    }

    fn build_controller(&mut self, now: Instant, inherited: Option<Inherited>) {
        let seed = seed(self.snd.iss, self.timestamps.offset);
        let (mss, sack) = (self.smss(), self.negotiated.sack);
        // IW-2: one SYN that was lost says little, and a second one much.
        let is_lossy = self.handshake.retransmissions > 1;
        let initial_window = if is_lossy { mss } else { initial_window(mss) };
        let beginning = Beginning { now, mss, initial_window, sack, seed, inherited };
        self.congestion = self.config.congestion.build(&beginning);
        self.pacer = Pacer::default();
        self.timers.stop(Timer::Pacing);
    }

    /// Tells the controller that what began with `signal` proved needless, by an ACK of
    /// `acked_bytes`. If that ACK echoes a mark there was congestion all the same: then it is over
    /// as if it had been repaired.
    ///
    /// Source: RFC 4015 §3 (FRTO-8); RFC 5682 §4.
    pub(super) fn tell_needless(
        &mut self,
        now: Instant,
        signal: CongestionSignal,
        outcome: &AckOutcome,
        is_echo: bool,
    ) {
        self.tally.rare.spurious = self.tally.rare.spurious.wrapping_add(1);
        if is_echo {
            self.congestion.on_recovered(now, signal);
            return;
        }
        let acked_bytes = outcome.sample.as_ref().map_or(0, |sample| sample.acked_bytes);
        let flight_size = self.recovery.outstanding();
        let event = SpuriousEvent { now, signal, flight_size, acked_bytes };
        self.congestion.on_spurious(&event);
    }

    /// Tells the controller what an ACK says of losses.
    pub(super) fn tell_losses(&mut self, now: Instant, outcome: &AckOutcome) {
        if let Some(signal) = outcome.recovered {
            self.congestion.on_recovered(now, signal);
        }
        self.tell_newly_lost(now);
        if let Some(flight_size) = outcome.lost {
            self.begin_recovery(now, flight_size);
        }
    }

    /// Tells the controller of each range that was taken for lost since it was told last.
    pub(super) fn tell_newly_lost(&mut self, now: Instant) {
        for lost in self.recovery.take_newly_lost() {
            self.congestion.on_lost(now, &lost);
        }
    }

    /// More is about to be sent, or may be: notes if there was nothing to send until now, and that
    /// not for want of room in cwnd. What is delivered then does not tell how fast the path is.
    ///
    /// Source: draft-ietf-ccwg-bbr, "Detecting application-limited phases" (BBR-17).
    pub(super) fn note_app_limited(&mut self) {
        let is_limited = self.snd.is_syn_acked()
            && self.unsent() < u64::from(self.smss())
            && self.recovery.lost() == 0
            && self.cwnd_room() > 0;
        if is_limited {
            self.recovery.on_app_limited();
        }
    }

    /// Tells the controller what an ACK acknowledged. cwnd does not grow by one that echoes a mark
    /// (ECN-12).
    pub(super) fn tell_acknowledged(&mut self, outcome: &AckOutcome, is_echo: bool) {
        let Some(sample) = &outcome.sample else { return };
        let paced = self.pacing_rate().is_some();
        let in_recovery = sample.in_recovery || is_echo;
        self.congestion.on_ack(&AckSample { paced, in_recovery, ..*sample });
    }

    /// Fast recovery begins, while `flight_size` octets were unacknowledged.
    pub(super) fn begin_recovery(&mut self, now: Instant, flight_size: u32) {
        // CC-15: what left beyond the whole segments that cwnd held did so by Limited Transmit
        // (RFC 3042 §2), or because later ones were reported, and does not count.
        let cwnd = self.congestion.cwnd();
        let flight_size = flight_size.min(cwnd - cwnd % self.smss());
        // ECN-12: once a window; but a controller that governs recovery must know of it.
        if self.congestion.governs_recovery() || !self.is_reduced_by_mark() {
            self.signal_congestion(now, CongestionSignal::Loss, flight_size);
        }
        if !self.congestion.governs_recovery() {
            self.recovery.begin_reduction(self.congestion.ssthresh(), self.smss());
        }
        if !self.recovery.is_in_fast_recovery() {
            // A loss that its probe repaired, and all is acknowledged.
            self.congestion.on_recovered(now, CongestionSignal::Loss);
        }
        self.due.retransmit = true;
        self.tally.rare.recoveries = self.tally.rare.recoveries.wrapping_add(1);
    }

    /// Congestion was met while `flight_size` octets were unacknowledged.
    pub(super) fn signal_congestion(
        &mut self,
        now: Instant,
        signal: CongestionSignal,
        flight_size: u32,
    ) {
        self.owe_cwr();
        if signal == CongestionSignal::Ecn {
            // It is sure, whatever proves needless of what was before it.
            self.recovery.forget_undo();
        }
        let in_flight = self.recovery.in_flight();
        self.congestion.on_congestion(&CongestionEvent { now, signal, flight_size, in_flight });
    }

    /// `bytes` are about to leave, in segments that count as in flight.
    pub(super) fn tell_sent(&mut self, now: Instant, bytes: u32) {
        let in_flight_before = self.recovery.in_flight();
        let is_app_limited = self.recovery.is_app_limited();
        self.congestion.on_sent(&SentSample { now, bytes, in_flight_before, is_app_limited });
        if let Some(rate) = self.pacing_rate() {
            let late_max = pacing::late_max(self.recovery.srtt());
            self.pacer.on_sent(now, bytes, rate, late_max);
        }
    }

    /// The rate that packets are paced at, if they are: the controller's own, or that of cwnd, once
    /// a round trip was measured (PACE-1, PACE-4).
    pub(super) fn pacing_rate(&self) -> Option<BytesPerSecond> {
        if let Some(rate) = self.congestion.pacing_rate() {
            return Some(rate);
        }
        let srtt = self.recovery.srtt().filter(|_| self.config.pacing)?;
        let (cwnd, ssthresh) = (self.congestion.cwnd(), self.congestion.ssthresh());
        Some(pacing::rate_of_window(cwnd, ssthresh, srtt))
    }

    /// What may leave in one packet: no more than a quantum of the pacing (PACE-3), and a segment
    /// if that is to say CWR (ECN-13), or where urgent text ends: devices that cut super-segments
    /// leave the urgent field as it is.
    pub(super) fn paced(&self, limits: TransmitLimits) -> TransmitLimits {
        if limits == TransmitLimits::SINGLE || self.is_cwr_due() || self.snd.up.is_some() {
            return TransmitLimits::SINGLE;
        }
        let Some(rate) = self.pacing_rate() else { return limits };
        let quantum = pacing::quantum(rate, self.smss());
        TransmitLimits { super_segment_max: limits.super_segment_max.min(quantum) }
    }

    /// A packet came: if the pacer's timer is due, its visit serves for that too, so that timers
    /// which fire late cost no rate while ACKs come.
    pub(super) fn release_paced(&mut self, now: Instant) {
        if self.timers.get(Timer::Pacing).is_some_and(|at| at <= now) {
            self.timers.stop(Timer::Pacing);
        }
    }

    /// Whether text that cwnd and the window let go must wait for its turn. If so, the timer runs.
    pub(super) fn waits_for_pacer(&mut self, now: Instant) -> bool {
        if self.timers.is_set(Timer::Pacing) {
            return true;
        }
        let Some(rate) = self.pacing_rate() else { return false };
        let quantum = pacing::quantum(rate, self.smss());
        let Some(at) = self.pacer.wait(now, rate, quantum) else { return false };
        self.timers.set(Timer::Pacing, at);
        true
    }

    /// How many octets may still be put in flight. Source: RFC 5681 §3.1 (CC-1).
    pub(super) fn cwnd_room(&self) -> u32 {
        self.cwnd().saturating_sub(self.recovery.in_flight())
    }

    /// cwnd: the controller's, but while proportional rate reduction brings it down.
    pub(super) fn cwnd(&self) -> u32 {
        self.recovery.cwnd().unwrap_or_else(|| self.congestion.cwnd())
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
fn seed(iss: SeqNum, timestamp_offset: u32) -> u64 {
    u64::from(timestamp_offset) << 32 | u64::from(iss.get())
}
