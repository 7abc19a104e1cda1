//! Ephemeral ports, and four-tuples that a reset keeps from an active open for a while.

use core::time::Duration;

use super::expiry_table::ExpiryTable;
use crate::keyed_hash::{Draws, KeyedHash};
use crate::{FourTuple, Instant};

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
}

impl Ports {
    /// Ports from `range.0` to `range.1`, both included; port 0 is none.
    pub(super) fn new(range: (u16, u16), draws: Draws) -> Self {
        let low = range.0.min(range.1).max(1);
        Self { low, high: range.0.max(range.1).max(low), draws }
    }

    /// A port that `is_free`; `None` if none is.
    ///
    /// A few are drawn; when most are taken, the next free one after a drawn one is found by
    /// counting, which each port has its turn in (OPEN-12).
    pub(super) fn draw(&mut self, is_free: impl Fn(u16) -> bool) -> Option<u16> {
        let count = u32::from(self.high - self.low) + 1;
        for _ in 0..DRAWS {
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

/// Four-tuples whose connection we reset: not for an active open before a second is over, as the
/// peer may not have seen the reset yet.
///
/// Source: DEC-7; RFC 9293 §3.5.2.
#[derive(Clone, Debug)]
pub(super) struct Quarantine {
    table: ExpiryTable<()>,
}

impl Quarantine {
    pub(super) fn new(hash: KeyedHash) -> Self {
        Self { table: ExpiryTable::new(hash, QUARANTINED_MAX) }
    }

    /// Keeps `path` from active opens for a second. At the bound the oldest is let go.
    pub(super) fn insert(&mut self, now: Instant, path: FourTuple) {
        self.expire(now);
        let _ = self.table.insert(path, now + QUARANTINE, ());
    }

    /// Whether an active open on `path` must wait, as of the last [`expire`](Self::expire).
    pub(super) fn holds(&self, path: &FourTuple) -> bool {
        self.table.get(path).is_some()
    }

    /// Lets go whose second is over. It runs when someone asks, not by a timer: nothing is to be
    /// done at that moment.
    pub(super) fn expire(&mut self, now: Instant) {
        self.table.expire(now);
    }
}

/// Ports drawn before they are counted through: with half of them taken, one draw in 256 fails.
const DRAWS: u32 = 8;

/// DEC-7.
const QUARANTINE: Duration = Duration::from_secs(1);

/// Bound of the memory that resets take.
const QUARANTINED_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
