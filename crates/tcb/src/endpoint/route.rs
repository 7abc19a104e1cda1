//! Where an arriving packet goes: a connection, TIME-WAIT, a handshake, a listener, or nobody.

use alloc::boxed::Box;

use synack_wire::{IcmpError, TcpPacket};

use super::addresses::{Ownership, set_zone};
use super::demux::Target;
use super::no_connection::reset_for;
use super::time_wait::Outcome;
use super::{ConnectionId, Endpoint};
use crate::connection::Connection;
use crate::drop_reason::DropReason;
use crate::link::LinkId;
use crate::linked_slab::Key;
use crate::listener::{ListenerId, Unfolded, unfold, unfold_icmp};
use crate::{FourTuple, Instant};

/// What is to be done with a packet that arrived.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a reply is used at once; in a box, each would be an allocation that a flood pays for"
)]
pub enum Route {
    /// It is for this connection: pass it to
    /// [`Connection::handle_packet`](crate::Connection::handle_packet).
    Deliver(ConnectionId),
    /// It completed a handshake. What it carried beyond that is in the connection, which has
    /// something to poll.
    Accept {
        /// Whose place in the backlog it takes, until
        /// [`Endpoint::handle_accepted`](crate::Endpoint::handle_accepted).
        listener: ListenerId,
        /// The connection's name.
        id: ConnectionId,
        /// The connection.
        connection: Box<Connection>,
    },
    /// It is answered with this: a SYN-ACK, a RST, the ACK of a connection in TIME-WAIT.
    Reply(TcpPacket),
    /// Nothing is to be done.
    Drop(DropReason),
    /// It is for the shard of this number: its endpoint is to be asked. Nothing was changed but the
    /// zones of link-local addresses, which it would find the same.
    Elsewhere(usize),
}

impl Endpoint {
    /// SEGMENT ARRIVES: finds whose the packet is, and answers what is nobody's.
    ///
    /// `link` is the device it came in by; [`LinkId::LOOPBACK`] for what the stack sent to itself.
    /// The endpoint events of a connection must have been carried before the next packet is routed.
    ///
    /// The packet stays where it is, as it is large to move: pass it on after `Deliver`, its
    /// link-local addresses now in the zone of the link. After anything else, what is left of it
    /// means nothing.
    ///
    /// Source: RFC 9293 §3.10.7 (SM-PRE-2, SM-PRE-3).
    pub fn route(&mut self, now: Instant, link: LinkId, packet: &mut TcpPacket) -> Route {
        set_zone(link, packet);
        let path = FourTuple::of_arriving(packet);
        let target = self.demux.find(&path);
        if let Some(Target::Connection(id)) = target {
            // The addresses were looked at when it was opened; but see `is_disguised`.
            return if is_disguised(packet) {
                Route::Drop(DropReason::InvalidAddress)
            } else {
                Route::Deliver(id)
            };
        }
        let ownership = match self.addresses.check_arriving(link, packet) {
            Ok(ownership) => ownership,
            Err(reason) => return Route::Drop(reason),
        };
        if let Some(Target::HalfOpen(key)) = target {
            return self.route_to_half_open(now, key, packet);
        }
        if let Some(shard) = self.elsewhere(&path) {
            return Route::Elsewhere(shard);
        }
        if let Some(outcome) = self.time_wait.handle(now, &path, &packet.segment) {
            return self.route_to_time_wait(now, link, ownership, outcome, packet);
        }
        match self.listeners.find(packet.destination, ownership) {
            Some(listener) => self.route_to_listener(now, link, listener, packet),
            None if ownership == Ownership::Foreign => Route::Drop(DropReason::NotOurs),
            None => self.refuse(now, &path, packet),
        }
    }

    /// An ICMP error about a segment we seem to have sent: the connection to pass it to, or `None`
    /// if the endpoint dealt with it, or nobody sent such a segment (RFC 9293 §3.9.2.2, ICMP-1,
    /// ICMP-10).
    pub fn handle_icmp(&mut self, now: Instant, error: &IcmpError) -> Option<ConnectionId> {
        match self.target_of(error)? {
            Target::Connection(id) => Some(id),
            Target::HalfOpen(key) => {
                let entry = self.syn_queue.get(key)?;
                self.unfolding = Some(key);
                let is_over = unfold_icmp(now, &entry.record, &entry.config, error);
                self.unfolding = None;
                if is_over {
                    self.forget_half_open(key);
                }
                None
            }
        }
    }

    /// The shard that an ICMP error concerns, if that is another one.
    pub fn shard_of_icmp(&self, error: &IcmpError) -> Option<usize> {
        self.elsewhere(&FourTuple::new(error.source, error.destination))
    }

