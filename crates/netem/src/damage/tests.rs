//! Shows what each kind of damage changes, and what it leaves alone.
//! How: each function runs for hundreds of packet numbers; packets are compared with the original.

use super::*;
use crate::Probability;

const PACKETS: u64 = 500;

/// A packet whose octets and words all differ.
fn packet() -> Vec<u8> {
    (0..=255).collect()
}

/// The ones-complement sum of RFC 1071 §1.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for word in octets.chunks(2) {
        sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn bits_changed(before: &[u8], after: &[u8]) -> u32 {
    before.iter().zip(after).map(|(a, b)| (a ^ b).count_ones()).sum()
}

#[test]
fn bit_flips_change_between_one_bit_and_the_most_allowed_and_reach_both() {
    let mut dice = Dice::new(3);
    for bits_max in [1, 2, 8] {
        let mut seen = [0; 9];
        for nth in 1..=PACKETS {
            let mut octets = packet();
            assert!(flip_bits(&mut octets, 0, bits_max, nth, &mut dice));
            seen[bits_changed(&packet(), &octets) as usize] += 1;
        }
        let limit = usize::from(bits_max);
        assert_eq!(seen[0], 0, "a packet was left as it was");
        assert!(seen[1..=limit].iter().all(|count| *count > 0), "{bits_max}: {seen:?}");
        assert!(seen[limit + 1..].iter().all(|count| *count == 0), "{bits_max}: {seen:?}");
    }
}

#[test]
fn one_octet_can_be_flipped_even_when_every_bit_is_drawn_many_times() {
    let mut dice = Dice::new(3);
    for nth in 1..=PACKETS {
        let mut octets = [0];
        assert!(flip_bits(&mut octets, 0, 8, nth, &mut dice));
        assert_ne!(octets, [0]);
    }
}

#[test]
fn a_byte_swap_moves_exactly_two_octets() {
    let mut dice = Dice::new(3);
    for nth in 1..=PACKETS {
        let mut octets = packet();
        assert!(swap_bytes(&mut octets, 0, nth, &mut dice));
        let moved = octets.iter().zip(packet()).filter(|(after, before)| *after != before).count();
        assert_eq!(moved, 2);
        octets.sort_unstable();
        assert_eq!(octets, packet(), "the octets are no longer the same ones");
    }
}

#[test]
fn a_word_swap_changes_the_packet_and_not_its_checksum() {
    let mut dice = Dice::new(3);
    for nth in 1..=PACKETS {
        let mut octets = packet();
        assert!(swap_words(&mut octets, 0, nth, &mut dice));
        assert_ne!(octets, packet());
        assert_eq!(checksum(&octets), checksum(&packet()));
    }
}

#[test]
fn nothing_before_the_first_octet_allowed_is_touched() {
    let mut dice = Dice::new(3);
    for nth in 1..=PACKETS {
        for from in [20, 21, 40, 255] {
            let mut octets = packet();
            flip_bits(&mut octets, from, 8, nth, &mut dice);
            swap_bytes(&mut octets, from, nth, &mut dice);
            swap_words(&mut octets, from, nth, &mut dice);
            assert_eq!(octets[..from], packet()[..from]);
        }
    }
}

#[test]
fn a_packet_with_nothing_to_change_is_left_and_not_counted() {
    let mut dice = Dice::new(3);
    for mut octets in [Vec::new(), alloc::vec![0; 20]] {
        let before = octets.clone();
        assert!(!flip_bits(&mut octets, 20, 8, 1, &mut dice));
        assert!(!swap_bytes(&mut octets, 0, 1, &mut dice));
        assert!(!swap_words(&mut octets, 0, 1, &mut dice));
        assert_eq!(octets, before);
    }
    assert!(!truncate(&mut alloc::vec![1], 1, &mut dice));
    assert!(!pad(&mut alloc::vec![1], 0, 1, &mut dice));
}

#[test]
fn truncation_leaves_a_beginning_of_any_length() {
    let mut dice = Dice::new(3);
    let mut seen = [false; 5];
    for nth in 1..=PACKETS {
        let mut octets = alloc::vec![1, 2, 3, 4, 5];
        assert!(truncate(&mut octets, nth, &mut dice));
        assert_eq!(octets, [1, 2, 3, 4, 5][..octets.len()]);
        seen[octets.len()] = true;
    }
    assert_eq!(seen, [false, true, true, true, true]);
}

#[test]
fn padding_adds_any_number_of_octets_up_to_the_most_allowed() {
    let mut dice = Dice::new(3);
    let mut seen = [false; 47];
    for nth in 1..=2_000 {
        let mut octets = packet();
        assert!(pad(&mut octets, 46, nth, &mut dice));
        assert_eq!(octets[..256], packet());
        seen[octets.len() - 256] = true;
    }
    assert!(!seen[0]);
    assert!(seen[1..].iter().all(|seen| *seen));
}

#[test]
fn damage_of_one_packet_counts_it_once_however_many_ways_it_was_corrupted() {
    let corruption = Corruption {
        bit_flips: Probability::ALWAYS,
        byte_swap: Probability::ALWAYS,
        word_swap: Probability::ALWAYS,
        ..Corruption::default()
    };
    let config = LinkConfig { corruption, ..LinkConfig::default() };
    let (mut dice, mut stats) = (Dice::new(3), LinkStats::default());
    let rolls = dice.roll();
    let done = damage(&mut packet(), 1, &rolls, &config, &mut dice, &mut stats);
    assert!(done.bits_flipped && done.bytes_swapped && done.words_swapped);
    assert_eq!((stats.corrupted, stats.truncated, stats.padded), (1, 0, 0));
}
