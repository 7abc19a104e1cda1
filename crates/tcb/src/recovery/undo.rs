//! Whether a recovery was needless: what it took for lost was only late.
//!
//! Two things show it of a range that was sent again. A D-SACK says that the range arrived twice
//! (RFC 2883 §5, RFC 3708 §2). Or the ACK that covers it echoes a timestamp from before it was sent
//! again, so that it was the first copy that arrived (Eifel, RFC 3522 §3.2). When it is shown of
//! all that was sent again, nothing was lost; nor was it if all arrived before anything could be
//! sent again, as when one batch brings the signs of a loss and what refutes them.

use alloc::vec::Vec;

use synack_wire::{SeqNum, SeqRange};

use super::ack::AckArrival;
use crate::Instant;
use crate::congestion::CongestionSignal;

/// What was sent again in one episode, and is not yet known to have arrived before.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    /// What the episode began with.
    signal: CongestionSignal,
    /// When something was sent again first (RetransmitTS), unless an ACK showed since that what
    /// was sent again was needed.
    again_at: Option<Instant>,
    /// In the order of their numbers, apart from each other.
    pending: Vec<SeqRange>,
    proof: Proof,
    /// Once the episode is over: from this acknowledgment on no proof is awaited any more.
    until: Option<SeqNum>,
}

/// How it can still be proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// None is wanted: nothing was sent again so far.
    None,
    /// By D-SACK or by timestamps.
    Any,
    /// By timestamps alone: something was sent again twice, and a D-SACK does not say which of the
    /// three copies did not arrive.
    Timestamps,
    /// Not at all: too much was sent again to remember.
    Impossible,
}

impl Undo {
    /// An episode begins.
    pub(super) fn new(signal: CongestionSignal) -> Self {
        let (pending, proof) = (Vec::new(), Proof::None);
        Self { signal, again_at: None, pending, proof, until: None }
    }

    /// What the episode began with.
    pub(super) fn signal(&self) -> CongestionSignal {
        self.signal
    }

    /// `range` was sent again.
    pub(super) fn on_retransmitted(&mut self, now: Instant, range: SeqRange) {
        match self.proof {
            Proof::None => {
                self.again_at = Some(now);
                self.proof = Proof::Any;
            }
            Proof::Any | Proof::Timestamps => {}
            Proof::Impossible => return,
        }
        let first = self.pending.partition_point(|other| other.end < range.start);
        let behind = self.pending.partition_point(|other| other.start <= range.end);
        let touched = self.pending.get(first..behind).unwrap_or_default();
        if touched.iter().any(|other| other.overlaps(range)) {
            self.proof = Proof::Timestamps;
        }
        let start = touched.first().map_or(range.start, |other| other.start.min(range.start));
        let end = touched.last().map_or(range.end, |other| other.end.max(range.end));
        self.pending.splice(first..behind, [SeqRange::new(start, end)]);
        if self.pending.len() > RANGES_MAX {
            self.proof = Proof::Impossible;
            self.pending = Vec::new();
        }
    }

    /// Takes an ACK. `advanced` says whether it moved SND.UNA.
    ///
    /// Source: RFC 3522 §3.2; RFC 2883 §5 (DSACK-5).
    pub(super) fn on_ack(&mut self, arrival: &AckArrival<'_>, advanced: bool) {
        if let Some(block) = arrival.duplicate_report()
            && self.proof == Proof::Any
        {
            self.remove(block);
        }
        let covers = self.pending.first().is_some_and(|first| first.start < arrival.ack);
        let (Some(again_at), Some(echoed_at)) = (self.again_at, arrival.echoed_at) else { return };
        if !advanced || !covers {
            return;
        }
        // Both in ticks of the timestamp clock.
        if echoed_at.as_millis() < again_at.as_millis() {
            let below = SeqRange::new(arrival.ack - (1 << 30), arrival.ack);
            self.remove(below);
        } else {
            self.again_at = None;
        }
    }

    /// Whether everything that was taken for lost arrived before it was sent again; `lost` octets
    /// still wait for that.
    pub(super) fn is_proved(&self, lost: u32) -> bool {
        // Each loss was found by itself, and one that waits to be sent again may be one. After a
        // timeout they are all one guess.
        let is_last = self.signal == CongestionSignal::Timeout || lost == 0;
        match self.proof {
            Proof::Any | Proof::Timestamps => self.pending.is_empty() && is_last,
            Proof::None => lost == 0,
            Proof::Impossible => false,
        }
    }

    /// The episode is over; `nxt` is SND.NXT. The last D-SACK may come within a round trip.
    pub(super) fn on_recovered(&mut self, nxt: SeqNum) {
        self.until = Some(nxt);
    }

    /// Whether no proof is to be awaited any more.
    pub(super) fn is_over(&self, una: SeqNum) -> bool {
        self.proof == Proof::Impossible || self.until.is_some_and(|until| una > until)
    }

    /// `range` is known to have arrived before it was sent again.
    fn remove(&mut self, range: SeqRange) {
        let Some(index) = self.pending.iter().position(|other| other.overlaps(range)) else {
            return;
        };
        let mut index = index;
        while let Some(other) = self.pending.get(index).filter(|other| other.overlaps(range)) {
            let below = SeqRange::new(other.start, other.start.max(range.start.min(other.end)));
            let above = SeqRange::new(other.end.min(range.end.max(other.start)), other.end);
            let rest = [below, above].into_iter().filter(|part| !part.is_empty());
            let left = rest.clone().count();
            self.pending.splice(index..=index, rest);
            index += left;
        }
    }
}

/// Ranges apart from each other that are remembered. A peer that makes them many has many losses,
/// and proofs for all of them are not to be expected.
const RANGES_MAX: usize = 32;

#[cfg(test)]
mod tests;
