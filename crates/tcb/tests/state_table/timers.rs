//! The timers of what is unacknowledged or waits to be sent (RFC 9293 §3.10.8, §3.8.1 to §3.8.3).
//! Time passes over a host that hears nothing, or answers; what leaves when is compared.

use std::time::Duration;

use synack_tcb::{CloseReason, Events, Push, SoftError, State};
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, Stage, each, each_planned};

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::from_nanos(1);

pub(crate) fn with_text(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.text = b"0123456789")
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What leaves by itself until nothing is left to wait for, and when, from now on.
pub(crate) fn leaves(s: &mut Stage) -> Vec<(Duration, TcpPacket)> {
    let start = s.host.now;
    let mut all = vec![];
    while let Some(deadline) = s.host.deadline() {
        s.host.advance(deadline.since(s.host.now));
        let at = s.host.now.since(start);
        all.extend(s.host.sent().into_iter().map(|packet| (at, packet)));
        assert!(all.len() < 1_000, "without end");
    }
    all
}

/// When packets left, each of which must be what the host would send then.
#[track_caller]
fn times_of(s: &mut Stage, expected: impl Fn(&Stage) -> TcpPacket) -> Vec<u64> {
    let start = s.host.now;
    let mut times = vec![];
    while let Some(deadline) = s.host.deadline() {
        s.host.advance(deadline.since(s.host.now));
        for packet in s.host.sent() {
            assert_eq!(packet, expected(s));
            times.push(s.host.now.since(start).as_millis() as u64);
        }
    }
    times
}

#[test]
fn sm_timer_1_uto_1_what_is_not_acknowledged_in_the_users_time_ends_it() {
    let hasty =
        |setting| with_text(setting).with(|plan| plan.config.user_timeout = Some(seconds(10)));
    let waits = [Place::SynSent, Place::SynReceivedActive].into_iter().chain(Place::SENDS);
    each_planned(waits, hasty, |s, place| {
        s.host.advance(seconds(10) - INSTANT);
        assert!(!s.host.sent().is_empty(), "it is sent again meanwhile");
        s.is(place.seen());
        s.events();
        s.host.advance(INSTANT);
        s.ended(CloseReason::UserTimeout);
    });
}

#[test]
fn sm_timer_1_the_default_is_five_minutes_and_nothing_outstanding_knows_none() {
    each_planned([Place::Established, Place::CloseWait], with_text, |s, _| {
        s.host.advance(seconds(300) - INSTANT);
        s.host.sent();
        s.host.advance(INSTANT);
        s.ended(CloseReason::UserTimeout);
    });
    let hasty =
        |setting| Plan::new(setting).with(|plan| plan.config.user_timeout = Some(seconds(10)));
    each_planned([Place::Established, Place::CloseWait, Place::FinWait2], hasty, |s, place| {
        s.host.advance(seconds(86_400));
        s.sent([]);
        s.is(place.seen());
    });
}

#[test]
fn sm_timer_1_must_37_trap_15_while_probes_are_answered_only_the_users_own_time_counts() {
    for (timeout, alive) in [(None, true), (Some(seconds(60)), false)] {
        let closed = |setting| {
            Plan::new(setting).with(|plan| {
                plan.window = 0;
                plan.config.user_timeout = timeout;
            })
        };
        each_planned([Place::Established, Place::CloseWait], closed, |s, place| {
            s.write(b"text");
            for _ in 0..100 {
                let Some(deadline) = s.host.deadline() else { break };
                s.host.advance(deadline.since(s.host.now));
                if !s.host.sent().is_empty() {
                    s.host.receive(s.ack().acking(s.snd_una));
                }
            }
            if alive {
                s.is(place.seen());
                assert!(s.connection().info().counters.probes > 50);
            } else {
                s.ended(CloseReason::UserTimeout);
            }
        });
    }
}

#[test]
fn sm_timer_2_must_23_trap_59_a_syn_is_sent_again_for_three_minutes() {
    each([Place::SynSent], |s, _| {
        let times = times_of(s, Stage::host_syn);
        assert_eq!(times, [1, 3, 7, 15, 31, 63, 127].map(|seconds| seconds * 1_000));
        s.ended(CloseReason::TimedOut);
    });
}

#[test]
fn sm_timer_3_dec_18_a_passive_handshake_is_given_up_silently() {
    each([Place::SynReceivedPassive], |s, _| {
        let start = s.host.now;
        let times = times_of(s, Stage::host_syn_ack);
        assert_eq!(times, [1, 3, 7, 15, 31].map(|seconds| seconds * 1_000));
        assert_eq!(s.host.now.since(start), seconds(63));
        s.is(Seen::Listen);
        assert_eq!(s.host.take_accepted(), None);
    });
}

