//! The sender with SACK: RFC 2018 (SACK-8, SACK-11), RFC 2883, and of RFC 6675 what RACK leaves.
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

#[test]
fn sack_8_only_what_is_missing_is_sent_again() {
    let mut c = in_flight(10_000);
    c.sack(&[(1_001, 2_001), (3_001, 4_001), (5_001, 10_001)]);
    // All three holes are below three segments that were reported, and nothing else is in flight.
    c.expect(&["[.] 1:1001 ack 1", "[.] 2001:3001 ack 1", "[.] 4001:5001 ack 1"]);
    c.run_to(200);
    c.acks(10_001, &[], &[]);
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn sack_19_lt_3_only_acks_that_report_something_new_count() {
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
fn sack_22_recovery_ends_with_the_ack_of_all_that_was_out_when_it_began() {
    let mut c = in_flight(50_000);
    c.sack(&[(1_001, 4_001), (5_001, 10_001)]);
    assert_eq!(c.packets().len(), 5);
    // 4000 in flight, and a segment more than arrived may leave, up to ssthresh.
    c.run_to(200);
    c.acks(4_001, &[(5_001, 10_001)], &["[.] 13001:14001 ack 1"]);
    assert_eq!((c.info().counters.recoveries, c.info().cwnd), (1, 5_000));
    // One octet is missing.
    c.acks(10_000, &[], &["[.] 14001:15001 ack 1"]);
    assert_eq!(c.info().cwnd, 5_000);
    c.acks(10_001, &[], &[]);
    c.acks(11_001, &[], &["[.] 15001:16001 ack 1"]);
    // Congestion avoidance: 5000 octets more and it grows.
    assert_eq!(c.info().cwnd, 5_000);
    c.acks(
        15_001,
        &[],
        &[
            "[.] 16001:17001 ack 1",
            "[.] 17001:18001 ack 1",
            "[.] 18001:19001 ack 1",
            "[.] 19001:20001 ack 1",
            "[.] 20001:21001 ack 1",
        ],
    );
    assert_eq!(c.info().cwnd, 6_000);
}

#[test]
fn sack_23_an_expiry_in_recovery_ends_it_and_begins_none() {
    let mut c = in_flight(10_000);
    c.sack(&[(1_001, 4_001)]);
    c.expect(&["[.] 1:1001 ack 1"]);
    // It is lost again, and no report comes.
    c.until(400, &[(400, "[.] 1:1001 ack 1")]);
    let ssthresh = c.info().ssthresh;
    for end in [5_001, 6_001, 7_001, 8_001] {
        c.sack(&[(1_001, end)]);
    }
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, ssthresh));
    assert_eq!(c.info().cwnd, 1_000);
    // When everything of then is acknowledged, it may begin again.
    c.run_to(500);
    c.ack(10_001);
    c.packets();
    c.write(8_000);
    for (ms, ack) in [(600, 11_001), (700, 12_001)] {
        c.run_to(ms);
        c.ack(ack);
    }
    assert_eq!((c.info().unacked, c.info().cwnd), (4_000, 4_000));
    c.packets();
    c.sack(&[(13_001, 16_001)]);
    assert_eq!(c.packets().len(), 2);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (2, 2_000));
}

#[test]
fn dsack_4_dsack_5_dsack_6_trap_44_a_duplicate_report_is_no_news_of_a_loss() {
    let mut c = in_flight(10_000);
    c.acks(4_001, &[(6_001, 7_001)], &[]);
    for _ in 0..5 {
        // Below the ACK, and inside the block that follows it.
        reports(&mut c, &[(1_001, 2_001)], &[], 5_000);
        reports(&mut c, &[(6_001, 6_501), (6_001, 7_001)], &[], 5_000);
    }
    assert_eq!((c.info().counters.recoveries, c.info().unacked), (0, 6_000));
}
