//! Records of four-tuples that are kept for a while: bounded, found by hash, oldest first to go.

use hashbrown::HashTable;

use crate::keyed_hash::KeyedHash;
use crate::linked_slab::{Key, LinkedSlab, List};
use crate::{FourTuple, Instant};

/// Records that all last the same time, counted from when they came in or were renewed.
#[derive(Clone, Debug)]
pub(super) struct ExpiryTable<T> {
    records: LinkedSlab<Record<T>>,
    order: List,
    index: HashTable<Key>,
    hash: KeyedHash,
    max: usize,
}

#[derive(Clone, Debug)]
struct Record<T> {
    path: FourTuple,
    expires: Instant,
    value: T,
}

/// Whether a record had to give way to a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(super) enum Inserted {
    /// There was room.
    WithinBound,
    /// The oldest was dropped.
    OldestDropped,
}

impl<T> ExpiryTable<T> {
    /// An empty table of at most `max` records.
    pub(super) fn new(hash: KeyedHash, max: usize) -> Self {
        let max = max.min(RECORDS_MAX);
        let (records, order, index) = (LinkedSlab::default(), List::default(), HashTable::new());
        Self { records, order, index, hash, max }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// When the next record expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.records.get(self.order.front()?).map(|record| record.expires)
    }

    /// The record of `path`.
    pub(super) fn get(&self, path: &FourTuple) -> Option<&T> {
        let key = self.find(path)?;
        self.records.get(key).map(|record| &record.value)
    }

    /// The record of `path`.
    pub(super) fn get_mut(&mut self, path: &FourTuple) -> Option<&mut T> {
        let key = self.find(path)?;
        self.records.get_mut(key).map(|record| &mut record.value)
    }

    /// Keeps a record of `path` until `expires`, in the place of one that may be there. At the
    /// bound the oldest gives way.
    pub(super) fn insert(&mut self, path: FourTuple, expires: Instant, value: T) -> Inserted {
        self.remove(&path);
        if self.max == 0 {
            return Inserted::OldestDropped;
        }
        let full = self.len() >= self.max;
        if full {
            self.remove_oldest();
        }
        let expires = expires.max(self.last_expiry().unwrap_or(expires));
        let record = Record { path, expires, value };
        let key = self.records.push_back(&mut self.order, record);
        let Self { records, index, hash, .. } = self;
        let rehash = |key: &Key| records.get(*key).map_or(0, |record| hash_of(hash, &record.path));
        index.insert_unique(hash_of(hash, &path), key, rehash);
        if full { Inserted::OldestDropped } else { Inserted::WithinBound }
    }

    /// Lets the record of `path` last until `expires`.
    pub(super) fn renew(&mut self, path: &FourTuple, expires: Instant) {
        let Some(key) = self.find(path) else { return };
        let expires = expires.max(self.last_expiry().unwrap_or(expires));
        self.records.unlink(&mut self.order, key);
        self.records.link_back(&mut self.order, key);
        if let Some(record) = self.records.get_mut(key) {
            record.expires = expires;
        }
    }

    /// Drops the record of `path`.
    pub(super) fn remove(&mut self, path: &FourTuple) -> Option<T> {
        let Self { records, index, hash, .. } = self;
        let is_it = |key: &Key| records.get(*key).is_some_and(|record| record.path == *path);
        let Ok(entry) = index.find_entry(hash_of(hash, path), is_it) else { return None };
        let (key, _) = entry.remove();
        self.records.remove(&mut self.order, key).map(|record| record.value)
    }

    /// Drops records whose time is over: so many at once that the next packet need not wait long
    /// for it. [`next_expiry`](Self::next_expiry) says whether there are more.
    pub(super) fn expire(&mut self, now: Instant) {
        for _ in 0..EXPIRED_AT_ONCE {
            if self.next_expiry().is_none_or(|expires| expires > now) {
                return;
            }
            self.remove_oldest();
        }
    }

