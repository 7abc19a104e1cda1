//! What is lost: the queue of what was sent, the round-trip time, and the recovery of losses.
//!
//! Three episodes are told apart: none; fast recovery, entered by duplicate ACKs or SACK and left
//! when everything sent before it is acknowledged; and recovery after a timeout, likewise.

mod duplicate_ack;
mod rto;
mod rtt;
mod selective;
mod sent;

use core::time::Duration;

use duplicate_ack::{DUPLICATES_FOR_LOSS, DuplicateAcks};
use rto::Backoff;
pub(crate) use rto::RtoBounds;
use rtt::RttEstimator;
use selective::SelectiveLoss;
pub(crate) use sent::Sent;
use sent::SentQueue;
use synack_wire::{SeqNum, SeqRange};

use crate::Instant;
use crate::congestion::{AckSample, CongestionSignal};

/// The episode that sending is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Episode {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery, until `point` (RecoveryPoint, `recover`) is acknowledged.
    /// `partial` says whether a partial ACK came already (NR-5).
    Fast { point: SeqNum, partial: bool },
    /// Recovery after a timeout, until `point` is acknowledged.
    Timeout { point: SeqNum },
}

/// Loss detection and recovery of one connection.
#[derive(Clone, Debug)]
pub(crate) struct LossRecovery {
    sent: SentQueue,
    rtt: RttEstimator,
    backoff: Backoff,
    episode: Episode,
    /// `recover`: no new fast recovery begins before more than this is acknowledged (NR-1,
    /// SACK-23).
    recover: SeqNum,
    duplicates: DuplicateAcks,
    selective: SelectiveLoss,
    /// The number after the highest that SACK reported.
    highest_sacked: SeqNum,
    /// Expiries of the timer since SND.UNA last advanced (CC-9).
    timeouts: u32,
    /// What was sent below this number left under a cwnd that limited it (CC-23).
    cwnd_limited: SeqNum,
    /// `windowEnd`: SND.NXT when the round trip under way began (RFC 9406 §4.2, HS-1).
    round_end: SeqNum,
    /// Octets delivered since the connection began, acknowledged one way or the other.
    delivered: u64,
}

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
    /// Whether it is a duplicate ACK by RFC 5681 §2 (CC-14), to be used without SACK.
    pub(crate) is_duplicate: bool,
    /// The round-trip time that its timestamp echo names (TS-9).
    pub(crate) echoed_rtt: Option<Duration>,
    /// SMSS.
    pub(crate) mss: u32,
}

/// What an acknowledgment did. The caller tells the congestion controller, in the order of the
/// fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckOutcome {
    /// Whether the retransmission timer starts anew (RTO-14, NR-5).
    pub(crate) restart_timer: bool,
    /// The episode is over that this had begun.
    pub(crate) recovered: Option<CongestionSignal>,
    /// Fast recovery began; FlightSize when it did.
    pub(crate) lost: Option<u32>,
    /// What was newly acknowledged, if anything was.
    pub(crate) sample: Option<AckSample>,
}

impl LossRecovery {
    /// Before anything is sent; `iss` is the initial send sequence number.
    pub(crate) fn new(iss: SeqNum) -> Self {
        Self {
            sent: SentQueue::default(),
            rtt: RttEstimator::default(),
            backoff: Backoff::default(),
            episode: Episode::Open,
            recover: iss,
            duplicates: DuplicateAcks::default(),
            selective: SelectiveLoss::default(),
            highest_sacked: iss,
            timeouts: 0,
            cwnd_limited: iss,
            round_end: iss,
            delivered: 0,
        }
    }

    /// Records that `range` was sent for the first time, in segments of `segment_len`.
    pub(crate) fn on_sent(&mut self, now: Instant, range: SeqRange, segment_len: u32, kind: Sent) {
        if self.episode == Episode::Open {
            self.duplicates.on_sent(range.len());
        }
        self.sent.push(now, range, segment_len, kind);
    }

    /// Records that `range`, which was lost, was sent again.
    pub(crate) fn on_retransmitted(&mut self, now: Instant, range: SeqRange, segment_len: u32) {
        self.sent.on_retransmitted(now, range, segment_len);
    }

    /// Records that the octet at `seq`, which is lost, probed a closed window: it is no more in
    /// flight than before, and its ACK times nothing (RTO-8, ZWP-3).
    pub(crate) fn on_probed(&mut self, seq: SeqNum) {
        self.sent.on_probed(seq);
    }

