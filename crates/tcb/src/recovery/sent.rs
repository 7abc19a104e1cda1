//! The queue of what was sent and is not acknowledged: one record per range that left together, in
//! two orders.
//!
//! By number, where an ACK and what it reports look (`scoreboard.rs`); and by the time of sending,
//! which tells what is overdue (`rack.rs`). No ACK makes either be walked from end to end: a
//! look-up is a binary search, and every other step takes a record from one fate to the next
//! (RFC 8985 §6.2, RACK-19; robustness D2).

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use arrayvec::ArrayVec;
use synack_wire::{SeqNum, SeqRange};

use super::delivery_rate::DeliveryRate;
use super::record::{Again, Fate, Sent, SentRecord, Totals, segment_len_of};
use crate::Instant;
use crate::congestion::LostSample;
use crate::linked_slab::{Key, LinkedSlab, List};

/// The records; together they cover all that is unacknowledged of text and FIN, without gap or
/// overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentQueue {
    pub(super) records: LinkedSlab<SentRecord>,
    /// By number: where to look for one (`parts.rs`).
    pub(super) order: VecDeque<Place>,
    /// The record with the highest numbers.
    pub(super) last: Option<Key>,
    /// SND.NXT, if anything is unacknowledged.
    pub(super) end: SeqNum,
    pub(super) lists: Lists,
    /// The last record, in the order of sending, that was sent before the newest one delivered: it
    /// and what is before it on its list is overdue, sooner or later.
    pub(super) overdue: Option<Key>,
    /// At least the lost ones, lowest number first.
    lost_first: BinaryHeap<Reverse<Place>>,
    /// Ranges that SACK reported of which all that can be marked is, the newest first.
    pub(super) reported: ArrayVec<SeqRange, REPORTED_MAX>,
    pub(super) totals: Totals,
    pub(super) rate: DeliveryRate,
    /// What was taken for lost, until somebody asks.
    newly_lost: Vec<LostSample>,
    /// How many packets left so far. Wraps.
    pub(super) packets: u32,
}

/// What outlives a queue in which nothing is: all else is for what is in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    /// How many packets left so far: what leaves next is younger than what was delivered last.
    packets: u32,
    /// Whether the application sets the pace (BBR-17).
    pub(super) is_app_limited: bool,
    /// Delivered since the connection began. Units: octets.
    pub(super) delivered: u64,
}

/// Where a record begins, and where it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) start: SeqNum,
    pub(super) key: Key,
}

/// The records of each fate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lists {
    /// In the order of sending.
    in_flight: List,
    /// In the order of being taken for lost.
    lost: List,
    sacked: List,
}

impl SentQueue {
    /// An empty queue of a connection that never sent anything.
    pub(super) const NONE: &'static Self = &Self::new(0, DeliveryRate::NONE);

    /// An empty queue that goes on where another was given up.
    pub(super) const fn resume(rest: Rest) -> Self {
        Self::new(rest.packets, DeliveryRate::resume(rest.delivered, rest.is_app_limited))
    }

    const fn new(packets: u32, rate: DeliveryRate) -> Self {
        Self {
            records: LinkedSlab::new(),
            order: VecDeque::new(),
            last: None,
            end: SeqNum::new(0),
            lists: Lists::NONE,
            overdue: None,
            lost_first: BinaryHeap::new(),
            reported: ArrayVec::new_const(),
            totals: Totals::NONE,
            rate,
            newly_lost: Vec::new(),
            packets,
        }
    }

    /// What is to be kept of an empty queue.
    pub(super) fn rest(&self) -> Rest {
        let (delivered, is_app_limited) = (self.rate.delivered(), self.rate.is_app_limited());
        Rest { packets: self.packets, is_app_limited, delivered }
    }

    /// Whether nothing is unacknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Octets in the network: sent, or sent again, and neither SACKed nor taken for lost since
    /// (RFC 6675 §4 SetPipe, SACK-14; RACK-20; TLP-14).
    pub(crate) fn pipe(&self) -> u32 {
        let Totals { sacked, lost, probed, sacked_segments: _ } = self.totals;
        self.outstanding() - sacked - lost + probed
    }

