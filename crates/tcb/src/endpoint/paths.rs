//! What is known of destinations, for all connections to them: the path MTU (RFC 8201 §5.2).
//!
//! One entry for each address that is below what our link takes, for ten minutes. A connection
//! tells what it found out; new ones begin with it, and those that live are told, a few at a time.

use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Endpoint;
use super::connection_id::{ConnectionId, ConnectionIds};
use super::expiry_table::ExpiryTable;
use crate::connection::{Connection, PATH_MTU_REST};
use crate::keyed_hash::KeyedHash;
use crate::{FourTuple, Instant};

/// Path MTUs by destination. Units: octets.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    table: ExpiryTable<u32>,
    news: VecDeque<News>,
}

/// What connections to a destination are still to be told.
#[derive(Clone, Copy, Debug)]
struct News {
    destination: FourTuple,
    mtu: u32,
    /// The connection that said so, if it is ours.
    from: Option<ConnectionId>,
    /// The place of the next connection to look at.
    next: usize,
}

/// What a connection found out about the path to its destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding {
    /// The connection, unless it is another shard's, and its addresses.
    pub(super) id: Option<ConnectionId>,
    pub(super) path: FourTuple,
    /// What packets may have, and what our link takes.
    pub(super) mtu: u32,
    pub(super) link: u32,
}

impl Paths {
    /// Nothing known yet, and never about more than `max` destinations.
    pub(super) fn new(hash: KeyedHash, max: usize) -> Self {
        Self { table: ExpiryTable::new(hash, max), news: VecDeque::new() }
    }

    /// What packets to the destination of `path` may have, if that is known (PMTU-14).
    pub(super) fn mtu(&mut self, now: Instant, path: &FourTuple) -> Option<u32> {
        if self.table.len() == 0 {
            return None;
        }
        let destination = destination(path);
        self.table.expire_one(now, &destination);
        self.table.get(&destination).copied()
    }

    /// Takes what a connection found out. What is less than known is told to others.
    ///
    /// Ten minutes later it is forgotten, whatever became of it (RFC 1191 §6.3, RFC 8201 §5.3).
    pub(super) fn learn(&mut self, now: Instant, finding: Finding) {
        let Finding { id, path, mtu, link } = finding;
        let known = self.mtu(now, &path).unwrap_or(link);
        let destination = destination(&path);
        self.table.expire(now);
        if mtu >= link {
            self.table.remove(&destination);
            return;
        }
        let _at_the_bound = self.table.insert(destination, now + PATH_MTU_REST, mtu);
        if mtu >= known {
            return;
        }
        let news = News { destination, mtu, from: id, next: 0 };
        self.news.retain(|other| other.destination != destination);
        if self.news.len() < NEWS_MAX {
            // Beyond that connections find out for themselves.
            self.news.push_back(news);
        }
    }

    /// How many destinations are remembered.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The next connection to be told. Looks at so many connections and no more, lest the packets
    /// wait for it; what is left over is gone on with at the next call.
    fn next_to_tell(&mut self, ids: &ConnectionIds) -> Option<(ConnectionId, u32)> {
        for _ in 0..LOOKED_AT_MAX {
            let news = self.news.front_mut()?;
            if news.next >= ids.places() {
                self.news.pop_front();
                continue;
            }
            let at = ids.at(news.next);
            news.next += 1;
            let it = at.filter(|(id, path)| {
                Some(*id) != news.from && destination(path) == news.destination
            });
            if let Some((id, _)) = it {
                return Some((id, news.mtu));
            }
        }
        None
    }
}

impl Endpoint {
    /// A connection to be told what another one to the same destination found out: pass the number
    /// to [`Connection::handle_path_mtu`](crate::Connection::handle_path_mtu).
    ///
    /// Ask after carrying events to the endpoint, until `None`. Each call takes a bounded time;
    /// with very many connections, some may be told only after later events.
    ///
    /// Source: RFC 1191 §6.2, §6.4; RFC 8201 §5.4 (PMTU-14).
    pub fn poll_path_mtu(&mut self) -> Option<(ConnectionId, u32)> {
        self.paths.next_to_tell(&self.ids)
    }

    /// A connection of another shard, on `path`, found out what packets the path takes; to be
    /// carried from each shard to all others as an
    /// [`EndpointEvent::PathMtu`](crate::EndpointEvent::PathMtu) is to its own.
    ///
    /// Units: `mtu` is octets, IP header included.
    /// Source: RFC 8201 §5.2 (PMTU-14).
    pub fn handle_path_mtu(&mut self, now: Instant, path: FourTuple, mtu: u32) {
        let link = self.addresses.mtu(path.local());
        self.paths.learn(now, Finding { id: None, path, mtu, link });
    }

    /// A new connection begins with what others to the same destination found out (PMTU-14).
    pub(super) fn begin_with_path_mtu(&mut self, now: Instant, connection: &mut Connection) {
        if let Some(mtu) = self.paths.mtu(now, &connection.path()) {
            connection.begin_with_path_mtu(now, mtu);
        }
    }

    /// How many destinations have a path MTU that is remembered.
    pub fn path_mtus(&self) -> usize {
        self.paths.len()
    }
}

/// A table is by four-tuple; of a destination only the address counts, and its zone.
fn destination(path: &FourTuple) -> FourTuple {
    let mut remote = path.remote();
    remote.set_port(0);
    let unspecified = match remote.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    FourTuple::new(SocketAddr::new(unspecified, 0), remote)
}

/// Destinations about which there may be news at a time.
const NEWS_MAX: usize = 16;
/// Connections that are looked at in one call: some microseconds.
const LOOKED_AT_MAX: usize = 1_024;

#[cfg(test)]
mod tests;
