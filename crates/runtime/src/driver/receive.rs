//! From a device to a connection: read, parse, route, deliver; pings and other packets.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use synack_tcb::{Connection, ConnectionId, DropReason, Instant, LinkId, Route};
use synack_wire::{EchoRequest, IcmpError, Parsed, TcpPacket, parse};
use tracing::trace;

use super::Driver;
use super::bell::{Forwarded, Request};
use crate::device::{Outgoing, Received};
use crate::error::StackError;
use crate::flush::poll_endpoint_events;
use crate::listener::Closed;
use crate::other_packets::Pushed;

impl Driver {
    /// Takes packets from every device, and those of the stack to itself, up to the budget. Says
    /// whether there may be more.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut has_more = false;
        for link in self.interfaces.ids() {
            has_more |= self.receive_from(cx, now, link);
        }
        for _ in 0..PACKETS_MAX {
            let Some(mut packet) = self.loopback.pop_front() else { break };
            self.counters.packets_looped.add(1);
            self.route(now, LinkId::LOOPBACK, &mut packet);
        }
        has_more
    }

    fn receive_from(&mut self, cx: &mut Context<'_>, now: Instant, link: LinkId) -> bool {
        let mut octets = 0;
        for _ in 0..PACKETS_MAX {
            if octets >= OCTETS_MAX {
                break;
            }
            let Some(interface) = self.interfaces.get_mut(link).filter(|link| link.is_up()) else {
                return false;
            };
            match interface.device.poll_receive(cx, &mut interface.pool) {
                Poll::Ready(Ok(received)) => {
                    octets += received.packet.len();
                    self.handle_received(now, link, received);
                }
                Poll::Ready(Err(error)) => {
                    self.fail_link(now, link, error);
                    return false;
                }
                Poll::Pending => return false,
            }
        }
        true
    }

    fn handle_received(&mut self, now: Instant, link: LinkId, received: Received) {
        let Received { packet, checksum, segment_size } = received;
        self.counters.packets_in.add(1);
        self.counters.octets_in.add(packet.len() as u64);
        match parse(packet, checksum) {
            // The packet stays where it was written: it is large to move.
            Ok(Parsed::Tcp { ref mut packet, option_fault }) => {
                packet.segment_size = segment_size;
                trace!("in  {packet}");
                if let Some(fault) = option_fault {
                    self.counters.option_faults[fault.index()].add(1);
                }
                self.route(now, link, packet);
            }
            Ok(Parsed::IcmpError(error)) => {
                trace!("in  {error}");
                self.counters.icmp_errors.add(1);
                match self.endpoint.shard_of_icmp(&error) {
                    Some(shard) => self.forward(shard, Forwarded::Icmp(error)),
                    None => self.handle_icmp(now, &error),
                }
            }
            Ok(Parsed::Echo(request)) => self.handle_echo(link, request),
            Ok(Parsed::Other(packet)) => self.give_to_application(packet),
            Err(error) => {
                trace!("in  unreadable: {error}");
                self.counters.parse_errors[error.index()].add(1);
            }
        }
    }

    /// An ICMP error about a connection of this shard, or about nothing.
    pub(super) fn handle_icmp(&mut self, now: Instant, error: &IcmpError) {
        let handled = self.guarded(|endpoint| endpoint.handle_icmp(now, error));
        let Some(id) = handled.flatten() else { return };
        let used = self.deliver(now, id, |it| it.handle_icmp(now, error));
        if let Some(Err(reason)) = used {
            self.note_drop(reason);
        }
    }

    fn deliver_packet(&mut self, now: Instant, id: ConnectionId, packet: &mut TcpPacket) {
        let used = self.deliver(now, id, |connection| connection.handle_packet(now, packet));
        if let Some(Err(reason)) = used {
            self.note_drop(reason);
        }
    }

    /// A TCP packet that may be anyone's.
    pub(super) fn route(&mut self, now: Instant, link: LinkId, packet: &mut TcpPacket) {
        // Written where it is used: it is large to move.
        let mut routed = None;
        self.guarded(|endpoint| routed = Some(endpoint.route(now, link, packet)));
        let Some(route) = routed else { return };
        match route {
            Route::Deliver(id) => self.deliver_packet(now, id, packet),
            Route::Accept { listener, id, connection } => {
                self.counters.accepted.add(1);
                let cell = self.adopt(id, connection, link);
                match self.listener(listener).map(|shared| shared.push(cell)) {
                    Some(Ok(taken)) => {
                        self.woken += 1;
                        self.endpoint.handle_accepted(listener, taken);
                    }
                    // The listener was closed since: as for one that nobody accepted.
                    Some(Err(Closed)) | None => self.detach(now, id),
                }
            }
            Route::Reply(packet) => self.reply(link, packet),
            Route::Drop(reason) => self.note_drop(reason),
            Route::Elsewhere(shard) => self.forward(shard, Forwarded::Tcp(link, packet.clone())),
        }
    }

    /// Tells a connection of what arrived, and carries what it says to the endpoint before the next
    /// packet is routed.
    pub(super) fn deliver<T>(
        &mut self,
        now: Instant,
        id: ConnectionId,
        handle: impl FnOnce(&mut Connection) -> T,
    ) -> Option<T> {
        let Self { table, outbox, .. } = self;
        let entry = table.get(id)?;
        let handled = entry.cell.guarded(|state| {
            let connection = state.connection()?;
            let result = handle(connection);
            poll_endpoint_events(connection, outbox);
            state.trace_state();
            Ok(result)
        });
        match handled {
            Ok(result) => {
                table.mark_ready(id);
                if !outbox.events.is_empty() {
                    self.carry_events(now, id);
                }
                Some(result)
            }
            Err(failure) => {
                self.give_up(now, id, failure);
                None
            }
        }
    }

    /// A ping: answered if it was for us alone (RFC 1122 §3.2.2.6).
    fn handle_echo(&mut self, link: LinkId, request: EchoRequest) {
        let source = request.source();
        let is_answerable = !source.is_multicast() && !source.is_unspecified();
        if !self.interfaces.is_ours(request.destination()) || !is_answerable {
            self.give_to_application(request.packet().clone());
            return;
        }
        trace!("in  echo request from {source}");
        let reply = request.into_reply();
        if self.send_octets(link, &reply) {
            self.counters.echo_replies.add(1);
        } else {
            self.counters.replies_dropped.add(1);
        }
    }

    fn give_to_application(&self, packet: bytes::Bytes) {
        match self.other.push(packet) {
            Pushed::Waits => self.counters.other_in.add(1),
            Pushed::Dropped => self.counters.other_dropped.add(1),
        }
    }

    fn note_drop(&self, reason: DropReason) {
        trace!("    dropped: {reason}");
        self.counters.dropped(reason);
    }

    /// A device is gone, as this shard was the first to see.
    pub(super) fn fail_link(&mut self, now: Instant, link: LinkId, error: io::Error) {
        tracing::error!(link = link.0, %error, "a device failed");
        let error = Arc::new(error);
        for other in self.place.others() {
            let _gone = other.ask(Request::LinkFailed { link, error: Arc::clone(&error) });
        }
        self.lose_link(now, link, error);
    }

    /// A device is gone: so are its connections, and with the last one the stack.
    pub(super) fn lose_link(&mut self, now: Instant, link: LinkId, error: Arc<io::Error>) {
        let failure = StackError::Device(error);
        match self.interfaces.get_mut(link).filter(|link| link.is_up()) {
            Some(interface) => interface.set_failed(),
            None => return,
        }
        let is_last = !self.interfaces.is_any_up();
        let lost: Vec<ConnectionId> = self
            .table
            .iter()
            .filter(|entry| is_last || entry.link == link)
            .map(|entry| entry.cell.id)
            .collect();
        for id in lost {
            self.give_up(now, id, failure.clone());
        }
        if is_last {
            self.failure = Some(failure);
        }
    }

    /// Sends octets that are a packet already; says whether the device took them.
    pub(super) fn send_octets(&mut self, link: LinkId, octets: &[u8]) -> bool {
        let Some(interface) = self.interfaces.get_mut(link).filter(|link| link.is_up()) else {
            return false;
        };
        if interface.backlog.is_full() {
            return false;
        }
        let packet = Outgoing::octets(octets, &mut self.scratch);
        match interface.device.try_send(packet) {
            Ok(()) => {
                self.counters.packets_out.add(1);
                self.counters.octets_out.add(octets.len() as u64);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.counters.device_full.add(1);
                interface.backlog.set_full();
                false
            }
            Err(error) => {
                trace!(%error, "a packet could not be sent");
                self.counters.send_errors.add(1);
                false
            }
        }
    }
}

/// Packets that one device may deliver in a turn: some 100 us of system calls, and one ACK.
const PACKETS_MAX: usize = 128;
/// Octets that it may deliver in a turn, give or take a super-segment.
const OCTETS_MAX: usize = 1 << 20;