    /// Drops the record of `path` if its time is over.
    pub(super) fn expire_one(&mut self, now: Instant, path: &FourTuple) {
        let record = self.find(path).and_then(|key| self.records.get(key));
        if record.is_some_and(|record| record.expires <= now) {
            self.remove(path);
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self.order.front().and_then(|key| self.records.get(key));
        if let Some(path) = oldest.map(|record| record.path) {
            self.remove(&path);
        }
    }

    /// When the record at the back expires. None that comes later may expire sooner, whatever clock
    /// the caller read: the order is that of the times.
    fn last_expiry(&self) -> Option<Instant> {
        self.records.get(self.order.back()?).map(|record| record.expires)
    }

    fn find(&self, path: &FourTuple) -> Option<Key> {
        let Self { records, index, hash, .. } = self;
        let is_it = |key: &Key| records.get(*key).is_some_and(|record| record.path == *path);
        index.find(hash_of(hash, path), is_it).copied()
    }
}

fn hash_of(hash: &KeyedHash, path: &FourTuple) -> u64 {
    hash.for_table(&path.key_octets())
}

/// A record takes about 100 ns to drop.
const EXPIRED_AT_ONCE: usize = 1_024;

const RECORDS_MAX: usize = Key::MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed_hash::Purpose;

    fn table(max: usize) -> ExpiryTable<u16> {
        ExpiryTable::new(KeyedHash::derive(&[3; 32], Purpose::Demux), max)
    }

    fn path(port: u16) -> FourTuple {
        FourTuple::new("10.0.0.1:80".parse().unwrap(), ([10, 0, 0, 2], port).into())
    }

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn records_expire_in_order_and_a_renewed_one_lasts() {
        let mut table = table(10);
        for port in 1..=3 {
            assert_eq!(table.insert(path(port), at(u64::from(port)), port), Inserted::WithinBound);
        }
        table.renew(&path(1), at(9));
        table.expire(at(3));
        assert_eq!((table.len(), table.get(&path(1))), (1, Some(&1)));
        assert_eq!(table.next_expiry(), Some(at(9)));
        table.expire(at(9));
        assert_eq!((table.len(), table.next_expiry()), (0, None));
    }

    #[test]
    fn a_path_has_one_record_the_last_one() {
        let mut table = table(10);
        let _ = table.insert(path(1), at(5), 1);
        let _ = table.insert(path(1), at(9), 2);
        assert_eq!((table.len(), table.get(&path(1))), (1, Some(&2)));
        table.expire(at(8));
        assert_eq!(table.len(), 1);
        assert_eq!((table.remove(&path(1)), table.len()), (Some(2), 0));
        assert_eq!(table.get(&path(1)), None);
    }

    #[test]
    fn at_the_bound_the_oldest_gives_way() {
        let mut table = table(100);
        for port in 0..=1_000 {
            let full = table.len() == 100;
            let inserted = table.insert(path(port), at(u64::from(port)), port);
            assert_eq!(inserted == Inserted::OldestDropped, full);
        }
        assert_eq!(table.len(), 100);
        assert_eq!((table.get(&path(900)), table.get(&path(901))), (None, Some(&901)));
    }

    #[test]
    fn a_clock_that_went_back_does_not_upset_the_order() {
        let mut table = table(10);
        let _ = table.insert(path(1), at(50), 1);
        let _ = table.insert(path(2), at(10), 2);
        table.expire(at(49));
        assert_eq!(table.len(), 2, "the second waits for the first");
        table.expire(at(50));
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn many_records_that_expire_together_go_in_several_calls() {
        let mut table = table(10_000);
        for port in 0..3_000 {
            let _ = table.insert(path(port), at(5), port);
        }
        table.expire_one(at(5), &path(2_999));
        assert_eq!((table.get(&path(2_999)), table.len()), (None, 2_999));
        table.expire_one(at(4), &path(2_998));
        assert_eq!(table.get(&path(2_998)), Some(&2_998), "its time is not over");
        for left in [1_975, 951, 0] {
            assert!(table.next_expiry().is_some_and(|next| next <= at(5)), "there is more to do");
            table.expire(at(5));
            assert_eq!(table.len(), left);
        }
        assert_eq!(table.next_expiry(), None);
    }

    #[test]
    fn a_table_of_no_records_keeps_none() {
        let mut table = table(0);
        assert_eq!(table.insert(path(1), at(50), 1), Inserted::OldestDropped);
        assert_eq!(table.len(), 0);
    }
}
