//! What an ACK and its SACK blocks do to the records: the scoreboard (RFC 2018 §5, RFC 6675 §3).

use synack_wire::{SeqNum, SeqRange};

use super::record::{Fate, SentRecord};
use super::sent::SentQueue;

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
        let mut newly = 0;
        let mut index = self.index_of(block.start);
        while let Some(place) = self.order.get(index).copied().filter(|p| p.start < block.end) {
            let record = *self.record(place.key);
            if record.fate == Fate::Sacked {
                index = self.skip_sacked(index, &record);
                continue;
            }
            let whole = whole_segments(&record, block);
            if whole.is_empty() {
                index += 1;
                continue;
            }
            let (at, key) = self.isolate(index, whole);
            newly += whole.len();
            deliver(self.record(key));
            self.set_fate(key, Fate::Sacked);
            index = at + 1;
        }
        newly
    }

    /// The index behind the SACKed `record` at `index`, and behind those after it that are known
    /// to be SACKed too. Each skip makes the next one longer, so that blocks reported again and
    /// again are not walked through again and again.
    fn skip_sacked(&mut self, index: usize, record: &SentRecord) -> usize {
        let follows = self.order.get(index + 1).is_some_and(|p| p.start == record.sacked_to);
        let behind = if follows { index + 1 } else { self.index_of(record.sacked_to) };
        if let Some(next) = self.order.get(behind).map(|place| *self.record(place.key))
            && next.fate == Fate::Sacked
        {
            let key = self.order[index].key;
            self.record_mut(key).sacked_to = next.sacked_to;
        }
        behind
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
