//! Closing (CLOSE-*): the FIN after the text, half-open directions, simultaneous close, orphans.
//! An open connection is closed by its application or by the far end, who answers packet by packet.

use std::time::Duration;

use synack_tcb::{CloseReason, Events, ReadError, State, Unread, WriteError};
use synack_wire::Flags;

use crate::support::{Change, Conversation, Received, Seen, Setup};

/// Nothing but 1000 octets may be in flight, so that text waits when the application closes.
fn narrow() -> Conversation {
    Setup { window: 1_000, ..Setup::default() }.open()
}

#[test]
fn close_1_text_is_delivered_before_the_fin_counts_and_receiving_goes_on() {
    let mut c = Setup::default().open();
    c.write(2_000);
    c.close();
    c.expect(&["[.] 1:1001 ack 1", "[P.] 1001:2001 ack 1", "[F.] 2001 ack 1"]);
    c.pass(100);
    c.ack(1_001);
    assert_eq!(c.state(), State::FinWait1);
    c.text(500);
    c.expect(&["[.] 2002 ack 501"]);
    assert_eq!(c.read(), 500);
    c.until(400, &[(400, "[P.] 1001:2001 ack 501")]);
    c.ack(2_001);
    c.expect(&["[F.] 2001 ack 501"]);
    assert_eq!(c.state(), State::FinWait1, "the FIN itself is not acknowledged");
    c.ack(2_002);
    assert_eq!(c.state(), State::FinWait2);
    c.text(500);
    assert_eq!(c.read(), 500);
}

#[test]
fn close_2_the_fin_rides_on_the_segment_of_the_last_octet() {
    let mut c = narrow();
    c.write(1_700);
    c.expect(&["[.] 1:1001 ack 1"]);
    c.close();
    c.expect(&[]);
    c.ack(1_001);
    c.expect(&["[FP.] 1001:1701 ack 1"]);
}

#[test]
fn close_2_a_fin_for_which_the_window_has_no_number_follows_alone() {
    let mut c = narrow();
    c.write(2_000);
    c.close();
    c.expect(&["[.] 1:1001 ack 1"]);
    c.ack(1_001);
    c.expect(&["[P.] 1001:2001 ack 1"]);
    c.ack(2_001);
    c.expect(&["[F.] 2001 ack 1"]);
}

#[test]
fn close_3_the_state_changes_with_the_call_and_the_fin_waits_for_the_text() {
    for (far_end_closed, state) in [(false, State::FinWait1), (true, State::LastAck)] {
        let mut c = narrow();
        c.write(2_500);
        c.expect(&["[.] 1:1001 ack 1"]);
        let ack = if far_end_closed { 2 } else { 1 };
        if far_end_closed {
            c.fin();
            c.expect(&["[.] 1001 ack 2"]);
            assert_eq!(c.state(), State::CloseWait);
        }
        c.close();
        assert_eq!(c.state(), state);
        c.expect(&[]);
        c.ack(1_001);
        c.expect(&[&format!("[.] 1001:2001 ack {ack}")]);
        c.ack(2_001);
        c.expect(&[&format!("[FP.] 2001:2501 ack {ack}")]);
    }
}

#[test]
fn close_4_text_and_fin_are_sent_again_in_every_closing_state() {
    let after = |fins: &[&str], state| {
        let mut c = Setup::default().open();
        if fins == ["theirs", "ours"] {
            c.fin();
        }
        c.write(1_000);
        c.close();
        if fins == ["ours", "theirs"] {
            c.fin();
        }
        assert_eq!(c.state(), state);
        c.packets();
        c
    };
    let cases = [
        (after(&["ours"], State::FinWait1), 1, State::FinWait2),
        (after(&["ours", "theirs"], State::Closing), 2, State::TimeWait),
        (after(&["theirs", "ours"], State::LastAck), 2, State::Closed),
    ];
    for (mut c, ack, last) in cases {
        let text = format!("[P.] 1:1001 ack {ack}");
        let fin = format!("[F.] 1001 ack {ack}");
        c.until(900, &[(300, &text), (900, &text)]);
        c.ack(1_001);
        c.expect(&[&fin]);
        // Sent at 900 ms under an RTO that was doubled twice, and no sample ended that.
        c.until(4_500, &[(2_100, &fin), (4_500, &fin)]);
        c.ack(1_002);
        assert_eq!(c.state(), last);
    }
}