#[test]
fn sm_timer_3_an_active_handshake_times_out() {
    each([Place::SynReceivedActive], |s, _| {
        let times = times_of(s, Stage::host_syn_ack);
        assert_eq!(times, [1, 3, 7, 15, 31, 63, 127].map(|seconds| seconds * 1_000));
        s.ended(CloseReason::TimedOut);
    });
}

#[test]
fn sm_timer_3_sm_timer_4_trap_61_after_a_close_in_syn_received_the_syn_ack_comes_first() {
    each([Place::SynReceivedActive], |s, _| {
        s.user_closes();
        s.sent([s.host_fin(s.iss + 1)]);
        s.snd_nxt += 1;
        s.host.advance(SECOND);
        s.sent([s.host_syn_ack()]);
        // Its ACK is that of the SYN alone: now the FIN is what is sent again.
        s.snd_una = s.iss + 1;
        s.takes(s.ack().acking(s.iss + 1), Fate::Used, []);
        s.is(Seen::In(State::FinWait1));
        let rto = s.connection().info().rto;
        s.host.advance(rto);
        s.sent([s.host_fin(s.iss + 1)]);
    });
}

#[test]
fn sm_timer_4_rto_15_what_is_unacknowledged_is_sent_again_from_its_beginning() {
    each_planned(Place::SENDS, with_text, |s, place| {
        let fin = Place::OWES_FIN.contains(&place);
        let control = if fin { Flags::PSH | Flags::FIN } else { Flags::PSH };
        let again = s.host_text(s.snd_una, b"0123456789").with_control(control);
        for wait in [200, 400, 800, 1_600] {
            s.host.advance(ms(wait) - INSTANT);
            s.sent([]);
            s.host.advance(INSTANT);
            s.sent([again.clone()]);
            s.is(place.seen());
        }
    });
}

#[test]
fn sm_timer_4_trap_17_when_text_is_acknowledged_the_fin_alone_is_sent_again() {
    each_planned(Place::OWES_FIN, with_text, |s, _| {
        s.takes(s.ack().acking(s.snd_nxt - 1), Fate::Used, []);
        let rto = s.connection().info().rto;
        s.host.advance(rto);
        s.sent([s.host_fin(s.snd_nxt - 1)]);
    });
}

#[test]
fn sm_timer_4_must_20_shld_9_at_r1_it_is_reported_and_at_r2_the_connection_given_up() {
    let patient = |setting| {
        with_text(setting).with(|plan| {
            plan.config.user_timeout = Some(seconds(86_400));
            plan.config.retransmission_r2 = Some(seconds(100));
        })
    };
    each_planned(Place::SENDS, patient, |s, _| {
        // 200, 600 and 1,400 ms.
        s.host.advance(ms(1_399));
        assert!(!s.events().contains(Events::SOFT_ERROR));
        s.host.advance(ms(1));
        assert!(s.events().contains(Events::SOFT_ERROR));
        let error = s.connection().last_soft_error();
        assert_eq!(error, Some(SoftError::ExcessiveRetransmission));
        let left = leaves(s);
        assert!(left.last().unwrap().0 < seconds(100));
        s.ended(CloseReason::TimedOut);
    });
}

#[test]
fn sm_timer_5_where_nothing_is_unacknowledged_nothing_is_sent_again() {
    let quiet = [
        Place::Closed,
        Place::Listen,
        Place::Established,
        Place::FinWait2,
        Place::CloseWait,
        Place::TimeWait,
    ];
    each(quiet, |s, place| {
        s.host.advance(seconds(86_400));
        s.sent([]);
        let gone = place == Place::TimeWait;
        s.is(if gone { s.gone() } else { place.seen() });
    });
}

/// Brings a host into the state with `text` unsent, as the far end's window is closed.
fn closed_window(setting: Setting, place: Place, text: &[u8]) -> Stage {
    let closed_first = matches!(place, Place::CloseWait | Place::LastAck);
    let before = if closed_first { Place::CloseWait } else { Place::Established };
    let mut s = Plan::new(setting).with(|plan| plan.window = 0).stage(before);
    assert_eq!(s.user_writes(text, Push::Now), Ok(text.len()));
    if Place::OWES_FIN.contains(&place) {
        s.user_closes();
    }
    if place == Place::Closing {
        s.take_fin();
    }
    s.is(place.seen());
    s.sent([]);
    s
}

#[test]
fn sm_timer_6_zwp_1_zwp_3_trap_16_a_closed_window_is_probed_with_one_octet() {
    for place in Place::SENDS {
        crate::support::each_setting(|setting| {
            let mut s = closed_window(setting, place, b"0123456789");
            let probe = s.host_segment(s.snd_nxt, Flags::NONE).with_text(b"0");
            let closed = s.ack().acking(s.snd_una);
            for wait in [200, 400, 800, 1_600] {
                s.host.advance(ms(wait) - INSTANT);
                s.sent([]);
                s.host.advance(INSTANT);
                s.sent([probe.clone()]);
                // The far end refuses the octet and answers.
                s.takes(closed.clone(), Fate::Used, []);
            }
            s.is(place.seen());
            assert_eq!(s.connection().internals().snd_nxt, s.snd_nxt + 1, "SND.MAX covers it");
        });
    }
}

