//! CLOSE, ABORT and STATUS in every state (RFC 9293 §3.10.4 to §3.10.6).
//! Each call is made on a host in the state; what it returns, sends and leaves is compared.
//!
//! A user is given a connection when it asks for one or when the handshake is complete, so nobody
//! can call CLOSE or ABORT in SYN-RECEIVED after a passive open: there the listener is closed, and
//! the rest is shown by the unit tests of `connection::handshake`.

use std::time::Duration;

use synack_tcb::{
    CloseReason, DropReason, Events, FourTuple, ListenOn, Occupant, Push, ReadError, State,
    WriteError,
};
use synack_wire::Flags;

use crate::support::{Change, Fate, Place, Plan, Seen, Stage, each, each_planned};

#[test]
fn sm_close_1_sm_abort_1_a_connection_that_is_gone_is_not_closed_again() {
    each(Place::CONNECTED, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        let before = s.picture();
        s.user_closes();
        s.user_aborts();
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_close_2_sm_abort_2_a_listener_goes_without_a_word() {
    each([Place::Listen], |s, _| {
        s.user_closes_listener();
        s.sent([]);
        s.is(Seen::Closed);
        let syn = s.syn(s.irs);
        s.refuses(syn.clone(), DropReason::NoConnection, [s.nobodys_rst(&syn)]);
    });
}

#[test]
fn sm_close_3_in_syn_sent_everything_is_forgotten_and_nothing_sent() {
    let queued = |setting| Plan::new(setting).with(|plan| plan.text = b"queued");
    each_planned([Place::SynSent], queued, |s, _| {
        s.user_closes();
        s.ended(CloseReason::Finished);
        let closed = WriteError::Closed(CloseReason::Finished);
        assert_eq!(s.user_writes(b"text", Push::Now), Err(closed));
        assert_eq!(s.user_reads(), Ok(None));
        let late = s.syn_ack(s.irs);
        s.refuses(late.clone(), DropReason::NoConnection, [s.nobodys_rst(&late)]);
    });
}

#[test]
fn sm_close_4_in_syn_received_the_fin_leaves_at_once() {
    each([Place::SynReceivedActive], |s, _| {
        s.user_closes();
        s.sent([s.host_fin(s.iss + 1)]);
        s.is(Seen::In(State::FinWait1));
    });
}

#[test]
fn sm_close_5_in_syn_received_with_text_queued_the_close_waits_for_established() {
    let queued = |setting| Plan::new(setting).with(|plan| plan.text = b"queued");
    each_planned([Place::SynReceivedActive], queued, |s, _| {
        s.user_closes();
        s.sent([]);
        s.is(Seen::In(State::SynReceived));
        assert_eq!(s.user_writes(b"more", Push::Now), Err(WriteError::Closing));
        s.user_closes();
        let last = s.host_text(s.snd_nxt, b"queued");
        let last = last.with(|segment| segment.control |= Flags::FIN);
        s.takes(s.ack(), Fate::Used, [last]);
        s.is(Seen::In(State::FinWait1));
    });
}

#[test]
fn sm_close_6_in_established_the_fin_follows_at_once() {
    each([Place::Established], |s, _| {
        s.user_closes();
        s.sent([s.host_fin(s.snd_nxt)]);
        s.is(Seen::In(State::FinWait1));
    });
}

#[test]
fn sm_close_6_sm_close_8_the_state_changes_though_text_waits_before_the_fin() {
    for (place, state) in
        [(Place::Established, State::FinWait1), (Place::CloseWait, State::LastAck)]
    {
        each_planned(
            [place],
            |setting| Plan::new(setting).with(|plan| plan.window = 0),
            |s, _| {
                assert_eq!(s.user_writes(b"text", Push::Now), Ok(4));
                s.user_closes();
                s.sent([]);
                s.is(Seen::In(state));
                assert_eq!(s.connection().info().unsent, 4);
                // Exactly as much as the text takes: the FIN needs a number of its own.
                s.takes(s.ack().with_window(4), Fate::Used, [s.host_text(s.snd_nxt, b"text")]);
                s.snd_nxt += 4;
                s.takes(s.ack().with_window(1), Fate::Used, [s.host_fin(s.snd_nxt)]);
            },
        );
    }
}

#[test]
fn sm_close_7_sm_close_9_a_second_close_sends_no_second_fin() {
    let closed =
        [Place::FinWait1, Place::FinWait2, Place::Closing, Place::LastAck, Place::TimeWait];
    each(closed, |s, _| {
        let before = s.picture();
        s.user_closes();
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_close_8_trap_52_in_close_wait_the_fin_follows_at_once_and_leads_to_last_ack() {
    each([Place::CloseWait], |s, _| {
        s.user_closes();
        s.sent([s.host_fin(s.snd_nxt)]);
        s.is(Seen::In(State::LastAck));
    });
}

#[test]
fn sm_close_10_a_closed_listener_aborts_its_handshakes_and_nothing_else() {
    each([Place::SynReceivedPassive], |s, _| {
        let half_open = s.peer;
        s.peer = s.peer.with_port(4_001);
        s.host.receive(s.peer.syn(s.irs));
        let nxt = s.host.only_sent().segment.seq + 1;
        let accepted = s.host.accept(s.peer.ack(s.irs + 1, nxt));
        s.peer = half_open;
        s.user_closes_listener();
        s.sent([s.host_rst_own()]);
        s.is(Seen::Closed);
        assert_eq!(s.host.endpoint.half_open(), 0);
        assert_eq!(s.host.state(accepted), State::Established);
        assert_eq!(s.host.connection(accepted).poll_events(), opened());
        // The four-tuple is nobody's now.
        let late = s.ack();
        s.refuses(late.clone(), DropReason::NoConnection, [s.nobodys_rst(&late)]);
    });
}

#[test]
fn sm_abort_2_in_syn_sent_everything_is_forgotten_and_nothing_sent() {
    let queued = |setting| Plan::new(setting).with(|plan| plan.text = b"queued");
    each_planned([Place::SynSent], queued, |s, _| {
        s.user_aborts();
        s.ended(CloseReason::Aborted);
        fails_every_call(s);
    });
}

#[test]
fn sm_abort_3_a_reset_leaves_and_nothing_else_is_left() {
    let reset = [
        Place::SynReceivedActive,
        Place::Established,
        Place::FinWait1,
        Place::FinWait2,
        Place::CloseWait,
    ];
    let busy = |setting| {
        Plan::new(setting).with(|plan| {
            plan.text = b"in flight";
            plan.unread = b"unread";
        })
    };
    each_planned(reset, busy, |s, _| {
        let reset = s.host_rst_own();
        s.user_aborts();
        s.sent([reset]);
        s.ended(CloseReason::Aborted);
        fails_every_call(s);
        // Nothing is sent again either.
        s.host.advance(Duration::from_secs(600));
        s.sent([]);
    });
}

#[test]
fn sm_abort_4_where_both_sides_have_closed_nothing_is_sent() {
    each([Place::Closing, Place::LastAck], |s, _| {
        s.user_aborts();
        s.ended(CloseReason::Aborted);
        fails_every_call(s);
        s.host.advance(Duration::from_secs(600));
        s.sent([]);
    });
}

/// The application's part is over, but the four-tuple goes on waiting: what RFC 1337 fears of a RST
/// in TIME-WAIT (DEC-2) holds for an ABORT as well.
#[test]
fn sm_abort_4_in_time_wait_nothing_is_sent() {
    each([Place::TimeWait], |s, _| {
        s.user_aborts();
        s.sent([]);
        s.is(Seen::TimeWait);
        assert!(s.connection().is_released());
        assert_eq!(s.connection().close_reason(), Some(CloseReason::Aborted));
        fails_every_call(s);
    });
}

#[test]
fn sm_status_1_a_connection_that_is_gone_says_so() {
    each(Place::CONNECTED, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        assert_eq!(s.connection().info().state, State::Closed);
        assert_eq!(s.connection().state().to_string(), "CLOSED");
    });
}

#[test]
fn sm_status_2_status_names_the_state_and_changes_nothing() {
    let busy = |setting| {
        Plan::new(setting).with(|plan| {
            plan.text = b"in flight";
            plan.unread = b"unread";
            plan.window = 5_000;
            plan.config.dscp = 10;
        })
    };
    each_planned(Place::ALL[1..].iter().copied(), busy, |s, place| {
        let before = s.picture();
        let local = s.host.endpoint.listener_for(s.peer.host);
        let occupant = s.host.endpoint.occupant(FourTuple::new(s.peer.host, s.peer.socket));
        match place {
            Place::Listen => {
                let on = s.host.endpoint.listens_on(local.unwrap());
                assert!(matches!(on, Some(ListenOn::Socket(socket)) if socket.port() == 80));
            }
            Place::SynReceivedPassive => {
                assert_eq!(occupant, Some(Occupant::HalfOpen(local.unwrap())));
            }
            Place::TimeWait => assert_eq!(occupant, Some(Occupant::TimeWait)),
            Place::Closed
            | Place::SynSent
            | Place::SynReceivedActive
            | Place::Established
            | Place::FinWait1
            | Place::FinWait2
            | Place::CloseWait
            | Place::Closing
            | Place::LastAck => {
                assert_eq!(occupant, Some(Occupant::Connection(s.id())));
                tells_what_it_knows(s, place);
            }
        }
        s.sent([]);
        s.unchanged(&before);
    });
}

fn tells_what_it_knows(s: &mut Stage, place: Place) {
    let info = s.connection().info();
    assert_eq!((info.local, info.remote), (s.peer.host, s.peer.socket));
    assert_eq!(Seen::In(info.state), place.seen());
    assert_eq!(info.state.to_string(), name(place));
    assert_eq!(info.unacked, s.snd_nxt - s.snd_una);
    assert_eq!(info.dscp, 10);
    assert_eq!(info.user_timeout, Duration::from_secs(300));
    let opened = place != Place::SynSent && place != Place::SynReceivedActive;
    assert_eq!(info.unread, if opened { 6 } else { 0 });
    assert_eq!(info.unsent, if opened { 0 } else { 9 });
    if place != Place::SynSent {
        assert_eq!(info.snd_wnd, 5_000);
        assert_eq!(info.rcv_wnd, s.rcv_adv - s.rcv_nxt);
    }
}

fn name(place: Place) -> &'static str {
    match place {
        Place::Closed => "CLOSED",
        Place::Listen => "LISTEN",
        Place::SynSent => "SYN-SENT",
        Place::SynReceivedPassive | Place::SynReceivedActive => "SYN-RECEIVED",
        Place::Established => "ESTABLISHED",
        Place::FinWait1 => "FIN-WAIT-1",
        Place::FinWait2 => "FIN-WAIT-2",
        Place::CloseWait => "CLOSE-WAIT",
        Place::Closing => "CLOSING",
        Place::LastAck => "LAST-ACK",
        Place::TimeWait => "TIME-WAIT",
    }
}

fn fails_every_call(s: &mut Stage) {
    let aborted = CloseReason::Aborted;
    assert_eq!(s.user_writes(b"text", Push::Now), Err(WriteError::Closed(aborted)));
    assert_eq!(s.user_reads(), Err(ReadError::Closed(aborted)));
    assert_eq!(s.user_reads(), Ok(None), "it is told once");
    s.user_closes();
    s.sent([]);
}

fn opened() -> Events {
    Events::CONNECTED | Events::WRITABLE
}
