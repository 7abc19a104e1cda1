//! Congestion control (CC-*) of RFC 5681, and how windows begin and grow (IW-*, ABC-*).
//! NewReno with the slow start of RFC 5681, without SACK; the far end acknowledges by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use synack_tcb::congestion::{
    Beginning, CongestionController, CongestionFactory, NewReno, NewRenoFactory, WindowOptions,
};

use crate::support::{Change, Conversation, Opener, Setup};

fn reno(setup: Setup) -> Setup {
    let options = WindowOptions { hystart: false, ..WindowOptions::DEFAULT };
    let factory = Arc::new(NewRenoFactory { options });
    setup.configured(|config| config.congestion = factory)
}

fn open() -> Conversation {
    reno(Setup::default()).open()
}

/// How many octets left since the last look.
fn octets_sent(c: &mut Conversation) -> u32 {
    c.packets().iter().map(|packet| packet.segment.payload.len()).sum()
}

/// A connection in congestion avoidance, nothing in flight: ssthresh is 5000, cwnd 6000, and 1000
/// of the octets that make it 7000 are acknowledged.
fn in_congestion_avoidance() -> Conversation {
    let mut c = open();
    c.write(10_000);
    c.run_to(300);
    for ack in [1_001, 2_001, 3_001, 4_001, 10_001] {
        c.ack(ack);
    }
    assert_eq!((c.info().ssthresh, c.info().cwnd), (5_000, 6_000));
    c.packets();
    c
}

#[test]
fn cc_1_no_more_is_in_flight_than_the_smaller_window_allows() {
    for (window, last) in [(65_535, 10_001), (10_000, 10_001), (3_000, 3_001), (999, 1_000)] {
        let mut c = reno(Setup { window, ..Setup::default() }).open();
        c.write(50_000);
        let end = c.packets().last().map_or(1, |packet| packet.segment.end() - c.iss);
        assert_eq!(end, last, "window {window}");
    }
}

#[test]
fn cc_2_cc_3_abc_2_in_slow_start_each_ack_adds_one_segment_at_most() {
    let mut c = open();
    c.write(100_000);
    assert_eq!(octets_sent(&mut c), 10_000);
    c.ack(1_001);
    c.expect(&["[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1"]);
    // An ACK of two segments adds one, and of half a segment half of one.
    c.ack(3_001);
    c.expect(&["[.] 12001:13001 ack 1", "[.] 13001:14001 ack 1", "[.] 14001:15001 ack 1"]);
    c.ack(3_501);
    assert_eq!(c.info().cwnd, 12_500);
    c.expect(&["[.] 15001:16001 ack 1"]);
}

#[test]
fn cc_2_cc_4_beyond_ssthresh_a_whole_window_adds_one_segment() {
    let mut c = in_congestion_avoidance();
    c.write(100_000);
    assert_eq!(octets_sent(&mut c), 6_000);
    for ack in [11_001, 12_001, 13_001, 14_001] {
        c.ack(ack);
        assert_eq!((octets_sent(&mut c), c.info().cwnd), (1_000, 6_000));
    }
    c.ack(15_001);
    assert_eq!((octets_sent(&mut c), c.info().cwnd), (2_000, 7_000));
    // The next one takes 7000 octets.
    for (ack, cwnd) in [(18_001, 7_000), (21_001, 7_000), (22_001, 8_000)] {
        c.ack(ack);
        assert_eq!(c.info().cwnd, cwnd);
    }
}

#[test]
fn cc_6_ssthresh_begins_beyond_any_window() {
    assert!(open().info().ssthresh >= 65_535 << 14);
}

#[test]
fn cc_7_the_segments_of_the_handshake_add_nothing() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        let mut c = reno(Setup { opened_by, ..Setup::default() }).open();
        assert_eq!(c.info().cwnd, 10_000);
        c.write(50_000);
        assert_eq!(octets_sent(&mut c), 10_000);
    }
}

#[test]
fn cc_8_cc_10_cc_20_iw_3_an_expiry_halves_what_was_in_flight_and_leaves_one_segment() {
    for (written, ssthresh) in [(10_000, 5_000), (6_000, 3_000), (3_000, 2_000), (1, 2_000)] {
        let mut c = open();
        c.write(written);
        c.packets();
        c.run_to(300);
        assert_eq!((c.info().ssthresh, c.info().cwnd), (ssthresh, 1_000));
        assert_eq!(octets_sent(&mut c), (written as u32).min(1_000));
    }
}

