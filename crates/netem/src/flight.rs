//! Flight: packets behind the bottleneck, each with the time at which it is due.

use crate::dice::{Detail, Dice, Roll, Rolls};
use crate::fifo::Queued;
use crate::latency::latency;
use crate::{Alterations, LinkConfig, LinkStats, Order, Outage, OutageEffect, Packet, ReorderBy};
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// What awaits a packet behind the bottleneck; drawn when it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Delay with jitter and spike.
    latency: Duration,
    hold: Option<Hold>,
    /// The time from the original to its copy, if there is a copy.
    copy_after: Option<Duration>,
}

/// How far a packet is held back, as drawn from a [`ReorderBy`].
#[derive(Clone, Copy, Debug)]
enum Hold {
    Time(Duration),
    Depth { packets: u64, at_most: Duration },
}

impl Course {
    /// Draws the course of the packet with number `nth`, and counts what it holds.
    pub(crate) fn draw(
        nth: u64,
        rolls: &Rolls,
        config: &LinkConfig,
        dice: &mut Dice,
        stats: &mut LinkStats,
    ) -> Self {
        let mut course = Self { latency: latency(config, rolls), hold: None, copy_after: None };
        if let Some(spikes) = config.spikes
            && spikes.probability.hits(rolls.of(Roll::Spike))
        {
            course.latency = course.latency.saturating_add(spikes.extra);
            stats.spiked += 1;
        }
        if let Some(reordering) = config.reordering
            && reordering.probability.hits(rolls.of(Roll::Reordering))
        {
            course.hold = Some(Hold::draw(nth, reordering.by, dice));
        }
        if let Some(duplication) = config.duplication
            && duplication.probability.hits(rolls.of(Roll::Duplication))
        {
            let mut details = dice.details(Detail::Duplication, nth);
            course.copy_after = Some(details.up_to(duplication.delay_max));
        }
        course
    }
}

impl Hold {
    fn draw(nth: u64, by: ReorderBy, dice: &mut Dice) -> Self {
        let mut details = dice.details(Detail::Reordering, nth);
        match by {
            ReorderBy::Time { max } => Self::Time(details.up_to(max)),
            ReorderBy::Depth { packets_min, packets_max, hold_max } => {
                let fewest = packets_min.max(1);
                let spread = u64::from(packets_max.saturating_sub(fewest));
                let packets = u64::from(fewest) + details.below(spread + 1);
                Self::Depth { packets, at_most: hold_max }
            }
        }
    }
}

/// All packets on their way, by the time at which they are due.
///
/// Equal times are told apart by the order of entry, so the order of delivery is total.
#[derive(Clone, Debug)]
pub(crate) struct Flight<P> {
    packets: BTreeMap<DueKey, InFlight<P>>,
    /// Packets held back by depth, by the number of entries that sets them free. All are in
    /// `packets`.
    held: BTreeSet<(u64, DueKey)>,
    /// Packets that entered, without copies.
    entered: u64,
    next_sequence: u64,
    bytes: usize,
    /// When the last packet whose order is kept is due.
    last_due: Duration,
}

type DueKey = (Duration, u64);

#[derive(Clone, Debug)]
struct InFlight<P> {
    packet: P,
    nth: u64,
    alterations: Alterations,
    /// The entry that sets it free, if it is held back by depth.
    free_at_entry: Option<u64>,
}

impl<P: Packet> Flight<P> {
    pub(crate) const fn new() -> Self {
        Self {
            packets: BTreeMap::new(),
            held: BTreeSet::new(),
            entered: 0,
            next_sequence: 0,
            bytes: 0,
            last_due: Duration::ZERO,
        }
    }

