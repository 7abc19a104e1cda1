//! The locks, atomics and wakers of this crate, by one name, so that a test can put loom's in their
//! place.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};

/// Locks `mutex`, whether or not a thread panicked while it held it.
///
/// For what is sound at every step: lists and counters. A cell, whose connection may be half
/// changed, looks at the poison itself.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Keeps one waker, and does not clone it for the same task again.
pub(crate) fn register(slot: &mut Option<Waker>, cx: &mut Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
