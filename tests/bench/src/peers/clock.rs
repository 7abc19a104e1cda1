//! Real time, which a bench has to wait for.

use std::time::Duration;

/// Waits, for a stack to start or to settle.
#[expect(clippy::disallowed_methods, reason = "a bench measures processes in real time")]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
