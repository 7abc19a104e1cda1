//! What an acknowledgment says: what was delivered, how long it took, what is lost.

use core::time::Duration;

use synack_wire::{SeqNum, SeqRange};

use super::deliveries::{Deliveries, Judge};
use super::duplicate_ack::DUPLICATES_FOR_LOSS;
use super::episode::{BegunWith, Episode};
use super::prr::{Progress, PrrAck};
use super::rack::Sign;
use super::tlp::Probing;
use super::{Detector, LossRecovery};
use crate::Instant;
use crate::congestion::{AckSample, CongestionSignal};

/// An acknowledgment, as far as loss recovery is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckArrival<'a> {
    pub(crate) now: Instant,
    /// SEG.ACK, in SND.UNA..=SND.NXT.
    pub(crate) ack: SeqNum,
    /// SND.NXT.
    pub(crate) nxt: SeqNum,
    /// The SACK blocks, if SACK is in use.
    pub(crate) sack: Option<&'a [SeqRange]>,
    /// Whether it would be a duplicate ACK by RFC 5681 §2 (CC-14) if anything were outstanding.
    pub(crate) is_duplicate: bool,
    /// When the segment was sent that its timestamp echo names, to a tick of the timestamp clock.
    pub(crate) echoed_at: Option<Instant>,
    /// SMSS.
    pub(crate) mss: u32,
}

/// What an acknowledgment did. The caller tells the congestion controller, in the order of the
/// fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckOutcome {
    /// Whether the retransmission timer starts anew (RTO-14, NR-5).
    pub(crate) restart_timer: bool,
    /// The episode that this had begun, and that may be over, was needless.
    pub(crate) spurious: Option<CongestionSignal>,
    /// The episode is over that this had begun.
    pub(crate) recovered: Option<CongestionSignal>,
    /// Fast recovery began; FlightSize when it did.
    pub(crate) lost: Option<u32>,
    /// What was newly acknowledged, if anything was.
    pub(crate) sample: Option<AckSample>,
}

/// How things stood before the acknowledgment. Units: octets.
#[derive(Clone, Copy, Debug)]
struct Before {
    una: SeqNum,
    in_flight: u32,
    /// SND.NXT - SND.UNA.
    outstanding: u32,
    sacked: u32,
    is_awaiting_ack: bool,
}

impl LossRecovery {
    /// Takes an acknowledgment: what it delivered, what it says is lost, what it timed.
    ///
    /// Source: RFC 5681 §3.2; RFC 6582 §3.2; RFC 6675 §5; RFC 8985 §6.2; RFC 6298 §5.
    pub(crate) fn on_ack(&mut self, arrival: AckArrival<'_>) -> AckOutcome {
        let una = self.sent.first().map_or(arrival.ack, |record| record.range.start);
        let outstanding = arrival.nxt.saturating_since(una);
        let (in_flight, sacked) = (self.in_flight(), self.sent.sacked());
        let is_awaiting_ack = self.is_awaiting_ack();
        let before = Before { una, in_flight, outstanding, sacked, is_awaiting_ack };
        let delivered = self.deliver(&arrival);
        if let Some(sent) = self.sent.inside() {
            sent.rate.on_delivered(arrival.now, delivered.newly, delivered.latest.as_ref());
        }
        let rtt = self.measure(&arrival, &delivered, &before);
        let advanced = delivered.acked > 0;
        self.on_mtu_probe_acked(arrival.ack);
        let restart_timer = advanced && self.restarts_timer(&arrival);
        let spurious = self.undo_needless(&arrival, &delivered);
        let was_fast = self.episode.is_fast();
        // After a timeout SND.UNA leaps over what was reported before it.
        let growth_max = match &self.episode {
            Episode::Timeout(_) => delivered.newly,
            Episode::Open | Episode::Fast(_) => u32::MAX,
        };
        let recovered = if advanced { self.leave_episode(&arrival) } else { None };
        let lost_before = self.sent.lost();
        let probe_len = self.mtu_probe_len();
        let lost = self.detect(&arrival, &delivered, &before, recovered);
        let unsaid = if self.is_mtu_probe_lost() { probe_len } else { 0 };
        let newly_lost = self.sent.lost().saturating_sub(lost_before).saturating_sub(unsaid);
        if was_fast {
            self.reduce(&arrival, &delivered, &before, newly_lost);
        } else if self.episode.is_open() {
            self.reduce_after_mark(&arrival, delivered.newly);
        }
        let min_rtt = self.min_rtt.get();
        let rate = &self.sent.rate;
        let rate = delivered.latest.map(|latest| rate.sample(arrival.now, &latest, min_rtt));
        let sample = (advanced || delivered.sacked > 0).then(|| AckSample {
            now: arrival.now,
            acked_bytes: delivered.acked,
            sacked_bytes: delivered.sacked,
            delivered_bytes: delivered.newly,
            growth_bytes: self.growth(&delivered).min(growth_max),
            lost_bytes: newly_lost,
            in_flight_before: before.in_flight,
            in_flight: self.in_flight(),
            rtt,
            srtt: self.rtt.srtt(),
            min_rtt,
            rate,
            delivered_total: self.delivered(),
            paced: false,
            cwnd_limited: before.una < self.cwnd_limited,
            // CC-19: the ACK that ends recovery deflates cwnd and adds nothing to it. One that
            // proves it needless is counted already (FRTO-8).
            in_recovery: was_fast || self.episode.is_fast() || spurious.is_some(),
            round_start: advanced && self.starts_round(&arrival),
        });
        self.keep_up_with(arrival.ack);
        AckOutcome { restart_timer, spurious, recovered, lost, sample }
    }

