//! Keep-alive (KA-*, MUST-24 to MUST-29): when an idle far end is probed, and when it is dead.
//! Hours pass on the virtual clock; probes are expected to the millisecond.

use std::time::Duration;

use synack_tcb::{CloseReason, KeepAlive, State};

use crate::support::{Change, Conversation, Setup};

const HOUR_MS: u64 = 3_600_000;

fn with(keep_alive: KeepAlive) -> Conversation {
    Setup::default().configured(|config| config.keep_alive = Some(keep_alive)).open()
}

fn open() -> Conversation {
    with(KeepAlive::default())
}

#[test]
fn ka_1_must_24_must_25_it_is_off_until_it_is_switched_on_and_can_be_switched_off() {
    let mut c = Setup::default().open();
    assert_eq!(c.host.deadline(), None);
    c.pass(1_000 * HOUR_MS);
    // The silence before counts: two hours of it are long over.
    let on_ms = c.clock_ms();
    c.configure(|config| config.keep_alive = Some(KeepAlive::default()));
    c.until(on_ms, &[(on_ms, "[.] 0 ack 1")]);
    c.configure(|config| config.keep_alive = None);
    assert_eq!(c.host.deadline(), None);
    c.pass(1_000 * HOUR_MS);
    assert_eq!(c.state(), State::Established);
}

#[test]
fn ka_2_what_else_is_configured_moves_no_probe() {
    let mut c = open();
    for at_ms in [HOUR_MS, 7_199_999, 7_250_000, 7_949_999] {
        c.run_to(at_ms);
        c.configure(|config| config.nodelay = !config.nodelay);
        c.configure(|config| config.keep_alive = Some(KeepAlive::default()));
    }
    assert_eq!(c.packets().len(), 10);
    c.until(7_950_000, &[(7_950_000, "[R.] 1 ack 1")]);
}

#[test]
fn ka_2_ka_3_ka_5_must_28_shld_12_two_hours_of_silence_and_then_75_seconds_each() {
    let mut c = open();
    let probe = "[.] 0 ack 1";
    c.until(7_199_999, &[]);
    c.until(
        7_425_000,
        &[(7_200_000, probe), (7_275_000, probe), (7_350_000, probe), (7_425_000, probe)],
    );
}

#[test]
fn ka_4_attack_f4_must_29_ten_unanswered_probes_and_no_fewer_are_the_end() {
    let mut c = open();
    c.run_to(7_949_999);
    assert_eq!(c.packets().len(), 10);
    assert_eq!(c.state(), State::Established);
    c.until(7_950_000, &[(7_950_000, "[R.] 1 ack 1")]);
    assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::TimedOut));
}

#[test]
fn ka_2_ka_3_ka_4_must_27_each_of_the_three_is_configurable() {
    let second = Duration::from_secs(1);
    let mut c = with(KeepAlive { idle: 20 * second, interval: 3 * second, probes_max: 2 });
    c.until(26_000, &[(20_000, "[.] 0 ack 1"), (23_000, "[.] 0 ack 1"), (26_000, "[R.] 1 ack 1")]);
    assert_eq!(c.state(), State::Closed);
}

#[test]
fn ka_6_must_29_an_answer_begins_the_idle_time_anew() {
    let mut c = open();
    // Nine are lost, the tenth is answered; and so on.
    let mut from_ms = 0;
    for _ in 0..3 {
        c.run_to(from_ms + 7_200_000 + 9 * 75_000);
        assert_eq!(c.packets().len(), 10);
        c.run(30);
        c.receive(c.template());
        from_ms = c.clock_ms();
        c.until(from_ms + 7_199_999, &[]);
    }
}

