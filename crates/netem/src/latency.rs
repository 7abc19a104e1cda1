//! Latency: how long one packet takes behind the bottleneck.

use crate::dice::{Roll, Rolls, nanos, scaled};
use crate::{Distribution, Jitter, LinkConfig};
use core::time::Duration;

/// The delay of a packet with its jitter; spikes come on top.
pub(crate) fn latency(config: &LinkConfig, rolls: &Rolls) -> Duration {
    let Some(Jitter { amount, distribution }) = config.jitter else {
        return config.delay;
    };
    let amount = nanos(amount);
    let (high, low) = (rolls.of(Roll::JitterHigh), rolls.of(Roll::JitterLow));
    match distribution {
        Distribution::Uniform => around(config.delay, amount, scaled(high, span(amount))),
        Distribution::Bell => {
            let mean = (sum_of_four(high) + sum_of_four(low)) / 8;
            around(config.delay, amount, scaled(mean as u64, span(amount)))
        }
        Distribution::LongTail => config.delay.saturating_add(long_tail(amount, high)),
    }
}

/// `delay - amount + offset`, not below zero.
fn around(delay: Duration, amount: u64, offset: u64) -> Duration {
    delay.saturating_add(Duration::from_nanos(offset)).saturating_sub(Duration::from_nanos(amount))
}

/// How many values lie in `-amount ..= amount`.
const fn span(amount: u64) -> u64 {
    amount.saturating_mul(2).saturating_add(1)
}

/// The sum of the four 16-bit numbers in `draw`, each widened to 64 bits at its middle.
const fn sum_of_four(draw: u64) -> u128 {
    let mut sum = 0;
    let mut place = 0;
    while place < 4 {
        let part = (draw >> (16 * place)) & 0xffff;
        sum += (part as u128) << 48 | 1 << 47;
        place += 1;
    }
    sum
}

/// `amount / 9 * (1 / sqrt(u) - 1)`, at most `amount`, for `u` uniform between 0 and 1.
///
/// Whole numbers only: floating-point roots and logarithms differ between machines.
fn long_tail(amount: u64, draw: u64) -> Duration {
    let root = u128::from(draw.isqrt().max(1)); // sqrt(u) * 2^32
    let ratio = (1_u128 << 48) / root; // 1 / sqrt(u) * 2^16, at least 2^16
    let scaled = u128::from(amount) * (ratio - (1 << 16)) / (9 << 16);
    Duration::from_nanos(scaled.min(u128::from(amount)) as u64)
}