    /// Applies the acknowledgment, and the SACK blocks, to what was sent.
    fn deliver(&mut self, arrival: &AckArrival<'_>) -> Deliveries {
        let mut delivered = Deliveries::new(Judge {
            now: arrival.now,
            echoed_at: arrival.echoed_at,
            min_rtt: self.min_rtt.get(),
            fack: match &self.detector {
                Detector::Rack { rack, .. } => rack.fack(),
                Detector::Duplicates(_) => arrival.ack,
            },
        });
        let Some(sent) = self.sent.inside() else { return delivered };
        delivered.acked = sent.acknowledge(arrival.ack, |part| delivered.on_acked(part));
        if delivered.acked > 0 {
            self.forget_reneged();
        }
        let outstanding = SeqRange::new(arrival.ack, arrival.nxt);
        for block in arrival.sack.unwrap_or_default() {
            // SACK-11: below SND.UNA, beyond SND.NXT, inverted, or a D-SACK (DSACK-4).
            if block.is_empty() || !outstanding.contains_range(*block) {
                continue;
            }
            let newly = self.sent.mark_sacked(*block, |part| delivered.on_sacked(part));
            delivered.sacked += newly;
        }
        delivered
    }

    /// Takes at most one sample for the estimator: by the time of sending, of what is acknowledged
    /// or else of what is SACKed, or by the timestamp echo. Returns the one with the least delay of
    /// ACKs in it.
    ///
    /// Source: RFC 6298 §3 (RTO-8, RTO-9); RFC 7323 §4.1 (TS-9), §4.2 (TS-15).
    fn measure(
        &mut self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
        before: &Before,
    ) -> Option<Duration> {
        let now = arrival.now;
        let since = |sent_at: Instant| now.since(sent_at);
        let newest = delivered.newest_once.map(since);
        if let Some(newest) = newest {
            self.min_rtt.on_sample(now, newest);
        }
        // An echo is that of the segment that advanced RCV.NXT, so it times nothing else.
        let echoed = arrival.echoed_at.filter(|_| delivered.acked > 0);
        let ticks = |at: Instant| Duration::from_millis(now.as_millis() - at.as_millis());
        let echoed = echoed.map(|at| ticks(at).max(TICK));
        let timed = delivered.timed().map(since).or(echoed);
        let rtt = timed.or_else(|| delivered.timed_by_sack().map(since))?;
        let expected = before.outstanding.div_ceil(arrival.mss.saturating_mul(2).max(1));
        let is_delayed = self.delayed_at.is_some_and(|at| delivered.timed() >= Some(at));
        if is_delayed {
            self.delayed_at = None;
            self.rtt.on_sample_after_delay(rtt);
        } else {
            self.rtt.on_sample(rtt, expected);
        }
        self.backoff.on_sample();
        if let Detector::Rack { probe, .. } = &mut self.detector {
            probe.on_measured();
        }
        Some(newest.unwrap_or(rtt))
    }

    /// Finds what the acknowledgment shows to be lost. Returns FlightSize if fast recovery began.
    fn detect(
        &mut self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
        before: &Before,
        recovered: Option<CongestionSignal>,
    ) -> Option<u32> {
        let Detector::Rack { rack, probe } = &mut self.detector else {
            return self.detect_by_duplicates(arrival, delivered, before);
        };
        let sign = if arrival.duplicate_report().is_some() {
            Sign::Duplicate
        } else {
            recovered.map_or(Sign::None, |_| Sign::Recovered)
        };
        rack.on_delivered(arrival.now, delivered);
        rack.adapt(arrival.ack, arrival.nxt, sign);
        let probing = probe.on_ack(arrival);
        let begun_with = before.begun_with(delivered);
        let mut begins = self.detect_by_time(arrival.now, arrival.nxt, begun_with);
        if probing == Probing::Repaired && self.episode.is_open() {
            begins = true;
            self.begin_for_probe(arrival.nxt, begun_with);
        }
        begins.then_some(before.outstanding)
    }

    /// A loss probe repaired a loss: congestion it was all the same, which nothing refutes, and if
    /// anything is in flight the rate comes down as in any fast recovery.
    ///
    /// Source: RFC 8985 §7.4.2 (TLP-13); RFC 9937 §6 (PRR-11).
    fn begin_for_probe(&mut self, nxt: SeqNum, begun_with: BegunWith) {
        if !self.sent.is_empty() {
            self.begin_fast(nxt, begun_with);
            self.undo = None;
        }
    }

