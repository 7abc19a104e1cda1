//! Tokio's clock, as the moments that the state machine counts in.

use synack_tcb::Instant;
use tokio::time::Duration;

/// Reads tokio's clock as the time since this clock was made, so that a test that pauses the one
/// pauses the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: tokio::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self { epoch: tokio::time::Instant::now() }
    }

    /// The present moment. It never goes back.
    pub(crate) fn now(&self) -> Instant {
        self.of_tokio(tokio::time::Instant::now())
    }

    /// A moment of tokio's, as one of ours.
    pub(crate) fn of_tokio(&self, moment: tokio::time::Instant) -> Instant {
        let since = moment.saturating_duration_since(self.epoch);
        Instant::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// One of our moments, as tokio's; in the far future for what tokio cannot express.
    pub(crate) fn to_tokio(self, moment: Instant) -> tokio::time::Instant {
        let since = Duration::from_nanos(moment.as_nanos());
        self.epoch.checked_add(since).unwrap_or_else(|| self.epoch + FAR_FUTURE)
    }
}

/// As far ahead as tokio itself puts a sleep that never ends: 30 years.
const FAR_FUTURE: Duration = Duration::from_secs(86_400 * 365 * 30);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_stands_with_tokios_and_moves_with_it() {
        let clock = Clock::start();
        let begun = clock.now();
        assert_eq!(clock.now(), begun);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now().since(begun), Duration::from_secs(60) - Duration::from_nanos(1));
        assert_eq!(clock.of_tokio(clock.to_tokio(clock.now())), clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn api_12_a_moment_past_the_end_of_time_is_far_ahead() {
        let clock = Clock::start();
        assert!(clock.to_tokio(Instant::from_nanos(u64::MAX)) > tokio::time::Instant::now());
    }
}
