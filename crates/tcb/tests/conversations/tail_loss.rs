//! The loss of the last segments of a flight (TLP-*): found by a probe, not by the timeout.
//! A round trip takes 100 ms, so PTO is 200 ms and RTO is 300; segments have 1000 octets.

use std::time::Duration;

use synack_tcb::Timer;
use synack_tcb::congestion::NewReno;

use crate::support::{Change, Conversation, Setup};

fn setup() -> Setup {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    Setup::sack().configured(|config| config.congestion = reno)
}

/// With an RTO of a second, so that it does not come before PTO.
fn patient() -> Conversation {
    setup().configured(|config| config.rto_min = Duration::from_secs(1)).open()
}

/// `len` octets leave at 0 ms.
fn sent(mut c: Conversation, len: usize) -> Conversation {
    c.write(len);
    c.packets();
    c
}

/// Which of the timers run that wait for an ACK.
fn running(c: &mut Conversation) -> Vec<Timer> {
    let deadlines = c.host.connection(c.id).internals().deadlines;
    let timers = [Timer::Retransmit, Timer::LossProbe, Timer::Reorder];
    timers.into_iter().filter(|timer| deadlines[*timer as usize].is_some()).collect()
}

#[test]
fn tlp_3_tlp_9_tlp_10_tlp_16_after_two_round_trips_the_last_segment_is_sent_again() {
    let mut c = sent(setup().open(), 2_500);
    assert_eq!(running(&mut c), [Timer::LossProbe]);
    c.until(199, &[]);
    c.until(200, &[(200, "[P.] 2001:2501 ack 1")]);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    // The timeout counts from the probe.
    c.until(500, &[(500, "[.] 1:1001 ack 1")]);
    let counters = c.info().counters;
    assert_eq!((counters.loss_probes, counters.timeouts, counters.retransmissions), (1, 1, 2));
}

#[test]
fn tlp_1_without_sack_there_is_no_probe() {
    let mut c = sent(Setup::default().open(), 2_500);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    assert_eq!((c.info().counters.loss_probes, c.info().counters.timeouts), (0, 1));
}

#[test]
fn tlp_2_new_text_and_an_ack_of_it_start_the_time_anew() {
    let mut c = sent(setup().open(), 3_000);
    c.run_to(50);
    c.write(1_000);
    c.run_to(100);
    c.ack(2_001);
    c.packets();
    c.until(299, &[]);
    c.until(300, &[(300, "[P.] 3001:4001 ack 1")]);
}

#[test]
fn tlp_2_where_something_is_reported_the_reordering_timer_runs_instead() {
    let mut c = sent(setup().open(), 3_000);
    c.run_to(100);
    c.sack(&[(1_001, 2_001)]);
    assert_eq!(running(&mut c), [Timer::Reorder]);
    c.until(125, &[(125, "[.] 1:1001 ack 1")]);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    c.run_to(225);
    c.ack(2_001);
    // Recovery is not over.
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    assert_eq!(c.info().counters.loss_probes, 0);
}

#[test]
fn tlp_4_the_ack_of_a_single_segment_may_be_delayed() {
    for len in [10, 1_000] {
        let mut c = sent(patient(), len);
        c.until(399, &[]);
        let line = format!("[P.] 1:{} ack 1", len + 1);
        c.until(400, &[(400, &line)]);
        assert_eq!(c.info().counters.loss_probes, 1);
    }
}

#[test]
fn tlp_6_a_timeout_that_would_come_sooner_becomes_the_probe() {
    let mut c = sent(setup().open(), 1_000);
    c.until(300, &[(300, "[P.] 1:1001 ack 1")]);
    let counters = c.info().counters;
    assert_eq!((counters.loss_probes, counters.timeouts), (1, 0));
    assert_eq!((c.info().cwnd, c.info().rto), (10_000, Duration::from_millis(300)));
    c.until(600, &[(600, "[P.] 1:1001 ack 1")]);
    assert_eq!(c.info().counters.timeouts, 1);
}

