//! From a connection to a device: visits, packets out, and what happens when a device is full.

use std::io;
use std::mem;
use std::task::{Context, Poll};

use synack_tcb::{ConnectionId, Instant, LinkId};
use synack_wire::{Cut, TcpPacket};
use tracing::trace;

use super::Driver;
use crate::device::Outgoing;
use crate::flush::Sending;

impl Driver {
    /// Visits each connection that is ready, once and up to the budget. Says whether there is more
    /// to do at once.
    pub(super) fn visit_ready(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let has_room = self.drain_backlogs(cx, now);
        let mut budget = Budget::of_a_turn(self.table.ready_len());
        while budget.is_left() {
            let Some(id) = self.table.pop_ready() else { break };
            budget.spend(self.visit(now, id));
        }
        // A device that became full in this turn is asked to say when it is not.
        has_room | self.drain_backlogs(cx, now) | (self.table.ready_len() > 0)
    }

    /// Takes what a connection tells and sends; returns how many segments that was.
    fn visit(&mut self, now: Instant, id: ConnectionId) -> usize {
        let Some(link) = self.table.get(id).map(|entry| entry.link) else { return 0 };
        let sending = self.room_on(link);
        let Some(entry) = self.table.get(id) else { return 0 };
        self.counters.visits.add(1);
        let visit = match entry.cell.visit(now, sending, &mut self.outbox) {
            Ok(visit) => visit,
            Err(failure) => {
                self.outbox.packets.clear();
                self.give_up(now, id, failure);
                return 0;
            }
        };
        self.woken += visit.wakes.len();
        visit.wakes.wake();
        if let Some(deadline) = visit.deadline {
            self.wheel.arm(super::wheel_key(id), deadline);
        }
        if visit.has_more {
            self.come_again(id, link, sending);
        }
        let segments = self.outbox.packets.iter().map(|packet| packet.segments() as usize).sum();
        if segments > 0 {
            self.send_polled(now, id, link);
        }
        if !self.outbox.events.is_empty() {
            self.carry_events(now, id);
        }
        segments
    }

    /// How much a connection may send by `link` at present.
    fn room_on(&mut self, link: LinkId) -> Sending {
        if link == LinkId::LOOPBACK {
            let room = LOOPBACK_MAX.saturating_sub(self.loopback.len());
            return Sending::UpTo(room.min(SEGMENTS_MAX));
        }
        match self.interfaces.get_mut(link) {
            Some(interface) if !interface.backlog.is_full() => Sending::UpTo(SEGMENTS_MAX),
            Some(_) | None => Sending::Nothing,
        }
    }

    /// A connection had more than it could send: its turn comes again after the others, or when the
    /// device has room.
    fn come_again(&mut self, id: ConnectionId, link: LinkId, sending: Sending) {
        match sending {
            Sending::UpTo(_) => self.table.mark_ready(id),
            Sending::Nothing => {
                let is_new = self.table.mark_waiting(id);
                if let Some(interface) = self.interfaces.get_mut(link).filter(|_| is_new) {
                    interface.backlog.wait(id);
                }
            }
        }
    }

    /// Sends what was polled from the connection `id`.
    fn send_polled(&mut self, now: Instant, id: ConnectionId, link: LinkId) {
        let mut packets = mem::take(&mut self.outbox.packets);
        if link == LinkId::LOOPBACK {
            for packet in packets.drain(..) {
                self.loop_back(packet);
            }
        } else {
            let mut unsent = packets.drain(..);
            while let Some(packet) = unsent.next() {
                let Some(rest) = self.send_tcp(link, &packet) else { continue };
                if let Some(interface) = self.interfaces.get_mut(link) {
                    interface.backlog.begin(id, now, std::iter::once(rest).chain(&mut unsent));
                }
                break;
            }
            drop(unsent);
        }
        self.outbox.packets = packets;
    }

    /// Sends again what a full device had refused, and lets those send who waited. Says whether
    /// anyone may now.
    fn drain_backlogs(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut has_room = false;
        for link in self.interfaces.ids() {
            has_room |= self.drain_backlog(cx, now, link);
        }
        has_room
    }

