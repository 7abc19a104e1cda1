//! Urgent text (URG-*, MUST-30 to MUST-33, MUST-62): pointers that arrive, and pointers that leave.
//! Urgent text stays in the stream; the pointer names the octet after it, across the wrap.

use std::time::Duration;

use synack_tcb::{Events, Push, State};

use crate::support::{Change, Conversation, Received, Setup};

/// The far end's text at `seq` with an urgent field.
fn urgent_text(c: &Conversation, seq: u32, len: u32, urgent: u16) -> synack_wire::TcpPacket {
    c.text_at(seq, len).with(|segment| segment.urgent = Some(urgent))
}

/// Whether the application was told since it looked last.
fn is_told(c: &mut Conversation) -> bool {
    c.events().contains(Events::URGENT)
}

#[test]
fn urg_1_must_33_must_62_the_pointer_names_the_octet_after_the_urgent_text() {
    let mut c = Setup::default().open();
    let packet = urgent_text(&c, 1, 1_000, 600);
    c.receive(packet);
    assert!(is_told(&mut c));
    // MUST-33: how much of it is still to be read.
    assert_eq!(c.info().urgent_left, 600);
    // SM-RECV-6: a read ends where it ends.
    assert_eq!(c.read_at_most(250), Ok(Some(250)));
    assert_eq!(c.info().urgent_left, 350);
    assert_eq!(c.read_at_most(5_000), Ok(Some(350)));
    assert_eq!(c.info().urgent_left, 0);
    assert_eq!(c.read_at_most(5_000), Ok(Some(400)));
}

#[test]
fn urg_2_must_32_the_application_is_told_once_and_again_when_the_pointer_advances() {
    let mut c = Setup::default().open();
    for (seq, urgent, told, left) in [
        // Ahead of the text that came.
        (1, 150, true, 150),
        (101, 50, false, 150),
        (201, 10, true, 210),
        // Behind what is known, ahead of the reader.
        (301, 0, true, 300),
        (401, 400, true, 800),
    ] {
        let packet = urgent_text(&c, seq, 100, urgent);
        c.receive(packet);
        assert_eq!((is_told(&mut c), c.info().urgent_left), (told, left), "at {seq}");
    }
}

#[test]
fn urg_3_urgent_text_is_delivered_in_its_place() {
    let mut c = Setup::default().open();
    for (seq, urgent) in [(1, 1), (101, 100), (201, 50)] {
        let packet = urgent_text(&c, seq, 100, urgent);
        c.receive(packet);
    }
    // Every octet is compared with what belongs there.
    assert_eq!(c.read(), 300);
}

#[test]
fn urg_4_after_the_far_ends_fin_a_pointer_is_ignored() {
    type Closing = fn(&mut Conversation);
    let closings: [(Closing, State, bool); 5] = [
        (|_| {}, State::Established, true),
        (|c| c.close(), State::FinWait1, true),
        (
            |c| {
                c.close();
                c.ack(2);
            },
            State::FinWait2,
            true,
        ),
        (
            |c| {
                c.fin();
            },
            State::CloseWait,
            false,
        ),
        (
            |c| {
                c.fin();
                c.close();
            },
            State::LastAck,
            false,
        ),
    ];
    for (closing, state, told) in closings {
        let mut c = Setup::default().open();
        closing(&mut c);
        assert_eq!(c.state(), state);
        let packet = c.template().with(|segment| segment.urgent = Some(10));
        c.receive(packet);
        assert_eq!(is_told(&mut c), told, "{state}");
    }
}

#[test]
fn urg_5_attack_e5_a_pointer_at_nothing_changes_nothing() {
    let mut c = Setup::default().open();
    c.text(1_000);
    assert_eq!(c.read(), 1_000);
    for (seq, urgent) in [(1_001, 0), (1_001 - 500, 400), (1_001 - 500, 500), (1, 0), (1, 1_000)] {
        let packet = urgent_text(&c, seq, 0, urgent);
        c.receive(packet);
        assert!(!is_told(&mut c) && c.info().urgent_left == 0, "{seq} {urgent}");
    }
    // Out of the window the segment is not looked at.
    let packet = urgent_text(&c, 1_000_000, 0, 5);
    c.receive(packet);
    assert!(!is_told(&mut c));
    assert_eq!(c.text(10), Received::Used(c.id));
}

#[test]
fn attack_e5_all_65536_pointers_with_and_without_text_do_no_harm() {
    let mut c = Setup::default().open();
    let mut told = 0;
    for urgent in 0..=u16::MAX {
        for len in [0, 1] {
            let packet = urgent_text(&c, c.next, len, urgent);
            assert_eq!(c.receive(packet), Received::Used(c.id));
            c.next += len;
            // What is taken for urgent is never more than the field can say.
            assert!(c.info().urgent_left <= u32::from(u16::MAX));
            told += u32::from(is_told(&mut c));
            assert_eq!(c.read(), len as usize);
        }
    }
    c.packets();
    // 0 points at nothing; each other one is news once, with or without the octet.
    assert!(told >= 65_535, "{told}");
    assert_eq!(c.state(), State::Established);
}

