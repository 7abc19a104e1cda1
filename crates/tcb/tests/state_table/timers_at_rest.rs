//! The timers of a connection at rest, and of one that is gone (RFC 9293 §3.8.4, §3.10.8).
//! Time passes over a host whose far end is silent, or answers; what leaves when is compared.

use std::time::Duration;

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, each, each_planned};
use crate::timers::{leaves, seconds, with_text};
use synack_tcb::{CloseReason, DropReason, KeepAlive, State};

const INSTANT: Duration = Duration::from_nanos(1);

#[test]
fn sm_timer_9_tw_1_time_wait_lasts_twice_the_msl() {
    for msl in [30, 120] {
        let slow = |setting| Plan::new(setting).with(|plan| plan.endpoint.msl = seconds(msl));
        each_planned([Place::TimeWait], slow, |s, _| {
            assert_eq!(s.host.deadline(), Some(s.host.now + seconds(2 * msl)));
            s.host.advance(seconds(2 * msl) - INSTANT);
            s.is(Seen::TimeWait);
            s.host.advance(INSTANT);
            s.is(s.gone());
            s.sent([]);
            assert_eq!(s.host.deadline(), None);
        });
    }
}

#[test]
fn sm_timer_9_tw_1_it_is_over_then_though_the_timer_is_late() {
    each([Place::TimeWait], |s, _| {
        if s.gone() == Seen::Listen {
            s.user_closes_listener();
        }
        let late = s.text(b"late");
        for (past, reason) in [(INSTANT, DropReason::TimeWait), (INSTANT, DropReason::NoConnection)]
        {
            // The clock goes on, and nobody looks at what is due.
            let wait = if reason == DropReason::TimeWait { seconds(60) - past } else { past };
            s.host.now = s.host.now + wait;
            let answer = (reason == DropReason::NoConnection).then(|| s.nobodys_rst(&late));
            s.takes(late.clone(), Fate::Refused(reason), answer);
        }
        assert_eq!(s.host.endpoint.time_waits(), 0);
    });
}

fn kept_alive(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.config.keep_alive = Some(KeepAlive::default()))
}

#[test]
fn sm_timer_10_ka_2_to_ka_5_an_idle_peer_is_probed_ten_times_and_given_up() {
    each_planned([Place::Established, Place::CloseWait, Place::FinWait2], kept_alive, |s, _| {
        let start = s.host.now;
        let reset = s.host_rst_own();
        let left = leaves(s);
        let probe = s.host_ack().at(s.snd_nxt - 1);
        for (index, (at, packet)) in left.iter().take(10).enumerate() {
            assert_eq!((*at, packet), (seconds(7_200 + 75 * index as u64), &probe));
        }
        // RST(own) is allowed, and tells a peer that comes back.
        assert_eq!(left[10..], [(seconds(7_950), reset)]);
        assert_eq!(s.host.now.since(start), seconds(7_950));
        s.ended(CloseReason::TimedOut);
    });
}

#[test]
fn sm_timer_10_ka_2_the_idle_time_begins_when_the_handshake_is_complete() {
    each_planned([Place::SynSent, Place::SynReceivedActive], kept_alive, |s, place| {
        s.host.advance(seconds(100));
        s.host.sent();
        let answer = if place == Place::SynSent { s.syn_ack(s.irs) } else { s.ack() };
        s.host.receive(answer);
        s.host.sent();
        s.host.advance(seconds(7_200) - INSTANT);
        s.sent([]);
        s.host.advance(INSTANT);
        assert_eq!(s.host.only_sent().segment.seq, s.snd_nxt - 1);
    });
}

#[test]
fn sm_timer_10_ka_6_trap_55_an_answer_begins_the_idle_time_anew_and_draws_nothing() {
    each_planned(
        [Place::Established, Place::CloseWait, Place::FinWait2],
        kept_alive,
        |s, place| {
            for _ in 0..3 {
                s.host.advance(seconds(7_200));
                s.sent([s.host_ack().at(s.snd_nxt - 1)]);
                s.takes(s.ack(), Fate::Used, []);
            }
            s.is(place.seen());
        },
    );
}

#[test]
fn sm_timer_10_ka_1_ka_7_ka_9_no_probe_by_default_nor_elsewhere_nor_while_text_is_outstanding() {
    each([Place::Established, Place::CloseWait, Place::FinWait2], |s, _| {
        assert_eq!(s.host.deadline(), None, "off by default");
    });
    let busy = |setting| {
        kept_alive(setting).with(|plan| {
            plan.text = b"text";
            plan.config.user_timeout = Some(seconds(20_000));
            plan.config.retransmission_r2 = None;
        })
    };
    each_planned(Place::SENDS, busy, |s, _| {
        s.host.advance(seconds(19_000));
        let una = s.snd_una;
        assert!(
            s.host
                .sent()
                .iter()
                .all(|packet| packet.segment.seq == una && !packet.segment.is_empty())
        );
        assert_eq!(s.connection().info().counters.probes, 0);
    });
}

#[test]
fn sm_timer_13_close_12_an_orphan_leaves_fin_wait_2_silently() {
    each([Place::FinWait2], |s, _| {
        let id = s.id();
        s.host.detach(id);
        s.host.advance(seconds(60) - INSTANT);
        s.is(Seen::In(State::FinWait2));
        s.host.advance(INSTANT);
        s.ended(CloseReason::Finished);
    });
    // Whoever went before the ACK of the FIN came.
    each([Place::FinWait1], |s, _| {
        let id = s.id();
        s.host.detach(id);
        s.takes(s.ack(), Fate::Used, []);
        s.host.advance(seconds(60));
        s.ended(CloseReason::Finished);
    });
}

#[test]
fn sm_timer_14_trap_56_nothing_of_a_connection_that_is_gone_fires() {
    each_planned(Place::SENDS, with_text, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        let before = s.picture();
        for hours in 1..10 {
            let late = s.host.now + seconds(3_600 * hours);
            s.connection().handle_timeout(late);
        }
        s.host.drain();
        s.sent([]);
        s.unchanged(&before);
        // A new connection on the same four-tuple does not hear of it either.
        let old = s.id();
        let peer = s.peer;
        if s.gone() == Seen::Closed {
            s.listen();
        }
        s.host.receive(peer.syn(s.irs + 99));
        let nxt = s.host.only_sent().segment.seq + 1;
        let new = s.host.accept(peer.ack(s.irs + 100, nxt));
        let late = s.host.now + seconds(3_600);
        s.host.connection(old).handle_timeout(late);
        s.host.drain();
        s.sent([]);
        assert_eq!(s.host.state(new), State::Established);
        assert_ne!(old, new);
    });
}
