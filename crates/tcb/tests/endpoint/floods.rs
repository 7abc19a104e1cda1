//! Floods of segments: what they cost, what they draw, and that others are served meanwhile.
//! Packets come by the hundred thousand from far ends that are drawn by index.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use synack_tcb::{DropReason, EndpointConfig, ListenerConfig, State};

use crate::support::{Host, Peer, Received, listening_in_both_families};

/// The far end of an index: each has an address of its own.
fn stranger(peer: &Peer, index: u32) -> Peer {
    let [a, b, c, d] = index.to_be_bytes();
    let address = match peer.host.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(11 + a, b, c, d)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(0xfd01 << 112 | u128::from(index))),
    };
    Peer { socket: SocketAddr::new(address, 1_024 + (index % 60_000) as u16), ..*peer }
}

#[test]
fn attack_a1_a_syn_flood_takes_bounded_room_and_others_connect() {
    for (mut host, peer) in listening_in_both_families() {
        let mut connected = 0;
        for index in 0..200_000 {
            host.receive(stranger(&peer, index).syn(index));
            host.sent();
            assert!(host.endpoint.half_open() <= 1_024);
            if index % 1_000 == 999 {
                // One that means it.
                host.advance(Duration::from_millis(10));
                host.sent();
                let honest = peer.with_port(1 + (index / 1_000) as u16);
                host.receive(honest.syn(7));
                let nxt = host.only_sent().segment.seq + 1;
                let id = host.accept(honest.text(8, nxt, b"hello"));
                connected += u32::from(host.read(id) == b"hello");
                host.sent();
            }
        }
        assert_eq!(connected, 200);
        let counters = host.endpoint.counters();
        // The first found a place in the queue, the others did not.
        assert_eq!((counters.cookies_valid, counters.accepts), (199, 200));
        assert!(counters.cookies_sent > 198_000);
    }
}

#[test]
fn attack_a10_one_syn_draws_at_most_six_answers_in_two_minutes() {
    for (mut host, peer) in listening_in_both_families() {
        host.receive(peer.syn(100));
        host.advance(Duration::from_secs(120));
        let sent = host.sent();
        assert_eq!(sent.len(), 6);
        assert!(
            sent.iter().all(|packet| packet.segment.is_syn() && packet.segment.payload.is_empty())
        );
        // Two by configuration.
        host.listen_with(
            81,
            ListenerConfig { syn_ack_retries_max: 1, ..ListenerConfig::default() },
        );
        let at_81 = Peer { host: SocketAddr::new(peer.host.ip(), 81), ..peer };
        host.receive(at_81.syn(100));
        host.advance(Duration::from_secs(120));
        assert_eq!(host.sent().len(), 2);
        assert_eq!(host.endpoint.counters().syn_acks_sent, 8);
    }
}

#[test]
fn attack_a11_rst_15_a_hundred_thousand_probes_draw_no_more_resets_than_the_limit() {
    for (mut host, peer) in listening_in_both_families() {
        let closed = Peer { host: SocketAddr::new(peer.host.ip(), 81), ..peer };
        for second in 1..=5 {
            for index in 0..100_000 {
                host.receive(stranger(&closed, index).ack(100, 301));
            }
            let sent = host.sent().len();
            assert!((150..=200).contains(&sent), "{sent} in second {second}");
            host.advance(Duration::from_secs(1));
        }
        let counters = host.endpoint.counters();
        assert_eq!(counters.resets_sent + counters.resets_limited, 500_000);
    }
}

#[test]
fn rst_15_the_limit_holds_for_listeners_and_handshakes_too() {
    let config = EndpointConfig { resets_per_second_max: 1, ..EndpointConfig::default() };
    let mut host = Host::with("10.0.0.2", config);
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    host.receive(peer.syn(100));
    host.sent();
    assert_eq!(host.receive(peer.with_port(1).ack(100, 301)), Received::Replied);
    let limited = Received::Dropped(DropReason::ResetLimit);
    assert_eq!(host.receive(peer.with_port(1).ack(100, 301)), limited, "LISTEN");
    assert_eq!(host.receive(peer.ack(101, 301)), limited, "SYN-RECEIVED");
    let nobody = Peer { host: "10.0.0.2:81".parse().unwrap(), ..peer };
    assert_eq!(host.receive(nobody.syn(100)), limited, "CLOSED");
}

#[test]
fn attack_a12_text_out_of_state_never_draws_text() {
    for (mut host, peer) in listening_in_both_families() {
        for port in [80, 81] {
            let target = Peer { host: SocketAddr::new(peer.host.ip(), port), ..peer };
            host.receive(target.text(100, 301, &[0; 1_400]));
            let answer = host.only_sent();
            assert!(answer.segment.is_rst() && answer.segment.payload.is_empty());
        }
    }
}

#[test]
fn attack_a2_fifty_thousand_handshakes_to_a_listener_that_never_accepts() {
    for (mut host, peer) in listening_in_both_families() {
        let config = ListenerConfig { backlog: 100, ..ListenerConfig::default() };
        host.listen_with(81, config);
        let at_81 = Peer { host: SocketAddr::new(peer.host.ip(), 81), ..peer };
        let mut served = 0;
        for index in 0..50_000 {
            let client = stranger(&at_81, index);
            host.receive(client.syn(100));
            let nxt = host.only_sent().segment.seq + 1;
            host.receive(client.ack(101, nxt));
            if index % 100 == 0 {
                let other = peer.with_port(1 + (index / 100) as u16);
                host.receive(other.syn(100));
                let nxt = host.only_sent().segment.seq + 1;
                let accepted = host.receive(other.ack(101, nxt));
                served += u32::from(matches!(accepted, Received::Accepted(_)));
            }
        }
        assert_eq!(served, 500, "the second listener serves every client");
        assert_eq!(host.endpoint.connections(), 100 + 500);
        let open = host.connections.values().filter(|c| c.state() == State::Established);
        assert_eq!(open.count(), 600);
    }
}

#[test]
fn attack_b5_who_uses_up_one_connections_challenges_learns_nothing_of_another() {
    let (mut host, peer, _, _) = crate::support::established(100);
    let victim = peer.with_port(4_001);
    host.receive(victim.syn(100));
    let nxt = host.only_sent().segment.seq + 1;
    host.accept(victim.ack(101, nxt));
    for _ in 0..100 {
        host.receive(peer.rst(200));
    }
    assert_eq!(host.sent().len(), 10);
    for _ in 0..10 {
        host.receive(victim.rst(200));
        host.only_sent();
    }
}