    /// Takes a packet that left the bottleneck at `at`, and its copy if it has one.
    pub(crate) fn enter(
        &mut self,
        at: Duration,
        queued: Queued<P>,
        config: &LinkConfig,
        stats: &mut LinkStats,
    ) {
        let Queued { packet, arrived: _, nth, course, alterations } = queued;
        let arrival = self.arrival(at, course.latency, config);
        let copy = course.copy_after.map(|after| (after, packet.clone()));
        self.entered += 1;

        let (due, free_at_entry) = match course.hold {
            None => (arrival, None),
            Some(Hold::Time(extra)) => (arrival.saturating_add(extra), None),
            Some(Hold::Depth { packets, at_most }) => {
                (arrival.saturating_add(at_most), Some(self.entered.saturating_add(packets)))
            }
        };
        match course.hold {
            None => self.last_due = self.last_due.max(due),
            Some(Hold::Time(_) | Hold::Depth { .. }) => stats.reordered += 1,
        }
        self.insert(due, InFlight { packet, nth, alterations, free_at_entry }, config, stats);
        if let Some((after, packet)) = copy {
            stats.duplicated += 1;
            let alterations = Alterations { is_copy: true, ..alterations };
            let copy = InFlight { packet, nth, alterations, free_at_entry: None };
            self.insert(arrival.saturating_add(after), copy, config, stats);
        }
        self.release_held(arrival);
    }

    /// The next packet due by `now`.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Delivery<P>> {
        let entry = self.packets.first_entry()?;
        let key = *entry.key();
        if key.0 > now {
            return None;
        }
        let InFlight { packet, nth, alterations, free_at_entry } = entry.remove();
        if let Some(free_at_entry) = free_at_entry {
            self.held.remove(&(free_at_entry, key));
        }
        self.bytes -= packet.len_bytes();
        Some(Delivery { packet, due: key.0, nth, alterations })
    }

    /// When the next packet is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.packets.first_key_value().map(|(key, _)| key.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When a packet that leaves the bottleneck at `at` arrives if it is not held back.
    fn arrival(&self, at: Duration, latency: Duration, config: &LinkConfig) -> Duration {
        let arrival = held_by_outage(&config.outages, at).saturating_add(latency);
        match config.order {
            Order::Kept => arrival.max(self.last_due),
            Order::Free => arrival,
        }
    }

    fn insert(
        &mut self,
        due: Duration,
        packet: InFlight<P>,
        config: &LinkConfig,
        stats: &mut LinkStats,
    ) {
        let len_bytes = packet.packet.len_bytes();
        if !config.in_flight_max.has_room(self.packets.len(), self.bytes, len_bytes) {
            stats.flight_dropped += 1;
            return;
        }
        self.bytes += len_bytes;
        let key = self.key(due);
        if let Some(free_at_entry) = packet.free_at_entry {
            self.held.insert((free_at_entry, key));
        }
        self.packets.insert(key, packet);
    }

    /// Sets free the packets that enough others have passed: they arrive right behind the last one.
    fn release_held(&mut self, arrival: Duration) {
        // Each turn takes one packet off the set.
        while let Some(&(free_at_entry, key)) = self.held.first() {
            if free_at_entry > self.entered {
                return;
            }
            self.held.pop_first();
            let Some(mut packet) = self.packets.remove(&key) else {
                debug_assert!(false, "a held packet is not in flight");
                continue;
            };
            packet.free_at_entry = None;
            let key = self.key(arrival);
            self.packets.insert(key, packet);
        }
    }

    fn key(&mut self, due: Duration) -> DueKey {
        self.next_sequence += 1;
        (due, self.next_sequence)
    }
}

/// A packet that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<P> {
    /// The packet, as it arrives.
    pub packet: P,
    /// When it arrived, since the caller's epoch: at or before the time of the poll.
    pub due: Duration,
    /// Which packet it is, counted from 1 in the order they were sent. A copy has its original's
    /// number.
    pub nth: u64,
    /// What the link changed about it.
    pub alterations: Alterations,
}

/// When a packet that leaves the bottleneck at `at` goes on: now, or when a clog is over.
fn held_by_outage(outages: &[Outage], at: Duration) -> Duration {
    outages
        .iter()
        .filter(|outage| outage.effect == OutageEffect::Hold && outage.contains(at))
        .map(|outage| outage.until)
        .fold(at, Duration::max)
}
