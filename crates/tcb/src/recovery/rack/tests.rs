//! The reordering window and the tests of RFC 8985, worked by hand.
//! Each row feeds what an ACK delivered, and asks for the window or for who is overdue.
use super::super::deliveries::Judge;
use super::super::delivery_rate::DeliveryRate;
use super::super::record::{Again, Fate};
use super::*;
use alloc::vec;
use synack_wire::SeqRange;

const ISS: SeqNum = SeqNum::new(u32::MAX - 1_500);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn record(from: u32, to: u32, sent_ms: u64, again: Again) -> SentRecord {
    let range = SeqRange::new(ISS + from, ISS + to);
    SentRecord {
        range,
        sent_at: at(sent_ms),
        departure: DeliveryRate::default().on_sent(at(sent_ms), 0, 1_000),
        // Packets that wrap while they are compared.
        nth: (sent_ms as u32).wrapping_sub(140),
        sacked_to: range.end,
        segment_len: 1_000,
        fate: Fate::InFlight,
        was_sacked: false,
        again,
        above: None,
    }
}

/// What an ACK that arrives at `now_ms` delivers when it reports `records` by SACK.
fn delivered(rack: &Rack, now_ms: u64, records: &[SentRecord]) -> Deliveries {
    let judge =
        Judge { now: at(now_ms), echoed_at: None, min_rtt: Some(ms(40)), fack: rack.fack() };
    let mut delivered = Deliveries::new(judge);
    records.iter().for_each(|record| delivered.on_sacked(record));
    delivered
}

fn take(rack: &mut Rack, now_ms: u64, records: &[SentRecord]) {
    let delivered = delivered(rack, now_ms, records);
    rack.on_delivered(at(now_ms), &delivered);
}

fn inputs() -> WindowInputs {
    let (min_rtt, srtt) = (Some(ms(40)), Some(ms(100)));
    WindowInputs { in_recovery: false, sacked_segments: 1, min_rtt, srtt }
}

#[test]
fn rack_8_rack_9_rack_10_the_window_by_what_was_seen() {
    let quiet = Rack::new(ISS, None);
    let mut reordered = quiet;
    reordered.on_reordering();
    let mut widened = reordered;
    for round in 0..3 {
        widened.adapt(ISS + 1_000 * round, ISS + 1_000 * round, Sign::Duplicate);
    }
    let base = inputs();
    for (case, rack, inputs, window_ms) in [
        ("nothing was seen", quiet, base, 10),
        ("in recovery", quiet, WindowInputs { in_recovery: true, ..base }, 0),
        ("two segments SACKed", quiet, WindowInputs { sacked_segments: 2, ..base }, 10),
        ("three segments SACKed", quiet, WindowInputs { sacked_segments: 3, ..base }, 0),
        ("reordering was seen", reordered, WindowInputs { sacked_segments: 9, ..base }, 10),
        ("in recovery too", reordered, WindowInputs { in_recovery: true, ..base }, 10),
        ("three rounds of D-SACK", widened, base, 40),
        ("at most SRTT", widened, WindowInputs { srtt: Some(ms(30)), ..base }, 30),
        ("no round trip was measured", widened, WindowInputs { min_rtt: None, ..base }, 0),
    ] {
        assert_eq!(rack.window(inputs), ms(window_ms), "{case}");
    }
}

#[test]
fn rack_11_one_d_sack_a_round_widens_and_sixteen_recoveries_forget() {
    let mut rack = Rack::new(ISS, None);
    rack.on_reordering();
    let window = |rack: &Rack| rack.window(inputs()).as_millis();
    rack.adapt(ISS, ISS + 5_000, Sign::Duplicate);
    assert_eq!(window(&rack), 20);
    rack.adapt(ISS + 4_999, ISS + 9_000, Sign::Duplicate);
    assert_eq!(window(&rack), 20, "the same round");
    rack.adapt(ISS + 5_000, ISS + 9_000, Sign::Duplicate);
    assert_eq!(window(&rack), 30);
    for recovery in 1..=15 {
        rack.adapt(ISS + 20_000 + recovery, ISS + 30_000, Sign::Recovered);
        assert_eq!(window(&rack), 30, "after {recovery}");
    }
    rack.adapt(ISS + 20_016, ISS + 30_000, Sign::Recovered);
    assert_eq!(window(&rack), 10);
    // And never beyond what is counted.
    for round in 0..300 {
        rack.adapt(ISS + 40_000 + round, ISS + 40_000 + round, Sign::Duplicate);
    }
    assert_eq!(window(&rack), 100);
}

