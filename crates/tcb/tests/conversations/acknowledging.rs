//! Acknowledging: delayed ACKs (DACK-*), one for many (MUST-58, MUST-59), and the window that they
//! offer (SWS-6 to SWS-8). Quick ACKs are off unless they are what is looked at.

use std::time::Duration;

use synack_tcb::{Push, TransmitLimits};
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Conversation, Setup};

fn open() -> Conversation {
    Setup::default().configured(|config| config.quick_acks = 0).open()
}

/// A host that receives into a small buffer, without window scaling; lines show windows.
fn with_buffer(octets: usize) -> Conversation {
    let mut c = Setup::default().configured(|config| config.receive_buffer = octets.into()).open();
    c.line.windows = true;
    c
}

#[test]
fn dack_1_shld_18_shld_19_every_second_full_segment_is_acknowledged_at_once() {
    let mut c = open();
    for pair in 1..20 {
        c.text(1_000);
        c.expect(&[]);
        c.text(1_000);
        c.expect(&[&format!("[.] 1 ack {}", pair * 2_000 + 1)]);
        c.pass(5);
    }
}

#[test]
fn dack_1_so_is_as_much_text_in_small_segments() {
    let mut c = open();
    c.text(1_000);
    c.run(40);
    c.packets();
    // Two full segments' worth: at the fifth of 400 octets.
    for _ in 0..4 {
        c.text(400);
        c.expect(&[]);
    }
    c.text(400);
    c.expect(&["[.] 1 ack 3001"]);
}

#[test]
fn dack_2_a_single_segment_is_acknowledged_after_40_ms() {
    let mut c = open();
    c.text(1_000);
    c.until(39, &[]);
    c.until(40, &[(40, "[.] 1 ack 1001")]);
    // The timer of the first is not moved by a second small one.
    c.until(100, &[]);
    c.text(100);
    c.until(120, &[]);
    c.text(100);
    c.until(140, &[(140, "[.] 1 ack 1201")]);
    c.pass(1_000);
}

#[test]
fn must_40_ack_delay_is_below_500_ms() {
    for (asked_ms, delay_ms) in
        [(0, 0), (1, 1), (200, 200), (499, 499), (500, 499), (86_400_000, 499)]
    {
        let mut c = Setup::default()
            .configured(|config| {
                config.quick_acks = 0;
                config.ack_delay = Duration::from_millis(asked_ms);
            })
            .open();
        c.text(1_000);
        c.until(1_000, &[(delay_ms, "[.] 1 ack 1001")]);
    }
}

#[test]
fn dack_3_gaps_their_filling_and_a_fin_are_not_delayed() {
    let mut c = open();
    c.receive(c.text_at(101, 100));
    c.expect(&["[.] 1 ack 1"]);
    c.receive(c.text_at(1, 100));
    c.expect(&["[.] 1 ack 201"]);
    c.next = 201;
    // Unacceptable: all of it is old.
    c.receive(c.text_at(1, 200));
    c.expect(&["[.] 1 ack 201"]);
    c.fin();
    c.expect(&["[.] 1 ack 202"]);
}

