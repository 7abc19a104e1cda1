//! The smallest round-trip time of late.

use core::time::Duration;

use crate::Instant;
use crate::time::Span;

/// The minimum over a window that slides by halves, so that a path that became longer is believed
/// in the end.
///
/// Source: RFC 8985 §6.2 step 1 (RACK-4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinRtt {
    /// When the half under way began.
    since: Option<Instant>,
    /// The smallest of the half under way, and of the one before.
    halves: [Option<Span>; 2],
}

impl MinRtt {
    /// Takes a sample.
    pub(super) fn on_sample(&mut self, now: Instant, rtt: Duration) {
        let age = self.since.map(|since| now.since(since));
        match age {
            Some(age) if age < HALF => {}
            Some(age) if age < 2 * HALF => self.begin_half(now, self.halves[0]),
            Some(_) | None => self.begin_half(now, None),
        }
        let rtt = Span::from(rtt);
        self.halves[0] = Some(self.halves[0].map_or(rtt, |least| least.min(rtt)));
    }

    /// The minimum, if anything was measured.
    pub(super) fn get(&self) -> Option<Duration> {
        self.halves.iter().flatten().min().copied().map(Duration::from)
    }

    fn begin_half(&mut self, now: Instant, before: Option<Span>) {
        self.since = Some(now);
        self.halves = [None, before];
    }
}

/// Half of the five minutes that the kernels in use remember.
const HALF: Duration = Duration::from_secs(150);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rack_4_an_old_minimum_is_forgotten_after_a_window() {
        let mut min = MinRtt::default();
        assert_eq!(min.get(), None);
        for (at_s, sample_ms, least_ms) in [
            (1, 50, 50),
            (2, 40, 40),
            (3, 90, 40),
            (151, 90, 40),
            (300, 80, 40),
            (301, 90, 80),
            (302, 85, 80),
            (700, 95, 95),
        ] {
            min.on_sample(Instant::from_millis(at_s * 1_000), Duration::from_millis(sample_ms));
            assert_eq!(min.get(), Some(Duration::from_millis(least_ms)), "at {at_s} s");
        }
    }
}
