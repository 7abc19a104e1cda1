//! What was reported by SACK, after a timeout: believed until it proves to have been dropped.
//! Ten segments of 1000 are in flight, at 1, 1001, ... 9001; the far end reports what it has.

use std::collections::BTreeSet;

use synack_tcb::congestion::NewReno;

use crate::support::{Conversation, Setup};

/// Ten segments in flight since 0 ms, of which the far end reports `blocks` at 100 ms. The first is
/// sent again.
fn reported(blocks: &[(u32, u32)]) -> Conversation {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = Setup::sack().configured(|config| config.congestion = reno).open();
    c.write(10_000);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c.sack(blocks);
    c.expect(&["[.] 1:1001 ack 1"]);
    c
}

/// Likewise, but that is lost too; so it is sent once more when the timer expires at 400 ms.
fn timed_out(blocks: &[(u32, u32)]) -> Conversation {
    let mut c = reported(blocks);
    c.until(400, &[(400, "[.] 1:1001 ack 1")]);
    c.run_to(500);
    c
}

#[test]
fn sack_8_dec_5_what_was_reported_before_a_timeout_is_not_sent_again() {
    let mut c = timed_out(&[(1_001, 2_001), (3_001, 6_001)]);
    // What is not reported left as long ago as the first, and is lost: 2001 and 6001 to 9001.
    assert_eq!((c.info().pipe, c.info().cwnd), (1_000, 1_000));
    c.acks(2_001, &[(3_001, 6_001)], &["[.] 2001:3001 ack 1", "[.] 6001:7001 ack 1"]);
    c.run_to(600);
    let lines = ["[.] 7001:8001 ack 1", "[.] 8001:9001 ack 1", "[P.] 9001:10001 ack 1"];
    c.acks(6_001, &[], &lines[..2]);
    c.acks(7_001, &[], &lines[2..]);
    c.run_to(700);
    c.acks(10_001, &[], &[]);
    assert_eq!(c.info().counters.timeouts, 1);
}

#[test]
fn sack_8_dec_5_what_was_reported_stays_so_over_many_timeouts() {
    let mut c = timed_out(&[(1_001, 9_001)]);
    c.run(30_000);
    assert!(c.info().counters.timeouts > 5);
    assert_eq!(sent(&mut c), BTreeSet::from([1]));
    c.acks(9_001, &[], &["[P.] 9001:10001 ack 1"]);
}

#[test]
fn sack_9_dec_5_a_far_end_whose_ack_stops_at_what_it_reported_is_believed_no_longer() {
    let mut c = timed_out(&[(1_001, 2_001), (3_001, 6_001)]);
    // It forgot 1001, and says nothing of 3001.
    c.acks(1_001, &[], &["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    c.run_to(600);
    let lines = ["[.] 3001:4001 ack 1", "[.] 4001:5001 ack 1"];
    c.acks(2_001, &[], &lines);
}

#[test]
fn sack_10_what_such_a_far_end_reports_from_then_on_counts() {
    let mut c = timed_out(&[(1_001, 2_001), (3_001, 6_001)]);
    // The very ACK that shows that 1001 is gone says that 4001 is still there.
    let lines = ["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"];
    c.acks(1_001, &[(4_001, 6_001)], &lines);
    c.run_to(600);
    let lines = ["[.] 3001:4001 ack 1", "[.] 6001:7001 ack 1", "[.] 7001:8001 ack 1"];
    c.acks(3_001, &[(4_001, 6_001)], &lines);
}

#[test]
fn sack_9_trap_42_the_segment_at_the_left_edge_is_sent_again_though_it_was_reported() {
    // The first comes before any timeout, and everything above it is gone.
    let mut c = reported(&[(1_001, 10_001)]);
    c.run_to(200);
    c.acks(1_001, &[], &[]);
    let timeout_ms = 200 + c.info().rto.as_millis() as u64;
    c.until(timeout_ms, &[(timeout_ms, "[.] 1001:2001 ack 1")]);
    c.run_to(timeout_ms + 100);
    c.acks(2_001, &[], &["[.] 2001:3001 ack 1", "[.] 3001:4001 ack 1"]);
}

/// The numbers of the segments that left since this was last asked. Their octets are looked at.
fn sent(c: &mut Conversation) -> BTreeSet<u32> {
    c.packets().iter().map(|packet| packet.segment.seq - c.iss).collect()
}

#[test]
fn sack_12_seq_11_what_was_reported_and_dropped_once_is_there_again_in_a_few_round_trips() {
    let mut c = timed_out(&[(1_001, 10_001)]);
    let start_ms = c.clock_ms();
    c.ack(1_001);
    let mut again = BTreeSet::new();
    while c.acked < 10_001 {
        let segments = sent(&mut c);
        assert!(segments.contains(&c.acked), "nothing else would be acknowledged: {segments:?}");
        let end = segments.last().map_or(c.acked, |last| last + 1_000);
        again.extend(segments);
        c.run(100);
        c.ack(end);
    }
    assert_eq!(again, (1_001..10_000).step_by(1_000).collect());
    assert!(c.clock_ms() - start_ms <= 500, "{} ms", c.clock_ms() - start_ms);
    assert_eq!((c.info().counters.timeouts, c.info().unacked), (1, 0));
}

#[test]
fn sack_12_seq_11_trap_43_what_is_reported_and_dropped_over_and_over_arrives_whole() {
    let mut c = timed_out(&[(1_001, 10_001)]);
    // The far end keeps one segment at a time, and drops all that it reports beyond.
    let mut again = BTreeSet::new();
    c.ack(1_001);
    while c.acked < 10_001 {
        c.run(100);
        again.extend(sent(&mut c));
        if !again.contains(&c.acked) {
            let patience_ms = c.info().rto.as_millis() as u64;
            c.run(patience_ms);
            again.extend(sent(&mut c));
        }
        assert!(again.contains(&c.acked), "{} is not sent again in an RTO", c.acked);
        c.acked += 1_000;
        c.sack(&[((c.acked + 1_000).min(10_001), 10_001)]);
    }
    assert_eq!((c.info().unacked, c.info().unsent), (0, 0));
}
