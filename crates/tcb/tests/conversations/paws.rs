//! Protection against wrapped sequence numbers (PAWS-*): old timestamps are refused, and nothing
//! blind moves what they are compared with. The far end's clock wraps after five seconds.

use synack_tcb::{DropReason, State};
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Conversation, FIRST_TSVAL, Opener, Received, Setup};

fn open(setup: Setup) -> Conversation {
    let mut c = setup.open();
    c.line.timestamps = true;
    c
}

/// A packet with the far end's time changed by `ms`.
fn shifted(packet: TcpPacket, ms: i32) -> TcpPacket {
    packet.with(|segment| {
        let timestamps = segment.options.timestamps.as_mut().unwrap();
        timestamps.value = timestamps.value.wrapping_add_signed(ms);
    })
}

#[test]
fn paws_1_an_old_timestamp_is_acknowledged_and_dropped() {
    for at_ms in [10, 4_995, 5_005, 60_000] {
        let mut c = open(Setup::timestamps());
        c.run_to(at_ms);
        c.text(100);
        c.expect(&[&format!("[.] 1 ack 101 ts {at_ms}/{at_ms}")]);
        for age in [1, 9, i32::MAX] {
            let old = shifted(c.text_at(101, 100), -age);
            assert_eq!(c.receive(old), Received::Refused(c.id, DropReason::Paws), "{age}");
            c.expect(&[&format!("[.] 1 ack 101 ts {at_ms}/{at_ms}")]);
        }
        assert_eq!(c.read(), 100);
        // As old as the last one is not too old.
        assert_eq!(c.text(100), Received::Used(c.id));
    }
}

#[test]
fn paws_2_the_timestamp_is_judged_before_the_sequence_number() {
    let mut c = open(Setup::timestamps());
    c.text(100);
    c.packets();
    let outside = c.text_at(1_000_000, 10);
    assert_eq!(c.receive(shifted(outside, -1)), Received::Refused(c.id, DropReason::Paws));
    let syn = c.template().with_control(Flags::SYN);
    assert_eq!(c.receive(shifted(syn, -1)), Received::Refused(c.id, DropReason::Paws));
    // With a good timestamp it is the number that is wrong.
    let outside = c.text_at(1_000_000, 10);
    assert_eq!(c.receive(outside), Received::Refused(c.id, DropReason::OutOfWindow));
}

#[test]
fn paws_3_paws_4_what_is_outside_the_window_moves_no_timestamp() {
    let mut c = open(Setup::timestamps());
    c.pass(10);
    for seq in [65_536 + 1, 1 << 30, 0u32.wrapping_sub(100)] {
        let outside = c.text_at(1, 10).with(|segment| segment.seq = c.irs + seq);
        c.receive(shifted(outside, 5_000));
        c.packets();
    }
    c.write(1);
    c.expect(&["[P.] 1:2 ack 1 ts 10/0"]);
    c.text(1);
    c.expect(&["[.] 2 ack 2 ts 10/10"]);
}

#[test]
fn paws_5_paws_11_what_is_new_enough_is_taken_or_kept_as_ever() {
    let mut c = open(Setup::timestamps());
    c.pass(10);
    // Out of order, in the order of the network: later text with earlier timestamps.
    let (third, second) = (c.text_at(2_001, 1_000), c.text_at(1_001, 1_000));
    assert_eq!(c.receive(shifted(third, 2)), Received::Used(c.id));
    assert_eq!(c.receive(shifted(second, 1)), Received::Used(c.id));
    c.expect(&["[.] 1 ack 1 ts 10/0", "[.] 1 ack 1 ts 10/0"]);
    c.text(1_000);
    c.expect(&["[.] 1 ack 3001 ts 10/10"]);
    assert_eq!(c.read(), 3_000);
}

#[test]
fn paws_6_a_reset_is_neither_refused_nor_does_it_move_a_timestamp() {
    let mut c = open(Setup::timestamps());
    c.pass(10);
    c.text(100);
    c.packets();
    let reset = |c: &Conversation, seq: u32| {
        c.peer.rst(c.irs + seq).with_timestamps(FIRST_TSVAL.wrapping_add(1 << 30), 0)
    };
    assert_eq!(c.receive(reset(&c, 200)), Received::Refused(c.id, DropReason::ResetNotExact));
    c.expect(&["[.] 1 ack 101 ts 10/10"]);
    assert_eq!(c.text(10), Received::Used(c.id));
    c.expect(&["[.] 1 ack 111 ts 10/10"]);
    let ancient = c.peer.rst(c.irs + 111).with_timestamps(FIRST_TSVAL - 1_000_000, 0);
    assert_eq!(c.receive(ancient), Received::Refused(c.id, DropReason::Reset));
    assert_eq!(c.state(), State::Closed);
}

