//! What is lost: the queue of what was sent, the round-trip time, and the recovery of losses.
//!
//! Three episodes are told apart: none; fast recovery, entered by duplicate ACKs or by RACK and
//! left when everything sent before it is acknowledged; and recovery after a timeout, likewise.
//! With SACK losses are found by time (RFC 8985), without it by duplicate ACKs (RFC 6582).

mod ack;
mod deliveries;
mod delivery_rate;
mod duplicate_ack;
mod episode;
mod frto;
mod invariants;
mod mark_reduction;
mod min_rtt;
mod mtu_probe;
mod parts;
mod prr;
mod rack;
mod record;
mod rto;
mod rtt;
mod scoreboard;
mod sent;
mod sent_room;
mod spurious;
mod timeout;
mod tlp;
mod too_large;
mod undo;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

pub(crate) use ack::{AckArrival, AckOutcome};
use duplicate_ack::DuplicateAcks;
use episode::Episode;
use mark_reduction::MarkReduction;
pub(crate) use mark_reduction::Marked;
use min_rtt::MinRtt;
use mtu_probe::MtuProbe;
pub(crate) use mtu_probe::MtuVerdict;
use rack::Rack;
use record::Fate;
pub(crate) use record::Sent;
use rto::Backoff;
pub(crate) use rto::RtoBounds;
use rtt::RttEstimator;
use sent::SentQueue;
use sent_room::SentRoom;
pub(crate) use spurious::Trial;
use synack_wire::{SeqNum, SeqRange};
use tlp::TailProbe;
pub(crate) use too_large::Resized;
use undo::Undo;

use crate::Instant;
use crate::congestion::LostSample;

/// Loss detection and recovery of one connection.
#[derive(Clone, Debug)]
pub(crate) struct LossRecovery {
    sent: SentRoom,
    rtt: RttEstimator,
    min_rtt: MinRtt,
    backoff: Backoff,
    episode: Episode,
    /// `recover`: no new fast recovery begins before more than this is acknowledged (NR-1,
    /// SACK-23).
    recover: SeqNum,
    detector: Detector,
    /// How what is in flight comes down after a mark, while nothing is lost.
    marked: Option<Box<MarkReduction>>,
    /// A segment that tries whether the path takes larger ones.
    mtu_probe: MtuProbe,
    /// What may prove the last episode needless.
    undo: Option<Box<Undo>>,
    /// When a timeout proved needless, until something sent since is timed (FRTO-9).
    delayed_at: Option<Instant>,
    /// Expiries of the timer since SND.UNA last advanced (CC-9).
    timeouts: u32,
    /// What was sent below this number left under a cwnd that limited it (CC-23).
    cwnd_limited: SeqNum,
    /// `windowEnd`: SND.NXT when the round trip under way began (RFC 9406 §4.2, HS-1).
    round_end: SeqNum,
}

/// How losses are found.
#[derive(Clone, Copy, Debug)]
enum Detector {
    /// By duplicate ACKs: the peer knows no SACK (RFC 6582).
    Duplicates(DuplicateAcks),
    /// By time, and at the tail of a flight by a probe (RFC 8985, RACK-1, TLP-1).
    Rack { rack: Rack, probe: TailProbe },
}

/// What the handshake settled about recovery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshaken {
    /// How long it took, if that could be measured (RTO-8).
    pub(crate) rtt: Option<Duration>,
    /// Whether its timer ever expired (RTO-16).
    pub(crate) timed_out: bool,
    /// Whether both ends know SACK.
    pub(crate) sack: bool,
}

impl LossRecovery {
    /// Before anything is sent; `iss` is the initial send sequence number.
    pub(crate) fn new(iss: SeqNum) -> Self {
        Self {
            sent: SentRoom::default(),
            rtt: RttEstimator::default(),
            min_rtt: MinRtt::default(),
            backoff: Backoff::default(),
            episode: Episode::Open,
            recover: iss,
            detector: Detector::Duplicates(DuplicateAcks::default()),
            marked: None,
            mtu_probe: MtuProbe::None,
            undo: None,
            delayed_at: None,
            timeouts: 0,
            cwnd_limited: iss,
            round_end: iss,
        }
    }

    /// The handshake is over.
    pub(crate) fn on_established(&mut self, now: Instant, handshake: Handshaken) {
        let Handshaken { rtt, timed_out, sack } = handshake;
        if let Some(rtt) = rtt {
            self.rtt.on_sample(rtt, 1);
            self.min_rtt.on_sample(now, rtt);
        }
        self.backoff.on_established(timed_out);
        if sack {
            let mut probe = TailProbe::default();
            if rtt.is_some() {
                probe.on_measured();
            }
            self.detector = Detector::Rack { rack: Rack::new(self.recover, rtt), probe };
        }
    }

    /// Records that `range` was sent for the first time, in segments of `segment_len`.
    pub(crate) fn on_sent(&mut self, now: Instant, range: SeqRange, segment_len: u32, kind: Sent) {
        if let (Episode::Open, Detector::Duplicates(it)) = (&self.episode, &mut self.detector) {
            it.on_sent(range.len());
        }
        if let Some(reduction) = self.reduction() {
            reduction.on_sent(range.len());
        }
        if let Episode::Timeout(timeout) = &mut self.episode {
            timeout.frto.on_sent(range.len().div_ceil(segment_len.max(1)));
        }
        self.sent.push(now, range, segment_len, kind);
    }

