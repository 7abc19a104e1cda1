//! Senders who guess (BLIND-*, RFC 5961): resets, SYNs, ACKs and text that may be of a stranger.
//! The host challenges what a true far end would answer with an exact reset.

use synack_tcb::{CloseReason, DropReason, State};
use synack_wire::{Flags, Options, Segment, TcpPacket};

use crate::support::{Change, Conversation, Received, Setup};

/// A conversation in which each direction has text behind it: SND.NXT is 501, RCV.NXT 301.
fn open() -> Conversation {
    let mut c = Setup::default().open();
    c.write(500);
    c.run_to(100);
    c.acked = 501;
    c.text(300);
    c.packets();
    c
}

const CHALLENGE: &str = "[.] 501 ack 301";

fn reset(c: &Conversation, seq: u32) -> TcpPacket {
    c.peer.rst(c.irs + seq)
}

#[test]
fn blind_1_a_reset_outside_the_window_is_dropped_silently() {
    let mut c = open();
    // The window is 65535 less 300 octets, whose edge has not moved.
    for seq in [300, 1, 65_536, 65_537, 1 << 31, u32::MAX] {
        let packet = reset(&c, seq);
        assert_eq!(c.receive(packet), Received::Refused(c.id, DropReason::OutOfWindow), "{seq}");
        c.expect(&[]);
    }
    assert_eq!(c.state(), State::Established);
}

#[test]
fn blind_2_a_reset_at_rcv_nxt_resets() {
    let mut c = open();
    let packet = reset(&c, 301);
    assert_eq!(c.receive(packet), Received::Refused(c.id, DropReason::Reset));
    c.expect(&[]);
    assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::ResetByPeer));
}

#[test]
fn blind_3_a_reset_elsewhere_in_the_window_is_challenged() {
    for seq in [302, 303, 1_000, 65_535] {
        let mut c = open();
        let packet = reset(&c, seq);
        assert_eq!(c.receive(packet), Received::Refused(c.id, DropReason::ResetNotExact));
        c.expect(&[CHALLENGE]);
        assert_eq!(c.state(), State::Established, "{seq}");
    }
}

#[test]
fn blind_4_a_syn_is_challenged_whatever_its_number_and_changes_nothing() {
    for seq in [0, 300, 301, 302, 60_000, 1 << 31, u32::MAX] {
        for with_ack in [false, true] {
            let mut c = open();
            let packet = c.template().with(|segment| {
                segment.control = Flags::SYN;
                segment.seq = c.irs + seq;
                segment.ack = segment.ack.filter(|_| with_ack);
                segment.options = Options { mss: Some(88), ..Options::default() };
            });
            c.receive(packet);
            c.expect(&[CHALLENGE]);
            assert_eq!((c.state(), c.info().mss), (State::Established, 1_000));
            c.text(10);
            c.expect(&["[.] 501 ack 311"]);
        }
    }
}

#[test]
fn blind_4_trap_62_text_with_a_syn_is_not_taken() {
    let mut c = open();
    // SYN at RCV.NXT - 1, so that its text would begin exactly where it is awaited.
    let packet = c.text_at(301, 50).with(|segment| {
        segment.control = Flags::SYN;
        segment.seq = c.irs + 300;
    });
    c.receive(packet);
    c.expect(&[CHALLENGE]);
    assert_eq!((c.info().unread, c.info().rcv_wnd), (300, 65_535 - 300));
}

#[test]
fn blind_5_a_far_end_that_restarted_answers_the_challenge_and_so_resets() {
    let mut c = open();
    let syn = c.peer.syn(123_456);
    c.receive(syn);
    let challenge = c.only_sent();
    // RFC 9293 §3.5.1: in SYN-SENT that ACK is unacceptable.
    let answer = c.peer.rst(challenge.ack.unwrap());
    assert_eq!(c.receive(answer), Received::Refused(c.id, DropReason::Reset));
    // And its SYN opens a new connection.
    let syn = c.peer.syn(123_456);
    assert_eq!(c.receive(syn), Received::Replied);
    let answer: Segment = c.only_sent();
    assert!(answer.is_syn() && answer.ack == Some(synack_wire::SeqNum::new(123_457)));
}

