//! What was sent and is not acknowledged: one record for each range that left in one packet.

use alloc::collections::VecDeque;

use synack_wire::{SeqNum, SeqRange};

use crate::Instant;

/// One range that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SentRecord {
    /// The numbers it covers, a FIN included.
    pub(crate) range: SeqRange,
    /// When it was sent last.
    pub(crate) sent_at: Instant,
    /// Octets in each segment of it: it may have left as a super-segment.
    pub(crate) segment_len: u32,
    /// The peer reported it received, above the cumulative ACK.
    pub(crate) sacked: bool,
    /// Believed lost, and not sent again since.
    pub(crate) lost: bool,
    /// Sent again, or about to be, though nothing shows that it is lost: one copy is in the network
    /// beside the one that `lost` speaks of (RFC 6675 §4 SetPipe, SACK-14).
    pub(crate) doubled: bool,
    /// Sent more than once, so that its ACK times nothing (RFC 6298 §3, Karn).
    pub(crate) retransmitted: bool,
}

impl SentRecord {
    /// How much of it is in the network. Units: octets.
    fn in_flight(&self) -> u32 {
        if self.sacked {
            return 0;
        }
        self.range.len() * (u32::from(!self.lost) + u32::from(self.doubled))
    }
}

/// The records, in the order of their numbers; together they cover all that is unacknowledged of
/// text and FIN, without gap or overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentQueue {
    records: VecDeque<SentRecord>,
    sacked: u32,
    lost: u32,
    doubled: u32,
    /// No lost record lies below this number.
    lost_from: SeqNum,
}

/// What a cumulative ACK took out of the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Acknowledged {
    /// Octets that left the queue.
    pub(crate) bytes: u32,
    /// Those of them that were not reported by SACK before.
    pub(crate) newly_delivered: u32,
    /// When the earliest range was sent whose acknowledgment this is; `None` if a retransmission is
    /// among them, which would make the time ambiguous, or if SACK reported all before.
    pub(crate) sent_at: Option<Instant>,
}

impl SentQueue {
    /// Whether nothing is unacknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Octets in the network: sent, or sent again, and neither SACKed nor marked lost since
    /// (RFC 6675 §4 SetPipe; RACK-20).
    pub(crate) fn pipe(&self) -> u32 {
        let Some((first, last)) = self.records.front().zip(self.records.back()) else { return 0 };
        (last.range.end - first.range.start) - self.sacked - self.lost + self.doubled
    }

