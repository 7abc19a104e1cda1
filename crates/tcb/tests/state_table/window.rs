//! The sequence check in every state: what lies in the window, and what of it is used
//! (RFC 9293 §3.4, §3.10.7.4). Segments at every edge of the window; open, small and closed ones.

use synack_tcb::{DropReason, Events, State};
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, Setting, Stage, each, each_planned};

/// A window of ten octets.
fn small(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.config.receive_buffer = 10.into())
}

/// A window that is closed, as the reader does not read; a FIN takes the last number of it.
fn closed(setting: Setting) -> Plan {
    small(setting).with(|plan| plan.unread = b"0123456789")
}

fn closed_by_fin(setting: Setting) -> Plan {
    small(setting).with(|plan| plan.unread = b"012345678")
}

/// In each state with a closed window.
fn each_closed(mut test: impl FnMut(&mut Stage, Place)) {
    each_planned(Place::TAKES_TEXT, closed, &mut test);
    each_planned(Place::HAS_PEER_FIN, closed_by_fin, &mut test);
}

/// Whether the host refuses the segment with an ACK that says where its window is. What passes the
/// sequence check draws nothing: it is a pure ACK, or ends the steps later.
#[track_caller]
fn is_refused(s: &mut Stage, packet: TcpPacket) -> bool {
    let ack = s.host_ack();
    s.host.receive(packet);
    let sent = s.host.sent();
    assert!(sent.is_empty() || sent == [ack], "{sent:?}");
    !sent.is_empty()
}

#[test]
fn sm_seq_1_seq_4_without_text_only_rcv_nxt_is_acceptable_to_a_closed_window() {
    for (past_nxt, refused) in [(0, false), (1, true), (u32::MAX, true), (9, true)] {
        each_closed(|s, _| {
            assert_eq!(s.rcv_adv, s.rcv_nxt);
            let ack = s.ack().acking(s.snd_una).at(s.rcv_nxt + past_nxt);
            assert_eq!(is_refused(s, ack), refused, "{past_nxt}");
        });
    }
}

#[test]
fn sm_seq_2_seq_5_without_text_every_number_of_an_open_window_is_acceptable() {
    for plan in [Plan::new as fn(Setting) -> Plan, small] {
        for (from_edge, past, refused) in
            [(false, 0, false), (false, u32::MAX, true), (true, u32::MAX, false), (true, 0, true)]
        {
            each_planned(Place::AFTER_SYN_SENT, plan, |s, place| {
                let seq = if from_edge { s.rcv_adv } else { s.rcv_nxt } + past;
                let opening = matches!(place, Place::SynReceivedPassive | Place::SynReceivedActive);
                let ack = if opening { s.snd_nxt } else { s.snd_una };
                let packet = s.ack().acking(ack).at(seq);
                assert_eq!(is_refused(s, packet), refused, "{past} from the edge {from_edge}");
            });
        }
    }
}

#[test]
fn sm_seq_3_sm_seq_6_seq_6_zwp_5_trap_14_a_closed_window_takes_no_text_and_answers() {
    each_closed(|s, _| {
        for packet in [s.text(b"?"), s.text(b"more"), s.fin(), s.text(b"?").at(s.rcv_nxt + 1)] {
            let packet = packet.acking(s.snd_una);
            let before = s.picture();
            let received = s.host.receive(packet.clone());
            s.sent([s.host_ack()]);
            assert_ne!(received, crate::support::Received::Dropped(DropReason::TimeWait));
            s.unchanged(&before);
        }
        assert_eq!(s.host_ack().segment.window, 0);
    });
}

#[test]
fn sm_seq_4_seq_7_text_is_acceptable_if_its_first_or_last_octet_is_in_the_window() {
    for (case, from_edge, past, len, refused) in [
        ("at RCV.NXT", false, 0, 3, false),
        ("its last octet is the first of the window", false, -2, 3, false),
        ("its last octet is below", false, -3, 3, true),
        ("its first octet is the last of the window", true, -1, 3, false),
        ("its first octet is above", true, 0, 3, true),
    ] {
        each_planned(Place::SYNCHRONIZED, small, |s, place| {
            let seq = if from_edge { s.rcv_adv } else { s.rcv_nxt };
            let text = &b"abc"[..len];
            let packet = s.text(text).acking(s.snd_una).at(seq + past as u32);
            let before = s.connection().info();
            s.host.receive(packet);
            let sent = s.host.sent();
            let after = s.connection().info();
            let taken = after.unread + after.out_of_order - before.unread - before.out_of_order;
            if Place::TAKES_TEXT.contains(&place) {
                assert_eq!(taken > 0, !refused, "{case}");
                assert_eq!(sent.len(), 1, "{case}");
                return;
            }
            assert_eq!(taken, 0, "{case}");
            // What is trimmed on one side is old, or beyond: it draws an ACK all the same.
            let trimmed = past != 0 && place != Place::TimeWait;
            assert_eq!(!sent.is_empty(), refused || trimmed, "{case}");
        });
    }
}

