//! Loss by time (RACK-*): what is late, what is lost, and when it is sent again.
//! Ten segments of 1000 left at 0 ms; a round trip takes 100 ms, so a quarter of one is 25.

use synack_tcb::Timer;
use synack_tcb::congestion::NewReno;

use crate::support::{Conversation, Setup};

fn open() -> Conversation {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    Setup::sack().configured(|config| config.congestion = reno).open()
}

/// Ten segments in flight since 0 ms, of `written` octets; it is 100 ms.
fn in_flight(written: usize) -> Conversation {
    let mut c = open();
    c.write(written);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c
}

/// The far end acknowledges up to `ack` and reports `blocks`; `lines` leave.
#[track_caller]
fn reports(c: &mut Conversation, ack: u32, blocks: &[(u32, u32)], lines: &[&str]) {
    reports_any(c, ack, blocks);
    c.expect(lines);
}

/// The far end acknowledges up to `ack` and reports `blocks`; whatever leaves.
fn reports_any(c: &mut Conversation, ack: u32, blocks: &[(u32, u32)]) {
    c.acked = ack;
    c.sack(blocks);
}

/// Which of the timers run that wait for an ACK.
fn running(c: &mut Conversation) -> Vec<Timer> {
    let deadlines = c.host.connection(c.id).internals().deadlines;
    let timers = [Timer::Retransmit, Timer::LossProbe, Timer::Reorder, Timer::Persist];
    timers.into_iter().filter(|timer| deadlines[*timer as usize].is_some()).collect()
}

/// The second segment arrives before the first, which is not lost: acknowledged at 110 ms.
fn reordered(c: &mut Conversation) {
    reports(c, 1, &[(1_001, 2_001)], &[]);
    c.run_to(110);
    reports(c, 2_001, &[], &[]);
}

