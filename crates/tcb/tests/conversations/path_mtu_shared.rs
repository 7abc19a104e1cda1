//! What one connection finds out of the path, the others to the same destination go by (PMTU-14).
//! Two connections of a host to one far end, and one to another.

use synack_tcb::{ConnectionId, EndpointConfig, LinkAddress, LinkId};
use synack_wire::{IcmpError, IcmpErrorKind, TcpPacket};

use crate::support::{Change, Host, Peer};

/// A connection of the host to port `port` of `address`, and what it sent of 30,000 octets.
fn connected(host: &mut Host, address: &str, port: u16) -> (ConnectionId, Vec<TcpPacket>) {
    let id = host.connect(&format!("{address}:{port}"));
    let syn = host.only_sent();
    let far = Peer { socket: syn.destination, host: syn.source };
    let answer = far.syn_ack(100, syn.segment.seq + 1);
    host.receive(answer.with(|segment| segment.options.mss = Some(1_460)));
    host.sent();
    write(host, id, 30_000);
    (id, host.sent())
}

fn write(host: &mut Host, id: ConnectionId, len: usize) {
    let now = host.now;
    let written = host.connection(id).write(now, &vec![7; len], synack_tcb::Push::Now);
    assert_eq!(written, Ok(len));
    host.drain();
}

/// A router takes no packet above `mtu`; this is one of those it dropped.
fn report(packet: &TcpPacket, mtu: u16) -> IcmpError {
    IcmpError {
        kind: IcmpErrorKind::FragmentationNeeded { mtu },
        reporter: "10.0.0.254".parse().unwrap(),
        source: packet.source,
        destination: packet.destination,
        seq: packet.segment.seq,
        packet_len: packet.len() as u32,
        payload_len: None,
    }
}

fn path_mtu(host: &mut Host, id: ConnectionId) -> u32 {
    host.connection(id).info().path_mtu
}

#[test]
fn pmtu_14_others_to_the_same_destination_cut_their_next_segments() {
    let mut host = Host::new("10.0.0.2");
    let (first, sent) = connected(&mut host, "10.0.0.1", 80);
    let (second, sent_by_second) = connected(&mut host, "10.0.0.1", 81);
    let (other, _) = connected(&mut host, "10.0.0.9", 80);
    assert_eq!(host.receive_icmp(&report(&sent[0], 1_400)), Some(Ok(())));
    assert_eq!([first, second, other].map(|id| path_mtu(&mut host, id)), [1_400, 1_400, 1_500]);
    assert_eq!(host.endpoint.path_mtus(), 1);
    let again = host.sent();
    assert_eq!((again.len(), again[0].source), (1, sent[0].source), "only the first sends again");
    // An ACK lets the second send more: in smaller segments.
    let segment = &sent_by_second[0].segment;
    let far = Peer { socket: sent_by_second[0].destination, host: sent_by_second[0].source };
    host.receive(far.ack(101, segment.seq + segment.payload.len()));
    let next = host.sent();
    assert!(!next.is_empty() && next.iter().all(|packet| packet.len() == 1_400), "{next:?}");
}

#[test]
fn pmtu_8_pmtu_14_what_such_a_one_had_sent_too_large_leaves_again_when_a_router_says_so() {
    let mut host = Host::new("10.0.0.2");
    let (_, sent) = connected(&mut host, "10.0.0.1", 80);
    let (second, sent_by_second) = connected(&mut host, "10.0.0.1", 81);
    host.receive_icmp(&report(&sent[0], 1_400));
    host.sent();
    assert_eq!(host.receive_icmp(&report(&sent_by_second[0], 1_400)), Some(Ok(())));
    let again = host.sent();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].source, again[0].len()), (sent_by_second[0].source, 1_400));
    let refused = Some(Err(synack_tcb::DropReason::MtuNotLower));
    assert_eq!(host.receive_icmp(&report(&sent_by_second[1], 1_400)), refused, "once");
    assert_eq!(host.connection(second).info().counters.mtu_reductions, 1);
}

#[test]
fn pmtu_14_a_new_connection_begins_with_it_for_ten_minutes() {
    let mut host = Host::new("10.0.0.2");
    let (_, sent) = connected(&mut host, "10.0.0.1", 80);
    host.receive_icmp(&report(&sent[0], 1_300));
    host.sent();
    let (_, sent) = connected(&mut host, "10.0.0.1", 81);
    assert!(!sent.is_empty() && sent.iter().all(|packet| packet.len() == 1_300));
    // Likewise when the far end opens.
    host.listen(80);
    let far = Peer::new("10.0.0.1:5000", "10.0.0.2:80");
    host.receive(far.syn(500).with(|segment| segment.options.mss = Some(1_460)));
    let syn_ack = host.sent().pop().unwrap();
    assert_eq!(syn_ack.segment.options.mss, Some(1_460), "PMTU-10");
    let accepted = host.accept(far.ack(501, syn_ack.segment.seq + 1));
    assert_eq!(path_mtu(&mut host, accepted), 1_300);
    host.now = host.now + core::time::Duration::from_mins(10);
    let late = host.connect("10.0.0.1:82");
    assert_eq!(path_mtu(&mut host, late), 1_500, "forgotten");
    assert_eq!(host.endpoint.path_mtus(), 0);
}

#[test]
fn pmtu_14_attack_d2_the_memory_of_destinations_is_bounded() {
    let prefix = "10.0.0.2/16".parse().unwrap();
    let link = LinkAddress { prefix, link: LinkId(0), mtu: 1_500 };
    let config = EndpointConfig { path_mtus_max: 3, ..EndpointConfig::default() };
    let mut host = Host::on(&[link], config);
    for index in 1..=10 {
        let (_, sent) = connected(&mut host, &format!("10.0.1.{index}"), 80);
        assert_eq!(host.receive_icmp(&report(&sent[0], 1_400)), Some(Ok(())));
        host.sent();
        assert!(host.endpoint.path_mtus() <= 3);
    }
    let known = ["10.0.1.7:81", "10.0.1.8:81"].map(|to| {
        let id = host.connect(to);
        path_mtu(&mut host, id)
    });
    assert_eq!(known, [1_500, 1_400], "the oldest gave way");
}
