//! A rate of octets, in integers.

use core::time::Duration;

/// Octets per second. Arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BytesPerSecond(u64);

impl BytesPerSecond {
    /// No rate is higher; it stands for "unbounded" too.
    pub const MAX: Self = Self(u64::MAX);
    /// Nothing at all, or "not known".
    pub const ZERO: Self = Self(0);

    /// A rate of `rate` octets per second.
    pub const fn new(rate: u64) -> Self {
        Self(rate)
    }

    /// Octets per second.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The rate at which `bytes` take `interval`; [`MAX`](Self::MAX) if they take no time.
    pub fn from_volume(bytes: u64, interval: Duration) -> Self {
        let per_second = u128::from(bytes) * NANOS_PER_SECOND;
        let rate = per_second.checked_div(interval.as_nanos()).unwrap_or(u128::MAX);
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// How many octets leave in `interval`, rounded down.
    pub fn volume_in(self, interval: Duration) -> u64 {
        let product = u128::from(self.0).saturating_mul(interval.as_nanos());
        u64::try_from(product / NANOS_PER_SECOND).unwrap_or(u64::MAX)
    }

    /// How long `bytes` take, rounded up to a nanosecond; a rate of zero takes for ever.
    pub fn time_for(self, bytes: u64) -> Duration {
        if self.0 == 0 {
            return Duration::MAX;
        }
        let nanos = (u128::from(bytes) * NANOS_PER_SECOND).div_ceil(u128::from(self.0));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The rate times `numerator / denominator`, rounded down. `denominator` is not 0.
    pub fn scaled(self, numerator: u32, denominator: u32) -> Self {
        let product = u128::from(self.0) * u128::from(numerator);
        let scaled = product / u128::from(denominator.max(1));
        Self(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_its_volume_and_its_time_agree() {
        for (bytes, millis, rate) in [
            (1_000, 1_000, 1_000),
            (1_500, 1, 1_500_000),
            (0, 5, 0),
            (1, 3_000, 0),
            (12_500_000_000, 1_000, 12_500_000_000),
        ] {
            let interval = Duration::from_millis(millis);
            assert_eq!(BytesPerSecond::from_volume(bytes, interval), BytesPerSecond::new(rate));
        }
        let rate = BytesPerSecond::new(1_500_000);
        assert_eq!(rate.volume_in(Duration::from_millis(1)), 1_500);
        assert_eq!(rate.time_for(1_500), Duration::from_millis(1));
        assert_eq!(rate.time_for(1), Duration::from_nanos(667), "rounded up");
        assert_eq!(rate.scaled(277, 100), BytesPerSecond::new(4_155_000));
    }

    #[test]
    fn the_ends_of_the_range_saturate() {
        assert_eq!(BytesPerSecond::from_volume(5, Duration::ZERO), BytesPerSecond::MAX);
        assert_eq!(BytesPerSecond::from_volume(u64::MAX, Duration::from_nanos(1)).get(), u64::MAX);
        assert_eq!(BytesPerSecond::MAX.volume_in(Duration::MAX), u64::MAX);
        assert_eq!(BytesPerSecond::MAX.scaled(u32::MAX, 1), BytesPerSecond::MAX);
        assert_eq!(BytesPerSecond::ZERO.time_for(1), Duration::MAX);
        assert_eq!(BytesPerSecond::new(1).time_for(u64::MAX).as_nanos(), u128::from(u64::MAX));
    }
}
