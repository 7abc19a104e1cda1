//! Devices as the endpoint knows them: a number, and which addresses and prefixes lie behind it.

use core::net::SocketAddr;

use ipnet::IpNet;

/// The caller's number for a device; 0 when there is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LinkId(pub u8);

impl LinkId {
    /// No device: the stack itself. A packet that leaves for one of the stack's own addresses comes
    /// back by this link, and none with such a source may come by another (robustness A4, A9).
    pub const LOOPBACK: Self = Self(u8::MAX);

    /// The zone of link-local addresses on this link, as it stands in the scope of a socket
    /// address; 0 means none there, so it is one above the number (RFC 4007 §6).
    pub const fn zone(self) -> u32 {
        self.0 as u32 + 1
    }
}

/// An address of the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkAddress {
    /// The address, and how many of its first bits all neighbours share.
    pub prefix: IpNet,
    /// The link that it belongs to.
    pub link: LinkId,
    /// The longest packet that the link takes. Units: octets, IP header included.
    pub mtu: u32,
}

/// The zone of a link-local address, 0 for any other.
///
/// Source: RFC 4007 §6 (IP-11).
pub const fn zone_of(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => 0,
    }
}
