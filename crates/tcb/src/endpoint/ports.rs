//! Ephemeral ports (RFC 6056).

use crate::Shard;
use crate::keyed_hash::Draws;

/// Draws ports at random, each as likely as any other.
///
/// RFC 6056 §3.3.1 with the keyed sequence for its random numbers. The algorithms that count
/// upwards for each destination (3 and 4) or for all (5) use a port again later, which matters to
/// peers that hold TIME-WAIT; but who sees one port then knows the next, and B7 asks that no one
/// does. Four-tuples that are in TIME-WAIT on this side are passed over anyway.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    low: u16,
    high: u16,
    draws: Draws,
    /// Ports drawn before they are counted through.
    draws_max: u32,
}

impl Ports {
    /// Ports from `range.0` to `range.1`, both included, for one of some shards; port 0 is none.
    pub(super) fn new(range: (u16, u16), draws: Draws, shard: Shard) -> Self {
        let low = range.0.min(range.1).max(1);
        let draws_max = DRAWS * u32::from(shard.count().get());
        Self { low, high: range.0.max(range.1).max(low), draws, draws_max }
    }

    /// A port that `is_free`; `None` if none is.
    ///
    /// A few are drawn; when most are taken, the next free one after a drawn one is found by
    /// counting, which each port has its turn in (OPEN-12).
    pub(super) fn draw(&mut self, is_free: impl Fn(u16) -> bool) -> Option<u16> {
        let count = u32::from(self.high - self.low) + 1;
        for _ in 0..self.draws_max {
            let offset = self.draws.below(count);
            let port = self.port(offset);
            if is_free(port) {
                return Some(port);
            }
        }
        let start = self.draws.below(count);
        (0..count).map(|step| self.port((start + step) % count)).find(|port| is_free(*port))
    }

    fn port(&self, offset: u32) -> u16 {
        // Below 65,536 by the choice of `count`.
        self.low + offset as u16
    }
}

/// Ports drawn for each shard before they are counted through: with half of them taken, one draw
/// in 256 fails. Of several shards, one in so many ports is a shard's own.
const DRAWS: u32 = 8;

#[cfg(test)]
mod tests;