    /// Records that there was more to send and cwnd did not allow it (CC-23). `nxt` is SND.NXT.
    pub(crate) fn on_cwnd_limited(&mut self, nxt: SeqNum) {
        self.cwnd_limited = nxt;
    }

    /// Takes the round-trip time of the handshake (RTO-8), and what its timer did (RTO-16).
    pub(crate) fn on_established(&mut self, rtt: Option<Duration>, timed_out: bool) {
        if let Some(rtt) = rtt {
            self.rtt.on_sample(rtt, 1);
        }
        self.backoff.on_established(timed_out);
    }

    /// Takes an acknowledgment: what it delivered, what it says is lost, what it timed.
    ///
    /// Source: RFC 5681 §3.2; RFC 6582 §3.2; RFC 6675 §5; RFC 6298 §5.
    pub(crate) fn on_ack(&mut self, arrival: AckArrival<'_>) -> AckOutcome {
        let in_flight_before = self.in_flight();
        let una = self.sent.first().map_or(arrival.ack, |record| record.range.start);
        let flight_size = arrival.nxt.saturating_since(una);
        let done = self.sent.acknowledge(arrival.ack);
        let sacked_bytes = self.mark_sacked(&arrival);
        let rtt = self.sample(&arrival, done.sent_at, done.bytes, flight_size);

        let restart_timer = done.bytes > 0 && self.restarts_timer(&arrival);
        self.count_duplicates(&arrival, done.bytes, sacked_bytes, flight_size);
        let recovered = if done.bytes > 0 { self.leave_episode(&arrival) } else { None };
        let lost_before = self.sent.lost();
        let lost = match self.episode {
            Episode::Fast { .. } => {
                self.go_on(&arrival, done.bytes);
                None
            }
            Episode::Open => self.begin(&arrival, flight_size),
            Episode::Timeout { .. } => None,
        };
        let delivered_bytes = done.newly_delivered + sacked_bytes;
        self.delivered += u64::from(delivered_bytes);
        let sample = (done.bytes > 0 || sacked_bytes > 0).then(|| AckSample {
            now: arrival.now,
            acked_bytes: done.bytes,
            sacked_bytes,
            delivered_bytes,
            lost_bytes: self.sent.lost().saturating_sub(lost_before),
            in_flight_before,
            in_flight: self.in_flight(),
            rtt,
            srtt: self.rtt.srtt(),
            min_rtt: None,
            rate: None,
            delivered_total: self.delivered,
            cwnd_limited: una < self.cwnd_limited,
            // CC-19: the ACK that ends recovery deflates cwnd and adds nothing to it.
            in_recovery: recovered == Some(CongestionSignal::Loss)
                || matches!(self.episode, Episode::Fast { .. }),
            round_start: done.bytes > 0 && self.starts_round(&arrival),
            paced: false,
        });
        self.keep_up_with(arrival.ack);
        AckOutcome { restart_timer, recovered, lost, sample }
    }

