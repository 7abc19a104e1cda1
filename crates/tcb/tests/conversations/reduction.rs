//! How the rate comes down in fast recovery (PRR-*).
//! Ten segments of 1000 left at 0 ms and more waits; NewReno halves, so ssthresh is 5000.

use synack_tcb::congestion::NewReno;

use crate::support::{Conversation, Setup};

/// Ten segments in flight since 0 ms, of `written` octets; it is 100 ms.
fn in_flight(written: usize) -> Conversation {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = Setup::sack().configured(|config| config.congestion = reno).open();
    c.write(written);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c
}

/// The far end acknowledges up to `ack` and reports `blocks`; `lines` leave, and then cwnd and what
/// is in flight are so much.
#[track_caller]
fn reports(
    c: &mut Conversation,
    ack: u32,
    blocks: &[(u32, u32)],
    lines: &[&str],
    cwnd_and_pipe: (u32, u32),
) {
    c.acked = ack;
    c.sack(blocks);
    c.expect(lines);
    assert_eq!((c.info().cwnd, c.info().pipe), cwnd_and_pipe);
}

#[test]
fn prr_1_prr_2_prr_3_prr_5_prr_9_prr_10_prr_12_an_episode_step_by_step() {
    let mut c = in_flight(50_000);
    // Limited Transmit: cwnd is 10000 as long as nothing is known to be lost (PRR-12).
    reports(&mut c, 1, &[(1_001, 2_001)], &["[.] 10001:11001 ack 1"], (10_000, 10_000));
    reports(&mut c, 1, &[(1_001, 3_001)], &["[.] 11001:12001 ack 1"], (10_000, 10_000));
    // RecoverFS is 12000 - 2000; in flight 8000 of which none may be replaced but the lost one:
    // ceil(1000 * 5000 / 10000) = 500, and the fast retransmit is whole (PRR-8).
    let line = "[.] 1:1001 ack 1";
    reports(&mut c, 1, &[(1_001, 4_001)], &[line], (9_000, 9_000));
    assert_eq!(c.info().ssthresh, 5_000);
    // 5000 n / 10000 less what left: 0, 500, 1000.
    reports(&mut c, 1, &[(1_001, 5_001)], &[], (8_000, 8_000));
    reports(&mut c, 1, &[(1_001, 6_001)], &[], (7_500, 7_000));
    reports(&mut c, 1, &[(1_001, 7_001)], &["[.] 12001:13001 ack 1"], (7_000, 7_000));
    reports(&mut c, 1, &[(1_001, 8_001)], &[], (6_500, 6_000));
    // At ssthresh one leaves for each that arrived.
    reports(&mut c, 1, &[(1_001, 9_001)], &[], (5_000, 5_000));
    reports(&mut c, 1, &[(1_001, 10_001)], &["[.] 13001:14001 ack 1"], (5_000, 5_000));
    reports(&mut c, 1, &[(1_001, 11_001)], &["[.] 14001:15001 ack 1"], (5_000, 5_000));
    reports(&mut c, 1, &[(1_001, 12_001)], &["[.] 15001:16001 ack 1"], (5_000, 5_000));
    // The recovery point was 12001: it is over, and cwnd is ssthresh.
    c.run_to(200);
    reports(&mut c, 12_001, &[], &["[.] 16001:17001 ack 1"], (5_000, 5_000));
    assert_eq!(c.info().counters.recoveries, 1);
}

#[test]
fn prr_6_prr_7_below_ssthresh_it_grows_like_slow_start_while_all_goes_well() {
    // Nine of ten are lost.
    let mut c = in_flight(50_000);
    reports(&mut c, 1, &[(9_001, 10_001)], &["[.] 10001:11001 ack 1"], (10_000, 10_000));
    c.run_to(125);
    c.expect(&["[.] 1:1001 ack 1"]);
    // What left at 100 ms is still in flight.
    assert_eq!((c.info().cwnd, c.info().pipe), (2_000, 2_000));
    c.run_to(200);
    // SND.UNA does not advance: one for one.
    reports(&mut c, 1, &[(9_001, 11_001)], &["[.] 1001:2001 ack 1"], (2_000, 2_000));
    c.run_to(225);
    // One delivered, and a segment beside.
    let lines = ["[.] 2001:3001 ack 1", "[.] 3001:4001 ack 1"];
    reports(&mut c, 1_001, &[(9_001, 11_001)], &lines, (3_000, 3_000));
    c.run_to(300);
    let lines = ["[.] 4001:5001 ack 1", "[.] 5001:6001 ack 1"];
    reports(&mut c, 2_001, &[(9_001, 11_001)], &lines, (4_000, 4_000));
    c.run_to(325);
    // No more than ssthresh.
    let lines = ["[.] 6001:7001 ack 1", "[.] 7001:8001 ack 1"];
    reports(&mut c, 3_001, &[(9_001, 11_001)], &lines, (5_000, 5_000));
    reports(&mut c, 4_001, &[(9_001, 11_001)], &["[.] 8001:9001 ack 1"], (5_000, 5_000));
    assert_eq!(c.info().counters.timeouts, 0);
}

#[test]
fn prr_4_an_ack_that_delivers_nothing_allows_nothing() {
    let mut c = in_flight(50_000);
    c.sack(&[(1_001, 4_001)]);
    c.packets();
    let before = (c.info().cwnd, c.info().pipe);
    for _ in 0..50 {
        reports(&mut c, 1, &[(1_001, 4_001)], &[], before);
    }
}

#[test]
fn attack_d7_in_recovery_no_more_leaves_than_arrives_and_a_segment_an_ack() {
    let mut c = in_flight(100_000);
    c.sack(&[(1_001, 4_001)]);
    let mut left = c.packets().len() as u32;
    // The far end reports whatever it gets, at once.
    for acks in 1..=200 {
        let end = 4_001 + (left + 6 - 1).min(acks) * 1_000;
        c.sack(&[(1_001, end)]);
        left += c.packets().len() as u32;
        assert!(left <= 3 + acks + 1, "{left} after {acks}");
    }
}
