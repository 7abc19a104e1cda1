//! SYN-RECEIVED after a passive open: one set of rules, though the handshake is folded small.
//! A far end played by hand sends templates with one changed field to a handshake that waits.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use synack_tcb::congestion::{Beginning, CongestionController, CongestionFactory};
use synack_tcb::{
    CloseReason, ConnectionConfig, DropReason, EndpointConfig, LinkAddress, LinkId, ListenerConfig,
    State,
};
use synack_wire::{Flags, IcmpError, IcmpErrorKind, SeqNum};

use crate::support::{Change, Host, Peer, Received, Seen, control, half_open, shake};

#[test]
fn sm_8_10_open_5_open_15_rst_6_rst_10_what_each_segment_does() {
    for irs in [100, u32::MAX - 1, 0x7fff_ffff] {
        let (_, peer, nxt) = half_open(irs);
        let next = SeqNum::new(irs) + 1;
        let challenge = Some(format!("<SEQ={nxt}><ACK={next}><CTL=ACK>"));
        let syn_ack = Some(format!("<SEQ={}><ACK={next}><CTL=SYN,ACK>", nxt - 1));
        let reset = |ack: SeqNum| Some(format!("<SEQ={ack}><CTL=RST>"));
        for (case, packet, answer, seen) in [
            ("sm_rst_1 RST at RCV.NXT", peer.rst(next), None, Seen::Listen),
            (
                "sm_rst_1 RST,ACK too",
                { peer.ack(next, nxt + 5).with_control(Flags::RST) },
                None,
                Seen::Listen,
            ),
            ("RST in the window", peer.rst(next + 1), challenge.clone(), Seen::SynReceived),
            ("sm_seq_8 RST outside", peer.rst(next - 1), None, Seen::SynReceived),
            ("sm_syn_1 SYN in the window", peer.syn(next + 5), None, Seen::Listen),
            ("SYN outside", peer.syn(next - 100), challenge.clone(), Seen::SynReceived),
            ("open_15 the SYN again", peer.syn(irs), syn_ack, Seen::SynReceived),
            (
                "sm_ack_1 no ACK",
                { peer.syn(next).with_control(Flags::NONE) },
                None,
                Seen::SynReceived,
            ),
            ("rst_6 ACK of ISS", peer.ack(next, nxt - 1), reset(nxt - 1), Seen::SynReceived),
            ("sm_ack_3 ACK of unsent", peer.ack(next, nxt + 1), reset(nxt + 1), Seen::SynReceived),
            (
                "sm_seq_7 outside",
                peer.ack(next + 70_000, nxt),
                challenge.clone(),
                Seen::SynReceived,
            ),
            ("sm_ack_2 the last ACK", peer.ack(next, nxt), None, Seen::In(State::Established)),
            (
                "sm_seq_9 a crossing SYN,ACK",
                { peer.syn_ack(irs, nxt) },
                None,
                Seen::In(State::Established),
            ),
            ("its ACK unacceptable", peer.syn_ack(irs, nxt + 9), reset(nxt + 9), Seen::SynReceived),
        ] {
            let (mut host, _, _) = half_open(irs);
            host.receive(packet);
            let sent: Vec<_> = host.sent().iter().map(control).collect();
            assert_eq!(sent, Vec::from_iter(answer), "{case}, IRS {irs}");
            assert_eq!(host.seen(&peer), seen, "{case}, IRS {irs}");
        }
    }
}

#[test]
fn attack_a6_what_was_refused_changed_nothing_and_the_last_ack_still_opens() {
    let (mut host, peer, nxt) = half_open(100);
    for packet in [
        peer.rst(102),
        peer.ack(101, nxt + 1),
        peer.ack(101, nxt - 2),
        peer.syn(50),
        peer.text(90_000, nxt, b"far away"),
    ] {
        host.receive(packet);
        assert_eq!(host.seen(&peer), Seen::SynReceived);
    }
    host.sent();
    let id = host.accept(peer.text(101, nxt, b"hello"));
    assert_eq!(host.read(id), b"hello");
}

#[test]
fn blind_8_a_handshake_has_its_own_ten_challenges_in_five_seconds() {
    let (mut host, peer, nxt) = half_open(100);
    let other = peer.with_port(4_001);
    shake(&mut host, &other.syn(100));
    let answers = (0..25).filter(|_| host.receive(peer.rst(200)) == Received::Replied).count();
    assert_eq!(answers, 10, "what was folded remembers");
    assert_eq!(host.receive(other.rst(200)), Received::Replied, "b5: and knows nothing of others");
    // It counts on in the connection.
    let id = host.accept(peer.ack(101, nxt));
    host.sent();
    host.receive(peer.rst(200));
    host.silent();
    assert_eq!(host.state(id), State::Established);
}

