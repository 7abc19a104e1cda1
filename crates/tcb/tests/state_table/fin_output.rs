//! FIN in every state, and what leaves after a segment (RFC 9293 §3.10.7.4).
//! FINs in order, out of order and twice; then the numbers that ACKs, FINs and resets carry.

use std::time::Duration;

use synack_tcb::{DropReason, Events, KeepAlive, Push, State};
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, Stage, each, each_planned};

fn with_text(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.text = b"0123456789")
}

fn patient(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.config.quick_acks = 0)
}

#[test]
fn sm_fin_2_close_7_a_fin_is_acknowledged_at_once_and_ends_the_stream() {
    each_planned(Place::TAKES_TEXT, patient, |s, _| {
        let last = s.fin().with_text(b"last words").acking(s.snd_una);
        s.rcv_nxt += 11;
        s.takes(last, Fate::Used, [s.host_ack()]);
        s.told(Events::READABLE | Events::PEER_CLOSED);
        assert_eq!(s.user_reads(), Ok(Some(b"last words".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
        assert_eq!(s.user_reads(), Ok(None), "and again");
    });
}

#[test]
fn sm_fin_3_in_established_a_fin_leads_to_close_wait() {
    each([Place::Established], |s, _| {
        s.take_fin();
        s.is(Seen::In(State::CloseWait));
    });
}

#[test]
fn sm_fin_4_close_9_trap_53_with_the_ack_of_our_fin_it_leads_to_time_wait() {
    each_planned([Place::FinWait1], with_text, |s, _| {
        let fin = s.fin();
        s.rcv_nxt += 1;
        s.takes(fin, Fate::Used, [s.host_ack().at(s.snd_nxt)]);
        waits_twice_msl(s);
    });
}

#[test]
fn sm_fin_5_without_it_a_fin_leads_to_closing() {
    each_planned([Place::FinWait1], with_text, |s, _| {
        // All but our FIN is acknowledged.
        let fin = s.fin().acking(s.snd_nxt - 1);
        s.rcv_nxt += 1;
        s.takes(fin, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::Closing));
        assert_eq!(s.connection().info().unacked, 1);
    });
}

#[test]
fn sm_fin_6_in_fin_wait_2_a_fin_leads_to_time_wait() {
    each([Place::FinWait2], |s, _| {
        s.take_fin();
        waits_twice_msl(s);
    });
}

#[test]
fn sm_fin_7_sm_fin_8_a_fin_after_the_fin_changes_nothing() {
    each(Place::HAS_PEER_FIN, |s, place| {
        let second = s.fin().acking(s.snd_una);
        s.refuses(second, place.refuses_text(), []);
    });
}

#[test]
fn sm_fin_2_close_8_trap_54_a_fin_out_of_order_waits_for_what_is_missing() {
    each_planned(Place::TAKES_TEXT, patient, |s, place| {
        let fin = s.fin().with_text(b"second").at(s.rcv_nxt + 5).acking(s.snd_una);
        s.takes(fin, Fate::Used, [s.host_ack()]);
        s.is(place.seen());
        s.told(Events::NONE);
        // Alone, and once more: still not.
        let alone = s.fin().at(s.rcv_nxt + 11).acking(s.snd_una);
        s.takes(alone, Fate::Used, [s.host_ack()]);
        s.is(place.seen());
        let first = s.text(b"first").acking(s.snd_una);
        s.rcv_nxt += 12;
        s.takes(first, Fate::Used, [s.host_ack()]);
        s.told(Events::READABLE | Events::PEER_CLOSED);
        s.is(place.after_fin());
        let id = s.id();
        assert_eq!(s.host.read(id), b"firstsecond");
    });
}

#[test]
fn sm_out_1_an_ack_lets_text_leave_that_waited_for_the_window() {
    let narrow = |setting| Plan::new(setting).with(|plan| plan.window = 6);
    each_planned([Place::Established, Place::CloseWait], narrow, |s, _| {
        s.write(b"0123456789");
        let first = s.host_segment(s.snd_nxt, Flags::NONE).with_text(b"012345");
        s.sent([first]);
        s.snd_nxt += 6;
        s.takes(s.ack(), Fate::Used, [s.host_text(s.snd_nxt, b"6789")]);
    });
}

#[test]
fn sm_out_2_dack_4_dack_7_text_that_leaves_carries_the_ack() {
    each_planned([Place::Established], patient, |s, _| {
        let text = s.text(b"request");
        s.rcv_nxt += 7;
        s.takes(text, Fate::Used, []);
        assert_eq!(s.host.deadline(), Some(s.host.now + Duration::from_millis(40)));
        s.write(b"answer");
        s.sent([s.host_text(s.snd_nxt, b"answer")]);
        s.snd_nxt += 6;
        s.takes(s.ack(), Fate::Used, []);
        assert_eq!(s.host.deadline(), None, "no ACK is owed any more");
    });
}

#[test]
fn sm_out_2_must_58_must_59_segments_that_waited_together_draw_one_ack() {
    each(Place::TAKES_TEXT, |s, _| {
        let (first, second) = (s.text(b"one"), s.text(b"two").at(s.rcv_nxt + 3));
        let fin = s.fin().at(s.rcv_nxt + 6);
        let together = [first, second, fin].map(|packet| packet.acking(s.snd_una)).to_vec();
        s.rcv_nxt += 7;
        let ack = s.host_ack();
        s.host.receive_together(together);
        s.sent([ack]);
    });
}

#[test]
fn sm_out_3_close_2_the_fin_rides_on_the_last_text_if_it_fits() {
    for (place, seen) in [(Place::Established, State::FinWait1), (Place::CloseWait, State::LastAck)]
    {
        let waiting = |setting| Plan::new(setting).with(|plan| plan.window = 0);
        each_planned([place], waiting, |s, _| {
            s.write(b"last");
            s.user_closes();
            s.sent([]);
            let last = s.host_text(s.snd_nxt, b"last");
            let last = last.with(|segment| segment.control |= Flags::FIN);
            s.takes(s.ack().with_window(5), Fate::Used, [last]);
            s.is(Seen::In(seen));
            assert_eq!(s.connection().internals().snd_nxt, s.snd_nxt + 5);
        });
    }
}

/// How much left since the last look, all of which must acknowledge what arrived.
#[track_caller]
fn acknowledges(s: &mut Stage) -> usize {
    let sent = s.host.sent();
    for packet in &sent {
        assert_eq!(packet.segment.ack, Some(s.rcv_nxt), "{packet}");
        assert!(!packet.segment.is_rst() && !packet.segment.is_syn(), "{packet}");
    }
    sent.len()
}

#[test]
fn sm_out_4_every_answer_and_every_repetition_acknowledges_what_arrived() {
    each_planned(Place::CONNECTED, with_text, |s, place| {
        if Place::TAKES_TEXT.contains(&place) {
            for (at, text, moves) in [(0, b"abcd", 4), (4, b"ijkl", 0), (0, b"efgh", 8)] {
                s.host.receive(s.text(text).at(s.rcv_nxt + at).acking(s.snd_una));
                s.rcv_nxt += moves;
                assert_eq!(acknowledges(s), 1, "text, in order or not");
            }
        }
        s.host.receive(s.rst(s.rcv_nxt + 1));
        assert_eq!(acknowledges(s), 1, "a challenge");
        let sends = Place::SENDS.contains(&place);
        for window in [9_000, 0] {
            s.host.receive(s.ack().acking(s.snd_una).with_window(window));
            s.host.advance(Duration::from_secs(2));
            assert_eq!(acknowledges(s) > 0, sends, "the same again, in the window or not");
        }
    });
}

#[test]
fn sm_out_4_every_probe_and_every_new_segment_acknowledges_what_arrived() {
    let kept_alive = |setting| {
        Plan::new(setting).with(|plan| plan.config.keep_alive = Some(KeepAlive::default()))
    };
    each_planned([Place::Established, Place::CloseWait], kept_alive, |s, _| {
        s.host.receive(s.ack().with_window(0));
        s.user_writes(b"text", Push::Now).unwrap();
        assert_eq!(acknowledges(s), 0);
        s.host.advance(Duration::from_secs(1));
        assert_eq!(acknowledges(s), 2, "probes of the window");
        s.host.receive(s.ack().with_window(9_000));
        assert!(acknowledges(s) > 0, "text");
        s.snd_nxt += 4;
        s.host.receive(s.ack().with_window(9_000));
        s.host.advance(Duration::from_secs(7_300));
        assert_eq!(acknowledges(s), 2, "probes of a silent peer");
        s.user_closes();
        assert_eq!(acknowledges(s), 1, "the FIN");
    });
}

#[test]
fn sm_out_5_every_segment_sent_moves_last_ack_sent() {
    let with_clock = |setting| patient(setting).with_timestamps();
    each_planned([Place::Established], with_clock, |s, _| {
        let text = s.text(b"text");
        s.rcv_nxt += 4;
        s.takes(text, Fate::Used, []);
        // Above Last.ACK.sent as long as no segment left: TS.Recent stays.
        s.peer_clock = s.peer_clock.wrapping_add(1);
        s.takes(s.ack(), Fate::Used, []);
        s.write(b"answer");
        s.sent([s.host_text(s.snd_nxt, b"answer")]);
        s.snd_nxt += 6;
        // Now it is not.
        s.peer_clock = s.peer_clock.wrapping_add(1);
        s.takes(s.ack(), Fate::Used, []);
        s.ts_recent = s.peer_clock;
        s.write(b"more");
        s.sent([s.host_text(s.snd_nxt, b"more")]);
    });
}

#[test]
fn sm_out_6_trap_63_a_bare_segment_stays_inside_a_window_that_shrank() {
    each_planned(Place::SENDS, with_text, |s, _| {
        for (window, past_una) in [(0, 0), (1, 1), (4, 4), (9, 9), (100, s.snd_nxt - s.snd_una)] {
            let shrunk = s.ack().acking(s.snd_una).with_window(window);
            s.takes(shrunk, Fate::Used, []);
            s.plan.window = window;
            let seq = s.snd_una + past_una;
            // ACK!
            let old = s.text(b"?").at(s.rcv_nxt - 1).acking(s.snd_una);
            s.takes(old, Fate::Refused(DropReason::Duplicate), [s.host_ack().at(seq)]);
            // CHALLENGE
            let blind = s.rst(s.rcv_nxt + 1);
            s.takes(blind, Fate::Refused(DropReason::ResetNotExact), [s.host_ack().at(seq)]);
        }
    });
}

/// The window of a SYN begins behind ours, so a closed one refuses nothing that is bare.
#[test]
fn sm_out_6_a_window_that_a_syn_closed_begins_behind_our_syn() {
    let closed = |setting| Plan::new(setting).with(|plan| plan.window = 0);
    each_planned([Place::SynReceivedPassive, Place::SynReceivedActive], closed, |s, _| {
        assert_eq!(s.host_ack().segment.seq, s.iss + 1);
        s.challenges(s.rst(s.rcv_nxt + 1), DropReason::ResetNotExact);
        s.challenges(s.ack().at(s.rcv_adv), DropReason::OutOfWindow);
    });
}

#[test]
fn sm_out_6_trap_34_a_reset_of_ours_too() {
    each_planned([Place::Established, Place::FinWait1, Place::CloseWait], with_text, |s, _| {
        s.takes(s.ack().acking(s.snd_una).with_window(4), Fate::Used, []);
        let reset: TcpPacket = s.host_rst_own().at(s.snd_una + 4);
        s.user_aborts();
        s.sent([reset]);
    });
    each_planned([Place::Established, Place::FinWait1, Place::CloseWait], with_text, |s, _| {
        s.host.advance(Duration::from_millis(200));
        s.host.sent();
        // After a retransmission: SND.MAX, not where that was.
        let reset = s.host_rst_own();
        s.user_aborts();
        s.sent([reset]);
    });
}

/// TIME-WAIT: every timer is stopped but that of 2 MSL.
#[track_caller]
fn waits_twice_msl(s: &mut Stage) {
    s.is(Seen::TimeWait);
    assert_eq!(s.connection().deadline(), None);
    s.host.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    s.is(Seen::TimeWait);
    s.host.advance(Duration::from_nanos(1));
    s.is(s.gone());
    s.sent([]);
}
