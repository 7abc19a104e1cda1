//! What the two ACKs after a timeout decide, as RFC 5682 has it, with SACK and without.
//! Ten segments of 1000 were out; the first was sent again. New text begins at 10000.
use super::super::deliveries::Judge;
use super::super::delivery_rate::DeliveryRate;
use super::super::record::{Again, Fate, SentRecord};
use super::*;
use crate::Instant;
use alloc::vec;
use alloc::vec::Vec;

const ISS: SeqNum = SeqNum::new(u32::MAX - 4_500);
const POINT: SeqNum = SeqNum::new(ISS.get().wrapping_add(10_000));

fn range(from: u32, to: u32) -> SeqRange {
    SeqRange::new(ISS + from, ISS + to)
}

/// A segment that an ACK newly reports; `was_sacked` if one had before the timeout.
fn part(from: u32, again: Again, was_sacked: bool) -> SentRecord {
    let range = range(from, from + 1_000);
    SentRecord {
        range,
        sent_at: Instant::from_millis(1),
        departure: DeliveryRate::default().on_sent(Instant::from_millis(1), 0, 1_000),
        nth: 1,
        sacked_to: range.end,
        segment_len: 1_000,
        fate: Fate::Lost,
        was_sacked,
        again,
        above: None,
    }
}

/// One ACK: SEG.ACK, the segments it is the first to acknowledge and to SACK, and whether it would
/// be a duplicate.
struct Ack {
    ack: u32,
    acked: Vec<SentRecord>,
    sacked: Vec<SentRecord>,
    is_duplicate: bool,
}

fn ack(ack: u32, acked: Vec<SentRecord>) -> Ack {
    Ack { ack, acked, sacked: vec![], is_duplicate: false }
}

fn sack(at: u32, sacked: Vec<SentRecord>) -> Ack {
    Ack { ack: at, acked: vec![], sacked, is_duplicate: true }
}

fn take(frto: Frto, ack: &Ack, sack: Option<&[SeqRange]>) -> Frto {
    let now = Instant::from_millis(500);
    let mut delivered =
        Deliveries::new(Judge { now, echoed_at: None, min_rtt: None, fack: ISS + ack.ack });
    ack.acked.iter().for_each(|part| delivered.on_acked(part));
    ack.sacked.iter().for_each(|part| delivered.on_sacked(part));
    delivered.acked = ack.acked.iter().map(|part| part.range.len()).sum();
    let arrival = AckArrival {
        now,
        ack: ISS + ack.ack,
        nxt: POINT + 2_000,
        sack,
        is_duplicate: ack.is_duplicate,
        echoed_at: None,
        mss: 1_000,
    };
    frto.on_ack(&arrival, &delivered, POINT)
}

fn first() -> Frto {
    let mut frto = Frto::FirstAck { end: None };
    frto.on_retransmitted(range(0, 1_000));
    frto
}

fn second() -> Frto {
    Frto::SecondAck { new_segments: 0 }
}

fn again(from: u32) -> SentRecord {
    part(from, Again::Retransmitted, false)
}

fn original(from: u32) -> SentRecord {
    part(from, Again::No, false)
}

#[test]
fn frto_2_frto_3_the_first_ack_without_sack() {
    let trial = Frto::SecondAck { new_segments: 2 };
    for (case, ack, then) in [
        ("it advances", ack(2_000, vec![again(0), original(1_000)]), trial),
        ("over the segment sent again alone", ack(1_000, vec![again(0)]), trial),
        ("a duplicate", sack(0, vec![]), Frto::Conventional),
        ("part of the segment", ack(999, vec![again(0)]), Frto::Conventional),
        ("everything", ack(10_000, vec![again(0)]), Frto::Conventional),
        ("no duplicate, and nothing new", ack(0, vec![]), first()),
    ] {
        assert_eq!(take(first(), &ack, None), then, "{case}");
    }
}

#[test]
fn frto_4_frto_5_the_second_ack_without_sack() {
    for (case, ack, then) in [
        ("over what was sent once", ack(3_000, vec![original(2_000)]), Frto::Spurious),
        ("over what was sent again", ack(3_000, vec![again(2_000)]), Frto::Conventional),
        ("a duplicate", sack(2_000, vec![]), Frto::Conventional),
        ("no duplicate, and nothing new", ack(2_000, vec![]), second()),
    ] {
        assert_eq!(take(second(), &ack, None), then, "{case}");
    }
}

#[test]
fn frto_6_frto_11_both_acks_with_sack() {
    let old = part(5_000, Again::No, true);
    let trial = Frto::SecondAck { new_segments: 2 };
    for (case, from, ack, then) in [
        ("reports before the first ACK", first(), sack(0, vec![original(5_000)]), first()),
        ("the first ACK advances", first(), ack(1_000, vec![again(0)]), trial),
        ("it covers everything", first(), ack(10_000, vec![again(0)]), Frto::Conventional),
        ("the second advances", second(), ack(3_000, vec![original(2_000)]), Frto::Spurious),
        ("it reports something", second(), sack(2_000, vec![original(5_000)]), Frto::Spurious),
        ("SACKed before the timeout", second(), sack(2_000, vec![old]), Frto::Conventional),
        ("sent again", second(), ack(3_000, vec![again(2_000)]), Frto::Conventional),
        (
            "it reports new text",
            second(),
            sack(2_000, vec![original(5_000), original(10_000)]),
            Frto::Conventional,
        ),
        ("nothing new", second(), sack(2_000, vec![]), Frto::Conventional),
    ] {
        assert_eq!(take(from, &ack, Some(&[])), then, "{case}");
    }
}

#[test]
fn frto_3_only_two_new_segments_leave_and_nothing_again() {
    let mut frto = Frto::SecondAck { new_segments: 2 };
    frto.on_sent(1);
    assert_eq!(frto, Frto::SecondAck { new_segments: 1 });
    frto.on_sent(5);
    assert_eq!(frto, second());
    frto.on_retransmitted(range(1_000, 2_000));
    assert_eq!(frto, Frto::Conventional);
    // The first segment in two parts is still the first segment.
    let mut frto = first();
    frto.on_retransmitted(range(1_000, 1_100));
    assert_eq!(frto, Frto::FirstAck { end: Some(ISS + 1_100) });
    frto.on_retransmitted(range(2_000, 3_000));
    assert_eq!(frto, Frto::Conventional);
}
