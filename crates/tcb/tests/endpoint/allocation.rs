//! What an endpoint does for strangers allocates nothing, and little for those it remembers.
//! A counting allocator watches calls of the endpoint after its tables have grown.

use std::time::Duration;

use allocation_counter::measure;
use synack_tcb::{LinkId, ListenerConfig, Route, SynCookies};
use synack_wire::TcpPacket;

use crate::support::{Host, Peer, established, listening, time_wait};

/// Allocations while `host` routes `packets`.
fn allocations(host: &mut Host, packets: Vec<TcpPacket>) -> u64 {
    let (endpoint, now) = (&mut host.endpoint, host.now);
    let mut packets = packets.into_iter();
    measure(|| {
        for mut packet in packets.by_ref() {
            assert!(matches!(
                endpoint.route(now, LinkId(0), &mut packet),
                Route::Reply(_) | Route::Deliver(..) | Route::Drop(_)
            ));
        }
    })
    .count_total
}

#[test]
fn a_syn_ack_and_its_repetition_allocate_nothing() {
    let (mut host, peer) = listening();
    let syns = || (1..=500).map(|port| peer.with_port(port).syn(100)).collect::<Vec<_>>();
    allocations(&mut host, syns());
    host.advance(Duration::from_secs(63));
    assert_eq!(host.endpoint.half_open(), 0);
    assert_eq!(allocations(&mut host, syns()), 0, "the tables have grown");
    assert_eq!(allocations(&mut host, syns()), 0, "the same SYNs again");
    let mut now = host.now;
    let again = measure(|| {
        for _ in 0..5 {
            now = host.endpoint.deadline().unwrap();
            host.endpoint.handle_timeout(now);
            while host.endpoint.poll_transmit(now).is_some() {}
        }
    });
    assert_eq!(again.count_total, 0);
    assert_eq!(host.endpoint.half_open(), 500);
}

#[test]
fn sync_2_cookies_and_resets_allocate_nothing() {
    let mut host = Host::new("10.0.0.2");
    host.listen_with(
        80,
        ListenerConfig { syn_cookies: SynCookies::Always, ..ListenerConfig::default() },
    );
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let closed = Peer::new("10.0.0.1:4000", "10.0.0.2:81");
    for (case, packets) in [
        ("cookies", (1..=500).map(|port| peer.with_port(port).syn(100)).collect()),
        ("bad cookies", (1..=500).map(|port| peer.with_port(port).ack(100, 300)).collect()),
        ("nobody", (1..=500).map(|port| closed.with_port(port).ack(100, 300)).collect()),
    ] {
        assert_eq!(allocations(&mut host, packets), 0, "{case}");
    }
}

#[test]
fn tw_13_answers_in_time_wait_allocate_nothing() {
    let (mut host, peer, nxt) = time_wait(100);
    let packets = vec![peer.fin(101, nxt), peer.ack(50, nxt), peer.rst(102), peer.syn(101)];
    assert_eq!(allocations(&mut host, packets), 0);
}

#[test]
fn the_way_to_a_connection_allocates_nothing() {
    let (mut host, peer, _, nxt) = established(100);
    let packets = (0..500).map(|_| peer.text(101, nxt, b"text")).collect();
    assert_eq!(allocations(&mut host, packets), 0);
}

#[test]
fn ten_thousand_handshakes_take_a_few_hundred_octets_each() {
    const COUNT: u16 = 10_000;
    let mut host = Host::new("10.0.0.2");
    let half_open_max = COUNT.into();
    host.listen_with(80, ListenerConfig { half_open_max, ..ListenerConfig::default() });
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let (endpoint, now) = (&mut host.endpoint, host.now);
    let info = measure(|| {
        for port in 1..=COUNT {
            let route = endpoint.route(now, LinkId(0), &mut peer.with_port(port).syn(100));
            assert!(matches!(route, Route::Reply(_)));
        }
    });
    let each = info.bytes_current / i64::from(COUNT);
    assert!(each <= 400, "{each} octets each");
    assert!(info.count_total < 50, "{} allocations, all of tables", info.count_total);
}
