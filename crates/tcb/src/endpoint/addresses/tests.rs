//! Impossible addresses are dropped, ours are known, and a source is found for each destination.
//! Each row is a packet's link and addresses, or a destination, and what is made of it.

use super::*;
use core::net::Ipv6Addr;
use synack_wire::{IpFields, Segment};

const LINK_0: LinkId = LinkId(0);
const LINK_1: LinkId = LinkId(1);

fn address(prefix: &str, link: LinkId, mtu: u32) -> LinkAddress {
    LinkAddress { prefix: prefix.parse().unwrap(), link, mtu }
}

fn addresses() -> Addresses {
    let mut addresses = Addresses::default();
    addresses.set(&[
        address("10.0.0.2/24", LINK_0, 1_500),
        address("10.0.1.2/28", LINK_1, 9_000),
        address("192.0.2.9/32", LINK_1, 1_400),
        address("198.51.100.0/31", LINK_1, 1_400),
        address("fd00::2/64", LINK_0, 1_500),
        address("2001:db8::2/64", LINK_1, 9_000),
        address("fe80::2/64", LINK_0, 1_500),
        address("fe80::2/64", LINK_1, 9_000),
        address("127.0.0.1/8", LinkId::LOOPBACK, 65_535),
    ]);
    addresses
}

fn packet(source: &str, destination: &str) -> TcpPacket {
    TcpPacket {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ip: IpFields::default(),
        segment_size: None,
        segment: Segment::default(),
    }
}

