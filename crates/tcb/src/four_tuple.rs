//! The four-tuple that names a connection, small enough to be a key.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use synack_wire::TcpPacket;

/// Local and remote address and port, seen from this end.
///
/// IPv4 addresses are held as IPv4-mapped IPv6 ones, which never occur on the wire, so a tuple is
/// 40 octets for either family. The scope of a link-local IPv6 address is part of the identity; the
/// flow label is not.
///
/// Source: RFC 9293 §3.4; RFC 4007 (IP-11); RFC 6437 §2 (IP-3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourTuple {
    local: [u8; 16],
    remote: [u8; 16],
    scope: u32,
    local_port: u16,
    remote_port: u16,
}

impl FourTuple {
    /// The tuple of `local` and `remote`; the scope is that of whichever address is link-local.
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            local: octets(local.ip()),
            remote: octets(remote.ip()),
            scope: scope(local).max(scope(remote)),
            local_port: local.port(),
            remote_port: remote.port(),
        }
    }

    /// The tuple of a packet that arrived: its destination is local.
    pub fn of_arriving(packet: &TcpPacket) -> Self {
        Self::new(packet.destination, packet.source)
    }

    /// The tuple of a packet that leaves: its source is local.
    pub fn of_leaving(packet: &TcpPacket) -> Self {
        Self::new(packet.source, packet.destination)
    }

    /// Our address and port.
    pub fn local(&self) -> SocketAddr {
        self.socket(self.local, self.local_port)
    }

    /// The peer's address and port.
    pub fn remote(&self) -> SocketAddr {
        self.socket(self.remote, self.remote_port)
    }

    /// The tuple as the peer sees it.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
            scope: self.scope,
            local_port: self.remote_port,
            remote_port: self.local_port,
        }
    }

    /// The tuple with another zone for its link-local addresses (IP-11).
    pub(crate) const fn in_zone(self, zone: u32) -> Self {
        Self { scope: zone, ..self }
    }

    /// Whether the addresses are IPv6.
    pub fn is_ipv6(&self) -> bool {
        Ipv6Addr::from(self.remote).to_ipv4_mapped().is_none()
    }

    /// The octets that a keyed hash of the tuple is taken over, in a fixed order.
    pub(crate) fn key_octets(&self) -> [u8; 40] {
        let mut key = [0; 40];
        let fields: [&[u8]; 5] = [
            &self.local,
            &self.remote,
            &self.scope.to_be_bytes(),
            &self.local_port.to_be_bytes(),
            &self.remote_port.to_be_bytes(),
        ];
        let source = fields.into_iter().flatten();
        key.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
        key
    }

    fn socket(&self, address: [u8; 16], port: u16) -> SocketAddr {
        let address = Ipv6Addr::from(address);
        if let Some(v4) = address.to_ipv4_mapped() {
            return SocketAddr::from((v4, port));
        }
        let scope = if address.is_unicast_link_local() { self.scope } else { 0 };
        SocketAddr::V6(SocketAddrV6::new(address, port, 0, scope))
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::to_ipv6_mapped(&v4).octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => 0,
    }
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
