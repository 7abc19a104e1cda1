//! The queue of what was sent, in a box that is there while anything is, and until the connection
//! is quiet.

use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

use super::sent::{Rest, SentQueue};

/// A [`SentQueue`] that takes no memory of its own while nothing is unacknowledged and nothing was
/// for a while. A change makes it, a look does not.
#[derive(Clone, Debug, Default)]
pub(super) struct SentRoom {
    queue: Option<Box<SentQueue>>,
    /// What a queue goes on with that is made.
    rest: Rest,
}

impl SentRoom {
    /// The queue, if there is one.
    #[inline]
    pub(super) fn inside(&mut self) -> Option<&mut SentQueue> {
        self.queue.as_deref_mut()
    }

    /// Whether it takes memory of its own.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Octets delivered since the connection began.
    pub(super) fn delivered(&self) -> u64 {
        self.queue.as_ref().map_or(self.rest.delivered, |queue| queue.rate.delivered())
    }

    /// Whether the application, and not the network, sets the pace.
    pub(super) fn is_app_limited(&self) -> bool {
        self.queue.as_ref().map_or(self.rest.is_app_limited, |queue| queue.rate.is_app_limited())
    }

    /// There was nothing to send, though cwnd would have let it go. Units: octets.
    pub(super) fn on_app_limited(&mut self, in_flight: u32) {
        match &mut self.queue {
            Some(queue) => queue.rate.on_app_limited(in_flight),
            None => self.rest.is_app_limited = true,
        }
    }

    /// Drops every record, and the memory.
    pub(super) fn clear(&mut self) {
        if let Some(queue) = self.queue.take() {
            self.rest = queue.rest();
        }
    }

    /// Gives back the memory of an empty queue.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }
}

impl Deref for SentRoom {
    type Target = SentQueue;

    /// For the records; the counts of an absent queue are [`delivered`](Self::delivered) and
    /// [`is_app_limited`](Self::is_app_limited).
    #[inline]
    fn deref(&self) -> &SentQueue {
        self.queue.as_deref().unwrap_or(SentQueue::NONE)
    }
}

impl DerefMut for SentRoom {
    #[inline]
    fn deref_mut(&mut self) -> &mut SentQueue {
        self.queue.get_or_insert_with(|| Box::new(SentQueue::resume(self.rest)))
    }
}
