//! The ones' complement sum of the internet protocols: over slices, while copying, and incremental.
//!
//! A sum does not depend on the octet order in which it is computed (RFC 1071 §2 (B)), so the words
//! are read as the machine has them and only the folded result is put in network order. The loops
//! keep sixteen independent 64-bit lanes of 32-bit words: every compiler we know turns that into
//! vector code, no carry has to be caught inside, and no `unsafe` is needed.

/// A ones' complement sum in progress, over any number of slices of any length.
///
/// ```
/// use synack_wire::checksum::Sum;
/// let mut cut = Sum::new();
/// cut.add(&[0x12]);
/// cut.add(&[0x34, 0x56]);
/// let mut whole = Sum::new();
/// whole.add(&[0x12, 0x34, 0x56]);
/// assert_eq!(cut.checksum(), whole.checksum());
/// assert_eq!(whole.fold(), 0x1234 + 0x5600);
/// ```
///
/// Source: RFC 1071; RFC 9293 §3.1 (WIRE-5).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// The sum so far, modulo 2^64 - 1 and in the machine's octet order.
    words: u64,
    /// Whether an odd number of octets went in, so that the next one is the low half of a word.
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    pub const fn new() -> Self {
        Self { words: 0, odd: false }
    }

    /// Adds `octets` as the continuation of what was added before, odd boundaries included.
    #[inline]
    pub fn add(&mut self, octets: &[u8]) {
        self.add_partial(sum_words(octets), octets.len());
    }

    /// Copies `source` to the beginning of `destination`, adding it in the same pass.
    ///
    /// Returns what is left of `destination`, or `None`, with nothing copied or added, if it is
    /// shorter than `source`.
    pub fn add_copying<'d>(
        &mut self,
        destination: &'d mut [u8],
        source: &[u8],
    ) -> Option<&'d mut [u8]> {
        let (target, rest) = destination.split_at_mut_checked(source.len())?;
        let words = copy_and_sum_words(target, source);
        self.add_partial(words, source.len());
        Some(rest)
    }

    /// Adds four octets that begin on a word boundary. Only for headers, before any odd slice.
    #[inline]
    pub(crate) fn add_word(&mut self, octets: [u8; 4]) {
        debug_assert!(!self.odd, "header words come before an odd slice");
        self.words = add_with_carry(self.words, u64::from(u32::from_ne_bytes(octets)));
    }

    /// The sum folded to 16 bits, in network order as a number; not complemented.
    ///
    /// Zero only if every octet was zero (RFC 1624 §3).
    #[inline]
    pub const fn fold(self) -> u16 {
        u16::from_be(fold(self.words))
    }

    /// The checksum: the complement of the folded sum.
    #[inline]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }

    /// Whether octets that contain their own checksum are intact: the sum is all ones.
    #[inline]
    pub const fn is_intact(self) -> bool {
        fold(self.words) == 0xffff
    }

    #[inline]
    fn add_partial(&mut self, words: u64, len: usize) {
        let words = if self.odd { u64::from(fold(words).swap_bytes()) } else { words };
        self.words = add_with_carry(self.words, words);
        self.odd ^= len & 1 == 1;
    }
}

/// Copies `source` over `destination` and returns its sum, in one pass over the octets.
///
/// Returns `None`, with nothing copied, unless both have the same length.
///
/// ```
/// let mut copy = [0; 3];
/// let sum = synack_wire::checksum::copy_and_sum(&mut copy, &[1, 2, 3]).expect("equal lengths");
/// assert_eq!((copy, sum.fold()), ([1, 2, 3], 0x0102 + 0x0300));
/// ```
pub fn copy_and_sum(destination: &mut [u8], source: &[u8]) -> Option<Sum> {
    if destination.len() != source.len() {
        return None;
    }
    let mut sum = Sum::new();
    sum.add_copying(destination, source)?;
    Some(sum)
}

/// The checksum after one aligned 16-bit word that it covers has changed from `old` to `new`.
///
/// The same as computing it anew unless every other word covered is zero, which no packet is: then
/// the two zeros of ones' complement cannot be told apart.
///
/// Source: RFC 1624 §3, equation 3 (WIRE-20).
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = (!checksum as u64).wrapping_add(!old as u64).wrapping_add(new as u64);
    !fold(sum)
}

/// 32-bit words in a block, each with a lane of its own.
const LANES: usize = 16;
/// Octets in a block.
const BLOCK: usize = 4 * LANES;

#[inline]
fn sum_words(octets: &[u8]) -> u64 {
    let (blocks, tail) = octets.as_chunks::<BLOCK>();
    let mut sum = 0;
    if !blocks.is_empty() {
        let mut lanes = [0; LANES];
        for block in blocks {
            accumulate(&mut lanes, block);
        }
        sum = total(&lanes);
    }
    let (words, tail) = tail.as_chunks::<4>();
    for word in words {
        sum = add_with_carry(sum, u64::from(u32::from_ne_bytes(*word)));
    }
    add_with_carry(sum, last_word(tail))
}

/// Both slices have the same length.
fn copy_and_sum_words(destination: &mut [u8], source: &[u8]) -> u64 {
    let (blocks, tail) = source.as_chunks::<BLOCK>();
    let (block_copies, tail_copy) = destination.as_chunks_mut::<BLOCK>();
    let mut lanes = [0; LANES];
    for (block, copy) in blocks.iter().zip(block_copies) {
        *copy = *block;
        accumulate(&mut lanes, block);
    }
    tail_copy.copy_from_slice(tail);
    add_with_carry(total(&lanes), sum_words(tail))
}

#[inline]
fn accumulate(lanes: &mut [u64; LANES], block: &[u8; BLOCK]) {
    let (words, _) = block.as_chunks::<4>();
    for (lane, word) in lanes.iter_mut().zip(words) {
        // A lane wraps after 2^32 blocks, which is 256 GiB in one slice.
        *lane = lane.wrapping_add(u64::from(u32::from_ne_bytes(*word)));
    }
}

#[inline]
fn total(lanes: &[u64; LANES]) -> u64 {
    lanes.iter().fold(0, |sum, lane| add_with_carry(sum, *lane))
}

/// Up to three octets as a word, padded on the right with zeros (WIRE-5).
#[inline]
fn last_word(octets: &[u8]) -> u64 {
    let word = match *octets {
        [] => return 0,
        [a] => [a, 0, 0, 0],
        [a, b] => [a, b, 0, 0],
        [a, b, c, ..] => [a, b, c, 0],
    };
    u64::from(u32::from_ne_bytes(word))
}

/// Addition modulo 2^64 - 1: ones' complement addition of 64 bits (RFC 1071 §2 (C)).
#[inline]
const fn add_with_carry(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(carry as u64)
}

/// Folds a sum to 16 bits, keeping it modulo 2^16 - 1; zero stays the only preimage of zero.
#[inline]
const fn fold(words: u64) -> u16 {
    // Each step adds two halves of the bits left, so the second one of each size has no carry.
    let words = (words & 0xffff_ffff).wrapping_add(words >> 32);
    let words = (words & 0xffff_ffff).wrapping_add(words >> 32);
    let words = (words & 0xffff).wrapping_add(words >> 16);
    let words = (words & 0xffff).wrapping_add(words >> 16);
    #[allow(clippy::cast_possible_truncation, reason = "two folds by 16 leave at most 16 bits")]
    let folded = words as u16;
    folded
}

#[cfg(test)]
mod tests;