#[test]
fn ka_6_must_26_whatever_the_far_end_sends_in_its_window_counts_as_heard() {
    let mut c = open();
    c.run_to(7_000_000);
    c.text(10);
    c.packets();
    c.until(14_199_999, &[]);
    c.until(14_200_000, &[(14_200_000, "[.] 0 ack 11")]);
    // What a stranger can send does not count: it lies outside.
    let mut c = open();
    c.run_to(7_000_000);
    let outside = c.template().with(|segment| segment.seq += 100_000);
    c.receive(outside);
    c.expect(&["[.] 1 ack 1"]);
    c.until(7_200_000, &[(7_200_000, "[.] 0 ack 1")]);
}

#[test]
fn ka_7_must_26_nothing_is_probed_while_text_is_unacknowledged_or_the_window_closed() {
    let second = Duration::from_secs(1);
    let mut c = with(KeepAlive { idle: second, interval: second, probes_max: 1 });
    c.write(1_000);
    c.run_to(20_000);
    for packet in c.packets() {
        assert_eq!(packet.segment.seq - c.iss, 1, "{packet}");
    }
    c.window = 0;
    c.ack(1_001);
    c.write(1);
    c.run_to(40_000);
    for packet in c.packets() {
        assert_eq!((packet.segment.seq - c.iss, packet.segment.payload.len()), (1_001, 1));
    }
    assert_eq!(c.state(), State::Established);
}

#[test]
fn ka_8_may_6_a_probe_of_the_far_end_is_answered_with_or_without_an_octet() {
    for len in [0, 1] {
        let mut c = Setup::default().open();
        c.text(100);
        c.packets();
        for _ in 0..20 {
            c.pass(75_000);
            let probe = c.text_at(100, len);
            c.receive(probe);
            c.expect(&["[.] 1 ack 101"]);
        }
        assert_eq!(c.info().unread, 100);
    }
}

#[test]
fn ka_8_trap_55_two_idle_ends_do_not_answer_each_others_answers() {
    let mut c = open();
    c.until(7_200_000, &[(7_200_000, "[.] 0 ack 1")]);
    // The answer is an acceptable ACK, and draws nothing.
    c.receive(c.template());
    c.expect(&[]);
    c.pass(7_199_999);
}

#[test]
fn ka_9_probes_leave_in_established_close_wait_and_fin_wait_2_only() {
    let second = Duration::from_secs(1);
    let keep_alive = KeepAlive { idle: 10 * second, interval: second, probes_max: 3 };
    let mut c = with(keep_alive);
    c.fin();
    c.packets();
    c.until(10_000, &[(10_000, "[.] 0 ack 2")]);
    assert_eq!(c.state(), State::CloseWait);
    let mut c = with(keep_alive);
    c.close();
    c.ack(2);
    c.packets();
    c.until(10_000, &[(10_000, "[.] 1 ack 1")]);
    assert_eq!(c.state(), State::FinWait2);
    // FIN-WAIT-1, CLOSING and LAST-ACK wait for the ACK of a FIN, and send that again.
    let closings: [fn(&mut Conversation); 3] = [
        |c| c.close(),
        |c| {
            c.close();
            c.fin();
        },
        |c| {
            c.fin();
            c.close();
        },
    ];
    for closing in closings {
        let mut c = with(keep_alive);
        closing(&mut c);
        c.packets();
        c.run_to(60_000);
        let again = c.packets();
        assert!(again.len() > 5 && again.iter().all(|packet| packet.segment.is_fin()));
    }
}

#[test]
fn ka_2_ka_3_times_of_zero_do_not_keep_the_host_busy() {
    let zero = KeepAlive { idle: Duration::ZERO, interval: Duration::ZERO, probes_max: 1_000_000 };
    // Idle, and with text that nobody acknowledges.
    for len in [0, 100] {
        let mut c = with(zero);
        if len > 0 {
            c.write(len);
        }
        let mut visits = 0;
        while c.clock_ms() < 100 {
            let due = c.host.deadline().unwrap();
            c.host.advance(due.since(c.host.now));
            visits += 1;
            assert!(visits <= 100, "{visits} in {} ms", c.clock_ms());
        }
    }
}
