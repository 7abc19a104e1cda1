//! Keyed hashes, and numbers no one can guess: all from the one secret of an endpoint.

use core::fmt;

use siphasher::sip::{SipHasher13, SipHasher24};
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher24Wide};

use crate::Shard;

/// What a key is for. Each purpose has a key of its own, so that what one hash shows tells nothing
/// of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The place of a four-tuple in a table.
    Demux,
    /// Initial sequence numbers (RFC 6528 §3).
    InitialSequenceNumber,
    /// Offsets to the timestamp clock (TS-14).
    TimestampOffset,
    /// Flow labels (RFC 6437 §3).
    FlowLabel,
    /// Ephemeral ports (RFC 6056 §3).
    Ports,
    /// How many resets a second may see (robustness A11).
    Resets,
    /// SYN cookies (RFC 4987 App. A).
    Cookies,
    /// Whose of several shards a four-tuple is.
    Shards,
}

/// A pseudo-random function with a key of 128 bits (ISN-3, SYNC-9).
///
/// The key is never shown, not even by `Debug`, and lives as long as its owner (ISN-7).
#[derive(Clone, Copy)]
pub(crate) struct KeyedHash {
    key: [u64; 2],
}

impl KeyedHash {
    /// The function for one purpose, derived from the secret of the endpoint.
    pub(crate) fn derive(secret: &[u8; 32], purpose: Purpose) -> Self {
        let mut halves = [0; 4];
        for (half, octets) in halves.iter_mut().zip(secret.chunks_exact(8)) {
            *half = octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
        }
        let [k0, k1, k2, k3] = halves;
        let mut message = [0; 17];
        message[..8].copy_from_slice(&k2.to_be_bytes());
        message[8..16].copy_from_slice(&k3.to_be_bytes());
        message[16] = purpose as u8;
        let mut hasher = SipHasher24Wide::new_with_keys(k0, k1);
        core::hash::Hasher::write(&mut hasher, &message);
        let wide = hasher.finish128();
        Self { key: [wide.h1, wide.h2] }
    }

    /// SipHash-2-4: for what a peer sees.
    pub(crate) fn of(&self, octets: &[u8]) -> u64 {
        SipHasher24::new_with_keys(self.key[0], self.key[1]).hash(octets)
    }

    /// SipHash-1-3: for tables, where only the order of entries depends on it (robustness G1).
    pub(crate) fn for_table(&self, octets: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.key[0], self.key[1]).hash(octets)
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(secret)")
    }
}

/// A sequence of numbers no one can guess, the same for the same secret.
#[derive(Clone, Debug)]
pub(crate) struct Draws {
    hash: KeyedHash,
    drawn: u64,
}

impl Draws {
    /// The sequence of one purpose, for one shard: shards that draw with the same key have no
    /// number in common, so what one shows tells nothing of another.
    pub(crate) fn new(hash: KeyedHash, shard: Shard) -> Self {
        Self { hash, drawn: (shard.index() as u64) << 48 }
    }

    /// A number below `bound`; 0 if that is 0.
    ///
    /// The bias of the reduction is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.drawn = self.drawn.wrapping_add(1);
        let number = self.hash.of(&self.drawn.to_be_bytes());
        ((u128::from(number) * u128::from(bound)) >> 64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn isn_3_sync_9_every_purpose_and_every_secret_has_a_function_of_its_own() {
        let one = KeyedHash::derive(&[1; 32], Purpose::Demux);
        let other_purpose = KeyedHash::derive(&[1; 32], Purpose::Cookies);
        let mut secret = [1; 32];
        secret[31] = 2;
        let other_secret = KeyedHash::derive(&secret, Purpose::Demux);
        assert_ne!(one.of(b"x"), other_purpose.of(b"x"));
        assert_ne!(one.of(b"x"), other_secret.of(b"x"), "every octet of the secret counts");
        assert_ne!(one.of(b"x"), one.for_table(b"x"));
        assert_eq!(one.of(b"x"), KeyedHash::derive(&[1; 32], Purpose::Demux).of(b"x"));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(
            format!("{:?}", KeyedHash::derive(&[1; 32], Purpose::Demux)),
            "KeyedHash(secret)"
        );
    }

    #[test]
    fn draws_are_below_the_bound_and_spread_evenly() {
        let mut draws = Draws::new(KeyedHash::derive(&[7; 32], Purpose::Ports), Shard::ONLY);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[draws.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!(draws.below(0), 0);
    }
}
