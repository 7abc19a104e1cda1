//! Damage: what corruption, truncation and padding do to the octets of a packet.

use crate::dice::{Detail, Dice, Roll, Rolls};
use crate::{Corruption, LinkConfig, LinkStats, Packet};
use alloc::vec::Vec;

/// What a link changed about a delivered packet.
///
/// A test that checks content asks here whether a difference was the link's doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Alterations {
    /// Bits were inverted.
    pub bits_flipped: bool,
    /// Two octets changed places.
    pub bytes_swapped: bool,
    /// Two 16-bit words changed places; a checksum over both does not show it.
    pub words_swapped: bool,
    /// It was cut short.
    pub truncated: bool,
    /// Octets were added behind its end.
    pub padded: bool,
    /// It was marked with Congestion Experienced.
    pub ce_marked: bool,
    /// It is a copy made by duplication.
    pub is_copy: bool,
}

impl Alterations {
    /// Whether octets changed other than by an ECN mark.
    pub const fn is_corrupted(&self) -> bool {
        self.bits_flipped || self.bytes_swapped || self.words_swapped
    }
}

/// Damages the packet with number `nth` as `config` and its draws demand, and counts it.
pub(crate) fn damage<P: Packet>(
    packet: &mut P,
    nth: u64,
    rolls: &Rolls,
    config: &LinkConfig,
    dice: &mut Dice,
    stats: &mut LinkStats,
) -> Alterations {
    let mut done = Alterations::default();
    if !wants_damage(config, rolls) {
        return done;
    }
    packet.edit(|octets| {
        corrupt(octets, nth, rolls, &config.corruption, dice, &mut done);
        if config.truncation.hits(rolls.of(Roll::Truncation)) {
            done.truncated = truncate(octets, nth, dice);
        }
        if let Some(padding) = config.padding
            && padding.probability.hits(rolls.of(Roll::Padding))
        {
            done.padded = pad(octets, padding.bytes_max, nth, dice);
        }
    });
    stats.corrupted += u64::from(done.is_corrupted());
    stats.truncated += u64::from(done.truncated);
    stats.padded += u64::from(done.padded);
    done
}

/// Whether anything will be changed: an edit may copy the packet, so it is asked first.
fn wants_damage(config: &LinkConfig, rolls: &Rolls) -> bool {
    let corruption = &config.corruption;
    corruption.bit_flips.hits(rolls.of(Roll::BitFlips))
        || corruption.byte_swap.hits(rolls.of(Roll::ByteSwap))
        || corruption.word_swap.hits(rolls.of(Roll::WordSwap))
        || config.truncation.hits(rolls.of(Roll::Truncation))
        || config.padding.is_some_and(|padding| padding.probability.hits(rolls.of(Roll::Padding)))
}

fn corrupt(
    octets: &mut [u8],
    nth: u64,
    rolls: &Rolls,
    corruption: &Corruption,
    dice: &mut Dice,
    done: &mut Alterations,
) {
    let from = corruption.from_byte;
    if corruption.word_swap.hits(rolls.of(Roll::WordSwap)) {
        done.words_swapped = swap_words(octets, from, nth, dice);
    }
    if corruption.byte_swap.hits(rolls.of(Roll::ByteSwap)) {
        done.bytes_swapped = swap_bytes(octets, from, nth, dice);
    }
    if corruption.bit_flips.hits(rolls.of(Roll::BitFlips)) {
        done.bits_flipped = flip_bits(octets, from, corruption.bit_flips_max, nth, dice);
    }
}

/// Inverts between 1 and `bits_max` different bits. False if there is none to invert.
fn flip_bits(octets: &mut [u8], from: usize, bits_max: u8, nth: u64, dice: &mut Dice) -> bool {
    let Some(octets) = octets.get_mut(from..).filter(|octets| !octets.is_empty()) else {
        return false;
    };
    let mut details = dice.details(Detail::BitFlips, nth);
    let count = 1 + details.place(usize::from(bits_max.clamp(1, FLIPS_MAX as u8)));
    let mut flipped = [usize::MAX; FLIPS_MAX];
    for turn in 0..count {
        let bit = details.place(octets.len() * 8);
        // A bit drawn twice stays inverted, or the packet might end as it was.
        if flipped.contains(&bit) {
            continue;
        }
        flipped[turn] = bit;
        octets[bit / 8] ^= 1 << (bit % 8);
    }
    true
}

/// Swaps two octets that differ. False if none were found.
fn swap_bytes(octets: &mut [u8], from: usize, nth: u64, dice: &mut Dice) -> bool {
    let Some(octets) = octets.get_mut(from..) else {
        return false;
    };
    let mut details = dice.details(Detail::ByteSwap, nth);
    for _ in 0..SWAP_TRIES {
        let (a, b) = (details.place(octets.len()), details.place(octets.len()));
        if octets.get(a) != octets.get(b) {
            octets.swap(a, b);
            return true;
        }
    }
    false
}

/// Swaps two 16-bit words that differ, both at an even distance from the first octet of the packet,
/// where the words of a checksum lie. False if none were found.
fn swap_words(octets: &mut [u8], from: usize, nth: u64, dice: &mut Dice) -> bool {
    let Some(octets) = octets.get_mut(from.next_multiple_of(2)..) else {
        return false;
    };
    let (words, _) = octets.as_chunks_mut::<2>();
    let mut details = dice.details(Detail::WordSwap, nth);
    for _ in 0..SWAP_TRIES {
        let (a, b) = (details.place(words.len()), details.place(words.len()));
        if words.get(a) != words.get(b) {
            words.swap(a, b);
            return true;
        }
    }
    false
}

/// Cuts to a length from one octet to one less than before. False if there is no such length.
fn truncate(octets: &mut Vec<u8>, nth: u64, dice: &mut Dice) -> bool {
    if octets.len() < 2 {
        return false;
    }
    let kept = 1 + dice.details(Detail::Truncation, nth).place(octets.len() - 1);
    octets.truncate(kept);
    true
}

/// Adds between 1 and `bytes_max` octets at the end. False if that is none.
fn pad(octets: &mut Vec<u8>, bytes_max: u8, nth: u64, dice: &mut Dice) -> bool {
    if bytes_max == 0 {
        return false;
    }
    let mut details = dice.details(Detail::Padding, nth);
    let count = 1 + details.place(usize::from(bytes_max.min(PADDING_MAX)));
    for _ in 0..count.div_ceil(8) {
        octets.extend(details.next().to_le_bytes());
    }
    octets.truncate(octets.len() - (count.next_multiple_of(8) - count));
    true
}

/// The most bits inverted in one packet. Source: the range of the fault table, 1 to 8.
const FLIPS_MAX: usize = 8;
/// How often a pair of equal octets or words is drawn anew: two draws each of the 32 there are.
const SWAP_TRIES: usize = 16;
/// The most octets of padding: 8 draws of 8 octets. Ethernet pads by up to 46.
const PADDING_MAX: u8 = 64;

#[cfg(test)]
mod tests;
