//! Entries at fixed places, each on one of several lists: the order in which they are due.
//!
//! A timer that lasts the same time for all needs no heap: entries join at the back, and the front
//! is due first. Taking out, or moving to the back, costs the same wherever the entry stands, and
//! no more is held than there are entries (robustness G2).

use alloc::vec::Vec;

/// Where an entry stands in its slab.
pub(crate) type Key = u32;

/// Values of one kind, each on exactly one list.
#[derive(Clone, Debug)]
pub(crate) struct LinkedSlab<T> {
    slots: Vec<Slot<T>>,
    /// The first free slot; they are linked by `next`.
    free: Key,
    len: usize,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    value: Option<T>,
    previous: Key,
    next: Key,
}

/// The ends of one list through a slab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    front: Key,
    back: Key,
}

impl<T> Default for LinkedSlab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for List {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl List {
    /// Without an entry.
    pub(crate) const EMPTY: Self = Self { front: NONE, back: NONE };

    /// The entry at the front.
    pub(crate) fn front(&self) -> Option<Key> {
        (self.front != NONE).then_some(self.front)
    }

    /// The entry at the back.
    pub(crate) fn back(&self) -> Option<Key> {
        (self.back != NONE).then_some(self.back)
    }
}

impl<T> LinkedSlab<T> {
    /// Without an entry, and without memory.
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: NONE, len: 0 }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry at `key`.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.slots.get(key as usize)?.value.as_ref()
    }

    /// The entry at `key`.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slots.get_mut(key as usize)?.value.as_mut()
    }

    /// The entries, in the order of their places.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.value.is_some());
        taken.map(|(index, _)| index as Key)
    }

    /// Puts a value at the back of `list` and returns its place.
    pub(crate) fn push_back(&mut self, list: &mut List, value: T) -> Key {
        let key = match self.slots.get_mut(self.free as usize) {
            Some(slot) => {
                slot.value = Some(value);
                core::mem::replace(&mut self.free, slot.next)
            }
            None => {
                self.slots.push(Slot { value: Some(value), previous: NONE, next: NONE });
                (self.slots.len() - 1) as Key
            }
        };
        self.len += 1;
        self.link_back(list, key);
        key
    }

    /// Puts a value behind the entry at `key` on `list` and returns its place.
    pub(crate) fn insert_after(&mut self, list: &mut List, key: Key, value: T) -> Key {
        let new = self.push_back(list, value);
        let next = self.next(key);
        if next == Some(new) {
            return new;
        }
        self.unlink(list, new);
        let next = next.unwrap_or(NONE);
        if let Some(slot) = self.slots.get_mut(new as usize) {
            (slot.previous, slot.next) = (key, next);
        }
        self.set_next(list, key, new);
        self.set_previous(list, next, new);
        new
    }

    /// The entry in front of the one at `key` on its list.
    pub(crate) fn previous(&self, key: Key) -> Option<Key> {
        let previous = self.slots.get(key as usize)?.previous;
        (previous != NONE).then_some(previous)
    }

    /// The entry behind the one at `key` on its list.
    pub(crate) fn next(&self, key: Key) -> Option<Key> {
        let next = self.slots.get(key as usize)?.next;
        (next != NONE).then_some(next)
    }

    /// Takes the entry at `key`, which is on `list`, out.
    pub(crate) fn remove(&mut self, list: &mut List, key: Key) -> Option<T> {
        self.get(key)?;
        self.unlink(list, key);
        let slot = self.slots.get_mut(key as usize)?;
        slot.next = core::mem::replace(&mut self.free, key);
        self.len -= 1;
        let value = slot.value.take();
        if self.len == 0 && self.slots.len() > KEPT_WHEN_EMPTY {
            // What a flood took is given back.
            *self = Self::default();
        }
        value
    }

    /// Puts the entry at `key`, which is on no list, at the back of `list`.
    pub(crate) fn link_back(&mut self, list: &mut List, key: Key) {
        let last = core::mem::replace(&mut list.back, key);
        self.set_next(list, last, key);
        if let Some(slot) = self.slots.get_mut(key as usize) {
            (slot.previous, slot.next) = (last, NONE);
        }
    }

    /// Takes the entry at `key` off `list`; it stays in the slab.
    pub(crate) fn unlink(&mut self, list: &mut List, key: Key) {
        let Some(slot) = self.slots.get(key as usize) else { return };
        let (previous, next) = (slot.previous, slot.next);
        self.set_next(list, previous, next);
        self.set_previous(list, next, previous);
    }

    fn set_next(&mut self, list: &mut List, key: Key, next: Key) {
        match self.slots.get_mut(key as usize) {
            Some(slot) => slot.next = next,
            None => list.front = next,
        }
    }

    fn set_previous(&mut self, list: &mut List, key: Key, previous: Key) {
        match self.slots.get_mut(key as usize) {
            Some(slot) => slot.previous = previous,
            None => list.back = previous,
        }
    }
}

