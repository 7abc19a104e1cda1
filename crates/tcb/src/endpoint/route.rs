//! Where an arriving packet goes: a connection, TIME-WAIT, a handshake, a listener, or nobody.

use alloc::boxed::Box;

use synack_wire::{IcmpError, SeqNum, TcpPacket};

use super::addresses::{Ownership, set_zone};
use super::demux::Target;
use super::no_connection::reset_for;
use super::time_wait::Outcome;
use super::{ConnectionId, Endpoint};
use crate::connection::{Connection, Negotiated, Offer, SynRecord};
use crate::drop_reason::DropReason;
use crate::link::LinkId;
use crate::linked_slab::Key;
use crate::listener::{ListenerId, Unfolded, Verdict, cookie_timestamp, keepable};
use crate::listener::{unfold, unfold_icmp};
use crate::{FourTuple, Instant};

/// What is to be done with a packet that arrived.
#[derive(Debug)]
pub enum Route {
    /// It is for this connection: pass it to
    /// [`Connection::handle_packet`](crate::Connection::handle_packet).
    Deliver(ConnectionId, TcpPacket),
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
}

impl Endpoint {
    /// The connection that `packet` is for, if it is for one: the first question of
    /// [`route`](Self::route), and the usual answer, for a caller that need not move the packet
    /// then.
    ///
    /// It gives link-local addresses their zone, as `route` does. After `None`, route the packet.
    pub fn find(&self, link: LinkId, packet: &mut TcpPacket) -> Option<ConnectionId> {
        set_zone(link, packet);
        match self.demux.get(&FourTuple::of_arriving(packet))? {
            Target::Connection(id) => (!is_disguised(packet)).then_some(id),
            Target::HalfOpen(_) => None,
        }
    }

