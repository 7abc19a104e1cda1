//! Recoveries and timeouts that prove needless (FRTO-*, DSACK-5, RFC 3522): what was taken for lost
//! was late. A round trip takes 100 ms; ten segments of 1000 left at 0 ms and more waits.

use std::time::Duration;

use synack_tcb::congestion::NewReno;
use synack_wire::Flags;

use crate::support::{Change, Conversation, Opener, Setup};

fn with_reno(setup: Setup) -> Setup {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    setup.configured(|config| config.congestion = reno)
}

/// Ten segments in flight since 0 ms, of 50,000 octets.
fn in_flight(setup: Setup) -> Conversation {
    let mut c = with_reno(setup).open();
    c.write(50_000);
    assert_eq!(c.packets().len(), 10);
    c
}

/// SACK and timestamps.
fn timed() -> Setup {
    Setup::timestamps().offering(|options| options.sack_permitted = true)
}

/// An ACK of what the host sent at `echo_ms`.
fn ack_echoing(c: &mut Conversation, ack: u32, echo_ms: u32) {
    c.acked = ack;
    let ours = c.line.clocks.0;
    let ack = c.template().with(|segment| {
        segment.options.timestamps.as_mut().unwrap().echo = ours.wrapping_add(echo_ms);
    });
    c.receive(ack);
}

/// cwnd, and how often something proved needless.
fn cwnd_and_spurious(c: &mut Conversation) -> (u32, u32) {
    (c.info().cwnd, c.info().counters.spurious)
}

#[test]
fn a_fast_recovery_is_undone_when_what_was_late_comes_before_anything_is_sent_again() {
    let mut c = in_flight(Setup::sack());
    c.run_to(100);
    let lost = c.sack_of(&[(1_001, 4_001)]);
    c.acked = 4_001;
    let all = c.template();
    c.receive_together(vec![lost, all]);
    assert_eq!(cwnd_and_spurious(&mut c), (10_000, 1));
    assert_eq!(c.info().ssthresh, u32::MAX);
    assert_eq!(c.info().counters.retransmissions, 0);
}

#[test]
fn a_fast_recovery_is_not_undone_while_something_waits_to_be_sent_again() {
    let mut c = in_flight(Setup::sack());
    c.run_to(100);
    let both = c.sack_of(&[(1_001, 2_001), (3_001, 6_001)]);
    c.acked = 2_001;
    let second = c.sack_of(&[(3_001, 6_001)]);
    c.receive_together(vec![both, second]);
    assert_eq!(c.info().counters.spurious, 0);
    assert_eq!((c.only_sent().seq, c.info().ssthresh), (c.iss + 2_001, 5_000));
}

#[test]
fn a_fast_recovery_is_undone_when_an_echo_names_the_first_sending() {
    for (echo_ms, spurious) in [(0, 1), (99, 1), (100, 0)] {
        let mut c = in_flight(timed());
        c.run_to(100);
        c.sack(&[(1_001, 4_001)]);
        assert_eq!(c.only_sent().seq, c.iss + 1);
        assert_eq!(c.info().ssthresh, 5_000);
        c.run_to(130);
        ack_echoing(&mut c, 4_001, echo_ms);
        assert_eq!(c.info().counters.spurious, spurious, "{echo_ms}");
        let ssthresh = if spurious == 1 { u32::MAX } else { 5_000 };
        assert_eq!(c.info().ssthresh, ssthresh);
        assert_eq!(c.info().cwnd >= 10_000, spurious == 1, "{}", c.info().cwnd);
    }
}

#[test]
fn a_fast_recovery_is_not_undone_as_long_as_one_hole_may_be_a_loss() {
    let mut c = in_flight(timed());
    c.run_to(100);
    // Two holes, and both are sent again.
    c.sack(&[(1_001, 4_001), (5_001, 10_001)]);
    c.packets();
    c.run_to(130);
    ack_echoing(&mut c, 4_001, 0);
    assert_eq!(c.info().counters.spurious, 0);
    c.run_to(140);
    ack_echoing(&mut c, 10_001, 0);
    assert_eq!(c.info().counters.spurious, 1);
}

#[test]
fn dsack_5_a_fast_recovery_is_undone_when_all_that_was_sent_again_arrived_twice() {
    // The report may come within the episode or after it.
    for acked in [4_001, 10_001] {
        let mut c = in_flight(Setup::sack());
        c.run_to(100);
        c.sack(&[(1_001, 4_001)]);
        c.run_to(130);
        c.ack(acked);
        assert_eq!(cwnd_and_spurious(&mut c).1, 0);
        c.run_to(200);
        c.sack(&[(1, 1_001)]);
        let (cwnd, spurious) = cwnd_and_spurious(&mut c);
        assert_eq!(spurious, 1);
        assert!(cwnd >= 10_000, "{cwnd}");
        assert_eq!(c.info().ssthresh, u32::MAX);
        // Once.
        c.sack(&[(1, 1_001)]);
        assert_eq!(cwnd_and_spurious(&mut c), (cwnd, 1));
    }
}

