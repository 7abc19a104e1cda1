//! What the timers of loss recovery find: an overdue segment, or silence.

use alloc::boxed::Box;

use synack_wire::SeqNum;

use super::episode::{BegunWith, Episode, TimeoutRecovery};
use super::frto::Frto;
use super::rack::{RackMark, WindowInputs};
use super::record::Fate;
use super::undo::Undo;
use super::{Detector, LossRecovery};
use crate::Instant;
use crate::congestion::CongestionSignal;

impl LossRecovery {
    /// The retransmission timer expired: the first segment is sent again, and with it what was due
    /// for as long; without SACK, everything.
    ///
    /// Returns FlightSize if that is a signal of congestion: the first expiry for this segment
    /// (CC-8, CC-9).
    ///
    /// Source: RFC 6298 §5.4 to §5.6 (RTO-15); RFC 5681 §3.1; RFC 6582 §3.2 (NR-6); RFC 2018 §5.1
    /// (SACK-9, DEC-5); RFC 8985 §6.3 (RACK-15).
    pub(crate) fn on_timeout(&mut self, now: Instant, nxt: SeqNum, cwnd: u32) -> Option<u32> {
        let una = self.sent.first().map_or(nxt, |record| record.range.start);
        let mut flight_size = nxt.saturating_since(una);
        if matches!(self.episode, Episode::Timeout(_)) {
            // What waits to be sent again since the last timeout is no measure of the network.
            flight_size = flight_size.min(cwnd);
        }
        let is_first = self.timeouts == 0;
        self.timeouts = self.timeouts.saturating_add(1);
        self.backoff.on_timeout();
        self.recover = nxt;
        self.give_mtu_probe_up();
        self.begin_timeout(nxt);
        self.lose_on_timeout(now, una);
        is_first.then_some(flight_size)
    }

    /// Recovery after a timeout begins, until `nxt` is acknowledged.
    ///
    /// It may prove needless if nothing was being recovered; and if it is a second timeout of the
    /// same segment, as long as both may have been.
    ///
    /// Source: RFC 5682 §2.1 step 1, §3.1 step 1 (FRTO-1).
    fn begin_timeout(&mut self, nxt: SeqNum) {
        self.end_mark_reduction();
        let rack = match &self.detector {
            Detector::Duplicates(_) => RackMark::NONE,
            Detector::Rack { rack, .. } => rack.mark(),
        };
        let (frto, rack) = match &self.episode {
            Episode::Open => {
                self.undo = Some(Box::new(Undo::new(CongestionSignal::Timeout)));
                (Frto::FirstAck { end: None }, rack)
            }
            Episode::Fast(_) => {
                self.undo = None;
                (Frto::Conventional, rack)
            }
            Episode::Timeout(before) => {
                if self.timeouts == 1 {
                    self.undo = None;
                }
                (Frto::Conventional, before.rack)
            }
        };
        let recovery = TimeoutRecovery { point: nxt, frto, rack, has_reneged: false };
        self.episode = Episode::Timeout(Box::new(recovery));
    }

    /// The timer of the SYN expired; its retransmission is not kept here.
    pub(crate) fn on_syn_timeout(&mut self) {
        self.timeouts = self.timeouts.saturating_add(1);
        self.backoff.on_timeout();
    }

    /// Our SYN was acknowledged; nothing of that is kept here either.
    pub(crate) fn on_syn_acked(&mut self) {
        self.timeouts = 0;
    }

    /// The reordering timer expired: what is overdue is lost. Returns FlightSize if fast recovery
    /// began.
    ///
    /// Source: RFC 8985 §6.2 step 5 (RACK-13).
    pub(crate) fn on_reorder_timeout(
        &mut self,
        now: Instant,
        nxt: SeqNum,
        mss: u32,
    ) -> Option<u32> {
        if matches!(self.detector, Detector::Duplicates(_)) {
            return None;
        }
        let una = self.sent.first()?.range.start;
        let flight_size = nxt.saturating_since(una);
        let in_flight_before = self.in_flight();
        let recover_flight = flight_size.saturating_sub(self.sent.sacked());
        let began = self.detect_by_time(now, nxt, BegunWith { recover_flight, delivered: 0 });
        let in_flight = self.in_flight();
        let reduction = self.episode.reduction();
        if let Some(reduction) = reduction.filter(|_| in_flight < in_flight_before) {
            reduction.on_lost(in_flight_before, in_flight, mss);
        }
        began.then_some(flight_size)
    }

    /// When the reordering timer fires: when everything sent before the newest delivered is lost,
    /// if it does not arrive.
    ///
    /// Source: RFC 8985 §6.2 step 5 (RACK-13).
    pub(crate) fn reorder_deadline(&self) -> Option<Instant> {
        let Detector::Rack { rack, .. } = &self.detector else { return None };
        let window = rack.window(self.window_inputs());
        let last = self.sent.overdue()?;
        // Never before the first is, which comes first: a clock that was put back while they left
        // turns their times round, and a timer that finds nothing would fire for ever.
        let first = self.sent.in_flight().next().unwrap_or(last);
        Some(rack.lost_at(last, window).max(rack.lost_at(first, window)))
    }

    /// Finds what is lost by time. Returns whether fast recovery began.
    ///
    /// Source: RFC 8985 §6.2 step 5 (RACK-12, RACK-14, RACK-16, RACK-19).
    pub(super) fn detect_by_time(
        &mut self,
        now: Instant,
        nxt: SeqNum,
        begun_with: BegunWith,
    ) -> bool {
        self.lose_mtu_probe(now);
        let found = self.lose_overdue(now);
        if found {
            self.doubt_mtu_probe();
        }
        let begins = found && self.episode.is_open();
        if begins {
            self.begin_fast(nxt, begun_with);
            // Within recovery the window may be closed (RACK-8).
            self.lose_overdue(now);
        }
        begins
    }

