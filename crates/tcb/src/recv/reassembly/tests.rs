//! Reassembly against a byte map: random arrivals, overlaps of every kind, and its bounds.
//! Each octet's first copy must win, whatever came later; sequence numbers wrap in every run.
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const NXT: SeqNum = SeqNum::new(u32::MAX - 40);
const OFFSET: u64 = 1 << 33;

fn place(at: u32) -> Place {
    Place { seq: NXT + at, nxt: NXT, offset: OFFSET }
}

fn insert(reassembly: &mut Reassembly, at: u32, octets: &[u8]) -> Inserted {
    reassembly.insert(place(at), Payload::from(Bytes::copy_from_slice(octets)), 4)
}

fn ranges(reassembly: &Reassembly) -> Vec<(u32, u32)> {
    let relative = |range: SeqRange| (range.start - NXT, range.end - NXT);
    reassembly.ranges(NXT, OFFSET).map(relative).collect()
}

/// One number for each of the thirteen relations of two intervals, by where the second lies.
#[test]
fn attack_c3_in_all_thirteen_relations_the_first_copy_wins() {
    for (case, at, len) in [
        ("before", 0, 4),
        ("meets", 6, 4),
        ("overlaps", 8, 6),
        ("finished by", 8, 12),
        ("contains", 8, 14),
        ("starts", 10, 6),
        ("equals", 10, 10),
        ("started by", 10, 12),
        ("during", 12, 4),
        ("finishes", 14, 6),
        ("overlapped by", 16, 8),
        ("met by", 20, 4),
        ("after", 24, 4),
    ] {
        let mut reassembly = Reassembly::default();
        insert(&mut reassembly, 10, &[1; 10]);
        insert(&mut reassembly, at, &vec![2; len]);
        let mut model = [0u8; 40];
        model[at as usize..at as usize + len].fill(2);
        model[10..20].fill(1);
        let mut seen = [0u8; 40];
        for (start, _) in ranges(&reassembly) {
            let mut octets = reassembly.take(OFFSET + u64::from(start)).unwrap();
            let count = octets.len();
            octets.read(&mut seen[start as usize..start as usize + count]);
        }
        assert_eq!(seen, model, "{case}");
    }
}

/// The first run of cells of an arrival that were filled before it.
fn first_held(model: &[Option<u8>], at: u32, len: usize) -> Option<SeqRange> {
    let cells = &model[at as usize..at as usize + len];
    let from = cells.iter().position(Option::is_some)?;
    let run = cells[from..].iter().take_while(|cell| cell.is_some()).count();
    Some(SeqRange::with_len(NXT + at + from as u32, run as u32))
}

proptest! {
    #[test]
    fn random_arrivals_agree_with_a_byte_map(
        arrivals in proptest::collection::vec((0..90u32, 0..20usize), 0..60),
    ) {
        let mut reassembly = Reassembly::default();
        let mut model: Vec<Option<u8>> = vec![None; 128];
        for (index, (at, len)) in arrivals.into_iter().enumerate() {
            let before = model.iter().flatten().count();
            let octets = vec![index as u8; len];
            let first_held = first_held(&model, at, len);
            let inserted = insert(&mut reassembly, at, &octets);
            for cell in &mut model[at as usize..at as usize + len] {
                cell.get_or_insert(index as u8);
            }
            let after = model.iter().flatten().count();
            prop_assert_eq!(reassembly.len(), after);
            if len > 0 {
                prop_assert_eq!(matches!(inserted, Inserted::New { .. }), after > before);
                let range = match inserted {
                    Inserted::New { range, held } => {
                        prop_assert_eq!(held, first_held);
                        range
                    }
                    Inserted::Duplicate(range) => range,
                    Inserted::Full => return Err(TestCaseError::fail("far below the bound")),
                };
                prop_assert!(range.contains_range(SeqRange::with_len(NXT + at, len as u32)));
            }
            // Ranges are sorted, apart, and hold exactly what the model holds.
            let mut held = [false; 128];
            let mut last_end = None;
            for (start, end) in ranges(&reassembly) {
                prop_assert!(start < end && last_end.is_none_or(|last| last < start));
                held[start as usize..end as usize].fill(true);
                last_end = Some(end);
            }
            prop_assert!(held.iter().zip(&model).all(|(held, cell)| *held == cell.is_some()));
        }
        // What is taken, from any offset on, are the octets of the map.
        let mut position = 0u32;
        while position < 128 {
            let Some(mut octets) = reassembly.take(OFFSET + u64::from(position)) else {
                position += 1;
                continue;
            };
            let mut into = vec![0; octets.len()];
            octets.read(&mut into);
            for octet in into {
                prop_assert_eq!(Some(octet), model[position as usize]);
                position += 1;
            }
        }
        prop_assert!(reassembly.is_empty());
        prop_assert_eq!(reassembly.len(), 0);
    }
}

#[test]
fn attack_c1_ranges_are_bounded_and_existing_ones_still_grow() {
    let mut reassembly = Reassembly::default();
    for index in 0..RANGES_MAX as u32 {
        assert!(matches!(insert(&mut reassembly, 2 * index + 1, &[1]), Inserted::New { .. }));
    }
    let next = 2 * RANGES_MAX as u32 + 1;
    assert_eq!(insert(&mut reassembly, next, &[1]), Inserted::Full);
    assert!(matches!(insert(&mut reassembly, next - 1, &[1]), Inserted::New { .. }));
    assert_eq!(reassembly.ranges.len(), RANGES_MAX);
}