#[test]
fn sm_seq_5_seq_10_trap_19_what_lies_below_the_window_is_cut_off_and_the_rest_used() {
    each(Place::TAKES_TEXT, |s, place| {
        let packet = s.text(b"oldnew").at(s.rcv_nxt - 3).acking(s.snd_una);
        s.rcv_nxt += 3;
        s.takes(packet, Fate::Used, [s.host_ack()]);
        assert_eq!(s.user_reads(), Ok(Some(b"new".to_vec())));
        s.is(place.seen());
    });
    // A FIN behind old text is new.
    each(Place::TAKES_TEXT, |s, _| {
        s.host.receive(s.text(b"old").acking(s.snd_una));
        s.host.sent();
        s.events();
        let packet = s.fin().with_text(b"old").acking(s.snd_una);
        s.rcv_nxt += 4;
        s.takes(packet, Fate::Used, [s.host_ack()]);
        s.told(Events::PEER_CLOSED | Events::READABLE);
        assert_eq!(s.user_reads(), Ok(Some(b"old".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

#[test]
fn sm_seq_5_seq_10_trap_19_what_lies_beyond_the_window_is_cut_off_fin_included() {
    each_planned(Place::TAKES_TEXT, small, |s, place| {
        let packet = s.fin().with_text(b"0123456789+").acking(s.snd_una);
        s.rcv_nxt += 10;
        s.takes(packet, Fate::Used, [s.host_ack().with_window(0)]);
        assert_eq!(s.user_reads(), Ok(Some(b"0123456789".to_vec())));
        s.host.sent();
        s.is(place.seen());
        assert_eq!(s.user_reads(), Err(synack_tcb::ReadError::Blocked), "no end of the stream");
    });
    // A FIN exactly at the right edge has no number in the window.
    each_planned(Place::TAKES_TEXT, small, |s, place| {
        let packet = s.fin().with_text(b"0123456789").acking(s.snd_una);
        s.rcv_nxt += 10;
        s.takes(packet, Fate::Used, [s.host_ack().with_window(0)]);
        s.is(place.seen());
    });
}

#[test]
fn sm_seq_5_trap_62_a_syn_is_not_cut_off_so_its_text_is_not_used() {
    each(Place::CONNECTED, |s, _| {
        let syn = s.text(b"forged").with_control(Flags::SYN).at(s.rcv_nxt - 1);
        s.challenges(syn, DropReason::UnexpectedSyn);
    });
    each([Place::TimeWait], |s, _| {
        let syn = s.text(b"forged").with_control(Flags::SYN).at(s.rcv_nxt - 1);
        s.challenges(syn, DropReason::UnexpectedSyn);
    });
}

#[test]
fn sm_seq_5_of_a_segment_above_rcv_nxt_the_ack_is_used_now_and_the_text_later() {
    for place in [Place::Established, Place::FinWait1] {
        let text = |setting| Plan::new(setting).with(|plan| plan.text = b"sent");
        each_planned([place], text, |s, _| {
            let later = s.fin().with_text(b"later").at(s.rcv_nxt + 3);
            s.takes(later, Fate::Used, [s.host_ack()]);
            assert_eq!(s.connection().info().unacked, 0, "our text is acknowledged");
            assert_eq!(s.connection().info().out_of_order, 5);
            let ours = if place == Place::FinWait1 { State::FinWait2 } else { State::Established };
            s.is(crate::support::Seen::In(ours));
            assert_eq!(s.user_reads(), Err(synack_tcb::ReadError::Blocked));
            s.events();
            let gap = s.text(b"now");
            s.rcv_nxt += 9;
            s.takes(gap, Fate::Used, [s.host_ack()]);
            s.told(Events::READABLE | Events::PEER_CLOSED);
            assert_eq!(s.user_reads(), Ok(Some(b"nowlater".to_vec())));
            assert_eq!(s.user_reads(), Ok(None));
        });
    }
}

#[test]
fn sm_seq_6_seq_6_must_66_trap_13_of_a_probe_the_ack_and_the_urgent_pointer_are_used() {
    let busy = |setting| closed(setting).with(|plan| plan.text = b"sent");
    each_planned([Place::Established, Place::FinWait1], busy, |s, _| {
        let probe = s.text(b"?").acking(s.snd_una + 4).with(|s| s.urgent = Some(1));
        s.takes(probe.clone(), Fate::Used, [s.host_ack()]);
        assert!(s.events().contains(Events::WRITABLE | Events::URGENT));
        let info = s.connection().info();
        assert_eq!(info.unacked, s.snd_nxt - s.snd_una - 4);
        assert_eq!((info.unread, info.urgent_left), (10, 11));
        // SM-ACK-8: its window too.
        let probe = probe.with_window(77).with(|segment| segment.urgent = None);
        s.takes(probe, Fate::Used, [s.host_ack()]);
        assert_eq!(s.connection().info().snd_wnd, 77);
    });
}

#[test]
fn sm_seq_6_of_a_probe_reset_and_syn_are_processed() {
    each_closed(|s, _| {
        let syn = s.syn_ack(s.rcv_nxt).acking(s.snd_una);
        let before = s.picture();
        assert!(is_refused(s, syn), "one answer to probe and SYN");
        s.unchanged(&before);
    });
    each_closed(|s, place| {
        if place == Place::TimeWait {
            return;
        }
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, synack_tcb::CloseReason::ResetByPeer);
    });
}
