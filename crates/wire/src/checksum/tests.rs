//! The fast sums agree with the definition, word by word, however the octets are cut.
//! Every short length, every alignment and every cut, and random gather lists, against a naive sum.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// RFC 1071 §1 as it is written: 16-bit words, a zero after an odd octet, carries added in again.
fn naive(octets: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in octets.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn sum_of(octets: &[u8]) -> Sum {
    let mut sum = Sum::new();
    sum.add(octets);
    sum
}

/// Octets with many 0xff, so that carries run.
fn octets(len: usize) -> Vec<u8> {
    let mut state: u32 = 0x2545_f491;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 30 == 0 { 0xff } else { (state >> 16) as u8 }
    };
    core::iter::repeat_with(next).take(len).collect()
}

#[test]
fn wire_5_the_sum_is_the_naive_one_for_every_length_and_alignment() {
    let text = octets(320);
    for from in 0..16 {
        for len in 0..=300 {
            let part = &text[from..from + len];
            assert_eq!(sum_of(part).fold(), naive(part), "{len} octets from {from}");
            assert_eq!(sum_of(part).checksum(), !naive(part));
        }
    }
}

#[test]
fn wire_5_the_example_of_rfc_1071_gives_its_sum() {
    // RFC 1071 §3: 00 01 f2 03 f4 f5 f6 f7 sums to dd f2.
    let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(sum_of(&example).fold(), 0xddf2);
}

#[test]
fn wire_5_two_cuts_at_every_place_change_nothing() {
    let text = octets(150);
    for len in [0, 1, 2, 63, 64, 65, 127, 149, 150] {
        let text = &text[..len];
        for first in 0..=len {
            for second in [first, first + 1, first + 2, first + 63, len] {
                let second = second.min(len);
                let mut sum = Sum::new();
                sum.add(&text[..first]);
                sum.add(&text[first..second]);
                sum.add(&text[second..]);
                assert_eq!(sum.fold(), naive(text), "{len} octets cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn only_zeros_sum_to_zero_and_only_all_ones_are_intact() {
    for len in 0..200 {
        let mut text = alloc::vec![0; len];
        assert_eq!(sum_of(&text).fold(), 0);
        assert!(!sum_of(&text).is_intact());
        text.fill(0xff);
        assert_eq!(sum_of(&text).is_intact(), len > 0 && len % 2 == 0, "{len} octets of ones");
    }
}

#[test]
fn copying_copies_and_sums_every_length_to_every_alignment() {
    let text = octets(300);
    for len in 0..=300 {
        for at in 0..4 {
            let mut target = alloc::vec![0xaa; len + 8];
            let sum = copy_and_sum(&mut target[at..at + len], &text[..len]).unwrap();
            assert_eq!(sum.fold(), naive(&text[..len]));
            assert_eq!(&target[at..at + len], &text[..len]);
            assert!(target[..at].iter().chain(&target[at + len..]).all(|octet| *octet == 0xaa));
        }
    }
}

#[test]
fn copying_between_unlike_lengths_does_nothing() {
    let mut target = [7; 4];
    assert!(copy_and_sum(&mut target, &[1; 3]).is_none());
    assert!(copy_and_sum(&mut target, &[1; 5]).is_none());
    assert!(Sum::new().add_copying(&mut target, &[1; 5]).is_none());
    assert_eq!(target, [7; 4]);
    let rest = Sum::new().add_copying(&mut target, &[1; 3]).unwrap();
    assert_eq!(rest, [7]);
    assert_eq!(target, [1, 1, 1, 7]);
}

#[test]
fn wire_20_an_update_is_recomputation_for_every_new_word() {
    for old in [0x0000, 0x0001, 0x00ff, 0x7fff, 0x8000, 0xfffe, 0xffff_u16] {
        for rest in [0x0001, 0x1234, 0xfffe, 0xffff_u16] {
            let before = [old.to_be_bytes(), rest.to_be_bytes()].concat();
            let checksum = sum_of(&before).checksum();
            for new in 0..=0xffff_u16 {
                let after = [new.to_be_bytes(), rest.to_be_bytes()].concat();
                let want = sum_of(&after).checksum();
                assert_eq!(update(checksum, old, new), want, "{old:04x} to {new:04x}, {rest:04x}");
            }
        }
    }
}

proptest! {
    #[test]
    fn wire_5_a_gather_list_sums_as_one_slice(
        list in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6)
    ) {
        let whole = list.concat();
        let mut sum = Sum::new();
        let mut copying = Sum::new();
        let mut copy = alloc::vec![0; whole.len()];
        let mut rest = copy.as_mut_slice();
        for slice in &list {
            sum.add(slice);
            rest = copying.add_copying(rest, slice).unwrap();
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(sum.fold(), naive(&whole));
        prop_assert_eq!(copying.fold(), naive(&whole));
        prop_assert_eq!(copy, whole);
    }

    #[test]
    fn wire_20_updates_follow_one_another(
        mut words in prop::collection::vec(any::<u16>(), 2..40),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u16>()), 0..40),
    ) {
        // One word that is never changed keeps the data from being all zero.
        words[0] |= 1;
        let sum_of_words = |words: &[u16]| {
            sum_of(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>())
        };
        let mut checksum = sum_of_words(&words).checksum();
        for (place, new) in changes {
            let place = 1 + place.index(words.len() - 1);
            checksum = update(checksum, words[place], new);
            words[place] = new;
            prop_assert_eq!(checksum, sum_of_words(&words).checksum());
        }
    }
}
