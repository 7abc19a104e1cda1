//! Real time, which a bench has to wait for.

use std::time::Duration;

/// Waits: for a stack to start or to settle, for a transfer to go on.
#[expect(clippy::disallowed_methods, reason = "a bench measures processes in real time")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Measures how long something takes.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
