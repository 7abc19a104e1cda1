//! A SYN to a connection in TIME-WAIT (RFC 6191; RFC 9293 §3.10.7.4): accepted, or challenged.
//! The table of RFC 6191 §2 with numbers at every edge, with and without timestamps on each side.

use std::time::Duration;

use synack_tcb::{DropReason, State};

use crate::support::{
    Change, Fate, Opened, Place, Plan, Received, Seen, Setting, Stage, each_planned,
};

/// The SYN's TSval, from TS.Recent.
#[derive(Clone, Copy)]
enum Clock {
    None,
    Recent(i32),
}

use Clock::{None as NoClock, Recent};

fn with_clock(setting: Setting) -> Plan {
    Plan::new(setting).with_timestamps()
}

#[test]
fn sm_twsyn_1_a_newer_timestamp_is_accepted_whatever_the_number() {
    for clock in [Recent(1), Recent(5), Recent(i32::MAX)] {
        for past_last in [1, 0, -1, -70_000, i32::MAX] {
            is_accepted(with_clock, clock, past_last);
        }
    }
}

#[test]
fn sm_twsyn_2_the_same_timestamp_needs_a_higher_number() {
    for past_last in [1, 2, 70_000, i32::MAX] {
        is_accepted(with_clock, Recent(0), past_last);
    }
}

#[test]
fn sm_twsyn_3_no_timestamp_needs_a_higher_number_after_a_connection_with() {
    for past_last in [1, 2, i32::MAX] {
        is_accepted(with_clock, NoClock, past_last);
    }
}

#[test]
fn sm_twsyn_4_a_timestamp_is_accepted_after_a_connection_without() {
    for past_last in [1, 0, -1, -70_000, i32::MAX] {
        is_accepted(Plan::new, Recent(0), past_last);
    }
}

#[test]
fn sm_twsyn_5_without_timestamps_the_number_must_be_higher() {
    for past_last in [1, 2, 70_000, i32::MAX] {
        is_accepted(Plan::new, NoClock, past_last);
    }
}

#[test]
fn sm_twsyn_6_any_other_syn_is_challenged_and_changes_nothing() {
    for (plan, clock, past_last) in [
        (with_clock as fn(Setting) -> Plan, Recent(-1), 1),
        (with_clock, Recent(-70_000), 70_000),
        (with_clock, Recent(0), 0),
        (with_clock, Recent(0), -1),
        (with_clock, NoClock, 0),
        (with_clock, NoClock, -1),
        (Plan::new, NoClock, 0),
        (Plan::new, NoClock, -1),
        (Plan::new, NoClock, -70_000),
    ] {
        each_planned([Place::TimeWait], plan, |s, _| {
            listen(s);
            let syn = syn(s, clock, past_last);
            s.challenges(syn.clone(), DropReason::TimeWait);
            // And the time goes on as it was.
            s.host.advance(Duration::from_secs(59));
            s.challenges(syn, DropReason::TimeWait);
            s.host.advance(Duration::from_secs(1));
            s.is(Seen::Listen);
        });
    }
}

#[test]
fn sm_twsyn_6_without_a_listener_a_syn_that_qualifies_is_challenged() {
    each_planned([Place::TimeWait], Plan::new, |s, _| {
        if s.gone() == Seen::Listen {
            s.user_closes_listener();
        }
        s.challenges(syn(s, NoClock, 1), DropReason::TimeWait);
    });
}

#[test]
fn sm_twsyn_1_may_2_time_wait_goes_on_if_the_syn_was_an_old_duplicate() {
    each_planned([Place::TimeWait], Plan::new, |s, _| {
        listen(s);
        s.host.advance(Duration::from_secs(20));
        accept(s, NoClock, 9);
        let reset = s.peer.rst(s.rcv_nxt + 9);
        assert_eq!(s.host.receive(reset), Received::Dropped(DropReason::Reset));
        s.sent([]);
        s.is(Seen::TimeWait);
        // With its old numbers, and its old time.
        s.challenges(s.ack().acking(s.snd_nxt + 1), DropReason::AckOfUnsent);
        s.host.advance(Duration::from_secs(40) - Duration::from_nanos(1));
        s.is(Seen::TimeWait);
        s.host.advance(Duration::from_nanos(1));
        s.is(Seen::Listen);
    });
}

#[test]
fn sm_seqn_14_the_new_connection_opens_and_refuses_what_is_left_of_the_old_one() {
    each_planned([Place::TimeWait], Plan::new, |s, _| {
        listen(s);
        let (old_text, old_fin) = (s.text(b"old").at(s.irs + 1), s.fin().at(s.rcv_nxt - 1));
        let nxt = accept(s, NoClock, 9);
        let last = s.peer.ack(s.rcv_nxt + 9, nxt);
        (s.irs, s.rcv_nxt, s.snd_nxt, s.snd_una) = (s.rcv_nxt + 8, s.rcv_nxt + 9, nxt, nxt);
        s.rcv_adv = s.rcv_nxt + 65_535;
        s.takes(last, Fate::Accepted, []);
        s.is(Seen::In(State::Established));
        assert_eq!(s.host.endpoint.time_waits(), 0, "the old one is forgotten now");
        s.events();
        s.acknowledges(old_text, DropReason::Duplicate);
        s.challenges(old_fin, DropReason::Duplicate);
    });
}

fn is_accepted(plan: fn(Setting) -> Plan, clock: Clock, past_last: i32) {
    each_planned([Place::TimeWait], plan, |s, _| {
        listen(s);
        accept(s, clock, past_last);
    });
}

/// The SYN opens a handshake whose ISS lies above the old numbers (TW-11); returns ISS + 1.
#[track_caller]
fn accept(s: &mut Stage, clock: Clock, past_last: i32) -> synack_wire::SeqNum {
    let syn = syn(s, clock, past_last);
    let irs = syn.segment.seq;
    assert_eq!(s.host.receive(syn), Received::Replied);
    let answer = s.host.only_sent().segment;
    assert!(answer.is_syn() && answer.ack == Some(irs + 1), "{answer:?}");
    assert!(answer.seq > s.snd_nxt, "{} above {}", answer.seq, s.snd_nxt);
    s.is(Seen::SynReceived);
    answer.seq + 1
}

/// A SYN that lies so far above the last number of the old connection, RCV.NXT - 1.
fn syn(s: &Stage, clock: Clock, past_last: i32) -> synack_wire::TcpPacket {
    let syn = s.peer.syn(s.rcv_nxt - 1 + past_last as u32);
    match clock {
        NoClock => syn,
        Recent(past) => syn.with_timestamps(s.ts_recent.wrapping_add_signed(past), 0),
    }
}

fn listen(s: &mut Stage) {
    if s.plan.setting.opened == Opened::Actively {
        s.listen();
    }
}
