//! What was sent in larger segments than the path takes: it did not arrive, for a reason that is no
//! congestion (RFC 1191 §6.4).

use alloc::boxed::Box;
use alloc::vec::Vec;

use synack_wire::{SeqNum, SeqRange};

use super::episode::Episode;
use super::mark_reduction::MarkReduction;
use super::prr::Prr;
use super::record::{Fate, SentRecord};
use super::sent::SentQueue;
use super::{Detector, LossRecovery};
use crate::linked_slab::Key;

/// What the path takes from now on. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resized {
    /// SMSS.
    pub(crate) mss: u32,
    /// cwnd as the controller has it, which stays.
    pub(crate) cwnd: u32,
    /// SND.NXT.
    pub(crate) nxt: SeqNum,
}

impl LossRecovery {
    /// Lets everything in flight be sent again whose segments are larger than what fits now.
    /// Returns whether there was any.
    ///
    /// One segment goes first, the others follow as ACKs come, no faster than slow start would
    /// have it. Neither a recovery nor a controller takes it for a loss, and RTO stays.
    ///
    /// Source: RFC 1191 §6.4 (PMTU-8).
    pub(crate) fn withdraw_larger(&mut self, resized: Resized) -> bool {
        let Resized { mss, cwnd, nxt } = resized;
        let before = self.in_flight();
        if !self.sent.withdraw_larger(mss) {
            return false;
        }
        self.end_trial();
        if let Detector::Duplicates(duplicates) = &mut self.detector {
            // What they credited was the loss of what is withdrawn.
            duplicates.reset();
            self.recover = self.recover.max(nxt - 1);
        }
        let after = self.in_flight();
        if self.episode.is_open() && self.marked.is_none() {
            let reduction = Prr::new(cwnd, before);
            self.marked = Some(Box::new(MarkReduction { reduction, until: Some(nxt) }));
        }
        match &self.episode {
            Episode::Open | Episode::Fast(_) => {
                if let Some(reduction) = self.reduction() {
                    reduction.on_lost(before.max(reduction.cwnd()), after, mss);
                }
            }
            // cwnd is a segment, or grows from one.
            Episode::Timeout(_) => {}
        }
        true
    }

    /// Octets that the peer reported in segments as large as the first one, which it misses.
    pub(crate) fn sacked_as_large_as_first(&self) -> u32 {
        let first_len = self.first_segment_len();
        let is_such =
            |record: &&SentRecord| record.fate == Fate::Sacked && segment_len(record) >= first_len;
        let records = self.sent.keys().map(|key| self.sent.record(key));
        records.filter(is_such).map(|record| record.range.len()).sum()
    }

    /// The size of the first segment that is unacknowledged; nothing for an empty queue. Units:
    /// octets of text.
    pub(crate) fn first_segment_len(&self) -> u32 {
        self.sent.first().map_or(0, segment_len)
    }
}

impl SentQueue {
    /// Takes `range`, which is in flight, for lost without telling anyone: congestion was not it.
    pub(super) fn withdraw(&mut self, range: SeqRange) {
        let mut next = self.at(range.start);
        while let Some(key) = next {
            let part = self.record(key).range.intersection(range);
            if part.is_empty() {
                break;
            }
            let mut key = key;
            if self.record(key).fate == Fate::InFlight {
                key = self.isolate(key, part);
                self.withdraw_at(key);
            }
            next = self.record(key).above;
        }
    }

    /// Likewise, everything in flight whose segments are larger than `len_max`. Returns whether
    /// there was any.
    fn withdraw_larger(&mut self, len_max: u32) -> bool {
        let is_larger = |key: &Key| segment_len(self.record(*key)) > len_max;
        let in_flight = |key: &Key| self.record(*key).fate == Fate::InFlight;
        let larger: Vec<Key> = self.keys().filter(in_flight).filter(is_larger).collect();
        for key in &larger {
            self.withdraw_at(*key);
        }
        !larger.is_empty()
    }

    fn withdraw_at(&mut self, key: Key) {
        self.step_back_from(key);
        self.records.unlink(self.lists.of(Fate::InFlight), key);
        self.change(key, |record| record.judge(Fate::Lost));
        self.records.link_back(self.lists.of(Fate::Lost), key);
        self.note_lost(key);
    }
}

/// Octets in each segment of a record.
fn segment_len(record: &SentRecord) -> u32 {
    u32::from(record.segment_len).min(record.range.len())
}
