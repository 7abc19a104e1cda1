//! TCP options as a fixed structure: each kind at most once, no allocation, one order on the wire.

use core::time::Duration;

use arrayvec::ArrayVec;

use crate::SackBlocks;

/// Octets that options and padding may take: a data offset of 15 words less the fixed header.
///
/// Source: RFC 9293 §3.1 (WIRE-11).
pub const OPTIONS_LEN_MAX: usize = 40;

/// The options of one segment.
///
/// Values are as on the wire: nothing is clamped or judged here, which is `tcb`'s business.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Maximum Segment Size, kind 2 (RFC 9293 §3.7.1).
    pub mss: Option<u16>,
    /// Window Scale shift, kind 3 (RFC 7323 §2).
    pub window_scale: Option<u8>,
    /// SACK-Permitted, kind 4 (RFC 2018 §2).
    pub sack_permitted: bool,
    /// Timestamps, kind 8 (RFC 7323 §3).
    pub timestamps: Option<Timestamps>,
    /// SACK blocks, kind 5 (RFC 2018 §3); none means that the option is absent.
    pub sack: SackBlocks,
    /// User Timeout, kind 28 (RFC 5482 §3).
    pub user_timeout: Option<UserTimeout>,
    /// Fast Open, kind 34 (RFC 7413 §4.1.1); empty asks for a cookie.
    pub fast_open: Option<FastOpenCookie>,
    /// Accurate ECN counters, kinds 172 and 174 (RFC 9768 §3.2.3).
    pub accurate_ecn: Option<AccurateEcnCounters>,
}

impl Options {
    /// Octets that the options take in a header, padding included: a multiple of 4.
    ///
    /// More than [`OPTIONS_LEN_MAX`] when they do not fit; emitting such a segment is refused.
    pub fn encoded_len(&self) -> usize {
        let mut len = 0;
        len += if self.mss.is_some() { 4 } else { 0 };
        // SACK-Permitted takes the two octets of padding that Timestamps would otherwise need.
        len += match (self.sack_permitted, self.timestamps.is_some()) {
            (false, false) => 0,
            (true, false) => 4,
            (_, true) => 12,
        };
        len += if self.window_scale.is_some() { 4 } else { 0 };
        len += if self.user_timeout.is_some() { 4 } else { 0 };
        len += if self.sack.is_empty() { 0 } else { 4 + 8 * self.sack.len() };
        len += self.accurate_ecn.map_or(0, |counters| counters.encoded_len().next_multiple_of(4));
        len += self.fast_open.as_ref().map_or(0, |c| (2 + c.len()).next_multiple_of(4));
        len
    }
}

/// The two values of a Timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamps {
    /// TSval: the sender's timestamp clock.
    pub value: u32,
    /// TSecr: the timestamp echoed; significant only with ACK.
    pub echo: u32,
}

/// The 16 bits of a User Timeout option: one granularity bit and fifteen of value (RFC 5482 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserTimeout(u16);

impl UserTimeout {
    /// The field as on the wire.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The nearest value not below `timeout` that the field can say, minutes from 32,768 s on.
    pub fn from_duration(timeout: Duration) -> Self {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        if seconds <= 0x7fff {
            return Self(seconds as u16);
        }
        Self(0x8000 | seconds.div_ceil(60).min(0x7fff) as u16)
    }

    /// The field as on the wire.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The time that the field says; zero is for the receiver to ignore (UTO-8).
    pub const fn duration(self) -> Duration {
        let value = (self.0 & 0x7fff) as u64;
        Duration::from_secs(if self.0 & 0x8000 == 0 { value } else { value * 60 })
    }
}

/// A Fast Open cookie: empty (a request), or 4 to 16 octets (RFC 7413 §4.1.1).
pub type FastOpenCookie = ArrayVec<u8, 16>;

/// The 24-bit counters of an Accurate ECN option, in either order (RFC 9768 §3.2.3).
///
/// An option may leave out its later counters; those are `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccurateEcnCounters {
    /// Whether the option is of order 1 (kind 174: ECT(1), CE, ECT(0)) and not 0 (kind 172: ECT(0),
    /// CE, ECT(1)).
    pub order_1: bool,
    /// Octets received with ECT(0), modulo 2^24.
    pub ect0: Option<u32>,
    /// Octets received with CE, modulo 2^24.
    pub ce: Option<u32>,
    /// Octets received with ECT(1), modulo 2^24.
    pub ect1: Option<u32>,
}

impl AccurateEcnCounters {
    /// Octets of the option, without padding.
    pub fn encoded_len(&self) -> usize {
        2 + 3 * [self.ect0, self.ce, self.ect1].iter().flatten().count()
    }
}