#[test]
fn dsack_5_one_report_for_two_segments_sent_again_undoes_nothing() {
    let mut c = in_flight(Setup::sack());
    c.run_to(100);
    c.sack(&[(1_001, 4_001), (5_001, 10_001)]);
    assert_eq!(c.packets()[1].segment.seq, c.iss + 4_001);
    c.run_to(200);
    c.ack(10_001);
    c.sack(&[(1, 1_001)]);
    assert_eq!(c.info().counters.spurious, 0);
    // What was never sent again proves nothing either.
    c.sack(&[(2_001, 3_001)]);
    assert_eq!(c.info().counters.spurious, 0);
}

#[test]
fn rack_7_what_proved_late_is_waited_for_from_then_on() {
    let mut c = in_flight(timed());
    c.run_to(100);
    c.sack(&[(1_001, 4_001)]);
    c.run_to(130);
    ack_echoing(&mut c, 4_001, 0);
    c.packets();
    // Three segments above, and it is not lost at once.
    c.run_to(131);
    c.sack(&[(5_001, 9_001)]);
    assert!(c.packets().iter().all(|packet| packet.segment.seq != c.iss + 4_001));
}

#[test]
fn frto_5_frto_7_frto_8_without_sack_a_delayed_flight_goes_on_where_it_was() {
    let mut c = in_flight(Setup::default());
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    assert_eq!((c.info().cwnd, c.info().ssthresh), (1_000, 5_000));
    // What left at 0 ms is acknowledged only now.
    c.run_to(310);
    c.ack(1_001);
    c.expect(&["[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1"]);
    c.run_to(320);
    c.ack(2_001);
    // FlightSize and what was acknowledged.
    assert_eq!(cwnd_and_spurious(&mut c), (11_000, 1));
    assert_eq!((c.info().ssthresh, c.info().pipe), (u32::MAX, 11_000));
    c.expect(&["[.] 12001:13001 ack 1"]);
    assert_eq!(c.info().counters.retransmissions, 1);
}

#[test]
fn frto_6_with_sack_likewise() {
    let mut c = in_flight(Setup::sack());
    // A probe, and then the timeout.
    c.until(500, &[(200, "[.] 10001:11001 ack 1"), (500, "[.] 1:1001 ack 1")]);
    c.run_to(510);
    c.ack(1_001);
    c.expect(&["[.] 11001:12001 ack 1", "[.] 12001:13001 ack 1"]);
    c.run_to(520);
    c.ack(2_001);
    assert_eq!(cwnd_and_spurious(&mut c), (12_000, 1));
    c.expect(&["[.] 13001:14001 ack 1"]);
    // And what the second ACK says by SACK counts too.
    let mut c = in_flight(Setup::sack());
    c.run_to(510);
    c.ack(1_001);
    c.run_to(520);
    c.sack(&[(3_001, 4_001)]);
    assert_eq!(c.info().counters.spurious, 1);
}

#[test]
fn frto_8_a_mark_on_the_ack_that_proves_it_leaves_the_window_reduced() {
    for (echo, ssthresh) in [(Flags::NONE, u32::MAX), (Flags::ECE, 5_000)] {
        let setup = Setup { syn_control: Flags::ECE | Flags::CWR, ..Setup::default() };
        let mut c = in_flight(setup);
        c.run_to(310);
        c.ack(1_001);
        c.packets();
        c.run_to(320);
        c.acked = 2_001;
        let ack = c.template().with_control(echo);
        c.receive(ack);
        assert_eq!(c.info().counters.spurious, 1);
        assert_eq!(c.info().ssthresh, ssthresh);
        assert_eq!(c.info().cwnd > 2_000, echo == Flags::NONE, "{}", c.info().cwnd);
        assert_eq!(c.info().counters.mark_reductions, 0);
    }
}

#[test]
fn frto_8_with_timestamps_the_first_ack_says_it() {
    for (echo_ms, spurious) in [(0, 1), (499, 1), (500, 0)] {
        let mut c = in_flight(timed());
        c.run_to(510);
        assert_eq!(c.info().counters.timeouts, 1);
        c.packets();
        ack_echoing(&mut c, 1_001, echo_ms);
        assert_eq!(c.info().counters.spurious, spurious, "{echo_ms}");
    }
}

