//! The conversations of RFC 9293 §3.5 and §3.6 between two hosts, number by number.
//! A is at 4000, B at 80; each begins with the number that the figures give it, and near the wraps.

use std::time::Duration;

use synack_tcb::{CloseReason, State};

use crate::support::{Change, Host, Seen};
use crate::two::{ACK, FIN, RST, SYN, SYN_ACK, each, figure, host, line};

#[test]
fn sm_seqn_1_three_way_handshake() {
    each((100, 300), |two| {
        two.b.listen(80);
        two.connect_a();
        let syn = two.a_sent(&two.a_says(0, None, SYN));
        two.are(Seen::In(State::SynSent), Seen::Listen);
        two.b_takes(syn);
        let syn_ack = two.b_sent(&two.b_says(0, Some(1), SYN_ACK));
        two.are(Seen::In(State::SynSent), Seen::SynReceived);
        two.a_takes(syn_ack);
        let ack = two.a_sent(&two.a_says(1, Some(1), ACK));
        two.are(Seen::In(State::Established), Seen::SynReceived);
        two.b_takes(ack);
        two.b.silent();
        two.are(Seen::In(State::Established), Seen::In(State::Established));
        // The ACK took no number: the first text has the same.
        let id = two.a_id();
        two.a.write(id, b"text");
        two.a_sent(&two.a_says(1, Some(1), "<DATA=4><CTL=ACK>"));
    });
}

#[test]
fn sm_seqn_2_trap_10_simultaneous_open() {
    each((100, 300), |two| {
        two.connect_a();
        two.b_id = Some(two.b.connect_to(&two.peer_of_b));
        let syn_a = two.a_sent(&two.a_says(0, None, SYN));
        let syn_b = two.b_sent(&two.b_says(0, None, SYN));
        two.a_takes(syn_b);
        two.b_takes(syn_a);
        two.are(Seen::In(State::SynReceived), Seen::In(State::SynReceived));
        let syn_ack_a = two.a_sent(&two.a_says(0, Some(1), SYN_ACK));
        let syn_ack_b = two.b_sent(&two.b_says(0, Some(1), SYN_ACK));
        two.a_takes(syn_ack_b);
        two.b_takes(syn_ack_a);
        two.are(Seen::In(State::Established), Seen::In(State::Established));
        two.a.silent();
        two.b.silent();
        let id = two.a_id();
        two.a.write(id, b"text");
        let text = two.a_sent(&two.a_says(1, Some(1), "<DATA=4><CTL=ACK>"));
        two.b_takes(text);
        let id = two.b_id();
        assert_eq!(two.b.read(id), b"text");
    });
}

#[test]
fn sm_seqn_3_an_old_duplicate_syn_is_cleared_up() {
    each((100, 300), |two| {
        two.b.listen(80);
        two.connect_a();
        let syn = two.a_sent(&two.a_says(0, None, SYN));
        let old = syn.clone().at(two.iss_a - 10);
        two.b_takes(old);
        let answer = two.b.only_sent();
        assert_eq!(line(&answer), figure(two.iss_b, Some(two.iss_a - 9), SYN_ACK));
        two.a_takes(answer);
        let reset = two.a.only_sent();
        assert_eq!(line(&reset), figure(two.iss_a - 9, None, RST));
        two.are(Seen::In(State::SynSent), Seen::SynReceived);
        two.b_takes(reset);
        two.are(Seen::In(State::SynSent), Seen::Listen);
        // The real one works, with a new ISS of B.
        two.b.advance(Duration::from_micros(400));
        two.iss_b += 100;
        two.b_takes(syn);
        let answer = two.b_sent(&two.b_says(0, Some(1), SYN_ACK));
        two.a_takes(answer);
        let ack = two.a_sent(&two.a_says(1, Some(1), ACK));
        two.b_takes(ack);
        two.are(Seen::In(State::Established), Seen::In(State::Established));
    });
}

#[test]
fn sm_seqn_4_a_restarted_peer_finds_the_half_open_connection_and_clears_it() {
    each((99, 299), |two| {
        two.open();
        // A is started anew: its numbers begin at 400.
        let (old_nxt, iss) = (two.iss_a + 1, two.iss_a + 301);
        two.a = host(&two.peer_of_a, iss);
        two.iss_a = iss;
        two.connect_a();
        let syn = two.a_sent(&two.a_says(0, None, SYN));
        two.b_takes(syn);
        let challenge = two.b.only_sent();
        assert_eq!(line(&challenge), figure(two.iss_b + 1, Some(old_nxt), ACK));
        two.a_takes(challenge);
        let reset = two.a.only_sent();
        assert_eq!(line(&reset), figure(old_nxt, None, RST));
        two.b_takes(reset);
        let id = two.b_id();
        assert_eq!(two.b.connection(id).close_reason(), Some(CloseReason::ResetByPeer));
        two.are(Seen::In(State::SynSent), Seen::Listen);
        // The SYN comes again and opens.
        two.a.advance(Duration::from_secs(1));
        two.b.advance(Duration::from_secs(1));
        two.iss_b += 250_000;
        let syn = two.a_sent(&two.a_says(0, None, SYN));
        two.b_takes(syn);
        let syn_ack = two.b_sent(&two.b_says(0, Some(1), SYN_ACK));
        two.a_takes(syn_ack);
        let ack = two.a_sent(&two.a_says(1, Some(1), ACK));
        two.b_takes(ack);
        two.are(Seen::In(State::Established), Seen::In(State::Established));
    });
}

