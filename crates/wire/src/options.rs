//! TCP options as a fixed structure: each kind at most once, no allocation, one order on the wire.

use core::time::Duration;

use arrayvec::ArrayVec;

use crate::{EmitError, OptionFault, SackBlocks, SeqNum, SeqRange};

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
    /// Reads the octets between the fixed header and the data, padding included.
    ///
    /// The walk ends at End of Option List (WIRE-13) or at an illegal length; what was read before
    /// stands, and the first fault is returned to be counted (DEC-11). Unknown kinds are skipped by
    /// their length (MUST-6, MUST-68), the first of duplicates wins (WIRE-14), and a known kind of
    /// a wrong length is absent (WIRE-15).
    ///
    /// Source: RFC 9293 §3.1, §3.2 (MUST-4..MUST-7).
    pub fn parse(octets: &[u8]) -> (Self, Option<OptionFault>) {
        let mut options = Self::default();
        let fault = options.walk(octets);
        (options, fault)
    }

    /// [`parse`](Self::parse) of what nearly every segment carries: nothing, or Timestamps alone in
    /// the layout of RFC 7323 Appendix A. `None` for anything else.
    ///
    /// A value made in one expression, which is why it is worth having: it is never copied.
    #[inline(always)]
    pub(crate) fn parse_usual(octets: &[u8]) -> Option<Self> {
        if octets.is_empty() {
            return Some(Self::default());
        }
        match <&[u8; 12]>::try_from(octets) {
            Ok([NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, rest @ ..]) => {
                let timestamps = Some(Timestamps::from_octets(rest));
                Some(Self { timestamps, ..Self::default() })
            }
            _ => None,
        }
    }

    /// Walks at most 40 octets, at least one a step.
    fn walk(&mut self, mut octets: &[u8]) -> Option<OptionFault> {
        let mut fault = None;
        loop {
            let (kind, length) = match *octets {
                [] | [END_OF_LIST, ..] => return fault,
                [NO_OPERATION, ref rest @ ..] => {
                    octets = rest;
                    continue;
                }
                [_] => return fault.or(Some(OptionFault::PastHeader)),
                [_, 0 | 1, ..] => return fault.or(Some(OptionFault::IllegalLength)),
                [kind, length, ..] => (kind, usize::from(length)),
            };
            let Some((option, rest)) = octets.split_at_checked(length) else {
                return fault.or(Some(OptionFault::PastHeader));
            };
            let value = option.get(2..).unwrap_or_default();
            let wrong = self.take(kind, value).err();
            fault = fault.or(wrong);
            octets = rest;
        }
    }

    /// Takes one option in, unless one of its kind came before. `value` is without kind and length.
    fn take(&mut self, kind: u8, value: &[u8]) -> Result<(), OptionFault> {
        match kind {
            MSS => first(&mut self.mss, u16::from_be_bytes(exact(value)?)),
            WINDOW_SCALE => first(&mut self.window_scale, u8::from_be_bytes(exact(value)?)),
            SACK_PERMITTED => {
                let [] = exact(value)?;
                self.sack_permitted = true;
            }
            SACK => {
                let blocks = sack_blocks(value)?;
                if self.sack.is_empty() {
                    self.sack = blocks;
                }
            }
            TIMESTAMPS => first(&mut self.timestamps, Timestamps::from_octets(&exact(value)?)),
            USER_TIMEOUT => {
                first(&mut self.user_timeout, UserTimeout(u16::from_be_bytes(exact(value)?)));
            }
            FAST_OPEN => first(&mut self.fast_open, cookie(value)?),
            ACCURATE_ECN_0 | ACCURATE_ECN_1 => {
                first(&mut self.accurate_ecn, AccurateEcnCounters::parse(kind, value));
            }
            _ => {}
        }
        Ok(())
    }

    /// The options as they go on the wire, padded to a multiple of 4 octets.
    ///
    /// In Linux's order, so that a peer or a middlebox meets what it knows: MSS, SACK-Permitted,
    /// Timestamps, Window Scale, User Timeout, SACK, Accurate ECN, Fast Open. All values lie on the
    /// boundaries that RFC 7323 Appendix A wants (WIRE-17).
    ///
    /// # Errors
    /// `OptionsLength` if they take more than [`OPTIONS_LEN_MAX`]; nothing is left out to make them
    /// fit (WIRE-11). `FastOpenCookie` or `AccurateEcnCounters` if that option cannot say its
    /// value.
    pub fn encode(&self) -> Result<EncodedOptions, EmitError> {
        let mut octets = EncodedOptions::new();
        self.encode_into(&mut octets)?;
        debug_assert_eq!(octets.len(), self.encoded_len());
        Ok(octets)
    }

    /// The Timestamps option, if it is the only one.
    #[inline]
    pub(crate) fn only_timestamps(&self) -> Option<Timestamps> {
        let Self { mss, window_scale, sack_permitted, timestamps, sack, .. } = self;
        let Self { user_timeout, fast_open, accurate_ecn, .. } = self;
        let has_others = mss.is_some()
            || window_scale.is_some()
            || *sack_permitted
            || !sack.is_empty()
            || user_timeout.is_some()
            || fast_open.is_some()
            || accurate_ecn.is_some();
        timestamps.filter(|_| !has_others)
    }

    fn encode_into(&self, octets: &mut EncodedOptions) -> Result<(), EmitError> {
        if let Some(mss) = self.mss {
            let [high, low] = mss.to_be_bytes();
            push(octets, &[MSS, 4, high, low])?;
        }
        match (self.sack_permitted, self.timestamps) {
            (true, None) => push(octets, &[NO_OPERATION, NO_OPERATION, SACK_PERMITTED, 2])?,
            (true, Some(_)) => push(octets, &[SACK_PERMITTED, 2])?,
            (false, Some(_)) => push(octets, &[NO_OPERATION, NO_OPERATION])?,
            (false, None) => {}
        }
        if let Some(timestamps) = self.timestamps {
            let [_, _, option @ ..] = timestamps.encode_alone();
            push(octets, &option)?;
        }
        if let Some(shift) = self.window_scale {
            push(octets, &[NO_OPERATION, WINDOW_SCALE, 3, shift])?;
        }
        if let Some(timeout) = self.user_timeout {
            let [high, low] = timeout.bits().to_be_bytes();
            push(octets, &[USER_TIMEOUT, 4, high, low])?;
        }
        encode_sack(&self.sack, octets)?;
        if let Some(counters) = &self.accurate_ecn {
            counters.encode(octets)?;
        }
        match &self.fast_open {
            Some(cookie) => encode_cookie(cookie, octets),
            None => Ok(()),
        }
    }

    /// Octets that the options take in a header, padding included: a multiple of 4.
    ///
    /// More than [`OPTIONS_LEN_MAX`] when they do not fit; emitting such a segment is refused.
    #[allow(clippy::arithmetic_side_effects, reason = "eight terms, none above 40")]
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

