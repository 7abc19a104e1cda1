//! The bottleneck at work: what waits, what is dropped or marked, and when each packet has left.

use crate::codel::CoDelState;
use crate::ecn::Marking;
use crate::fifo::{Fifo, Queued};
use crate::line::{Line, Policing};
use crate::{Bottleneck, Capacity, LinkStats, Packet, Queue};
use core::time::Duration;

/// The packets before a bottleneck and the state of its line.
///
/// Nothing here happens by itself: [`serve`](Self::serve) does, at its own times, all that is due
/// by `now`. So it does not matter how often, or how late, the link is polled.
#[derive(Clone, Debug)]
pub(crate) struct BottleneckState<P> {
    fifo: Fifo<P>,
    line: Line,
    codel: CoDelState,
}

impl<P: Packet> BottleneckState<P> {
    pub(crate) fn new() -> Self {
        Self { fifo: Fifo::new(), line: Line::default(), codel: CoDelState::default() }
    }

    /// Takes a packet in, marks it if the rules say so, or drops it. Everything due before its
    /// arrival must have been served.
    pub(crate) fn admit(
        &mut self,
        mut queued: Queued<P>,
        of: &Bottleneck,
        stats: &mut LinkStats,
    ) -> Admission<P> {
        let now = queued.arrived;
        let len_bytes = queued.packet.len_bytes();
        let capacity = match of.queue {
            Queue::Policer => {
                return match self.line.police(now, len_bytes, of) {
                    Policing::Conforms => Admission::Through(queued),
                    Policing::Exceeds => {
                        stats.police_dropped += 1;
                        Admission::Dropped
                    }
                };
            }
            Queue::DropTail { capacity }
            | Queue::MarkAbove { capacity, .. }
            | Queue::CoDel { capacity, .. } => capacity,
        };
        if !self.has_room(now, len_bytes, capacity, of) {
            stats.queue_dropped += 1;
            return Admission::Dropped;
        }
        if let Queue::MarkAbove { bytes, .. } = of.queue
            && self.fifo.bytes() > bytes
        {
            let (Marking::Marked | Marking::AlreadyMarked | Marking::NotCapable) =
                queued.mark_ce(stats);
        }
        self.fifo.push(queued);
        stats.queue_packets_peak = stats.queue_packets_peak.max(self.fifo.len());
        stats.queue_bytes_peak = stats.queue_bytes_peak.max(self.fifo.bytes());
        Admission::Waits
    }

    /// The next packet that left the queue by `now`, with the time at which its last bit left the
    /// line, which may be later than `now`.
    pub(crate) fn serve(
        &mut self,
        now: Duration,
        of: &Bottleneck,
        stats: &mut LinkStats,
    ) -> Option<(Duration, Queued<P>)> {
        // Each turn takes at least one packet off the queue.
        while let Some(begin) = self.next_service(of) {
            if begin > now {
                return None;
            }
            if begin > self.line.free_at(of) {
                self.codel.on_empty();
            }
            let queued = match of.queue {
                Queue::CoDel { codel, ecn, .. } => {
                    self.codel.dequeue(begin, &mut self.fifo, codel, ecn, stats)
                }
                // A policer has no queue: what is found here was queued before the configuration
                // changed, and leaves at the policer's rate.
                Queue::Policer | Queue::DropTail { .. } | Queue::MarkAbove { .. } => {
                    self.fifo.pop()
                }
            };
            if let Some(queued) = queued {
                let left = self.line.send(begin, queued.packet.len_bytes(), of);
                return Some((left, queued));
            }
        }
        None
    }

    /// Goes on under another configuration.
    pub(crate) fn change(&mut self, now: Duration, old: &Bottleneck, new: &Bottleneck) {
        if old != new {
            self.line.change(now, old, new);
        }
    }

    /// Takes a packet off the queue without its passing the line: the bottleneck is gone.
    pub(crate) fn pop(&mut self) -> Option<Queued<P>> {
        self.fifo.pop()
    }

    /// When the next packet leaves the queue, if one waits.
    pub(crate) fn next_service(&self, of: &Bottleneck) -> Option<Duration> {
        Some(self.fifo.head_arrived()?.max(self.line.free_at(of)))
    }

    pub(crate) fn len(&self) -> usize {
        self.fifo.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.fifo.bytes()
    }

    /// Whether a packet may join. One that finds the line free does not wait, so needs no room.
    fn has_room(&self, now: Duration, len: usize, capacity: Capacity, of: &Bottleneck) -> bool {
        let is_free = self.fifo.len() == 0 && self.line.free_at(of) <= now;
        is_free || capacity.has_room(self.fifo.len(), self.fifo.bytes(), len)
    }
}

/// What became of a packet at the bottleneck.
#[derive(Clone, Debug)]
pub(crate) enum Admission<P> {
    /// It did not have to wait and takes no time.
    Through(Queued<P>),
    /// It is in the queue.
    Waits,
    /// It is gone, and counted.
    Dropped,
}
