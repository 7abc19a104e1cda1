//! What is done with a segment that the sequence check refuses (RFC 9293 §3.10.7.4, App. A.2).
//! Old, repeated and foreign segments reach a host in each state; at most one ACK leaves for each.

use std::time::Duration;

use synack_tcb::{CloseReason, DropReason, Events, State};
use synack_wire::{Flags, Options, SackBlocks, SeqRange, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, each, each_planned};

fn with_text(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.text = b"sent")
}

#[test]
fn sm_seq_7_what_is_outside_draws_an_ack_and_changes_nothing() {
    each(Place::AFTER_SYN_SENT, |s, _| {
        for (packet, reason) in [
            (s.ack().at(s.rcv_nxt - 1), DropReason::Duplicate),
            (s.ack().at(s.rcv_adv), DropReason::OutOfWindow),
            (s.ack().at(s.rcv_nxt - 70_000), DropReason::Duplicate),
            (s.ack().without_ack().at(s.rcv_adv + 9), DropReason::OutOfWindow),
        ] {
            s.challenges(packet.clone().acking(s.snd_una), reason);
        }
    });
}

#[test]
fn sm_seq_7_ka_8_a_keep_alive_probe_is_answered() {
    each(Place::AFTER_SYN_SENT, |s, _| {
        s.challenges(s.ack().at(s.rcv_nxt - 1).acking(s.snd_una), DropReason::Duplicate);
    });
    // In the older form, with an octet that is no news.
    each(Place::CONNECTED, |s, _| {
        s.acknowledges(s.text(b"?").at(s.rcv_nxt - 1).acking(s.snd_una), DropReason::Duplicate);
    });
}

#[test]
fn sm_seq_7_blind_8_without_text_ten_are_answered_in_five_seconds() {
    each(Place::AFTER_SYN_SENT, |s, _| {
        for seconds in [0, 5] {
            s.host.now = s.host.now + Duration::from_secs(seconds);
            let outside = s.ack().at(s.rcv_adv).acking(s.snd_una);
            let answers = (0..25).filter(|_| {
                s.host.receive(outside.clone());
                let sent = s.host.sent();
                assert!(sent.is_empty() || sent == [s.host_ack()]);
                !sent.is_empty()
            });
            assert_eq!(answers.count(), 10);
        }
    });
    each(Place::CONNECTED, |s, _| {
        for _ in 0..25 {
            let text = s.text(b"text").at(s.rcv_nxt - 4).acking(s.snd_una);
            s.acknowledges(text, DropReason::Duplicate);
        }
    });
}

#[test]
fn sm_seq_8_trap_30_a_reset_outside_draws_nothing() {
    each(Place::AFTER_SYN_SENT, |s, _| {
        for seq in [s.rcv_nxt - 1, s.rcv_adv, s.rcv_nxt + (1 << 31), s.rcv_nxt - 70_000] {
            s.refuses(s.rst(seq), DropReason::OutOfWindow, []);
            s.refuses(s.rst(seq).acking(s.snd_nxt), DropReason::OutOfWindow, []);
        }
    });
}

#[test]
fn sm_seq_9_trap_10_a_crossing_syn_ack_completes_the_handshake() {
    each([Place::SynReceivedPassive, Place::SynReceivedActive], |s, place| {
        let fate = fate(place);
        s.snd_una = s.snd_nxt;
        s.takes(s.syn_ack(s.irs), fate, []);
        s.is(Seen::In(State::Established));
        s.told(Events::CONNECTED | Events::WRITABLE);
    });
    // Text behind the SYN is used with it.
    each([Place::SynReceivedPassive, Place::SynReceivedActive], |s, place| {
        let fate = fate(place);
        let crossing = s.syn_ack(s.irs).with_text(b"text");
        s.rcv_nxt += 4;
        s.takes(crossing, fate, [s.host_ack()]);
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
    });
    each([Place::SynReceivedPassive, Place::SynReceivedActive], |s, _| {
        let wrong = s.syn_ack(s.irs).acking(s.snd_nxt + 1);
        s.refuses(wrong, DropReason::UnacceptableAck, [s.host_rst_at(s.snd_nxt + 1)]);
    });
}

