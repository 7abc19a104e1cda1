//! Connections open actively: from the right socket, against each other, and with oneself.
//! A host is driven by packets of a far end that is played by hand, or by another host.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use synack_tcb::{
    CloseReason, ConnectError, ConnectionConfig, EndpointConfig, LinkAddress, LinkId, ListenOn,
    ListenerConfig, Open, State,
};
use synack_wire::Flags;

use crate::support::{Change, Host, Peer, Received, Seen, control, pair, settle};

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn sm_seqn_1_two_hosts_open_exchange_and_close() {
    let (mut client, mut server) = pair();
    let id = client.connect("10.0.0.2:80");
    let packets = settle(&mut client, &mut server);
    let [syn, syn_ack, ack] = [0, 1, 2].map(|index| &packets[index].segment);
    assert_eq!(packets.len(), 3);
    assert_eq!((syn.flags(), syn.ack), (Flags::SYN, None));
    assert_eq!((syn_ack.flags(), syn_ack.ack), (Flags::SYN | Flags::ACK, Some(syn.seq + 1)));
    assert_eq!((ack.flags(), ack.seq, ack.ack), (Flags::ACK, syn.seq + 1, Some(syn_ack.seq + 1)));
    assert_eq!(client.state(id), State::Established);
    let accepted = server.take_accepted().unwrap();
    client.write(id, b"request");
    settle(&mut client, &mut server);
    assert_eq!(server.read(accepted), b"request");
    server.write(accepted, b"answer");
    settle(&mut client, &mut server);
    assert_eq!(client.read(id), b"answer");
    client.close(id);
    settle(&mut client, &mut server);
    server.close(accepted);
    settle(&mut client, &mut server);
    assert_eq!((client.endpoint.connections(), client.endpoint.time_waits()), (0, 1));
    assert_eq!((server.endpoint.connections(), server.endpoint.time_waits()), (0, 0));
}

#[test]
fn sm_open_3_to_6_an_open_that_cannot_be_is_refused_and_nothing_is_sent() {
    let mut host = Host::new("10.0.0.2");
    let to = |remote| Open::to(socket(remote));
    let from = |local, remote| Open { local: Some(socket(local)), ..to(remote) };
    for (case, open, error) in [
        ("sm_open_3 no address", to("0.0.0.0:80"), ConnectError::RemoteUnspecified),
        ("sm_open_3 no port", to("10.0.0.1:0"), ConnectError::RemoteUnspecified),
        ("must_46 broadcast", to("255.255.255.255:80"), ConnectError::RemoteInvalid),
        ("must_46 prefix broadcast", to("10.0.0.255:80"), ConnectError::RemoteInvalid),
        ("must_46 multicast", to("224.0.0.1:80"), ConnectError::RemoteInvalid),
        ("must_46 multicast v6", to("[ff02::1]:80"), ConnectError::RemoteInvalid),
        ("another family", to("[fd00::1]:80"), ConnectError::NoRoute),
        ("not our address", from("10.0.0.3:0", "10.0.0.1:80"), ConnectError::AddressNotAvailable),
        ("families mixed", from("[fd00::2]:0", "10.0.0.1:80"), ConnectError::NoRoute),
    ] {
        assert_eq!(host.try_connect(open).unwrap_err(), error, "{case}");
        host.silent();
    }
    assert_eq!(host.endpoint.connections(), 0);
}

#[test]
fn sm_open_5_must_43_must_45_the_socket_asked_for_is_used_throughout() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    let id = host.connect_to(&peer);
    let syn = host.only_sent();
    assert_eq!((syn.source, syn.destination), (peer.host, peer.socket));
    let options = &syn.segment.options;
    assert_eq!((options.mss, options.sack_permitted), (Some(1_460), true));
    assert!(options.window_scale.is_some() && options.timestamps.is_some());
    host.receive(peer.syn_ack(300, syn.segment.seq + 1));
    assert_eq!(
        control(&host.only_sent()),
        format!("<SEQ={}><ACK=301><CTL=ACK>", syn.segment.seq + 1)
    );
    assert_eq!(host.state(id), State::Established);
    host.write(id, b"text");
    let text = host.only_sent();
    assert_eq!((text.source, text.destination), (peer.host, peer.socket));
}

