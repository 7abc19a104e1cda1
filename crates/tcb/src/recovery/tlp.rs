//! The tail loss probe: when the last of a flight is overdue, one segment asks for an ACK that
//! tells what was lost, long before the retransmission timer would expire (RFC 8985 §7).

use core::time::Duration;

use synack_wire::{SeqNum, SeqRange};

use super::ack::AckArrival;
use super::record::{Again, Fate};
use super::rtt::GRANULARITY;
use super::sent::SentQueue;
use super::{Detector, LossRecovery};
use crate::Instant;

/// What is remembered of the last probe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TailProbe {
    /// The one whose effect is not known yet.
    outstanding: Option<Probed>,
    /// Whether a round trip was measured since the last one left, or the connection began.
    is_timed: bool,
}

/// A probe on its way.
#[derive(Clone, Copy, Debug)]
enum Probed {
    /// It was new text, up to TLP.end_seq.
    New { end: SeqNum },
    /// It was this, which had been sent before; the end is TLP.end_seq (TLP.is_retrans).
    Again(SeqRange),
}

/// What an ACK says about a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Probing {
    /// Nothing, or that there was no loss.
    Harmless,
    /// It was the probe that arrived: what it repeated had been lost.
    Repaired,
}

impl TailProbe {
    /// A round trip was measured.
    pub(super) fn on_measured(&mut self) {
        self.is_timed = true;
    }

    /// Recovery begins: what the last probe brings about belongs to it (TLP-15).
    pub(super) fn reset(&mut self) {
        self.outstanding = None;
    }

    /// Whether a probe may be sent: none is on its way, and the round-trip time is known as it is
    /// since the last one.
    ///
    /// Source: RFC 8985 §7.3 (TLP-7).
    fn is_allowed(&self) -> bool {
        self.outstanding.is_none() && self.is_timed
    }

    fn on_sent(&mut self, probed: Probed) {
        *self = Self { outstanding: Some(probed), is_timed: false };
    }

    /// Takes an ACK.
    ///
    /// Source: RFC 8985 §7.4.2 (TLP-11 to TLP-13).
    pub(super) fn on_ack(&mut self, arrival: &AckArrival<'_>) -> Probing {
        let again = match self.outstanding {
            None => return Probing::Harmless,
            Some(Probed::New { end }) => {
                self.outstanding = self.outstanding.filter(|_| arrival.ack < end);
                return Probing::Harmless;
            }
            Some(Probed::Again(again)) => again,
        };
        if arrival.ack < again.end {
            return Probing::Harmless;
        }
        let is_repeat = arrival.is_duplicate && arrival.sack.is_some_and(<[_]>::is_empty);
        // All of it, but a FIN, which not everybody reports.
        let reported =
            |block: SeqRange| block.contains_range(SeqRange { end: again.end - 1, ..again });
        let is_reported = arrival.duplicate_report().is_some_and(reported);
        let is_repaired = !is_reported && arrival.ack > again.end;
        if is_reported || is_repaired || is_repeat {
            self.outstanding = None;
        }
        if is_repaired { Probing::Repaired } else { Probing::Harmless }
    }
}

impl LossRecovery {
    /// Whether a loss probe may be sent when the time for it has come: something is in flight and
    /// nothing is known to be late or lost, which other timers would see to.
    ///
    /// Source: RFC 8985 §7.2, §7.3 (TLP-1, TLP-2, TLP-7).
    pub(crate) fn may_probe(&self) -> bool {
        let Detector::Rack { probe, .. } = &self.detector else { return false };
        probe.is_allowed()
            && self.episode.is_open()
            && self.sent.pipe() > 0
            && self.sent.sacked() == 0
            && self.sent.lost() == 0
    }

    /// PTO: how long an ACK is waited for. `flight_size` is FlightSize.
    ///
    /// A flight of no more octets than a segment may have its ACK delayed, however many segments
    /// it is: only every second full-sized one must be acknowledged at once (SHLD-19).
    ///
    /// Source: RFC 8985 §7.2 (TLP-3 to TLP-5).
    pub(crate) fn probe_timeout(&self, flight_size: u32, mss: u32) -> Duration {
        let Some(srtt) = self.rtt.srtt() else { return UNMEASURED };
        let delay = if flight_size <= mss { ACK_DELAY_MAX } else { Duration::ZERO };
        srtt.saturating_mul(2).max(GRANULARITY).saturating_add(delay)
    }

    /// The range that a loss probe sends again if there is nothing new: the last segment, and as
    /// many small ones before it as fit one segment of `len_max` with it. So a FIN that left by
    /// itself takes the text along.
    ///
    /// Source: RFC 8985 §7.3 (TLP-9).
    pub(crate) fn tail(&self, len_max: u32) -> Option<SeqRange> {
        self.sent.tail(len_max)
    }

    /// New text up to `end`, recorded by [`on_sent`](Self::on_sent), was a loss probe.
    ///
    /// Source: RFC 8985 §7.3 (TLP-8, TLP-10).
    pub(crate) fn on_probed_with_new(&mut self, end: SeqNum) {
        self.on_probed(Probed::New { end });
    }

    /// A loss probe sent `range` again, which is what [`tail`](Self::tail) said.
    ///
    /// Source: RFC 8985 §7.3 (TLP-9, TLP-10, TLP-14, TLP-16).
    pub(crate) fn on_probed_again(&mut self, now: Instant, range: SeqRange) {
        self.sent.on_probed(now, range);
        self.on_probed(Probed::Again(range));
    }

    fn on_probed(&mut self, probed: Probed) {
        if let Detector::Rack { probe, .. } = &mut self.detector {
            probe.on_sent(probed);
        }
    }
}

impl SentQueue {
    /// What a loss probe sends again: the last segment, or the end of it, and as many small ones
    /// before it as fit `len_max` with it. `None` if the last is not in flight.
    pub(crate) fn tail(&self, len_max: u32) -> Option<SeqRange> {
        let lowest = self.end - self.outstanding().min(len_max);
        let mut start = None;
        for record in self.records_from(lowest) {
            start = match record.fate {
                Fate::InFlight => start.or_else(|| Some(record.segment_from(lowest))),
                Fate::Lost | Fate::Sacked => None,
            };
        }
        // One segment that is longer than one may be now goes from within.
        let start = start.map(|start| if start == self.end { lowest } else { start })?;
        Some(SeqRange::new(start, self.end))
    }

    /// Records that a loss probe sent the [`tail`](Self::tail) again.
    pub(crate) fn on_probed(&mut self, now: Instant, tail: SeqRange) {
        let nth = self.next_nth();
        let departure = self.rate.on_sent(now, self.pipe(), tail.len());
        let mut next = self.at(tail.start);
        while let Some(key) = next {
            let part = self.record(key).range.intersection(tail);
            let key = self.isolate(key, part);
            // To the back of those in flight: it is the newest of them now.
            self.set_fate(key, Fate::InFlight);
            self.change(key, |record| {
                record.again = Again::Probed;
                (record.sent_at, record.departure, record.nth) = (now, departure, nth);
            });
            next = self.record(key).above;
        }
    }
}

/// PTO before anything was measured (RFC 8985 §7.2, TLP-5).
const UNMEASURED: Duration = Duration::from_secs(1);
/// TLP.max_ack_delay: as long as the kernels in use delay an ACK (TLP-4).
const ACK_DELAY_MAX: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
