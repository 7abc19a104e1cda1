//! Names of connections: a place, and how often that place was given away.

use alloc::vec::Vec;

use crate::FourTuple;

/// The name of a connection of one endpoint.
///
/// It is given away once: when the connection is released, its place may be used again, but under
/// another name (SM-TIMER-14, TRAP-56).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId {
    index: u32,
    generation: u32,
}

impl ConnectionId {
    /// The place, for a caller's table: small numbers, each used by one live connection at a time.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How often the place was given away before.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// The connections that live, and the free places.
#[derive(Clone, Debug)]
pub(super) struct ConnectionIds {
    places: Vec<Place>,
    free: Vec<u32>,
    max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    generation: u32,
    /// The four-tuple of the connection that lives here.
    path: Option<FourTuple>,
}

impl ConnectionIds {
    /// No connection yet, and never more than `max`.
    pub(super) fn new(max: usize) -> Self {
        Self { places: Vec::new(), free: Vec::new(), max: max.min(PLACES_MAX) }
    }

    /// How many connections live.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there is no place for another.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// A name for a connection on `path`; `None` at the bound.
    pub(super) fn insert(&mut self, path: FourTuple) -> Option<ConnectionId> {
        if self.is_full() {
            return None;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.places.push(Place { generation: 0, path: None });
                (self.places.len() - 1) as u32
            }
        };
        let place = self.places.get_mut(index as usize)?;
        place.path = Some(path);
        Some(ConnectionId { index, generation: place.generation })
    }

    /// The four-tuple of a live connection; `None` for a stale name.
    pub(super) fn path(&self, id: ConnectionId) -> Option<FourTuple> {
        let place = self.places.get(id.index())?;
        place.path.filter(|_| place.generation == id.generation)
    }

    /// How many places there are, taken or free.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// The live connection at a place.
    pub(super) fn at(&self, index: usize) -> Option<(ConnectionId, FourTuple)> {
        let Place { generation, path } = *self.places.get(index)?;
        Some((ConnectionId { index: index as u32, generation }, path?))
    }

    /// The live connections, for assertions.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, FourTuple)> {
        (0..).zip(&self.places).filter_map(|(index, place)| {
            let generation = place.generation;
            place.path.map(|path| (ConnectionId { index, generation }, path))
        })
    }

    /// Takes a name back; nothing for a stale one.
    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<FourTuple> {
        let path = self.path(id)?;
        let place = self.places.get_mut(id.index())?;
        place.path = None;
        // A place whose names are used up stays empty, so that no name is given twice.
        if let Some(generation) = place.generation.checked_add(1) {
            place.generation = generation;
            self.free.push(id.index);
        }
        Some(path)
    }
}

const PLACES_MAX: usize = u32::MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> FourTuple {
        FourTuple::new("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap())
    }

    #[test]
    fn trap_56_a_name_is_never_given_twice() {
        let mut ids = ConnectionIds::new(2);
        let first = ids.insert(path()).unwrap();
        assert_eq!(ids.path(first), Some(path()));
        assert_eq!(ids.remove(first), Some(path()));
        assert_eq!((ids.path(first), ids.remove(first)), (None, None));
        let second = ids.insert(path()).unwrap();
        assert_eq!(second.index(), first.index());
        assert_ne!(second, first);
        assert_eq!(ids.path(first), None, "the old name does not reach the new connection");
    }

    #[test]
    fn a_place_whose_names_are_used_up_is_given_up() {
        let mut ids = ConnectionIds::new(1);
        let first = ids.insert(path()).unwrap();
        ids.places[0].generation = u32::MAX;
        let last = ConnectionId { generation: u32::MAX, ..first };
        assert_eq!(ids.remove(last), Some(path()));
        assert_eq!(ids.insert(path()), None);
    }

    #[test]
    fn the_bound_holds() {
        let mut ids = ConnectionIds::new(2);
        let first = ids.insert(path()).unwrap();
        ids.insert(path()).unwrap();
        assert_eq!((ids.insert(path()), ids.len()), (None, 2));
        ids.remove(first);
        assert!(ids.insert(path()).is_some());
    }
}
