//! The four-tuple that names a connection, small enough to be a key.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use synack_wire::TcpPacket;

use crate::link::zone_of;

/// Local and remote address and port, seen from this end.
///
/// IPv4 addresses are held as IPv4-mapped IPv6 ones, which never occur on the wire, so a tuple is
/// 40 octets for either family. The scope of a link-local IPv6 address is part of the identity; the
/// flow label is not.
///
/// It is held as the words that its hash is taken over: they are written once for each packet, and
/// read again at once, so they are read as they were written.
///
/// Source: RFC 9293 §3.4; RFC 4007 (IP-11); RFC 6437 §2 (IP-3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourTuple {
    local: Words,
    remote: Words,
    /// Scope, local port, remote port: 32, 16 and 16 bits.
    rest: u64,
}

/// An address, the first octet highest.
type Words = [u64; 2];

impl FourTuple {
    /// The tuple of `local` and `remote`; the scope is that of whichever address is link-local.
    #[inline]
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let scope = u64::from(zone_of(local).max(zone_of(remote)));
        let ports = u64::from(local.port()) << 16 | u64::from(remote.port());
        Self { local: words(local.ip()), remote: words(remote.ip()), rest: scope << 32 | ports }
    }

    /// The tuple of a packet that arrived: its destination is local.
    #[inline]
    pub fn of_arriving(packet: &TcpPacket) -> Self {
        Self::new(packet.destination, packet.source)
    }

    /// Our address and port.
    pub fn local(&self) -> SocketAddr {
        self.socket(self.local, self.local_port())
    }

    /// The peer's address and port.
    pub fn remote(&self) -> SocketAddr {
        self.socket(self.remote, self.remote_port())
    }

    /// The tuple as the peer sees it.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let ports = u64::from(self.remote_port()) << 16 | u64::from(self.local_port());
        let rest = u64::from(self.scope()) << 32 | ports;
        Self { local: self.remote, remote: self.local, rest }
    }

    /// The tuple with another zone for its link-local addresses (IP-11).
    pub(crate) fn in_zone(self, zone: u32) -> Self {
        Self { rest: u64::from(zone) << 32 | self.rest & 0xffff_ffff, ..self }
    }

    /// Whether the addresses are IPv6.
    pub fn is_ipv6(&self) -> bool {
        address(self.remote).to_ipv4_mapped().is_none()
    }

    /// The octets that a keyed hash of the tuple is taken over, in a fixed order.
    #[inline]
    pub(crate) fn key_octets(&self) -> [u8; 40] {
        let mut key = [0; 40];
        let words = [self.local[0], self.local[1], self.remote[0], self.remote[1], self.rest];
        for (octets, word) in key.chunks_exact_mut(8).zip(words) {
            octets.copy_from_slice(&word.to_be_bytes());
        }
        key
    }

    const fn scope(&self) -> u32 {
        (self.rest >> 32) as u32
    }

    const fn local_port(&self) -> u16 {
        (self.rest >> 16) as u16
    }

    const fn remote_port(&self) -> u16 {
        self.rest as u16
    }

    fn socket(&self, words: Words, port: u16) -> SocketAddr {
        let address = address(words);
        if let Some(v4) = address.to_ipv4_mapped() {
            return SocketAddr::from((v4, port));
        }
        let scope = if address.is_unicast_link_local() { self.scope() } else { 0 };
        SocketAddr::V6(SocketAddrV6::new(address, port, 0, scope))
    }
}

const fn words(address: IpAddr) -> Words {
    match address {
        IpAddr::V4(v4) => [0, 0xffff_0000_0000 | v4.to_bits() as u64],
        IpAddr::V6(v6) => [(v6.to_bits() >> 64) as u64, v6.to_bits() as u64],
    }
}

const fn address(words: Words) -> Ipv6Addr {
    Ipv6Addr::from_bits((words[0] as u128) << 64 | words[1] as u128)
}

impl fmt::Debug for FourTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <-> {}", self.local(), self.remote())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_gives_back_its_addresses_and_takes_40_octets() {
        for (local, remote) in [
            ("10.0.0.1:80", "10.0.0.2:4000"),
            ("[fd00::1]:80", "[fd00::2]:4000"),
            ("[fe80::1%3]:80", "[fe80::2%3]:4000"),
        ] {
            let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
            let tuple = FourTuple::new(local, remote);
            assert_eq!((tuple.local(), tuple.remote()), (local, remote));
            assert_eq!(tuple.reversed(), FourTuple::new(remote, local));
        }
        assert_eq!(size_of::<FourTuple>(), 40);
    }

    #[test]
    fn ip_11_the_scope_of_a_link_local_address_is_part_of_the_identity() {
        let remote = "[fe80::2%3]:4000".parse().unwrap();
        let one = FourTuple::new("[fe80::1%3]:80".parse().unwrap(), remote);
        let other =
            FourTuple::new("[fe80::1%4]:80".parse().unwrap(), "[fe80::2%4]:4000".parse().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.key_octets(), other.key_octets());
    }

    #[test]
    fn ip_3_the_flow_label_does_not_name_a_connection() {
        let labelled = SocketAddr::V6(SocketAddrV6::new("fd00::2".parse().unwrap(), 9, 77, 0));
        let plain: SocketAddr = "[fd00::2]:9".parse().unwrap();
        let local = "[fd00::1]:80".parse().unwrap();
        assert_eq!(FourTuple::new(local, labelled), FourTuple::new(local, plain));
    }
}
