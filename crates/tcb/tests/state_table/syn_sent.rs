//! Segments in SYN-SENT (RFC 9293 §3.10.7.3).
//! The far end answers the host's SYN in every way, and what the host does then is compared.

use synack_tcb::{CloseReason, DropReason, Events, State};
use synack_wire::{Flags, SeqNum};

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, Stage, each, each_planned};

#[test]
fn sm_synsent_1_trap_27_an_ack_of_what_was_not_sent_draws_a_reset() {
    each([Place::SynSent], |s, _| {
        let templates = [s.ack(), s.text(b"text"), s.fin(), s.syn_ack(s.irs), s.syn_ack(s.irs + 9)];
        for packet in templates {
            for ack in [s.iss, s.iss - 1, s.iss + 2, s.iss + 70_000, s.iss + (1 << 31)] {
                let packet = packet.clone().acking(ack);
                s.refuses(packet, DropReason::UnacceptableAck, [s.host_rst_at(ack)]);
            }
        }
    });
}

#[test]
fn sm_synsent_1_trap_30_with_rst_it_draws_nothing() {
    each([Place::SynSent], |s, _| {
        for ack in [s.iss, s.iss + 2] {
            let reset = s.rst(s.irs).acking(ack);
            let with_syn = reset.clone().with_control(Flags::SYN | Flags::RST);
            s.refuses(reset, DropReason::UnacceptableAck, []);
            s.refuses(with_syn, DropReason::UnacceptableAck, []);
        }
    });
}

#[test]
fn sm_synsent_3_trap_29_a_reset_with_the_right_ack_is_a_refusal_whatever_its_number() {
    for seq in [0, 1, u32::MAX, 0x8000_0000] {
        each([Place::SynSent], |s, _| {
            let reset = s.rst(SeqNum::new(seq)).acking(s.iss + 1);
            s.ends(reset, DropReason::Reset, CloseReason::Refused);
        });
    }
}

#[test]
fn sm_synsent_4_trap_29_a_reset_without_ack_is_ignored() {
    each([Place::SynSent], |s, _| {
        for seq in [SeqNum::new(0), s.irs, s.irs + 1, s.iss, s.iss + 1] {
            s.refuses(s.rst(seq), DropReason::BlindReset, []);
        }
    });
}

#[test]
fn sm_synsent_5_a_syn_ack_that_echoes_zero_is_taken() {
    each_planned([Place::SynSent], offers_timestamps, |s, _| {
        let answer = s.syn_ack(s.irs).with_timestamps(s.peer_clock, 0);
        s.note_syn();
        s.snd_una = s.snd_nxt;
        s.takes(answer, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::Established));
    });
}

#[test]
fn sm_synsent_6_trap_8_the_syn_says_numbers_window_and_options() {
    let offers = |setting| {
        offers_timestamps(setting).with(|plan| {
            plan.offer.mss = Some(1_000);
            plan.offer.window_scale = Some(7);
            plan.offer.sack_permitted = true;
            plan.window = 900;
        })
    };
    for simultaneous in [false, true] {
        each_planned([Place::SynSent], offers, |s, _| {
            let offer = s.plan.offer.clone();
            let syn = if simultaneous { s.syn(s.irs) } else { s.syn_ack(s.irs) };
            s.host.receive(syn.with_options(offer));
            s.host.sent();
            let state = if simultaneous { State::SynReceived } else { State::Established };
            s.is(Seen::In(state));
            let una = if simultaneous { s.iss } else { s.iss + 1 };
            let info = s.connection().internals();
            assert_eq!((info.irs, info.rcv_nxt), (s.irs, s.irs + 1));
            assert_eq!((info.snd_una, info.snd_nxt), (una, s.iss + 1));
            assert_eq!((info.snd_wnd, info.snd_shift), (900, 7), "not scaled");
            assert_eq!((info.timestamps, info.sack, info.smss), (true, true, 988));
            // SND.WL1 and SND.WL2: a segment with the next number and the same ACK is newer.
            s.note_syn();
            s.host.receive(s.ack().with_window(800));
            assert_eq!(s.connection().internals().snd_wnd, 800 << 7);
        });
    }
}