    /// Octets reported by SACK.
    pub(crate) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Octets believed lost and not sent again.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// The record at `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&SentRecord> {
        self.records.get(index)
    }

    /// The record of SND.UNA.
    pub(crate) fn first(&self) -> Option<&SentRecord> {
        self.records.front()
    }

    /// Appends a range that was sent for the first time. `in_network` is false for the octet of a
    /// window probe, which the peer is free to drop (ZWP-3).
    pub(crate) fn push(&mut self, now: Instant, range: SeqRange, segment_len: u32, kind: Sent) {
        debug_assert!(self.records.back().is_none_or(|last| last.range.end == range.start));
        let lost = kind == Sent::Probe;
        if self.records.is_empty() {
            self.lost_from = range.start;
        }
        self.records.push_back(SentRecord {
            range,
            sent_at: now,
            segment_len,
            sacked: false,
            lost,
            doubled: false,
            // A probe is sent over and over, so its ACK times nothing (RTO-8, ZWP-8).
            retransmitted: kind == Sent::Probe,
        });
        if lost {
            self.lost += range.len();
            self.lost_from = self.lost_from.min(range.start);
        }
    }

    /// Removes everything below `ack`.
    pub(crate) fn acknowledge(&mut self, ack: SeqNum) -> Acknowledged {
        let mut done = Acknowledged::default();
        let mut ambiguous = false;
        while let Some(record) = self.records.front_mut() {
            if record.range.start >= ack {
                break;
            }
            let end = record.range.end.min(ack);
            let bytes = end - record.range.start;
            done.bytes += bytes;
            if record.sacked {
                self.sacked -= bytes;
            } else {
                done.newly_delivered += bytes;
                ambiguous |= record.retransmitted;
                done.sent_at.get_or_insert(record.sent_at);
            }
            if record.lost {
                self.lost -= bytes;
            }
            if record.doubled {
                self.doubled -= bytes;
            }
            if record.range.end > ack {
                record.range.start = ack;
                break;
            }
            self.records.pop_front();
        }
        if ambiguous {
            done.sent_at = None;
        }
        self.lost_from = self.lost_from.max(ack);
        done
    }

    /// Marks what lies in `block` as received by the peer, and returns how many octets of it were
    /// not so marked before. Only whole segments are marked, so hostile blocks cannot cut the
    /// records into crumbs (robustness D2).
    pub(crate) fn mark_sacked(&mut self, block: SeqRange) -> u32 {
        let mut newly = 0;
        let mut index = self.index_of(block.start);
        while let Some(record) = self.records.get(index).copied() {
            if record.range.start >= block.end {
                break;
            }
            let whole = whole_segments(&record, block);
            if record.sacked || whole.is_empty() {
                index += 1;
                continue;
            }
            index = self.isolate(index, whole);
            let record = &mut self.records[index];
            record.sacked = true;
            newly += whole.len();
            self.sacked += whole.len();
            if core::mem::take(&mut record.lost) {
                self.lost -= whole.len();
            }
            if core::mem::take(&mut record.doubled) {
                self.doubled -= whole.len();
            }
            index += 1;
        }
        newly
    }

    /// Marks the record at `index` as lost, unless it was SACKed.
    pub(crate) fn mark_lost(&mut self, index: usize) {
        let Some(record) = self.records.get_mut(index) else { return };
        if record.sacked || record.lost {
            return;
        }
        record.lost = true;
        self.lost += record.range.len();
        self.lost_from = self.lost_from.min(record.range.start);
    }

    /// Marks the first segment as lost, unless it was sent again already, and returns the number
    /// after it.
    pub(crate) fn mark_first_segment_lost(&mut self) -> Option<SeqNum> {
        let first = self.records.front().copied()?;
        let segment = first_segment(&first);
        if !(first.retransmitted || first.sacked || first.lost) {
            self.isolate(0, segment);
            self.mark_lost(0);
        }
        Some(segment.end)
    }

    /// Lets the first segment of the record at `index` be sent again, though it may yet arrive.
    pub(crate) fn mark_suspect(&mut self, index: usize) {
        let Some(record) = self.records.get(index).copied() else { return };
        let index = self.isolate(index, first_segment(&record));
        self.mark_lost(index);
        let record = &mut self.records[index];
        record.doubled = true;
        self.doubled += record.range.len();
    }

    /// Records that what was sent again by [`mark_suspect`](Self::mark_suspect) is lost after all:
    /// the copy that was sent again is the only one left.
    pub(crate) fn confirm_suspect(&mut self, index: usize) {
        let Some(record) = self.records.get_mut(index) else { return };
        if core::mem::take(&mut record.doubled) {
            self.doubled -= record.range.len();
        }
    }

    /// Marks the last segment of the record at `index` as lost, unless it was SACKed.
    pub(crate) fn mark_last_segment_lost(&mut self, index: usize) {
        let Some(record) = self.records.get(index).copied() else { return };
        let segment = record.segment_len.clamp(1, record.range.len());
        let whole = (record.range.len() - 1) / segment * segment;
        let last = SeqRange::new(record.range.start + whole, record.range.end);
        let index = self.isolate(index, last);
        self.mark_lost(index);
    }

    /// Forgets every SACK mark and marks everything lost: the retransmission timer expired.
    ///
    /// Source: RFC 2018 §5.1 (SACK-9, DEC-5); RFC 5681 §3.1.
    pub(crate) fn mark_all_lost(&mut self) {
        let Some(first) = self.records.front() else { return };
        self.lost_from = first.range.start;
        self.sacked = 0;
        self.lost = 0;
        self.doubled = 0;
        for record in &mut self.records {
            record.sacked = false;
            record.doubled = false;
            record.lost = true;
            self.lost += record.range.len();
        }
    }

    /// The lowest lost numbers that lie together, at most `len_max` of them.
    pub(crate) fn next_lost(&mut self, len_max: u32) -> Option<SeqRange> {
        if self.lost == 0 {
            return None;
        }
        let mut index = self.index_of(self.lost_from);
        while !self.records.get(index)?.lost {
            index += 1;
        }
        let start = self.records.get(index)?.range.start;
        self.lost_from = start;
        let mut range = SeqRange::with_len(start, 0);
        while let Some(record) = self.records.get(index).filter(|record| record.lost) {
            range.end = record.range.end;
            if range.len() >= len_max {
                range.end = start + len_max;
                break;
            }
            index += 1;
        }
        Some(range)
    }

    /// The number up to which `range`, from its start on, was sent only once.
    pub(crate) fn sent_once_to(&self, range: SeqRange) -> SeqNum {
        let records = self.records.range(self.index_of(range.start)..);
        let once = records.take_while(|r| r.range.start < range.end && !r.retransmitted);
        once.last().map_or(range.start, |record| record.range.end.min(range.end))
    }

    /// Records that `range`, all of it lost, was sent again.
    pub(crate) fn on_retransmitted(&mut self, now: Instant, range: SeqRange, segment_len: u32) {
        let mut index = self.index_of(range.start);
        while let Some(record) = self.records.get(index).copied() {
            let part = record.range.intersection(range);
            if part.is_empty() {
                break;
            }
            index = self.isolate(index, part);
            let record = &mut self.records[index];
            if record.lost {
                record.lost = false;
                self.lost -= part.len();
            }
            record.retransmitted = true;
            record.sent_at = now;
            record.segment_len = segment_len;
            index += 1;
        }
        self.lost_from = self.lost_from.max(range.end);
    }

    /// Records that the octet at `seq` was sent again by a window probe.
    pub(crate) fn on_probed(&mut self, seq: SeqNum) {
        let index = self.index_of(seq);
        if self.records.get(index).is_some_and(|record| record.range.contains(seq)) {
            let index = self.isolate(index, SeqRange::with_len(seq, 1));
            self.records[index].retransmitted = true;
        }
    }

    /// Takes back that `sent` and what followed it left when they were polled: they left at `now`.
    pub(crate) fn on_stalled(&mut self, now: Instant, since: Instant) {
        for record in self.records.iter_mut().filter(|record| record.sent_at >= since) {
            record.sent_at = now;
        }
    }

    /// Drops every record.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives back the memory of an empty queue.
    pub(crate) fn shrink(&mut self) {
        if self.records.is_empty() {
            self.records = VecDeque::new();
        }
    }

    /// The index of the record that holds `seq`, of the first above it if none does.
    pub(crate) fn index_of(&self, seq: SeqNum) -> usize {
        self.records.partition_point(|record| record.range.end <= seq)
    }

    /// Splits the record at `index` so that `part` of it is a record of its own; returns its index.
    fn isolate(&mut self, index: usize, part: SeqRange) -> usize {
        let record = self.records[index];
        let mut index = index;
        if record.range.start < part.start {
            self.split(index, part.start);
            index += 1;
        }
        if part.end < record.range.end {
            self.split(index, part.end);
        }
        index
    }

    fn split(&mut self, index: usize, at: SeqNum) {
        let record = &mut self.records[index];
        let mut upper = *record;
        record.range.end = at;
        upper.range.start = at;
        self.records.insert(index + 1, upper);
    }

    /// Whether the counts are those of the records, and the records lie together.
    pub(crate) fn check(&self) {
        let mut pipe = 0;
        let (mut sacked, mut lost, mut doubled) = (0, 0, 0);
        let mut end = None;
        for record in &self.records {
            assert!(!record.range.is_empty() && end.is_none_or(|end| end == record.range.start));
            assert!(!(record.sacked && record.lost));
            assert!(!record.lost || record.range.start >= self.lost_from);
            end = Some(record.range.end);
            pipe += record.in_flight();
            sacked += if record.sacked { record.range.len() } else { 0 };
            lost += if record.lost { record.range.len() } else { 0 };
            doubled += if record.doubled { record.range.len() } else { 0 };
        }
        assert_eq!((pipe, sacked, lost), (self.pipe(), self.sacked, self.lost));
        assert_eq!(doubled, self.doubled);
    }
}

/// Why a range is in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// It was sent and should arrive.
    Segment,
    /// It probed a closed window: it is not in flight, and is sent again when the window opens.
    Probe,
}

/// The first segment of what `record` stands for.
fn first_segment(record: &SentRecord) -> SeqRange {
    let len = record.segment_len.clamp(1, record.range.len());
    SeqRange::with_len(record.range.start, len)
}

/// The part of `record` that `block` covers in whole segments.
fn whole_segments(record: &SentRecord, block: SeqRange) -> SeqRange {
    let segment = record.segment_len.max(1);
    let from = block.start.saturating_since(record.range.start).next_multiple_of(segment);
    let start = record.range.start + from.min(record.range.len());
    if block.end >= record.range.end {
        return SeqRange::new(start, record.range.end);
    }
    let to = block.end.saturating_since(record.range.start) / segment * segment;
    SeqRange::new(start, (record.range.start + to).max(start))
}

#[cfg(test)]
mod tests;
