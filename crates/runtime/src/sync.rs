//! The locks and atomics of this crate, by one name, so that a test can put loom's in their place.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`, whether or not a thread panicked while it held it.
///
/// For what is sound at every step: lists and counters. A cell, whose connection may be half
/// changed, looks at the poison itself.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