#[test]
fn sm_open_9_must_42_one_four_tuple_has_one_connection_but_a_port_has_many() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    host.connect_to(&peer);
    let again = Open { local: Some(peer.host), ..Open::to(peer.socket) };
    assert_eq!(host.try_connect(again).unwrap_err(), ConnectError::AlreadyExists);
    host.connect_to(&peer.with_port(81));
    // MUST-42: a listener may join a port that is used in SYN-SENT.
    host.listen(5_000);
    assert_eq!(host.seen(&peer), Seen::In(State::SynSent));
    assert_eq!(host.seen(&peer.with_port(82)), Seen::Listen);
}

#[test]
fn sm_open_6_the_bound_of_connections_holds_for_both_kinds_of_open() {
    let config = EndpointConfig { connections_max: 1, ..EndpointConfig::default() };
    let mut host = Host::with("10.0.0.2", config);
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    host.receive(peer.syn(100));
    let nxt = host.only_sent().segment.seq + 1;
    let id = host.connect("10.0.0.1:80");
    let error = host.try_connect(Open::to(socket("10.0.0.1:81"))).unwrap_err();
    assert_eq!(error, ConnectError::TooManyConnections);
    host.sent();
    // The handshake waits: when there is room, the next ACK completes it.
    let full = host.receive(peer.ack(101, nxt));
    assert_eq!(full, Received::Dropped(synack_tcb::DropReason::TooManyConnections));
    assert_eq!(host.seen(&peer), Seen::SynReceived);
    host.abort(id);
    host.accept(peer.ack(101, nxt));
}

#[test]
fn sm_open_7_sm_open_8_a_listener_turns_into_a_connection_and_does_not_come_back() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    let listener = host.listen(5_000);
    let open = Open { from: Some(listener), ..Open::to(peer.socket) };
    let refused = Open { remote: socket("224.0.0.1:80"), ..open.clone() };
    assert_eq!(host.try_connect(refused).unwrap_err(), ConnectError::RemoteInvalid);
    let nowhere = Open { remote: socket("0.0.0.0:0"), ..open.clone() };
    assert_eq!(host.try_connect(nowhere).unwrap_err(), ConnectError::RemoteUnspecified);
    assert_eq!(host.seen(&peer), Seen::Listen, "an open that fails leaves the listener");
    let id = host.try_connect(open.clone()).unwrap();
    let syn = host.only_sent();
    assert_eq!(syn.source, peer.host);
    assert_eq!(host.seen(&peer.with_port(81)), Seen::Closed);
    assert_eq!(host.try_connect(open).unwrap_err(), ConnectError::NotListening);
    // RST in SYN-SENT: refused, and no return to LISTEN.
    host.receive(peer.ack(0, syn.segment.seq + 1).with_control(Flags::RST));
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::Refused));
    assert_eq!(host.seen(&peer), Seen::Closed);
}

#[test]
fn open_12_ephemeral_ports_are_of_the_range_and_differ_while_in_use() {
    let config = EndpointConfig { ephemeral_ports: (50_000, 50_099), ..EndpointConfig::default() };
    let mut host = Host::with("10.0.0.2", config);
    // A port that a listener holds is passed over.
    host.listen(50_007);
    let mut ports = BTreeSet::new();
    for _ in 0..99 {
        host.connect("10.0.0.1:80");
        let port = host.only_sent().source.port();
        assert!((50_000..50_100).contains(&port) && port != 50_007);
        assert!(ports.insert(port), "{port} is in use");
    }
    let error = host.try_connect(Open::to(socket("10.0.0.1:80"))).unwrap_err();
    assert_eq!(error, ConnectError::NoPort);
    host.connect("10.0.0.1:81");
}

#[test]
fn tw_14_an_active_open_to_a_four_tuple_in_time_wait_is_refused() {
    let (mut host, peer, _) = crate::support::time_wait(100);
    let again = Open { local: Some(peer.host), ..Open::to(peer.socket) };
    assert_eq!(host.try_connect(again.clone()).unwrap_err(), ConnectError::AlreadyExists);
    host.advance(Duration::from_secs(60));
    assert!(host.try_connect(again).is_ok());
}

#[test]
fn dec_7_after_a_reset_a_four_tuple_rests_for_a_second() {
    let (mut host, peer, id, _) = crate::support::established(100);
    host.abort(id);
    assert!(host.only_sent().segment.is_rst());
    assert_eq!(host.seen(&peer), Seen::Listen);
    let again = Open { local: Some(peer.host), ..Open::to(peer.socket) };
    assert_eq!(host.try_connect(again.clone()).unwrap_err(), ConnectError::AlreadyExists);
    host.advance(Duration::from_millis(999));
    assert_eq!(host.try_connect(again.clone()).unwrap_err(), ConnectError::AlreadyExists);
    host.advance(Duration::from_millis(1));
    assert!(host.try_connect(again).is_ok());
}

