//! Timestamps (TS-*): negotiation, what each segment carries and echoes, what times a round trip.
//! Lines show TSval and TSecr in milliseconds since ESTABLISHED; both clocks wrap on the way.

use std::time::Duration;

use synack_tcb::{DropReason, KeepAlive, State};
use synack_wire::{Flags, Options, Timestamps};

use crate::support::{Change, Conversation, FIRST_TSVAL, Opener, Received, Setup};

fn open(setup: Setup) -> Conversation {
    let mut c = setup.open();
    c.line.timestamps = true;
    c
}

/// The template with these times, in milliseconds since ESTABLISHED: the far end's, and its echo.
fn stamped(c: &Conversation, value: i32, echo: i32) -> synack_wire::TcpPacket {
    let (ours, theirs) = c.line.clocks;
    c.template().with_timestamps(theirs.wrapping_add_signed(value), ours.wrapping_add_signed(echo))
}

#[test]
fn ts_1_ts_8_a_syn_has_the_option_and_a_syn_ack_only_in_answer_to_it() {
    let host_opens = Setup { opened_by: Opener::Host, ..Setup::default() };
    let off = |setup: Setup| setup.configured(|config| config.timestamps = false);
    for (case, setup, echo) in [
        // Without ACK nothing is echoed.
        ("a SYN", host_opens.clone(), Some(0)),
        ("a SYN, configured off", off(host_opens), None),
        ("a SYN-ACK to an offer", Setup::timestamps(), Some(FIRST_TSVAL)),
        ("a SYN-ACK to no offer", Setup::default(), None),
        ("a SYN-ACK, configured off", off(Setup::timestamps()), None),
    ] {
        let first = setup.begin(&mut setup.host());
        assert_eq!(first.segment.options.timestamps.map(|t| t.echo), echo, "{case}");
    }
}

#[test]
fn ts_2_timestamps_are_in_use_only_if_both_offered_them() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        for (ours, setup, in_use) in [
            (true, Setup::timestamps(), true),
            (true, Setup::default(), false),
            (false, Setup::timestamps(), false),
        ] {
            let setup = Setup { opened_by, ..setup }.configured(|config| config.timestamps = ours);
            let mut c = setup.open();
            assert_eq!(c.info().timestamps, in_use);
            c.write(100);
            assert_eq!(c.only_sent().options.timestamps.is_some(), in_use);
        }
    }
}

#[test]
fn ts_3_ts_4_ts_13_every_segment_carries_the_time_it_leaves_at() {
    let mut c = open(Setup::timestamps().configured(|config| {
        config.keep_alive =
            Some(KeepAlive { idle: Duration::from_secs(9), ..KeepAlive::default() });
    }));
    c.write(100);
    c.expect(&["[P.] 1:101 ack 1 ts 0/0"]);
    c.until(400, &[(300, "[P.] 1:101 ack 1 ts 300/0")]);
    c.ack(101);
    c.text(10);
    c.expect(&["[.] 101 ack 11 ts 400/400"]);
    // Both clocks go on while nothing happens; the far end's wraps at 5001.
    c.until(9_400, &[(9_400, "[.] 100 ack 11 ts 9400/400")]);
    c.offer(0);
    c.write(5);
    c.until(10_000, &[(9_700, "[.] 101:102 ack 11 ts 9700/9400")]);
    c.close();
    c.offer(1_000);
    c.expect(&["[.] 101:102 ack 11 ts 10000/10000", "[FP.] 102:106 ack 11 ts 10000/10000"]);
    c.abort();
    c.expect(&["[R.] 107 ack 11 ts 10000/10000"]);
}

#[test]
fn ts_4_the_reset_of_a_segment_for_nobody_echoes_it() {
    let mut c = open(Setup::timestamps());
    c.abort();
    c.expect(&["[R.] 1 ack 1 ts 0/0"]);
    c.pass(100);
    c.receive(c.template());
    let reset = c.only_sent();
    assert!(reset.is_rst());
    let echo = FIRST_TSVAL.wrapping_add(100);
    assert_eq!(reset.options.timestamps, Some(Timestamps { value: 0, echo }));
}

#[test]
fn ts_5_ts_6_a_segment_without_the_option_is_dropped_silently_and_nothing_else() {
    let mut c = open(Setup::timestamps());
    let bare = c.text_at(1, 100).with_options(Options::default());
    assert_eq!(c.receive(bare), Received::Refused(c.id, DropReason::TimestampMissing));
    c.expect(&[]);
    assert_eq!(c.state(), State::Established);
    c.text(100);
    c.expect(&["[.] 1 ack 101 ts 0/0"]);
    // A RST need not have it.
    let reset = c.peer.rst(c.irs + 101);
    assert_eq!(c.receive(reset), Received::Refused(c.id, DropReason::Reset));
    assert_eq!(c.state(), State::Closed);
}

#[test]
fn ts_7_the_option_is_ignored_where_it_is_not_in_use() {
    let mut c = Setup::default().open();
    // Values that PAWS would refuse, were it at work.
    for value in [500, 400, u32::MAX] {
        let packet = c.text_at(c.next, 10).with_timestamps(value, 77);
        c.next += 10;
        assert_eq!(c.receive(packet), Received::Used(c.id));
        assert_eq!(c.only_sent().options.timestamps, None);
    }
    assert_eq!(c.read(), 30);
}