#[test]
fn sm_synsent_7_sm_synsent_2_an_acceptable_syn_ack_is_acknowledged_at_once() {
    each([Place::SynSent], |s, _| {
        answer(s, s.syn_ack(s.irs), 1);
        s.told(Events::CONNECTED | Events::WRITABLE);
        s.is(Seen::In(State::Established));
        // The number after the SYN is free for the first text (SM-SEQN-1).
        s.write(b"text");
        s.sent([s.host_text(s.iss + 1, b"text")]);
    });
}

#[test]
fn sm_synsent_7_queued_text_carries_the_ack() {
    let queued = |setting| Plan::new(setting).with(|plan| plan.text = b"queued");
    each_planned([Place::SynSent], queued, |s, _| {
        let answer = s.syn_ack(s.irs);
        s.note_syn();
        s.takes(answer, Fate::Used, [s.host_text(s.iss + 1, b"queued")]);
        s.is(Seen::In(State::Established));
    });
}

#[test]
fn sm_synsent_7_sm_fin_1_text_and_fin_of_the_syn_ack_are_used_and_acknowledged_once() {
    each([Place::SynSent], |s, _| {
        answer(s, s.syn_ack(s.irs).with_text(b"text"), 5);
        s.told(Events::CONNECTED | Events::WRITABLE | Events::READABLE);
        s.is(Seen::In(State::Established));
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
    });
    each([Place::SynSent], |s, _| {
        let fin = s.syn_ack(s.irs).with_text(b"text").with_control(Flags::SYN | Flags::FIN);
        let closed = Events::READABLE | Events::PEER_CLOSED;
        answer(s, fin, 6);
        s.told(Events::CONNECTED | Events::WRITABLE | closed);
        s.is(Seen::In(State::CloseWait));
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

#[test]
fn sm_synsent_8_a_syn_alone_is_a_simultaneous_open() {
    each([Place::SynSent], |s, _| {
        s.take_syn();
        s.is(Seen::In(State::SynReceived));
        s.told(Events::NONE);
        let info = s.connection().internals();
        assert!(!info.is_passive, "MUST-11: it was opened actively");
    });
}

#[test]
fn sm_synsent_8_text_and_fin_of_the_syn_wait_for_established() {
    each([Place::SynSent], |s, _| {
        let syn = s.syn(s.irs).with_text(b"early").with_control(Flags::SYN | Flags::FIN);
        s.note_syn();
        s.takes(syn, Fate::Used, [s.host_syn_ack()]);
        s.is(Seen::In(State::SynReceived));
        s.told(Events::NONE);
        assert!(!s.connection().is_readable());
        s.snd_una = s.snd_nxt;
        let ack = s.ack();
        s.rcv_nxt += 6;
        s.takes(ack, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::CloseWait));
        assert_eq!(s.user_reads(), Ok(Some(b"early".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

#[test]
fn sm_synsent_9_sm_fin_1_neither_syn_nor_rst_changes_anything() {
    each([Place::SynSent], |s, _| {
        let bare = s.ack().without_ack();
        let fin = bare.clone().with_control(Flags::FIN);
        for packet in [s.ack(), s.text(b"text"), s.fin(), bare.clone(), bare.with_text(b"?"), fin] {
            s.refuses(packet, DropReason::NoSyn, []);
        }
    });
}

fn offers_timestamps(setting: Setting) -> Plan {
    Plan::new(setting).with_timestamps()
}

/// The SYN,ACK arrives, and `octets` numbers from IRS on are acknowledged.
#[track_caller]
fn answer(s: &mut Stage, packet: synack_wire::TcpPacket, octets: u32) {
    s.note_syn();
    s.rcv_nxt = s.irs + octets;
    s.snd_una = s.snd_nxt;
    s.takes(packet, Fate::Used, [s.host_ack()]);
}