#[test]
fn rack_8_rack_12_sack_25_three_segments_reported_mean_a_loss_at_once_and_fewer_do_not() {
    let mut c = in_flight(10_000);
    reports(&mut c, 1, &[(1_001, 2_001)], &[]);
    reports(&mut c, 1, &[(1_001, 3_001)], &[]);
    reports(&mut c, 1, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"]);
    assert_eq!(c.info().counters.recoveries, 1);
    // SACK-25: a single segment, whichever it is, does not.
    let mut c = in_flight(10_000);
    reports(&mut c, 1, &[(9_001, 10_001)], &[]);
    assert_eq!((c.info().counters.recoveries, c.info().pipe), (0, 9_000));
}

#[test]
fn rack_9_rack_13_what_is_late_for_a_quarter_of_a_round_trip_is_lost() {
    for blocks in [&[(2_001, 3_001)][..], &[(2_001, 4_001)]] {
        let mut c = in_flight(10_000);
        reports(&mut c, 1, blocks, &[]);
        c.until(124, &[]);
        // Both below are lost; one may leave, since nothing was delivered to make room.
        c.until(125, &[(125, "[.] 1:1001 ack 1")]);
        assert_eq!(c.info().counters.recoveries, 1);
        c.until(150, &[]);
        // Only what was sent before what arrived: a tie goes by number.
        assert_eq!(c.info().pipe, 10_000 - 2_000 - (blocks[0].1 - blocks[0].0) + 1_000);
    }
}

#[test]
fn cc_15_rack_16_ssthresh_is_half_of_what_was_in_flight_without_limited_transmit() {
    let mut c = in_flight(50_000);
    reports(&mut c, 1, &[(1_001, 2_001)], &["[.] 10001:11001 ack 1"]);
    reports(&mut c, 1, &[(1_001, 3_001)], &["[.] 11001:12001 ack 1"]);
    reports(&mut c, 1, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"]);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, 5_000));
    // A flight that cwnd did not limit counts as it is.
    let mut c = open();
    c.write(6_000);
    assert_eq!(c.packets().len(), 6);
    c.run_to(100);
    reports(&mut c, 1, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"]);
    assert_eq!((c.info().cwnd, c.info().ssthresh), (3_000, 3_000));
}

#[test]
fn cc_15_rack_16_where_reordering_was_seen_ssthresh_is_half_of_what_cwnd_let_go() {
    let mut c = in_flight(100_000);
    reports_any(&mut c, 1, &[(1_001, 2_001)]);
    c.run_to(110);
    reports_any(&mut c, 2_001, &[]);
    // Slow start goes on by what is reported: two segments leave for each. The one at 2001 is lost
    // when it is a quarter of a round trip late.
    let (mut end, mut sent) = (3_001, c.packets().len());
    for _ in 0..6 {
        end += 1_000;
        reports_any(&mut c, 2_001, &[(3_001, end)]);
        sent += c.packets().len();
    }
    assert!(sent >= 12);
    let cwnd = c.info().cwnd;
    c.until(135, &[(135, "[.] 2001:3001 ack 1")]);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, cwnd / 2));
}

#[test]
fn rack_9_what_arrives_within_the_window_was_only_late() {
    let mut c = in_flight(10_000);
    reports(&mut c, 1, &[(1_001, 2_001)], &[]);
    c.run_to(124);
    reports(&mut c, 2_001, &[], &[]);
    c.pass(100);
    assert_eq!((c.info().counters.recoveries, c.info().counters.retransmissions), (0, 0));
}

#[test]
fn rack_7_rack_17_once_reordering_was_seen_no_number_of_reports_means_a_loss() {
    let mut c = in_flight(10_000);
    reordered(&mut c);
    for end in [4_001, 6_001, 10_001] {
        reports(&mut c, 2_001, &[(3_001, end)], &[]);
    }
    assert_eq!(c.info().counters.recoveries, 0);
    // All of them left at 0 ms, and RACK.rtt is that of the reports at 110 ms.
    c.until(134, &[]);
    c.until(135, &[(135, "[.] 2001:3001 ack 1")]);
}

#[test]
fn rack_11_a_d_sack_widens_the_window_by_a_quarter_of_a_round_trip() {
    let mut c = in_flight(10_000);
    reordered(&mut c);
    // The first segment arrived twice, it says: below the ACK.
    reports(&mut c, 2_001, &[(1, 1_001), (3_001, 4_001)], &[]);
    // Once a round trip: SND.NXT was 10001.
    reports(&mut c, 2_001, &[(1, 1_001), (3_001, 5_001)], &[]);
    c.until(159, &[]);
    c.until(160, &[(160, "[.] 2001:3001 ack 1")]);
}

#[test]
fn rack_10_the_window_is_never_wider_than_srtt() {
    let mut c = open();
    // Nine round trips with a D-SACK in each.
    for round in 0..9 {
        c.write(1_000);
        c.packets();
        c.run_to(100 * (round + 1));
        let acked = c.acked;
        reports(&mut c, acked + 1_000, &[(acked, acked + 1_000)], &[]);
    }
    assert_eq!(c.info().srtt.map(|srtt| srtt.as_millis()), Some(100));
    c.write(2_000);
    c.packets();
    c.run_to(1_000);
    reports(&mut c, 9_001, &[(10_001, 11_001)], &[]);
    c.until(1_099, &[]);
    c.until(1_100, &[(1_100, "[.] 9001:10001 ack 1")]);
}

#[test]
fn rack_14_rack_20_a_lost_retransmission_is_sent_again_before_anything_new() {
    let mut c = in_flight(50_000);
    // 1 and 4001 are lost. In flight is nothing else, and 5000 may be.
    reports(
        &mut c,
        1,
        &[(1_001, 4_001), (5_001, 10_001)],
        &[
            "[.] 1:1001 ack 1",
            "[.] 4001:5001 ack 1",
            "[.] 10001:11001 ack 1",
            "[.] 11001:12001 ack 1",
            "[.] 12001:13001 ack 1",
        ],
    );
    c.run_to(200);
    // The second arrives, the first does not: by number it was sent before.
    reports(&mut c, 1, &[(1_001, 10_001)], &["[.] 1:1001 ack 1", "[.] 13001:14001 ack 1"]);
    assert_eq!(c.info().counters.recoveries, 1, "it belongs to the same recovery");
}

#[test]
fn rack_14_a_retransmission_that_is_late_is_waited_for_where_reordering_was_seen() {
    let mut c = in_flight(10_000);
    reordered(&mut c);
    reports(&mut c, 2_001, &[(3_001, 4_001), (5_001, 7_001)], &[]);
    c.until(135, &[(135, "[.] 2001:3001 ack 1")]);
    c.run_to(136);
    reports(&mut c, 2_001, &[(3_001, 4_001), (5_001, 10_001)], &["[.] 4001:5001 ack 1"]);
    // The one sent last arrives at 236; the other, sent at 135, has until 135 + 100 + 25.
    c.run_to(236);
    reports(&mut c, 2_001, &[(3_001, 10_001)], &[]);
    c.until(259, &[]);
    c.until(260, &[(260, "[.] 2001:3001 ack 1")]);
}

#[test]
fn rack_15_an_expiry_loses_what_had_a_round_trip_and_nothing_else() {
    let mut c = open();
    c.write(3_000);
    // A probe at 200 ms, after which RTO counts anew, is lost too.
    c.run_to(450);
    c.write(2_000);
    c.packets();
    c.until(500, &[(500, "[.] 1:1001 ack 1")]);
    // 1001 and 2001 are lost; what left at 450 ms is not. RACK.rtt is that of the handshake.
    assert_eq!((c.info().counters.timeouts, c.info().pipe), (1, 3_000));
    c.run_to(550);
    reports(&mut c, 1, &[(3_001, 5_001)], &[]);
    c.run_to(600);
    let lines = ["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"];
    reports(&mut c, 1_001, &[(3_001, 5_001)], &lines);
    c.run_to(700);
    reports(&mut c, 5_001, &[], &[]);
    assert_eq!(c.info().counters.retransmissions, 4);
}

#[test]
fn rack_16_rack_21_what_is_found_within_an_episode_reduces_the_rate_no_further() {
    let mut c = in_flight(10_000);
    reports(&mut c, 1, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"]);
    assert_eq!(c.info().ssthresh, 5_000);
    reports(&mut c, 1, &[(1_001, 4_001), (5_001, 9_001)], &["[.] 4001:5001 ack 1"]);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, 5_000));
}