#[test]
fn close_5_a_repeated_close_sends_no_second_fin() {
    let mut c = Setup::default().open();
    for _ in 0..3 {
        c.close();
    }
    c.expect(&["[F.] 1 ack 1"]);
    c.ack(2);
    for _ in 0..3 {
        c.close();
        c.pass(100);
    }
    c.fin();
    c.expect(&["[.] 2 ack 2"]);
    c.close();
    c.expect(&[]);
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
}

#[test]
fn close_6_a_write_after_close_fails_and_queues_nothing() {
    let mut c = Setup::default().open();
    let refused = |c: &mut Conversation, state| {
        assert_eq!(c.state(), state);
        let now = c.host.now;
        let written = c.host.connection(c.id).write(now, b"late", synack_tcb::Push::Now);
        assert_eq!(written, Err(WriteError::Closing), "{state}");
        c.drain();
        c.expect(&[]);
    };
    c.close();
    c.expect(&["[F.] 1 ack 1"]);
    refused(&mut c, State::FinWait1);
    c.ack(2);
    refused(&mut c, State::FinWait2);
    c.fin();
    c.expect(&["[.] 2 ack 2"]);
    refused(&mut c, State::TimeWait);
}

#[test]
fn close_7_a_fin_is_acknowledged_and_ends_the_stream_behind_its_text() {
    let mut c = Setup::default().configured(|config| config.quick_acks = 0).open();
    let segment = c.text_at(1, 500).with_control(Flags::FIN);
    c.next = 502;
    assert_eq!(c.receive(segment), Received::Used(c.id));
    c.expect(&["[.] 1 ack 502"]);
    assert_eq!(c.state(), State::CloseWait);
    let events = c.events();
    assert!(events.contains(Events::READABLE) && events.contains(Events::PEER_CLOSED));
    assert_eq!(c.read_at_most(300), Ok(Some(300)));
    assert_eq!(c.read_at_most(300), Ok(Some(200)));
    assert_eq!(c.read_at_most(300), Ok(None));
    assert_eq!(c.read_at_most(300), Ok(None), "and again");
}

#[test]
fn close_8_a_fin_out_of_order_waits_for_what_is_missing() {
    for (case, text) in [("with text", 700), ("alone", 0)] {
        let mut c = Setup::default().open();
        let last = c.text_at(1_001, text).with_control(Flags::FIN);
        c.receive(last);
        c.expect(&["[.] 1 ack 1"]);
        assert_eq!(c.state(), State::Established, "{case}");
        assert_eq!(c.read_at_most(1), Err(ReadError::Blocked), "{case}");
        c.text(1_000);
        c.expect(&[&format!("[.] 1 ack {}", 1_002 + text)]);
        assert_eq!(c.state(), State::CloseWait, "{case}");
        assert_eq!(c.read(), 1_000 + text as usize);
        assert_eq!(c.read_at_most(1), Ok(None), "{case}");
    }
}

#[test]
fn close_9_a_fin_that_acknowledges_ours_leads_to_time_wait_at_once() {
    let mut c = Setup::default().open();
    c.close();
    c.expect(&["[F.] 1 ack 1"]);
    c.acked = 2;
    c.fin();
    c.expect(&["[.] 2 ack 2"]);
    assert_eq!(c.state(), State::TimeWait);
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
}

#[test]
fn close_10_fins_that_cross_lead_through_closing_to_time_wait() {
    let mut c = Setup::default().open();
    c.close();
    c.expect(&["[F.] 1 ack 1"]);
    c.fin();
    c.expect(&["[.] 2 ack 2"]);
    assert_eq!(c.state(), State::Closing);
    c.ack(2);
    c.expect(&[]);
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    c.until(59_999, &[]);
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    c.until(60_000, &[]);
    assert_eq!(c.host.seen(&c.peer), Seen::Listen);
}

#[test]
fn close_11_the_open_direction_delivers_after_days() {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let mut c = Setup::default().open();
    c.close();
    c.ack(2);
    c.packets();
    c.pass(3 * DAY);
    c.text(400);
    c.expect(&["[.] 2 ack 401"]);
    assert_eq!((c.state(), c.read()), (State::FinWait2, 400));

    let mut c = Setup::default().open();
    c.fin();
    c.packets();
    c.pass(3 * DAY);
    c.write(400);
    c.expect(&["[P.] 1:401 ack 2"]);
    c.ack(401);
    assert_eq!((c.state(), c.host.deadline()), (State::CloseWait, None));
}