    /// Octets that are unacknowledged.
    pub(crate) fn outstanding(&self) -> u32 {
        self.order.front().map_or(0, |first| self.end - first.start)
    }

    /// Octets reported by SACK.
    pub(crate) fn sacked(&self) -> u32 {
        self.totals.sacked
    }

    /// Segments reported by SACK (RACK.segs_sacked).
    pub(crate) fn sacked_segments(&self) -> u32 {
        self.totals.sacked_segments
    }

    /// Octets taken for lost and not sent again.
    pub(crate) fn lost(&self) -> u32 {
        self.totals.lost
    }

    /// Octets that were sent again and are in flight. Walks the queue.
    pub(crate) fn retransmitted(&self) -> u32 {
        let again =
            |record: &&SentRecord| record.fate == Fate::InFlight && record.again != Again::No;
        self.keys().map(|key| self.record(key)).filter(again).map(|it| it.range.len()).sum()
    }

    /// The record of SND.UNA.
    pub(crate) fn first(&self) -> Option<&SentRecord> {
        self.order.front().map(|place| self.record(place.key))
    }

    /// Appends a range that was sent for the first time, in segments of `segment_len`.
    pub(crate) fn push(&mut self, now: Instant, range: SeqRange, segment_len: u32, kind: Sent) {
        debug_assert!(self.is_empty() || self.end == range.start);
        let (fate, again) = match kind {
            Sent::Segment => (Fate::InFlight, Again::No),
            // Sent over and over, so its ACK times nothing (RTO-8, ZWP-8).
            Sent::Probe => (Fate::Lost, Again::Retransmitted),
        };
        let record = SentRecord {
            range,
            sent_at: now,
            departure: self.rate.on_sent(now, self.pipe(), range.len()),
            nth: self.next_nth(),
            sacked_to: range.end,
            segment_len: segment_len_of(segment_len),
            fate,
            was_sacked: false,
            again,
            above: None,
        };
        let key = self.records.push_back(self.lists.of(fate), record);
        self.end = range.end;
        self.append(range.start, key);
        self.totals.add(&record);
        self.note_lost(key);
    }

    /// Takes what was sent before everything else, as long as `is_lost`, for lost.
    ///
    /// Source: RFC 8985 §6.2 step 5, which suggests the order of sending.
    pub(crate) fn lose_oldest_while(&mut self, is_lost: impl Fn(&SentRecord) -> bool) {
        while let Some(key) = self.lists.in_flight.front() {
            if !is_lost(self.record(key)) {
                break;
            }
            self.set_fate(key, Fate::Lost);
        }
    }

    /// Takes the first segment for lost, unless it was sent again already.
    pub(crate) fn lose_first_segment(&mut self) {
        let Some(first) = self.first().copied() else { return };
        if first.again != Again::No || first.fate != Fate::InFlight {
            return;
        }
        let len = u32::from(first.segment_len).clamp(1, first.range.len());
        let Some(key) = self.at(first.range.start) else { return };
        let key = self.isolate(key, SeqRange::with_len(first.range.start, len));
        self.set_fate(key, Fate::Lost);
    }

    /// The retransmission timer expired: what SACK reported is believed no longer, but remembered
    /// (FRTO-11).
    pub(crate) fn note_sacked(&mut self) {
        let mut next = self.order.front().map(|place| place.key);
        while let Some(key) = next {
            let record = self.record_mut(key);
            record.was_sacked = record.fate == Fate::Sacked;
            next = record.above;
        }
    }

