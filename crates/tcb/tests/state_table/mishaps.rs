//! Conversations in which something is lost, forged or late (SM-SEQN-10 to SM-SEQN-17).
//! Two hosts, numbers as in RFC 9293 and near the wraps; every packet that matters is compared.

use std::time::Duration;

use synack_tcb::{CloseReason, DropReason, Push, ReadError, State};
use synack_wire::{Flags, SeqNum};

use crate::support::{Change, Fate, Host, Place, Plan, Received, Seen, each_planned};
use crate::two::{ACK, FIN, RST, SYN_ACK, Two, each, figure, line};

/// Both close, A first; B's FIN has left and is on its way.
fn closing(two: &mut Two) -> synack_wire::TcpPacket {
    two.open();
    let (a, b) = (two.a_id(), two.b_id());
    two.a.close(a);
    let fin = two.a.only_sent();
    two.b_takes(fin);
    let ack = two.b.only_sent();
    two.a_takes(ack);
    two.b.close(b);
    two.are(Seen::In(State::FinWait2), Seen::In(State::LastAck));
    two.b_sent(&two.b_says(1, Some(2), FIN))
}

#[test]
fn sm_seqn_10_tw_2_a_lost_last_ack_is_repeated() {
    each((99, 299), |two| {
        let fin = closing(two);
        two.a_takes(fin);
        // Lost.
        two.a_sent(&two.a_says(2, Some(2), ACK));
        two.are(Seen::TimeWait, Seen::In(State::LastAck));
        two.a.advance(Duration::from_secs(1));
        two.b.advance(Duration::from_millis(200));
        let again = two.b_sent(&two.b_says(1, Some(2), FIN));
        two.a_takes(again);
        let ack = two.a_sent(&two.a_says(2, Some(2), ACK));
        assert_eq!(two.a.deadline(), Some(two.a.now + Duration::from_secs(60)), "restarted");
        two.b_takes(ack);
        two.are(Seen::TimeWait, Seen::Listen);
        let id = two.b_id();
        assert_eq!(two.b.connection(id).close_reason(), Some(CloseReason::Finished));
    });
}

#[test]
fn sm_seqn_10_if_time_wait_is_over_a_reset_ends_last_ack() {
    each((99, 299), |two| {
        let fin = closing(two);
        let id = two.b_id();
        // B's application does not wait for more than the close.
        two.b.detach(id);
        two.a_takes(fin);
        two.a.sent();
        two.a.advance(Duration::from_secs(60));
        two.are(Seen::Closed, Seen::In(State::LastAck));
        two.b.advance(Duration::from_millis(200));
        let again = two.b.only_sent();
        two.a_takes(again);
        let reset = two.a_sent(&two.a_says(2, None, RST));
        two.b_takes(reset);
        two.are(Seen::Closed, Seen::Listen);
        assert_eq!(two.b.connection(id).close_reason(), Some(CloseReason::Finished));
    });
}

#[test]
fn sm_seqn_11_blind_8_trap_32_a_blind_reset_is_challenged_ten_times() {
    each((99, 299), |two| {
        two.open();
        let id = two.b_id();
        let window = two.b.connection(id).info().rcv_wnd;
        for guess in 0..25 {
            let blind = two.peer_of_b.rst(two.iss_a + 2 + guess * (window / 26));
            two.b_takes(blind);
            if guess >= 10 {
                two.b.silent();
                continue;
            }
            let challenge = two.b_sent(&two.b_says(1, Some(1), ACK));
            assert!(challenge.segment.is_empty());
            // A true peer with the connection does not mind.
            two.a_takes(challenge);
            two.a.silent();
        }
        two.are(Seen::In(State::Established), Seen::In(State::Established));
        // After five seconds there are ten more; and a true reset is exact.
        two.b.advance(Duration::from_secs(5));
        let blind = two.peer_of_b.rst(two.iss_a + 500);
        two.b_takes(blind);
        let challenge = two.b_sent(&two.b_says(1, Some(1), ACK));
        two.a = Host::new(&two.peer_of_a.host.ip().to_string());
        two.a_takes(challenge);
        let reset = two.a_sent(&two.a_says(1, None, RST));
        two.b_takes(reset);
        assert_eq!(two.b.connection(id).close_reason(), Some(CloseReason::ResetByPeer));
    });
}

#[test]
fn sm_seqn_12_trap_17_trap_18_text_lost_before_a_fin_is_sent_again_and_the_fin_waits() {
    each((99, 299), |two| {
        two.open();
        let (a, b) = (two.a_id(), two.b_id());
        let mss = two.a.connection(a).info().mss;
        let text: Vec<u8> = (0..3 * mss).map(|at| (at % 251) as u8).collect();
        two.a.write(a, &text);
        two.a.close(a);
        let sent = two.a.sent();
        let ends: Vec<_> = sent.iter().map(|packet| packet.segment.end() - two.iss_a).collect();
        assert_eq!(ends, [1 + mss, 1 + 2 * mss, 1 + 3 * mss, 2 + 3 * mss], "the FIN last");
        for packet in [&sent[0], &sent[2], &sent[3]] {
            two.b_takes(packet.clone());
        }
        two.are(Seen::In(State::FinWait1), Seen::In(State::Established));
        assert_eq!(two.b.read(b), &text[..mss as usize]);
        let now = two.b.now;
        assert_eq!(two.b.connection(b).read_bytes(now, 1), Err(ReadError::Blocked));
        // Without a round trip there is no time in which it could be late.
        for report in two.b.sent() {
            two.a_takes(report);
        }
        let again = two.a.only_sent();
        assert_eq!(again.segment.seq, two.iss_a + 1 + mss, "TRAP-18: nothing is numbered anew");
        two.b_takes(again);
        two.are(Seen::In(State::FinWait1), Seen::In(State::CloseWait));
        assert_eq!(two.b.read(b), &text[mss as usize..]);
        two.settle(|_| false);
        two.are(Seen::In(State::FinWait2), Seen::In(State::CloseWait));
    });
}