#[test]
fn must_57_must_63_ip_8_impossible_addresses_are_dropped() {
    use DropReason::{InvalidAddress, Land};
    use Ownership::{Foreign, Ours};
    let addresses = addresses();
    for (case, link, source, destination, expected) in [
        ("ours", LINK_0, "10.0.0.1:9", "10.0.0.2:80", Ok(Ours)),
        ("ours on another link: the weak model", LINK_0, "10.0.0.1:9", "10.0.1.2:80", Ok(Ours)),
        ("not ours", LINK_0, "10.0.0.1:9", "10.0.0.3:80", Ok(Foreign)),
        ("broadcast", LINK_0, "10.0.0.1:9", "255.255.255.255:80", Err(InvalidAddress)),
        ("prefix broadcast", LINK_0, "10.0.0.1:9", "10.0.0.255:80", Err(InvalidAddress)),
        ("another prefix's", LINK_0, "10.0.0.1:9", "10.0.1.15:80", Err(InvalidAddress)),
        ("no broadcast in /32", LINK_0, "192.0.2.9:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("no broadcast in /31", LINK_0, "198.51.100.1:9", "10.0.0.2:80", Ok(Ours)),
        ("multicast", LINK_0, "10.0.0.1:9", "224.0.0.1:80", Err(InvalidAddress)),
        ("multicast v6", LINK_0, "[fd00::1]:9", "[ff02::1]:80", Err(InvalidAddress)),
        ("unspecified", LINK_0, "10.0.0.1:9", "0.0.0.0:80", Err(InvalidAddress)),
        ("unspecified v6", LINK_0, "[fd00::1]:9", "[::]:80", Err(InvalidAddress)),
        ("from broadcast", LINK_0, "255.255.255.255:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("from prefix broadcast", LINK_0, "10.0.0.255:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("from multicast", LINK_0, "239.1.1.1:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("from multicast v6", LINK_0, "[ff05::1]:9", "[fd00::2]:80", Err(InvalidAddress)),
        ("from unspecified", LINK_0, "0.0.0.0:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("from this network", LINK_0, "0.1.2.3:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("from unspecified v6", LINK_0, "[::]:9", "[fd00::2]:80", Err(InvalidAddress)),
        ("v4 inside v6", LINK_0, "[::ffff:10.0.0.1]:9", "[fd00::2]:80", Err(InvalidAddress)),
        ("to v4 inside v6", LINK_0, "[fd00::1]:9", "[::ffff:10.0.0.2]:80", Err(InvalidAddress)),
        ("loopback from outside", LINK_0, "127.0.0.1:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("to loopback", LINK_0, "10.0.0.1:9", "127.0.0.1:80", Err(InvalidAddress)),
        ("loopback v6", LINK_0, "[::1]:9", "[fd00::2]:80", Err(InvalidAddress)),
        ("loopback inside", LinkId::LOOPBACK, "127.0.0.1:9", "127.0.0.1:80", Ok(Ours)),
        ("a9 our own from outside", LINK_0, "10.0.0.2:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("a9 another of ours", LINK_0, "10.0.1.2:9", "10.0.0.2:80", Err(InvalidAddress)),
        ("our own from inside", LinkId::LOOPBACK, "10.0.0.2:9", "10.0.0.2:80", Ok(Ours)),
        ("a4 land", LINK_0, "10.0.0.2:80", "10.0.0.2:80", Err(Land)),
        ("a4 land from inside", LinkId::LOOPBACK, "10.0.0.2:80", "10.0.0.2:80", Err(Land)),
    ] {
        assert_eq!(
            addresses.check_arriving(link, &packet(source, destination)),
            expected,
            "{case}"
        );
    }
}

#[test]
fn must_44_a_source_is_chosen_by_the_way_to_the_remote() {
    let addresses = addresses();
    for (case, remote, source) in [
        ("a neighbour", "10.0.0.77:80", Ok("10.0.0.2:0")),
        ("a neighbour on the other link", "10.0.1.3:80", Ok("10.0.1.2:0")),
        ("far away: most leading bits in common", "10.0.1.99:80", Ok("10.0.1.2:0")),
        ("far away: the first of equals", "10.128.0.1:80", Ok("10.0.0.2:0")),
        ("ourselves", "10.0.1.2:80", Ok("10.0.1.2:0")),
        ("ourselves by loopback", "127.0.0.1:80", Ok("127.0.0.1:0")),
        ("anything else of loopback", "127.0.0.9:80", Ok("127.0.0.1:0")),
        ("a neighbour v6", "[fd00::77]:80", Ok("[fd00::2]:0")),
        ("far away v6", "[2001:db8:1::1]:80", Ok("[2001:db8::2]:0")),
        ("link-local of one link", "[fe80::1%2]:80", Ok("[fe80::2%2]:0")),
        ("link-local of no link: the first", "[fe80::1]:80", Ok("[fe80::2%1]:0")),
        ("link-local of an unknown link", "[fe80::1%7]:80", Err(ConnectError::NoRoute)),
        ("loopback v6, which we have not", "[::1]:80", Err(ConnectError::NoRoute)),
    ] {
        let source = source.map(|source| source.parse().unwrap());
        assert_eq!(addresses.source_for(remote.parse().unwrap()), source, "{case}");
    }
    let none = Addresses::default().source_for("10.0.0.1:80".parse().unwrap());
    assert_eq!(none, Err(ConnectError::NoRoute));
}

#[test]
fn mss_1_the_longest_packet_is_that_of_the_addresss_link() {
    let addresses = addresses();
    for (local, mtu) in [
        ("10.0.0.2:80", 1_500),
        ("10.0.1.2:80", 9_000),
        ("[fe80::2%1]:80", 1_500),
        ("[fe80::2%2]:80", 9_000),
        ("10.9.9.9:80", MTU_EVERYWHERE),
    ] {
        assert_eq!(addresses.mtu(local.parse().unwrap()), mtu, "{local}");
    }
}

#[test]
fn ip_11_a_link_local_address_is_ours_in_its_own_zone_only() {
    let mut addresses = Addresses::default();
    addresses.set(&[address("fe80::2/64", LINK_1, 1_500)]);
    let mut packet = packet("[fe80::1]:9", "[fe80::2]:80");
    set_zone(LINK_1, &mut packet);
    assert_eq!(zone_of(packet.source), LINK_1.zone());
    assert_eq!(addresses.check_arriving(LINK_1, &packet), Ok(Ownership::Ours));
    set_zone(LINK_0, &mut packet);
    assert_eq!(addresses.check_arriving(LINK_0, &packet), Ok(Ownership::Foreign));
    let zones: Vec<_> = addresses.zones("fe80::2".parse().unwrap()).collect();
    assert_eq!(zones, [LINK_1.zone()]);
    assert!(addresses.zones(Ipv6Addr::LOCALHOST.into()).next().is_none());
}
