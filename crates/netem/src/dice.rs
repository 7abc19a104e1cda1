//! Dice: all randomness of a link, so that the fate of the nth packet depends on its number alone.
//!
//! ChaCha8 is a keyed function of a position: block after block of its key stream can be computed
//! for itself. Every packet takes the same number of words, whichever faults are on and whatever
//! became of it, and each kind of fault reads its own word. So turning one fault on, or
//! strengthening it, leaves the draws of all others as they were. The few faults that need more
//! than one word read them from a stream of their own, at a place given by the number of the
//! packet.

use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The source of all draws of one link.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    fates: ChaCha8Rng,
    details: ChaCha8Rng,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        // Not `seed_from_u64`: its expansion may change with the library, and a seed is for ever.
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let fates = ChaCha8Rng::from_seed(key);
        Self { details: fates.clone(), fates }
    }

    /// The draws of the next packet. Must be called exactly once a packet.
    pub(crate) fn roll(&mut self) -> Rolls {
        Rolls(core::array::from_fn(|_| self.fates.next_u64()))
    }

    /// The further draws of the packet with this number, for one kind of fault.
    pub(crate) fn details(&mut self, kind: Detail, nth: u64) -> Details<'_> {
        self.details.set_stream(kind as u64);
        self.details.set_word_pos(u128::from(nth) * DETAIL_WORDS);
        Details { rng: &mut self.details, left: DETAIL_WORDS / 2 }
    }
}

/// The draws of one packet: 64 uniform bits for each kind of fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rolls([u64; ROLLS]);

impl Rolls {
    pub(crate) const fn of(&self, roll: Roll) -> u64 {
        self.0[roll as usize]
    }
}

/// Which draw of a packet belongs to which fault. The numbers are part of what a seed means: new
/// faults take a spare one, and none is ever given to another fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roll {
    Targeted = 0,
    Uniform = 1,
    BurstPhase = 2,
    BurstLoss = 3,
    BitFlips = 4,
    ByteSwap = 5,
    WordSwap = 6,
    Truncation = 7,
    Padding = 8,
    JitterHigh = 9,
    JitterLow = 10,
    Spike = 11,
    Reordering = 12,
    Duplication = 13,
}

/// Faults that draw more than once for a packet, by the stream they read. Stream 0 is the fates'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    BitFlips = 1,
    ByteSwap = 2,
    WordSwap = 3,
    Truncation = 4,
    Padding = 5,
    Reordering = 6,
    Duplication = 7,
}

/// Draws about one packet for one fault; there are 32 of them.
#[derive(Debug)]
pub(crate) struct Details<'a> {
    rng: &'a mut ChaCha8Rng,
    left: u128,
}

impl Details<'_> {
    /// 64 uniform bits.
    pub(crate) fn next(&mut self) -> u64 {
        debug_assert!(self.left > 0, "a fault reads into the draws of the next packet");
        self.left = self.left.saturating_sub(1);
        self.rng.next_u64()
    }

    /// A number below `bound`, each as likely; 0 when there is none.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scaled(self.next(), bound)
    }

    /// A place in something of this length, each as likely; 0 when it is empty.
    pub(crate) fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A time from nothing to `max`, included, each as likely.
    pub(crate) fn up_to(&mut self, max: Duration) -> Duration {
        Duration::from_nanos(scaled(self.next(), nanos(max).saturating_add(1)))
    }
}

/// `draw` of 64 uniform bits scaled to `0 .. bound`.
pub(crate) const fn scaled(draw: u64, bound: u64) -> u64 {
    ((draw as u128 * bound as u128) >> 64) as u64
}

/// A time in nanoseconds; what exceeds 584 years is cut.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Draws taken for every packet; those that no fault reads are spare.
const ROLLS: usize = 16;
/// Words reserved for the details of one packet and one fault: 32 draws.
const DETAIL_WORDS: u128 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_chacha8_key_stream_of_the_seed() {
        // The reference: the same generator used directly. Guards key layout and word order.
        let mut key = [0; 32];
        key[0] = 7;
        let mut reference = ChaCha8Rng::from_seed(key);
        let mut dice = Dice::new(7);
        for _ in 0..10 {
            let rolls = dice.roll();
            for draw in rolls.0 {
                assert_eq!(draw, reference.next_u64());
            }
        }
    }

    #[test]
    fn details_depend_on_kind_and_number_alone() {
        let mut straight = Dice::new(1);
        let expected = straight.details(Detail::Padding, 41).next();
        let mut other = Dice::new(1);
        other.roll();
        other.details(Detail::Padding, 40).next();
        other.details(Detail::Truncation, 41).next();
        assert_eq!(other.details(Detail::Padding, 41).next(), expected);
        assert_ne!(other.details(Detail::Truncation, 41).next(), expected);
        assert_ne!(other.details(Detail::Padding, 42).next(), expected);
    }

    #[test]
    fn scaling_reaches_both_ends_and_never_the_bound() {
        assert_eq!(scaled(0, 10), 0);
        assert_eq!(scaled(u64::MAX, 10), 9);
        assert_eq!(scaled(u64::MAX, 0), 0);
    }
}
