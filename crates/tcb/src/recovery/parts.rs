//! Which record holds a number. Records are linked in the order of their numbers; a search begins
//! at the packet that a number left in.
//!
//! ```text
//!  order     | packet       | packet       | packet       |    one place each, as they left
//!  records   [part]-[part]--[part]---------[part]-[part]--     what became of them
//! ```
//!
//! So a cut, of which a hostile peer can make many, moves no places about: those of a packet are
//! linked, and no more than its segments.

use synack_wire::{SeqNum, SeqRange};

use super::record::SentRecord;
use super::sent::{Place, SentQueue};
use crate::linked_slab::Key;

impl SentQueue {
    /// The record at `key`, which begins at `start`, follows the last.
    pub(super) fn append(&mut self, start: SeqNum, key: Key) {
        if let Some(last) = self.last.replace(key) {
            self.record_mut(last).above = Some(key);
        }
        self.order.push_back(Place { start, key });
    }

    /// The record that holds `seq`; the first if `seq` is below it, none if it is above the last.
    pub(super) fn at(&mut self, seq: SeqNum) -> Option<Key> {
        let Found { key, index, steps } = self.find(seq)?;
        if steps > PARTS_MAX {
            // Cut up more than segments are: a place more, so that no search takes longer.
            self.order.insert(index + 1, Place { start: self.record(key).range.start, key });
        }
        Some(key)
    }

    /// The records from the one that holds `seq`.
    pub(super) fn records_from(&self, seq: SeqNum) -> impl Iterator<Item = &SentRecord> {
        let first = self.find(seq).map(|found| self.record(found.key));
        core::iter::successors(first, |record| record.above.map(|key| self.record(key)))
    }

    /// All records.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let first = self.order.front().map(|place| place.key);
        core::iter::successors(first, |key| self.record(*key).above)
    }

    fn find(&self, seq: SeqNum) -> Option<Found> {
        if self.end <= seq {
            return None;
        }
        let index = self.order.partition_point(|place| place.start <= seq).saturating_sub(1);
        let mut key = self.order.get(index)?.key;
        let mut steps = 0;
        while self.record(key).range.end <= seq {
            key = self.record(key).above?;
            steps += 1;
        }
        Some(Found { key, index, steps })
    }

    /// Splits the record at `key` so that `part` of it is a record of its own; returns that.
    pub(super) fn isolate(&mut self, key: Key, part: SeqRange) -> Key {
        let mut key = key;
        let range = self.record(key).range;
        if range.start < part.start {
            key = self.split(key, part.start);
        }
        if part.end < range.end {
            self.split(key, part.end);
        }
        key
    }

    /// Takes the first record out.
    pub(super) fn pop_front(&mut self) {
        let Some(place) = self.order.pop_front() else { return };
        let record = *self.record(place.key);
        self.totals.remove(&record);
        self.step_back_from(place.key);
        self.records.remove(self.lists.of(record.fate), place.key);
        match record.above {
            Some(key) if self.order.front().is_none_or(|next| next.key != key) => {
                // The rest of its packet.
                self.order.push_front(Place { start: record.range.end, key });
            }
            Some(_) => {}
            None => self.last = None,
        }
    }

    /// Cuts what lies below `ack` off the first record, which holds `ack`.
    pub(super) fn trim_front(&mut self, ack: SeqNum) {
        let Some(place) = self.order.front_mut() else { return };
        let key = place.key;
        place.start = ack;
        self.change(key, |record| record.range.start = ack);
        self.note_lost(key);
    }

    /// Splits the record at `key`; returns the upper part.
    fn split(&mut self, key: Key, at: SeqNum) -> Key {
        let mut upper = *self.record(key);
        upper.range.start = at;
        self.totals.add(&upper);
        let new = self.records.insert_after(self.lists.of(upper.fate), key, upper);
        self.change(key, |lower| {
            lower.range.end = at;
            lower.above = Some(new);
        });
        if self.last == Some(key) {
            self.last = Some(new);
        }
        if self.overdue == Some(key) {
            self.overdue = Some(new);
        }
        self.note_lost(new);
        new
    }
}

/// What a search found.
struct Found {
    key: Key,
    /// The place it began at.
    index: usize,
    /// How many records it went through from there.
    steps: u32,
}

/// As many segments as a super-segment has.
const PARTS_MAX: u32 = 64;