#[test]
fn tlp_7_one_probe_and_then_the_timeout() {
    // On its way.
    let mut c = sent(patient(), 2_000);
    c.until(200, &[(200, "[P.] 1001:2001 ack 1")]);
    c.write(1_000);
    c.until(1_199, &[(200, "[P.] 2001:3001 ack 1")]);
    c.until(1_200, &[(1_200, "[.] 1:1001 ack 1")]);
    // It arrived, but its ACK is ambiguous, and measured nothing.
    let mut c = sent(patient(), 2_000);
    c.until(200, &[(200, "[P.] 1001:2001 ack 1")]);
    c.run_to(300);
    c.ack(2_001);
    c.sack(&[(1_001, 2_001)]);
    c.write(2_000);
    assert_eq!(running(&mut c), [Timer::Retransmit]);
    c.packets();
    c.run_to(400);
    c.ack(3_001);
    assert_eq!(running(&mut c), [Timer::LossProbe], "now it is measured");
}

#[test]
fn tlp_8_tlp_14_new_text_goes_before_old_even_beyond_cwnd() {
    let mut c = sent(setup().open(), 50_000);
    c.until(200, &[(200, "[.] 10001:11001 ack 1")]);
    assert_eq!((c.info().cwnd, c.info().pipe), (10_000, 11_000));
    // The next ACK takes the excess back.
    c.run_to(210);
    c.ack(1_001);
    c.expect(&["[.] 11001:12001 ack 1"]);
    assert_eq!((c.info().cwnd, c.info().pipe), (11_000, 11_000));
}

#[test]
fn tlp_8_what_nagle_holds_back_is_new_text_too() {
    let mut c = sent(patient(), 10);
    c.write(20);
    c.until(400, &[(400, "[P.] 11:31 ack 1")]);
}

#[test]
fn tlp_8_a_fin_that_waits_for_cwnd_is_new_too() {
    let mut c = sent(setup().open(), 10_000);
    c.close();
    c.until(200, &[(200, "[F.] 10001 ack 1")]);
}

#[test]
fn tlp_8_tlp_9_what_the_window_does_not_take_is_not_sent() {
    let mut c = sent(Setup { window: 2_500, ..setup() }.open(), 2_000);
    c.write(1_000);
    c.until(200, &[(200, "[.] 1001:2001 ack 1")]);
    assert_eq!(c.info().counters.loss_probes, 1);
}

#[test]
fn tlp_9_where_sack_blocks_take_room_the_end_of_the_last_segment_is_sent() {
    let mut c = sent(setup().open(), 2_000);
    c.receive(c.text_at(501, 100));
    c.expect(&["[.] 2001 ack 1 sack 501:601"]);
    c.until(200, &[(200, "[P.] 1013:2001 ack 1 sack 501:601")]);
}

#[test]
fn tlp_9_a_fin_that_left_by_itself_takes_the_text_along() {
    let mut c = sent(setup().open(), 1_000);
    c.close();
    c.expect(&["[F.] 1001 ack 1"]);
    c.until(200, &[(200, "[FP.] 1:1001 ack 1")]);
    c.run_to(300);
    c.ack(1_002);
    assert_eq!((c.info().counters.timeouts, c.info().unacked), (0, 0));
}

#[test]
fn tlp_11_a_probe_of_new_text_that_arrives_changes_nothing() {
    let mut c = sent(setup().open(), 50_000);
    c.until(200, &[(200, "[.] 10001:11001 ack 1")]);
    c.run_to(300);
    c.ack(11_001);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (0, u32::MAX));
    assert!(c.info().cwnd > 10_000);
}

#[test]
fn tlp_12_a_duplicate_report_or_a_repeated_ack_means_that_nothing_was_lost() {
    for repeat in [&[(1_001, 2_001)][..], &[]] {
        let mut c = sent(setup().open(), 2_000);
        c.until(200, &[(200, "[P.] 1001:2001 ack 1")]);
        // The ACK of both was late, not lost.
        c.run_to(220);
        c.ack(2_001);
        c.run_to(300);
        c.sack(repeat);
        c.write(1_000);
        c.run_to(400);
        c.ack(3_001);
        assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (0, u32::MAX));
        assert!(c.info().cwnd >= 10_000);
    }
}