#[test]
fn tw_14_dec_7_an_ephemeral_port_is_not_drawn_while_its_four_tuple_rests() {
    let config = EndpointConfig { ephemeral_ports: (5_000, 5_000), ..EndpointConfig::default() };
    let open = Open::to(socket("10.0.0.1:80"));
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    for (case, aborts, rest) in [
        ("time_wait", false, Duration::from_secs(60)),
        ("after a reset", true, Duration::from_secs(1)),
    ] {
        let mut host = Host::with("10.0.0.2", config.clone());
        let id = host.try_connect(open.clone()).unwrap();
        let nxt = host.only_sent().segment.end();
        host.receive(peer.syn_ack(300, nxt));
        if aborts {
            host.abort(id);
        } else {
            host.close(id);
            host.receive(peer.fin(301, nxt + 1));
        }
        assert_eq!(host.seen(&peer), if aborts { Seen::Closed } else { Seen::TimeWait }, "{case}");
        host.advance(rest - Duration::from_nanos(1));
        assert_eq!(host.try_connect(open.clone()).unwrap_err(), ConnectError::NoPort, "{case}");
        host.advance(Duration::from_nanos(1));
        assert!(host.try_connect(open.clone()).is_ok(), "{case}");
    }
}

#[test]
fn sm_seqn_2_must_10_attack_a8_crossing_syns_open_one_connection() {
    // Which packets are lost: none, either SYN, either SYN-ACK, or both of a kind.
    for lost in [&[][..], &[0], &[1], &[2], &[3], &[0, 1], &[2, 3], &[0, 3]] {
        let (mut a, mut b) = (Host::new("10.0.0.1"), Host::new("10.0.0.2"));
        let (at_a, at_b) =
            (Peer::new("10.0.0.2:80", "10.0.0.1:80"), Peer::new("10.0.0.1:80", "10.0.0.2:80"));
        let (in_a, in_b) = (a.connect_to(&at_a), b.connect_to(&at_b));
        let mut count = 0;
        for _ in 0..100 {
            // Both ends speak before either hears.
            let (from_a, from_b) = (a.sent(), b.sent());
            for (packet, to) in
                from_a.into_iter().map(|p| (p, 'b')).chain(from_b.into_iter().map(|p| (p, 'a')))
            {
                assert!(!packet.segment.is_rst(), "{packet}");
                if !lost.contains(&count) {
                    if to == 'a' {
                        a.receive(packet)
                    } else {
                        b.receive(packet)
                    };
                }
                count += 1;
            }
            a.advance(Duration::from_millis(100));
            b.advance(Duration::from_millis(100));
        }
        assert_eq!(
            (a.state(in_a), b.state(in_b)),
            (State::Established, State::Established),
            "{lost:?}"
        );
        assert_eq!((a.endpoint.connections(), b.endpoint.connections()), (1, 1), "{lost:?}");
        a.write(in_a, b"from a");
        settle(&mut a, &mut b);
        assert_eq!(b.read(in_b), b"from a", "{lost:?}");
    }
}

#[test]
fn sm_synsent_8_trap_35_text_of_a_crossing_syn_is_taken_once() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    let id = host.connect_to(&peer);
    let nxt = host.only_sent().segment.seq + 1;
    host.receive(peer.syn(100).with_text(b"early"));
    assert_eq!((host.state(id), host.read(id)), (State::SynReceived, vec![]));
    host.sent();
    // The peer does not know whether it arrived, and sends it again with more.
    host.receive(peer.text(101, nxt, b"early and late").with_control(Flags::FIN));
    assert_eq!((host.state(id), host.read(id)), (State::CloseWait, b"early and late".to_vec()));
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK=116><CTL=ACK>"));
}

#[test]
fn open_13_attack_a8_a_socket_connects_to_itself() {
    let mut host = Host::new("10.0.0.2");
    let itself = Peer::new("10.0.0.2:5000", "10.0.0.2:5000");
    let id = host.connect_to(&itself);
    host.silent();
    assert_eq!(host.state(id), State::Established);
    host.write(id, b"to myself");
    assert_eq!(host.read(id), b"to myself");
    host.close(id);
    assert_eq!(host.seen(&itself), Seen::TimeWait);
    host.advance(Duration::from_secs(60));
    assert_eq!((host.endpoint.time_waits(), host.endpoint.connections()), (0, 0));
}