    /// Takes what is overdue for lost. Returns whether anything was.
    fn lose_overdue(&mut self, now: Instant) -> bool {
        let Detector::Rack { rack, .. } = &self.detector else { return false };
        let window = rack.window(self.window_inputs());
        let Some(sent) = self.sent.inside() else { return false };
        let lost_before = sent.lost();
        sent.lose_oldest_while(|record| {
            rack.is_older(record) && rack.lost_at(record, window) <= now
        });
        sent.mark_overdue(|record| rack.is_older(record));
        sent.lost() > lost_before
    }

    /// Decides what of all that is unacknowledged is lost, after the timer expired for `una`.
    ///
    /// What SACK reported stays reported, unless `una` is: a peer that has it would have
    /// acknowledged it, so it reneged, and is believed no longer. RFC 2018 §5 would have every
    /// report forgotten; RFC 6675 §5.1 lets them stay where reneging is looked for, as here and in
    /// [`forget_reneged`](Self::forget_reneged). A megabyte that was received is not sent again for
    /// the one segment before it.
    fn lose_on_timeout(&mut self, now: Instant, una: SeqNum) {
        let inputs = self.window_inputs();
        if self.is_first_reported() {
            self.forget_reports();
        }
        match &mut self.detector {
            Detector::Duplicates(duplicates) => {
                duplicates.reset();
                self.sent.judge_all(|_| Fate::Lost);
            }
            Detector::Rack { rack, probe } => {
                probe.reset();
                let window = rack.window(inputs);
                let rack = *rack;
                self.sent.judge_all(|record| match record.fate {
                    Fate::Sacked | Fate::Lost => record.fate,
                    Fate::InFlight => {
                        let is_due = rack.lost_at(record, window) <= now;
                        let is_lost = record.range.start == una || is_due;
                        if is_lost { Fate::Lost } else { Fate::InFlight }
                    }
                });
                self.sent.mark_overdue(|record| rack.is_older(record));
            }
        }
    }

    /// SND.UNA advanced, and the reports of the same ACK are not looked at yet: if it stands now at
    /// something that was reported before a timeout, the peer dropped that, and nothing is believed
    /// that it reported before. What it still has is in the reports that follow (RFC 2018 §8).
    ///
    /// Once for each timeout, since every record is looked at; what a peer drops later waits for
    /// the next.
    ///
    /// Source: RFC 2018 §5, §8 (SACK-9, SACK-12); RFC 6675 §5.1 (DEC-5).
    pub(super) fn forget_reneged(&mut self) {
        let is_first_reported = self.is_first_reported();
        let Episode::Timeout(timeout) = &mut self.episode else { return };
        if !is_first_reported || timeout.has_reneged {
            return;
        }
        timeout.has_reneged = true;
        timeout.frto = Frto::Conventional;
        self.forget_reports();
    }

    /// Whether SACK reported what lies at SND.UNA.
    fn is_first_reported(&self) -> bool {
        self.sent.first().is_some_and(|first| first.fate == Fate::Sacked)
    }

    /// What SACK reported is lost, but it stays known that it was reported (FRTO-11).
    fn forget_reports(&mut self) {
        self.sent.note_sacked();
        self.sent.judge_all(|record| match record.fate {
            Fate::Sacked | Fate::Lost => Fate::Lost,
            Fate::InFlight => Fate::InFlight,
        });
        if let Detector::Rack { rack, .. } = &self.detector {
            let rack = *rack;
            self.sent.mark_overdue(|record| rack.is_older(record));
        }
    }

    pub(super) fn window_inputs(&self) -> WindowInputs {
        WindowInputs {
            in_recovery: !self.episode.is_open(),
            sacked_segments: self.sent.sacked_segments(),
            min_rtt: self.min_rtt.get(),
            srtt: self.rtt.srtt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use synack_wire::SeqRange;

    use super::super::{AckArrival, Handshaken, Sent};
    use super::*;

    const ISS: SeqNum = SeqNum::new(u32::MAX - 2_500);
    const MSS: u32 = 1_000;

    #[test]
    fn rack_13_the_reordering_timer_finds_what_it_waits_for_though_a_clock_was_put_back() {
        let segment = |index: u32| ISS + 1 + index * MSS;
        let mut recovery = LossRecovery::new(ISS);
        let rtt = Some(Duration::from_millis(100));
        let handshake = Handshaken { rtt, timed_out: false, sack: true };
        recovery.on_established(Instant::from_millis(9_900), handshake);
        for (index, sent_ms) in [(0, 10_000), (1, 10_000), (2, 1_000), (3, 1_000)] {
            let range = SeqRange::with_len(segment(index), MSS);
            recovery.on_sent(Instant::from_millis(sent_ms), range, MSS, Sent::Segment);
        }
        let nxt = segment(4);
        recovery.on_ack(AckArrival {
            now: Instant::from_millis(1_100),
            ack: segment(0),
            nxt,
            sack: Some(&[SeqRange::with_len(segment(3), MSS)]),
            is_duplicate: true,
            echoed_at: None,
            mss: MSS,
        });
        let mut fired = 0;
        while let Some(at) = recovery.reorder_deadline() {
            let lost = recovery.lost();
            recovery.on_reorder_timeout(at, nxt, MSS);
            assert!(recovery.lost() > lost, "nothing is found at {at:?}");
            fired += 1;
        }
        assert_eq!((recovery.lost(), fired), (3 * MSS, 1));
    }
}