#[test]
fn blind_6_blind_7_an_ack_is_believed_down_to_the_largest_window_below_snd_una() {
    // The far end offered 2000 once, and less ever since; 10,000 octets were acknowledged.
    let mut c = Setup { window: 2_000, ..Setup::default() }.open();
    for ack in 1..=10 {
        c.write(1_000);
        c.window = 1_500;
        c.ack(ack * 1_000 + 1);
    }
    c.packets();
    for (ack, reason) in [
        (10_002, Some(DropReason::AckOfUnsent)),
        (10_001, None),
        (8_001, None),
        (8_000, Some(DropReason::AckTooOld)),
        (1, Some(DropReason::AckTooOld)),
        (8_002 + (1 << 31), Some(DropReason::AckTooOld)),
        (8_000 + (1 << 31), Some(DropReason::AckOfUnsent)),
    ] {
        let at = c.next;
        let packet = c.text_at(at, 10).with(|segment| segment.ack = Some(c.iss + ack));
        let received = c.receive(packet);
        match reason {
            None => {
                assert_eq!(received, Received::Used(c.id), "{ack}");
                c.next += 10;
            }
            Some(reason) => assert_eq!(received, Received::Refused(c.id, reason), "{ack}"),
        }
        // An ACK either way: of the text, or as a challenge.
        c.expect(&[&format!("[.] 10001 ack {}", c.next)]);
    }
    assert_eq!(c.read(), 20);
}

#[test]
fn blind_8_blind_9_trap_31_ten_challenges_in_five_seconds_for_each_connection() {
    let mut c = open();
    for index in 0..30 {
        let packet = reset(&c, 1_000);
        c.receive(packet);
        c.expect(if index < 10 { &[CHALLENGE] } else { &[] });
    }
    assert_eq!(c.info().counters.challenge_acks, 10);
    // Nothing else is held back by it: text is acknowledged, and a probe of the far end too.
    c.text(10);
    c.expect(&["[.] 501 ack 311"]);
    c.run_to(5_099);
    let packet = reset(&c, 1_000);
    c.receive(packet);
    c.expect(&[]);
    c.run_to(5_100);
    let packet = reset(&c, 1_000);
    c.receive(packet);
    c.expect(&["[.] 501 ack 311"]);
}

#[test]
fn blind_10_shld_2_a_reset_may_carry_text() {
    for (seq, reason) in [(301, DropReason::Reset), (302, DropReason::ResetNotExact)] {
        let mut c = open();
        let packet = reset(&c, seq).with_text(b"the port is closed");
        assert_eq!(c.receive(packet), Received::Refused(c.id, reason));
        assert_eq!(c.info().unread, 300);
    }
}

#[test]
fn blind_11_a_fin_with_a_wrong_ack_is_not_taken() {
    for ack in [502, 1 << 31, 501u32.wrapping_sub(100_000)] {
        let mut c = open();
        let packet = c.template().with_control(Flags::FIN);
        let packet = packet.with(|segment| segment.ack = Some(c.iss + ack));
        c.receive(packet);
        c.expect(&[CHALLENGE]);
        assert_eq!(c.state(), State::Established);
    }
}

#[test]
fn rst_3_rst_7_dec_1_nothing_wrong_in_a_synchronized_state_draws_a_reset() {
    let mut c = open();
    let mut refused = 0;
    for bits in 0..64u16 {
        let control = Flags::from_bits(bits & 0x0f);
        for (seq, ack) in [(301, 501), (301, 9_999), (500_000, 501), (0, 0), (300, 1 << 31)] {
            let packet = c.template().with(|segment| {
                segment.seq = c.irs + seq;
                segment.ack = (bits & 0x10 != 0).then_some(c.iss + ack);
                segment.urgent = (bits & 0x20 != 0).then_some(7);
                segment.control = control;
            });
            let exact = control.contains(Flags::RST) && seq == 301;
            let closes = control.contains(Flags::FIN) && seq == 301 && ack == 501;
            if exact || closes {
                continue;
            }
            refused += u32::from(c.receive(packet) != Received::Used(c.id));
            assert!(c.packets().iter().all(|packet| !packet.segment.is_rst()));
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(c.state(), State::Established);
}