#[test]
fn urg_5_trap_51_an_old_pointer_is_not_ahead_after_half_the_sequence_space() {
    let mut c =
        Setup::scaling(14).configured(|config| config.receive_buffer = (1 << 30).into()).open();
    let packet = urgent_text(&c, 1, 10, 5);
    c.receive(packet);
    c.next = 11;
    assert!(is_told(&mut c));
    assert_eq!(c.read(), 10);
    // More than 2^31 octets later.
    while c.next < 0x9000_0000 {
        c.text(60_000);
        c.read();
        c.packets();
    }
    assert_eq!(c.info().urgent_left, 0);
    let packet = urgent_text(&c, c.next, 10, 7);
    c.receive(packet);
    assert!(is_told(&mut c));
    assert_eq!(c.info().urgent_left, 7);
}

#[test]
fn urg_6_must_30_segments_carry_the_pointer_until_it_is_acknowledged() {
    let mut c = Setup::default().configured(|config| config.nodelay = true).open();
    c.write(500);
    c.write_with(100, Push::Urgent);
    c.write(300);
    c.expect(&["[P.] 1:501 ack 1", "[PU.] 501:601 ack 1 urg 100", "[P.] 601:901 ack 1"]);
    // Sent again, each says how far ahead it is.
    c.run_to(300);
    c.expect(&["[PU.] 1:901 ack 1 urg 600"]);
    c.run_to(400);
    c.ack(601);
    c.text(10);
    c.expect(&["[.] 901 ack 11"]);
}

#[test]
fn urg_6_the_news_does_not_wait_for_the_text() {
    // Nagle holds the text back, and the window might as well.
    let mut c = Setup::default().open();
    c.write(10);
    c.write(10);
    c.expect(&["[P.] 1:11 ack 1"]);
    c.write_with(10, Push::Urgent);
    c.expect(&["[U.] 11 ack 1 urg 20"]);
    c.ack(11);
    c.expect(&["[PU.] 11:31 ack 1 urg 20"]);
    c.ack(31);
    c.write(1);
    c.expect(&["[P.] 31:32 ack 1"]);
}

#[test]
fn urg_7_a_pointer_too_far_ahead_says_65535_until_it_can_be_exact() {
    let mut c = Setup::scaling(4).configured(|config| config.send_buffer = (1 << 20).into()).open();
    c.write_with(100_000, Push::Urgent);
    c.run_to(100);
    for packet in c.packets() {
        let ahead = 100_001 - (packet.segment.seq - c.iss);
        assert_eq!(packet.segment.urgent, Some(ahead.min(65_535) as u16), "{packet}");
    }
    while c.info().unacked > 0 {
        let end = c.acked + c.info().unacked;
        c.ack(end);
        for packet in c.packets() {
            let ahead = 100_001 - (packet.segment.seq - c.iss);
            assert_eq!(packet.segment.urgent, Some(ahead.min(65_535) as u16), "{packet}");
        }
    }
    assert_eq!(c.acked, 100_001);
}

#[test]
fn urg_8_a_closed_window_does_not_keep_the_news_from_the_far_end() {
    let mut c = Setup { window: 1_000, ..Setup::default() }.open();
    c.offer(0);
    c.write_with(50, Push::Urgent);
    c.expect(&["[U.] 1 ack 1 urg 50"]);
    // And the probes say it again.
    c.until(300, &[(300, "[U.] 1:2 ack 1 urg 50")]);
}

#[test]
fn urg_8_a_pointer_without_text_or_room_for_it_is_heard() {
    let mut c = Setup::default().configured(|config| config.receive_buffer = 1_000.into()).open();
    c.text(1_000);
    c.packets();
    let bare = urgent_text(&c, 1_001, 0, 300);
    c.receive(bare);
    c.expect(&[]);
    assert!(is_told(&mut c));
    assert_eq!(c.info().urgent_left, 1_300);
}

#[test]
fn must_31_urgent_text_may_be_longer_than_any_segment_or_window() {
    let mut c = Setup::default().configured(|config| config.receive_buffer = 5_000.into()).open();
    // 20,000 octets, in a window of 5,000.
    for _ in 0..20 {
        let at = c.next;
        let packet = urgent_text(&c, at, 1_000, (20_001 - at) as u16);
        c.receive(packet);
        c.next += 1_000;
        assert_eq!(c.info().urgent_left, 20_001 - at);
        assert_eq!(c.read(), 1_000);
    }
    assert_eq!(c.info().urgent_left, 0);
    assert_eq!(c.host.now.since(c.start), Duration::ZERO);
}

#[test]
fn urg_2_a_pointer_on_a_segment_out_of_order_is_heard_at_once() {
    let mut c = Setup::default().open();
    let packet = urgent_text(&c, 501, 100, 100);
    c.receive(packet);
    assert!(is_told(&mut c));
    assert_eq!(c.info().urgent_left, 600);
}