#[test]
fn open_14_sm_timer_3_the_syn_ack_is_sent_again_after_1_3_7_15_and_31_seconds() {
    let (mut host, peer, nxt) = half_open(100);
    let start = host.now;
    let mut times = vec![];
    while let Some(deadline) = host.deadline() {
        host.advance(deadline.since(host.now));
        for packet in host.sent() {
            assert_eq!(control(&packet), format!("<SEQ={}><ACK=101><CTL=SYN,ACK>", nxt - 1));
            times.push(host.now.since(start).as_secs());
        }
    }
    assert_eq!(times, [1, 3, 7, 15, 31]);
    assert_eq!((host.seen(&peer), host.now.since(start).as_secs()), (Seen::Listen, 63));
    // The peer, which may think that it is connected, learns that it is not.
    host.receive(peer.ack(101, nxt));
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><CTL=RST>"));
}

#[test]
fn trap_59_a_syn_ack_sent_again_has_the_same_number_and_options() {
    let mut host = Host::new("10.0.0.2");
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let syn = peer.syn(100).with(|segment| {
        segment.options.mss = Some(1_400);
        segment.options.window_scale = Some(7);
        segment.options.sack_permitted = true;
    });
    host.receive(syn.with_timestamps(77, 0));
    let first = host.only_sent();
    host.advance(Duration::from_secs(1));
    let mut again = host.only_sent();
    let clocks = [&first, &again].map(|packet| packet.segment.options.timestamps.unwrap().value);
    assert_eq!(clocks[1].wrapping_sub(clocks[0]), 1_000, "the clock alone has gone on");
    again.segment.options.timestamps = first.segment.options.timestamps;
    assert_eq!(again, first);
}

#[test]
fn rto_8_a_syn_ack_sent_once_times_the_round_trip_and_one_sent_twice_does_not() {
    let round_trip = Duration::from_millis(80);
    for (case, again, srtt) in [("once", false, Some(round_trip)), ("twice", true, None)] {
        let (mut host, peer, nxt) = half_open(100);
        if again {
            host.receive(peer.syn(100));
            host.sent();
        }
        host.advance(round_trip);
        let id = host.accept(peer.ack(101, nxt));
        assert_eq!(host.connection(id).info().srtt, srtt, "{case}");
    }
}

#[test]
fn ts_9_an_echo_times_the_round_trip_of_a_syn_ack_that_was_sent_twice() {
    let mut host = Host::new("10.0.0.2");
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    host.receive(peer.syn(100).with_timestamps(1_000, 0));
    host.sent();
    host.advance(Duration::from_secs(1));
    let again = host.only_sent().segment;
    let echo = again.options.timestamps.unwrap().value;
    host.advance(Duration::from_millis(80));
    let id = host.accept(peer.ack(101, again.seq + 1).with_timestamps(1_001, echo));
    assert_eq!(host.connection(id).info().srtt, Some(Duration::from_millis(80)));
}

#[test]
fn icmp_5_a_hard_error_ends_the_handshake_and_a_soft_or_forged_one_does_not() {
    let (_, peer, nxt) = half_open(100);
    let error = |kind, seq| IcmpError {
        kind,
        reporter: peer.socket.ip(),
        source: peer.host,
        destination: peer.socket,
        seq,
        packet_len: 44,
        payload_len: Some(0),
    };
    for (case, error, seen) in [
        ("hard", error(IcmpErrorKind::PortUnreachable, nxt - 1), Seen::Listen),
        ("soft", error(IcmpErrorKind::HostUnreachable, nxt - 1), Seen::SynReceived),
        (
            "icmp_2 not a number of ours",
            error(IcmpErrorKind::PortUnreachable, nxt),
            Seen::SynReceived,
        ),
        ("icmp_7 quench", error(IcmpErrorKind::SourceQuench, nxt - 1), Seen::SynReceived),
    ] {
        let (mut host, ..) = half_open(100);
        host.receive_icmp(&error);
        host.silent();
        assert_eq!(host.seen(&peer), seen, "{case}");
    }
    // ICMP-1: another four-tuple, nobody's, and TIME-WAIT's (ICMP-10).
    let (mut host, peer, nxt) = crate::support::time_wait(100);
    host.receive_icmp(&error(IcmpErrorKind::PortUnreachable, nxt - 1));
    host.receive_icmp(&IcmpError {
        source: "10.0.0.2:9".parse().unwrap(),
        ..error(IcmpErrorKind::PortUnreachable, nxt)
    });
    host.silent();
    assert_eq!(host.seen(&peer), Seen::TimeWait);
}

