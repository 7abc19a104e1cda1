//! Runs whose assertions may fail: a panic of the code under test becomes a violation.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::plan::Plan;
use crate::run::{Report, run};
use crate::trace::Log;
use crate::violation::{Invariant, Violation};

thread_local! {
    /// Whether this thread is in [`guarded`].
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
    /// What the last panic of a guarded run said, and where.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// As [`run`], with panics as violations. They print nothing by themselves.
///
/// # Errors
/// The first invariant that does not hold.
pub fn run_guarded(plan: &Plan, log: Option<Log>) -> Result<Report, Violation> {
    guarded(|| run(plan, log))
}

/// Calls `body`, with panics as violations. Whatever `body` changes is not looked at after one.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(keep_guarded_panics);
    IS_GUARDED.set(true);
    // What a panic leaves half done is dropped with the network.
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    IS_GUARDED.set(false);
    result.unwrap_or_else(|_| {
        Err(Violation::new(Invariant::Panic, LAST_PANIC.with_borrow_mut(core::mem::take)))
    })
}

/// Keeps what a panic says if it happens in a guarded run; any other is told as before.
fn keep_guarded_panics() {
    let told_before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !IS_GUARDED.get() {
            return told_before(info);
        }
        LAST_PANIC.with_borrow_mut(|last| *last = info.to_string());
    }));
}
