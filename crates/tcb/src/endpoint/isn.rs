//! What a connection begins with: initial sequence number, timestamp offset, flow label.

use synack_wire::SeqNum;

use crate::keyed_hash::{KeyedHash, Purpose};
use crate::{FourTuple, Instant};

/// The functions that give a connection its first numbers. The keys live as long as the endpoint
/// (ISN-7).
#[derive(Clone, Debug)]
pub(super) struct FirstNumbers {
    sequence: KeyedHash,
    timestamp: KeyedHash,
    label: KeyedHash,
}

impl FirstNumbers {
    /// The functions of this secret (ISN-3, ISN-6).
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self {
            sequence: KeyedHash::derive(secret, Purpose::InitialSequenceNumber),
            timestamp: KeyedHash::derive(secret, Purpose::TimestampOffset),
            label: KeyedHash::derive(secret, Purpose::FlowLabel),
        }
    }

    /// ISN = M + F(four-tuple, secret), where M ticks every 4 microseconds.
    ///
    /// Source: RFC 9293 §3.4.1 (ISN-1, ISN-2); RFC 6528 §3.
    pub(super) fn isn(&self, now: Instant, path: &FourTuple) -> SeqNum {
        let ticks = now.as_nanos() / TICK_NANOS;
        // Both wrap at 2^32, by design.
        SeqNum::new(self.sequence.of(&path.key_octets()) as u32) + ticks as u32
    }

    /// The ISN of a connection on a four-tuple that ended just now: above every number that was
    /// used there, and not to be guessed from the last one.
    ///
    /// Source: RFC 9293 §3.6.1 (TW-11).
    pub(super) fn isn_above(&self, now: Instant, path: &FourTuple, last: SeqNum) -> SeqNum {
        let isn = self.isn(now, path);
        if isn > last {
            return isn;
        }
        // The clock ticks slower than the connection sent, or time stood still.
        let spread = self.sequence.of(&now.as_nanos().to_be_bytes()) as u32 % ABOVE_SPREAD;
        last + 1 + spread
    }

    /// What the timestamp clock of this four-tuple adds to the milliseconds of the endpoint's: the
    /// same for each connection on it, so that TSval keeps growing from one to the next.
    ///
    /// Source: RFC 7323 §5.4, §7.1 (TS-14, TRAP-65).
    pub(super) fn timestamp_offset(&self, path: &FourTuple) -> u32 {
        self.timestamp.of(&path.key_octets()) as u32
    }

    /// The flow label, never zero for IPv6, which means none.
    ///
    /// Source: RFC 6437 §3 (IP-2).
    pub(super) fn flow_label(&self, path: &FourTuple) -> u32 {
        if !path.is_ipv6() {
            return 0;
        }
        (self.label.of(&path.key_octets()) as u32 % FLOW_LABEL_MAX) + 1
    }
}

/// RFC 9293 §3.4.1.
const TICK_NANOS: u64 = 4_000;

/// How far above the last number of the connection before the new one may begin. Units: octets.
const ABOVE_SPREAD: u32 = 1 << 16;

/// 20 bits (RFC 6437 §2).
const FLOW_LABEL_MAX: u32 = 0xf_ffff;

#[cfg(test)]
mod tests;