#[test]
fn a_host_connects_to_its_own_listener() {
    for address in ["10.0.0.2", "127.0.0.1", "::1"] {
        let prefix = format!("{address}/{}", if address.contains(':') { 128 } else { 8 });
        let prefix = prefix.parse().unwrap();
        let own = LinkAddress { prefix, link: LinkId::LOOPBACK, mtu: 65_535 };
        let mut host = Host::on(&[own], EndpointConfig::default());
        host.listen(80);
        let id = host.connect(&SocketAddr::new(address.parse().unwrap(), 80).to_string());
        let accepted = host.take_accepted().unwrap();
        host.write(id, b"hello");
        assert_eq!(host.read(accepted), b"hello", "{address}");
        host.silent();
    }
}

#[test]
fn ip_11_a_host_connects_to_its_own_link_local_address() {
    let link = LinkId(3);
    let own = LinkAddress { prefix: "fe80::2/64".parse().unwrap(), link, mtu: 1_500 };
    let mut host = Host::on(&[own], EndpointConfig::default());
    host.listen(80);
    let id = host.connect(&format!("[fe80::2%{}]:80", link.zone()));
    assert_eq!(host.state(id), State::Established);
    assert!(host.take_accepted().is_some());
}

#[test]
fn ip_11_link_local_neighbours_of_two_links_are_two_peers() {
    let on = |link| LinkAddress { prefix: "fe80::2/64".parse().unwrap(), link, mtu: 1_500 };
    let mut host = Host::on(&[on(LinkId(0)), on(LinkId(1))], EndpointConfig::default());
    host.listen(80);
    let peer = Peer::new("[fe80::1]:4000", "[fe80::2]:80");
    for link in [LinkId(0), LinkId(1)] {
        host.receive_by(link, peer.syn(100));
        let syn_ack = host.only_sent();
        let SocketAddr::V6(destination) = syn_ack.destination else { panic!("{syn_ack}") };
        assert_eq!(destination.scope_id(), link.zone(), "the answer says by which link it leaves");
        let ack = peer.ack(101, syn_ack.segment.seq + 1);
        assert!(matches!(host.receive_by(link, ack), Received::Accepted(_)));
    }
    assert_eq!(host.endpoint.connections(), 2);
    let id = host.connect("[fe80::9%2]:80");
    assert_eq!(
        host.connection(id).path().local().to_string().split(']').next(),
        Some("[fe80::2%2")
    );
}

#[test]
fn a_connection_gets_the_configuration_of_its_open_within_its_limits() {
    let mut host = Host::new("10.0.0.2");
    let config = ConnectionConfig { sack: false, hop_limit: 0, ..ConnectionConfig::default() };
    let open = Open { config: Some(Arc::new(config)), ..Open::to(socket("10.0.0.1:80")) };
    host.try_connect(open).unwrap();
    let syn = host.only_sent();
    assert!(!syn.segment.options.sack_permitted);
    assert_eq!(syn.ip.hop_limit, 1, "no packet leaves with a hop limit of zero");
}

#[test]
fn a_proxy_takes_every_port_and_every_address_after_all_others() {
    let mut host = Host::new("10.0.0.2");
    let exact = host.listen(80);
    let port = host.endpoint.listen(ListenOn::AnyPort, ListenerConfig::default()).unwrap();
    let foreign = Peer::new("10.0.0.1:4000", "203.0.113.5:443");
    let dropped = host.receive(foreign.syn(100));
    assert_eq!(dropped, Received::Dropped(synack_tcb::DropReason::NotOurs));
    let all = host.endpoint.listen(ListenOn::Anything, ListenerConfig::default()).unwrap();
    for (local, listener) in
        [("10.0.0.2:80", exact), ("10.0.0.2:81", port), ("203.0.113.5:443", all)]
    {
        assert_eq!(host.endpoint.listener_for(socket(local)), Some(listener));
    }
    host.receive(foreign.syn(100));
    let syn_ack = host.only_sent();
    assert_eq!(syn_ack.source, foreign.host);
    host.accept(foreign.ack(101, syn_ack.segment.seq + 1));
}
