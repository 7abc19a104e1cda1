//! The sender with SACK: RFC 2018 (SACK-8 to SACK-12) and RFC 6675 (SACK-13 to SACK-25).
//! Ten segments of 1000 are in flight, at 1, 1001, ... 9001; the far end reports what it has.

use synack_tcb::congestion::NewReno;

use crate::support::{Conversation, Setup};

fn open() -> Conversation {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    Setup::sack().configured(|config| config.congestion = reno).open()
}

/// Ten segments in flight since 100 ms, of `written` octets.
fn in_flight(written: usize) -> Conversation {
    let mut c = open();
    c.write(written);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c
}

/// Reports `blocks` and expects `lines`; then `pipe` octets are believed to be in flight.
#[track_caller]
fn reports(c: &mut Conversation, blocks: &[(u32, u32)], lines: &[&str], pipe: u32) {
    c.sack(blocks);
    c.expect(lines);
    assert_eq!(c.info().pipe, pipe);
}

/// Acknowledges up to `ack`, reports `blocks` and expects `lines`.
#[track_caller]
fn acks(c: &mut Conversation, ack: u32, blocks: &[(u32, u32)], lines: &[&str]) {
    c.acked = ack;
    c.sack(blocks);
    c.expect(lines);
}

#[test]
fn sack_8_sack_15_only_what_is_missing_is_sent_again() {
    let mut c = in_flight(10_000);
    c.sack(&[(1_001, 2_001), (3_001, 4_001), (5_001, 10_001)]);
    // IsLost holds for all three holes, and the pipe is empty.
    c.expect(&["[.] 1:1001 ack 1", "[.] 2001:3001 ack 1", "[.] 4001:5001 ack 1"]);
    c.run_to(200);
    acks(&mut c, 10_001, &[], &[]);
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn sack_13_sack_25_more_than_two_segments_above_mean_a_loss() {
    let mut c = in_flight(10_000);
    reports(&mut c, &[(1_001, 3_001)], &[], 8_000);
    let mut c = in_flight(10_000);
    reports(&mut c, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"], 7_000);
    // SACK-25: a single segment, whatever it is, does not.
    let mut c = in_flight(10_000);
    reports(&mut c, &[(9_001, 10_001)], &[], 9_000);
}

#[test]
fn sack_13_three_discontiguous_ranges_above_mean_a_loss() {
    let mut c = open();
    c.configure(|config| config.nodelay = true);
    for _ in 0..60 {
        c.write(100);
    }
    assert_eq!(c.packets().len(), 60);
    // In one ACK: below 201 it is lost, from 301 on it is not.
    reports(&mut c, &[(601, 701), (401, 501), (201, 301)], &["[.] 1:201 ack 1"], 5_700);
    assert_eq!(c.info().cwnd, 3_000);
}

#[test]
fn sack_14_sack_20_sack_21_sack_22_an_episode_step_by_step() {
    // 1 and 4001 are lost.
    let mut c = in_flight(10_000);
    reports(&mut c, &[(1_001, 2_001)], &[], 9_000);
    reports(&mut c, &[(1_001, 3_001)], &[], 8_000);
    reports(&mut c, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"], 7_000);
    assert_eq!((c.info().ssthresh, c.info().cwnd), (5_000, 5_000));
    reports(&mut c, &[(5_001, 6_001), (1_001, 4_001)], &[], 6_000);
    reports(&mut c, &[(5_001, 7_001), (1_001, 4_001)], &[], 5_000);
    // IsLost(4001): 4001 is no longer in the network, then it is again.
    let line = "[.] 4001:5001 ack 1";
    reports(&mut c, &[(5_001, 8_001), (1_001, 4_001)], &[line], 4_000);
    reports(&mut c, &[(5_001, 10_001), (1_001, 4_001)], &[], 2_000);
    c.run_to(200);
    c.ack(10_001);
    c.expect(&[]);
    assert_eq!((c.info().pipe, c.info().cwnd), (0, 5_000));
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn sack_16_sack_21_new_text_leaves_where_the_pipe_allows() {
    let mut c = in_flight(50_000);
    // Two duplicates let one new segment leave each (LT-1); the third begins recovery.
    reports(&mut c, &[(1_001, 2_001)], &["[.] 10001:11001 ack 1"], 10_000);
    reports(&mut c, &[(1_001, 3_001)], &["[.] 11001:12001 ack 1"], 10_000);
    reports(&mut c, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"], 9_000);
    // CC-15: without the two of Limited Transmit.
    assert_eq!(c.info().cwnd, 5_000);
    for (end, pipe) in [(5_001, 8_000), (6_001, 7_000), (7_001, 6_000), (8_001, 5_000)] {
        reports(&mut c, &[(1_001, end)], &[], pipe);
    }
    reports(&mut c, &[(1_001, 9_001)], &["[.] 12001:13001 ack 1"], 5_000);
    reports(&mut c, &[(1_001, 11_001)], &["[.] 13001:14001 ack 1", "[.] 14001:15001 ack 1"], 5_000);
    // SACK-22: only an ACK of all that was out ends it.
    c.run_to(200);
    acks(&mut c, 11_001, &[], &["[.] 15001:16001 ack 1"]);
    assert_eq!(c.info().cwnd, 5_000);
    acks(&mut c, 12_001, &[], &["[.] 16001:17001 ack 1"]);
    assert_eq!(c.info().cwnd, 5_000);
    acks(&mut c, 13_001, &[], &["[.] 17001:18001 ack 1"]);
}

#[test]
fn sack_17_when_nothing_is_new_a_hole_that_may_be_late_is_sent_again() {
    // 1 and 7001 are lost.
    let mut c = in_flight(10_000);
    reports(&mut c, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"], 7_000);
    reports(&mut c, &[(1_001, 7_001)], &[], 4_000);
    // One segment above 7001 proves nothing, but there is room and nothing else to send. It is
    // counted twice until it is known that the first one is lost.
    let line = "[.] 7001:8001 ack 1";
    reports(&mut c, &[(8_001, 9_001), (1_001, 7_001)], &[line], 4_000);
    reports(&mut c, &[(8_001, 10_001), (1_001, 7_001)], &[], 3_000);
}

#[test]
fn sack_18_one_rescue_once_the_first_retransmission_is_acknowledged() {
    // 1, 8001 and 9001 are lost.
    let mut c = in_flight(10_000);
    reports(&mut c, &[(1_001, 4_001)], &["[.] 1:1001 ack 1"], 7_000);
    reports(&mut c, &[(1_001, 8_001)], &[], 3_000);
    c.run_to(200);
    acks(&mut c, 8_001, &[], &["[P.] 9001:10001 ack 1"]);
    // Not a second one, though the pipe allows it.
    acks(&mut c, 8_001, &[(9_001, 10_001)], &["[.] 8001:9001 ack 1"]);
    c.pass(100);
    assert_eq!(c.info().counters.retransmissions, 3);
}

#[test]
fn sack_19_sack_24_lt_3_only_acks_that_report_something_new_count() {
    let mut c = in_flight(50_000);
    for _ in 0..10 {
        c.receive(c.template());
    }
    c.expect(&[]);
    reports(&mut c, &[(2_001, 3_001)], &["[.] 10001:11001 ack 1"], 10_000);
    for _ in 0..10 {
        reports(&mut c, &[(2_001, 3_001)], &[], 10_000);
    }
    assert_eq!(c.info().counters.recoveries, 0);
}

#[test]
fn sack_20_three_duplicates_begin_recovery_though_little_is_reported() {
    let mut c = open();
    c.configure(|config| config.nodelay = true);
    for _ in 0..8 {
        c.write(100);
    }
    c.packets();
    for end in [201, 301] {
        reports(&mut c, &[(101, end)], &[], 800 - (end - 101));
    }
    // 300 octets in one range: IsLost does not hold.
    reports(&mut c, &[(101, 401)], &["[.] 1:101 ack 1"], 500);
}

#[test]
fn sack_24_an_ack_of_new_text_starts_the_count_anew() {
    let mut c = open();
    c.configure(|config| config.nodelay = true);
    for _ in 0..9 {
        c.write(100);
    }
    c.packets();
    for end in [301, 401] {
        c.sack(&[(201, end)]);
    }
    acks(&mut c, 101, &[(201, 401)], &[]);
    for end in [501, 601] {
        c.sack(&[(201, end)]);
    }
    c.expect(&[]);
    c.sack(&[(201, 701)]);
    c.expect(&["[.] 101:201 ack 1"]);
}

#[test]
fn sack_20_what_is_lost_within_an_episode_belongs_to_it() {
    let mut c = in_flight(50_000);
    c.sack(&[(1_001, 9_001)]);
    c.expect(&[
        "[.] 1:1001 ack 1",
        "[.] 10001:11001 ack 1",
        "[.] 11001:12001 ack 1",
        "[.] 12001:13001 ack 1",
    ]);
    // The first of these is lost.
    c.run_to(150);
    c.sack(&[(11_001, 13_001), (1_001, 10_001)]);
    assert_eq!(c.packets().len(), 3);
    c.sack(&[(11_001, 14_001), (1_001, 10_001)]);
    c.expect(&["[.] 10001:11001 ack 1", "[.] 16001:17001 ack 1"]);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, 5_000));
}

#[test]
fn sack_9_sack_10_dec_5_after_an_expiry_only_later_reports_count() {
    let mut c = in_flight(6_000 + 4_000);
    c.sack(&[(2_001, 3_001)]);
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    assert_eq!((c.info().pipe, c.info().cwnd), (1_000, 1_000));
    // The report of before is forgotten: 2001 is sent again too.
    c.run_to(400);
    acks(&mut c, 1_001, &[], &["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    // One that comes now counts.
    c.run_to(500);
    acks(
        &mut c,
        3_001,
        &[(4_001, 6_001)],
        &["[.] 3001:4001 ack 1", "[.] 6001:7001 ack 1", "[.] 7001:8001 ack 1"],
    );
}

#[test]
fn sack_9_the_segment_at_the_left_edge_is_sent_again_though_it_was_reported() {
    // A far end that reneges on everything, the first segment included.
    let mut c = in_flight(10_000);
    c.sack(&[(1_001, 10_001)]);
    c.expect(&["[.] 1:1001 ack 1"]);
    c.run_to(200);
    acks(&mut c, 1_001, &[], &[]);
    let timeout_ms = 200 + c.info().rto.as_millis() as u64;
    c.until(timeout_ms, &[(timeout_ms, "[.] 1001:2001 ack 1")]);
}

#[test]
fn sack_11_attack_d4_blocks_of_nothing_that_is_outstanding_are_ignored() {
    for blocks in [
        [(1, 1), (5_001, 5_001)],
        [(4_001, 3_001), (10_001, 9_001)],
        [(10_001, 11_001), (9_001, 10_002)],
        [(0u32.wrapping_sub(5_000), 1), (0, 5_001)],
        [(0x8000_0000, 0x8000_1000), (0, u32::MAX)],
    ] {
        let mut c = in_flight(10_000);
        for _ in 0..5 {
            reports(&mut c, &blocks, &[], 10_000);
        }
        assert_eq!(c.info().counters.recoveries, 0, "{blocks:?}");
        // A good one beside them counts.
        reports(&mut c, &[blocks[0], (1_001, 4_001)], &["[.] 1:1001 ack 1"], 7_000);
    }
}

#[test]
fn sack_12_seq_11_what_was_reported_and_reneged_is_still_there() {
    let mut c = in_flight(10_000);
    c.sack(&[(1_001, 10_001)]);
    c.run_to(200);
    c.ack(1_001);
    c.packets();
    // The far end forgot all of it, and takes one segment at a time. Each is sent again, and its
    // octets are looked at.
    let mut again = std::collections::BTreeSet::new();
    while c.acked < 10_001 {
        c.run(30_000);
        again.extend(c.packets().iter().map(|packet| packet.segment.seq - c.iss));
        c.ack(c.acked + 1_000);
    }
    assert_eq!(again, (1_001..10_000).step_by(1_000).collect());
    assert_eq!((c.info().unacked, c.info().unsent), (0, 0));
}

#[test]
fn sack_23_an_expiry_in_recovery_ends_it_and_begins_none() {
    let mut c = in_flight(10_000);
    c.sack(&[(1_001, 4_001)]);
    c.expect(&["[.] 1:1001 ack 1"]);
    // It is lost again.
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    let ssthresh = c.info().ssthresh;
    for end in [5_001, 6_001, 7_001, 8_001] {
        c.sack(&[(1_001, end)]);
    }
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, ssthresh));
    assert_eq!(c.info().cwnd, 1_000);
    // When everything of then is acknowledged, it may begin again.
    c.run_to(400);
    c.ack(10_001);
    c.packets();
    c.write(8_000);
    for (ms, ack) in [(500, 11_001), (600, 12_001)] {
        c.run_to(ms);
        c.ack(ack);
    }
    assert_eq!((c.info().unacked, c.info().cwnd), (4_000, 4_000));
    c.packets();
    c.sack(&[(13_001, 16_001)]);
    c.expect(&["[.] 12001:13001 ack 1", "[.] 16001:17001 ack 1"]);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (2, 2_000));
}

#[test]
fn dsack_4_dsack_5_dsack_6_a_duplicate_report_is_no_news_of_a_loss() {
    let mut c = in_flight(10_000);
    acks(&mut c, 4_001, &[(6_001, 7_001)], &[]);
    for _ in 0..5 {
        // Below the ACK, and inside the block that follows it.
        reports(&mut c, &[(1_001, 2_001)], &[], 5_000);
        reports(&mut c, &[(6_001, 6_501), (6_001, 7_001)], &[], 5_000);
    }
    assert_eq!((c.info().counters.recoveries, c.info().unacked), (0, 6_000));
}
