//! Rate: bits per second, and the exact time that octets take at it.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

/// How fast a link puts bits on the wire, in bits per second; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// `bits` per second; 0 counts as 1.
    pub const fn bits_per_second(bits: u64) -> Self {
        match NonZeroU64::new(bits) {
            Some(bits) => Self(bits),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// `kbit` thousand bits per second; 0 counts as one bit per second.
    pub const fn kbit(kbit: u32) -> Self {
        Self::bits_per_second(kbit as u64 * 1_000)
    }

    /// `mbit` million bits per second; 0 counts as one bit per second.
    pub const fn mbit(mbit: u32) -> Self {
        Self::bits_per_second(mbit as u64 * 1_000_000)
    }

    /// `gbit` thousand million bits per second; 0 counts as one bit per second.
    pub const fn gbit(gbit: u32) -> Self {
        Self::bits_per_second(gbit as u64 * 1_000_000_000)
    }

    /// The number of bits per second.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// How long `octets` take on the wire, rounded down to the nanosecond.
    pub const fn time_for(self, octets: usize) -> Duration {
        let mut fraction = Fraction(0);
        fraction.time_for(self, octets)
    }

    /// How many whole octets pass in `time`.
    pub(crate) fn octets_in(self, time: Duration) -> usize {
        let bits = time.as_nanos().saturating_mul(u128::from(self.get())) / NANOS_PER_SECOND;
        usize::try_from(bits / 8).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.get();
        for (unit, name) in [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")] {
            if bits.is_multiple_of(unit) {
                return write!(f, "{} {name}", bits / unit);
            }
        }
        write!(f, "{bits} bit/s")
    }
}

/// The part of a nanosecond that the packets of one busy period have used beyond whole ones.
///
/// Carried from packet to packet, it keeps a long transfer at the rate to the bit: 64 octets at
/// 100 Gbit/s are 5.12 ns, and 100 packets in a row are 512 ns, not 500.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fraction(u64);

impl Fraction {
    /// How long `octets` take at `rate`, given what was left over before; keeps what is left now.
    pub(crate) const fn time_for(&mut self, rate: Rate, octets: usize) -> Duration {
        let bits_per_second = rate.get() as u128;
        let work = octets as u128 * 8 * NANOS_PER_SECOND + self.0 as u128;
        self.0 = (work % bits_per_second) as u64;
        let nanos = work / bits_per_second;
        Duration::new((nanos / NANOS_PER_SECOND) as u64, (nanos % NANOS_PER_SECOND) as u32)
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    #[test]
    fn a_full_packet_takes_its_bits_divided_by_the_rate() {
        let rows = [
            (Rate::kbit(10), 1_500, Duration::from_millis(1_200)),
            (Rate::mbit(10), 1_250, Duration::from_millis(1)),
            (Rate::gbit(100), 1_500, Duration::from_nanos(120)),
            (Rate::bits_per_second(1), 1, Duration::from_secs(8)),
            (Rate::bits_per_second(0), 1, Duration::from_secs(8)),
            (Rate::gbit(1), 0, Duration::ZERO),
        ];
        for (rate, octets, expected) in rows {
            assert_eq!(rate.time_for(octets), expected, "{octets} octets at {rate}");
        }
    }

    #[test]
    fn fractions_of_a_nanosecond_add_up_over_many_packets() {
        let mut fraction = Fraction::default();
        let total: Duration = (0..100).map(|_| fraction.time_for(Rate::gbit(100), 64)).sum();
        assert_eq!(total, Duration::from_nanos(512));
    }

    #[test]
    fn a_rate_prints_in_its_largest_whole_unit() {
        assert_eq!(Rate::gbit(1).to_string(), "1 Gbit/s");
        assert_eq!(Rate::kbit(1_500).to_string(), "1500 kbit/s");
        assert_eq!(Rate::bits_per_second(56).to_string(), "56 bit/s");
    }
}