#[test]
fn sm_seq_9_open_15_a_repeated_syn_draws_the_syn_ack_again() {
    each([Place::SynReceivedPassive, Place::SynReceivedActive], |s, place| {
        let offer = s.plan.offer.clone();
        let syn = s.syn(s.irs).with_options(offer);
        for _ in 0..3 {
            s.takes(syn.clone(), Fate::Refused(DropReason::RepeatedSyn), [s.host_syn_ack()]);
            s.is(place.seen());
            s.told(Events::NONE);
        }
    });
}

#[test]
fn sm_seq_10_trap_11_a_repeated_fin_is_acknowledged_again() {
    each_planned(Place::HAS_PEER_FIN, with_text, |s, _| {
        let fin = s.fin().at(s.rcv_nxt - 1).acking(s.snd_una);
        for _ in 0..3 {
            s.acknowledges(fin.clone(), DropReason::RepeatedFin);
        }
    });
    // With the text that it came with.
    let unread = |setting| Plan::new(setting).with(|plan| plan.unread = b"text");
    each_planned(Place::HAS_PEER_FIN, unread, |s, _| {
        let fin = s.fin().with_text(b"text").at(s.rcv_nxt - 5).acking(s.snd_una);
        s.acknowledges(fin, DropReason::RepeatedFin);
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

#[test]
fn sm_seq_10_sm_ack_15_sm_fin_8_trap_11_in_time_wait_a_repeated_fin_restarts_the_timer() {
    each([Place::TimeWait], |s, _| {
        let fin = s.fin().at(s.rcv_nxt - 1);
        for _ in 0..3 {
            s.host.advance(Duration::from_secs(59));
            s.takes(fin.clone(), Fate::Refused(DropReason::RepeatedFin), [s.host_ack()]);
            assert_eq!(s.host.deadline(), Some(s.host.now + Duration::from_secs(60)));
        }
        // Nothing else does.
        s.host.advance(Duration::from_secs(59));
        for packet in [s.ack(), s.ack().at(s.rcv_nxt - 1), s.text(b"?"), s.fin(), s.rst(s.rcv_nxt)]
        {
            s.host.receive(packet);
            assert_eq!(s.host.deadline(), Some(s.host.now + Duration::from_secs(1)));
        }
        s.host.advance(Duration::from_secs(1));
        s.is(s.gone());
    });
}

#[test]
fn sm_seq_10_the_ack_of_a_repeated_fin_is_used() {
    for (place, seen) in [
        (Place::CloseWait, Seen::In(State::CloseWait)),
        (Place::Closing, Seen::TimeWait),
        (Place::LastAck, Seen::Closed),
    ] {
        each_planned([place], with_text, |s, _| {
            let fin = s.fin().at(s.rcv_nxt - 1);
            let answer = (place != Place::LastAck).then(|| s.host_ack());
            s.host.receive(fin);
            s.sent(answer);
            let seen = if seen == Seen::Closed { s.gone() } else { seen };
            s.is(seen);
            assert_eq!(s.connection().info().unacked, 0);
        });
    }
    // Not an ACK of what was not sent, and there is one answer to all of it.
    each_planned([Place::CloseWait, Place::Closing, Place::LastAck], with_text, |s, _| {
        let fin = s.fin().at(s.rcv_nxt - 1).acking(s.snd_nxt + 1);
        s.refuses(fin, DropReason::AckOfUnsent, [s.host_ack()]);
    });
}

#[test]
fn sm_seq_11_trap_13_the_ack_of_an_old_duplicate_is_used_and_nothing_else() {
    let unread = |setting| with_text(setting).with(|plan| plan.unread = b"text");
    each_planned(Place::SENDS, unread, |s, _| {
        let numbers = s.rcv_nxt - s.irs;
        let old = s.text(b"t").at(s.irs + 1).with_window(7).with(|s| s.urgent = Some(60_000));
        assert!(numbers >= 5);
        s.takes(old.acking(s.snd_una + 4), Fate::Refused(DropReason::Duplicate), [s.host_ack()]);
        let info = s.connection().info();
        assert_eq!(info.unacked, s.snd_nxt - s.snd_una - 4);
        assert_eq!((info.snd_wnd, info.urgent_left, info.unread), (65_535, 0, 4));
        s.told(Events::WRITABLE);
    });
}

#[test]
fn sm_seq_11_an_ack_of_our_fin_on_an_old_duplicate_closes() {
    each(Place::OWES_FIN, |s, place| {
        // A pure ACK that a FIN of the far end has overtaken.
        let ack = s.ack().at(s.rcv_nxt - 1);
        let seen = place.after_ack_of_fin();
        let answer = seen.map(|_| s.host_ack());
        s.takes(ack, Fate::Refused(DropReason::Duplicate), answer);
        s.is(seen.unwrap_or_else(|| s.gone()));
    });
}

#[test]
fn sm_seq_11_a_duplicate_from_farther_than_any_window_is_not_believed() {
    let narrow =
        |setting| with_text(setting).with(|plan| plan.config.receive_buffer = 1_000.into());
    each_planned(Place::SENDS, narrow, |s, _| {
        let blind = s.ack().at(s.rcv_nxt - 1_001);
        s.challenges(blind, DropReason::Duplicate);
        let near = s.ack().at(s.rcv_nxt - 1_000);
        s.host.receive(near);
        assert_eq!(s.connection().info().unacked, 0);
    });
}

#[test]
fn sm_seq_12_a_duplicate_is_reported_once_by_d_sack() {
    let sack = |setting| {
        Plan::new(setting).with(|plan| {
            plan.offer.sack_permitted = true;
            plan.unread = b"text";
        })
    };
    each_planned(Place::CONNECTED, sack, |s, _| {
        let start = s.irs + 1;
        let old = s.text(b"text").at(start).acking(s.snd_una);
        let mut sack = SackBlocks::new();
        sack.push(SeqRange::new(start, start + 4));
        let answer = s.host_ack().with_options(Options { sack, ..Options::default() });
        s.takes(old, Fate::Refused(DropReason::Duplicate), [answer]);
        // Nothing is old in this one.
        let outside = s.ack().at(s.rcv_adv);
        s.takes(outside, Fate::Refused(DropReason::OutOfWindow), [s.host_ack()]);
    });
}

#[test]
fn sm_seq_13_the_first_rule_that_fits_holds_and_one_ack_leaves() {
    // 8 before 9: a RST, though it has the SYN of the handshake.
    each([Place::SynReceivedPassive, Place::SynReceivedActive], |s, _| {
        let both = s.rst(s.irs).with_control(Flags::RST | Flags::SYN);
        s.refuses(both, DropReason::OutOfWindow, []);
    });
    // 8 before 10: a RST, though it looks like the FIN.
    each(Place::HAS_PEER_FIN, |s, _| {
        let both = s.rst(s.rcv_nxt - 1).with_control(Flags::RST | Flags::FIN);
        s.refuses(both, DropReason::OutOfWindow, []);
    });
    // 10 before 6: the FIN again, while the window is closed.
    each_planned(Place::HAS_PEER_FIN, closed_by_fin, |s, _| {
        s.acknowledges(s.fin().at(s.rcv_nxt - 1).acking(s.snd_una), DropReason::RepeatedFin);
    });
    // 10 before 11: its ACK is new.
    each([Place::Closing], |s, _| {
        let fin = s.fin().at(s.rcv_nxt - 1);
        s.takes(fin, Fate::Refused(DropReason::RepeatedFin), [s.host_ack()]);
        s.is(Seen::TimeWait);
    });
    // 11 before 7: an old octet with a new ACK, without the limit.
    each_planned(Place::SENDS, with_text, |s, _| {
        let before = s.challenge_acks();
        let old = s.ack().at(s.rcv_nxt - 1).acking(s.snd_una + 1);
        s.takes(old, Fate::Refused(DropReason::Duplicate), [s.host_ack()]);
        assert_eq!(s.challenge_acks(), before);
    });
}

#[test]
fn sm_seq_7_a_reset_connection_answers_no_more() {
    each(Place::CONNECTED, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        let late: TcpPacket = s.text(b"late");
        s.host.receive(late.clone());
        s.sent([s.nobodys_rst(&late)]);
    });
}

fn closed_by_fin(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| {
        plan.config.receive_buffer = 10.into();
        plan.unread = b"012345678";
    })
}

fn fate(place: Place) -> Fate {
    if place == Place::SynReceivedPassive { Fate::Accepted } else { Fate::Used }
}
