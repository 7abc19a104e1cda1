//! Closed and shrunken windows (ZWP-*, MUST-34 to MUST-37, SHLD-14 to SHLD-17, SHLD-29, SHLD-30).
//! The far end closes its window before, or over, what the host sends; and the host its own.

use std::time::Duration;

use synack_tcb::congestion::NewReno;
use synack_tcb::{CloseReason, State, Timer};
use synack_wire::Flags;

use crate::support::{Change, Conversation, Received, Setup};

/// When probes leave, in ms after the window closed, with an RTO of 300 ms: each waits twice as
/// long as the one before, up to a minute.
const PROBES: [u64; 11] =
    [300, 900, 2_100, 4_500, 9_300, 18_900, 38_100, 76_500, 136_500, 196_500, 256_500];

/// 1000 octets arrived and the window closed behind them at 100 ms; 1000 more wait.
fn closed() -> Conversation {
    closed_with(Setup::default())
}

fn closed_with(setup: Setup) -> Conversation {
    let mut c = Setup { window: 1_000, ..setup }.open();
    c.write(2_000);
    c.until(100, &[(0, "[.] 1:1001 ack 1")]);
    c.window = 0;
    c.ack(1_001);
    c.expect(&[]);
    c
}

fn runs(c: &mut Conversation, timer: Timer) -> bool {
    c.host.connection(c.id).internals().deadlines[timer as usize].is_some()
}

#[test]
fn zwp_1_zwp_2_must_36_shld_29_shld_30_the_first_probe_waits_an_rto_and_each_twice_as_long() {
    let mut c = closed();
    let mut last = 0;
    for after_ms in PROBES {
        let at_ms = 100 + after_ms;
        c.until(at_ms - 1, &[]);
        c.until(at_ms, &[(at_ms, "[.] 1001:1002 ack 1")]);
        // The far end answers, and the octet is not taken.
        c.receive(c.template());
        c.expect(&[]);
        last = at_ms;
    }
    c.until(last + 60_000, &[(last + 60_000, "[.] 1001:1002 ack 1")]);
}

#[test]
fn zwp_3_a_probe_is_neither_in_flight_nor_timed() {
    let mut c = closed();
    c.run_to(400);
    c.expect(&["[.] 1001:1002 ack 1"]);
    assert_eq!((c.info().unacked, c.info().pipe), (1, 0));
    assert!(runs(&mut c, Timer::Persist) && !runs(&mut c, Timer::Retransmit));
    // The window opens: the octet of the probe leaves again, and what follows it.
    c.offer(5_000);
    c.expect(&["[.] 1001:1002 ack 1", "[P.] 1002:2001 ack 1"]);
    assert!(!runs(&mut c, Timer::Persist) && runs(&mut c, Timer::Retransmit));
}

#[test]
fn zwp_4_must_37_a_peer_that_answers_is_probed_for_ever() {
    let mut c = closed();
    for after_ms in PROBES {
        c.run_to(100 + after_ms);
        c.receive(c.template());
    }
    c.packets();
    for probe in 1..=1_000 {
        let at_ms = 256_600 + probe * 60_000;
        c.until(at_ms, &[(at_ms, "[.] 1001:1002 ack 1")]);
        c.receive(c.template());
        assert_eq!(c.state(), State::Established, "probe {probe}");
    }
    assert!(c.clock_ms() > 16 * 3_600_000, "{}", c.clock_ms());
    c.offer(1_000);
    c.expect(&["[.] 1001:1002 ack 1", "[P.] 1002:2001 ack 1"]);
}

#[test]
fn zwp_4_uto_1_probes_that_nobody_answers_end_with_the_user_timeout() {
    let mut c = closed();
    for after_ms in &PROBES[..5] {
        c.run_to(100 + after_ms);
        c.receive(c.template());
    }
    // Answered last at 9400.
    c.run_to(309_399);
    assert_eq!(c.state(), State::Established);
    c.run_to(309_400);
    assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::UserTimeout));
}

#[test]
fn zwp_4_must_20_or_with_r2_if_that_is_shorter() {
    let r2 = Some(Duration::from_secs(100));
    let mut c = closed_with(Setup::default().configured(|config| config.retransmission_r2 = r2));
    c.run_to(100 + 76_500);
    c.receive(c.template());
    c.packets();
    // The probe at 136,600 is not the end yet: 60 s without an answer. The next would be.
    c.until(196_599, &[(136_600, "[.] 1001:1002 ack 1")]);
    c.until(196_600, &[]);
    assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::TimedOut));
}

#[test]
fn zwp_5_must_66_a_closed_window_answers_whatever_wants_to_be_taken() {
    let mut c = Setup::default().configured(|config| config.receive_buffer = 2_000.into()).open();
    c.line.windows = true;
    c.text(2_000);
    c.packets();
    for len in [1, 10, 1_000] {
        for _ in 0..20 {
            let probe = c.text_at(2_001, len);
            assert_eq!(c.receive(probe), Received::Used(c.id));
            c.expect(&["[.] 1 ack 2001 win 0"]);
        }
    }
    let fin = c.template().with_control(Flags::FIN);
    c.receive(fin);
    c.expect(&["[.] 1 ack 2001 win 0"]);
    assert_eq!((c.state(), c.info().unread), (State::Established, 2_000));
    // A pure ACK wants nothing, and is answered with nothing.
    c.receive(c.template());
    c.expect(&[]);
}