    /// Without SACK: counts duplicate ACKs, or takes a partial ACK for a sign of the next loss.
    ///
    /// Source: RFC 5681 §3.2 (CC-13, CC-15); RFC 6582 §3.2 (NR-2, NR-4).
    fn detect_by_duplicates(
        &mut self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
        before: &Before,
    ) -> Option<u32> {
        let Detector::Duplicates(duplicates) = &mut self.detector else { return None };
        let acked = delivered.acked;
        match &self.episode {
            Episode::Fast(_) if acked > 0 => {
                duplicates.on_partial_ack(acked, arrival.mss);
                self.sent.lose_first_segment();
            }
            // The answers to window probes are no sign of loss (ZWP-3, ZWP-8).
            Episode::Fast(_) | Episode::Open if arrival.is_duplicate && before.is_awaiting_ack => {
                duplicates.on_duplicate(arrival.mss, before.outstanding);
            }
            Episode::Open | Episode::Timeout(_) if acked > 0 => duplicates.reset(),
            // After a timeout duplicates say nothing of what was sent since (RFC 6582 §3.2 step 4).
            Episode::Fast(_) | Episode::Open | Episode::Timeout(_) => {}
        }
        let enough = duplicates.count() >= DUPLICATES_FOR_LOSS && !self.sent.is_empty();
        let is_sign = enough && self.episode.is_open();
        if !is_sign || self.takes_duplicates_for_probe(arrival.nxt) {
            return None;
        }
        // Duplicates of what was sent before the last episode prove nothing.
        if arrival.ack <= self.recover {
            return None;
        }
        let Detector::Duplicates(duplicates) = &mut self.detector else { return None };
        duplicates.on_recovery(before.outstanding);
        let flight_size = before.outstanding.saturating_sub(duplicates.limited_transmit());
        self.sent.lose_first_segment();
        self.begin_fast(arrival.nxt, before.begun_with(delivered));
        Some(flight_size)
    }

    /// Within fast recovery: how much may be in flight now.
    ///
    /// Source: RFC 9937 §6.2 (PRR-3, PRR-7).
    fn reduce(
        &mut self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
        before: &Before,
        newly_lost: u32,
    ) {
        let in_flight = self.in_flight();
        let Some(reduction) = self.episode.reduction() else { return };
        if delivered.newly == 0 && newly_lost > 0 {
            reduction.on_lost(before.in_flight, in_flight, arrival.mss);
            return;
        }
        let is_safe = delivered.acked > 0 && newly_lost == 0;
        reduction.on_ack(PrrAck {
            delivered: delivered.newly,
            in_flight,
            progress: if is_safe { Progress::Safe } else { Progress::Unsafe },
            mss: arrival.mss,
        });
    }

    /// What cwnd may grow by.
    fn growth(&self, delivered: &Deliveries) -> u32 {
        match &self.detector {
            Detector::Rack { rack, .. } if rack.is_reordering_seen() => delivered.newly,
            Detector::Rack { .. } | Detector::Duplicates(_) => delivered.acked,
        }
    }

    /// SND.UNA advanced: whether that ends a round trip, and the next begins.
    ///
    /// Source: RFC 9406 §4.2 (HS-1).
    fn starts_round(&mut self, arrival: &AckArrival<'_>) -> bool {
        let ends = arrival.ack >= self.round_end;
        if ends {
            self.round_end = arrival.nxt;
        }
        ends
    }

    /// Moves along what only looks back from SND.UNA, so that none of it is ever half the sequence
    /// space away and seems to lie ahead (TRAP-2).
    fn keep_up_with(&mut self, una: SeqNum) {
        self.recover = self.recover.max(una - 1);
        self.cwnd_limited = self.cwnd_limited.max(una);
        if let Detector::Rack { rack, .. } = &mut self.detector {
            rack.keep_up_with(una);
        }
        self.undo = self.undo.take().filter(|undo| !undo.is_over(una));
    }
}

impl Before {
    /// What a recovery begins with, if this acknowledgment begins one.
    fn begun_with(&self, delivered: &Deliveries) -> BegunWith {
        let recover_flight = self.outstanding.saturating_sub(self.sacked);
        BegunWith { recover_flight, delivered: delivered.newly }
    }
}

impl AckArrival<'_> {
    /// Its first SACK block if that is a D-SACK: below the ACK, or within the second block.
    ///
    /// Source: RFC 2883 §5 (DSACK-4).
    pub(super) fn duplicate_report(&self) -> Option<SeqRange> {
        let blocks = self.sack.unwrap_or_default();
        let first = *blocks.first().filter(|first| !first.is_empty())?;
        let is_within = |second: &SeqRange| second.contains_range(first);
        (first.end <= self.ack || blocks.get(1).is_some_and(is_within)).then_some(first)
    }
}

/// One tick of the timestamp clock (TS-13).
const TICK: Duration = Duration::from_millis(1);
