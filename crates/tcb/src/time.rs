//! Time as the caller tells it: the state machine has no clock of its own.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment: nanoseconds since an epoch that the caller chose.
///
/// `Option<Instant>` is eight bytes. All arithmetic saturates, so a clock that jumps cannot panic
/// (API-12).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The moment `nanos` nanoseconds after the epoch; 0 and 1 are the same moment.
    pub const fn from_nanos(nanos: u64) -> Self {
        match NonZeroU64::new(nanos) {
            Some(nanos) => Self(nanos),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0.get()
    }

    /// Whole milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0.get() / 1_000_000
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self::from_nanos(self.0.get().saturating_sub(nanos))
    }
}

/// A span of time: as a `Duration`, in half the room, and `Option<Span>` likewise. It ends short of
/// 2^64 ns, which are 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(
    /// One nanosecond more than it lasts.
    NonZeroU64,
);

impl Span {
    /// No time.
    pub(crate) const ZERO: Self = Self(NonZeroU64::MIN);
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(span.0.get() - 1)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_the_duration_it_was_made_of() {
        assert_eq!(size_of::<Option<Span>>(), 8);
        for nanos in [0, 1, 999_999_999, 1 << 40, u64::MAX - 1] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(Duration::from(Span::from(duration)), duration);
        }
        assert_eq!(Span::from(Duration::ZERO), Span::ZERO);
        assert!(Span::from(Duration::MAX) > Span::from(Duration::from_secs(1 << 33)));
    }

    #[test]
    fn api_12_arithmetic_saturates_at_both_ends() {
        let early = Instant::from_nanos(0);
        let late = Instant::from_nanos(u64::MAX);
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late + Duration::MAX, late);
        assert_eq!(early - Duration::MAX, early);
        assert_eq!(size_of::<Option<Instant>>(), 8);
    }
}