/// No entry: no slab holds so many.
const NONE: Key = Key::MAX;

/// Slots that an empty slab keeps.
const KEPT_WHEN_EMPTY: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Operation {
        Push(usize),
        Insert(usize),
        Remove(usize),
        Move(usize, usize),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            (0..2usize).prop_map(Operation::Push),
            any::<usize>().prop_map(Operation::Insert),
            any::<usize>().prop_map(Operation::Remove),
            (any::<usize>(), 0..2usize).prop_map(|(at, to)| Operation::Move(at, to)),
        ]
    }

    /// The values of a list from the front, found by taking it apart.
    fn values(slab: &LinkedSlab<u32>, list: List) -> Vec<u32> {
        let (mut slab, mut list) = (slab.clone(), list);
        let taken = core::iter::from_fn(|| {
            let front = list.front()?;
            slab.remove(&mut list, front)
        });
        taken.collect()
    }

    proptest! {
        #[test]
        fn two_lists_behave_as_queues(operations in prop::collection::vec(operation(), 0..200)) {
            let mut slab = LinkedSlab::default();
            let mut lists = [List::default(); 2];
            let mut model = [VecDeque::new(), VecDeque::new()];
            let mut held: Vec<(Key, u32)> = Vec::new();
            for (value, operation) in (0u32..).zip(operations) {
                match operation {
                    Operation::Push(list) => {
                        held.push((slab.push_back(&mut lists[list], value), value));
                        model[list].push_back(value);
                    }
                    Operation::Insert(at) if !held.is_empty() => {
                        let (key, before) = held[at % held.len()];
                        let list = usize::from(!model[0].contains(&before));
                        let place = model[list].iter().position(|other| *other == before).unwrap();
                        held.push((slab.insert_after(&mut lists[list], key, value), value));
                        model[list].insert(place + 1, value);
                    }
                    Operation::Remove(at) if !held.is_empty() => {
                        let (key, value) = held.swap_remove(at % held.len());
                        let list = usize::from(!model[0].contains(&value));
                        prop_assert_eq!(slab.remove(&mut lists[list], key), Some(value));
                        prop_assert_eq!(slab.get(key), None);
                        model[list].retain(|other| *other != value);
                    }
                    Operation::Move(at, to) if !held.is_empty() => {
                        let (key, value) = held[at % held.len()];
                        let list = usize::from(!model[0].contains(&value));
                        slab.unlink(&mut lists[list], key);
                        slab.link_back(&mut lists[to], key);
                        model[list].retain(|other| *other != value);
                        model[to].push_back(value);
                    }
                    Operation::Insert(_) | Operation::Remove(_) | Operation::Move(..) => {}
                }
                prop_assert_eq!(slab.len(), held.len());
                prop_assert_eq!(slab.keys().count(), held.len());
                for (list, model) in lists.iter().zip(&model) {
                    prop_assert_eq!(list.back().and_then(|key| slab.get(key)), model.back());
                    prop_assert!(values(&slab, *list).iter().eq(model));
                    let forth = core::iter::successors(list.front(), |key| slab.next(*key));
                    let back = core::iter::successors(list.back(), |key| slab.previous(*key));
                    prop_assert!(forth.filter_map(|key| slab.get(key)).eq(model));
                    prop_assert!(back.filter_map(|key| slab.get(key)).eq(model.iter().rev()));
                }
            }
        }
    }

    #[test]
    fn an_empty_slab_gives_back_what_a_flood_took() {
        let (mut slab, mut list) = (LinkedSlab::default(), List::default());
        let keys: Vec<_> = (0..5_000).map(|value| slab.push_back(&mut list, value)).collect();
        for key in keys {
            slab.remove(&mut list, key);
        }
        assert_eq!((slab.len(), slab.slots.capacity()), (0, 0));
        assert!(list.front().is_none() && list.back().is_none());
        let key = slab.push_back(&mut list, 7);
        assert_eq!(slab.get(key), Some(&7));
    }
}
