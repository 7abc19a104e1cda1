//! The stack's devices by the number of their link, and which of them leads where.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use synack_tcb::{LinkAddress, LinkId, zone_of};

use crate::buffer_pool::BufferPool;
use crate::device::Device;
use crate::driver::Backlog;

/// A device, with what it is called and what waits for it.
pub(crate) struct Interface {
    pub(crate) device: Box<dyn Device>,
    pub(crate) pool: BufferPool,
    pub(crate) backlog: Backlog,
    /// Whether the device cuts super-segments up.
    pub(crate) takes_super_segments: bool,
    /// The largest packet, as the device or the application has it, whichever is less.
    mtu: u32,
    addresses: Vec<IpNet>,
    /// Destinations behind it, beside the neighbours that its addresses name.
    routes: Vec<IpNet>,
    condition: Condition,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    Up,
    Failed,
}

/// All of them. A link's number is its place.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    links: Vec<Interface>,
}

impl Interface {
    pub(crate) fn new(
        device: Box<dyn Device>,
        mtu_max: Option<u32>,
        addresses: Vec<IpNet>,
        routes: Vec<IpNet>,
    ) -> Self {
        let capabilities = device.capabilities();
        let mtu_of_device = capabilities.mtu;
        Self {
            pool: BufferPool::new(capabilities.packet_len_max()),
            takes_super_segments: capabilities.super_segments,
            backlog: Backlog::default(),
            mtu: mtu_max.map_or(mtu_of_device, |max| max.min(mtu_of_device)),
            device,
            addresses,
            routes,
            condition: Condition::Up,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.condition == Condition::Up
    }

    /// The device is gone.
    pub(crate) fn set_failed(&mut self) {
        self.condition = Condition::Failed;
        self.backlog = Backlog::default();
    }
}

impl Interfaces {
    pub(crate) fn new(links: Vec<Interface>) -> Self {
        debug_assert!(links.len() < usize::from(LinkId::LOOPBACK.0), "a number for each link");
        Self { links }
    }

    /// Every address of the stack, as the endpoint is told.
    pub(crate) fn addresses(&self) -> Vec<LinkAddress> {
        let of_link = |(link, interface): (LinkId, &Interface)| {
            let mtu = interface.mtu;
            let addresses = interface.addresses.clone();
            addresses.into_iter().map(move |prefix| LinkAddress { prefix, link, mtu })
        };
        self.iter().flat_map(of_link).collect()
    }

    /// The length of the longest receive blocks.
    pub(crate) fn block_len_max(&self) -> usize {
        self.links.iter().map(|interface| interface.pool.block_len()).max().unwrap_or(0)
    }

    pub(crate) fn get_mut(&mut self, link: LinkId) -> Option<&mut Interface> {
        self.links.get_mut(usize::from(link.0))
    }

    pub(crate) fn is_up(&self, link: LinkId) -> bool {
        self.links.get(usize::from(link.0)).is_some_and(Interface::is_up)
    }

    /// Nothing is connected: gives memory back.
    pub(crate) fn shrink(&mut self) {
        self.links.iter_mut().for_each(|interface| interface.pool.shrink());
    }

    /// Whether any device is left.
    pub(crate) fn is_any_up(&self) -> bool {
        self.links.iter().any(Interface::is_up)
    }

    /// Whether packets wait for a device that still lives.
    pub(crate) fn has_backlog(&self) -> bool {
        self.links.iter().any(|link| link.is_up() && link.backlog.has_packets())
    }

    /// The numbers of all links.
    pub(crate) fn ids(&self) -> impl Iterator<Item = LinkId> + use<> {
        (0..u8::MAX).take(self.links.len()).map(LinkId)
    }

    /// Whether `address` is one of the stack's.
    pub(crate) fn is_ours(&self, address: IpAddr) -> bool {
        let mut all = self.links.iter().flat_map(|interface| &interface.addresses);
        all.any(|prefix| prefix.addr() == address)
    }