    /// The retransmission timer expired: everything is sent again, from one segment on.
    ///
    /// Returns FlightSize if that is a signal of congestion: the first expiry for this segment
    /// (CC-8, CC-9).
    ///
    /// Source: RFC 6298 §5.4 to §5.6 (RTO-15); RFC 5681 §3.1; RFC 6582 §3.2 (NR-6); RFC 2018 §5.1
    /// (SACK-9).
    pub(crate) fn on_timeout(&mut self, nxt: SeqNum, cwnd: u32) -> Option<u32> {
        let una = self.sent.first().map_or(nxt, |record| record.range.start);
        let mut flight_size = nxt.saturating_since(una);
        if matches!(self.episode, Episode::Timeout { .. }) {
            // What waits to be sent again since the last timeout is no measure of the network.
            flight_size = flight_size.min(cwnd);
        }
        let is_first = self.timeouts == 0;
        self.timeouts = self.timeouts.saturating_add(1);
        self.backoff.on_timeout();
        self.duplicates.reset();
        self.selective.reset();
        self.sent.mark_all_lost();
        self.recover = nxt;
        self.episode = Episode::Timeout { point: nxt };
        is_first.then_some(flight_size)
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

    /// What was polled since `since` left only now.
    pub(crate) fn on_stalled(&mut self, now: Instant, since: Instant) {
        self.sent.on_stalled(now, since);
    }

    /// The lowest numbers that are to be sent again, at most `len_max` of them.
    pub(crate) fn next_lost(&mut self, len_max: u32) -> Option<SeqRange> {
        self.sent.next_lost(len_max)
    }

    /// The number up to which `range`, from its start on, was sent only once (WS-12).
    pub(crate) fn sent_once_to(&self, range: SeqRange) -> SeqNum {
        self.sent.sent_once_to(range)
    }

    /// In fast recovery with SACK, when neither lost ranges nor new text can be sent: marks one
    /// more range lost. Returns whether it did. Source: RFC 6675 §4 (SACK-17, SACK-18).
    pub(crate) fn mark_last_resort(&mut self) -> bool {
        let Episode::Fast { point, .. } = self.episode else { return false };
        self.selective.mark_last_resort(&mut self.sent, self.highest_sacked, point)
    }

    /// Whether a range is lost, or the last resorts of a recovery may find one that probably is.
    pub(crate) fn may_send_again(&self) -> bool {
        self.sent.lost() > 0 || matches!(self.episode, Episode::Fast { .. })
    }

    /// Forgets everything sent: the connection is over.
    pub(crate) fn clear(&mut self) {
        self.sent.clear();
    }

    /// Gives back memory that holds nothing.
    pub(crate) fn shrink(&mut self) {
        self.sent.shrink();
    }

    /// Octets believed to be in the network.
    ///
    /// Source: RFC 6675 §4 (SACK-14); RFC 5681 §3.2 (CC-17) without SACK.
    pub(crate) fn in_flight(&self) -> u32 {
        self.sent.pipe().saturating_sub(self.duplicates.credit())
    }

    /// Octets delivered since the connection began.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Octets that are to be sent again.
    pub(crate) fn lost(&self) -> u32 {
        self.sent.lost()
    }

    /// How many ranges what was sent is remembered in.
    pub(crate) fn records(&self) -> usize {
        self.sent.len()
    }

    /// Whether text or FIN is unacknowledged.
    pub(crate) fn has_unacked(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Whether an ACK is to be waited for: something unacknowledged is not waiting to be sent
    /// again, as the octet of a window probe does. What was SACKed counts, since the peer may
    /// renege.
    pub(crate) fn is_awaiting_ack(&self) -> bool {
        self.sent.pipe() > 0 || self.sent.sacked() > 0
    }

    /// Expiries of the retransmission timer since SND.UNA last advanced.
    pub(crate) fn timeouts(&self) -> u32 {
        self.timeouts
    }

    /// RTO, back-off included.
    pub(crate) fn rto(&self, bounds: RtoBounds) -> Duration {
        self.backoff.timeout(&self.rtt, bounds)
    }

    /// RTO without back-off: the unit of the persist timer.
    pub(crate) fn base_rto(&self, bounds: RtoBounds) -> Duration {
        self.rtt.timeout(bounds.min).min(bounds.max)
    }

    /// SRTT, if it was measured.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.rtt.srtt()
    }

    /// RTTVAR.
    pub(crate) fn rttvar(&self) -> Duration {
        self.rtt.rttvar()
    }

    /// Marks what the SACK blocks report; returns how many octets are newly so.
    fn mark_sacked(&mut self, arrival: &AckArrival<'_>) -> u32 {
        let outstanding = SeqRange::new(arrival.ack, arrival.nxt);
        let mut newly = 0u32;
        for block in arrival.sack.unwrap_or_default() {
            // SACK-11: below SND.UNA, beyond SND.NXT, inverted, or a D-SACK (DSACK-4).
            if block.is_empty() || !outstanding.contains_range(*block) {
                continue;
            }
            newly = newly.saturating_add(self.sent.mark_sacked(*block));
            self.highest_sacked = self.highest_sacked.max(block.end);
        }
        self.highest_sacked = self.highest_sacked.max(arrival.ack);
        newly
    }

    /// Takes at most one sample: by the record's own time, else by the timestamp echo.
    ///
    /// Source: RFC 6298 §3 (RTO-8); RFC 7323 §4.1 (TS-9); §4.2 (TS-15).
    fn sample(
        &mut self,
        arrival: &AckArrival<'_>,
        sent_at: Option<Instant>,
        acked: u32,
        flight_size: u32,
    ) -> Option<Duration> {
        if acked == 0 {
            return None;
        }
        let timed = sent_at.map(|sent_at| arrival.now.since(sent_at));
        let rtt = timed.or(arrival.echoed_rtt)?;
        let expected = flight_size.div_ceil(arrival.mss.saturating_mul(2).max(1));
        self.rtt.on_sample(rtt, expected);
        self.backoff.on_sample();
        Some(rtt)
    }

    /// Counts duplicate ACKs: with SACK those that report something new (SACK-19), without it those
    /// of RFC 5681 §2.
    fn count_duplicates(
        &mut self,
        arrival: &AckArrival<'_>,
        acked: u32,
        sacked: u32,
        flight_size: u32,
    ) {
        if acked > 0 {
            match self.episode {
                Episode::Fast { .. } if arrival.sack.is_none() => {
                    self.duplicates.on_partial_ack(acked, arrival.mss);
                }
                Episode::Open | Episode::Fast { .. } | Episode::Timeout { .. } => {
                    self.duplicates.reset();
                }
            }
            return;
        }
        match arrival.sack {
            // With SACK the scoreboard says what left the network, so there is no credit.
            Some(_) if sacked > 0 => self.duplicates.on_duplicate(0, flight_size),
            // After a timeout duplicates say nothing of what was sent since (RFC 6582 §3.2 step 4).
            None if arrival.is_duplicate && !matches!(self.episode, Episode::Timeout { .. }) => {
                self.duplicates.on_duplicate(arrival.mss, flight_size)
            }
            Some(_) | None => {}
        }
    }

    /// Whether an ACK of something new starts the retransmission timer anew: all but the partial
    /// ACKs after the first of a recovery without SACK, so that a long one ends in a timeout
    /// (NR-5).
    fn restarts_timer(&mut self, arrival: &AckArrival<'_>) -> bool {
        let Episode::Fast { point, partial } = &mut self.episode else { return true };
        if arrival.sack.is_some() || arrival.ack >= *point {
            return true;
        }
        !core::mem::replace(partial, true)
    }

    /// Moves along what only looks back from SND.UNA, so that none of it is ever half the sequence
    /// space away and seems to lie ahead (TRAP-2).
    fn keep_up_with(&mut self, una: SeqNum) {
        self.recover = self.recover.max(una - 1);
        self.cwnd_limited = self.cwnd_limited.max(una);
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

    /// SND.UNA advanced: ends an episode whose point is acknowledged, and returns what had begun
    /// it.
    fn leave_episode(&mut self, arrival: &AckArrival<'_>) -> Option<CongestionSignal> {
        self.timeouts = 0;
        match self.episode {
            Episode::Fast { point, .. } if arrival.ack >= point => {
                self.duplicates.reset();
                self.selective.reset();
                self.episode = Episode::Open;
                Some(CongestionSignal::Loss)
            }
            Episode::Timeout { point } if arrival.ack >= point => {
                self.episode = Episode::Open;
                Some(CongestionSignal::Timeout)
            }
            Episode::Open | Episode::Fast { .. } | Episode::Timeout { .. } => None,
        }
    }

    /// Begins fast recovery if this ACK shows a loss, and returns FlightSize if it did.
    ///
    /// Source: RFC 5681 §3.2 (CC-13, CC-15); RFC 6582 §3.2 step 2 (NR-2); RFC 6675 §5 (SACK-20).
    fn begin(&mut self, arrival: &AckArrival<'_>, flight_size: u32) -> Option<u32> {
        if self.sent.is_empty() {
            return None;
        }
        let lost_before = self.sent.lost();
        if arrival.sack.is_some() && self.sent.sacked() > 0 {
            self.selective.mark(&mut self.sent, self.highest_sacked, arrival.mss);
        }
        let marked = self.sent.lost() > lost_before;
        let enough = self.duplicates.count() >= DUPLICATES_FOR_LOSS;
        // Without SACK, duplicates of what was sent before the last episode prove nothing.
        let is_new = arrival.ack > self.recover || arrival.sack.is_some();
        if !(enough || marked) || !is_new {
            return None;
        }
        let first_end = self.sent.mark_first_segment_lost();
        self.selective.on_recovery(first_end);
        self.recover = arrival.nxt;
        self.episode = Episode::Fast { point: arrival.nxt, partial: false };
        self.duplicates.on_recovery(flight_size);
        // CC-15: what Limited Transmit sent is no part of FlightSize here.
        Some(flight_size.saturating_sub(self.duplicates.limited_transmit()))
    }

    /// Goes on with fast recovery: without SACK a partial ACK shows the next loss, with it the
    /// scoreboard does.
    ///
    /// Source: RFC 6582 §3.2 step 3 (NR-4); RFC 6675 §5 (SACK-21).
    fn go_on(&mut self, arrival: &AckArrival<'_>, acked: u32) {
        if arrival.sack.is_some() {
            self.selective.mark(&mut self.sent, self.highest_sacked, arrival.mss);
        } else if acked > 0 {
            let _ = self.sent.mark_first_segment_lost();
        }
    }

    /// Whether the counts are those of the records.
    pub(crate) fn check(&self) {
        self.sent.check();
    }
}