#[test]
fn dack_4_dack_7_text_that_leaves_carries_the_ack() {
    let mut c = open();
    c.text(1_000);
    c.until(20, &[]);
    c.write(100);
    c.expect(&["[P.] 1:101 ack 1001"]);
    c.ack(101);
    // The timer was stopped with it.
    c.pass(1_000);
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn dack_4_an_ack_that_is_due_waits_for_what_the_application_writes_at_once() {
    let mut c = Setup::default().open();
    let now = c.host.now;
    let mut request = c.text_at(1, 1_000);
    // The answer is written before anything is polled.
    c.host.connection(c.id).handle_packet(now, &mut request).unwrap();
    c.write(10);
    c.expect(&["[P.] 1:11 ack 1001"]);
}

/// A host that was asked to let the ACK of ten octets wait for an answer; whether it does.
fn awaiting(quick_acks: u8) -> (Conversation, bool) {
    let mut c = Setup::default().configured(|config| config.quick_acks = quick_acks).open();
    let now = c.host.now;
    let mut request = c.text_at(1, 10);
    c.host.connection(c.id).handle_packet(now, &mut request).unwrap();
    let waits = c.host.connection(c.id).await_answer(now);
    c.host.drain();
    (c, waits)
}

#[test]
fn dack_4_an_ack_that_awaits_an_answer_leaves_with_it_or_with_the_read_or_after_the_delay() {
    let (mut c, waits) = awaiting(16);
    assert!(waits);
    c.write(10);
    c.expect(&["[P.] 1:11 ack 11"]);

    let (mut c, _) = awaiting(16);
    c.until(39, &[]);
    let now = c.host.now;
    c.host.connection(c.id).read(now, &mut [0; 10]).unwrap();
    c.drain();
    c.expect(&["[.] 1 ack 11"]);

    let (mut c, _) = awaiting(16);
    c.until(100, &[(40, "[.] 1 ack 11")]);

    // An ACK with a delay of its own has its timer already.
    assert!(!awaiting(0).1);
}

#[test]
fn dack_5_no_segment_draws_more_than_one_ack() {
    let kinds: [fn(&Conversation) -> TcpPacket; 9] = [
        |c| c.template(),
        |c| c.text_at(c.next, 1_000),
        |c| c.text_at(c.next + 500, 1_000),
        |c| c.text_at(1, 500),
        |c| c.text_at(c.next, 1_000).with(|segment| segment.seq += 100_000),
        |c| c.template().with_control(Flags::SYN),
        |c| c.template().with(|segment| segment.ack = Some(c.iss + 1_000_000)),
        |c| c.text_at(c.next, 100).with(|segment| segment.urgent = Some(5)),
        |c| c.peer.rst(c.irs + c.next + 1),
    ];
    for setup in [Setup::default(), Setup::sack()] {
        for kind in kinds {
            let mut c = setup.open();
            c.text(1_000);
            c.packets();
            let packet = kind(&c);
            c.receive(packet.clone());
            c.run(1_000);
            let acks = c.packets().len();
            assert!(acks <= 1, "{packet} drew {acks}");
        }
    }
}

#[test]
fn dack_6_the_first_16_segments_are_acknowledged_at_once() {
    for quick_acks in [16, 3] {
        let mut c = Setup::default().configured(|config| config.quick_acks = quick_acks).open();
        for segment in 1..=u32::from(quick_acks) {
            c.text(10);
            c.expect(&[&format!("[.] 1 ack {}", segment * 10 + 1)]);
        }
        c.text(10);
        c.expect(&[]);
    }
}

#[test]
fn must_58_must_59_all_that_waited_is_processed_before_one_ack_leaves() {
    let mut c = Setup::default().open();
    let packets = (0..10).map(|index| c.text_at(1 + index * 1_000, 1_000)).collect();
    c.receive_together(packets);
    c.expect(&["[.] 1 ack 10001"]);
    // Text and FIN, out of order among themselves.
    let first = c.text_at(10_001, 1_000);
    let last = c.text_at(11_001, 500).with_control(Flags::FIN);
    let mut c2 = Setup::sack().open();
    let packets = vec![c2.text_at(1_001, 1_000), c2.text_at(2_001, 1_000), c2.text_at(1, 1_000)];
    c2.receive_together(packets);
    c2.expect(&["[.] 1 ack 3001"]);
    c.receive_together(vec![first, last]);
    c.expect(&["[.] 1 ack 11502"]);
}

#[test]
fn must_58_without_sack_each_gap_report_is_counted_and_so_each_is_sent() {
    // RFC 5681 §3.2: the far end needs three to see a loss, as it knows nothing of SACK.
    let mut c = Setup::default().open();
    let packets = (1..=4).map(|index| c.text_at(1 + index * 1_000, 1_000)).collect();
    c.receive_together(packets);
    c.expect(&["[.] 1 ack 1"; 4]);
    let mut c = Setup::sack().open();
    let packets = (1..=4).map(|index| c.text_at(1 + index * 1_000, 1_000)).collect();
    c.receive_together(packets);
    c.expect(&["[.] 1 ack 1 sack 1001:5001"]);
}

#[test]
fn dack_1_a_super_segment_counts_as_what_it_is_made_of() {
    let mut c = open();
    c.host.limits = TransmitLimits { super_segment_max: 60_000 };
    let mut packet = c.text_at(1, 2_000);
    packet.segment_size = std::num::NonZeroU16::new(1_000);
    c.next = 2_001;
    c.receive(packet);
    c.expect(&["[.] 1 ack 2001"]);
}

#[test]
fn sws_6_must_39_the_edge_stays_until_it_can_move_by_a_segment() {
    let mut c = with_buffer(10_000);
    for (ack, window) in [(5_001, 5_000), (10_001, 0)] {
        for _ in 0..5 {
            c.text(1_000);
        }
        let line = format!("[.] 1 ack {ack} win {window}");
        assert_eq!(c.packets().last().map(|packet| c.line.of(packet)), Some(line));
    }
    // A full segment is 1460 octets here, less than half the buffer.
    assert_eq!(c.read_at_most(1_459), Ok(Some(1_459)));
    c.expect(&[]);
    c.write(10);
    c.expect(&["[P.] 1:11 ack 10001 win 0"]);
    assert_eq!(c.read_at_most(1), Ok(Some(1)));
    c.expect(&["[.] 11 ack 10001 win 1460"]);
}

#[test]
fn sws_6_a_buffer_below_two_segments_opens_by_its_half() {
    let mut c = with_buffer(2_000);
    c.text(1_000);
    c.text(1_000);
    c.packets();
    assert_eq!(c.read_at_most(999), Ok(Some(999)));
    c.expect(&[]);
    assert_eq!(c.read_at_most(1), Ok(Some(1)));
    c.expect(&["[.] 1 ack 2001 win 1000"]);
}

#[test]
fn sws_7_reading_tells_the_window_that_grew_from_nothing_or_by_half_the_buffer() {
    let mut c = with_buffer(20_000);
    for _ in 0..20 {
        c.text(1_000);
    }
    c.packets();
    assert_eq!(c.read_at_most(1_460), Ok(Some(1_460)));
    c.expect(&["[.] 1 ack 20001 win 1460"]);
    // It can send a segment now, whose ACK will say more; otherwise half of the buffer is worth an
    // ACK of its own.
    assert_eq!(c.read_at_most(9_999), Ok(Some(9_999)));
    c.expect(&[]);
    assert_eq!(c.read_at_most(1), Ok(Some(1)));
    c.expect(&["[.] 1 ack 20001 win 11460"]);
}

#[test]
fn sws_8_shld_14_rbuf_4_dec_16_a_smaller_buffer_moves_no_edge_left() {
    let mut c = with_buffer(10_000);
    c.text(1_000);
    c.expect(&["[.] 1 ack 1001 win 9000"]);
    c.configure(|config| config.receive_buffer = 2_000.into());
    c.text(1_000);
    c.expect(&["[.] 1 ack 2001 win 8000"]);
    // What was offered is taken, all of it.
    for _ in 0..8 {
        c.text(1_000);
    }
    assert_eq!(c.packets().last().map(|p| c.line.of(p)).unwrap(), "[.] 1 ack 10001 win 0");
    assert_eq!(c.read(), 10_000);
    // From now on the new size counts.
    c.expect(&["[.] 1 ack 10001 win 2000"]);
}

#[test]
fn rbuf_7_text_out_of_order_that_was_offered_room_is_kept() {
    let mut c = with_buffer(10_000);
    for index in (1..10).rev() {
        c.receive(c.text_at(1 + index * 1_000, 1_000));
        c.expect(&["[.] 1 ack 1 win 10000"]);
    }
    c.text(1_000);
    c.expect(&["[.] 1 ack 10001 win 0"]);
    assert_eq!(c.read(), 10_000);
}

#[test]
fn may_8_a_window_may_stay_closed_as_long_as_the_reader_likes() {
    let mut c = with_buffer(2_000);
    c.text(2_000);
    c.packets();
    for day in 1..=10 {
        c.run(86_400_000);
        // A probe is answered, and its octet is not taken.
        c.receive(c.text_at(2_001, 1));
        c.expect(&["[.] 1 ack 2001 win 0"]);
        assert_eq!(c.info().unread, 2_000, "day {day}");
    }
}

#[test]
fn may_16_what_is_written_in_parts_leaves_together() {
    let mut c = Setup { window: 500, ..Setup::default() }.open();
    c.write_with(500, Push::Now);
    c.expect(&["[P.] 1:501 ack 1"]);
    for _ in 0..5 {
        c.write_with(100, Push::Now);
    }
    c.expect(&[]);
    c.ack(501);
    c.expect(&["[P.] 501:1001 ack 1"]);
}