    /// SEGMENT ARRIVES: finds whose the packet is, and answers what is nobody's.
    ///
    /// `link` is the device it came in by; [`LinkId::LOOPBACK`] for what the stack sent to itself.
    /// The endpoint events of a connection must have been carried before the next packet is routed.
    ///
    /// Source: RFC 9293 §3.10.7 (SM-PRE-2, SM-PRE-3).
    pub fn route(&mut self, now: Instant, link: LinkId, mut packet: TcpPacket) -> Route {
        set_zone(link, &mut packet);
        let path = FourTuple::of_arriving(&packet);
        let target = self.demux.get(&path);
        if let Some(Target::Connection(id)) = target {
            // The addresses were looked at when it was opened; but see `is_disguised`.
            return if is_disguised(&packet) {
                Route::Drop(DropReason::InvalidAddress)
            } else {
                Route::Deliver(id, packet)
            };
        }
        let ownership = match self.addresses.check_arriving(link, &packet) {
            Ok(ownership) => ownership,
            Err(reason) => return Route::Drop(reason),
        };
        if let Some(Target::HalfOpen(key)) = target {
            return self.route_to_half_open(now, key, packet);
        }
        if let Some(outcome) = self.time_wait.handle(now, &path, &packet.segment) {
            return self.route_to_time_wait(now, link, ownership, outcome, &packet);
        }
        match self.listeners.find(packet.destination, ownership) {
            Some(listener) => self.route_to_listener(now, link, listener, packet),
            None if ownership == Ownership::Foreign => Route::Drop(DropReason::NotOurs),
            None => self.refuse(now, &path, &packet),
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
                if unfold_icmp(now, &entry.record, &entry.config, error) {
                    self.forget_half_open(key);
                }
                None
            }
        }
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
    fn route_to_half_open(&mut self, now: Instant, key: Key, packet: TcpPacket) -> Route {
        let Self { syn_queue, listeners, ids, counters, .. } = self;
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
        match unfold(now, &mut entry.record, &entry.config, packet, admit) {
            Unfolded::Open(connection) => {
                self.forget_half_open(key);
                self.accept(listener, path, connection)
            }
            Unfolded::Gone(reason) => {
                // If a connection in TIME-WAIT had made room, it is found again (MAY-2).
                self.forget_half_open(key);
                Route::Drop(reason)
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

    /// A SYN lets the next connection begin before 2 MSL are over. The record of the last one stays
    /// until the handshake is complete: should the SYN be an old duplicate, TIME-WAIT goes on
    /// (MAY-2).
    fn reopen(
        &mut self,
        now: Instant,
        link: LinkId,
        id: ListenerId,
        last: SeqNum,
        packet: &TcpPacket,
    ) -> Route {
        let has_room = self.listeners.get_mut(id).is_some_and(|l| l.has_half_open_room());
        if !has_room {
            return Route::Drop(DropReason::SynQueueFull);
        }
        self.counters.time_wait_reused += 1;
        let iss = self.numbers.isn_above(now, &FourTuple::of_arriving(packet), last);
        self.open_half(now, link, id, iss, packet)
    }

    /// LISTEN.
    fn route_to_listener(
        &mut self,
        now: Instant,
        link: LinkId,
        id: ListenerId,
        packet: TcpPacket,
    ) -> Route {
        let path = FourTuple::of_arriving(&packet);
        let Some(listener) = self.listeners.get_mut(id) else {
            return self.refuse(now, &path, &packet);
        };
        match listener.judge(now, &packet.segment) {
            Verdict::Open => {
                let iss = self.numbers.isn(now, &path);
                self.open_half(now, link, id, iss, &packet)
            }
            Verdict::Cookie => self.answer_with_cookie(now, path, id, &packet),
            Verdict::CheckCookie => self.take_cookie(now, path, id, packet),
            Verdict::Reset => self.refuse(now, &path, &packet),
            Verdict::Drop(reason) => Route::Drop(reason),
        }
    }

    /// SM-LISTEN-3: SYN-RECEIVED, and the SYN-ACK. Nothing is allocated but the place in the queue.
    fn open_half(
        &mut self,
        now: Instant,
        link: LinkId,
        id: ListenerId,
        iss: SeqNum,
        packet: &TcpPacket,
    ) -> Route {
        let path = FourTuple::of_arriving(packet);
        let identity = self.identity(path, iss);
        let Some(listener) = self.listeners.get_mut(id) else {
            return Route::Drop(DropReason::NoConnection);
        };
        let config = listener.connection_config();
        let record = SynRecord::from_syn(now, identity, &packet.segment, config);
        let syn_ack = record.syn_ack(now, config);
        let (retries_max, config) = (listener.retries_max(), config.clone());
        listener.on_half_open();
        let key = self.syn_queue.insert(now, record, (id, link), retries_max, config);
        self.demux.insert(path, Target::HalfOpen(key));
        self.counters.syns_queued += 1;
        self.reply(now, syn_ack)
    }

    /// SM-LISTEN-5 (SYNC-1, SYNC-2, SYNC-11, SYNC-13): the SYN-ACK says it all, once.
    fn answer_with_cookie(
        &mut self,
        now: Instant,
        path: FourTuple,
        id: ListenerId,
        packet: &TcpPacket,
    ) -> Route {
        let Some(listener) = self.listeners.get_mut(id) else {
            return Route::Drop(DropReason::NoConnection);
        };
        listener.on_cookie_sent(now);
        let config = listener.connection_config().clone();
        let syn = &packet.segment;
        let ours = Offer::of(&config);
        let offered = Negotiated::from_syn(&ours, &syn.options, path.is_ipv6());
        let negotiated = keepable(offered, &syn.options);
        let iss = self.cookies.make(now, &path, syn.seq, &negotiated);
        let identity = self.identity(path, iss);
        let mut record = SynRecord::from_syn(now, identity, syn, &config);
        record.negotiated = negotiated;
        let mut syn_ack = record.syn_ack(now, &config);
        if let Some(timestamps) = &mut syn_ack.segment.options.timestamps {
            timestamps.value = cookie_timestamp(now, identity.timestamp_offset, &negotiated);
        }
        self.counters.cookies_sent += 1;
        self.reply(now, syn_ack)
    }

    /// SM-LISTEN-2: an ACK with a valid cookie opens a connection (SYNC-5, SYNC-6, SYNC-10).
    fn take_cookie(
        &mut self,
        now: Instant,
        path: FourTuple,
        id: ListenerId,
        packet: TcpPacket,
    ) -> Route {
        let Some(listener) = self.listeners.get_mut(id) else {
            return Route::Drop(DropReason::NoConnection);
        };
        let (config, has_room) =
            (listener.connection_config().clone(), listener.has_backlog_room());
        let offset = self.numbers.timestamp_offset(&path);
        let Some(syn) = self.cookies.check(now, &path, &packet.segment, offset, &config) else {
            self.counters.cookies_invalid += 1;
            return self.refuse(now, &path, &packet);
        };
        if !has_room {
            self.counters.accept_queue_full += 1;
            return Route::Drop(DropReason::AcceptQueueFull);
        }
        if self.ids.is_full() {
            return Route::Drop(DropReason::TooManyConnections);
        }
        let identity = self.identity(path, syn.iss);
        let mut record =
            SynRecord::from_cookie(now, identity, syn.irs, syn.negotiated, &packet.segment);
        match unfold(now, &mut record, &config, packet, || Ok(())) {
            Unfolded::Open(connection) => {
                self.counters.cookies_valid += 1;
                self.accept(id, path, connection)
            }
            Unfolded::Gone(reason) | Unfolded::Dropped(reason) => Route::Drop(reason),
            Unfolded::Reply(reply) => self.reply(now, reply),
        }
    }

    /// A handshake is complete: the connection lives, and waits to be taken.
    fn accept(
        &mut self,
        listener: ListenerId,
        path: FourTuple,
        connection: Box<Connection>,
    ) -> Route {
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
    fn refuse(&mut self, now: Instant, path: &FourTuple, packet: &TcpPacket) -> Route {
        let ip = self.ip_fields(path);
        match reset_for(packet, ip) {
            Some(reset) => self.reply(now, reset),
            None => Route::Drop(DropReason::ResetForNobody),
        }
    }

    /// Sends a reply, unless it is a RST and the limit of those is used up (RST-15).
    fn reply(&mut self, now: Instant, reply: TcpPacket) -> Route {
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
