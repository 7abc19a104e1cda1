//! Which local addresses are ours, on which link; which source reaches a destination; and which
//! addresses no segment may have.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use ipnet::IpNet;
use synack_wire::TcpPacket;

use crate::drop_reason::DropReason;
use crate::error::ConnectError;
use crate::link::{LinkAddress, LinkId, zone_of};

/// The addresses of the stack. A destination that is ours is taken from any link, as RFC 1122
/// §3.3.4.2 calls the weak model; link-local and loopback ones from their own link only.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    addresses: Vec<LinkAddress>,
}

/// Whose a destination is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ownership {
    /// One of our addresses.
    Ours,
    /// A host's, not ours: only a listener on anything takes it.
    Foreign,
}

impl Addresses {
    pub(super) fn set(&mut self, addresses: &[LinkAddress]) {
        self.addresses = addresses.to_vec();
    }

    /// Whether `address` is ours; `zone` counts for a link-local one, unless it is 0.
    pub(super) fn is_ours(&self, address: IpAddr, zone: u32) -> bool {
        self.find(address, zone).is_some()
    }

    /// The local address that a caller names, with its zone and no port, if it is ours.
    pub(super) fn own(&self, local: SocketAddr) -> Option<SocketAddr> {
        self.find(local.ip(), zone_of(local)).map(socket)
    }

    /// The longest packet to send from `local`. For an address that is not ours, what every link
    /// takes.
    pub(super) fn mtu(&self, local: SocketAddr) -> u32 {
        self.find(local.ip(), zone_of(local)).map_or(MTU_EVERYWHERE, |address| address.mtu)
    }

    /// The links, by their zones, of a local address. Bounded by the number of our addresses.
    pub(super) fn zones(&self, local: IpAddr) -> impl Iterator<Item = u32> {
        let here = self.addresses.iter().filter(move |address| address.prefix.addr() == local);
        here.map(|address| address.link.zone())
    }

    /// Whether a segment for nobody we know so far may be looked at.
    ///
    /// # Errors
    /// Broadcast, multicast, unspecified and otherwise impossible addresses; loopback addresses and
    /// our own as a source, but on the link that they belong to; the source that is the
    /// destination.
    ///
    /// Source: RFC 9293 §3.9.2.3 (MUST-57, MUST-63); RFC 1122 §3.2.1.3 (IP-8, SM-PRE-2); robustness
    /// A4, A9.
    pub(super) fn check_arriving(
        &self,
        link: LinkId,
        packet: &TcpPacket,
    ) -> Result<Ownership, DropReason> {
        let (source, destination) = (packet.source, packet.destination);
        if source == destination {
            return Err(DropReason::Land);
        }
        if !self.is_unicast(source.ip()) || !self.is_unicast(destination.ip()) {
            return Err(DropReason::InvalidAddress);
        }
        let from_inside = link == LinkId::LOOPBACK;
        let has_loopback = source.ip().is_loopback() || destination.ip().is_loopback();
        if has_loopback && !(from_inside || self.is_loopback_on(destination.ip(), link)) {
            return Err(DropReason::InvalidAddress);
        }
        if !from_inside && self.is_ours(source.ip(), zone_of(source)) {
            return Err(DropReason::InvalidAddress);
        }
        Ok(self.ownership(destination))
    }

    /// Whose `address` is.
    pub(super) fn ownership(&self, address: SocketAddr) -> Ownership {
        let ours = self.is_ours(address.ip(), zone_of(address));
        if ours { Ownership::Ours } else { Ownership::Foreign }
    }

    /// The local address to reach `remote` from, with its zone.
    ///
    /// One of ours for itself, then the address with the longest prefix that holds `remote`, then
    /// any that is not link-local or loopback, the one with most leading bits in common first.
    ///
    /// # Errors
    /// `NoRoute` if none fits.
    ///
    /// Source: RFC 9293 §3.9.1.1 (MUST-44); RFC 6724 §5, rules 1, 2 and 8.
    pub(super) fn source_for(&self, remote: SocketAddr) -> Result<SocketAddr, ConnectError> {
        let zone = zone_of(remote);
        if let Some(own) = self.find(remote.ip(), zone) {
            return Ok(socket(own));
        }
        let fits = |address: &&LinkAddress| reaches(address, remote.ip(), zone);
        // Of equals the last is taken, so backwards: the one that was given first.
        let best = self.addresses.iter().rev().filter(fits).max_by_key(|address| {
            let direct = address.prefix.contains(&remote.ip());
            let prefix_len = if direct { address.prefix.prefix_len() } else { 0 };
            (direct, prefix_len, common_bits(address.prefix.addr(), remote.ip()))
        });
        best.map(socket).ok_or(ConnectError::NoRoute)
    }