#[test]
fn must_66_attack_c9_ack_urgent_pointer_and_reset_count_though_the_window_is_closed() {
    let mut c = Setup::default().configured(|config| config.receive_buffer = 2_000.into()).open();
    c.text(2_000);
    c.write(1_500);
    c.packets();
    // A probe of the far end that acknowledges, and points at urgent text behind its octet.
    let probe = c.text_at(2_001, 1).with(|segment| {
        segment.ack = Some(c.iss + 1_001);
        segment.urgent = Some(3);
    });
    c.receive(probe);
    assert_eq!((c.info().unacked, c.info().urgent_left), (500, 2_003));
    let reset = c.peer.rst(c.irs + 2_001);
    c.receive(reset);
    assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::ResetByPeer));
}

#[test]
fn zwp_6_a_probe_that_is_taken_counts_as_text() {
    // As sender: the window had opened, and the update was lost.
    let mut c = closed();
    c.run_to(400);
    c.packets();
    c.window = 5_000;
    c.ack(1_002);
    c.expect(&["[P.] 1002:2001 ack 1"]);
    // As receiver.
    let mut c = Setup::default().configured(|config| config.receive_buffer = 2_000.into()).open();
    c.text(2_000);
    assert_eq!(c.read(), 2_000);
    c.packets();
    c.text(1);
    assert_eq!(c.read(), 1);
}

#[test]
fn zwp_7_a_fin_is_probed_like_text() {
    let mut c = Setup { window: 1_000, ..Setup::default() }.open();
    c.write(1_000);
    c.run_to(100);
    c.window = 0;
    c.ack(1_001);
    c.close();
    c.packets();
    for after_ms in &PROBES[..4] {
        let at_ms = 100 + after_ms;
        c.until(at_ms, &[(at_ms, "[F.] 1001 ack 1")]);
        c.receive(c.template());
    }
    assert_eq!(c.state(), State::FinWait1);
    // It takes no room, so it may well be taken.
    c.ack(1_002);
    assert_eq!(c.state(), State::FinWait2);
}

#[test]
fn zwp_8_lost_probes_are_no_signal_of_congestion_and_time_nothing() {
    let mut c = closed();
    let (cwnd, ssthresh, srtt) = (c.info().cwnd, c.info().ssthresh, c.info().srtt);
    c.run_to(200_000);
    assert_eq!(c.packets().len(), 10);
    assert_eq!((c.info().cwnd, c.info().ssthresh), (cwnd, ssthresh));
    assert_eq!(c.info().counters.timeouts, 0);
    // An answer long after the probe.
    c.ack(1_002);
    assert_eq!(c.info().srtt, srtt);
}

#[test]
fn zwp_9_attack_d9_lost_window_updates_delay_and_never_stop() {
    // Each update is lost; the far end tells its window in answer to probes alone.
    let mut c = closed();
    let mut offered = 1_000;
    while c.acked < 2_001 {
        c.run(500);
        for packet in c.packets() {
            let end = (packet.segment.end() - c.iss).min(c.acked + offered);
            c.window = 300;
            offered = 300;
            c.ack(end);
        }
    }
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn zwp_10_persist_and_retransmission_never_run_together() {
    let mut c = closed();
    let check = |c: &mut Conversation| {
        let running = [Timer::Persist, Timer::Retransmit, Timer::SendOverride];
        let count = running.into_iter().filter(|timer| runs(c, *timer)).count();
        assert!(count <= 1, "{count} run at {} ms", c.clock_ms());
    };
    for window in [0, 1, 0, 500, 0, 1_000, 0, 10_000, 0, 5_000] {
        check(&mut c);
        c.run(700);
        check(&mut c);
        c.offer(window);
        check(&mut c);
        c.write(500);
        check(&mut c);
        let end = c.acked + c.info().unacked;
        if window > 500 {
            c.ack(end);
        }
    }
}

/// Three segments are in flight when the far end closes its window over them.
fn closed_over_text() -> Conversation {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = Setup::default().configured(|config| config.congestion = reno).open();
    c.write(3_000);
    assert_eq!(c.packets().len(), 3);
    c.run_to(100);
    c.offer(0);
    c
}

#[test]
fn zwp_12_must_35_text_in_flight_that_is_refused_is_sent_again_for_ever_and_slows_once() {
    let mut c = closed_over_text();
    let mut at_ms = 0;
    for wait_ms in [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800] {
        at_ms += wait_ms;
        c.until(at_ms, &[(at_ms, "[.] 1:1001 ack 1")]);
        c.receive(c.template());
        assert_eq!((c.info().cwnd, c.info().ssthresh), (1_000, 2_000));
    }
    while c.clock_ms() < 24 * 3_600_000 {
        at_ms += 120_000;
        c.until(at_ms, &[(at_ms, "[.] 1:1001 ack 1")]);
        c.receive(c.template());
    }
    assert_eq!((c.info().cwnd, c.info().ssthresh), (1_000, 2_000));
    c.window = 5_000;
    c.ack(1_001);
    c.expect(&["[.] 1001:2001 ack 1", "[P.] 2001:3001 ack 1"]);
}

#[test]
fn zwp_12_a_peer_that_falls_silent_under_it_is_given_up() {
    let mut c = closed_over_text();
    c.run_to(300);
    c.receive(c.template());
    c.run_to(300_299);
    assert_eq!(c.state(), State::Established);
    c.run_to(300_300);
    assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::UserTimeout));
}

