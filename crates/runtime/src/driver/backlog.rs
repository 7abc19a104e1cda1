//! What a full device refused, in order, and who waits behind it.

use std::collections::VecDeque;

use synack_tcb::{ConnectionId, Instant};
use synack_wire::TcpPacket;

/// The packets that one flush had polled when the device turned out to be full, and the connections
/// that were not asked for packets since.
///
/// Bounded: while anything waits here no connection is asked, so it holds at most what one visit
/// polls.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    packets: VecDeque<TcpPacket>,
    /// Whose packets they are, and when they were polled.
    owner: Option<(ConnectionId, Instant)>,
    waiting: Vec<ConnectionId>,
    is_full: bool,
}

impl Backlog {
    /// Whether the device is full.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The device refused the first of `packets`, polled from `owner` just now.
    pub(crate) fn begin(
        &mut self,
        owner: ConnectionId,
        now: Instant,
        packets: impl Iterator<Item = TcpPacket>,
    ) {
        debug_assert!(self.packets.is_empty(), "nothing is polled for a full device");
        self.packets.extend(packets);
        self.owner = Some((owner, now));
        self.is_full = true;
    }

    /// The device refused a packet that does not wait.
    pub(crate) fn set_full(&mut self) {
        self.is_full = true;
    }

    /// A connection has something to send, and must wait. Once for each connection.
    pub(crate) fn wait(&mut self, id: ConnectionId) {
        self.waiting.push(id);
    }

    /// Whether packets wait.
    pub(crate) fn has_packets(&self) -> bool {
        !self.packets.is_empty()
    }

    /// Takes out the packet to send first.
    pub(crate) fn pop(&mut self) -> Option<TcpPacket> {
        self.packets.pop_front()
    }

    /// The device refused that packet again: it stays the first.
    pub(crate) fn put_back(&mut self, packet: TcpPacket) {
        self.packets.push_front(packet);
    }

    /// The device has taken everything: whose packets had waited, and who else did.
    pub(crate) fn end(&mut self) -> (Option<(ConnectionId, Instant)>, Vec<ConnectionId>) {
        debug_assert!(self.packets.is_empty(), "the order is kept");
        self.is_full = false;
        (self.owner.take(), std::mem::take(&mut self.waiting))
    }
}