    /// Decides anew about every record.
    ///
    /// Unlike everything else here this takes the longer the more records there are; a timer that
    /// expired, or one that is found to have expired for nothing, is the reason for it.
    pub(crate) fn judge_all(&mut self, judge: impl Fn(&SentRecord) -> Fate) {
        let mut by_time: Vec<Key> = self.keys().collect();
        let packets = self.packets;
        by_time.sort_by_key(|key| {
            // The oldest first: the one that most packets followed.
            Reverse(packets.wrapping_sub(self.record(*key).nth))
        });
        self.lists = Lists::default();
        self.lost_first.clear();
        self.totals = Totals::default();
        self.overdue = None;
        self.reported.clear();
        for key in by_time {
            let mut record = *self.record(key);
            let before = record.fate;
            record.judge(judge(&record));
            self.note_newly_lost(&record, before);
            self.totals.add(&record);
            *self.record_mut(key) = record;
            self.records.link_back(self.lists.of(record.fate), key);
            self.note_lost(key);
        }
    }

    /// Moves the mark of [`overdue`](Self::overdue) as far as records are `older` than the newest
    /// that was delivered.
    pub(crate) fn mark_overdue(&mut self, older: impl Fn(&SentRecord) -> bool) {
        let front = self.lists.in_flight.front();
        let behind = |mark: Option<Key>| mark.map_or(front, |key| self.records.next(key));
        let mut mark = self.overdue;
        while let Some(next) = behind(mark).filter(|key| older(self.record(*key))) {
            mark = Some(next);
        }
        self.overdue = mark;
    }

    /// The one that was sent last of those in flight that were sent before the newest one
    /// delivered.
    pub(crate) fn overdue(&self) -> Option<&SentRecord> {
        self.overdue.map(|key| self.record(key))
    }