#[test]
fn cc_9_trap_41_a_second_expiry_for_the_same_segment_leaves_ssthresh() {
    let mut c = open();
    c.write(8_000);
    c.packets();
    for (ms, expiries) in [(300, 1), (900, 2), (2_100, 3)] {
        c.run_to(ms);
        assert_eq!((c.info().counters.timeouts, c.info().ssthresh), (expiries, 4_000));
        assert_eq!((octets_sent(&mut c), c.info().cwnd), (1_000, 1_000));
    }
}

#[test]
fn cc_10_cc_2_must_19_after_an_expiry_slow_start_begins_anew() {
    let mut c = open();
    c.write(10_000);
    c.packets();
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    c.run_to(400);
    c.ack(1_001);
    c.expect(&["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    c.run_to(500);
    c.ack(2_001);
    c.expect(&["[.] 3001:4001 ack 1", "[.] 4001:5001 ack 1"]);
    assert_eq!(c.info().cwnd, 3_000);
}

#[test]
fn cc_11_shld_31_text_out_of_order_is_kept_and_answered_at_once() {
    let mut c = Setup::default().configured(|config| config.quick_acks = 0).open();
    for seq in [1_001, 2_001, 5_001] {
        c.receive(c.text_at(seq, 1_000));
        c.expect(&["[.] 1 ack 1"]);
    }
    assert_eq!(c.info().out_of_order, 3_000);
}

#[test]
fn cc_12_text_that_fills_all_or_part_of_a_gap_is_acknowledged_at_once() {
    let mut c = Setup::default().configured(|config| config.quick_acks = 0).open();
    c.receive(c.text_at(1_001, 1_000));
    c.receive(c.text_at(3_001, 1_000));
    c.packets();
    // A part of the first gap, its rest, then the second.
    for (seq, len, ack) in [(1, 400, 401), (401, 600, 2_001), (2_001, 1_000, 4_001)] {
        c.receive(c.text_at(seq, len));
        c.expect(&[&format!("[.] 1 ack {ack}")]);
    }
    assert_eq!(c.read(), 4_000);
}

#[test]
fn cc_22_after_an_idle_time_of_more_than_an_rto_the_window_is_the_restart_window() {
    let mut c = open();
    c.write(20_000);
    for ack in 1..=20 {
        c.ack(ack * 1_000 + 1);
    }
    c.packets();
    let grown = c.info().cwnd;
    assert!(grown > 15_000);
    let rto_ms = c.info().rto.as_millis() as u64;
    c.pass(rto_ms);
    c.write(1_000);
    assert_eq!((octets_sent(&mut c), c.info().cwnd), (1_000, grown), "just an RTO");
    c.ack(21_001);
    let rto_ms = c.info().rto.as_millis() as u64;
    c.pass(rto_ms + 1);
    c.write(50_000);
    assert_eq!((octets_sent(&mut c), c.info().cwnd), (10_000, 10_000));
}

#[test]
fn cc_22_a_small_window_is_not_raised_by_idleness() {
    let mut c = open();
    c.write(10_000);
    c.run_to(300);
    c.ack(10_001);
    c.packets();
    assert_eq!(c.info().cwnd, 2_000);
    c.pass(10_000);
    c.write(10_000);
    assert_eq!(octets_sent(&mut c), 2_000);
}

#[test]
fn cc_23_a_window_that_limits_nothing_does_not_grow() {
    let mut c = open();
    for segment in 0..30 {
        c.write(1_000);
        c.run(100);
        c.ack(1_001 + 1_000 * segment);
        assert_eq!(c.info().cwnd, 10_000);
    }
}

#[test]
fn cc_23_a_window_that_is_used_whole_grows_though_nothing_waits() {
    let mut c = open();
    c.write(10_000);
    assert_eq!(octets_sent(&mut c), 10_000);
    c.run(100);
    c.ack(2_001);
    assert_eq!(c.info().cwnd, 11_000);
    // Nothing was sent since, so that less and less of it is in use.
    c.run(100);
    c.ack(10_001);
    c.write(5_000);
    assert_eq!(octets_sent(&mut c), 5_000);
    let cwnd = c.info().cwnd;
    c.run(100);
    c.ack(15_001);
    assert_eq!(c.info().cwnd, cwnd);
}

#[test]
fn iw_1_dec_8_a_connection_begins_with_ten_segments() {
    for (mss, octets) in [(536, 5_360), (1_000, 10_000), (1_460, 14_600)] {
        let mut c = reno(Setup::default().offering(|options| options.mss = Some(mss))).open();
        c.write(50_000);
        assert_eq!(octets_sent(&mut c), octets);
    }
}

#[test]
fn iw_2_one_repeated_syn_ack_does_not_shrink_the_initial_window() {
    let setup = reno(Setup::default());
    let mut host = setup.host();
    setup.begin(&mut host);
    host.advance(Duration::from_secs(1));
    let again = host.only_sent();
    let mut c = setup.finish(host, setup.peer(), &again);
    c.write(50_000);
    assert_eq!(octets_sent(&mut c), 10_000);
}

#[test]
fn iw_2_after_a_second_retransmission_of_the_syn_a_connection_begins_with_one_segment() {
    for opened_by in [Opener::FarEnd, Opener::Host] {
        let setup = reno(Setup { opened_by, ..Setup::default() });
        let mut host = setup.host();
        setup.begin(&mut host);
        host.advance(Duration::from_secs(3));
        let last = host.sent().pop().unwrap();
        let mut c = setup.finish(host, setup.peer(), &last);
        c.write(50_000);
        assert_eq!(octets_sent(&mut c), 1_000, "{opened_by:?}");
        // In slow start all the same: nothing says where congestion begins.
        assert_eq!(c.info().ssthresh, u32::MAX);
        c.run(100);
        c.ack(1_001);
        assert_eq!(octets_sent(&mut c), 2_000, "{opened_by:?}");
    }
}

/// Counts the controllers that it makes, all of NewReno.
#[derive(Debug, Default)]
struct Counting {
    built: AtomicU32,
}

impl CongestionFactory for Counting {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        self.built.fetch_add(1, Ordering::Relaxed);
        NewReno::FACTORY.build(beginning)
    }
}

#[test]
fn attack_a6_a_connection_has_one_controller_and_a_handshake_none() {
    for opened_by in [Opener::FarEnd, Opener::Host] {
        let counting = Arc::new(Counting::default());
        let built = || counting.built.load(Ordering::Relaxed);
        let factory = counting.clone();
        let setup = Setup { opened_by, ..Setup::default() };
        let setup = setup.configured(|config| config.congestion = factory);
        let mut host = setup.host();
        let first = setup.begin(&mut host);
        // Segments that a handshake must look at, and that do not complete it.
        for ack in [0, 1 << 30, 1 << 31] {
            host.receive(setup.peer().ack(setup.irs + 1, ack));
            host.sent();
        }
        assert_eq!(built(), 0, "{opened_by:?}");
        let mut c = setup.finish(host, setup.peer(), &first);
        assert_eq!((built(), c.info().congestion), (1, "reno"), "{opened_by:?}");
    }
}

#[test]
fn iw_4_iw_5_iw_6_after_a_loss_in_the_initial_window_a_restart_sends_four_segments() {
    for (written, restart) in [(10_000, 4_000), (4_000, 10_000)] {
        let mut c = open();
        c.write(written);
        c.run_to(300);
        c.ack(written as u32 + 1);
        // In slow start again, up to ten segments and beyond.
        c.write(60_000);
        while c.info().unacked > 0 {
            let end = c.packets().last().unwrap().segment.end() - c.iss;
            while c.acked < end {
                c.ack(end.min(c.acked + 1_000));
            }
        }
        assert!(c.info().cwnd > 10_000);
        c.pass(10_000);
        c.write(50_000);
        assert_eq!(octets_sent(&mut c), restart);
    }
}

#[test]
fn abc_1_attack_d6_acks_of_a_hundred_parts_gain_no_more_than_one() {
    let (mut honest, mut split) = (open(), open());
    honest.write(100_000);
    split.write(100_000);
    honest.ack(1_001);
    for part in 1..=100 {
        split.ack(1 + part * 10);
    }
    assert_eq!(honest.info().cwnd, 11_000);
    assert_eq!(split.info().cwnd, 11_000);
    assert_eq!(octets_sent(&mut honest), octets_sent(&mut split));
}

#[test]
fn abc_3_after_an_expiry_an_ack_of_much_adds_one_segment() {
    let mut c = open();
    c.write(30_000);
    c.packets();
    c.run_to(300);
    // All that was in flight had arrived: one ACK of ten segments.
    c.ack(10_001);
    assert_eq!(c.info().cwnd, 2_000);
    c.expect(&["[.] 1:1001 ack 1", "[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1"]);
}

#[test]
fn abc_4_acks_of_what_was_acknowledged_or_never_sent_add_nothing() {
    let mut c = open();
    c.write(50_000);
    c.ack(5_001);
    let cwnd = c.info().cwnd;
    for ack in [4_001, 1, 16_002, 60_000] {
        let packet = c.template().with(|segment| segment.ack = Some(c.iss + ack));
        c.receive(packet);
        assert_eq!(c.info().cwnd, cwnd, "{ack}");
    }
}
