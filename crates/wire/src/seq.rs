//! Sequence numbers: wrapping arithmetic, serial comparison, and half-open ranges of them.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A number of the 32-bit sequence space, always computed with modulo 2^32.
///
/// Comparison is serial: `a < b` iff the distance from `a` up to `b` is 1 to 2^31 - 1. Two numbers
/// exactly 2^31 apart are neither less nor greater, so there is no total order and no `Ord`;
/// windows stay below 2^30, so this never decides anything.
///
/// ```
/// use synack_wire::SeqNum;
/// let before_wrap = SeqNum::new(u32::MAX);
/// assert!(before_wrap < before_wrap + 1);
/// assert_eq!((before_wrap + 1) - before_wrap, 1);
/// ```
///
/// Source: RFC 9293 §3.4 (SEQ-1, SEQ-2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNum(u32);

impl SeqNum {
    /// The sequence number with this value on the wire.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value on the wire.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The later of the two, `self` when they are not ordered.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The earlier of the two, `self` when they are not ordered.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// How far `self` lies above `earlier`, or 0 if it does not.
    ///
    /// Units: octets of sequence space. For differences that may be negative, such as a usable
    /// window after the peer shrank it (TRAP-3).
    pub fn saturating_since(self, earlier: Self) -> u32 {
        if self > earlier { self - earlier } else { 0 }
    }
}

impl Add<u32> for SeqNum {
    type Output = Self;
    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNum {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for SeqNum {
    type Output = Self;
    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

/// The distance from `earlier` up to `self`, modulo 2^32.
impl Sub for SeqNum {
    type Output = u32;
    fn sub(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl PartialOrd for SeqNum {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        match (*self - *other).cast_signed() {
            i32::MIN => None,
            distance => Some(distance.cmp(&0)),
        }
    }
    fn lt(&self, other: &Self) -> bool {
        (*other - *self).cast_signed() > 0
    }
    fn le(&self, other: &Self) -> bool {
        (*other - *self).cast_signed() >= 0
    }
    fn gt(&self, other: &Self) -> bool {
        other < self
    }
    fn ge(&self, other: &Self) -> bool {
        other <= self
    }
}

impl fmt::Display for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A half-open range of sequence numbers: `start` is in it, `end` is not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SeqRange {
    /// The first number of the range.
    pub start: SeqNum,
    /// The number after the last of the range.
    pub end: SeqNum,
}

impl SeqRange {
    /// The range from `start` up to, not including, `end`.
    pub const fn new(start: SeqNum, end: SeqNum) -> Self {
        Self { start, end }
    }

    /// The range of `len` numbers that begins at `start`.
    pub fn with_len(start: SeqNum, len: u32) -> Self {
        Self { start, end: start + len }
    }

    /// How many numbers the range holds, modulo 2^32.
    pub fn len(self) -> u32 {
        self.end - self.start
    }

    /// Whether the range holds no number; an inverted range counts as empty.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Whether `seq` lies in the range.
    pub fn contains(self, seq: SeqNum) -> bool {
        self.start <= seq && seq < self.end
    }

    /// Whether every number of `other` lies in this range.
    pub fn contains_range(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two ranges share a number.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The numbers in both ranges; empty if there are none.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

impl fmt::Display for SeqRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.start, self.end)
    }
}

#[cfg(test)]
#[allow(
    clippy::nonminimal_bool,
    clippy::double_comparisons,
    clippy::neg_cmp_op_on_partial_ord,
    reason = "the four operators are written apart, so each is tried"
)]
mod tests {
    use super::*;

    const EDGES: [u32; 8] =
        [0, 1, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff];

    #[test]
    fn seq_1_trap_1_comparison_is_serial_at_every_edge() {
        for base in EDGES {
            let a = SeqNum::new(base);
            for distance in [1, 2, 0x7fff_fffe, 0x7fff_ffff] {
                let b = a + distance;
                assert!(a < b && b > a && a <= b && b >= a && a != b, "{base} + {distance}");
                assert_eq!(a.max(b), b);
                assert_eq!(b.max(a), b);
                assert_eq!(a.min(b), a);
                assert_eq!(b.saturating_since(a), distance);
                assert_eq!(a.saturating_since(b), 0);
            }
            assert!(a <= a && a >= a);
        }
    }

    #[test]
    fn numbers_exactly_half_the_space_apart_are_not_ordered() {
        for base in EDGES {
            let a = SeqNum::new(base);
            let b = a + 0x8000_0000;
            assert_eq!(a.partial_cmp(&b), None);
            assert!(!(a < b) && !(a > b) && !(a <= b) && !(a >= b));
        }
    }

    #[test]
    fn the_operators_agree_with_partial_cmp() {
        for x in EDGES {
            for y in EDGES {
                let (a, b) = (SeqNum::new(x), SeqNum::new(y));
                let order = a.partial_cmp(&b);
                assert_eq!(a < b, order == Some(core::cmp::Ordering::Less));
                assert_eq!(a > b, order == Some(core::cmp::Ordering::Greater));
                assert_eq!(a <= b, order.is_some_and(core::cmp::Ordering::is_le));
                assert_eq!(a >= b, order.is_some_and(core::cmp::Ordering::is_ge));
            }
        }
    }

    #[test]
    fn seq_2_ranges_across_the_wrap_behave_as_elsewhere() {
        for base in EDGES {
            let start = SeqNum::new(base);
            let range = SeqRange::with_len(start, 10);
            assert_eq!(range.len(), 10);
            assert!(range.contains(start) && range.contains(start + 9));
            assert!(!range.contains(start + 10) && !range.contains(start - 1));
            assert!(SeqRange::new(start, start).is_empty());
            assert!(SeqRange::new(start + 1, start).is_empty());
            let other = SeqRange::with_len(start + 5, 10);
            assert!(range.overlaps(other) && other.overlaps(range));
            assert_eq!(range.intersection(other), SeqRange::with_len(start + 5, 5));
            assert!(!range.overlaps(SeqRange::with_len(start + 10, 1)));
            assert!(range.contains_range(SeqRange::with_len(start + 1, 9)));
            assert!(!range.contains_range(SeqRange::with_len(start + 1, 10)));
        }
    }
}
