//! How long the host waits: R1 and R2 (MUST-20 to MUST-23, SHLD-9 to SHLD-11), the user timeout
//! (UTO-1, UTO-2). The far end falls silent, before or after the connection is open.

use std::time::Duration;

use synack_tcb::{CloseReason, Events, SoftError, State};
use synack_wire::UserTimeout;

use crate::support::{Change, Conversation, Opener, Setup};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A connection whose user timeout is out of the way.
fn patient(r2: Option<Duration>) -> Conversation {
    Setup::default()
        .configured(|config| {
            config.user_timeout = Some(seconds(1_000_000));
            config.retransmission_r2 = r2;
        })
        .open()
}

fn reason(c: &mut Conversation) -> Option<CloseReason> {
    c.host.connection(c.id).close_reason()
}

#[test]
fn must_20_must_47_shld_9_shld_10_after_three_retransmissions_the_application_is_told() {
    let mut c = Setup::default().open();
    c.write(1_000);
    for (ms, told) in [(300, false), (900, false), (2_100, true), (4_500, false), (9_300, false)] {
        c.run_to(ms);
        assert_eq!(c.events().contains(Events::SOFT_ERROR), told, "at {ms} ms");
    }
    let soft_error = c.host.connection(c.id).last_soft_error();
    assert_eq!(soft_error, Some(SoftError::ExcessiveRetransmission));
    assert_eq!(c.state(), State::Established);
}

#[test]
fn shld_10_r1_is_configurable_and_never_below_three() {
    for (asked, told_ms) in [(0, 2_100), (3, 2_100), (5, 9_300)] {
        let setup = Setup::default().configured(|config| config.retransmissions_r1 = asked);
        let mut c = setup.open();
        c.write(1_000);
        c.run_to(told_ms - 1);
        assert!(!c.events().contains(Events::SOFT_ERROR));
        c.run_to(told_ms);
        assert!(c.events().contains(Events::SOFT_ERROR));
    }
}

#[test]
fn shld_20_soft_errors_can_be_switched_off() {
    let mut c = Setup::default().configured(|config| config.soft_errors = false).open();
    c.write(1_000);
    c.run_to(10_000);
    assert!(!c.events().contains(Events::SOFT_ERROR));
}

#[test]
fn must_20_must_21_at_r2_the_connection_is_closed() {
    // Retransmissions at 300, 900, ... 76,500, 153,300 and then each 120,000 ms; the first that
    // would be one beyond R2 is none.
    for (r2_s, end_ms) in [(100, 153_300), (150, 153_300), (154, 273_300), (600, 633_300)] {
        let mut c = patient(Some(seconds(r2_s)));
        c.write(1_000);
        c.run_to(end_ms - 1);
        assert_eq!(c.state(), State::Established);
        c.packets();
        c.until(end_ms, &[]);
        assert_eq!(reason(&mut c), Some(CloseReason::TimedOut));
    }
}

#[test]
fn must_21_r2_may_be_never() {
    let mut c = patient(None);
    c.write(1_000);
    c.run_to(900_000_000);
    assert_eq!(c.state(), State::Established);
    assert!(c.packets().len() > 7_000);
}

#[test]
fn shld_11_the_default_r2_is_more_than_100_seconds() {
    let default = synack_tcb::ConnectionConfig::default().retransmission_r2;
    let mut c = patient(default);
    c.write(1_000);
    c.run_to(100_000);
    assert_eq!(c.state(), State::Established);
}

#[test]
fn must_20_an_ack_of_anything_new_begins_r2_anew() {
    let mut c = patient(Some(seconds(100)));
    c.write(5_000);
    c.run_to(90_000);
    c.ack(1_001);
    c.run_to(180_000);
    assert_eq!(c.state(), State::Established);
}

#[test]
fn must_22_must_23_a_syn_is_given_up_after_three_minutes_at_the_earliest() {
    for r2_s in [1, 180, 300] {
        let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
        let setup = setup.configured(|config| config.syn_r2 = seconds(r2_s));
        let mut host = setup.host();
        setup.begin(&mut host);
        let id = *host.connections.keys().next().unwrap();
        host.advance(Duration::from_millis(7_000));
        // R1 holds for SYNs as well: three were sent again.
        assert!(host.connection(id).poll_events().contains(Events::SOFT_ERROR));
        host.advance(Duration::from_millis(172_999));
        assert_eq!(host.state(id), State::SynSent, "{r2_s} s");
        // The first expiry after it: 1 + 2 + 4 + ... + 64 + 120 s, or one more of 120 s.
        host.advance(Duration::from_millis(67_001));
        assert_eq!(host.state(id) == State::Closed, r2_s <= 247, "{r2_s} s");
    }
}

