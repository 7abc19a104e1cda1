//! Endpoints that are shards of one stack leave each other's packets, opens and errors alone.
//! Each of them is asked the same, and exactly one takes it.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use synack_tcb::{
    ConnectError, Endpoint, EndpointConfig, FourTuple, Instant, LinkAddress, LinkId, ListenOn,
    ListenerConfig, Open, Route, Shard, ShardMap,
};
use synack_wire::{IcmpError, IcmpErrorKind, SeqNum, TcpPacket};

use crate::support::Peer;

/// The endpoints of a stack at 10.0.0.2.
fn shards(count: u16) -> (Vec<Endpoint>, ShardMap) {
    let count = NonZeroU16::new(count).unwrap();
    let prefix = "10.0.0.2/24".parse().unwrap();
    let endpoint = |shard| {
        let config = EndpointConfig { resets_per_second_max: 8_000, ..Default::default() };
        let mut endpoint = Endpoint::of_shard(config, SECRET, shard);
        endpoint.set_addresses(&[LinkAddress { prefix, link: LinkId(0), mtu: 1_500 }]);
        endpoint
    };
    (Shard::all(count).map(endpoint).collect(), ShardMap::new(&SECRET, count))
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn route(endpoint: &mut Endpoint, packet: &TcpPacket) -> Route {
    endpoint.route(NOW, LinkId(0), &mut packet.clone())
}

#[test]
fn a_segment_is_answered_by_one_shard_and_the_others_say_which() {
    let (mut shards, map) = shards(4);
    for endpoint in &mut shards {
        let on = ListenOn::Socket(socket("10.0.0.2:80"));
        endpoint.listen(on, ListenerConfig::default()).unwrap();
    }
    let mut answered = [0; 4];
    for port in 1_000..1_400 {
        // To the listener, and to nobody.
        for local in ["10.0.0.2:80", "10.0.0.2:81"] {
            let peer = Peer::new(&format!("10.0.0.1:{port}"), local);
            let owner = map.owner(&FourTuple::new(peer.host, peer.socket));
            for (index, endpoint) in shards.iter_mut().enumerate() {
                match route(endpoint, &peer.syn(100)) {
                    Route::Reply(_) => {
                        assert_eq!(index, owner);
                        answered[index] += 1;
                    }
                    Route::Elsewhere(other) => assert!(other == owner && index != owner),
                    Route::Deliver(_) | Route::Accept { .. } | Route::Drop(_) => unreachable!(),
                }
            }
        }
    }
    assert_eq!(answered.iter().sum::<i32>(), 800);
    assert!(answered.iter().all(|count| *count > 120), "{answered:?}");
    assert!(shards.iter().all(|endpoint| endpoint.half_open() > 60));
}

#[test]
fn an_open_draws_a_port_that_is_the_shards_own_and_no_two_shards_draw_alike() {
    let (mut shards, map) = shards(4);
    let mut drawn = Vec::new();
    for (index, endpoint) in shards.iter_mut().enumerate() {
        let ports = (0..200).map(|_| {
            let open = Open::to(socket("10.0.0.1:80"));
            assert_eq!(endpoint.shard_of_open(&open), None);
            let (_, connection) = endpoint.connect(NOW, open).unwrap();
            assert_eq!(map.owner(&connection.path()), index);
            connection.path().local().port()
        });
        drawn.extend(ports);
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 800, "a port is one shard's, to one remote");
}

#[test]
fn open_12_a_shard_finds_the_last_port_of_its_own() {
    let count = NonZeroU16::new(16).unwrap();
    let map = ShardMap::new(&SECRET, count);
    let (low, high) = (40_000, 40_063);
    let remote = socket("10.0.0.1:80");
    for shard in Shard::all(count) {
        let config = EndpointConfig { ephemeral_ports: (low, high), ..EndpointConfig::default() };
        let mut endpoint = Endpoint::of_shard(config, SECRET, shard);
        let prefix = "10.0.0.2/24".parse().unwrap();
        endpoint.set_addresses(&[LinkAddress { prefix, link: LinkId(0), mtu: 1_500 }]);
        let own = (low..=high).filter(|port| {
            map.owner(&FourTuple::new(([10, 0, 0, 2], *port).into(), remote)) == shard.index()
        });
        for _ in own {
            endpoint.connect(NOW, Open::to(remote)).unwrap();
        }
        let error = endpoint.connect(NOW, Open::to(remote)).unwrap_err();
        assert_eq!(error, ConnectError::NoPort);
    }
}

#[test]
fn an_open_from_a_port_that_was_chosen_is_one_shards_to_do() {
    let (mut shards, map) = shards(4);
    let remote = socket("10.0.0.1:80");
    for port in 2_000..2_100 {
        // The address is left to the endpoint, which needs it to tell whose the open is.
        let open = Open { local: Some(([0, 0, 0, 0], port).into()), ..Open::to(remote) };
        let owner = map.owner(&FourTuple::new(([10, 0, 0, 2], port).into(), remote));
        for (index, endpoint) in shards.iter_mut().enumerate() {
            let elsewhere = (index != owner).then_some(owner);
            assert_eq!(endpoint.shard_of_open(&open), elsewhere);
        }
        shards[owner].connect(NOW, open).unwrap();
    }
    // What cannot be is no one else's.
    let impossible = Open { local: Some(socket("10.0.0.9:7")), ..Open::to(remote) };
    assert_eq!(shards[1].shard_of_open(&impossible), None);
}

#[test]
fn icmp_1_an_error_concerns_the_shard_of_what_it_quotes() {
    let (shards, map) = shards(4);
    for port in 2_000..2_100 {
        let (source, destination) =
            (SocketAddr::from(([10, 0, 0, 2], port)), socket("10.0.0.1:80"));
        let error = IcmpError {
            kind: IcmpErrorKind::PortUnreachable,
            reporter: destination.ip(),
            source,
            destination,
            seq: SeqNum::new(1),
            packet_len: 40,
            payload_len: Some(0),
        };
        let owner = map.owner(&FourTuple::new(source, destination));
        for (index, endpoint) in shards.iter().enumerate() {
            assert_eq!(endpoint.shard_of_icmp(&error), (index != owner).then_some(owner));
        }
    }
}

#[test]
fn pmtu_14_a_path_mtu_that_one_shard_found_out_holds_for_all() {
    let (mut shards, _) = shards(2);
    let endpoint = &mut shards[1];
    let open = |remote| Open::to(socket(remote));
    let (before, mut connection) = endpoint.connect(NOW, open("10.0.0.1:80")).unwrap();
    let (_, other) = endpoint.connect(NOW, open("10.0.0.9:80")).unwrap();
    let path = FourTuple::new(socket("10.0.0.2:5"), socket("10.0.0.1:443"));
    endpoint.handle_path_mtu(NOW, path, 1_400);
    assert_eq!(endpoint.poll_path_mtu(), Some((before, 1_400)));
    assert_eq!(endpoint.poll_path_mtu(), None);
    connection.handle_path_mtu(NOW, 1_400);
    let (_, after) = endpoint.connect(NOW, open("10.0.0.1:80")).unwrap();
    let sizes = [&connection, &after, &other].map(|it| it.info().path_mtu);
    assert_eq!(sizes, [1_400, 1_400, 1_500]);
}

#[test]
fn the_only_shard_has_all_there_is() {
    let (mut shards, _) = shards(1);
    for port in 1_000..1_100 {
        let peer = Peer::new(&format!("10.0.0.1:{port}"), "10.0.0.2:81");
        assert!(matches!(route(&mut shards[0], &peer.syn(100)), Route::Reply(_)));
    }
}

const SECRET: [u8; 32] = [9; 32];
const NOW: Instant = Instant::from_millis(1_000);
