//! Pacing (PACE-*): what leaves is spread over the round trip, and what is not held back by it.
//! The far end acknowledges by hand; SRTT is 100 ms, cwnd ten segments of 1000 octets.

use crate::support::{Conversation, Setup};

/// Paced at twice cwnd per SRTT: 200 octets a millisecond, two segments in 10 ms.
fn open() -> Conversation {
    Setup::default().configured(|config| config.pacing = true).open()
}

#[test]
fn pace_1_and_pace_3_two_segments_leave_in_each_ten_milliseconds() {
    let mut c = open();
    c.write(10_000);
    assert_eq!(c.info().pacing_rate.map(|rate| rate.get()), Some(200_000));
    c.run_to(45);
    assert_eq!(c.times(), [0, 0, 10, 10, 20, 20, 30, 30, 40, 40]);
}

#[test]
fn pace_2_a_paced_sender_stays_within_cwnd_and_the_window() {
    for (window, segments) in [(65_535, 10), (4_000, 4)] {
        let mut c =
            Setup { window, ..Setup::default() }.configured(|config| config.pacing = true).open();
        c.write(50_000);
        c.run_to(250);
        assert_eq!(c.packets().len(), segments, "window {window}");
    }
}

#[test]
fn pace_3_an_ack_in_a_pause_releases_nothing_early() {
    let mut c = open();
    c.write(50_000);
    c.run_to(3);
    c.ack(1_001);
    // What left before the ACK takes as long as it did; after that cwnd is larger, SRTT smaller.
    c.run_to(17);
    assert_eq!(c.times(), [0, 0, 10, 10]);
    c.run_to(19);
    assert_eq!(c.times().len(), 2);
}

#[test]
fn pace_5_the_first_retransmission_of_a_recovery_is_not_held_back() {
    let mut c = open();
    c.write(4_000);
    c.run_to(15);
    c.packets();
    c.write(4_000);
    // The quantum is used up.
    c.expect(&["[.] 4001:5001 ack 1"]);
    for _ in 0..3 {
        c.receive(c.template());
    }
    c.expect(&["[.] 1:1001 ack 1"]);
}

#[test]
fn pace_5_the_retransmission_after_a_timeout_is_not_held_back() {
    let mut c = open();
    c.write(10_000);
    c.run_to(299);
    c.packets();
    c.until(400, &[(300, "[.] 1:1001 ack 1")]);
}

#[test]
fn pace_6_acks_and_a_fin_alone_are_not_held_back() {
    let mut c = open();
    c.write(4_000);
    c.run_to(15);
    c.packets();
    c.write(1_000);
    c.expect(&["[P.] 4001:5001 ack 1"]);
    c.text(1_000);
    c.expect(&["[.] 5001 ack 1001"]);
    c.close();
    c.expect(&["[F.] 5001 ack 1001"]);
}

#[test]
fn pace_7_the_deadline_is_the_next_departure_and_stands_alone() {
    let mut c = open();
    c.write(4_000);
    c.packets();
    let deadline = c.host.deadline().expect("text waits for the pacer");
    assert_eq!(deadline.since(c.start).as_millis(), 10);
    let connection = c.host.connection(c.id);
    assert!(!connection.wants_transmit(), "no visit is worth it before");
    c.host.advance(std::time::Duration::from_millis(10));
    c.drain();
    assert_eq!(c.packets().len(), 2);
}

#[test]
fn pacing_that_is_switched_off_holds_nothing_any_more() {
    let mut c = open();
    c.write(10_000);
    assert_eq!(c.packets().len(), 2);
    c.configure(|config| config.pacing = false);
    assert_eq!(c.packets().len(), 8);
    assert_eq!(c.info().pacing_rate, None);
}
