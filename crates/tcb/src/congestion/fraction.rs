//! A rational factor, for arithmetic without floating point.

use super::BytesPerSecond;

/// A factor such as `beta`, or a gain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fraction {
    pub(crate) numerator: u32,
    /// Not 0.
    pub(crate) denominator: u32,
}

impl Fraction {
    /// The factor `numerator / denominator`.
    pub(crate) const fn new(numerator: u32, denominator: u32) -> Self {
        Self { numerator, denominator }
    }

    /// So much of `bytes`, rounded down.
    pub(crate) fn of(self, bytes: u32) -> u32 {
        let product = u64::from(bytes) * u64::from(self.numerator);
        u32::try_from(product / u64::from(self.denominator.max(1))).unwrap_or(u32::MAX)
    }

    /// So much of `rate`, rounded down.
    pub(crate) fn of_rate(self, rate: BytesPerSecond) -> BytesPerSecond {
        rate.scaled(self.numerator, self.denominator)
    }
}