/// Options as octets, padding included.
pub type EncodedOptions = ArrayVec<u8, OPTIONS_LEN_MAX>;

/// The two values of a Timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamps {
    /// TSval: the sender's timestamp clock.
    pub value: u32,
    /// TSecr: the timestamp echoed; significant only with ACK.
    pub echo: u32,
}

impl Timestamps {
    #[inline]
    fn from_octets(octets: &[u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = *octets;
        Self { value: u32::from_be_bytes([a, b, c, d]), echo: u32::from_be_bytes([e, f, g, h]) }
    }

    /// The option with its padding, as it stands when it is the only one (WIRE-17).
    #[inline]
    pub(crate) fn encode_alone(self) -> [u8; 12] {
        let ([a, b, c, d], [e, f, g, h]) = (self.value.to_be_bytes(), self.echo.to_be_bytes());
        [NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, a, b, c, d, e, f, g, h]
    }
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
        let seconds = timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0));
        match u16::try_from(seconds) {
            Ok(seconds @ ..=0x7fff) => Self(seconds),
            _ => {
                Self(0x8000 | u16::try_from(seconds.div_ceil(60)).map_or(0x7fff, |n| n.min(0x7fff)))
            }
        }
    }

    /// The field as on the wire.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The time that the field says; zero is for the receiver to ignore (UTO-8).
    pub const fn duration(self) -> Duration {
        let value = (self.0 & 0x7fff) as u64;
        Duration::from_secs(if self.0 & 0x8000 == 0 { value } else { value.saturating_mul(60) })
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
    #[allow(clippy::arithmetic_side_effects, reason = "at most three counters")]
    pub fn encoded_len(&self) -> usize {
        2 + 3 * [self.ect0, self.ce, self.ect1].iter().flatten().count()
    }

    /// From an option of either kind; `value` is without kind and length. What is behind the
    /// counters that fit, and behind the third, is padding (RFC 9768 §3.2.3, ACCECN-16).
    fn parse(kind: u8, value: &[u8]) -> Self {
        let (counters, _) = value.as_chunks::<3>();
        let mut counters = counters
            .iter()
            .map(|[high, middle, low]| u32::from_be_bytes([0, *high, *middle, *low]));
        let (first, ce, last) = (counters.next(), counters.next(), counters.next());
        let order_1 = kind == ACCURATE_ECN_1;
        let (ect0, ect1) = if order_1 { (last, first) } else { (first, last) };
        Self { order_1, ect0, ce, ect1 }
    }

    /// Only the low 24 bits of a counter are written: that is how they are counted.
    fn encode(&self, octets: &mut EncodedOptions) -> Result<(), EmitError> {
        let (kind, counters) = match self.order_1 {
            false => (ACCURATE_ECN_0, [self.ect0, self.ce, self.ect1]),
            true => (ACCURATE_ECN_1, [self.ect1, self.ce, self.ect0]),
        };
        let present = counters.iter().take_while(|counter| counter.is_some()).count();
        if counters.iter().skip(present).any(Option::is_some) {
            return Err(EmitError::AccurateEcnCounters);
        }
        push(octets, &[kind, len_octet(self.encoded_len())?])?;
        for counter in counters.into_iter().flatten() {
            let [_, counter @ ..] = counter.to_be_bytes();
            push(octets, &counter)?;
        }
        pad(octets)
    }
}