#[test]
fn sm_timer_6_zwp_2_zwp_4_trap_15_answered_probes_go_on_for_days_and_unanswered_ones_do_not() {
    for place in Place::SENDS {
        crate::support::each_setting(|setting| {
            let mut s = closed_window(setting, place, b"0123456789");
            let mut last = s.host.now;
            for probe in 0..100 {
                // Other timers may look in and find nothing to do.
                let sent = (0..5).find_map(|_| {
                    let deadline = s.host.deadline().unwrap();
                    s.host.advance(deadline.since(s.host.now));
                    s.host.sent().pop()
                });
                assert_eq!(sent.unwrap().segment.payload.len(), 1);
                if probe > 20 {
                    assert_eq!(s.host.now.since(last), seconds(60), "ZWP-2");
                }
                last = s.host.now;
                s.host.receive(s.ack().acking(s.snd_una));
                s.is(place.seen());
            }
            // Then it falls silent: the default user timeout ends it.
            s.host.advance(seconds(301));
            s.host.sent();
            s.ended(CloseReason::UserTimeout);
        });
    }
}

#[test]
fn sm_timer_6_sm_ack_8_when_a_window_closes_again_the_intervals_begin_anew() {
    for place in [Place::Established, Place::CloseWait] {
        crate::support::each_setting(|setting| {
            let mut s = closed_window(setting, place, b"0123456789");
            for _ in 0..3 {
                for wait in [200, 400, 800] {
                    s.host.advance(ms(wait) - INSTANT);
                    s.sent([]);
                    s.host.advance(INSTANT);
                    assert_eq!(s.host.only_sent().segment.payload.len(), 1);
                    s.takes(s.ack().acking(s.snd_una), Fate::Used, []);
                }
                s.host.receive(s.ack().acking(s.snd_una).with_window(1_000));
                assert!(!s.host.sent().is_empty(), "the text leaves");
                s.snd_nxt += 10;
                s.snd_una = s.snd_nxt;
                s.takes(s.ack(), Fate::Used, []);
                s.write(b"0123456789");
                s.sent([]);
            }
        });
    }
}

#[test]
fn sm_timer_6_zwp_7_a_fin_is_probed_like_text() {
    for place in Place::OWES_FIN {
        crate::support::each_setting(|setting| {
            let mut s = closed_window(setting, place, b"");
            s.host.advance(ms(200));
            s.sent([s.host_fin(s.snd_nxt)]);
            // Taken or not, the next probe is the same.
            s.takes(s.ack().acking(s.snd_una), Fate::Used, []);
            s.host.advance(ms(400));
            s.sent([s.host_fin(s.snd_nxt)]);
            // And its ACK counts.
            s.snd_nxt += 1;
            s.host.receive(s.ack());
            let seen = place.after_ack_of_fin().unwrap_or_else(|| s.gone());
            s.is(seen);
        });
    }
}

#[test]
fn sm_timer_7_sws_5_text_that_a_small_window_holds_back_leaves_after_200_ms() {
    each([Place::Established, Place::CloseWait], |s, _| {
        // MAX.SND.WND is 65,535, so 100 octets are no window to speak of.
        s.takes(s.ack().with_window(100), Fate::Used, []);
        s.write(&[b'x'; 150]);
        s.sent([]);
        s.host.advance(ms(200) - INSTANT);
        s.sent([]);
        s.host.advance(INSTANT);
        let part = s.host_segment(s.snd_nxt, Flags::NONE).with_text(&[b'x'; 100]);
        s.sent([part]);
    });
}

#[test]
fn sm_timer_7_text_before_a_fin_waits_for_a_small_window_too() {
    for place in Place::OWES_FIN {
        crate::support::each_setting(|setting| {
            let before =
                if place == Place::LastAck { Place::CloseWait } else { Place::Established };
            let mut s = Plan::new(setting).stage(before);
            s.plan.window = 100;
            s.takes(s.ack(), Fate::Used, []);
            s.write(&[b'x'; 150]);
            s.user_closes();
            if place == Place::Closing {
                s.take_fin();
            }
            s.is(place.seen());
            s.sent([]);
            s.host.advance(ms(200) - INSTANT);
            s.sent([]);
            s.host.advance(INSTANT);
            s.sent([s.host_segment(s.snd_nxt, Flags::NONE).with_text(&[b'x'; 100])]);
            // The last of it, with the FIN, is held back by nothing but the window (TRAP-38).
            s.snd_nxt += 100;
            let last = s.host_text(s.snd_nxt, &[b'x'; 50]).with_control(Flags::PSH | Flags::FIN);
            s.takes(s.ack(), Fate::Used, [last]);
        });
    }
}