    /// Whether one host may have `address`: not the broadcast address of a prefix of ours, either.
    ///
    /// An IPv4 address inside an IPv6 one never occurs on the wire (RFC 4291 §2.5.5.2); taken, it
    /// would name the connection of an IPv4 packet.
    pub(super) fn is_unicast(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => is_unicast_v4(v4) && !self.is_directed_broadcast(v4),
            IpAddr::V6(v6) => is_unicast_v6(v6),
        }
    }

    fn is_directed_broadcast(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|ours| match ours.prefix {
            // A prefix of 31 or 32 bits has no broadcast address (RFC 3021 §2.1).
            IpNet::V4(prefix) => prefix.prefix_len() < 31 && prefix.broadcast() == address,
            IpNet::V6(_) => false,
        })
    }

    fn is_loopback_on(&self, address: IpAddr, link: LinkId) -> bool {
        let mut here = self.addresses.iter().filter(|ours| ours.link == link);
        address.is_loopback() && here.any(|ours| ours.prefix.addr() == address)
    }

    fn find(&self, address: IpAddr, zone: u32) -> Option<&LinkAddress> {
        self.addresses.iter().find(|ours| {
            let in_zone = zone == 0 || !is_link_local(address) || ours.link.zone() == zone;
            ours.prefix.addr() == address && in_zone
        })
    }
}

/// Sets the zone of `link` in the link-local IPv6 addresses of a packet, which are the same on
/// every link (IP-11). What the stack sends to itself has its zone already.
pub(super) fn set_zone(link: LinkId, packet: &mut TcpPacket) {
    if link == LinkId::LOOPBACK {
        return;
    }
    for end in [&mut packet.source, &mut packet.destination] {
        if let SocketAddr::V6(v6) = end
            && v6.ip().is_unicast_link_local()
        {
            v6.set_scope_id(link.zone());
        }
    }
}

/// Whether a packet from `address` can get to `remote` at all.
fn reaches(address: &LinkAddress, remote: IpAddr, zone: u32) -> bool {
    let local = address.prefix.addr();
    let same_family = local.is_ipv4() == remote.is_ipv4();
    let same_scope = local.is_loopback() == remote.is_loopback()
        && is_link_local(local) == is_link_local(remote);
    let in_zone = zone == 0 || address.link.zone() == zone;
    same_family && same_scope && in_zone
}

/// The address with its zone, and no port.
fn socket(address: &LinkAddress) -> SocketAddr {
    match address.prefix.addr() {
        IpAddr::V4(v4) => SocketAddr::from((v4, 0)),
        IpAddr::V6(v6) => {
            let zone = if v6.is_unicast_link_local() { address.link.zone() } else { 0 };
            SocketAddr::V6(SocketAddrV6::new(v6, 0, 0, zone))
        }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        // RFC 3927's addresses are routed by prefix like any other here.
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_unicast_v4(address: Ipv4Addr) -> bool {
    // All of 0.0.0.0/8 is "this network" (RFC 1122 §3.2.1.3).
    let is_this_network = address.octets()[0] == 0;
    !(is_this_network || address.is_multicast() || address.is_broadcast())
}

fn is_unicast_v6(address: Ipv6Addr) -> bool {
    let is_mapped = address.to_ipv4_mapped().is_some();
    !(address.is_unspecified() || address.is_multicast() || is_mapped)
}

fn common_bits(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    }
}

/// Every link that carries IPv6 takes packets of this length (RFC 8200 §5), and nearly every one
/// that carries IPv4.
const MTU_EVERYWHERE: u32 = 1_280;

#[cfg(test)]
mod tests;