    /// Records that `range`, which was lost, was sent again.
    pub(crate) fn on_retransmitted(&mut self, now: Instant, range: SeqRange, segment_len: u32) {
        if let Some(reduction) = self.reduction() {
            reduction.on_sent(range.len());
        }
        if let Episode::Timeout(timeout) = &mut self.episode {
            timeout.frto.on_retransmitted(range);
        }
        if let Some(undo) = self.undo.as_mut().filter(|_| !self.episode.is_open()) {
            undo.on_retransmitted(now, range);
        }
        self.sent.on_retransmitted(now, range, segment_len);
    }

    /// Records that the octet at `seq`, which is lost, probed a closed window: it is no more in
    /// flight than before, and its ACK times nothing (RTO-8, ZWP-3).
    pub(crate) fn on_window_probed(&mut self, seq: SeqNum) {
        self.sent.on_window_probed(seq);
    }

    /// Records that there was more to send and cwnd did not allow it (CC-23). `nxt` is SND.NXT.
    pub(crate) fn on_cwnd_limited(&mut self, nxt: SeqNum) {
        self.cwnd_limited = nxt;
    }

    /// What was polled since `since` left only now.
    pub(crate) fn on_stalled(&mut self, now: Instant, since: Instant) {
        if let Some(sent) = self.sent.inside() {
            sent.on_stalled(now, since);
        }
    }

    /// The lowest numbers that are to be sent again, at most `len_max` of them.
    pub(crate) fn next_lost(&mut self, len_max: u32) -> Option<SeqRange> {
        self.sent.inside()?.next_lost(len_max)
    }

    /// The number up to which `range`, from its start on, was sent only once (WS-12).
    pub(crate) fn sent_once_to(&self, range: SeqRange) -> SeqNum {
        self.sent.sent_once_to(range)
    }

    /// Forgets everything sent: the connection is over.
    pub(crate) fn clear(&mut self) {
        self.sent.clear();
    }

    /// Whether memory is held that nothing is in.
    pub(crate) fn has_spare(&self) -> bool {
        self.sent.is_open() && self.sent.is_empty() || self.has_spare_undo()
    }

    /// Gives back memory that holds nothing.
    pub(crate) fn shrink(&mut self) {
        self.sent.shrink();
        if self.has_spare_undo() {
            self.undo = None;
        }
    }

    /// Whether proof is awaited of an episode that is over, and nothing is under way that could
    /// bring it.
    fn has_spare_undo(&self) -> bool {
        self.undo.is_some() && self.sent.is_empty() && self.episode.is_open()
    }

    /// Octets believed to be in the network.
    ///
    /// Source: RFC 6675 §4 (SACK-14); RFC 8985 §9.2 (RACK-20); RFC 5681 §3.2 (CC-17) without SACK.
    pub(crate) fn in_flight(&self) -> u32 {
        match &self.detector {
            Detector::Rack { .. } => self.sent.pipe(),
            Detector::Duplicates(duplicates) => {
                self.sent.pipe().saturating_sub(duplicates.credit())
            }
        }
    }

    /// Octets sent and not acknowledged: FlightSize.
    pub(crate) fn outstanding(&self) -> u32 {
        self.sent.outstanding()
    }

    /// Octets delivered since the connection began.
    pub(crate) fn delivered(&self) -> u64 {
        self.sent.delivered()
    }

    /// What was taken for lost since this was asked last, in that order.
    pub(crate) fn take_newly_lost(&mut self) -> Vec<LostSample> {
        self.sent.inside().map(SentQueue::take_newly_lost).unwrap_or_default()
    }

    /// There was nothing to send, though cwnd would have let it go (BBR-17).
    pub(crate) fn on_app_limited(&mut self) {
        let in_flight = self.in_flight();
        self.sent.on_app_limited(in_flight);
    }

    /// Whether what is sent now tells how fast the application is, not the network (BBR-17).
    pub(crate) fn is_app_limited(&self) -> bool {
        self.sent.is_app_limited()
    }

    /// Before when the retransmission timer need not expire: one RTO after what is at SND.UNA was
    /// sent last, if it is in flight.
    ///
    /// Without SACK it may: recovery from many losses ends in a timeout (RFC 6582 §4, NR-5).
    ///
    /// Source: RFC 6298 §5 (RTO-11); RFC 6675 §6.
    pub(crate) fn earliest_timeout(&self, bounds: RtoBounds) -> Option<Instant> {
        match self.detector {
            Detector::Duplicates(_) => None,
            Detector::Rack { .. } => {
                let first = self.sent.first().filter(|first| first.fate == Fate::InFlight)?;
                Some(first.sent_at + self.rto(bounds))
            }
        }
    }

    /// Octets that are to be sent again.
    pub(crate) fn lost(&self) -> u32 {
        self.sent.lost()
    }

    /// Octets that SACK reported.
    pub(crate) fn sacked(&self) -> u32 {
        self.sent.sacked()
    }

    /// Octets that were sent again and are in flight.
    pub(crate) fn retransmitted(&self) -> u32 {
        self.sent.retransmitted()
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

    /// Whether losses are being repaired.
    pub(crate) fn is_recovering(&self) -> bool {
        !self.episode.is_open()
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

    /// The smallest round-trip time of late, if it was measured.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt.get()
    }

    /// RTTVAR.
    pub(crate) fn rttvar(&self) -> Duration {
        self.rtt.rttvar()
    }
}
