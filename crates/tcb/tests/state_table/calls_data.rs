//! SEND and RECEIVE in every state (RFC 9293 §3.10.2, §3.10.3).
//! Each call is made on a host in the state; what it returns, sends and leaves is compared.

use synack_tcb::{CloseReason, DropReason, Events, Open, Push, ReadError, State, WriteError};

use crate::support::{Change, Fate, Place, Plan, Seen, Stage, each, each_planned};

#[test]
fn sm_send_1_a_connection_that_is_gone_takes_no_text() {
    each(Place::CONNECTED, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        let before = s.picture();
        let closed = Err(WriteError::Closed(CloseReason::ResetByPeer));
        assert_eq!(s.user_writes(b"text", Push::Now), closed);
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_send_2_a_listener_that_knows_its_remote_connects_and_queues() {
    each([Place::Listen], |s, _| {
        let from = s.host.endpoint.listener_for(s.peer.host);
        s.id = Some(s.host.try_connect(Open { from, ..Open::to(s.peer.socket) }).unwrap());
        let syn = s.host.only_sent();
        s.note_clock(&syn.segment.options);
        assert_eq!(syn, s.host_syn());
        s.snd_nxt = s.iss + 1;
        queues_until_open(s, b"early text");
    });
}

#[test]
fn sm_send_3_before_established_text_is_queued() {
    each([Place::SynSent, Place::SynReceivedActive], |s, _| queues_until_open(s, b"early text"));
}

#[test]
fn sm_send_3_a_full_queue_takes_no_more() {
    let small = |setting| Plan::new(setting).with(|plan| plan.config.send_buffer = 6.into());
    each_planned([Place::SynSent, Place::SynReceivedActive], small, |s, place| {
        assert_eq!(s.user_writes(b"12345678", Push::Now), Ok(6));
        assert_eq!(s.user_writes(b"7", Push::Now), Err(WriteError::Blocked));
        s.sent([]);
        s.is(place.seen());
        assert_eq!(s.connection().info().unsent, 6);
    });
}

#[test]
fn sm_send_4_text_leaves_at_once() {
    each([Place::Established, Place::CloseWait], |s, place| {
        assert_eq!(s.user_writes(b"text", Push::Now), Ok(4));
        s.sent([s.host_text(s.snd_nxt, b"text")]);
        s.is(place.seen());
        s.told(Events::NONE);
        assert_eq!(s.connection().info().unacked, 4);
    });
}

#[test]
fn sm_send_4_trap_50_urgent_text_is_pointed_at_by_the_number_after_its_last_octet() {
    each([Place::Established, Place::CloseWait], |s, _| {
        assert_eq!(s.user_writes(b"ordinary", Push::Now), Ok(8));
        s.sent([s.host_text(s.snd_nxt, b"ordinary")]);
        s.snd_nxt += 8;
        s.snd_una = s.snd_nxt;
        s.takes(s.ack(), Fate::Used, []);
        assert_eq!(s.user_writes(b"urgent", Push::Urgent), Ok(6));
        let urgent = s.host_text(s.snd_nxt, b"urgent").with(|segment| segment.urgent = Some(6));
        s.sent([urgent]);
        // What comes later is not urgent.
        s.snd_nxt += 6;
        s.takes(s.ack(), Fate::Used, []);
        assert_eq!(s.user_writes(b"later", Push::Now), Ok(5));
        s.sent([s.host_text(s.snd_nxt, b"later")]);
    });
}

#[test]
fn sm_send_5_after_a_close_nothing_is_queued() {
    let closed =
        [Place::FinWait1, Place::FinWait2, Place::Closing, Place::LastAck, Place::TimeWait];
    each(closed, |s, _| {
        let before = s.picture();
        for push in [Push::Now, Push::More, Push::Urgent] {
            assert_eq!(s.user_writes(b"text", push), Err(WriteError::Closing));
        }
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_recv_1_a_connection_that_is_gone_has_nothing_to_read() {
    each(Place::CONNECTED, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        let before = s.picture();
        assert_eq!(s.user_reads(), Err(ReadError::Closed(CloseReason::ResetByPeer)), "once");
        assert_eq!(s.user_reads(), Ok(None));
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_recv_2_before_established_a_read_waits() {
    each([Place::SynSent, Place::SynReceivedActive], |s, _| {
        let before = s.picture();
        assert_eq!(s.user_reads(), Err(ReadError::Blocked));
        assert!(!s.connection().is_readable());
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_recv_3_a_read_gives_what_is_there_and_else_waits() {
    each(Place::TAKES_TEXT, |s, place| {
        assert_eq!(s.user_reads(), Err(ReadError::Blocked));
        let text = s.text(b"text").acking(s.snd_una);
        s.rcv_nxt += 4;
        s.takes(text, Fate::Used, [s.host_ack()]);
        s.told(Events::READABLE);
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
        assert_eq!(s.user_reads(), Err(ReadError::Blocked));
        s.sent([]);
        s.is(place.seen());
    });
}

#[test]
fn sm_recv_3_a_read_that_opens_the_window_by_a_segment_is_told() {
    let small = |setting| {
        Plan::new(setting).with(|plan| {
            plan.config.receive_buffer = 3_000.into();
            plan.unread = &[7; 3_000];
        })
    };
    each_planned(Place::TAKES_TEXT, small, |s, _| {
        assert_eq!(s.connection().info().rcv_wnd, 0);
        let mss = usize::from(s.host_mss());
        assert_eq!(s.user_reads_at_most(mss - 1).unwrap().unwrap().len(), mss - 1);
        s.sent([]);
        assert_eq!(s.user_reads_at_most(1).unwrap().unwrap().len(), 1);
        let update = s.host_ack();
        assert_eq!(usize::from(update.segment.window), mss);
        s.sent([update]);
    });
}

#[test]
fn sm_recv_4_after_the_fin_text_is_read_first_and_then_the_end() {
    let unread = |setting| Plan::new(setting).with(|plan| plan.unread = b"unread");
    each_planned([Place::CloseWait], unread, reads_then_ends);
}

#[test]
fn sm_recv_5_text_is_still_read_while_the_connection_closes() {
    let unread = |setting| Plan::new(setting).with(|plan| plan.unread = b"unread");
    each_planned([Place::Closing, Place::LastAck, Place::TimeWait], unread, reads_then_ends);
}

#[test]
fn sm_recv_6_a_read_stops_at_the_end_of_urgent_text() {
    each(Place::TAKES_TEXT, |s, _| {
        let text = s.text(b"urgent, not").acking(s.snd_una).with(|s| s.urgent = Some(6));
        s.rcv_nxt += 11;
        s.takes(text, Fate::Used, [s.host_ack()]);
        s.told(Events::READABLE | Events::URGENT);
        assert_eq!(s.connection().info().urgent_left, 6);
        assert_eq!(s.user_reads_at_most(2), Ok(Some(b"ur".to_vec())));
        assert_eq!(s.connection().info().urgent_left, 4);
        assert_eq!(s.user_reads(), Ok(Some(b"gent".to_vec())), "no further");
        assert_eq!(s.connection().info().urgent_left, 0);
        assert_eq!(s.user_reads(), Ok(Some(b", not".to_vec())));
    });
}

#[test]
fn sm_recv_6_the_boundary_stays_when_the_peer_has_closed() {
    each(Place::HAS_PEER_FIN, |s, place| {
        let mut before = Plan::new(s.plan.setting).stage(place.before_fin());
        let s = &mut before;
        let text = s.text(b"urgent, not").acking(s.snd_una).with(|s| s.urgent = Some(6));
        s.rcv_nxt += 11;
        s.takes(text, Fate::Used, [s.host_ack()]);
        s.note_edge();
        s.take_fin();
        if place == Place::LastAck {
            s.close();
        }
        s.is(place.seen());
        assert_eq!(s.connection().info().urgent_left, 6);
        assert_eq!(s.user_reads(), Ok(Some(b"urgent".to_vec())), "no further");
        assert_eq!(s.user_reads(), Ok(Some(b", not".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

fn reads_then_ends(s: &mut Stage, place: Place) {
    assert_eq!(s.user_reads_at_most(2), Ok(Some(b"un".to_vec())));
    assert_eq!(s.user_reads(), Ok(Some(b"read".to_vec())));
    for _ in 0..3 {
        assert_eq!(s.user_reads(), Ok(None));
    }
    s.sent([]);
    s.is(place.seen());
}

/// Text that is written now leaves with the first ACK after the handshake.
fn queues_until_open(s: &mut Stage, text: &[u8]) {
    assert_eq!(s.user_writes(text, Push::Now), Ok(text.len()));
    s.sent([]);
    let is_first = s.host.seen(&s.peer) == Seen::In(State::SynSent);
    let answer = if is_first { s.syn_ack(s.irs) } else { s.ack() };
    if is_first {
        s.note_syn();
    }
    s.takes(answer, Fate::Used, [s.host_text(s.snd_nxt, text)]);
    s.told(Events::CONNECTED | Events::WRITABLE);
    s.is(Seen::In(State::Established));
}
