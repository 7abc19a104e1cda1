//! CoDel: which packet at the head of a queue to drop or mark, from how long packets waited.
//!
//! The algorithm of RFC 8289, chapter 5, kept in its shape: `dequeue` decides, `next` looks at one
//! packet. Two things are not in its pseudocode: a packet may be marked instead of dropped (RFC
//! 8289 §3 allows any signal), for which this follows Linux, and roots are of whole numbers, so
//! that every machine computes the same.

use crate::dice::nanos;
use crate::ecn::Marking;
use crate::fifo::{Fifo, Queued};
use crate::{CoDel, EcnUse, LinkStats, Packet};
use core::time::Duration;

/// The state of CoDel for one queue. Source: RFC 8289 §5.2.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoDelState {
    /// When waiting will have been too long for an interval; `None` while it is not.
    first_above_time: Option<Duration>,
    /// When the next packet is due to be dropped.
    drop_next: Duration,
    /// Packets dropped since dropping began.
    count: u32,
    /// `count` when dropping last began.
    lastcount: u32,
    /// Whether it is dropping.
    dropping: bool,
    /// The largest packet seen, in octets.
    maxpacket: usize,
}

/// A packet taken from the head of the queue, and whether it may be dropped.
struct Head<P> {
    queued: Option<Queued<P>>,
    ok_to_drop: bool,
}

impl CoDelState {
    /// The queue was asked for a packet and had none.
    pub(crate) fn on_empty(&mut self) {
        self.first_above_time = None;
        self.dropping = false;
    }

    /// Takes the next packet to send from `fifo`, dropping those that are due before it.
    ///
    /// Each turn of the loop takes a packet off the queue, so it ends with the queue at the latest.
    ///
    /// Source: RFC 8289 §5.5.
    pub(crate) fn dequeue<P: Packet>(
        &mut self,
        now: Duration,
        fifo: &mut Fifo<P>,
        codel: CoDel,
        ecn: EcnUse,
        stats: &mut LinkStats,
    ) -> Option<Queued<P>> {
        let mut head = self.next(now, fifo, codel);
        if self.dropping {
            self.dropping = head.ok_to_drop;
            while self.dropping && now >= self.drop_next {
                self.count = self.count.saturating_add(1);
                let (kept, signal) = signal(head.queued, ecn, stats);
                if signal == Signal::Marked {
                    self.drop_next = control_law(self.drop_next, codel.interval, self.count);
                    return kept;
                }
                head = self.next(now, fifo, codel);
                self.dropping = head.ok_to_drop;
                if self.dropping {
                    self.drop_next = control_law(self.drop_next, codel.interval, self.count);
                }
            }
            return head.queued;
        }
        if !head.ok_to_drop {
            return head.queued;
        }
        let (kept, signal) = signal(head.queued, ecn, stats);
        let sent = match signal {
            Signal::Marked => kept,
            Signal::Dropped => self.next(now, fifo, codel).queued,
        };
        self.begin_dropping(now, codel.interval);
        sent
    }

    /// Takes one packet, and says whether the queue has been bad for long enough to drop it.
    ///
    /// Source: RFC 8289 §5.6 (dodequeue).
    fn next<P: Packet>(&mut self, now: Duration, fifo: &mut Fifo<P>, codel: CoDel) -> Head<P> {
        let Some(queued) = fifo.pop() else {
            self.first_above_time = None;
            return Head { queued: None, ok_to_drop: false };
        };
        self.maxpacket = self.maxpacket.max(queued.packet.len_bytes());
        let waited = now.saturating_sub(queued.arrived);
        if waited < codel.target || fifo.bytes() <= self.maxpacket {
            self.first_above_time = None;
            return Head { queued: Some(queued), ok_to_drop: false };
        }
        let ok_to_drop = match self.first_above_time {
            Some(first_above_time) => now >= first_above_time,
            None => {
                self.first_above_time = Some(now.saturating_add(codel.interval));
                false
            }
        };
        Head { queued: Some(queued), ok_to_drop }
    }

    /// Enters the dropping state: at the rate that held last time, if that was not long ago.
    ///
    /// Source: RFC 8289 §5.5, the last part.
    fn begin_dropping(&mut self, now: Duration, interval: Duration) {
        self.dropping = true;
        let delta = self.count.saturating_sub(self.lastcount);
        let is_recent = now.saturating_sub(self.drop_next) < interval.saturating_mul(16);
        self.count = if delta > 1 && is_recent { delta } else { 1 };
        self.drop_next = control_law(now, interval, self.count);
        self.lastcount = self.count;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    Marked,
    Dropped,
}

/// Marks the packet if it may be marked, and drops it otherwise.
fn signal<P: Packet>(
    queued: Option<Queued<P>>,
    ecn: EcnUse,
    stats: &mut LinkStats,
) -> (Option<Queued<P>>, Signal) {
    let Some(mut queued) = queued else {
        return (None, Signal::Dropped);
    };
    if ecn == EcnUse::Mark && queued.mark_ce(stats) != Marking::NotCapable {
        return (Some(queued), Signal::Marked);
    }
    stats.codel_dropped += 1;
    (None, Signal::Dropped)
}

/// When to drop next: `interval / sqrt(count)` after `from`. Source: RFC 8289 §5.6 (control_law).
///
/// Computed as the root of `interval^2 / count`, which is exact to the nanosecond below.
fn control_law(from: Duration, interval: Duration, count: u32) -> Duration {
    let interval = u128::from(nanos(interval));
    let step = (interval * interval / u128::from(count.max(1))).isqrt();
    from.saturating_add(Duration::from_nanos(step as u64))
}