#[test]
fn uto_1_text_that_is_not_acknowledged_in_five_minutes_ends_the_connection() {
    let mut c = Setup::default().open();
    c.run_to(50_000);
    c.write(1_000);
    c.run_to(349_999);
    assert_eq!(c.state(), State::Established);
    c.packets();
    c.until(350_000, &[]);
    assert_eq!(reason(&mut c), Some(CloseReason::UserTimeout));
    assert_eq!(CloseReason::UserTimeout.to_string(), "connection aborted due to user timeout");
}

#[test]
fn uto_1_it_counts_from_the_last_progress() {
    let mut c = Setup::default().open();
    c.write(3_000);
    c.run_to(200_000);
    c.ack(1_001);
    c.run_to(499_999);
    assert_eq!(c.state(), State::Established);
    c.run_to(500_000);
    assert_eq!(reason(&mut c), Some(CloseReason::UserTimeout));
}

#[test]
fn uto_1_when_all_is_acknowledged_it_does_not_run() {
    let mut c = Setup::default().open();
    c.write(1_000);
    c.run_to(100);
    c.ack(1_001);
    c.packets();
    assert_eq!(c.host.deadline(), None);
    c.pass(1_000_000);
    assert_eq!(c.state(), State::Established);
}

#[test]
fn uto_1_a_timeout_that_the_application_set_counts_though_probes_are_answered() {
    for (set, end_ms) in [(None, None), (Some(seconds(100)), Some(100_000))] {
        let setup = Setup::default().configured(|config| config.user_timeout = set);
        let mut c = setup.open();
        c.offer(0);
        c.write(1_000);
        for second in 1..=1_000 {
            if end_ms == Some(second * 1_000) {
                c.run_to(second * 1_000 - 1);
                assert_eq!(c.state(), State::Established);
            }
            c.run_to(second * 1_000);
            if !c.packets().is_empty() {
                c.receive(c.template());
            }
        }
        assert_eq!(reason(&mut c), end_ms.map(|_| CloseReason::UserTimeout));
    }
}

#[test]
fn uto_2_it_is_set_at_open_and_changed_by_later_calls() {
    let set = |timeout_s| {
        move |config: &mut synack_tcb::ConnectionConfig| {
            config.user_timeout = Some(seconds(timeout_s));
        }
    };
    let mut c = Setup::default().configured(set(20)).open();
    assert_eq!(c.info().user_timeout, seconds(20));
    c.write(1_000);
    c.run_to(10_000);
    c.configure(set(60));
    c.run_to(59_999);
    assert_eq!(c.state(), State::Established);
    c.run_to(60_000);
    assert_eq!(reason(&mut c), Some(CloseReason::UserTimeout));
    // A shorter one that has passed already ends it at once.
    let mut c = Setup::default().open();
    c.write(1_000);
    c.run_to(10_000);
    c.configure(set(5));
    c.run(0);
    assert_eq!(reason(&mut c), Some(CloseReason::UserTimeout));
}

#[test]
fn uto_7_uto_8_uto_9_what_the_far_end_asks_for_changes_nothing_and_we_ask_for_nothing() {
    // Nothing, a second, ten minutes, and three weeks; against the default, and against 20 s.
    for bits in [0, 1, 600, 0xffff] {
        for (set, end_ms) in [(None, 300_000), (Some(seconds(20)), 20_000)] {
            let setup = Setup::default().configured(|config| config.user_timeout = set);
            let mut c = setup.open();
            c.write(1_000);
            let asked = Some(UserTimeout::from_bits(bits));
            c.receive(c.template().with(|segment| segment.options.user_timeout = asked));
            c.run_to(end_ms - 1);
            assert_eq!(c.state(), State::Established, "{bits:#x}");
            let packets = c.packets();
            assert!(packets.iter().all(|packet| packet.segment.options.user_timeout.is_none()));
            c.run_to(end_ms);
            assert_eq!(reason(&mut c), Some(CloseReason::UserTimeout), "{bits:#x}");
        }
    }
}

#[test]
fn uto_1_in_syn_sent_it_ends_the_attempt() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let setup = setup.configured(|config| config.user_timeout = Some(seconds(10)));
    let mut host = setup.host();
    setup.begin(&mut host);
    let id = *host.connections.keys().next().unwrap();
    host.advance(Duration::from_millis(9_999));
    assert_eq!(host.state(id), State::SynSent);
    host.advance(Duration::from_millis(1));
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::UserTimeout));
}

#[test]
fn must_20_uto_1_a_fin_of_the_far_end_is_no_answer_to_what_it_leaves_unacknowledged() {
    // One that the user timeout ends, and one that R2 does.
    for (mut c, end_ms, end) in [
        (Setup::default().open(), 300_000, CloseReason::UserTimeout),
        (patient(Some(seconds(200))), 273_300, CloseReason::TimedOut),
    ] {
        c.write(1_000);
        c.run_to(100_000);
        c.fin();
        assert_eq!(c.state(), State::CloseWait);
        c.run_to(end_ms - 1);
        assert_eq!(reason(&mut c), None);
        c.run_to(end_ms);
        assert_eq!(reason(&mut c), Some(end));
    }
}