    /// What the quoted four-tuple leads to. A quote does not say by which link a link-local address
    /// is meant, so each that has the address is tried.
    fn target_of(&self, error: &IcmpError) -> Option<Target> {
        let path = FourTuple::new(error.source, error.destination);
        let found = self.demux.get(&path);
        let mut zones = self.addresses.zones(error.source.ip());
        found.or_else(|| zones.find_map(|zone| self.demux.get(&path.in_zone(zone))))
    }

    /// SYN-RECEIVED after a passive open.
    fn route_to_half_open(&mut self, now: Instant, key: Key, packet: &mut TcpPacket) -> Route {
        let Self { syn_queue, listeners, ids, counters, unfolding, .. } = self;
        let Some(entry) = syn_queue.get_mut(key) else {
            return Route::Drop(DropReason::NoConnection);
        };
        let (path, listener) = (entry.record.identity.path, entry.listener);
        let admit = || {
            let has_room = listeners.get_mut(listener).is_some_and(|l| l.has_backlog_room());
            if !has_room {
                counters.accept_queue_full += 1;
                return Err(DropReason::AcceptQueueFull);
            }
            if ids.is_full() { Err(DropReason::TooManyConnections) } else { Ok(()) }
        };
        *unfolding = Some(key);
        let unfolded = unfold(now, &mut entry.record, &entry.config, packet, admit);
        *unfolding = None;
        match unfolded {
            Unfolded::Open(connection) => {
                self.forget_half_open(key);
                self.accept(now, listener, connection)
            }
            Unfolded::Gone(reason) => {
                // If a connection in TIME-WAIT had made room, it is found again (MAY-2).
                self.forget_half_open(key);
                Route::Drop(reason)
            }
            Unfolded::Refused => {
                self.forget_half_open(key);
                self.refuse(now, &path, packet)
            }
            Unfolded::Reply(reply) => self.reply(now, reply),
            Unfolded::Dropped(reason) => Route::Drop(reason),
        }
    }

    fn route_to_time_wait(
        &mut self,
        now: Instant,
        link: LinkId,
        ownership: Ownership,
        outcome: Outcome,
        packet: &TcpPacket,
    ) -> Route {
        let outcome = match outcome {
            Outcome::Reopen { last } => match self.listeners.find(packet.destination, ownership) {
                Some(listener) => return self.reopen(now, link, listener, last, packet),
                None => self.time_wait.refuse(now, &FourTuple::of_arriving(packet)),
            },
            outcome @ (Outcome::Reply(_) | Outcome::Drop(_)) => outcome,
        };
        match outcome {
            Outcome::Reply(reply) => Route::Reply(reply),
            Outcome::Drop(reason) => Route::Drop(reason),
            Outcome::Reopen { .. } => Route::Drop(DropReason::TimeWait),
        }
    }

    /// A handshake is complete: the connection lives, and waits to be taken.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        listener: ListenerId,
        mut connection: Box<Connection>,
    ) -> Route {
        let path = connection.path();
        self.begin_with_path_mtu(now, &mut connection);
        let Some(id) = self.ids.insert(path) else {
            return Route::Drop(DropReason::TooManyConnections);
        };
        self.demux.insert(path, Target::Connection(id));
        self.time_wait.remove(&path);
        if let Some(listener) = self.listeners.get_mut(listener) {
            listener.on_open();
        }
        self.counters.accepts += 1;
        Route::Accept { listener, id, connection }
    }

    /// CLOSED, or an ACK in LISTEN: a RST, if the limit allows (SM-CLOSED-1 to SM-CLOSED-4,
    /// SM-LISTEN-2).
    pub(super) fn refuse(&mut self, now: Instant, path: &FourTuple, packet: &TcpPacket) -> Route {
        let ip = self.ip_fields(path);
        match reset_for(packet, ip) {
            Some(reset) => self.reply(now, reset),
            None => Route::Drop(DropReason::ResetForNobody),
        }
    }

    /// Sends a reply, unless it is a RST and the limit of those is used up (RST-15).
    pub(super) fn reply(&mut self, now: Instant, reply: TcpPacket) -> Route {
        if reply.segment.is_rst() && !self.allows_reset(now) {
            return Route::Drop(DropReason::ResetLimit);
        }
        self.counters.syn_acks_sent += u64::from(reply.segment.is_syn());
        Route::Reply(reply)
    }
}

/// Whether an IPv6 packet has an IPv4 address inside: none does, and its four-tuple would be that
/// of an IPv4 connection (RFC 4291 §2.5.5.2).
fn is_disguised(packet: &TcpPacket) -> bool {
    let is_mapped = |address: core::net::SocketAddr| match address {
        core::net::SocketAddr::V4(_) => false,
        core::net::SocketAddr::V6(v6) => v6.ip().to_ipv4_mapped().is_some(),
    };
    is_mapped(packet.source) || is_mapped(packet.destination)
}