#[test]
fn icmp_1_ip_11_an_error_about_a_link_local_connection_finds_it_without_its_zone() {
    let on = |link| LinkAddress { prefix: "fe80::2/64".parse().unwrap(), link, mtu: 1_500 };
    let mut host = Host::on(&[on(LinkId(0)), on(LinkId(1))], EndpointConfig::default());
    let id = host.connect("[fe80::1%2]:80");
    let syn = host.only_sent();
    // What is quoted came from the wire, where no zone is.
    let without_zone = |socket: SocketAddr| SocketAddr::new(socket.ip(), socket.port());
    host.receive_icmp(&IcmpError {
        kind: IcmpErrorKind::PortUnreachable,
        reporter: syn.destination.ip(),
        source: without_zone(syn.source),
        destination: without_zone(syn.destination),
        seq: syn.segment.seq,
        packet_len: syn.len() as u32,
        payload_len: Some(0),
    });
    let reason = CloseReason::Unreachable(IcmpErrorKind::PortUnreachable);
    assert_eq!(host.connection(id).close_reason(), Some(reason));
}

#[test]
fn paws_1_a_handshake_with_timestamps_drops_what_is_older_than_its_syn() {
    let mut host = Host::new("10.0.0.2");
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    host.receive(peer.syn(100).with_timestamps(1_000, 0));
    let syn_ack = host.only_sent().segment;
    let (nxt, echo) = (syn_ack.seq + 1, syn_ack.options.timestamps.unwrap().value);
    let refused = Received::Dropped(DropReason::TimestampMissing);
    assert_eq!(host.receive(peer.ack(101, nxt)), refused);
    assert_eq!(host.receive(peer.ack(101, nxt).with_timestamps(999, echo)), Received::Replied);
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK=101><CTL=ACK>"));
    host.accept(peer.ack(101, nxt).with_timestamps(1_000, echo));
}

#[test]
fn trap_64_the_window_of_the_last_ack_is_scaled_and_that_of_the_syn_is_not() {
    let mut host = Host::new("10.0.0.2");
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let syn = peer.syn(100).with_window(500).with(|segment| segment.options.window_scale = Some(4));
    let nxt = shake(&mut host, &syn);
    let id = host.accept(peer.ack(101, nxt).with_window(500));
    assert_eq!(host.connection(id).info().snd_wnd, 500 << 4);
}

#[test]
fn sm_timer_3_sm_close_10_a_handshake_goes_on_by_the_link_that_its_syn_came_by() {
    let prefix = |address: &str| address.parse().unwrap();
    let on = |address, link| LinkAddress { prefix: prefix(address), link, mtu: 1_500 };
    let links = [on("10.0.0.2/24", LinkId(0)), on("10.0.1.2/24", LinkId(1))];
    for link in [LinkId(0), LinkId(1)] {
        let mut host = Host::on(&links, EndpointConfig::default());
        let listener = host.listen(80);
        // From the network of the first link to the address of the first link.
        let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
        host.receive_by(link, peer.syn(100));
        let syn_ack = host.only_sent();
        let due = host.deadline().unwrap();
        host.endpoint.handle_timeout(due);
        let again = host.endpoint.poll_transmit(due);
        assert_eq!(
            again.map(|(link, packet)| (link, packet.segment.seq)),
            Some((link, syn_ack.segment.seq))
        );
        host.endpoint.close_listener(due, listener);
        let reset = host.endpoint.poll_transmit(due);
        assert_eq!(reset.map(|(link, packet)| (link, packet.segment.is_rst())), Some((link, true)));
        assert!(host.endpoint.poll_transmit(due).is_none());
    }
}

#[test]
fn a_panic_in_the_code_of_one_handshake_costs_that_one() {
    let mut host = Host::new("10.0.0.2");
    let faulty = ConnectionConfig { congestion: Arc::new(Faulty), ..ConnectionConfig::default() };
    let config = ListenerConfig { connection: Some(Arc::new(faulty)), ..Default::default() };
    host.listen_with(80, config);
    host.listen(81);
    let victim = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let other = Peer::new("10.0.0.1:4000", "10.0.0.2:81");
    let nxt = shake(&mut host, &victim.syn(100));
    let other_nxt = shake(&mut host, &other.syn(100));

    let last_ack = victim.ack(101, nxt);
    let received = catch_unwind(AssertUnwindSafe(|| host.receive(last_ack)));
    assert!(received.is_err(), "a bug of the congestion controller");
    host.endpoint.handle_panic();
    host.endpoint.check_invariants();
    assert_eq!(host.seen(&victim), Seen::Listen);
    assert_eq!(host.seen(&other), Seen::SynReceived);
    host.endpoint.handle_panic();
    assert_eq!(host.endpoint.half_open(), 1, "nothing is given up twice");
    host.accept(other.ack(101, other_nxt));
}

/// A congestion controller of an application's own, with a bug.
#[derive(Debug)]
struct Faulty;

impl CongestionFactory for Faulty {
    fn build(&self, _beginning: &Beginning) -> Box<dyn CongestionController> {
        panic!("a bug")
    }
}
