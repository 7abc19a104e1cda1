//! Room: a part of a connection that takes a pointer's place while nothing is in it.
//!
//! Most of what a connection keeps is for text under way. A connection at rest has none, and there
//! may be a million of them: the parts that are then as when it began are vacated, and made anew
//! when text comes.

use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

/// What can be told of an empty room without making it.
pub(crate) trait Vacant: Default + 'static {
    /// The same as the default.
    const VACANT: &'static Self;
}

/// A `T` that is made when something is to be put into it. Reading never makes it.
#[derive(Clone, Debug)]
pub(crate) struct Room<T>(Option<Box<T>>);

impl<T: Vacant> Room<T> {
    /// A room with `inside` in it.
    pub(crate) fn of(inside: T) -> Self {
        Self(Some(Box::new(inside)))
    }

    /// What is there to be changed, if anything is.
    #[inline]
    pub(crate) fn inside(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Whether it takes memory of its own.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Gives back its memory; what was there is as in the beginning.
    pub(crate) fn vacate(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Vacant> Deref for Room<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::VACANT)
    }
}

/// Makes it, if it is vacant.
impl<T: Vacant> DerefMut for Room<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[derive(Debug, Default, PartialEq)]
    struct Queue {
        octets: Vec<u8>,
    }

    impl Vacant for Queue {
        const VACANT: &'static Self = &Self { octets: Vec::new() };
    }

    #[test]
    fn a_room_is_made_by_a_change_and_not_by_a_look() {
        let mut room = Room::<Queue>::default();
        assert_eq!((room.octets.len(), room.is_open()), (0, false));
        assert_eq!(room.inside(), None);
        assert!(!room.is_open());
        room.octets.push(7);
        assert_eq!((&room.octets[..], room.is_open()), (&[7][..], true));
        room.vacate();
        assert_eq!((&*room, room.is_open()), (&Queue::default(), false));
    }
}