#[test]
fn sm_seqn_13_close_11_half_close_a_megabyte_comes_after_the_fin() {
    each((99, 299), |two| {
        two.open();
        let (a, b) = (two.a_id(), two.b_id());
        two.a.close(a);
        two.settle(|_| false);
        two.are(Seen::In(State::FinWait2), Seen::In(State::CloseWait));
        let text: Vec<u8> = (0..1u32 << 20).map(|at| (at % 251) as u8).collect();
        let (mut written, mut read) = (0, vec![]);
        while read.len() < text.len() {
            let now = two.b.now;
            if let Ok(count) = two.b.connection(b).write(now, &text[written..], Push::Now) {
                written += count;
            }
            two.b.drain();
            two.settle(|_| false);
            let more = two.a.read(a);
            // What is too little for an ACK at once is acknowledged by the timer.
            two.a.advance(Duration::from_millis(50));
            two.b.advance(Duration::from_millis(50));
            read.extend(more);
        }
        assert!(read == text);
        two.are(Seen::In(State::FinWait2), Seen::In(State::CloseWait));
        let now = two.a.now;
        assert_eq!(two.a.connection(a).read_bytes(now, 1), Err(ReadError::Blocked));
        two.b.close(b);
        two.settle(|_| false);
        two.are(Seen::TimeWait, Seen::Listen);
        assert_eq!(two.a.connection(a).read_bytes(now, 1), Ok(None));
    });
}

#[test]
fn sm_seqn_14_old_duplicates_are_rejected_by_paws_in_the_new_connection() {
    each_planned(
        [Place::TimeWait],
        |setting| Plan::new(setting).with_timestamps(),
        |s, _| {
            if s.gone() == Seen::Closed {
                s.listen();
            }
            // In the middle of the window that the new connection will have.
            let old = s.text(b"old").at(s.rcv_nxt + 1_000);
            let old_clock = s.peer_clock;
            s.peer_clock = s.peer_clock.wrapping_add(1_000);
            let syn = s.peer.syn(s.rcv_nxt).with_timestamps(s.peer_clock, 0);
            (s.irs, s.ts_recent) = (s.rcv_nxt, s.peer_clock);
            assert_eq!(s.host.receive(syn), Received::Replied);
            s.iss = s.host.only_sent().segment.seq;
            s.note_syn();
            (s.snd_una, s.snd_nxt) = (s.iss + 1, s.iss + 1);
            s.takes(s.ack(), Fate::Accepted, []);
            s.events();
            assert_eq!(old.segment.options.timestamps.unwrap().value, old_clock);
            let old = old.acking(s.snd_nxt);
            s.challenges(old, DropReason::Paws);
        },
    );
}

#[test]
fn sm_seqn_15_a_syn_ack_for_a_host_without_listener_is_reset() {
    each((100, 300), |two| {
        two.b.listen(80);
        let syn = two.peer_of_b.syn(two.iss_a);
        two.b_takes(syn);
        let syn_ack = two.b_sent(&two.b_says(0, Some(1), SYN_ACK));
        two.a_takes(syn_ack);
        let reset = two.a_sent(&two.a_says(1, None, RST));
        two.are(Seen::Closed, Seen::SynReceived);
        two.b_takes(reset);
        two.are(Seen::Closed, Seen::Listen);
    });
}

#[test]
fn sm_seqn_16_a_fin_on_the_ack_of_the_handshake() {
    each((100, 300), |two| {
        two.b.listen(80);
        let syn = two.peer_of_b.syn(two.iss_a);
        two.b_takes(syn);
        two.b_sent(&two.b_says(0, Some(1), SYN_ACK));
        let last = two.peer_of_b.text(two.iss_a + 1, two.iss_b + 1, b"all of it");
        assert!(matches!(two.b_takes(last.with_control(Flags::FIN)), Received::Accepted(_)));
        two.b_sent(&two.b_says(1, Some(11), ACK));
        two.are(Seen::Closed, Seen::In(State::CloseWait));
        let id = two.b_id();
        assert_eq!(two.b.read(id), b"all of it");
        let now = two.b.now;
        assert_eq!(two.b.connection(id).read_bytes(now, 1), Ok(None));
    });
}

#[test]
fn sm_seqn_17_a_close_in_syn_received_and_one_ack_of_syn_and_fin() {
    each((100, 300), |two| {
        // A simultaneous open, in which A's user closes before the handshake is complete.
        two.connect_a();
        two.a.sent();
        let syn = two.peer_of_a.syn(two.iss_b);
        two.a_takes(syn);
        two.a_sent(&two.a_says(0, Some(1), SYN_ACK));
        let id = two.a_id();
        two.a.close(id);
        two.a_sent(&two.a_says(1, Some(1), FIN));
        two.are(Seen::In(State::FinWait1), Seen::Closed);
        let both: SeqNum = two.iss_a + 2;
        let ack = two.peer_of_a.ack(two.iss_b + 1, both);
        two.a_takes(ack);
        two.a.silent();
        two.are(Seen::In(State::FinWait2), Seen::Closed);
        let fin = two.peer_of_a.fin(two.iss_b + 1, both);
        two.a_takes(fin);
        let ack = two.a.only_sent();
        assert_eq!(line(&ack), figure(both, Some(two.iss_b + 2), ACK));
        two.are(Seen::TimeWait, Seen::Closed);
    });
}
