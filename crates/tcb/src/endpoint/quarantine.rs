//! Four-tuples that a reset keeps from an active open for a while.

use core::time::Duration;

use super::expiry_table::ExpiryTable;
use crate::keyed_hash::KeyedHash;
use crate::{FourTuple, Instant};

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

/// DEC-7.
const QUARANTINE: Duration = Duration::from_secs(1);

/// Bound of the memory that resets take.
const QUARANTINED_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed_hash::Purpose;

    #[test]
    fn dec_7_a_reset_four_tuple_is_free_after_a_second() {
        let path =
            |port: u16| FourTuple::new(([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 80).into());
        let mut quarantine = Quarantine::new(KeyedHash::derive(&[5; 32], Purpose::Demux));
        let at = Instant::from_millis;
        quarantine.insert(at(1_000), path(1));
        quarantine.expire(at(1_999));
        assert!(quarantine.holds(&path(1)) && !quarantine.holds(&path(2)));
        quarantine.expire(at(2_000));
        assert!(!quarantine.holds(&path(1)));
        for port in 0..=u16::MAX {
            quarantine.insert(at(3_000), path(port));
        }
        assert_eq!(quarantine.table.len(), QUARANTINED_MAX);
    }
}
