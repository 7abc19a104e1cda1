//! How a connection's first segments go on (MUST-10, MUST-11, OPEN-3, OPEN-6, DEC-10), and that
//! none of it depends on where in the sequence space it begins (SEQ-2).
//! Handshakes are played packet by packet, and a whole conversation at every edge of the space.

use std::time::Duration;

use synack_tcb::{CloseReason, State};
use synack_wire::{Flags, SeqNum};

use crate::support::{Change, Conversation, Host, Opener, Peer, Seen, Setup};

/// SYN-RECEIVED of an active open: the SYNs crossed. The host's first number is returned.
fn crossed(setup: &Setup) -> (Host, Peer, SeqNum) {
    let mut host = setup.host();
    let iss = setup.begin(&mut host).segment.seq;
    host.receive(setup.syn());
    let answer = host.only_sent().segment;
    let irs = SeqNum::new(setup.irs);
    assert_eq!((answer.seq, answer.ack, answer.control), (iss, Some(irs + 1), Flags::SYN));
    assert_eq!(host.seen(&setup.peer()), Seen::In(State::SynReceived));
    (host, setup.peer(), iss)
}

#[test]
fn must_10_syns_that_cross_lead_through_syn_received_to_established() {
    for mut setup in [Setup::default(), Setup::timestamps(), Setup::scaling(7)] {
        setup.opened_by = Opener::Host;
        let (mut host, peer, iss) = crossed(&setup);
        host.advance(Duration::from_millis(10));
        // The far end's SYN-ACK crosses as well; it repeats the SYN.
        let answer = setup.syn().with(|segment| segment.ack = Some(iss + 1));
        host.receive(answer);
        assert_eq!(host.seen(&peer), Seen::In(State::Established));
        let sent = host.sent();
        assert!(sent.iter().all(|packet| !packet.segment.is_rst() && !packet.segment.is_syn()));
    }
}

#[test]
fn must_11_a_reset_in_syn_received_is_told_to_who_opened_and_to_nobody_else() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let (mut host, peer, _) = crossed(&setup);
    host.receive(peer.rst(setup.irs.wrapping_add(1)));
    let connection = host.connections.values().next().unwrap();
    assert_eq!(connection.close_reason(), Some(CloseReason::Refused));
    let setup = Setup::default();
    let mut host = setup.host();
    setup.begin(&mut host);
    host.receive(setup.peer().rst(setup.irs.wrapping_add(1)));
    host.silent();
    assert_eq!((host.seen(&setup.peer()), host.connections.len()), (Seen::Listen, 0));
}

#[test]
fn dec_10_rst_6_a_wrong_ack_in_syn_received_draws_a_reset_and_changes_nothing() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    for ack in [0, 2, 1 << 31, u32::MAX] {
        let (mut host, peer, iss) = crossed(&setup);
        host.receive(peer.ack(setup.irs.wrapping_add(1), iss + ack));
        let reset = host.only_sent().segment;
        assert_eq!((reset.seq, reset.ack, reset.control), (iss + ack, None, Flags::RST));
        assert_eq!(host.seen(&peer), Seen::In(State::SynReceived));
    }
}

#[test]
fn open_3_text_written_before_the_answer_rides_on_the_ack_of_it() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let mut host = setup.host();
    let iss = setup.begin(&mut host).segment.seq;
    let id = *host.connections.keys().next().unwrap();
    host.write(id, &[1; 300]);
    host.silent();
    host.receive(setup.syn().with(|segment| segment.ack = Some(iss + 1)));
    let segment = host.only_sent().segment;
    assert_eq!((segment.seq, segment.payload.len()), (iss + 1, 300));
    assert_eq!(segment.ack, Some(SeqNum::new(setup.irs) + 1));
}

#[test]
fn open_6_the_window_of_the_syn_ack_holds_from_the_first_segment_on() {
    let mut c = Setup { opened_by: Opener::Host, window: 700, ..Setup::default() }.open();
    c.write(2_000);
    c.expect(&["[.] 1:701 ack 1"]);
    // SND.WL1 and SND.WL2 are set too: an older segment changes nothing.
    let old = c.template().with(|segment| segment.seq += u32::MAX).with_window(60_000);
    c.receive(old);
    assert_eq!(c.info().snd_wnd, 700);
}

