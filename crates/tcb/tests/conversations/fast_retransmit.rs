//! Loss without SACK: duplicate ACKs (CC-13 to CC-19), Limited Transmit (LT-*), NewReno (NR-*).
//! Ten or twelve segments of 1000 are in flight; the far end repeats an ACK and then goes on.

use synack_tcb::RecoveryPhase;
use synack_tcb::congestion::NewReno;
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Conversation, Setup};

fn open() -> Conversation {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    Setup::default().configured(|config| config.congestion = reno).open()
}

/// Ten segments are in flight, and nothing else was written.
fn ten_in_flight() -> Conversation {
    let mut c = open();
    c.write(10_000);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c
}

/// Ten segments are in flight, and much more waits for cwnd.
fn ten_and_more() -> Conversation {
    let mut c = open();
    c.write(100_000);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c
}

/// The far end repeats its ACK `count` times; nothing leaves.
fn duplicates(c: &mut Conversation, count: u32) {
    for _ in 0..count {
        c.receive(c.template());
        c.expect(&[]);
    }
}

#[test]
fn cc_13_the_third_duplicate_sends_the_first_segment_again() {
    let mut c = ten_in_flight();
    duplicates(&mut c, 2);
    c.receive(c.template());
    c.expect(&["[.] 1:1001 ack 1"]);
    assert_eq!(c.info().counters.recoveries, 1);
    // And once only.
    duplicates(&mut c, 6);
}

#[test]
fn sack_24_an_ack_of_something_new_begins_the_count_anew() {
    let mut c = ten_in_flight();
    duplicates(&mut c, 2);
    c.ack(1_001);
    duplicates(&mut c, 2);
    assert_eq!(c.info().counters.recoveries, 0);
    c.receive(c.template());
    c.expect(&["[.] 1001:2001 ack 1"]);
}

#[test]
fn api_7_the_status_tells_what_is_repaired_and_how_far() {
    let mut c = ten_in_flight();
    let info = c.info();
    assert_eq!((info.recovery, info.lost, info.retransmitted), (RecoveryPhase::None, 0, 0));
    duplicates(&mut c, 2);
    c.receive(c.template());
    c.expect(&["[.] 1:1001 ack 1"]);
    let info = c.info();
    assert_eq!((info.recovery, info.lost, info.retransmitted), (RecoveryPhase::Fast, 0, 1_000));
    assert_eq!((info.advertised_mss, info.backoff), (1_460, 0));
    c.run(300);
    assert_eq!((c.info().recovery, c.info().backoff), (RecoveryPhase::Timeout, 1));
}

#[test]
fn cc_14_trap_39_what_is_no_duplicate_ack_does_not_count_as_one() {
    let cases: [fn(&Conversation) -> TcpPacket; 5] = [
        |c| c.text_at(1, 10),
        |c| c.template().with(|segment| segment.window -= 1),
        |c| c.template().with(|segment| segment.ack = Some(c.iss + 1_000)),
        |c| c.template().with_control(Flags::SYN),
        |c| c.template().with(|segment| segment.seq += 70_000),
    ];
    for change in cases {
        let mut c = ten_in_flight();
        c.ack(1_001);
        for _ in 0..6 {
            let packet = change(&c);
            let window = packet.segment.window;
            c.receive(packet);
            c.window = window;
        }
        assert_eq!(c.info().counters.recoveries, 0, "{}", change(&c));
        assert!(c.packets().iter().all(|packet| packet.segment.payload.is_empty()));
    }
    // Nothing is outstanding.
    let mut c = open();
    duplicates(&mut c, 10);
    assert_eq!(c.info().counters.recoveries, 0);
    // A FIN is none either: two duplicates and a FIN.
    let mut c = ten_in_flight();
    duplicates(&mut c, 2);
    c.fin();
    c.expect(&["[.] 10001 ack 2"]);
    assert_eq!(c.info().counters.recoveries, 0);
}

#[test]
fn cc_15_cc_20_ssthresh_is_half_of_what_was_in_flight_before_limited_transmit() {
    for (written, ssthresh) in [(100_000, 5_000), (10_000, 5_000), (6_000, 3_000), (4_000, 2_000)] {
        let mut c = open();
        c.write(written);
        for _ in 0..3 {
            c.receive(c.template());
        }
        assert_eq!((c.info().ssthresh, c.info().cwnd), (ssthresh, ssthresh));
    }
}

#[test]
fn lt_1_lt_2_the_first_two_duplicates_send_a_new_segment_each_and_leave_cwnd() {
    let mut c = ten_and_more();
    for line in ["[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1"] {
        c.receive(c.template());
        c.expect(&[line]);
        assert_eq!(c.info().cwnd, 10_000);
    }
}

#[test]
fn lt_1_limited_transmit_keeps_to_the_peers_window() {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let setup = Setup { window: 11_000, ..Setup::default() };
    let mut c = setup.configured(|config| config.congestion = reno).open();
    c.write(50_000);
    assert_eq!(c.packets().len(), 10);
    c.receive(c.template());
    c.expect(&["[.] 10001:11001 ack 1"]);
    c.receive(c.template());
    c.expect(&[]);
}