#[test]
fn must_34_shld_15_attack_d10_nothing_new_leaves_beyond_an_edge_that_moved_left() {
    for shrunk in [0, 1, 999, 1_000, 2_500, 4_999] {
        let mut c = Setup::default().open();
        c.write(5_000);
        assert_eq!(c.packets().len(), 5);
        c.offer(shrunk);
        c.write(5_000);
        c.run_to(299);
        c.expect(&[]);
        assert_eq!(c.info().snd_wnd, u32::from(shrunk));
        c.run_to(300);
        assert_eq!(c.packets().len(), 1, "the retransmission");
        // Everything arrived, and the window is as it was.
        c.window = u16::MAX;
        c.ack(5_001);
        let new: Vec<_> = c.packets().iter().map(|p| p.segment.seq - c.iss).collect();
        assert_eq!(new, [5_001, 6_001]);
    }
}

#[test]
fn shld_16_may_7_old_text_inside_a_shrunken_window_is_sent_again() {
    let mut c = Setup::default().open();
    c.write(5_000);
    c.packets();
    c.run_to(100);
    c.offer(2_000);
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    c.run_to(400);
    c.ack(1_001);
    // WS-12: the first time also beyond the edge at 3001, which was further right once.
    c.expect(&["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    c.until(1_000, &[(1_000, "[.] 1001:2001 ack 1")]);
    c.run_to(1_100);
    c.window = 1_000;
    c.ack(2_001);
    // Twice sent, it keeps to the window, which ends where it does.
    c.expect(&["[.] 2001:3001 ack 1", "[.] 3001:4001 ack 1"]);
}

#[test]
fn shld_17_trap_4_trap_66_text_beyond_a_shrunken_edge_times_nothing_out() {
    // The far end takes a segment an hour and closes its window in between.
    let mut c = closed_over_text();
    for hour in 1..=3 {
        while c.clock_ms() < hour * 3_600_000 {
            c.run(1_000);
            if !c.packets().is_empty() {
                c.receive(c.template());
            }
        }
        assert_eq!(c.state(), State::Established, "hour {hour}");
        c.ack(hour as u32 * 1_000 + 1);
        c.packets();
    }
    assert_eq!((c.info().unacked, c.host.deadline()), (0, None));
}

#[test]
fn zwp_9_sws_5_a_window_that_opens_a_little_just_before_a_probe_leaves_a_timer_running() {
    let mut c = Setup { window: 20_000, ..Setup::default() }.open();
    c.write(1_000);
    c.run_to(100);
    c.window = 0;
    c.ack(1_001);
    c.write(1_000);
    c.packets();
    // The persist timer expires, and before the probe is polled the window opens by ten octets: too
    // few to send at once, and no closed window any more.
    let due = c.host.deadline().unwrap();
    c.host.now = due;
    c.host.connection(c.id).handle_timeout(due);
    c.offer(10);
    c.expect(&[]);
    assert!(runs(&mut c, Timer::SendOverride) && !runs(&mut c, Timer::Persist));
    assert_eq!(c.info().counters.probes, 0);
    let overridden = c.clock_ms() + 200;
    c.until(overridden, &[(overridden, "[.] 1001:1011 ack 1")]);
}

#[test]
fn zwp_8_rto_8_text_that_a_probe_sent_again_times_nothing() {
    let mut c = closed_over_text();
    let srtt = c.info().srtt;
    // All three are lost; the first is sent again and taken, and the window stays closed.
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    c.window = 0;
    c.ack(1_001);
    // A probe with the first octet of the second, which had left at 0, is taken.
    while c.packets().is_empty() {
        c.run(100);
    }
    assert!(c.clock_ms() > 500);
    c.ack(1_002);
    assert_eq!(c.info().srtt, srtt);
}

#[test]
fn zwp_2_shld_29_a_cap_below_the_rto_leaves_an_rto_between_probes() {
    for cap_ms in [0, 1, 299] {
        let cap = Duration::from_millis(cap_ms);
        let mut c = closed_with(Setup::default().configured(|config| config.persist_max = cap));
        for probe in 1..=10 {
            let at_ms = 100 + 300 * probe;
            c.until(at_ms, &[(at_ms, "[.] 1001:1002 ack 1")]);
            c.receive(c.template());
        }
    }
}