    /// The link that leads to `remote`; `None` if none does.
    ///
    /// The stack itself for its own addresses; the link in whose zone a link-local address lies;
    /// the longest prefix of addresses and routes that holds `remote`; the only link there is.
    pub(crate) fn route_to(&self, remote: SocketAddr) -> Option<LinkId> {
        if self.is_ours(remote.ip()) {
            return Some(LinkId::LOOPBACK);
        }
        let zone = zone_of(remote);
        if zone != 0 {
            return self.ids().find(|link| link.zone() == zone && self.is_up(*link));
        }
        let best = self
            .iter()
            .filter(|(_, interface)| interface.is_up())
            .filter_map(|(link, interface)| Some((interface.match_len(remote.ip())?, link)))
            // Of equal ones, the first.
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        match (best, self.links.as_slice()) {
            (Some((_, link)), _) => Some(link),
            (None, [only]) if only.is_up() => Some(LinkId::default()),
            (None, _) => None,
        }
    }

    /// The address on `link` to reach `remote` from: the one with the longest prefix in common.
    /// Only where several links make it matter which.
    pub(crate) fn source_on(&self, link: LinkId, remote: IpAddr) -> Option<SocketAddr> {
        if self.links.len() < 2 {
            return None;
        }
        let interface = self.links.get(usize::from(link.0))?;
        let same_family =
            interface.addresses.iter().filter(|prefix| prefix.addr().is_ipv4() == remote.is_ipv4());
        let best = same_family.max_by_key(|prefix| {
            if prefix.contains(&remote) { u16::from(prefix.prefix_len()) + 1 } else { 0 }
        })?;
        // A link-local source is of use only for link-local destinations, which name their zone.
        let is_link_local = matches!(best.addr(), IpAddr::V6(v6) if v6.is_unicast_link_local());
        (!is_link_local).then(|| SocketAddr::new(best.addr(), 0))
    }

    fn iter(&self) -> impl Iterator<Item = (LinkId, &Interface)> {
        self.ids().zip(&self.links)
    }
}

impl Interface {
    /// Bits of the longest prefix that holds `address`.
    fn match_len(&self, address: IpAddr) -> Option<u8> {
        let all = self.addresses.iter().chain(&self.routes);
        all.filter(|prefix| prefix.contains(&address)).map(IpNet::prefix_len).max()
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            device: _,
            pool,
            backlog,
            takes_super_segments,
            mtu,
            addresses,
            routes,
            condition,
        } = self;
        f.debug_struct("Interface")
            .field("mtu", mtu)
            .field("takes_super_segments", takes_super_segments)
            .field("addresses", addresses)
            .field("routes", routes)
            .field("condition", condition)
            .field("backlog", backlog)
            .field("pool", pool)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::MemoryDevice;

    fn interface(addresses: &[&str], routes: &[&str]) -> Interface {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let device = Box::new(MemoryDevice::pair(1_500).0);
        Interface::new(device, None, parse(addresses), parse(routes))
    }

    fn link(interfaces: &Interfaces, remote: &str) -> Option<u8> {
        interfaces.route_to(remote.parse().unwrap()).map(|link| link.0)
    }

    #[test]
    fn the_longest_prefix_names_the_link() {
        let interfaces = Interfaces::new(vec![
            interface(&["10.0.0.1/24", "fe80::1/64"], &["0.0.0.0/0"]),
            interface(&["10.1.0.1/24", "fe80::1/64"], &["10.0.0.128/25"]),
        ]);
        for (remote, expected) in [
            ("10.0.0.7:1", Some(0)),
            ("10.1.0.7:1", Some(1)),
            ("10.0.0.200:1", Some(1)),
            ("192.0.2.1:1", Some(0)),
            ("10.1.0.1:1", Some(LinkId::LOOPBACK.0)),
            ("[fe80::9%2]:1", Some(1)),
            ("[2001:db8::1]:1", None),
        ] {
            assert_eq!(link(&interfaces, remote), expected, "{remote}");
        }
        let source = interfaces.source_on(LinkId(1), "10.0.0.200".parse().unwrap());
        assert_eq!(source, Some("10.1.0.1:0".parse().unwrap()));
    }

    #[test]
    fn the_only_link_leads_everywhere_while_it_is_up() {
        let mut interfaces = Interfaces::new(vec![interface(&["10.0.0.1/24"], &[])]);
        assert_eq!(link(&interfaces, "192.0.2.1:1"), Some(0));
        assert_eq!(link(&interfaces, "[2001:db8::1]:1"), Some(0));
        interfaces.get_mut(LinkId(0)).unwrap().set_failed();
        assert_eq!(link(&interfaces, "10.0.0.2:1"), None);
        assert!(!interfaces.is_any_up());
    }
}