#[test]
fn rack_5_a_delivery_that_may_be_of_an_earlier_sending_tells_nothing() {
    let again = Again::Retransmitted;
    for (case, echoed_ms, sent_ms, counts) in [
        ("the echo names an earlier sending", Some(139), 140, false),
        ("the echo names this one", Some(140), 140, true),
        ("no echo, but after a round trip", None, 160, true),
        ("no echo, and too soon", None, 161, false),
        ("the echo names it, but too soon", Some(161), 161, false),
    ] {
        let judge =
            Judge { now: at(200), echoed_at: echoed_ms.map(at), min_rtt: Some(ms(40)), fack: ISS };
        let mut delivered = Deliveries::new(judge);
        delivered.on_acked(&record(0, 1_000, sent_ms, again));
        assert_eq!(delivered.newest.is_some(), counts, "{case}");
        assert_eq!(delivered.timed(), None, "{case}: Karn");
    }
}

#[test]
fn rack_6_the_most_recently_sent_counts_and_in_one_packet_the_higher_number() {
    let mut rack = Rack::new(ISS, None);
    take(&mut rack, 150, &[record(1_000, 2_000, 100, Again::No)]);
    for (from, to, sent_ms, older) in [
        (0, 1_000, 100, true),
        (1_000, 2_000, 100, false),
        (2_000, 3_000, 100, false),
        (5_000, 6_000, 99, true),
        (0, 1_000, 101, false),
    ] {
        let record = record(from, to, sent_ms, Again::No);
        assert_eq!(rack.is_older(&record), older, "{record:?}");
    }
    // What was sent before moves only RACK.rtt.
    take(&mut rack, 190, &[record(0, 1_000, 100, Again::No)]);
    assert!(rack.is_older(&record(0, 1_000, 100, Again::No)));
    assert_eq!(rack.lost_at(&record(3_000, 4_000, 300, Again::No), ms(7)), at(397));
}

#[test]
fn rack_7_only_what_was_sent_once_and_lies_below_shows_reordering() {
    let low = |again| record(0, 1_000, 100, again);
    let (next, high) = (record(1_000, 2_000, 100, Again::No), record(2_000, 3_000, 100, Again::No));
    for (case, reports, seen) in [
        ("in order", vec![vec![low(Again::No)], vec![next], vec![high]], false),
        ("all at once, the last block first", vec![vec![high, next, low(Again::No)]], false),
        ("late", vec![vec![high], vec![low(Again::No)]], true),
        ("sent again", vec![vec![high], vec![low(Again::Retransmitted)]], false),
        ("probed", vec![vec![high], vec![low(Again::Probed)]], false),
    ] {
        let mut rack = Rack::new(ISS, None);
        reports.iter().for_each(|records| take(&mut rack, 150, records));
        assert_eq!(rack.reordering_seen, seen, "{case}");
    }
}

#[test]
fn rack_12_overdue_is_what_had_a_round_trip_and_the_window() {
    let mut rack = Rack::new(ISS, Some(ms(30)));
    let first = record(0, 1_000, 100, Again::No);
    assert!(!rack.is_older(&first), "nothing was delivered");
    assert_eq!(rack.lost_at(&first, ms(0)), at(130), "by the handshake");
    take(&mut rack, 160, &[record(1_000, 2_000, 110, Again::No)]);
    assert_eq!(rack.lost_at(&first, ms(10)), at(100 + 50 + 10));
}
