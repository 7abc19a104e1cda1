//! Lateness: how much later than the model says packets left the emulator.

use std::time::Duration;

/// Counts by magnitude: a packet later by `2^n` to `2^(n + 1)` microseconds counts in place `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lateness {
    counts: [u64; PLACES],
}

impl Lateness {
    pub(super) fn add(&mut self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let place = micros.checked_ilog2().unwrap_or(0) as usize;
        self.counts[place.min(PLACES - 1)] += 1;
    }

    /// What 99 in a hundred packets are not later than; no time if there were none.
    pub(super) fn p99(&self) -> Duration {
        let total: u64 = self.counts.iter().sum();
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen * 100 >= total * 99 && total > 0 {
                return Duration::from_micros(2 << place);
            }
        }
        Duration::ZERO
    }
}

/// Up to a minute.
const PLACES: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_in_a_hundred_may_be_later() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.p99(), Duration::ZERO);
        for _ in 0..99 {
            lateness.add(Duration::from_micros(20));
        }
        lateness.add(Duration::from_hours(1));
        assert_eq!(lateness.p99(), Duration::from_micros(32));
        lateness.add(Duration::from_millis(2));
        assert_eq!(lateness.p99(), Duration::from_micros(2_048));
    }
}
