//! Arrivals: from octets on a link to a connection.

use bytes::Bytes;
use synack_netem::Delivery;
use synack_tcb::{Connection, ConnectionId, FourTuple, ListenerId, Route};
use synack_wire::{ChecksumTrust, Parsed, TcpPacket, parse};

use super::Network;
use crate::application::Application;
use crate::conversation::{Conversation, ConversationId};
use crate::datagram::Datagram;
use crate::device::Batching;
use crate::host::HostId;
use crate::oracle::{Arrived, Cause};
use crate::segments::join;
use crate::streams::Subsystem;
use crate::violation::{Invariant, Violation, ensure};

impl Network {
    /// Hands over everything that has arrived.
    pub(super) fn deliver_due(&mut self) -> Result<(), Violation> {
        for index in 0..self.wires.len() {
            let to = self.wires[index].to;
            let mut packets = Vec::new();
            while let Some(delivery) = self.wires[index].link.poll(self.time) {
                packets.extend(self.read(to, delivery)?);
                if self.hosts[to.0].device.faults.batching == Batching::None {
                    self.arrive(to, core::mem::take(&mut packets))?;
                }
            }
            if self.hosts[to.0].device.faults.batching == Batching::Coalesced {
                packets = join(packets);
            }
            self.arrive(to, packets)?;
        }
        Ok(())
    }

    /// What a delivery says, if it can be read and its host is on.
    fn read(
        &mut self,
        to: HostId,
        delivery: Delivery<Datagram>,
    ) -> Result<Option<TcpPacket>, Violation> {
        let altered = delivery.alterations;
        let is_damaged = altered.is_corrupted() || altered.truncated;
        let original = is_damaged.then(|| delivery.packet.original());
        let octets = delivery.packet.into_octets();
        self.counts.arrived += 1;
        self.trace.count(self.time, to, &octets);
        if self.hosts[to.0].is_down {
            return Ok(None);
        }
        match parse(octets, ChecksumTrust::Verify) {
            Ok(Parsed::Tcp { packet, .. }) => {
                if let Some(original) = original {
                    self.look_for_damage(original, &packet);
                }
                self.trace.say(self.time, to, format_args!("gets    {packet}"));
                Ok(Some(packet))
            }
            Ok(Parsed::IcmpError(error)) if !is_damaged => {
                self.trace.say(self.time, to, format_args!("gets    {error}"));
                self.take_icmp(to, &error)?;
                Ok(None)
            }
            Ok(Parsed::IcmpError(_) | Parsed::Echo(_) | Parsed::Other(_)) | Err(_) => {
                ensure(is_damaged, Invariant::Emission, || "a sound packet was refused".into())?;
                self.counts.refused += 1;
                self.trace.say(self.time, to, format_args!("refuses a damaged packet"));
                Ok(None)
            }
        }
    }

    /// A damaged packet passed its checksum. If it says something else than it did, the
    /// conversations that it was of, and is of now, prove nothing any more.
    fn look_for_damage(&mut self, original: Bytes, packet: &TcpPacket) {
        let Ok(Parsed::Tcp { packet: sent, .. }) = parse(original, ChecksumTrust::Verify) else {
            return;
        };
        let is_same = (sent.source, sent.destination, &sent.segment)
            == (packet.source, packet.destination, &packet.segment);
        if is_same {
            return;
        }
        self.counts.undetected += 1;
        for path in [FourTuple::of_arriving(&sent), FourTuple::of_arriving(packet)] {
            self.poison(path);
        }
    }

    /// Judges conversations on `path` no more by what they say.
    pub(crate) fn poison(&mut self, path: FourTuple) {
        for conversation in &mut self.conversations {
            if conversation.path == path || conversation.path == path.reversed() {
                conversation.is_poisoned = true;
            }
        }
    }