#[test]
fn cc_16_cc_17_cc_18_each_further_duplicate_lets_one_segment_leave_once_half_is_out() {
    let mut c = ten_and_more();
    for line in ["[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1", "[.] 1:1001 ack 1"] {
        c.receive(c.template());
        c.expect(&[line]);
    }
    // Inflated, cwnd is 5000 + 3000 of 12000 in flight: four more before one may leave.
    duplicates(&mut c, 4);
    for line in ["[.] 12001:13001 ack 1", "[.] 13001:14001 ack 1", "[.] 14001:15001 ack 1"] {
        c.receive(c.template());
        c.expect(&[line]);
    }
}

#[test]
fn cc_19_nr_3_the_ack_that_ends_recovery_leaves_half_the_flight() {
    let mut c = ten_and_more();
    for _ in 0..9 {
        c.receive(c.template());
    }
    c.packets();
    c.run_to(200);
    // Everything that was out when recovery began; 2000 more are out since.
    c.ack(12_001);
    assert_eq!((c.info().cwnd, c.info().ssthresh), (5_000, 5_000));
    c.expect(&["[.] 14001:15001 ack 1", "[.] 15001:16001 ack 1", "[.] 16001:17001 ack 1"]);
}

#[test]
fn nr_1_nr_2_a_new_episode_needs_an_ack_beyond_the_last_one() {
    // NR-1: text that begins right after the SYN may be lost and recovered.
    let mut c = ten_in_flight();
    for _ in 0..3 {
        c.receive(c.template());
    }
    c.expect(&["[.] 1:1001 ack 1"]);
    c.run_to(200);
    c.ack(10_001);
    // NR-2: duplicates of the last ACK of the episode prove nothing.
    c.write(4_000);
    assert_eq!(c.packets().len(), 4);
    duplicates(&mut c, 4);
    assert_eq!(c.info().counters.recoveries, 1);
    c.run_to(300);
    c.ack(11_001);
    duplicates(&mut c, 2);
    c.receive(c.template());
    c.expect(&["[.] 11001:12001 ack 1"]);
    assert_eq!(c.info().counters.recoveries, 2);
}

#[test]
fn nr_4_nr_5_a_partial_ack_sends_the_next_hole_and_the_first_alone_starts_the_timer() {
    let mut c = ten_in_flight();
    for _ in 0..9 {
        c.receive(c.template());
    }
    c.expect(&["[.] 1:1001 ack 1"]);
    for (ms, ack, line) in [
        (200, 2_001, "[.] 2001:3001 ack 1"),
        (300, 5_001, "[.] 5001:6001 ack 1"),
        (400, 7_001, "[.] 7001:8001 ack 1"),
    ] {
        c.run_to(ms);
        c.ack(ack);
        c.expect(&[line]);
    }
    assert_eq!(c.info().counters.recoveries, 1);
    let timeout_ms = 200 + c.info().rto.as_millis() as u64;
    c.until(timeout_ms, &[(timeout_ms, "[.] 7001:8001 ack 1")]);
    assert_eq!(c.info().counters.timeouts, 1);
}

#[test]
fn nr_4_a_partial_ack_deflates_by_what_it_covers_less_a_segment() {
    let mut c = ten_and_more();
    for _ in 0..11 {
        c.receive(c.template());
    }
    // 12000 were out at the third, 16000 are now; 1:1001 and 5001:6001 are lost.
    let sent = c.packets();
    assert_eq!(sent.last().unwrap().segment.end() - c.iss, 16_001);
    c.run_to(200);
    c.ack(5_001);
    // cwnd was 5000 + 11000 inflated; 5000 acknowledged, 1000 back: 12000, and 11000 are out.
    c.expect(&["[.] 5001:6001 ack 1", "[.] 16001:17001 ack 1"]);
    c.run_to(300);
    c.ack(12_001);
    assert_eq!(c.info().cwnd, 5_000);
    c.expect(&[]);
}

#[test]
fn nr_6_after_an_expiry_duplicates_of_what_left_before_begin_no_recovery() {
    let mut c = ten_in_flight();
    for _ in 0..3 {
        c.receive(c.template());
    }
    c.packets();
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    duplicates(&mut c, 5);
    c.run_to(350);
    c.ack(1_001);
    c.expect(&["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    duplicates(&mut c, 5);
    assert_eq!(c.info().counters.recoveries, 1);
    // recover was 10001: from there on losses are recovered again.
    c.run_to(400);
    c.ack(10_001);
    c.write(3_000);
    assert_eq!(c.packets().len(), 3);
    c.run_to(500);
    c.ack(11_001);
    duplicates(&mut c, 2);
    c.receive(c.template());
    c.expect(&["[.] 11001:12001 ack 1"]);
}

#[test]
fn cc_17_attack_d7_a_thousand_duplicates_send_no_more_than_was_outstanding() {
    let mut c = ten_and_more();
    for _ in 0..1_000 {
        c.receive(c.template());
    }
    // 12000 octets were out when recovery began: so many can have left the network, and 5000 may
    // be out besides.
    let end = c.packets().iter().map(|packet| packet.segment.end() - c.iss).max();
    assert_eq!(end, Some(17_001));
    assert_eq!(c.info().cwnd, 5_000);
}
