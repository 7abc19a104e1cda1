//! Streams: all randomness of a run, one ChaCha8 stream for each subsystem, from one seed.
//!
//! A subsystem that draws more, or is switched off, leaves the draws of all others as they were, so
//! a fault can be taken out of a failing seed without changing the rest.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The seed of a run, from which each subsystem takes its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams(u64);

/// What draws for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Subsystem {
    /// Which faults a run has; the index is the fault.
    Plan = 1,
    /// What links do; the index is the link.
    Link = 2,
    /// What applications do; the index is the conversation and the side.
    Application = 3,
    /// When devices are full, and when output is put off; the index is the host.
    Device = 4,
    /// What stands in the path; the index is the link.
    Middlebox = 5,
    /// The attacker.
    Attacker = 6,
    /// Secrets of endpoints; the index is the host and how often it was started.
    Secret = 7,
}

impl Streams {
    /// The streams of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed.
    pub const fn seed(self) -> u64 {
        self.0
    }

    /// The stream of `index` within `subsystem`.
    pub fn of(self, subsystem: Subsystem, index: u32) -> Dice {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(u64::from(subsystem as u32) << 32 | u64::from(index));
        Dice(rng)
    }
}

/// One stream of draws.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, each as likely; 0 if there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included, each as likely.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// A number from `low` to `high`, both included, each order of magnitude as likely.
    pub fn magnitude(&mut self, low: u64, high: u64) -> u64 {
        let low_bits = 64 - low.max(1).leading_zeros();
        let high_bits = 64 - high.max(1).leading_zeros();
        let bits = self.between(u64::from(low_bits), u64::from(high_bits)) as u32;
        let top = 1u64.checked_shl(bits).map_or(u64::MAX, |bound| bound - 1);
        self.between(low.max(1u64 << (bits - 1)), high.min(top))
    }

    /// Whether something happens that does so `permille` times in a thousand.
    pub fn chance(&mut self, permille: u32) -> bool {
        self.below(1_000) < u64::from(permille)
    }

    /// One of `options`, each as likely; there is at least one.
    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len() as u64) as usize]
    }

    /// A time from `low` to `high`, both included, each as likely.
    pub fn time(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }

    /// A time from `low` to `high`, both included, each order of magnitude as likely.
    pub fn time_magnitude(&mut self, low: Duration, high: Duration) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.magnitude(micros(low), micros(high)))
    }

    /// 32 octets.
    pub fn secret(&mut self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.0.fill_bytes(&mut secret);
        secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_unlike_each_other() {
        let draw = |seed, subsystem, index| Streams::new(seed).of(subsystem, index).bits();
        assert_eq!(draw(1, Subsystem::Link, 0), draw(1, Subsystem::Link, 0));
        for other in [
            draw(2, Subsystem::Link, 0),
            draw(1, Subsystem::Device, 0),
            draw(1, Subsystem::Link, 1),
        ] {
            assert_ne!(other, draw(1, Subsystem::Link, 0));
        }
    }

    #[test]
    fn draws_stay_in_their_ranges_and_reach_both_ends() {
        let mut dice = Streams::new(7).of(Subsystem::Plan, 0);
        let drawn: Vec<_> = (0..2_000).map(|_| dice.between(3, 6)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&6)));
        let drawn: Vec<_> = (0..20_000).map(|_| dice.magnitude(5, 70)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&5), Some(&70)));
        assert_eq!(dice.magnitude(9, 9), 9);
        assert_eq!((dice.below(0), dice.chance(0), dice.chance(1_000)), (0, false, true));
    }
}
