//! What proves that nothing was lost: D-SACKs and echoed timestamps, range by range.
//! Something was sent again at 200 ms; each row is what ACKs say after that.
use super::*;
use alloc::vec;
use proptest::prelude::*;

const ISS: SeqNum = SeqNum::new(u32::MAX - 2_500);

fn range(from: u32, to: u32) -> SeqRange {
    SeqRange::new(ISS + from, ISS + to)
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// An ACK up to `ack` with one SACK block, if there is one, and an echo.
fn take(undo: &mut Undo, ack: u32, sack: Option<(u32, u32)>, echoed_ms: Option<u64>) {
    let sack: Vec<_> = sack.into_iter().map(|(from, to)| range(from, to)).collect();
    let arrival = AckArrival {
        now: at(300),
        ack: ISS + ack,
        nxt: ISS + 20_000,
        sack: Some(&sack),
        is_duplicate: false,
        echoed_at: echoed_ms.map(at),
        mss: 1_000,
    };
    undo.on_ack(&arrival, ack > 0);
}

fn sent_again(ranges: &[(u32, u32)]) -> Undo {
    let mut undo = Undo::new(CongestionSignal::Loss);
    ranges.iter().for_each(|(from, to)| undo.on_retransmitted(at(200), range(*from, *to)));
    undo
}

#[test]
fn dsack_5_all_that_was_sent_again_must_be_reported() {
    for (case, ranges, reports, proved) in [
        ("the one", vec![(0, 1_000)], vec![(0, 1_000)], true),
        ("more than it", vec![(500, 1_000)], vec![(0, 1_500)], true),
        ("half of it", vec![(0, 1_000)], vec![(0, 500)], false),
        ("both halves", vec![(0, 1_000)], vec![(0, 500), (500, 1_000)], true),
        ("the middle", vec![(0, 1_000)], vec![(200, 500)], false),
        ("one of two", vec![(0, 1_000), (3_000, 4_000)], vec![(0, 1_000)], false),
        ("two of two", vec![(3_000, 4_000), (0, 1_000)], vec![(0, 1_000), (3_000, 4_000)], true),
        ("something else", vec![(0, 1_000)], vec![(1_000, 2_000)], false),
        ("nothing", vec![(0, 1_000)], vec![], false),
        ("twice, and one report", vec![(0, 1_000), (0, 1_000)], vec![(0, 1_000)], false),
    ] {
        let mut undo = sent_again(&ranges);
        for report in reports {
            take(&mut undo, 5_000, Some(report), None);
        }
        assert_eq!(undo.is_proved(0), proved, "{case}");
    }
}

#[test]
fn an_echo_from_before_means_that_the_first_copy_arrived() {
    for (case, ranges, acks, proved) in [
        ("before", vec![(0, 1_000)], vec![(5_000, 199)], true),
        ("not before, in ticks of the clock", vec![(0, 1_000)], vec![(5_000, 200)], false),
        ("after one that was not", vec![(0, 1_000)], vec![(500, 200), (5_000, 199)], false),
        ("one of two", vec![(0, 1_000), (3_000, 4_000)], vec![(3_000, 199)], false),
        ("both", vec![(0, 1_000), (3_000, 4_000)], vec![(3_000, 199), (4_000, 199)], true),
        ("what it does not cover", vec![(1_000, 2_000)], vec![(1_000, 199)], false),
        ("twice sent again, and neither arrived", vec![(0, 9), (0, 9)], vec![(5_000, 199)], true),
        ("it did not move SND.UNA", vec![(0, 1_000)], vec![(0, 199)], false),
    ] {
        let mut undo = sent_again(&ranges);
        for (ack, echoed_ms) in acks {
            take(&mut undo, ack, None, Some(echoed_ms));
        }
        assert_eq!(undo.is_proved(0), proved, "{case}");
    }
}

#[test]
fn what_arrives_before_anything_is_sent_again_was_late() {
    let mut undo = sent_again(&[]);
    take(&mut undo, 1_000, None, None);
    assert!(!undo.is_proved(1_000), "it still waits to be sent again");
    assert!(undo.is_proved(0));
    undo.on_retransmitted(at(200), range(1_000, 2_000));
    assert!(!undo.is_proved(0));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut undo = Undo::new(CongestionSignal::Loss);
    for index in 0..=RANGES_MAX as u32 {
        undo.on_retransmitted(at(200), range(2 * index, 2 * index + 1));
    }
    assert!(undo.pending.is_empty() && undo.is_over(ISS));
    undo.on_retransmitted(at(200), range(0, 1));
    assert!(!undo.is_proved(0));
}

#[test]
fn after_the_episode_a_proof_is_awaited_for_one_round_trip() {
    let mut undo = sent_again(&[(0, 1_000)]);
    assert!(!undo.is_over(ISS + 9_000));
    undo.on_recovered(ISS + 10_000);
    assert!(!undo.is_over(ISS + 10_000));
    assert!(undo.is_over(ISS + 10_001));
}

proptest! {
    #[test]
    fn the_ranges_are_those_of_a_map_of_cells(
        steps in prop::collection::vec((any::<bool>(), 0..300usize, 1..40usize), 0..40),
    ) {
        let mut undo = Undo::new(CongestionSignal::Loss);
        let mut cells = vec![false; 400];
        for (is_sent, from, len) in steps {
            let part = range(from as u32, (from + len) as u32);
            if is_sent {
                undo.on_retransmitted(at(200), part);
            } else {
                undo.remove(part);
            }
            cells[from..from + len].fill(is_sent);
            let held = |at: usize| undo.pending.iter().any(|it| it.contains(ISS + at as u32));
            prop_assert!((0..400).all(|at| held(at) == cells[at]), "{undo:?}");
            prop_assert!(undo.pending.windows(2).all(|two| two[0].end < two[1].start));
        }
    }
}