#[test]
fn rack_1_tlp_1_cc_24_without_sack_duplicates_are_counted_and_time_says_nothing() {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = Setup::default().configured(|config| config.congestion = reno).open();
    c.write(10_000);
    assert_eq!(c.packets().len(), 10);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    c.run_to(100);
    for lines in [&[][..], &[], &["[.] 1:1001 ack 1"]] {
        c.receive(c.template());
        assert_eq!(running(&mut c), [Timer::Retransmit]);
        c.expect(lines);
    }
    // What SACK blocks say to who did not permit them is nothing.
    c.sack(&[(2_001, 9_001)]);
    c.expect(&[]);
    assert_eq!(c.info().counters.recoveries, 1);
}

#[test]
fn rack_18_one_timer_at_a_time_waits_for_an_ack() {
    let mut c = in_flight(10_000);
    assert_eq!(running(&mut c), [Timer::LossProbe]);
    reports(&mut c, 1, &[(1_001, 2_001)], &[]);
    assert_eq!(running(&mut c), [Timer::Reorder]);
    c.run_to(125);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    // RTO-11: a timeout counts from the retransmission.
    c.packets();
    c.until(425, &[(425, "[.] 1:1001 ack 1")]);
    assert_eq!(c.info().counters.timeouts, 1);
    c.run_to(430);
    c.ack(10_001);
    assert_eq!(running(&mut c), []);
}

#[test]
fn rack_18_where_the_timeout_comes_first_it_comes() {
    let mut c = open();
    c.write(3_000);
    c.packets();
    c.until(200, &[(200, "[P.] 2001:3001 ack 1")]);
    // What left at 0 ms is reported at 480: RACK.rtt is that, and the first would be lost at 505.
    c.run_to(480);
    reports(&mut c, 1, &[(1_001, 2_001)], &[]);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    c.until(500, &[(500, "[.] 1:1001 ack 1")]);
    assert_eq!(c.info().counters.timeouts, 1);
}

#[test]
fn rack_12_small_segments_count_as_segments() {
    let mut c = open();
    c.configure(|config| config.nodelay = true);
    for _ in 0..8 {
        c.write(100);
    }
    c.packets();
    c.run_to(100);
    reports(&mut c, 1, &[(101, 201)], &[]);
    reports(&mut c, 1, &[(101, 301)], &[]);
    reports(&mut c, 1, &[(101, 401)], &["[.] 1:101 ack 1"]);
}

#[test]
fn rack_6_what_leaves_after_memory_was_given_back_is_younger_than_what_was_delivered_before() {
    let mut c = in_flight(10_000);
    c.ack(10_001);
    // Whatever the timer is for, what holds nothing is given back.
    let now = c.host.now;
    c.host.connection(c.id).handle_timeout(now);
    c.write(5_000);
    assert_eq!(c.packets().len(), 5);
    c.run_to(200);
    c.ack(11_001);
    assert_eq!(running(&mut c), [Timer::LossProbe]);
    c.run_to(250);
    assert_eq!((c.info().counters.recoveries, c.info().pipe), (0, 4_000));
}