    /// What is in flight, in the order of sending.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &SentRecord> {
        let keys = core::iter::successors(self.lists.in_flight.front(), |k| self.records.next(*k));
        keys.map(|key| self.record(key))
    }

    /// The lowest lost numbers that lie together, at most `len_max` of them.
    pub(crate) fn next_lost(&mut self, len_max: u32) -> Option<SeqRange> {
        let start = self.lowest_lost()?;
        let mut range = SeqRange::with_len(start, 0);
        for record in self.records_from(start) {
            if record.fate != Fate::Lost {
                break;
            }
            range.end = record.range.end;
            if range.len() >= len_max {
                range.end = start + len_max;
                break;
            }
        }
        Some(range)
    }

    /// The number up to which `range`, from its start on, was sent only once.
    pub(crate) fn sent_once_to(&self, range: SeqRange) -> SeqNum {
        let records = self.records_from(range.start);
        let once = records.take_while(|r| r.range.start < range.end && r.again == Again::No);
        once.last().map_or(range.start, |record| record.range.end.min(range.end))
    }

    /// Records that `range`, all of it lost, was sent again.
    pub(crate) fn on_retransmitted(&mut self, now: Instant, range: SeqRange, segment_len: u32) {
        let nth = self.next_nth();
        let departure = self.rate.on_sent(now, self.pipe(), range.len());
        // It may be cut into other segments than those of which SACK reported a part.
        self.reported.retain(|known| !known.overlaps(range));
        let mut next = self.at(range.start);
        while let Some(key) = next {
            let part = self.record(key).range.intersection(range);
            if part.is_empty() {
                break;
            }
            let key = self.isolate(key, part);
            self.set_fate(key, Fate::InFlight);
            let record = self.record_mut(key);
            record.again = Again::Retransmitted;
            (record.sent_at, record.departure, record.nth) = (now, departure, nth);
            record.segment_len = segment_len_of(segment_len);
            next = record.above;
        }
    }

    /// Records that the octet at `seq` was sent again by a window probe.
    pub(crate) fn on_window_probed(&mut self, seq: SeqNum) {
        let Some(key) = self.at(seq) else { return };
        if self.record(key).range.contains(seq) {
            let key = self.isolate(key, SeqRange::with_len(seq, 1));
            self.record_mut(key).again = Again::Retransmitted;
        }
    }

    /// Takes back that what was sent since `since` left when it was polled: it left at `now`.
    pub(crate) fn on_stalled(&mut self, now: Instant, since: Instant) {
        let mut next = self.lists.in_flight.back();
        while let Some(key) = next.filter(|key| self.record(*key).sent_at >= since) {
            let record = self.record_mut(key);
            record.sent_at = now;
            record.departure.on_stalled(now, since);
            next = self.records.previous(key);
        }
        self.rate.on_stalled(now, since);
    }

    /// What was taken for lost since this was asked last, in that order.
    pub(crate) fn take_newly_lost(&mut self) -> Vec<LostSample> {
        core::mem::take(&mut self.newly_lost)
    }

    pub(super) fn record(&self, key: Key) -> &SentRecord {
        self.records.get(key).expect("each place and each entry of a list is that of a record")
    }

    pub(super) fn record_mut(&mut self, key: Key) -> &mut SentRecord {
        self.records.get_mut(key).expect("each place and each entry of a list is that of a record")
    }

    /// Takes the record at `key` to another fate, or to the back of those of the same.
    pub(super) fn set_fate(&mut self, key: Key, fate: Fate) {
        self.step_back_from(key);
        let before = self.record(key).fate;
        self.records.unlink(self.lists.of(before), key);
        self.change(key, |record| record.judge(fate));
        let record = *self.record(key);
        self.note_newly_lost(&record, before);
        self.records.link_back(self.lists.of(fate), key);
        self.note_lost(key);
    }

    pub(super) fn next_nth(&mut self) -> u32 {
        self.packets = self.packets.wrapping_add(1);
        self.packets
    }

    /// Changes a record, and the sums with it.
    pub(super) fn change(&mut self, key: Key, change: impl FnOnce(&mut SentRecord)) {
        let mut record = *self.record(key);
        self.totals.remove(&record);
        change(&mut record);
        self.totals.add(&record);
        *self.record_mut(key) = record;
    }

    /// The record at `key` leaves its list.
    pub(super) fn step_back_from(&mut self, key: Key) {
        if self.overdue == Some(key) {
            self.overdue = self.records.previous(key);
        }
    }

    /// Everything below `ack` left the queue.
    pub(super) fn forget_lost_below(&mut self, ack: SeqNum) {
        while self.lost_first.peek().is_some_and(|Reverse(place)| place.start < ack) {
            self.lost_first.pop();
        }
    }

    /// A record changed from the fate `before` to what it is now.
    fn note_newly_lost(&mut self, record: &SentRecord, before: Fate) {
        if (before, record.fate) == (Fate::InFlight, Fate::Lost) {
            self.newly_lost.push(self.rate.on_lost(record));
        }
    }

    /// Remembers the record at `key`, if it is lost, among those to be sent again.
    pub(super) fn note_lost(&mut self, key: Key) {
        let record = self.record(key);
        if record.fate == Fate::Lost {
            self.lost_first.push(Reverse(Place { start: record.range.start, key }));
        }
    }

    fn lowest_lost(&mut self) -> Option<SeqNum> {
        if self.totals.lost == 0 {
            // Whatever is left here is of records that are not lost any more.
            self.lost_first.clear();
            return None;
        }
        while let Some(Reverse(place)) = self.lost_first.peek() {
            let record = self.records.get(place.key);
            let is_lost = |r: &SentRecord| r.fate == Fate::Lost && r.range.start == place.start;
            if record.is_some_and(is_lost) {
                return Some(place.start);
            }
            self.lost_first.pop();
        }
        None
    }
}

impl Lists {
    const NONE: Self = Self { in_flight: List::EMPTY, lost: List::EMPTY, sacked: List::EMPTY };

    pub(super) fn of(&mut self, fate: Fate) -> &mut List {
        match fate {
            Fate::InFlight => &mut self.in_flight,
            Fate::Lost => &mut self.lost,
            Fate::Sacked => &mut self.sacked,
        }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By number. All places of a queue lie within half the sequence space (WS-8), so none is ahead of
/// another both ways.
impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_start = self.start.partial_cmp(&other.start).unwrap_or(Ordering::Equal);
        by_start.then(self.key.cmp(&other.key))
    }
}

/// As many as there are in a SACK option (RFC 2018 §3).
const REPORTED_MAX: usize = 4;

#[cfg(test)]
mod tests;
