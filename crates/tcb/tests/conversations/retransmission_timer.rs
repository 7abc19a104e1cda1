//! The retransmission timer (RTO-*): how long it waits, what it sends again, what ends back-off.
//! The far end acknowledges late or never; each retransmission is expected to the millisecond.

use std::time::Duration;

use synack_tcb::Push;
use synack_tcb::congestion::NewReno;

use crate::support::{Change, Conversation, Opener, Setup};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn with_rtt(rtt_ms: u64) -> Setup {
    Setup { rtt: ms(rtt_ms), ..Setup::default() }
}

/// Writes a segment now and acknowledges it `rtt_ms` later; nothing else leaves.
fn round_trip(c: &mut Conversation, rtt_ms: u64) {
    let (from, ack) = (c.acked, c.acked + 1_000);
    let sent_at = c.clock_ms();
    c.write(1_000);
    c.until(sent_at + rtt_ms, &[(sent_at, &format!("[P.] {from}:{ack} ack 1"))]);
    c.ack(ack);
}

/// Writes a segment that is lost, and asserts that it is sent again after `rto_ms`, not before.
fn loses_one(c: &mut Conversation, rto_ms: u64) {
    let line = format!("[P.] {}:{} ack 1", c.acked, c.acked + 1_000);
    let sent_at = c.clock_ms();
    c.write(1_000);
    c.until(sent_at + rto_ms - 1, &[(sent_at, &line)]);
    c.until(sent_at + rto_ms, &[(sent_at + rto_ms, &line)]);
}

#[test]
fn rto_1_open_14_a_syn_is_sent_again_after_one_second_then_two() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let mut host = setup.host();
    let syn = setup.begin(&mut host);
    for wait_ms in [1_000, 2_000, 4_000, 8_000] {
        host.advance(ms(wait_ms) - Duration::from_nanos(1));
        host.silent();
        host.advance(Duration::from_nanos(1));
        let again = host.only_sent();
        // TRAP-59: the same SYN, but for the time.
        assert_eq!(
            (again.segment.seq, again.segment.control),
            (syn.segment.seq, syn.segment.control)
        );
        assert_eq!(again.segment.options.mss, syn.segment.options.mss);
        assert_eq!(again.segment.options.window_scale, syn.segment.options.window_scale);
    }
}

#[test]
fn rto_2_rto_3_a_first_sample_of_r_gives_three_times_r() {
    for (rtt_ms, rto_ms) in [(100, 300), (200, 600), (400, 1_200)] {
        let mut c = with_rtt(rtt_ms).open();
        assert_eq!(c.info().srtt, Some(ms(rtt_ms)));
        assert_eq!(c.info().rttvar, ms(rtt_ms / 2));
        loses_one(&mut c, rto_ms);
    }
}

#[test]
fn rto_4_rto_5_later_samples_move_the_estimate_by_an_eighth_and_a_quarter() {
    let mut c = with_rtt(100).open();
    for (sample_ms, srtt_us, rttvar_us) in [
        // RTTVAR by the old SRTT: 3/4 * 50 + 1/4 * |100 - 180|.
        (180, 110_000, 57_500),
        (190, 120_000, 63_125),
        (40, 110_000, 67_343),
    ] {
        round_trip(&mut c, sample_ms);
        assert_eq!(c.info().srtt.unwrap().as_micros(), srtt_us);
        assert_eq!(c.info().rttvar.as_micros(), rttvar_us);
    }
    let mut c = with_rtt(100).open();
    round_trip(&mut c, 180);
    loses_one(&mut c, 110 + 4 * 57 + 2);
}

#[test]
fn rto_6_rto_22_dec_4_below_a_second_the_floor_bounds_the_variance() {
    for (floor_ms, rtt_ms, rto_ms) in [
        (200, 10, 210),
        (200, 1, 201),
        (50, 10, 60),
        // RFC 6298 as written: a floor of 1 s under the sum.
        (1_000, 10, 1_000),
        (1_000, 300, 1_000),
        (1_000, 400, 1_200),
    ] {
        let mut c = with_rtt(rtt_ms).configured(|config| config.rto_min = ms(floor_ms)).open();
        loses_one(&mut c, rto_ms);
    }
}

