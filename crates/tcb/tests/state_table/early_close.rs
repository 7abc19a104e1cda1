//! FIN-WAIT-1 reached by a CLOSE in SYN-RECEIVED, our SYN unacknowledged (SM-CLOSE-4, TRAP-61).
//! Segments, calls and time reach a host whose user closed in the middle of a simultaneous open.

use std::time::Duration;

use synack_tcb::{CloseReason, DropReason, Events, Push, State, WriteError};
use synack_wire::Flags;

use crate::support::{Change, Fate, Place, Plan, Seen, Stage, each_planned};

/// In each setting; the SYN, the SYN,ACK and the FIN have left.
fn each(mut test: impl FnMut(&mut Stage)) {
    each_planned([Place::SynReceivedActive], Plan::new, |s, _| {
        s.user_closes();
        s.sent([s.host_fin(s.iss + 1)]);
        s.snd_nxt = s.iss + 2;
        s.is(Seen::In(State::FinWait1));
        s.events();
        test(s);
    });
}

#[test]
fn sm_close_4_sm_ack_9_one_ack_of_syn_and_fin_leads_to_fin_wait_2() {
    each(|s| {
        s.takes(s.ack(), Fate::Used, []);
        s.is(Seen::In(State::FinWait2));
        s.told(Events::CONNECTED | Events::WRITABLE);
        assert_eq!(s.host.deadline(), None);
    });
}

#[test]
fn sm_close_4_sm_ack_2_the_ack_of_the_syn_alone_leaves_the_fin_unacknowledged() {
    each(|s| {
        s.takes(s.ack().acking(s.iss + 1), Fate::Used, []);
        s.is(Seen::In(State::FinWait1));
        s.snd_una = s.iss + 1;
        // Text and FIN that come then are those of any FIN-WAIT-1.
        let last = s.fin().with_text(b"text").acking(s.snd_una);
        s.rcv_nxt += 5;
        s.takes(last, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::Closing));
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
        s.takes(s.ack(), Fate::Used, []);
        s.is(Seen::TimeWait);
    });
}

#[test]
fn sm_close_4_sm_fin_4_sm_fin_5_text_and_fin_may_come_with_either_ack() {
    for (past, seen) in [(1, Seen::In(State::Closing)), (2, Seen::TimeWait)] {
        each(|s| {
            let last = s.fin().with_text(b"text").acking(s.iss + past);
            s.snd_una = s.iss + past;
            s.rcv_nxt += 5;
            s.takes(last, Fate::Used, [s.host_ack()]);
            s.is(seen);
            assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
            assert_eq!(s.user_reads(), Ok(None));
        });
    }
}

/// As in SYN-RECEIVED: what acknowledges neither SYN nor FIN is of another connection.
#[test]
fn sm_ack_3_trap_27_any_other_ack_draws_a_reset_and_changes_nothing() {
    each(|s| {
        for ack in [s.iss, s.iss - 1, s.iss + 3, s.iss + 70_000] {
            for packet in [s.ack(), s.text(b"text"), s.fin()] {
                let packet = packet.acking(ack);
                s.takes(packet, Fate::Refused(DropReason::UnacceptableAck), [s.host_rst_at(ack)]);
                s.is(Seen::In(State::FinWait1));
                s.told(Events::NONE);
            }
        }
        s.takes(s.ack(), Fate::Used, []);
        s.is(Seen::In(State::FinWait2));
    });
}

#[test]
fn sm_rst_3_sm_rst_2_an_exact_reset_ends_it_and_another_is_challenged() {
    each(|s| {
        s.takes(s.rst(s.rcv_nxt + 1), Fate::Refused(DropReason::ResetNotExact), [s.host_ack()]);
        s.is(Seen::In(State::FinWait1));
        s.ends(s.rst(s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
    });
}

#[test]
fn sm_syn_3_sm_seq_7_a_syn_is_challenged_the_peers_own_too() {
    each(|s| {
        for seq in [s.rcv_nxt, s.rcv_nxt + 1, s.irs] {
            for syn in [s.syn(seq), s.syn_ack(seq).acking(s.iss + 1)] {
                s.host.receive(syn);
                s.sent([s.host_ack()]);
                s.is(Seen::In(State::FinWait1));
                s.told(Events::NONE);
            }
        }
    });
}

/// A far end that did the same: both SYN,ACKs cross, then both FINs.
#[test]
fn sm_seqn_2_sm_seqn_9_two_ends_that_close_at_once_in_syn_received_both_get_there() {
    each(|s| {
        // Refused, as the state is not SYN-RECEIVED any more; its ACK comes again with the FIN.
        s.host.receive(s.syn_ack(s.irs).acking(s.iss + 1));
        s.sent([s.host_ack()]);
        let fin = s.fin().acking(s.iss + 1);
        s.snd_una = s.iss + 1;
        s.rcv_nxt += 1;
        s.takes(fin, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::Closing));
        s.takes(s.ack(), Fate::Used, []);
        s.is(Seen::TimeWait);
    });
}

#[test]
fn sm_timer_3_trap_61_the_syn_ack_is_sent_again_until_it_is_given_up() {
    each(|s| {
        let start = s.host.now;
        let mut times = vec![];
        while let Some(deadline) = s.host.deadline() {
            s.host.advance(deadline.since(s.host.now));
            for packet in s.host.sent() {
                assert_eq!(packet, s.host_syn_ack());
                times.push(s.host.now.since(start).as_secs());
            }
        }
        assert_eq!(times, [1, 3, 7, 15, 31, 63, 127]);
        assert_eq!(s.host.now.since(start), Duration::from_secs(247));
        s.ended(CloseReason::TimedOut);
    });
}

#[test]
fn sm_send_5_sm_close_7_sm_abort_3_no_more_text_no_second_fin_and_a_reset_on_abort() {
    each(|s| {
        let before = s.picture();
        assert_eq!(s.user_writes(b"text", Push::Now), Err(WriteError::Closing));
        s.user_closes();
        s.sent([]);
        assert_eq!(s.picture(), before);
        s.user_aborts();
        s.sent([s.host_rst_own()]);
        s.ended(CloseReason::Aborted);
    });
}

#[test]
fn sm_seq_8_sm_paws_2_what_is_refused_elsewhere_is_refused_here() {
    each(|s| {
        for packet in [s.rst(s.rcv_nxt - 1), s.rst(s.rcv_adv)] {
            s.takes(packet, Fate::Refused(DropReason::OutOfWindow), []);
        }
        s.takes(s.ack().without_ack(), Fate::Refused(DropReason::NoAck), []);
        let bare = s.ack().with_control(Flags::FIN).without_ack();
        s.takes(bare, Fate::Refused(DropReason::NoAck), []);
        s.is(Seen::In(State::FinWait1));
    });
}
