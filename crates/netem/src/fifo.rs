//! Fifo: packets that wait for the bottleneck, in order, with their octets counted.

use crate::ecn::{Marking, is_ecn_capable, mark_ce};
use crate::flight::Course;
use crate::{Alterations, LinkStats, Packet};
use alloc::collections::VecDeque;
use core::time::Duration;

/// A packet before the bottleneck.
#[derive(Clone, Debug)]
pub(crate) struct Queued<P> {
    pub(crate) packet: P,
    /// When it was sent.
    pub(crate) arrived: Duration,
    /// Its number, counted from 1.
    pub(crate) nth: u64,
    /// What awaits it behind the bottleneck.
    pub(crate) course: Course,
    pub(crate) alterations: Alterations,
}

impl<P: Packet> Queued<P> {
    /// Marks the packet with CE if it may be marked.
    pub(crate) fn mark_ce(&mut self, stats: &mut LinkStats) -> Marking {
        // An edit may copy the packet, so ask before.
        if !is_ecn_capable(self.packet.octets()) {
            return Marking::NotCapable;
        }
        let mut marking = Marking::NotCapable;
        self.packet.edit(|octets| marking = mark_ce(octets));
        if marking == Marking::Marked {
            self.alterations.ce_marked = true;
            stats.ce_marked += 1;
        }
        marking
    }
}

/// A first-in first-out queue. Its owner keeps it within a [`Capacity`](crate::Capacity).
#[derive(Clone, Debug)]
pub(crate) struct Fifo<P> {
    packets: VecDeque<Queued<P>>,
    bytes: usize,
}

impl<P: Packet> Fifo<P> {
    pub(crate) const fn new() -> Self {
        Self { packets: VecDeque::new(), bytes: 0 }
    }

    pub(crate) fn push(&mut self, queued: Queued<P>) {
        self.bytes += queued.packet.len_bytes();
        self.packets.push_back(queued);
    }

    pub(crate) fn pop(&mut self) -> Option<Queued<P>> {
        let queued = self.packets.pop_front()?;
        self.bytes -= queued.packet.len_bytes();
        Some(queued)
    }

    /// When the packet at the head arrived.
    pub(crate) fn head_arrived(&self) -> Option<Duration> {
        self.packets.front().map(|queued| queued.arrived)
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Octets of all packets that wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}