#[test]
fn sm_seqn_5_text_for_a_peer_without_connection_is_reset() {
    each((99, 299), |two| {
        two.open();
        two.a = Host::new(&two.peer_of_a.host.ip().to_string());
        let id = two.b_id();
        two.b.write(id, &[0; 10]);
        let text = two.b_sent(&two.b_says(1, Some(1), "<DATA=10><CTL=ACK>"));
        two.a_takes(text);
        let reset = two.a_sent(&two.a_says(1, None, RST));
        two.b_takes(reset);
        assert_eq!(two.b.connection(id).close_reason(), Some(CloseReason::ResetByPeer));
        two.are(Seen::Closed, Seen::Listen);
    });
}

#[test]
fn sm_seqn_6_an_old_syn_between_two_listeners_comes_to_nothing() {
    each((100, 300), |two| {
        two.a.listen(4_000);
        two.b.listen(80);
        let old = two.iss_a + 77;
        let syn = two.peer_of_b.syn(old);
        two.b_takes(syn);
        let answer = two.b.only_sent();
        assert_eq!(line(&answer), figure(two.iss_b, Some(old + 1), SYN_ACK));
        two.a_takes(answer);
        let reset = two.a.only_sent();
        assert_eq!(line(&reset), figure(old + 1, None, RST));
        two.are(Seen::Listen, Seen::SynReceived);
        two.b_takes(reset);
        two.b.silent();
        two.are(Seen::Listen, Seen::Listen);
    });
}

#[test]
fn sm_seqn_7_normal_close() {
    each((99, 299), |two| {
        two.open();
        let (a, b) = (two.a_id(), two.b_id());
        two.a.close(a);
        let fin = two.a_sent(&two.a_says(1, Some(1), FIN));
        two.are(Seen::In(State::FinWait1), Seen::In(State::Established));
        two.b_takes(fin);
        let ack = two.b_sent(&two.b_says(1, Some(2), ACK));
        two.are(Seen::In(State::FinWait1), Seen::In(State::CloseWait));
        two.a_takes(ack);
        two.are(Seen::In(State::FinWait2), Seen::In(State::CloseWait));
        two.b.close(b);
        let fin = two.b_sent(&two.b_says(1, Some(2), FIN));
        two.are(Seen::In(State::FinWait2), Seen::In(State::LastAck));
        two.a_takes(fin);
        let ack = two.a_sent(&two.a_says(2, Some(2), ACK));
        two.are(Seen::TimeWait, Seen::In(State::LastAck));
        two.b_takes(ack);
        two.are(Seen::TimeWait, Seen::Listen);
        assert_eq!(two.b.connection(b).close_reason(), Some(CloseReason::Finished));
        two.a.advance(Duration::from_secs(60));
        two.are(Seen::Closed, Seen::Listen);
        two.a.silent();
        two.b.silent();
    });
}

#[test]
fn sm_seqn_8_three_segment_close() {
    each((99, 299), |two| {
        two.open();
        let (a, b) = (two.a_id(), two.b_id());
        two.a.close(a);
        let mut fin = two.a_sent(&two.a_says(1, Some(1), FIN));
        // B's application closes before anything leaves.
        let now = two.b.now;
        assert_eq!(two.b.connection(b).handle_packet(now, &mut fin), Ok(()));
        two.b.close(b);
        let fin = two.b_sent(&two.b_says(1, Some(2), FIN));
        two.a_takes(fin);
        two.are(Seen::TimeWait, Seen::In(State::LastAck));
        let ack = two.a_sent(&two.a_says(2, Some(2), ACK));
        two.b_takes(ack);
        two.are(Seen::TimeWait, Seen::Listen);
    });
}

#[test]
fn sm_seqn_9_close_10_simultaneous_close() {
    each((99, 299), |two| {
        two.open();
        let (a, b) = (two.a_id(), two.b_id());
        two.a.close(a);
        two.b.close(b);
        let fin_a = two.a_sent(&two.a_says(1, Some(1), FIN));
        let fin_b = two.b_sent(&two.b_says(1, Some(1), FIN));
        two.a_takes(fin_b);
        two.b_takes(fin_a);
        two.are(Seen::In(State::Closing), Seen::In(State::Closing));
        let ack_a = two.a_sent(&two.a_says(2, Some(2), ACK));
        let ack_b = two.b_sent(&two.b_says(2, Some(2), ACK));
        two.a_takes(ack_b);
        two.b_takes(ack_a);
        two.are(Seen::TimeWait, Seen::TimeWait);
        two.a.silent();
        two.b.silent();
    });
}
