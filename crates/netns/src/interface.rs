//! Interface: a network device of the calling thread's private network, and its configuration.

use crate::{Namespace, Prefix, netlink};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

/// A network device.
///
/// It is known by a number that means something only in its own network, so use it on threads of
/// that network. Every change is refused with [`io::ErrorKind::PermissionDenied`] outside of a
/// private network; other errors are what the kernel answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    name: String,
    index: u32,
}

impl Interface {
    /// The device with this name in the calling thread's network.
    ///
    /// # Errors
    /// Of the kind of `ENODEV` if there is none.
    pub fn named(name: &str) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(name)?;
        Ok(Self { name: name.to_owned(), index })
    }

    /// Makes a pair of devices joined by a cable: one here, the other in the network `to`, or here
    /// as well. Both are down.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::AlreadyExists`] if one of the names is taken.
    pub fn create_veth(name: &str, peer_name: &str, to: Option<&Namespace>) -> io::Result<Self> {
        let mut peer = LinkMessage::default();
        peer.attributes.push(LinkAttribute::IfName(peer_name.to_owned()));
        if let Some(to) = to {
            peer.attributes.push(LinkAttribute::NetNsFd(to.as_fd().as_raw_fd()));
        }
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        netlink::request(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)?;
        Self::named(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number, as in the scope of an IPv6 address.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Sets it up, so that it carries packets.
    ///
    /// # Errors
    /// As for every change.
    pub fn set_up(&self) -> io::Result<()> {
        self.set_flags(LinkFlags::Up)
    }

    /// Waits until it carries packets. A cable takes a moment after both of its ends were set up,
    /// and loses what is sent meanwhile; a TUN device that is open takes none.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::TimedOut`] if that does not happen within ten seconds.
    pub fn wait_until_running(&self) -> io::Result<()> {
        let request = RouteNetlinkMessage::GetLink(self.message());
        netlink::request_and_await(request, 0, RTNLGRP_LINK, |news| is_running(news, self.index))
    }

    /// Sets it down. IPv6 addresses are lost, and routes over it.
    ///
    /// # Errors
    /// As for every change.
    pub fn set_down(&self) -> io::Result<()> {
        self.set_flags(LinkFlags::empty())
    }

    /// Sets the largest packet it carries, in octets with the IP header.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::InvalidInput`] for what the device does not support.
    pub fn set_mtu(&self, mtu_bytes: u32) -> io::Result<()> {
        self.set(LinkAttribute::Mtu(mtu_bytes))
    }

    /// Sets how many packets wait for a slow reader of the device (`txqueuelen`).
    ///
    /// # Errors
    /// As for every change.
    pub fn set_queue_len(&self, packets: u32) -> io::Result<()> {
        self.set(LinkAttribute::TxQueueLen(packets))
    }

    /// Gives it an address, and the network of its prefix a route. Also an IPv6 address can be used
    /// at once: no one is asked whether it is taken, and what the kernel puts off is waited for.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::AlreadyExists`] if it has the address.
    pub fn add_address(&self, address: Prefix) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address.address());
        message.header.prefix_len = address.length();
        message.header.index = self.index;
        message.attributes = vec![
            AddressAttribute::Local(address.address()),
            AddressAttribute::Address(address.address()),
        ];
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        if address.address().is_ipv4() {
            return netlink::request(RouteNetlinkMessage::NewAddress(message), flags);
        }
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        // Linux can bind an IPv6 address at once, and takes packets to it for its own a little
        // later, when a queued work has given it a local route. Until then it drops them.
        netlink::request_and_await(
            RouteNetlinkMessage::NewAddress(message),
            flags,
            RTNLGRP_IPV6_ROUTE,
            |news| is_local_route(news, address.address()),
        )
    }

    /// Sends packets for `destination` by this device, to the router `via` or, without one,
    /// directly. A route to the same destination is replaced.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::InvalidInput`] if the address has bits behind its prefix, or
    /// `via` is of the other family; `ENETUNREACH` if the router is on no network of this device.
    pub fn add_route(&self, destination: Prefix, via: Option<IpAddr>) -> io::Result<()> {
        if via.is_some_and(|via| via.is_ipv4() != destination.address().is_ipv4()) {
            let reason = format!("a route to {destination} needs a router of its own family");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let mut message = RouteMessage::default();
        message.header.address_family = family(destination.address());
        message.header.destination_prefix_length = destination.length();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.kind = RouteType::Unicast;
        message.header.scope = match via {
            Some(_) => RouteScope::Universe,
            None => RouteScope::Link,
        };
        message.attributes = vec![
            RouteAttribute::Destination(route_address(destination.address())),
            RouteAttribute::Oif(self.index),
        ];
        message.attributes.extend(via.map(route_address).map(RouteAttribute::Gateway));
        netlink::request(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    fn set_flags(&self, up: LinkFlags) -> io::Result<()> {
        let mut message = self.message();
        message.header.flags = up;
        message.header.change_mask = LinkFlags::Up;
        netlink::request(RouteNetlinkMessage::SetLink(message), 0)
    }

    fn set(&self, attribute: LinkAttribute) -> io::Result<()> {
        let mut message = self.message();
        message.attributes.push(attribute);
        netlink::request(RouteNetlinkMessage::SetLink(message), 0)
    }

    fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = self.index;
        message
    }
}

/// Whether `news` is that the device with this index carries packets.
fn is_running(news: &RouteNetlinkMessage, index: u32) -> bool {
    let RouteNetlinkMessage::NewLink(link) = news else {
        return false;
    };
    link.header.index == index && link.header.flags.contains(LinkFlags::Running)
}

/// Whether `news` is of a local route to `address`.
fn is_local_route(news: &RouteNetlinkMessage, address: IpAddr) -> bool {
    let RouteNetlinkMessage::NewRoute(route) = news else {
        return false;
    };
    let destination = RouteAttribute::Destination(route_address(address));
    route.header.kind == RouteType::Local && route.attributes.contains(&destination)
}

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

const fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}

/// The multicast group of changes to devices. Source: rtnetlink(7), linux/rtnetlink.h.
const RTNLGRP_LINK: u32 = 1;
/// The multicast group of changes to IPv6 routes. Source: rtnetlink(7), linux/rtnetlink.h.
const RTNLGRP_IPV6_ROUTE: u32 = 11;