#[test]
fn rto_7_the_ceiling_is_two_minutes_and_never_below_one() {
    for (asked_s, ceiling_s) in [(None, 120), (Some(90), 90), (Some(5), 60)] {
        let setup = with_rtt(900).configured(|config| {
            config.user_timeout = Some(Duration::from_secs(3_600));
            config.retransmission_r2 = None;
            if let Some(asked_s) = asked_s {
                config.rto_max = Duration::from_secs(asked_s);
            }
        });
        let mut c = setup.open();
        c.write(1_000);
        c.run_to(1_000_000);
        let sent: Vec<_> = c.times();
        let waits: Vec<_> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let doubled: Vec<_> =
            (0..).map(|n| 2_700 << n).take_while(|wait| *wait < ceiling_s * 1_000).collect();
        assert_eq!(waits[..doubled.len()], doubled);
        assert!(waits.len() > doubled.len());
        assert!(waits[doubled.len()..].iter().all(|wait| *wait == ceiling_s * 1_000));
    }
}

#[test]
fn rto_8_must_18_what_was_sent_twice_times_nothing() {
    let mut c = with_rtt(100).open();
    c.write(2_000);
    c.until(
        300,
        &[(0, "[.] 1:1001 ack 1"), (0, "[P.] 1001:2001 ack 1"), (300, "[.] 1:1001 ack 1")],
    );
    c.run_to(350);
    // Covers both, of which the first is ambiguous.
    c.ack(2_001);
    assert_eq!(c.info().srtt, Some(ms(100)));
    assert_eq!(c.info().rttvar, ms(50));
}

#[test]
fn rto_8_ts_9_a_timestamp_names_the_transmission() {
    for (echo_ms, srtt_us) in [(0, 131_250), (300, 93_750)] {
        let mut c = Setup::timestamps().open();
        c.write(1_000);
        c.run_to(350);
        c.packets();
        c.acked = 1_001;
        let ours = c.line.clocks.0;
        let ack = c.template().with(|segment| {
            segment.options.timestamps.as_mut().unwrap().echo = ours.wrapping_add(echo_ms);
        });
        c.receive(ack);
        assert_eq!(c.info().srtt.unwrap().as_micros(), srtt_us);
    }
}

#[test]
fn rto_9_every_round_trip_gives_a_sample() {
    let mut c = with_rtt(100).open();
    for round in 0..20 {
        let before = c.info().srtt.unwrap();
        let rtt_ms = if round % 2 == 0 { 150 } else { 50 };
        round_trip(&mut c, rtt_ms);
        let after = c.info().srtt.unwrap();
        assert_eq!(after > before, rtt_ms == 150, "{before:?} to {after:?}");
    }
}

#[test]
fn rto_11_rto_12_the_timer_starts_with_the_first_segment_and_not_with_each() {
    let mut c = with_rtt(100).open();
    c.write(1_000);
    c.run_to(290);
    c.write(1_000);
    c.expect_all(&["[P.] 1:1001 ack 1", "[P.] 1001:2001 ack 1"]);
    // It expires for the first: the second left 10 ms ago and is not sent again now.
    c.until(899, &[(300, "[.] 1:1001 ack 1")]);
}

#[test]
fn rto_11_what_was_sent_again_in_recovery_has_an_rto_of_its_own_as_it_is_by_then() {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = Setup::sack().configured(|config| config.congestion = reno).open();
    c.write(10_000);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    c.sack(&[(1_001, 4_001)]);
    c.expect(&["[.] 1:1001 ack 1"]);
    assert_eq!(c.info().rto, ms(300));
    // A queue has grown: the rest takes 390 ms, and so may what was sent again at 100.
    c.run_to(390);
    c.sack(&[(1_001, 10_001)]);
    let due_ms = 100 + c.info().rto.as_micros().div_ceil(1_000) as u64;
    assert!(due_ms > 400);
    c.until(due_ms - 1, &[]);
    c.run(1);
    assert_eq!(c.only_sent().seq, c.iss + 1);
}

#[test]
fn rto_13_when_everything_is_acknowledged_no_timer_runs() {
    let mut c = with_rtt(100).open();
    c.write(2_500);
    c.packets();
    c.ack(1_001);
    assert!(c.host.deadline().is_some());
    c.ack(2_501);
    assert_eq!(c.host.deadline(), None);
    c.pass(100_000);
}

