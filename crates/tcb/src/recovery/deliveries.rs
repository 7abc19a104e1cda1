//! What one ACK delivers, summed up for those who judge by it.

use core::time::Duration;

use synack_wire::SeqNum;

use super::record::{Again, SentRecord};
use crate::Instant;

/// One sending of a range.
///
/// Where RFC 8985 §6.2 (RACK_sent_after) tells segments of the same time apart by their numbers,
/// packets are counted here: the one that left later is known, and may have a lower number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Transmission {
    /// Segment.xmit_ts.
    pub(super) sent_at: Instant,
    /// The how manieth packet it was.
    nth: u32,
    /// Segment.end_seq: tells apart what left in one packet.
    end: SeqNum,
}

/// Sums over the ranges that an ACK is the first to report, one way or the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deliveries {
    judge: Judge,
    /// How far SND.UNA advanced. Units: octets.
    pub(super) acked: u32,
    /// Newly SACKed. Units: octets.
    pub(super) sacked: u32,
    /// Newly delivered, either way. Units: octets.
    pub(super) newly: u32,
    /// The one that was sent last, as far as is known.
    pub(super) latest: Option<SentRecord>,
    /// The newest of them whose sending is known for certain enough (RACK-5, RACK-6).
    pub(super) newest: Option<Transmission>,
    /// The number after the highest of them.
    pub(super) highest: Option<SeqNum>,
    /// One of them was sent once, and something above it had been delivered before (RACK-7).
    pub(super) is_reordered: bool,
    /// One of them was sent once, and not reported by SACK before a timeout (FRTO-6, FRTO-11).
    pub(super) has_original: bool,
    /// When the newest of those was sent that were sent once.
    pub(super) newest_once: Option<Instant>,
    /// What a cumulative, and a selective, acknowledgment times.
    timed: Timed,
    timed_by_sack: Option<Instant>,
}

/// What a range is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    /// When the ACK arrived.
    pub(super) now: Instant,
    /// When the segment was sent that its timestamp echo names, to a tick of the timestamp clock.
    pub(super) echoed_at: Option<Instant>,
    /// RACK.min_RTT.
    pub(super) min_rtt: Option<Duration>,
    /// RACK.fack before this ACK.
    pub(super) fack: SeqNum,
}

/// When the earliest range was sent that is newly acknowledged.
#[derive(Clone, Copy, Debug)]
enum Timed {
    Nothing,
    SentAt(Instant),
    /// One of them was sent again, so it is not known which sending the ACK is for (RTO-8).
    Ambiguous,
}

impl Deliveries {
    pub(super) fn new(judge: Judge) -> Self {
        Self {
            judge,
            acked: 0,
            sacked: 0,
            newly: 0,
            latest: None,
            newest: None,
            highest: None,
            is_reordered: false,
            has_original: false,
            newest_once: None,
            timed: Timed::Nothing,
            timed_by_sack: None,
        }
    }

    /// A part is newly acknowledged cumulatively.
    pub(super) fn on_acked(&mut self, part: &SentRecord) {
        self.timed = match (self.timed, part.again) {
            (Timed::Nothing, Again::No) => Timed::SentAt(part.sent_at),
            (Timed::SentAt(sent_at), Again::No) => Timed::SentAt(sent_at),
            (Timed::Ambiguous, _) | (_, Again::Retransmitted | Again::Probed) => Timed::Ambiguous,
        };
        self.on_delivered(part);
    }

    /// A part is newly acknowledged selectively.
    pub(super) fn on_sacked(&mut self, part: &SentRecord) {
        if part.again == Again::No {
            let earliest = self.timed_by_sack.unwrap_or(part.sent_at);
            self.timed_by_sack = Some(earliest.min(part.sent_at));
        }
        self.on_delivered(part);
    }

    /// When that was sent whose round trip this ACK completes: the earliest that it acknowledges
    /// cumulatively, so that the delay of the ACK counts (RFC 6298 §3).
    pub(super) fn timed(&self) -> Option<Instant> {
        match self.timed {
            Timed::SentAt(sent_at) => Some(sent_at),
            Timed::Nothing | Timed::Ambiguous => None,
        }
    }

    /// Likewise, of what it reports by SACK.
    pub(super) fn timed_by_sack(&self) -> Option<Instant> {
        self.timed_by_sack
    }

    fn on_delivered(&mut self, part: &SentRecord) {
        let end = part.range.end;
        self.newly += part.range.len();
        self.highest = Some(self.highest.map_or(end, |highest| highest.max(end)));
        if part.again == Again::No {
            // What SACK had reported before a timeout is old news.
            let is_original = !part.was_sacked;
            self.is_reordered |= is_original && end < self.judge.fack;
            self.has_original |= is_original;
            let newest = self.newest_once.unwrap_or(part.sent_at);
            self.newest_once = Some(newest.max(part.sent_at));
        }
        let sending = Transmission::of(part);
        if self.latest.is_none_or(|latest| sending.is_after(Transmission::of(&latest))) {
            self.latest = Some(*part);
        }
        if self.judge.is_certain(part) && self.newest.is_none_or(|newest| sending.is_after(newest))
        {
            self.newest = Some(sending);
        }
    }
}

impl Transmission {
    /// The last sending of `record`.
    pub(super) fn of(record: &SentRecord) -> Self {
        Self { sent_at: record.sent_at, nth: record.nth, end: record.range.end }
    }

    /// Whether it was later than `other`.
    ///
    /// Source: RFC 8985 §6.2, RACK_sent_after (RACK-6).
    pub(super) fn is_after(self, other: Self) -> bool {
        let packets = self.nth.wrapping_sub(other.nth).cast_signed();
        packets > 0 || (packets == 0 && self.end > other.end)
    }
}

impl Judge {
    /// Whether it is the last sending of `part` that was delivered, as far as can be told.
    ///
    /// Source: RFC 8985 §6.2 step 2 (RACK-5).
    fn is_certain(&self, part: &SentRecord) -> bool {
        if part.again == Again::No {
            return true;
        }
        // Both in ticks of the timestamp clock, of which `echoed_at` is a whole number.
        let names_another =
            self.echoed_at.is_some_and(|at| at.as_millis() < part.sent_at.as_millis());
        let is_too_soon =
            self.min_rtt.is_some_and(|min_rtt| self.now.since(part.sent_at) < min_rtt);
        !names_another && !is_too_soon
    }
}
