//! RST and SYN in every state after SYN-SENT (RFC 9293 §3.10.7.4; RFC 5961 §3, §4; RFC 1337).
//! Exact, blind and odd ones arrive; what ends, what is challenged and what is told is compared.

use synack_tcb::{CloseReason, DropReason, EndpointConfig, Events, Push, ReadError, State};
use synack_wire::{Flags, Options, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, Stage, each, each_planned};

/// Everything that a RST may carry, none of which is looked at.
fn oddities(reset: &TcpPacket) -> [TcpPacket; 6] {
    let options = Options { mss: Some(1), ..Options::default() };
    [
        reset.clone(),
        reset.clone().acking(reset.segment.seq + 77_777),
        reset.clone().with_text(b"the reason"),
        reset.clone().with_timestamps(0, 0).with_window(0),
        reset.clone().with_options(options),
        reset.clone().with(|segment| segment.urgent = Some(9)),
    ]
}

fn busy(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| {
        plan.text = b"in flight";
        plan.unread = b"unread";
    })
}

#[test]
fn sm_rst_1_trap_28_a_passive_handshake_is_forgotten_without_a_word() {
    for index in 0..6 {
        each([Place::SynReceivedPassive], |s, _| {
            let reset = oddities(&s.rst(s.rcv_nxt))[index].clone();
            s.takes(reset, Fate::Refused(DropReason::Reset), []);
            s.is(Seen::Listen);
            assert_eq!((s.host.endpoint.half_open(), s.host.deadline()), (0, None));
            assert_eq!(s.host.take_accepted(), None, "the application is not told");
            // The listener takes the next SYN.
            s.host.receive(s.syn(s.irs));
            assert!(s.host.only_sent().segment.is_syn());
        });
    }
}

#[test]
fn sm_rst_2_trap_28_an_active_handshake_is_refused() {
    for index in 0..6 {
        let queued = |setting| Plan::new(setting).with(|plan| plan.text = b"queued");
        each_planned([Place::SynReceivedActive], queued, |s, _| {
            let reset = oddities(&s.rst(s.rcv_nxt))[index].clone();
            s.ends(reset, DropReason::Reset, CloseReason::Refused);
            assert_eq!(s.user_reads(), Err(ReadError::Closed(CloseReason::Refused)));
        });
    }
}

#[test]
fn sm_rst_3_api_2_a_reset_ends_the_connection_and_fails_every_call() {
    for index in 0..6 {
        let open = [Place::Established, Place::FinWait1, Place::FinWait2, Place::CloseWait];
        each_planned(open, busy, |s, _| {
            let reset = oddities(&s.rst(s.rcv_nxt))[index].clone();
            s.ends(reset, DropReason::Reset, CloseReason::ResetByPeer);
            let told = CloseReason::ResetByPeer;
            let write = s.user_writes(b"text", Push::Now);
            assert_eq!(write, Err(synack_tcb::WriteError::Closed(told)));
            // What arrived in order before is still read.
            assert_eq!(s.user_reads(), Ok(Some(b"unread".to_vec())));
            assert_eq!(s.user_reads(), Err(ReadError::Closed(told)));
            assert_eq!(s.user_reads(), Ok(None));
            assert_eq!(s.connection().internals().records, 0, "nothing is sent again");
        });
    }
}

#[test]
fn sm_rst_4_rst_12_where_both_sides_have_closed_a_reset_ends_it_too() {
    each_planned([Place::Closing, Place::LastAck], busy, |s, _| {
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
    });
    // No one listens any more: it is over, and that is all.
    each([Place::Closing, Place::LastAck], |s, _| {
        let id = s.id();
        s.host.detach(id);
        s.sent([]);
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::Finished);
    });
}

#[test]
fn sm_rst_1_to_4_blind_3_in_the_window_a_reset_is_challenged() {
    let places = Place::AFTER_SYN_SENT.into_iter().filter(|place| *place != Place::TimeWait);
    each_planned(places, Plan::new, |s, _| {
        for seq in [s.rcv_nxt + 1, s.rcv_nxt + 1_000, s.rcv_adv - 1] {
            for reset in &oddities(&s.rst(seq))[..3] {
                s.challenges(reset.clone(), DropReason::ResetNotExact);
            }
        }
    });
}

#[test]
fn sm_rst_1_to_4_blind_10_a_true_peer_answers_the_challenge_exactly() {
    each(Place::CONNECTED, |s, _| {
        // It has forgotten the connection: CLOSED.
        s.host.receive(s.rst(s.rcv_nxt + 9));
        let challenge = s.host.only_sent().segment;
        let reset = s.rst(challenge.ack.unwrap());
        s.ends(reset, DropReason::Reset, CloseReason::ResetByPeer);
    });
}