    fn drain_backlog(&mut self, cx: &mut Context<'_>, now: Instant, link: LinkId) -> bool {
        let Some(interface) = self.interfaces.get_mut(link) else { return false };
        if !interface.backlog.is_full() || !interface.is_up() {
            return false;
        }
        match interface.device.poll_writable(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                self.fail_link(now, link, error);
                return false;
            }
        }
        let (owner, waiting) = loop {
            let Some(interface) = self.interfaces.get_mut(link) else { return false };
            let Some(packet) = interface.backlog.pop() else { break interface.backlog.end() };
            if let Some(rest) = self.send_tcp(link, &packet) {
                if let Some(interface) = self.interfaces.get_mut(link) {
                    interface.backlog.put_back(rest);
                }
                // Asked again at once, it takes back its word or sends on.
                return true;
            }
        };
        if let Some((id, since)) = owner {
            self.deliver(now, id, |connection| connection.handle_stall(now, since));
        }
        for id in waiting {
            self.table.end_waiting(id);
        }
        true
    }

    /// Sends what the endpoint itself has to send, up to the budget. Says whether there is more.
    pub(super) fn send_for_endpoint(&mut self, now: Instant) -> bool {
        for _ in 0..SEGMENTS_MAX {
            // A reset whose code panicked is gone, and the next one is for the next turn.
            let polled = self.guarded(|endpoint| endpoint.poll_transmit(now));
            let Some((link, packet)) = polled.flatten() else { break };
            self.reply(link, packet);
        }
        self.endpoint.wants_transmit()
    }

    /// Sends an answer of the endpoint; a full device drops it.
    pub(super) fn reply(&mut self, link: LinkId, packet: TcpPacket) {
        if link == LinkId::LOOPBACK {
            return self.loop_back(packet);
        }
        let is_full = self.interfaces.get_mut(link).is_none_or(|link| link.backlog.is_full());
        if is_full || self.send_tcp(link, &packet).is_some() {
            self.counters.replies_dropped.add(1);
        }
    }

    fn loop_back(&mut self, packet: TcpPacket) {
        trace!("lo  {packet}");
        if self.loopback.len() < LOOPBACK_MAX {
            self.loopback.push_back(packet);
        } else {
            self.counters.replies_dropped.add(1);
        }
    }

    /// Sends a packet, a super-segment segment by segment if the device wants that. Returns what a
    /// full device did not take: the rest of it, or all of it.
    fn send_tcp(&mut self, link: LinkId, packet: &TcpPacket) -> Option<TcpPacket> {
        let interface = self.interfaces.get_mut(link).filter(|link| link.is_up())?;
        trace!("out {packet}");
        if interface.takes_super_segments {
            let sent = self.send_cut(link, packet.into());
            return (sent == Sent::Refused).then(|| packet.clone());
        }
        for segment in packet.cut_up() {
            if self.send_cut(link, segment) == Sent::Refused {
                return Some(packet.from_cut_on(segment).to_packet());
            }
        }
        None
    }

    fn send_cut(&mut self, link: LinkId, cut: Cut<'_>) -> Sent {
        let Some(interface) = self.interfaces.get_mut(link) else { return Sent::Gone };
        match interface.device.try_send(Outgoing::tcp(cut, &mut self.scratch)) {
            Ok(()) => {
                self.counters.packets_out.add(1);
                self.counters.octets_out.add(cut.packet_len() as u64);
                Sent::Gone
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.counters.device_full.add(1);
                interface.backlog.set_full();
                Sent::Refused
            }
            Err(error) => {
                trace!(%error, "lost {}", cut.to_packet());
                self.counters.send_errors.add(1);
                Sent::Gone
            }
        }
    }
}

/// What is left of a turn.
struct Budget {
    visits: usize,
    segments: usize,
}

impl Budget {
    /// Each of the `ready` connections once, within bounds.
    fn of_a_turn(ready: usize) -> Self {
        Self { visits: ready.min(VISITS_MAX), segments: SEGMENTS_A_TURN_MAX }
    }

    fn is_left(&self) -> bool {
        self.visits > 0 && self.segments > 0
    }

    /// One visit was made, and this many segments were sent.
    fn spend(&mut self, segments: usize) {
        self.visits = self.visits.saturating_sub(1);
        self.segments = self.segments.saturating_sub(segments);
    }
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    /// The device took it, or it is lost.
    Gone,
    /// The device is full.
    Refused,
}

/// Segments that one connection may send in a visit, give or take a super-segment, of which these
/// are two at an MTU of 1500; then others come first.
const SEGMENTS_MAX: usize = 90;
/// Segments sent in a turn, give or take a visit: about half a millisecond of system calls.
const SEGMENTS_A_TURN_MAX: usize = 256;
/// Connections visited in a turn.
const VISITS_MAX: usize = 256;
/// Packets of the stack to itself that wait.
const LOOPBACK_MAX: usize = 1_024;
