//! Runs whose assertions may fail: a panic of the code under test becomes a violation.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use crate::plan::Plan;
use crate::run::{Report, run};
use crate::trace::Log;
use crate::violation::{Invariant, Violation};

thread_local! {
    /// What the last panic of this thread said, and where.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lets panics say nothing by themselves, since [`run_guarded`] tells of them.
pub fn silence_panics() {
    panic::set_hook(Box::new(|info| {
        LAST_PANIC.with_borrow_mut(|last| *last = info.to_string());
    }));
}

/// As [`run`], with panics as violations. Their text is there if
/// [`silence_panics`] was called.
///
/// # Errors
/// The first invariant that does not hold.
pub fn run_guarded(plan: &Plan, log: Option<Log>) -> Result<Report, Violation> {
    // What a panic leaves half done is dropped with the network.
    let result = panic::catch_unwind(AssertUnwindSafe(|| run(plan, log)));
    result.unwrap_or_else(|_| {
        Err(Violation::new(Invariant::Panic, LAST_PANIC.with_borrow_mut(core::mem::take)))
    })
}
