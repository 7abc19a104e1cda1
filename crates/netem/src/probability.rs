//! Probability: how likely a fault is, drawn with integers so that every machine draws the same.

use core::fmt;

/// A probability between 0 and 1, kept as a fraction of 2^63.
///
/// ```
/// use synack_netem::Probability;
/// assert_eq!(Probability::percent(5).to_string(), "5%");
/// assert_eq!(Probability::new(0.05), Probability::new(0.05));
/// assert_eq!(Probability::new(f64::NAN), Probability::NEVER);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Probability(u64);

impl Probability {
    /// It does not happen.
    pub const NEVER: Self = Self(0);
    /// It happens each time.
    pub const ALWAYS: Self = Self(ONE);

    /// The probability closest to `p`; below 0, and not a number, is [`NEVER`](Self::NEVER), above
    /// 1 is [`ALWAYS`](Self::ALWAYS).
    pub const fn new(p: f64) -> Self {
        if p >= 1.0 {
            return Self::ALWAYS;
        }
        // A cast from float to integer saturates: negative numbers and NaN become 0.
        Self((p * ONE as f64) as u64)
    }

    /// `percent` in a hundred; above 100 is always.
    pub const fn percent(percent: u32) -> Self {
        Self::one_of(percent, 100)
    }

    /// `parts` in a million; above a million is always.
    pub const fn per_million(parts: u32) -> Self {
        Self::one_of(parts, 1_000_000)
    }

    /// This probability as a float between 0 and 1, for messages and expectations.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }

    /// Whether a draw of 64 uniform bits falls into it.
    pub(crate) const fn hits(self, draw: u64) -> bool {
        (draw >> 1) < self.0
    }

    const fn one_of(parts: u32, whole: u32) -> Self {
        if parts >= whole {
            return Self::ALWAYS;
        }
        Self((ONE as u128 * parts as u128 / whole as u128) as u64)
    }
}

impl fmt::Debug for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to the millionth of a per cent, so that 5 % does not print as 4.999...
        let millionths = (u128::from(self.0) * 100_000_000 + u128::from(ONE) / 2) / u128::from(ONE);
        write!(f, "{}%", millionths as f64 / 1e6)
    }
}

/// Certainty. A power of two below 2^64, so that "always" needs no special case.
const ONE: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_hits_no_draw_and_always_hits_each() {
        for draw in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            assert!(!Probability::NEVER.hits(draw));
            assert!(Probability::ALWAYS.hits(draw));
        }
    }

    #[test]
    fn one_half_hits_the_lower_half_of_all_draws() {
        let half = Probability::percent(50);
        assert!(half.hits(u64::MAX / 2));
        assert!(!half.hits(u64::MAX / 2 + 1));
        assert_eq!(half, Probability::new(0.5));
    }

    #[test]
    fn what_is_no_probability_becomes_the_nearest() {
        assert_eq!(Probability::new(-0.1), Probability::NEVER);
        assert_eq!(Probability::new(f64::INFINITY), Probability::ALWAYS);
        assert_eq!(Probability::percent(101), Probability::ALWAYS);
        assert_eq!(Probability::per_million(2_000_000), Probability::ALWAYS);
    }
}