#[test]
fn close_12_an_orphan_leaves_fin_wait_2_after_a_minute() {
    for timeout_s in [60, 5] {
        let timeout = Duration::from_secs(timeout_s);
        let setup = Setup::default().configured(|config| config.fin_wait_2_timeout = timeout);
        let mut c = setup.open();
        c.detach();
        c.expect(&["[F.] 1 ack 1"]);
        c.ack(2);
        c.until(timeout_s * 1_000 - 1, &[]);
        assert_eq!(c.state(), State::FinWait2);
        c.until(timeout_s * 1_000, &[]);
        assert_eq!(c.state(), State::Closed);
        assert_eq!(c.host.connection(c.id).close_reason(), Some(CloseReason::Finished));
        assert_eq!(c.host.seen(&c.peer), Seen::Listen);
    }
}

#[test]
fn close_12_with_a_reader_fin_wait_2_lasts() {
    let mut c = Setup::default().open();
    c.close();
    c.ack(2);
    c.packets();
    c.pass(3_600_000);
    assert_eq!((c.state(), c.host.deadline()), (State::FinWait2, None));
}

#[test]
fn close_13_shld_3_a_stream_dropped_with_text_unread_resets() {
    // Left in the connection; taken out of it, and left in the stream; used.
    for (read, unread, expected, state) in [
        (0, Unread::No, "[R.] 1 ack 501", State::Closed),
        (500, Unread::Yes, "[R.] 1 ack 501", State::Closed),
        (500, Unread::No, "[F.] 1 ack 501", State::FinWait1),
    ] {
        let mut c = Setup::default().open();
        c.text(500);
        c.expect(&["[.] 1 ack 501"]);
        if read > 0 {
            assert_eq!(c.read(), read);
        }
        let now = c.host.now;
        c.host.connection(c.id).detach(now, unread);
        c.drain();
        c.expect(&[expected]);
        assert_eq!(c.state(), state);
    }
}

#[test]
fn shld_3_may_1_text_after_the_last_handle_is_gone_resets() {
    for acked in [1, 2] {
        let mut c = Setup::default().open();
        c.detach();
        c.expect(&["[F.] 1 ack 1"]);
        c.ack(acked);
        c.text(1);
        c.expect(&["[R.] 2 ack 1"]);
        assert_eq!(c.state(), State::Closed);
        assert_eq!(c.host.seen(&c.peer), Seen::Listen);
    }
}

#[test]
fn sm_fin_2_sm_abort_4_the_ack_of_a_fin_leaves_though_the_stream_is_dropped_before() {
    for unread in [Unread::No, Unread::Yes] {
        let mut c = Setup::default().open();
        c.close();
        c.ack(2);
        c.packets();
        // Text and FIN are read, and the stream is dropped unread, before anything is sent.
        let mut last = c.text_at(1, 100).with_control(Flags::FIN);
        let now = c.host.now;
        let connection = c.host.connection(c.id);
        assert_eq!(connection.handle_packet(now, &mut last), Ok(()));
        connection.detach(now, unread);
        c.drain();
        c.expect(&["[.] 2 ack 102"]);
        assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
        let connection = c.host.connection(c.id);
        assert_eq!(connection.close_reason(), Some(CloseReason::Aborted));
        assert!(connection.is_released() && !connection.wants_transmit());
    }
}

#[test]
fn api_9_a_connection_that_is_over_owes_nothing() {
    // One segment whose ACK is delayed, and two whose ACK is due.
    for segments in [1, 2] {
        let mut c = Setup::default().configured(|config| config.quick_acks = 0).open();
        let mut packets: Vec<_> = (0..segments).map(|n| c.text_at(1 + 100 * n, 100)).collect();
        packets.push(c.peer.rst(c.irs + 1 + 100 * segments));
        let now = c.host.now;
        let connection = c.host.connection(c.id);
        for packet in &mut packets {
            let _ = connection.handle_packet(now, packet);
        }
        assert_eq!(connection.close_reason(), Some(CloseReason::ResetByPeer));
        assert!(!connection.wants_transmit(), "{segments}");
    }
}

#[test]
fn sm_fin_2_close_8_a_fin_that_text_went_past_is_none() {
    let mut c = Setup::default().open();
    // A FIN behind 1000 octets that are missing; then those and 1000 more, which it denied.
    let fin = c.template().with_control(Flags::FIN).with(|segment| segment.seq = c.irs + 1_001);
    c.receive(fin);
    let text = c.text_at(1, 2_000);
    c.receive(text);
    c.next = 2_001;
    assert_eq!((c.state(), c.read()), (State::Established, 2_000));
    // The stream ends where the far end says so now.
    c.text(500);
    c.fin();
    assert_eq!((c.state(), c.read()), (State::CloseWait, 500));
}