#[test]
fn frto_4_a_duplicate_after_the_first_ack_means_that_more_was_lost() {
    let mut c = in_flight(Setup::default());
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    // 1 and 3001 are lost.
    c.run_to(400);
    c.ack(3_001);
    c.expect(&["[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1"]);
    c.run_to(500);
    c.receive(c.template());
    assert_eq!(cwnd_and_spurious(&mut c), (2_000, 0));
    c.expect(&["[.] 3001:4001 ack 1", "[.] 4001:5001 ack 1"]);
    c.run_to(600);
    c.ack(12_001);
    assert_eq!((c.info().unacked, c.info().counters.timeouts), (c.info().pipe, 1));
}

#[test]
fn frto_3_without_new_text_or_window_what_was_lost_is_sent_again() {
    for (written, window) in [(10_000, u16::MAX), (50_000, 10_000)] {
        let setup = Setup { window, ..Setup::default() };
        let mut c = with_reno(setup).open();
        c.write(written);
        c.run_to(300);
        assert_eq!(c.packets().len(), 11);
        c.run_to(400);
        // The window does not move with what is acknowledged.
        c.window -= if written == 50_000 { 1_000 } else { 0 };
        c.ack(1_001);
        c.expect(&["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    }
}

#[test]
fn frto_2_the_ack_of_everything_ends_it() {
    let mut c = in_flight(Setup::default());
    c.run_to(400);
    c.packets();
    c.ack(10_001);
    assert_eq!(cwnd_and_spurious(&mut c), (2_000, 0));
    c.expect(&["[.] 10001:11001 ack 1", "[.] 11001:12001 ack 1"]);
}

#[test]
fn frto_1_a_second_timeout_is_not_put_to_the_test() {
    let mut c = in_flight(Setup::default());
    c.until(900, &[(300, "[.] 1:1001 ack 1"), (900, "[.] 1:1001 ack 1")]);
    c.run_to(910);
    c.ack(1_001);
    c.expect(&["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    c.run_to(920);
    c.ack(3_001);
    assert_eq!(c.info().counters.spurious, 0);
    // Nor is one in fast recovery.
    let mut c = in_flight(Setup::sack());
    c.run_to(100);
    c.sack(&[(1_001, 4_001)]);
    c.run_to(400);
    assert_eq!(c.info().counters.timeouts, 1);
    c.packets();
    c.run_to(410);
    c.ack(4_001);
    c.expect(&["[.] 4001:5001 ack 1", "[.] 5001:6001 ack 1"]);
}

#[test]
fn frto_11_what_was_reported_before_the_timeout_is_no_evidence() {
    for (block, spurious) in [((2_001, 3_001), 0), ((3_001, 4_001), 1)] {
        let mut c = in_flight(Setup::sack());
        // Late enough that the timeout comes before anything is lost by time.
        c.run_to(490);
        c.sack(&[(2_001, 3_001)]);
        c.run_to(500);
        assert_eq!((c.info().counters.timeouts, c.info().counters.recoveries), (1, 0));
        c.run_to(510);
        c.ack(1_001);
        c.run_to(520);
        c.sack(&[block]);
        assert_eq!(c.info().counters.spurious, spurious, "{block:?}");
    }
}

#[test]
fn frto_9_rto_after_a_needless_timeout_believes_what_is_measured_next() {
    let mut c = in_flight(Setup::default());
    c.run_to(310);
    c.ack(1_001);
    c.run_to(320);
    c.ack(2_001);
    assert_eq!(c.info().counters.spurious, 1);
    c.packets();
    c.run_to(330);
    // What was sent at 310 ms is no new text of after it.
    c.ack(12_001);
    let srtt = c.info().srtt.unwrap();
    assert!(srtt.as_millis() < 200, "{srtt:?}");
    // 12001 left at 320 ms, and takes 300.
    c.run_to(620);
    c.packets();
    c.ack(13_001);
    assert_eq!(c.info().srtt.unwrap().as_millis(), 300);
    assert!(c.info().rttvar.as_millis() >= 150);
}

#[test]
fn frto_10_a_syn_that_was_sent_again_is_not_put_to_the_test() {
    let setup = with_reno(Setup { opened_by: Opener::Host, ..Setup::sack() });
    let mut host = setup.host();
    setup.begin(&mut host);
    host.advance(Duration::from_millis(1_000));
    let again = host.only_sent();
    let mut c = setup.finish(host, setup.peer(), &again);
    assert_eq!(c.info().counters.timeouts, 1);
    c.write(50_000);
    let flight = c.packets().len();
    c.run_to(100);
    c.ack(1_001);
    c.ack(2_001);
    assert_eq!(c.info().counters.spurious, 0);
    // In slow start as ever: two for each segment that is acknowledged.
    assert_eq!((flight, c.packets().len()), (10, 4));
}