    /// Handles packets, then visits the connections that they were for.
    pub(crate) fn arrive(
        &mut self,
        host: HostId,
        packets: Vec<TcpPacket>,
    ) -> Result<(), Violation> {
        if packets.is_empty() {
            return Ok(());
        }
        let mut touched = Vec::new();
        for packet in packets {
            touched.extend(self.route(host, packet)?.filter(|id| !touched.contains(id)));
        }
        self.flush_endpoint(host)?;
        for id in touched {
            if let Some(index) = self.hosts[host.0].find(id) {
                self.visit(host, index)?;
            }
        }
        self.forget_released(host);
        self.hosts[host.0].judge_endpoint(self.time)
    }

    /// Brings one packet where it belongs; names the connection that is to be visited.
    fn route(
        &mut self,
        host: HostId,
        mut packet: TcpPacket,
    ) -> Result<Option<ConnectionId>, Violation> {
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        let mut arrived = Arrived::of(&packet);
        let length = at.time_wait_length();
        at.time_waits.on_packet(now, &packet, length);
        match at.endpoint.route(now, synack_tcb::LinkId(0), &mut packet) {
            Route::Deliver(id) => {
                let index = at.find(id).ok_or_else(|| {
                    Violation::new(Invariant::Memory, format!("{id:?} was released: {packet}"))
                })?;
                let slot = &mut at.slots[index];
                let result = slot.connection.handle_packet(now, &mut packet);
                arrived.used = result.is_ok();
                if let Err(reason) = result {
                    self.trace.say(self.time, host, format_args!("        drops it: {reason}"));
                }
                slot.watch.judge(now, &slot.connection, &Cause::Packet(&arrived))?;
                self.carry(host, index)?;
                Ok(Some(id))
            }
            Route::Accept { listener, id, connection } => {
                let slot = self.accept(host, listener, id, connection)?;
                // The endpoint has handed the packet to the connection already.
                self.hosts[host.0].slots[slot].watch.on_consumed(&arrived);
                Ok(Some(id))
            }
            Route::Reply(packet) => {
                self.reply(host, packet)?;
                Ok(None)
            }
            Route::Drop(reason) => {
                self.trace.say(self.time, host, format_args!("        drops it: {reason}"));
                Ok(None)
            }
            Route::Elsewhere(_) => unreachable!("a host has one shard"),
        }
    }

    /// Gives a new connection to the application that the other side opened it for.
    fn accept(
        &mut self,
        host: HostId,
        listener: ListenerId,
        id: ConnectionId,
        mut connection: Box<Connection>,
    ) -> Result<usize, Violation> {
        let conversation = self.conversation_of(&connection).filter(|id| {
            let is_second = self.conversations[id.0].sides[1].has_connection;
            !(is_second && self.allows_ghosts)
        });
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        at.endpoint.handle_accepted(listener, 1);
        let Some(conversation_id) = conversation else {
            ensure(self.allows_ghosts, Invariant::Transition, || {
                format!("a connection came that no one opened: {:?}", connection.path())
            })?;
            connection.abort(now);
            return Ok(at.insert(now, id, connection, None));
        };
        let index = conversation_id.0 as u32 * 2 + 1;
        let dice = self.streams.of(Subsystem::Application, index);
        let conversation = &mut self.conversations[conversation_id.0];
        ensure(!conversation.sides[1].has_connection, Invariant::Transition, || {
            format!("{conversation_id:?} was accepted twice")
        })?;
        conversation.sides[1].has_connection = true;
        self.trace.say(self.time, host, format_args!("accepts {conversation_id:?}"));
        let script = conversation.scripts[1].clone();
        let application = Application::accepting(conversation_id, 1, script, dice);
        Ok(at.insert(now, id, connection, Some(application)))
    }

    /// The conversation whose opening side used the ISS that the new connection has as its IRS.
    fn conversation_of(&self, connection: &Connection) -> Option<ConversationId> {
        let path = connection.path().reversed();
        let irs = connection.internals().irs;
        let fits = |it: &Conversation| it.path == path && it.iss == Some(irs);
        self.conversations.iter().rposition(fits).map(ConversationId)
    }
}