#[test]
fn paws_7_the_first_timestamp_is_that_of_the_syn() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        let mut c = open(Setup { opened_by, ..Setup::timestamps() });
        let before_syn = shifted(c.text_at(1, 10), -1);
        assert_eq!(c.receive(before_syn), Received::Refused(c.id, DropReason::Paws));
        c.expect(&["[.] 1 ack 1 ts 0/0"]);
        assert_eq!(c.text(10), Received::Used(c.id));
    }
}

#[test]
fn paws_8_after_24_days_of_silence_any_timestamp_is_taken() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    for (days, old, taken) in
        [(24, -1, false), (25, -1, true), (25, -1_000_000_000, true), (400, i32::MIN, true)]
    {
        let mut c = open(Setup::timestamps());
        c.run_to(days * DAY_MS);
        // Not its own time: one at or before that of the SYN.
        let text = c.text_at(1, 10).with_timestamps(FIRST_TSVAL.wrapping_add_signed(old), 0);
        let received = c.receive(text);
        let echo = c.only_sent().options.timestamps.unwrap().echo.wrapping_sub(FIRST_TSVAL);
        if taken {
            assert_eq!((received, echo.cast_signed()), (Received::Used(c.id), old));
        } else {
            assert_eq!((received, echo), (Received::Refused(c.id, DropReason::Paws), 0));
        }
    }
}

#[test]
fn paws_9_refusals_are_answered_within_the_challenge_limit() {
    let mut c = open(Setup::timestamps());
    for index in 0..25 {
        let old = shifted(c.text_at(1, 10), -1);
        c.receive(old);
        let expected: &[&str] = if index < 10 { &["[.] 1 ack 1 ts 0/0"] } else { &[] };
        c.expect(expected);
    }
    c.run_to(5_000);
    let old = c.text_at(1, 10).with_timestamps(FIRST_TSVAL - 1, 0);
    c.receive(old);
    c.expect(&["[.] 1 ack 1 ts 5000/0"]);
}

#[test]
fn paws_10_a_refused_duplicate_is_reported_by_dsack() {
    let mut setup = Setup::timestamps();
    setup.options.sack_permitted = true;
    let mut c = open(setup);
    c.pass(10);
    c.text(1_000);
    c.packets();
    let old = shifted(c.text_at(501, 200), -1);
    assert_eq!(c.receive(old), Received::Refused(c.id, DropReason::Paws));
    c.expect(&["[.] 1 ack 1001 sack 501:701 ts 10/10"]);
}

#[test]
fn paws_12_pmtu_1_no_segment_may_be_fragmented() {
    let mut c = open(Setup::timestamps());
    c.write(2_000);
    c.text(100);
    c.close();
    c.run_to(2_000);
    let packets = c.packets();
    assert!(packets.len() >= 6);
    assert!(packets.iter().all(|packet| packet.ip.dont_fragment));
}

#[test]
fn paws_4_ts_10_what_follows_a_syn_ack_out_of_order_moves_no_timestamp() {
    // Last.ACK.sent begins at IRS+1, and not at a number that half of all IRS lie behind.
    for irs in [0, 1 << 30, 0u32.wrapping_sub(1_301), 1 << 31, 3 << 30] {
        let setup = Setup { opened_by: Opener::Host, irs, ..Setup::timestamps() };
        let mut host = setup.host();
        let syn = setup.begin(&mut host).segment;
        host.advance(setup.rtt);
        let (peer, nxt) = (setup.peer(), syn.seq + 1);
        let echo = syn.options.timestamps.unwrap().value;
        let mut syn_ack = setup.syn().acking(nxt);
        syn_ack.segment.options.timestamps.as_mut().unwrap().echo = echo;
        let text = |seq: u32, age: u32| {
            let text = peer.text(setup.irs + seq, nxt, &[7; 1_000]);
            text.with_timestamps(FIRST_TSVAL + age, echo)
        };
        // The second segment overtakes the first, and all are read before anything is sent.
        let received = host.receive_together(vec![syn_ack, text(1_001, 2), text(1, 1)]);
        assert!(received.iter().all(|it| matches!(it, Received::Used(_))), "{irs}: {received:?}");
        let id = *host.connections.keys().next().unwrap();
        assert_eq!(host.read(id).len(), 2_000, "{irs}");
    }
}
