//! The ones' complement sum of the internet protocols: over slices, while copying, and incremental.
//!
//! A sum does not depend on the octet order in which it is computed (RFC 1071 §2 (B)), so the words
//! are read as the machine has them and only the folded result is put in network order. The loop
//! over long slices needs no carry, so that compilers turn it into vector code without `unsafe`.

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

    /// Adds `octets`, less than 16 GiB, as the continuation of what was added before, odd
    /// boundaries included.
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

/// Octets in a block of the fast loop: eight words of 64 bits, each with lanes of its own.
const BLOCK: usize = 64;

/// The sums of eight columns of 64-bit words, without a carry to catch.
///
/// Each column adds up its words modulo 2^64 and, apart, their high halves. In less than 2^31
/// words, 16 GiB, neither all high halves nor all low halves pass 2^63, so the sum of the low ones
/// is what is left of the words' sum without the high ones'. That is one operation a word less than
/// to widen both halves, and it is the form of `total`, sums first, that lets compilers see vectors
/// in `add`.
#[derive(Default)]
struct Columns {
    words: [u64; BLOCK / 8],
    high_halves: [u64; BLOCK / 8],
}

impl Columns {
    #[inline]
    fn add(&mut self, block: &[u8; BLOCK]) {
        let (words, _) = block.as_chunks::<8>();
        let columns = self.words.iter_mut().zip(&mut self.high_halves);
        for ((sum, high_halves), word) in columns.zip(words) {
            let word = u64::from_ne_bytes(*word);
            *sum = sum.wrapping_add(word);
            *high_halves = high_halves.wrapping_add(word >> 32);
        }
    }

    #[inline]
    fn total(&self) -> u64 {
        let words = self.words.iter().fold(0_u64, |total, sum| total.wrapping_add(*sum));
        let high_halves =
            self.high_halves.iter().fold(0_u64, |total, sum| total.wrapping_add(*sum));
        let low_halves = words.wrapping_sub(high_halves << 32);
        low_halves.wrapping_add(high_halves)
    }
}

#[inline]
fn sum_words(octets: &[u8]) -> u64 {
    let (blocks, tail) = octets.as_chunks::<BLOCK>();
    if blocks.is_empty() {
        return sum_tail(tail);
    }
    add_with_carry(sum_blocks(blocks), sum_tail(tail))
}

/// Both slices have the same length.
#[inline]
fn copy_and_sum_words(destination: &mut [u8], source: &[u8]) -> u64 {
    let (blocks, tail) = source.as_chunks::<BLOCK>();
    let (block_copies, tail_copy) = destination.as_chunks_mut::<BLOCK>();
    tail_copy.copy_from_slice(tail);
    if blocks.is_empty() {
        return sum_tail(tail);
    }
    add_with_carry(copy_and_sum_blocks(block_copies, blocks), sum_tail(tail))
}

// Not inlined, as are both of these: in the midst of other code compilers see no vectors.
#[inline(never)]
fn sum_blocks(blocks: &[[u8; BLOCK]]) -> u64 {
    let mut columns = Columns::default();
    for block in blocks {
        columns.add(block);
    }
    columns.total()
}

#[inline(never)]
fn copy_and_sum_blocks(copies: &mut [[u8; BLOCK]], blocks: &[[u8; BLOCK]]) -> u64 {
    let mut columns = Columns::default();
    for (block, copy) in blocks.iter().zip(copies) {
        // In this order: with the copy first, compilers see no vectors either.
        columns.add(block);
        *copy = *block;
    }
    columns.total()
}

/// The sum of what is left behind the last block.
#[inline]
fn sum_tail(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<8>();
    let mut sum: u64 = 0;
    for word in words {
        sum = add_with_carry(sum, u64::from_ne_bytes(*word));
    }
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        sum = add_with_carry(sum, u64::from(u32::from_ne_bytes(*word)));
    }
    add_with_carry(sum, last_word(rest))
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
