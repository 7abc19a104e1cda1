//! What an ACK and its SACK blocks do to the records: the scoreboard (RFC 2018 §5, RFC 6675 §3).

use synack_wire::{SeqNum, SeqRange};

use super::record::{Fate, SentRecord};
use super::sent::SentQueue;
use crate::linked_slab::Key;

impl SentQueue {
    /// Removes everything below `ack`, and returns how many octets that is. `deliver` is told of
    /// each part that SACK had not reported before, in the order of the numbers.
    pub(crate) fn acknowledge(&mut self, ack: SeqNum, mut deliver: impl FnMut(&SentRecord)) -> u32 {
        let mut bytes = 0;
        while let Some(first) = self.first().copied().filter(|first| first.range.start < ack) {
            let mut part = first;
            part.range.end = part.range.end.min(ack);
            bytes += part.range.len();
            if part.fate != Fate::Sacked {
                deliver(&part);
            }
            if first.range.end > ack {
                self.trim_front(ack);
            } else {
                self.pop_front();
            }
        }
        self.forget_lost_below(ack);
        self.reported.retain(|known| known.end > ack);
        bytes
    }

    /// Marks what lies in `block` as received by the peer, and returns how many octets of it were
    /// not so marked before; `deliver` is told of each part of them. Only whole segments are
    /// marked, so hostile blocks cannot cut the records into crumbs (robustness D2).
    pub(crate) fn mark_sacked(
        &mut self,
        block: SeqRange,
        mut deliver: impl FnMut(&SentRecord),
    ) -> u32 {
        if self.reported.iter().any(|known| known.contains_range(block)) {
            return 0;
        }
        let mut newly = 0;
        let mut next = self.at(block.start);
        while let Some(key) = next.filter(|key| self.record(*key).range.start < block.end) {
            let record = *self.record(key);
            if record.fate == Fate::Sacked {
                next = self.skip_sacked(key, &record);
                continue;
            }
            let whole = whole_segments(&record, block);
            if whole.is_empty() {
                next = record.above;
                continue;
            }
            let key = self.isolate(key, whole);
            newly += whole.len();
            deliver(self.record(key));
            self.set_fate(key, Fate::Sacked);
            next = self.record(key).above;
        }
        self.note_reported(block);
        newly
    }

    /// All of `block` that can be marked is; what lies in it need not be looked at again.
    fn note_reported(&mut self, block: SeqRange) {
        self.reported.retain(|known| !block.contains_range(*known));
        self.reported.truncate(self.reported.capacity() - 1);
        self.reported.insert(0, block);
    }

    /// What lies behind the SACKed `record` at `key`, and behind those after it that are known to
    /// be SACKed too. Each skip makes the next one longer, so that blocks reported again and again
    /// are not walked through again and again.
    fn skip_sacked(&mut self, key: Key, record: &SentRecord) -> Option<Key> {
        let is_alone = record.sacked_to == record.range.end;
        let behind = if is_alone { record.above } else { self.at(record.sacked_to) }?;
        let next = *self.record(behind);
        if next.fate == Fate::Sacked {
            self.record_mut(key).sacked_to = next.sacked_to;
        }
        Some(behind)
    }
}

/// The part of `record` that `block` covers in whole segments.
fn whole_segments(record: &SentRecord, block: SeqRange) -> SeqRange {
    let segment = u32::from(record.segment_len);
    let start = record.segment_from(block.start);
    if block.end >= record.range.end {
        return SeqRange::new(start, record.range.end);
    }
    let to = block.end.saturating_since(record.range.start) / segment * segment;
    SeqRange::new(start, (record.range.start + to).max(start))
}