/// Keeps `value` if nothing was there before: the first of duplicates wins (WIRE-14).
#[inline]
fn first<T>(place: &mut Option<T>, value: T) {
    if place.is_none() {
        *place = Some(value);
    }
}

/// The value of an option that has exactly `N` octets of it.
#[inline]
fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], OptionFault> {
    value.try_into().map_err(|_| OptionFault::WrongLength)
}

/// One to four blocks (RFC 2018 §3).
fn sack_blocks(value: &[u8]) -> Result<SackBlocks, OptionFault> {
    let (edges, rest) = value.as_chunks::<8>();
    if !rest.is_empty() || edges.is_empty() {
        return Err(OptionFault::WrongLength);
    }
    let mut blocks = SackBlocks::new();
    for [a, b, c, d, e, f, g, h] in edges {
        let start = SeqNum::new(u32::from_be_bytes([*a, *b, *c, *d]));
        let end = SeqNum::new(u32::from_be_bytes([*e, *f, *g, *h]));
        blocks.try_push(SeqRange::new(start, end)).map_err(|_| OptionFault::WrongLength)?;
    }
    Ok(blocks)
}

fn encode_sack(blocks: &SackBlocks, octets: &mut EncodedOptions) -> Result<(), EmitError> {
    if blocks.is_empty() {
        return Ok(());
    }
    let len = blocks.len().saturating_mul(8).saturating_add(2);
    push(octets, &[NO_OPERATION, NO_OPERATION, SACK, len_octet(len)?])?;
    for block in blocks {
        push(octets, &block.start.get().to_be_bytes())?;
        push(octets, &block.end.get().to_be_bytes())?;
    }
    Ok(())
}

/// A request, or a cookie of 4 to 16 octets, an even number of them (TFO-2).
fn is_legal_cookie(cookie: &[u8]) -> bool {
    cookie.is_empty() || (4..=16).contains(&cookie.len()) && cookie.len().is_multiple_of(2)
}

fn cookie(value: &[u8]) -> Result<FastOpenCookie, OptionFault> {
    if !is_legal_cookie(value) {
        return Err(OptionFault::WrongLength);
    }
    value.try_into().map_err(|_| OptionFault::WrongLength)
}

fn encode_cookie(cookie: &FastOpenCookie, octets: &mut EncodedOptions) -> Result<(), EmitError> {
    if !is_legal_cookie(cookie) {
        return Err(EmitError::FastOpenCookie);
    }
    push(octets, &[FAST_OPEN, len_octet(cookie.len().saturating_add(2))?])?;
    push(octets, cookie)?;
    pad(octets)
}

#[inline]
fn push(octets: &mut EncodedOptions, more: &[u8]) -> Result<(), EmitError> {
    octets.try_extend_from_slice(more).map_err(|_| EmitError::OptionsLength)
}

/// Pads the option written last to a multiple of 4 octets.
fn pad(octets: &mut EncodedOptions) -> Result<(), EmitError> {
    while !octets.len().is_multiple_of(4) {
        push(octets, &[NO_OPERATION])?;
    }
    Ok(())
}

fn len_octet(len: usize) -> Result<u8, EmitError> {
    u8::try_from(len).map_err(|_| EmitError::OptionsLength)
}

// Option kinds (WIRE-16).
const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const USER_TIMEOUT: u8 = 28;
const FAST_OPEN: u8 = 34;
const ACCURATE_ECN_0: u8 = 172;
const ACCURATE_ECN_1: u8 = 174;

#[cfg(test)]
mod tests;
