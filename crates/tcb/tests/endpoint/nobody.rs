//! Segments for nobody: resets, silence, and the half-open connections that resets clear up.
//! A far end played by hand sends templates with one changed field.

use std::time::Duration;

use synack_tcb::{CloseReason, DropReason, State};
use synack_wire::{Flags, Timestamps};

use crate::support::{
    Change, Host, Peer, Received, Seen, control, established, listening_in_both_families,
};

#[test]
fn sm_closed_1_to_4_what_each_segment_draws_where_no_one_is() {
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:81");
    for (case, packet, answer) in [
        ("sm_closed_1 RST", peer.rst(100), None),
        ("sm_closed_2 SYN", peer.syn(100), Some("<SEQ=0><ACK=101><CTL=RST,ACK>")),
        ("at the wrap", peer.syn(u32::MAX), Some("<SEQ=0><ACK=0><CTL=RST,ACK>")),
        (
            "text alone",
            { peer.syn(100).with_control(Flags::NONE).with_text(b"four") },
            Some("<SEQ=0><ACK=104><CTL=RST,ACK>"),
        ),
        ("sm_closed_3 ACK", peer.ack(100, 301), Some("<SEQ=301><CTL=RST>")),
        ("sm_seqn_15 SYN,ACK", peer.syn_ack(100, 301), Some("<SEQ=301><CTL=RST>")),
        ("a12 PSH,ACK", peer.text(100, 301, &[0; 1_000]), Some("<SEQ=301><CTL=RST>")),
    ] {
        let mut host = Host::new("10.0.0.2");
        host.receive(packet);
        let sent: Vec<_> = host.sent().iter().map(control).collect();
        assert_eq!(sent, Vec::from_iter(answer), "{case}");
        assert_eq!(host.seen(&peer), Seen::Closed, "{case}");
    }
}

#[test]
fn sm_closed_4_ts_4_a_timestamp_is_echoed_and_none_is_told() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:81");
    host.receive(peer.ack(100, 301).with_timestamps(77, 5));
    let reset = host.only_sent().segment;
    assert_eq!(reset.options.timestamps, Some(Timestamps { value: 0, echo: 77 }));
}

#[test]
fn attack_a4_land_neither_loops_nor_makes_a_connection() {
    for (mut host, peer) in listening_in_both_families() {
        let itself = Peer { socket: peer.host, ..peer };
        for packet in [itself.syn(100), itself.ack(100, 301), itself.syn_ack(100, 301)] {
            assert_eq!(host.receive(packet), Received::Dropped(DropReason::Land));
        }
        let other_port = itself.with_port(4_000);
        let dropped = Received::Dropped(DropReason::InvalidAddress);
        assert_eq!(host.receive(other_port.syn(100)), dropped);
        host.silent();
        assert_eq!((host.endpoint.half_open(), host.endpoint.connections()), (0, 0));
    }
}

#[test]
fn a_stack_is_no_router() {
    let mut host = Host::new("10.0.0.2");
    let elsewhere = Peer::new("10.0.0.1:4000", "10.0.0.3:80");
    assert_eq!(host.receive(elsewhere.syn(100)), Received::Dropped(DropReason::NotOurs));
    host.silent();
}

#[test]
fn an_ipv4_address_inside_an_ipv6_packet_reaches_no_ipv4_connection() {
    let (mut host, peer, id, nxt) = established(100);
    let disguised = Peer::new("[::ffff:10.0.0.1]:4000", "[::ffff:10.0.0.2]:80");
    let dropped = Received::Dropped(DropReason::InvalidAddress);
    assert_eq!(host.receive(disguised.rst(101)), dropped);
    assert_eq!(host.receive(disguised.text(101, nxt, b"x")), dropped);
    assert_eq!((host.state(id), host.read(id)), (State::Established, vec![]));
    assert_eq!(host.seen(&peer), Seen::In(State::Established));
}

#[test]
fn sm_seqn_4_a_restarted_peer_clears_up_what_it_forgot() {
    let (mut host, peer, id, nxt) = established(99);
    // The far end knows nothing and opens with ISS 400.
    host.receive(peer.syn(400));
    let challenge = host.only_sent();
    assert_eq!(control(&challenge), format!("<SEQ={nxt}><ACK=100><CTL=ACK>"));
    // In SYN-SENT it refuses that ACK, with exactly the number that the host expects.
    host.receive(peer.rst(challenge.segment.ack.unwrap()));
    host.silent();
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::ResetByPeer));
    // Its SYN comes again, and opens.
    host.advance(Duration::from_secs(1));
    host.receive(peer.syn(400));
    let syn_ack = host.only_sent().segment;
    let again = host.accept(peer.ack(401, syn_ack.seq + 1));
    assert_ne!(again, id);
    assert_eq!(host.state(again), State::Established);
}

#[test]
fn sm_seqn_4_two_hosts_come_together_again_after_one_forgot() {
    let (mut client, mut server) = crate::support::pair();
    let peer = Peer::new("10.0.0.2:80", "10.0.0.1:4000");
    client.connect_to(&peer);
    crate::support::settle(&mut client, &mut server);
    let old = server.take_accepted().unwrap();
    client.write(*client.connections.keys().next().unwrap(), b"some text");
    crate::support::settle(&mut client, &mut server);
    // The client starts again, with the same secret: its clock has gone on.
    let mut client = Host::new("10.0.0.1");
    client.now = server.now;
    client.advance(Duration::from_secs(9));
    server.advance(Duration::from_secs(9));
    let id = client.connect_to(&peer);
    crate::support::settle(&mut client, &mut server);
    assert_eq!(server.connection(old).close_reason(), Some(CloseReason::ResetByPeer));
    assert_eq!(client.state(id), State::SynSent);
    client.advance(Duration::from_secs(1));
    crate::support::settle(&mut client, &mut server);
    assert_eq!(client.state(id), State::Established);
}

#[test]
fn sm_seqn_5_text_to_a_peer_that_forgot_draws_a_reset() {
    let (mut host, peer, id, nxt) = established(99);
    host.write(id, b"ten octets");
    let text = host.only_sent();
    assert_eq!(control(&text), format!("<SEQ={nxt}><ACK=100><DATA=10><CTL=ACK>"));
    let mut forgetful = Host::new("10.0.0.1");
    forgetful.receive(text);
    let reset = forgetful.only_sent();
    assert_eq!(control(&reset), "<SEQ=100><CTL=RST>");
    host.receive(reset);
    host.silent();
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::ResetByPeer));
    assert_eq!(host.seen(&peer), Seen::Listen);
}

#[test]
fn trap_56_nothing_of_a_stale_name_reaches_the_new_connection() {
    let (mut host, peer, old, nxt) = established(100);
    host.receive(peer.rst(101));
    let syn_ack = {
        host.receive(peer.syn(500));
        host.only_sent().segment
    };
    let new = host.accept(peer.ack(501, syn_ack.seq + 1));
    assert_eq!(old.index(), new.index(), "the place is used again");
    let now = host.now;
    let released = synack_tcb::EndpointEvent::Released(synack_tcb::Release::Orderly);
    host.endpoint.handle_event(now, old, released);
    assert_eq!(host.seen(&peer), Seen::In(State::Established));
    host.receive(peer.text(501, syn_ack.seq + 1, b"new"));
    assert_eq!(host.read(new), b"new");
    // Nor does text of the old connection.
    host.sent();
    host.receive(peer.text(101, nxt, b"old"));
    assert_eq!(host.read(new), b"");
}