#[test]
fn tlp_13_prr_11_a_loss_that_the_probe_repaired_is_congestion() {
    let mut c = sent(setup().open(), 2_000);
    c.until(200, &[(200, "[P.] 1001:2001 ack 1")]);
    c.run_to(300);
    c.ack(2_001);
    assert_eq!(c.info().counters.recoveries, 0, "it may have been late");
    c.write(8_000);
    c.packets();
    c.run_to(400);
    // No duplicate was reported. 8000 were in flight.
    c.ack(3_001);
    assert_eq!((c.info().counters.recoveries, c.info().ssthresh), (1, 4_000));
    assert_eq!((c.info().counters.timeouts, c.info().pipe), (0, 7_000));
    c.write(20_000);
    // From 8000 to 4000: one for two, until 4000 are in flight.
    let mut left = 0;
    for ack in (4_001..10_001).step_by(1_000) {
        c.ack(ack);
        left += c.packets().len();
    }
    assert_eq!((left, c.info().cwnd, c.info().pipe), (3, 4_000, 4_000));
}

#[test]
fn tlp_13_where_nothing_is_in_flight_any_more_cwnd_is_reduced_at_once() {
    let mut c = sent(setup().open(), 2_000);
    c.until(200, &[(200, "[P.] 1001:2001 ack 1")]);
    c.run_to(300);
    c.ack(2_001);
    c.write(8_000);
    c.packets();
    c.run_to(400);
    c.ack(10_001);
    assert_eq!((c.info().ssthresh, c.info().cwnd), (4_000, 4_000));
    c.write(8_000);
    assert_eq!(c.packets().len(), 4);
}

#[test]
fn tlp_15_what_recovery_finds_is_no_matter_of_the_probe_any_more() {
    let mut c = sent(setup().open(), 4_000);
    c.until(200, &[(200, "[P.] 3001:4001 ack 1")]);
    c.run_to(300);
    // The first is lost too.
    c.sack(&[(1_001, 4_001)]);
    c.expect(&["[.] 1:1001 ack 1"]);
    c.run_to(400);
    c.ack(4_001);
    c.write(1_000);
    c.run_to(500);
    c.ack(5_001);
    assert_eq!(c.info().counters.recoveries, 1, "and not a second one");
}

#[test]
fn tlp_9_rack_12_the_ack_of_a_probe_shows_what_was_lost_before_it() {
    let mut c = sent(setup().open(), 10_000);
    c.run_to(100);
    // The last three are lost.
    c.ack(7_001);
    c.until(300, &[(300, "[P.] 9001:10001 ack 1")]);
    c.run_to(400);
    c.sack(&[(9_001, 10_001)]);
    // 3000 were in flight, and one of them arrived.
    c.expect(&["[.] 7001:8001 ack 1"]);
    c.run_to(500);
    c.acked = 8_001;
    c.sack(&[(9_001, 10_001)]);
    c.expect(&["[.] 8001:9001 ack 1"]);
    c.run_to(600);
    c.ack(10_001);
    let counters = c.info().counters;
    assert_eq!((counters.timeouts, counters.recoveries), (0, 1));
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn tlp_7_an_ack_that_comes_before_the_probe_was_polled_makes_it_needless() {
    let mut c = sent(setup().open(), 2_000);
    c.run_to(199);
    let now = c.host.now + Duration::from_millis(1);
    c.host.now = now;
    let mut ack = c.template().with(|segment| segment.ack = segment.ack.map(|ack| ack + 2_000));
    let connection = c.host.connection(c.id);
    connection.handle_timeout(now);
    assert!(connection.wants_transmit());
    connection.handle_packet(now, &mut ack).unwrap();
    let limits = synack_tcb::TransmitLimits::SINGLE;
    assert_eq!(connection.poll_transmit(now, limits), None);
    assert_eq!(connection.info().counters.loss_probes, 0);
    assert_eq!(connection.deadline(), None);
}
