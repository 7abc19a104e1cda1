//! Real time, which a bench has to wait for.

use std::time::Duration;

/// Waits: for a stack to start or to settle, for a transfer to go on.
#[expect(clippy::disallowed_methods, reason = "a bench measures processes in real time")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