#[test]
fn ts_9_only_an_ack_that_advances_times_a_round_trip() {
    let mut c = open(Setup::timestamps());
    let srtt = Duration::from_millis(100);
    c.write(1_000);
    c.packets();
    c.pass(250);
    // A duplicate, and text: both echo what left at 0.
    c.receive(stamped(&c, 250, 0));
    c.text(10);
    assert_eq!(c.info().srtt, Some(srtt));
    c.ack(1_001);
    // 7/8 * 100 + 1/8 * 250.
    assert_eq!(c.info().srtt, Some(Duration::from_micros(118_750)));
}

#[test]
fn ts_10_ts_11_the_recent_timestamp_moves_with_what_covers_the_last_ack() {
    let mut c = open(Setup::timestamps().configured(|config| config.quick_acks = 0));
    c.text(1_000);
    // A first segment waits for its ACK; the clock goes on at the far end.
    c.pass(10);
    c.text(1_000);
    c.expect(&["[.] 1 ack 2001 ts 10/0"]);
    // A pure ACK at Last.ACK.sent moves it, one above does not.
    c.pass(10);
    c.receive(c.template());
    c.write(1);
    c.expect(&["[P.] 1:2 ack 2001 ts 20/20"]);
    c.pass(10);
    let above = c.template().with(|segment| segment.seq += 1);
    c.receive(above);
    c.write(1_000);
    c.expect(&["[P.] 2:1002 ack 2001 ts 30/20"]);
}

#[test]
fn ts_12_a_delayed_ack_echoes_the_earliest_segment_it_covers() {
    let mut c = open(Setup::timestamps().configured(|config| config.quick_acks = 0));
    c.text(500);
    c.pass(10);
    c.text(300);
    c.until(40, &[(40, "[.] 1 ack 801 ts 40/0")]);
}

#[test]
fn ts_12_a_gap_is_answered_with_the_last_in_order_and_its_filling_with_its_own() {
    // RFC 7323 §4.3, the worked case (B).
    let mut c = open(Setup::timestamps().configured(|config| config.quick_acks = 0));
    c.text(1_000);
    c.until(40, &[(40, "[.] 1 ack 1001 ts 40/0")]);
    for (ms, seq) in [(50, 2_001), (60, 3_001)] {
        c.run_to(ms);
        c.receive(c.text_at(seq, 1_000));
        c.expect(&[&format!("[.] 1 ack 1001 ts {ms}/0")]);
    }
    c.run_to(70);
    c.receive(c.text_at(1_001, 1_000));
    c.expect(&["[.] 1 ack 4001 ts 70/70"]);
}

#[test]
fn ts_13_the_clock_ticks_once_a_millisecond_across_its_wrap() {
    let mut c = open(Setup::timestamps().configured(|config| config.quick_acks = 255));
    let mut last = None;
    for _ in 0..50 {
        // 86,400,001 ms each: the clock wraps once in 49.7 of these.
        c.run_to(c.clock_ms() + 86_400_001);
        c.text(1);
        let value = c.only_sent().options.timestamps.unwrap().value;
        let step = last.map(|last| value.wrapping_sub(last));
        assert!(step.is_none_or(|step| step == 86_400_001), "{step:?}");
        last = Some(value);
    }
}

#[test]
fn ts_16_crossing_syns_of_which_one_has_the_option_leave_it_unused() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let mut host = setup.host();
    let first = setup.begin(&mut host);
    assert!(first.segment.options.timestamps.is_some());
    // The far end's SYN has none, and crosses ours.
    host.receive(setup.syn());
    let answer = host.only_sent().segment;
    assert_eq!(
        (answer.control, answer.seq, answer.ack),
        (Flags::SYN, first.segment.seq, Some(setup.syn().segment.seq + 1))
    );
    assert_eq!(answer.options.timestamps, None);
}

#[test]
fn ts_17_an_impossible_echo_times_nothing() {
    for (case, echo, srtt_us) in [
        ("one that was sent", 0, 131_250),
        ("one that was sent later", 300, 93_750),
        ("one of before the connection", -60_000, 100_000),
        ("one of the future", 351, 100_000),
        ("one of the far future", i32::MAX, 100_000),
    ] {
        let mut c = open(Setup::timestamps());
        c.write(1_000);
        // Sent again, so that nothing but the echo can time it.
        c.until(350, &[(0, "[P.] 1:1001 ack 1 ts 0/0"), (300, "[P.] 1:1001 ack 1 ts 300/0")]);
        c.acked = 1_001;
        c.receive(stamped(&c, 350, echo));
        assert_eq!(c.info().srtt.unwrap().as_micros(), srtt_us, "{case}");
    }
}

#[test]
fn ts_9_an_echo_times_the_round_trip_of_a_connection_of_any_age() {
    for days in [1, 24, 25, 30, 49, 50, 60, 75] {
        let mut c = open(Setup::timestamps());
        c.run_to(days * 86_400_000);
        let srtt = c.info().srtt;
        c.write(1_000);
        c.run(350);
        // Sent twice, so that nothing but the echo can time it: 70 ms, where 100 were smoothed.
        assert_eq!(c.packets().len(), 2, "{days} days");
        c.run(20);
        c.ack(1_001);
        assert_ne!(c.info().srtt, srtt, "{days} days");
    }
}