#[test]
fn rto_14_an_ack_of_new_text_starts_the_timer_anew() {
    let mut c = with_rtt(100).open();
    c.write(3_000);
    c.packets();
    c.run_to(100);
    c.ack(1_001);
    c.run_to(200);
    // A duplicate does not.
    c.ack(1_001);
    c.until(400, &[(400, "[.] 1001:2001 ack 1")]);
}

#[test]
fn rto_15_rto_21_must_19_the_earliest_segment_is_sent_again_at_twice_the_interval() {
    let mut c = with_rtt(100).open();
    c.write(3_000);
    c.packets();
    let line = "[.] 1:1001 ack 1";
    c.until(20_000, &[300, 900, 2_100, 4_500, 9_300, 18_900].map(|ms| (ms, line)));
    assert_eq!(c.info().counters.timeouts, 6);
    assert_eq!(c.info().rto, ms(300 << 6));
}

#[test]
fn rto_16_after_a_lost_syn_the_first_text_waits_three_seconds() {
    for (setup, sampled) in [(Setup::default(), false), (Setup::timestamps(), true)] {
        let setup = Setup { opened_by: Opener::Host, ..setup };
        let mut host = setup.host();
        setup.begin(&mut host);
        host.advance(ms(1_000));
        let again = host.only_sent();
        let mut c = setup.finish(host, setup.peer(), &again);
        assert_eq!(c.info().srtt, sampled.then_some(ms(100)));
        loses_one(&mut c, 3_000);
    }
}

#[test]
fn rto_16_the_timer_of_a_syn_ack_that_expired_counts_as_well() {
    let setup = Setup::default();
    let mut host = setup.host();
    setup.begin(&mut host);
    host.advance(ms(1_000));
    let again = host.only_sent();
    loses_one(&mut setup.finish(host, setup.peer(), &again), 3_000);
}

#[test]
fn rto_17_an_ambiguous_ack_does_not_end_the_back_off() {
    let mut c = with_rtt(100).open();
    c.write(1_000);
    c.until(310, &[(0, "[P.] 1:1001 ack 1"), (300, "[P.] 1:1001 ack 1")]);
    c.ack(1_001);
    assert_eq!(c.info().rto, ms(600));
    loses_one(&mut c, 600);
    c.ack(2_001);
    // A segment that was sent once ends it.
    round_trip(&mut c, 100);
    loses_one(&mut c, 300);
}

#[test]
fn rto_19_a_fin_is_covered_and_a_pure_ack_is_not() {
    let mut c = with_rtt(100).open();
    c.text(100);
    c.expect(&["[.] 1 ack 101"]);
    assert_eq!(c.host.deadline(), None);
    c.pass(10_000);
    let closed_at = c.clock_ms();
    c.close();
    c.until(
        closed_at + 900,
        &[
            (closed_at, "[F.] 1 ack 101"),
            (closed_at + 300, "[F.] 1 ack 101"),
            (closed_at + 900, "[F.] 1 ack 101"),
        ],
    );
}

#[test]
fn rto_20_an_expiry_is_a_signal_of_congestion() {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = with_rtt(100).configured(|config| config.congestion = reno).open();
    c.write(8_000);
    c.packets();
    c.run_to(300);
    assert_eq!((c.info().cwnd, c.info().ssthresh), (1_000, 4_000));
}

#[test]
fn rto_16_a_syn_ack_repeated_for_a_repeated_syn_is_no_expiry() {
    let setup = Setup::default();
    let mut host = setup.host();
    let first = setup.begin(&mut host);
    host.receive(setup.syn());
    host.only_sent();
    let mut c = setup.finish(host, setup.peer(), &first);
    // Which of the two was answered is not known, so there is no sample: RTO-1.
    assert_eq!(c.info().srtt, None);
    loses_one(&mut c, 1_000);
}

#[test]
fn rto_15_what_is_sent_again_is_cut_anew() {
    // Two small segments that left apart are sent again as one.
    let mut c = with_rtt(100).configured(|config| config.nodelay = true).open();
    c.write(100);
    c.write_with(200, Push::Now);
    c.expect(&["[P.] 1:101 ack 1", "[P.] 101:301 ack 1"]);
    c.until(300, &[(300, "[P.] 1:301 ack 1")]);
    c.ack(301);
    assert_eq!(c.host.deadline(), None);
}