#[test]
fn sm_rst_5_rst_12_dec_2_in_time_wait_a_reset_is_ignored() {
    each([Place::TimeWait], |s, _| {
        for seq in [s.rcv_nxt, s.rcv_nxt + 1, s.rcv_adv - 1] {
            for reset in oddities(&s.rst(seq)) {
                s.refuses(reset, DropReason::TimeWait, []);
            }
        }
    });
}

#[test]
fn sm_rst_5_dec_2_a_switch_has_it_as_rfc_9293_says() {
    let switched = |setting| {
        Plan::new(setting).with(|plan| {
            plan.endpoint =
                EndpointConfig { reset_ends_time_wait: true, ..EndpointConfig::default() };
        })
    };
    each_planned([Place::TimeWait], switched, |s, _| {
        s.refuses(s.rst(s.rcv_nxt + 1), DropReason::TimeWait, []);
        s.takes(s.rst(s.rcv_nxt), Fate::Refused(DropReason::Reset), []);
        s.is(s.gone());
        assert_eq!(s.host.endpoint.time_waits(), 0);
    });
}

#[test]
fn sm_syn_1_a_syn_in_the_window_returns_a_passive_handshake_to_listen() {
    for (past, ack) in [(0, false), (1, false), (60_000, false), (1, true)] {
        each([Place::SynReceivedPassive], |s, _| {
            let syn = s.syn(s.rcv_nxt + past);
            let syn = if ack { syn.acking(s.snd_nxt) } else { syn };
            s.takes(syn, Fate::Refused(DropReason::ReturnToListen), []);
            s.is(Seen::Listen);
            assert_eq!((s.host.endpoint.half_open(), s.host.deadline()), (0, None));
            assert_eq!(s.host.take_accepted(), None);
        });
    }
}

#[test]
fn sm_syn_2_in_the_window_of_an_active_handshake_a_syn_is_challenged() {
    each([Place::SynReceivedActive], |s, _| {
        for seq in [s.rcv_nxt, s.rcv_nxt + 1, s.rcv_adv - 1] {
            s.challenges(s.syn(seq), DropReason::UnexpectedSyn);
            s.challenges(s.syn_ack(seq), DropReason::UnexpectedSyn);
        }
    });
}

#[test]
fn sm_syn_3_blind_4_a_syn_on_a_connection_is_challenged_whatever_its_number() {
    each_planned(Place::CONNECTED, busy, |s, _| {
        for (seq, reason) in [
            (s.irs, DropReason::Duplicate),
            (s.rcv_nxt, DropReason::UnexpectedSyn),
            (s.rcv_adv - 1, DropReason::UnexpectedSyn),
            (s.rcv_adv, DropReason::OutOfWindow),
            (s.rcv_nxt + (1 << 31), DropReason::OutOfWindow),
        ] {
            if seq == s.rcv_nxt + (1 << 31) {
                // Neither above nor below: what it is called does not matter (TRAP-2).
                one_challenge(s, s.syn(seq));
                continue;
            }
            s.challenges(s.syn(seq), reason);
            one_challenge(s, s.syn_ack(seq));
        }
    });
}

#[test]
fn sm_syn_3_a_true_peer_that_restarted_answers_the_challenge_with_a_reset() {
    each_planned(Place::CONNECTED, busy, |s, _| {
        s.host.receive(s.syn(s.rcv_nxt + 500_000));
        let challenge = s.host.only_sent().segment;
        // SM-SYNSENT-1 there: `<SEQ=SEG.ACK><CTL=RST>`.
        let reset = s.rst(challenge.ack.unwrap());
        s.ends(reset, DropReason::Reset, CloseReason::ResetByPeer);
    });
}

#[test]
fn sm_syn_3_text_and_fin_of_a_syn_are_not_used() {
    each(Place::CONNECTED, |s, _| {
        let syn = s.syn_ack(s.rcv_nxt).with_text(b"forged");
        let syn = syn.with_control(Flags::SYN | Flags::FIN).acking(s.snd_una);
        s.challenges(syn, DropReason::UnexpectedSyn);
    });
}

#[test]
fn sm_syn_4_in_time_wait_a_syn_ack_is_challenged() {
    each([Place::TimeWait], |s, _| {
        for seq in [s.irs, s.rcv_nxt, s.rcv_nxt + 1, s.rcv_adv] {
            one_challenge(s, s.syn_ack(seq));
        }
    });
}

#[test]
fn sm_rst_3_a_reset_in_established_tells_it_once() {
    each([Place::Established], |s, _| {
        s.takes(s.rst(s.rcv_nxt), Fate::Refused(DropReason::Reset), []);
        s.told(Events::CLOSED | Events::READABLE | Events::WRITABLE);
        s.told(Events::NONE);
        assert_eq!(s.connection().state(), State::Closed);
    });
}

/// Exactly one ACK, and nothing changes.
#[track_caller]
fn one_challenge(s: &mut Stage, packet: TcpPacket) {
    let before = s.picture();
    s.host.receive(packet);
    s.sent([s.host_ack()]);
    s.unchanged(&before);
}
