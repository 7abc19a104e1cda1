//! The shards of a stack as one of them sees the others: what came to the wrong one is forwarded,
//! and they end together.
//!
//! Each is a driver of its own, with an endpoint, a queue of every device and a doorbell. They
//! share no table: the endpoint says whose a packet is.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use synack_tcb::{DropReason, FourTuple, Instant, Shard};

use super::Driver;
use super::bell::{Bell, Forwarded, Request};
use crate::error::StackError;

/// The doorbells of all shards, and how far they are.
#[derive(Debug)]
pub(crate) struct Shards {
    bells: Box<[Arc<Bell>]>,
    /// How many have something to do yet.
    unfinished: AtomicUsize,
    /// How many connections were opened, so that each is asked in its turn.
    opens: AtomicUsize,
}

/// The place of one shard among the others.
#[derive(Debug)]
pub(crate) struct Place {
    own: Arc<Bell>,
    all: Arc<Shards>,
    /// What came in this turn and is for others, by their numbers.
    leaving: Box<[Vec<Forwarded>]>,
    /// What others sent here, while it is looked at.
    arrived: Vec<Forwarded>,
    /// Whether this shard has said that it has nothing to do any more.
    is_done: bool,
}

impl Shards {
    /// The doorbells of so many shards as there are.
    pub(crate) fn new(shards: impl Iterator<Item = Shard>) -> Arc<Self> {
        let bells: Box<[_]> = shards.map(|shard| Arc::new(Bell::new(shard))).collect();
        let unfinished = AtomicUsize::new(bells.len());
        Arc::new(Self { bells, unfinished, opens: AtomicUsize::new(0) })
    }

    /// All doorbells, in the order of the shards.
    pub(crate) fn bells(&self) -> &[Arc<Bell>] {
        &self.bells
    }

    /// The first shard, which whatever concerns all of them goes through, so that it comes to each
    /// in the same order.
    pub(crate) fn first(&self) -> &Arc<Bell> {
        self.bells.first().expect("a stack has a shard")
    }

    /// The shard to open the next connection, each in its turn.
    pub(crate) fn next_to_open(&self) -> &Arc<Bell> {
        match &*self.bells {
            [only] => only,
            all => &all[self.opens.fetch_add(1, Ordering::Relaxed) % all.len()],
        }
    }
}

impl Place {
    pub(crate) fn new(own: &Arc<Bell>, all: &Arc<Shards>) -> Self {
        let leaving = all.bells.iter().map(|_| Vec::new()).collect();
        let (own, all) = (Arc::clone(own), Arc::clone(all));
        Self { own, all, leaving, arrived: Vec::new(), is_done: false }
    }

    pub(super) fn own(&self) -> &Arc<Bell> {
        &self.own
    }

    pub(super) fn all(&self) -> &Shards {
        &self.all
    }

    /// The shard after this one; `None` for the last.
    pub(super) fn next(&self) -> Option<&Arc<Bell>> {
        self.all.bells.get(self.own.shard().index() + 1)
    }

    /// How many shards there are.
    pub(super) fn count(&self) -> usize {
        self.all.bells.len()
    }

    /// Asks the driver of a shard. One that is gone drops the request, as its stack is gone.
    pub(super) fn ask(&self, shard: usize, request: Request) {
        let _gone = self.all.bells[shard].ask(request);
    }

    pub(super) fn others(&self) -> impl Iterator<Item = &Arc<Bell>> {
        self.all.bells.iter().filter(|bell| !Arc::ptr_eq(bell, &self.own))
    }

    /// Whether this shard has said that it has nothing to do any more.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// This shard has nothing to do any more. Says whether that is so for all: until then each is
    /// needed, as packets for the others may come in by its queues.
    pub(super) fn finish(&mut self) -> bool {
        if mem::replace(&mut self.is_done, true) {
            return self.all.unfinished.load(Ordering::Acquire) == 0;
        }
        self.all.unfinished.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// What a connection here found out of its path, others to the same destination go by.
    pub(super) fn tell_path_mtu(&self, path: FourTuple, mtu: u32) {
        for other in self.others() {
            // A stack that is gone has no connection.
            let _gone = other.ask(Request::PathMtu { path, mtu });
        }
    }

    /// The driver of this shard is gone, and with it the stack.
    pub(super) fn end_all(&self, failure: &StackError) {
        for other in self.others() {
            // One that is gone knows.
            let _gone = other.ask(Request::Fail(failure.clone()));
        }
    }
}

impl Driver {
    /// Keeps what is for another shard until the end of the batch.
    pub(super) fn forward(&mut self, shard: usize, packet: Forwarded) {
        self.place.leaving[shard].push(packet);
    }

    /// Hands over what came in and is for other shards. What they do not take is lost, lest a slow
    /// one hold up the others.
    pub(super) fn hand_over(&mut self) {
        let Place { all, leaving, .. } = &mut self.place;
        for (bell, packets) in all.bells.iter().zip(leaving) {
            if packets.is_empty() {
                continue;
            }
            let count = packets.len();
            let lost = bell.forward(packets);
            self.counters.forwarded.add((count - lost) as u64);
            self.counters.drops[DropReason::ShardQueueFull as usize].add(lost as u64);
        }
    }

    /// Takes what came to other shards and is for this one.
    pub(super) fn take_forwarded(&mut self, now: Instant) {
        let mut arrived = mem::take(&mut self.place.arrived);
        self.place.own.take_forwarded(&mut arrived);
        for packet in arrived.drain(..) {
            match packet {
                Forwarded::Tcp(link, mut packet) => self.route(now, link, &mut packet),
                Forwarded::Icmp(error) => self.handle_icmp(now, &error),
            }
        }
        self.place.arrived = arrived;
    }
}