/// Text both ways, a loss, a gap, an exact retransmission, both FINs.
fn whole_conversation(c: &mut Conversation) {
    c.write(2_500);
    c.expect(&["[.] 1:1001 ack 1", "[.] 1001:2001 ack 1", "[P.] 2001:2501 ack 1"]);
    c.run_to(100);
    c.sack(&[(1_001, 2_501)]);
    c.receive(c.text_at(501, 500));
    c.expect(&["[.] 2501 ack 1 sack 501:1001"]);
    c.run_to(125);
    c.expect(&["[.] 1:989 ack 1 sack 501:1001", "[.] 989:1001 ack 1 sack 501:1001"]);
    c.run_to(300);
    c.text(500);
    c.expect(&["[.] 2501 ack 1001"]);
    c.next = 1_001;
    c.run_to(400);
    c.ack(2_501);
    assert_eq!((c.read(), c.info().unacked), (1_000, 0));
    c.receive(c.text_at(1, 600));
    c.expect(&["[.] 2501 ack 1001 sack 1:601"]);
    c.write(10);
    c.close();
    c.expect(&["[P.] 2501:2511 ack 1001", "[F.] 2511 ack 1001"]);
    c.fin();
    c.expect(&["[.] 2512 ack 1002"]);
    assert_eq!(c.state(), State::Closing);
    c.ack(2_512);
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    let fin = c.template().with_control(Flags::FIN).with(|segment| segment.seq = c.irs + 1_001);
    c.receive(fin);
    c.expect(&["[.] 2512 ack 1002"]);
}

#[test]
fn seq_2_attack_e12_nothing_depends_on_where_the_numbers_begin() {
    let edges = [0u32, 1 << 31, u32::MAX / 3];
    // So that the wrap, or the sign, falls on the SYN, on text, in retransmissions, on the FIN.
    let offsets = [0, 1, 2, 500, 501, 1_000, 1_001, 1_002, 1_500, 2_501, 2_511, 2_512, 2_513];
    for edge in edges {
        for offset in offsets {
            for (iss, irs) in [(edge.wrapping_sub(offset), 77), (77, edge.wrapping_sub(offset))] {
                whole_conversation(&mut Setup { iss, irs, ..Setup::sack() }.open());
            }
        }
    }
}

#[test]
fn seq_3_syn_and_fin_take_a_number_each() {
    let mut c = Setup::default().open();
    c.close();
    // The SYN was 0, so the FIN is 1 and what follows would be 2.
    c.expect(&["[F.] 1 ack 1"]);
    c.ack(2);
    assert_eq!(c.state(), State::FinWait2);
    c.fin();
    c.expect(&["[.] 2 ack 2"]);
}

#[test]
fn seq_10_text_is_taken_from_rcv_nxt_to_the_edge_and_no_further() {
    let setup = Setup::default().configured(|config| config.receive_buffer = 1_000.into());
    let mut c = setup.open();
    c.text(100);
    c.packets();
    // From below RCV.NXT, then to above the edge, with a FIN that is not in the window.
    let packet = c.text_at(51, 100);
    c.receive(packet);
    c.expect(&["[.] 1 ack 151"]);
    let packet = c.text_at(151, 1_500).with_control(Flags::FIN);
    c.receive(packet);
    c.expect(&["[.] 1 ack 1001"]);
    assert_eq!((c.read(), c.state()), (1_000, State::Established));
}

#[test]
fn seq_8_an_ack_is_new_above_snd_una_and_up_to_what_was_ever_sent() {
    for (ack, unacked) in [(1, 2_000), (2, 1_999), (2_001, 0), (2_002, 2_000), (0, 2_000)] {
        let mut c = Setup::default().open();
        c.write(2_000);
        // After a retransmission as before it: SND.NXT never went back.
        c.run_to(300);
        let packet = c.template().with(|segment| segment.ack = Some(c.iss + ack));
        c.receive(packet);
        assert_eq!(c.info().unacked, unacked, "{ack}");
    }
}

#[test]
fn must_13_tw_1_the_side_that_closed_first_waits_twice_the_segment_lifetime() {
    let mut c = Setup::default().open();
    c.close();
    c.ack(2);
    c.run_to(5_000);
    c.fin();
    c.packets();
    c.until(64_999, &[]);
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    c.until(65_000, &[]);
    assert_eq!(c.host.seen(&c.peer), Seen::Listen);
}
