//! The way from a four-tuple to what lives there: one keyed hash, one lookup.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::ConnectionId;
use crate::FourTuple;
use crate::keyed_hash::KeyedHash;
use crate::linked_slab::Key;

/// What lives on a four-tuple.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// A connection.
    Connection(ConnectionId),
    /// A half-open handshake, at its place in the queue.
    HalfOpen(Key),
}

/// Four-tuples in use.
///
/// The hash is keyed, so that no one can choose four-tuples that meet in one place (robustness G1).
/// The table is never walked, so its order shows nowhere.
#[derive(Clone, Debug)]
pub(super) struct DemuxTable {
    table: HashTable<(FourTuple, Target)>,
    /// What was found last: packets of one connection come in trains, and the hash costs more than
    /// all the rest of a look-up.
    latest: Option<(FourTuple, Target)>,
    key: KeyedHash,
}

impl DemuxTable {
    /// An empty table with a key of its own.
    pub(super) fn new(key: KeyedHash) -> Self {
        Self { table: HashTable::new(), latest: None, key }
    }

    /// How many four-tuples are in use.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// What lives on `path`.
    pub(super) fn get(&self, path: &FourTuple) -> Option<Target> {
        let found = self.table.find(hash(&self.key, path), |(other, _)| other == path);
        found.map(|(_, target)| *target)
    }

    /// The same for a packet that arrived.
    pub(super) fn find(&mut self, path: &FourTuple) -> Option<Target> {
        match &self.latest {
            Some((latest, target)) if latest == path => Some(*target),
            Some(_) | None => {
                let found = self.get(path);
                self.latest = found.map(|target| (*path, target)).or(self.latest);
                found
            }
        }
    }

    /// Puts `target` on `path`, in the place of what may live there.
    pub(super) fn insert(&mut self, path: FourTuple, target: Target) {
        let Self { table, latest, key } = self;
        *latest = None;
        let rehash = |(path, _): &(FourTuple, Target)| hash(key, path);
        match table.entry(hash(key, &path), |(other, _)| *other == path, rehash) {
            Entry::Occupied(mut entry) => entry.get_mut().1 = target,
            Entry::Vacant(entry) => {
                entry.insert((path, target));
            }
        }
    }

    /// Takes `target` off `path`, unless something else lives there by now.
    pub(super) fn remove(&mut self, path: &FourTuple, target: Target) {
        let Self { table, latest, key } = self;
        *latest = None;
        let entry = table.find_entry(hash(key, path), |entry| *entry == (*path, target));
        if let Ok(entry) = entry {
            entry.remove();
        }
    }
}

fn hash(key: &KeyedHash, path: &FourTuple) -> u64 {
    key.for_table(&path.key_octets())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed_hash::Purpose;

    fn path(port: u16) -> FourTuple {
        FourTuple::new("10.0.0.1:80".parse().unwrap(), ([10, 0, 0, 2], port).into())
    }

    #[test]
    fn g1_paths_that_meet_under_another_key_are_spread_by_ours() {
        let known = KeyedHash::derive(&[0; 32], Purpose::Demux);
        let ours = KeyedHash::derive(&[3; 32], Purpose::Demux);
        let remotes = (0..1_000_000u32).map(|index| {
            let [a, b, c, d] = index.to_be_bytes();
            let remote = ([10 + a, b, c, d], 4_000).into();
            FourTuple::new("10.0.0.1:80".parse().unwrap(), remote)
        });
        // An attacker who knew a key would choose those that fall into one of 1,024 places.
        let crafted = remotes.filter(|path| hash(&known, path) & 0x3ff == 0);
        let mut counts = [0; 16];
        let mut all = 0;
        for path in crafted {
            counts[(hash(&ours, &path) & 0xf) as usize] += 1;
            all += 1;
        }
        // About 61 in each; 8 standard deviations.
        assert!((900..1_060).contains(&all), "{all}");
        assert!(counts.iter().all(|count| (10..120).contains(count)), "{counts:?}");
    }

    #[test]
    fn every_path_leads_to_what_was_put_there_last() {
        let mut demux = DemuxTable::new(KeyedHash::derive(&[3; 32], Purpose::Demux));
        for port in 1..5_000 {
            demux.insert(path(port), Target::HalfOpen(u32::from(port)));
        }
        demux.insert(path(7), Target::HalfOpen(9_999));
        for port in 1..5_000 {
            let key = if port == 7 { 9_999 } else { u32::from(port) };
            assert_eq!(demux.get(&path(port)), Some(Target::HalfOpen(key)));
            assert_eq!(demux.find(&path(port)), demux.get(&path(port)));
        }
        demux.remove(&path(7), Target::HalfOpen(7));
        assert!(demux.get(&path(7)).is_some(), "something else lives there");
        demux.remove(&path(7), Target::HalfOpen(9_999));
        assert_eq!(demux.get(&path(7)), None);
    }

    #[test]
    fn what_was_found_last_is_forgotten_when_something_else_lives_there() {
        let mut demux = DemuxTable::new(KeyedHash::derive(&[3; 32], Purpose::Demux));
        assert_eq!(demux.find(&path(7)), None);
        for key in [1, 2] {
            demux.insert(path(7), Target::HalfOpen(key));
            for _ in 0..2 {
                assert_eq!(demux.find(&path(7)), Some(Target::HalfOpen(key)));
            }
        }
        demux.remove(&path(7), Target::HalfOpen(2));
        assert_eq!(demux.find(&path(7)), None);
    }
}
