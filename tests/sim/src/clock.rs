//! HostClock: what a host believes the time is, with drift, jumps and stops.

use core::time::Duration;

use synack_tcb::Instant;

/// The clock of one host. The simulation has one true time, [`Duration`] since its start; each host
/// reads its own from it.
#[derive(Clone, Debug)]
pub struct HostClock {
    /// The true time at which the clock was set, or its rate changed.
    set_at: Duration,
    /// What it read then. Units: nanoseconds.
    read: u64,
    /// How fast it runs; 1,000 is true, 0 stands still.
    rate_permille: u32,
}

impl HostClock {
    /// A true clock that reads `epoch` at the start.
    pub fn new(epoch: Duration) -> Self {
        Self { set_at: Duration::ZERO, read: nanos(epoch).max(1), rate_permille: 1_000 }
    }

    /// What it reads at the true time `time`.
    pub fn now(&self, time: Duration) -> Instant {
        let passed = u128::from(nanos(time.saturating_sub(self.set_at)));
        let counted = passed * u128::from(self.rate_permille) / 1_000;
        let counted = u64::try_from(counted).unwrap_or(u64::MAX);
        Instant::from_nanos(self.read.saturating_add(counted))
    }

    /// The true time at which it first reads `instant`; `None` if it stands still before that.
    pub fn when(&self, instant: Instant) -> Option<Duration> {
        let ahead = instant.as_nanos().saturating_sub(self.read);
        if ahead == 0 {
            return Some(self.set_at);
        }
        if self.rate_permille == 0 {
            return None;
        }
        let wait = (u128::from(ahead) * 1_000).div_ceil(u128::from(self.rate_permille));
        let wait = u64::try_from(wait).unwrap_or(u64::MAX);
        Some(self.set_at.saturating_add(Duration::from_nanos(wait)))
    }

    /// Changes how fast it runs from `time` on.
    pub fn set_rate(&mut self, time: Duration, rate_permille: u32) {
        self.read = self.now(time).as_nanos();
        self.set_at = time;
        self.rate_permille = rate_permille;
    }

    /// Puts it forward at `time`.
    pub fn put_forward(&mut self, time: Duration, by: Duration) {
        self.read = self.now(time).as_nanos().saturating_add(nanos(by));
        self.set_at = time;
    }

    /// Puts it back at `time`, though not before its epoch.
    pub fn put_back(&mut self, time: Duration, by: Duration) {
        self.read = self.now(time).as_nanos().saturating_sub(nanos(by)).max(1);
        self.set_at = time;
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_clock_reads_what_it_was_told_and_when_is_its_inverse() {
        let mut clock = HostClock::new(Duration::from_secs(5));
        assert_eq!(clock.now(MS), Instant::from_millis(5_001));
        for rate in [900, 1_000, 1_100, 333] {
            clock.set_rate(7 * MS, rate);
            for ahead in [1, 2, 999, 1_000, 123_457] {
                let target = clock.now(7 * MS) + Duration::from_nanos(ahead);
                let time = clock.when(target).unwrap();
                assert!(clock.now(time) >= target);
                assert!(clock.now(time - Duration::from_nanos(1)) < target);
            }
        }
    }

    #[test]
    fn a_stopped_clock_reaches_nothing_new() {
        let mut clock = HostClock::new(MS);
        clock.set_rate(MS, 0);
        assert_eq!(clock.now(MS * 50), clock.now(MS));
        assert_eq!(clock.when(clock.now(MS)), Some(MS));
        assert_eq!(clock.when(clock.now(MS) + MS), None);
        clock.put_forward(MS * 2, MS * 9);
        assert_eq!(clock.now(MS * 2), Instant::from_millis(11));
        clock.put_back(MS * 2, Duration::MAX);
        assert_eq!(clock.now(MS * 2), Instant::from_nanos(1));
    }
}
