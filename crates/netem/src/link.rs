//! Link: one direction of a network path, from packets and times in to packets and times out.

use crate::damage::damage;
use crate::dice::{Dice, Roll, Rolls};
use crate::fifo::Queued;
use crate::flight::{Course, Flight};
use crate::queue::{Admission, BottleneckState};
use crate::{
    BurstLoss, Delivery, Excess, LinkConfig, LinkStats, OutageEffect, Packet, Probability,
};
use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

/// One direction of a link: what is [`send`](Self::send)t comes out of [`poll`](Self::poll), later,
/// damaged, twice, or never, as its [`LinkConfig`] and its seed have it.
///
/// It has no clock. Every time is the [`Duration`] since an epoch that the caller chooses, and
/// times given to one link must not go back; one that does counts as the latest seen.
///
/// Same configuration, same seed, same packets at the same times: the same deliveries, to the byte
/// and the nanosecond, on every machine, however often `poll` is called (unless so seldom that
/// [`LinkConfig::in_flight_max`] is reached). The fate that one kind of fault gives to the nth
/// packet depends on the seed, on `n` and on that fault's settings, and on no other fault (burst
/// loss also on the settings that packets before it met).
///
/// Memory is bounded by the capacity of the queue and by [`LinkConfig::in_flight_max`].
///
/// ```
/// use core::time::Duration;
/// use synack_netem::{Link, LinkConfig, Outcome};
///
/// let config = LinkConfig { delay: Duration::from_millis(20), ..LinkConfig::default() };
/// let mut link = Link::new(config, 1);
/// assert_eq!(link.send(Duration::from_millis(5), vec![1, 2, 3]), Outcome::Taken);
///
/// assert_eq!(link.deadline(), Some(Duration::from_millis(25)));
/// assert!(link.poll(Duration::from_millis(24)).is_none());
/// assert_eq!(link.poll(Duration::from_millis(25)).unwrap().packet, [1, 2, 3]);
/// ```
pub struct Link<P> {
    config: LinkConfig,
    dice: Dice,
    /// Whether burst loss is in a bad phase.
    is_bad_phase: bool,
    carrier: Carrier,
    filter: Option<Filter>,
    bottleneck: BottleneckState<P>,
    flight: Flight<P>,
    stats: LinkStats,
    now: Duration,
}

type Filter = Box<dyn FnMut(Sent<'_>) -> Probability + Send>;

impl<P: Packet> Link<P> {
    /// A link that does what `config` says, with all its randomness drawn from `seed`.
    ///
    /// The two directions of a path want two seeds; neighbouring numbers will do.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            config,
            dice: Dice::new(seed),
            is_bad_phase: false,
            carrier: Carrier::Up,
            filter: None,
            bottleneck: BottleneckState::new(),
            flight: Flight::new(),
            stats: LinkStats::default(),
            now: Duration::ZERO,
        }
    }

    /// Puts a packet on the link.
    ///
    /// [`Outcome::Taken`] is no promise: CoDel drops later, at the head of its queue.
    pub fn send(&mut self, now: Duration, mut packet: P) -> Outcome {
        let now = self.advance(now);
        self.stats.sent += 1;
        self.stats.sent_bytes += packet.len_bytes() as u64;
        let nth = self.stats.sent;
        let rolls = self.dice.roll();
        // Stepped for every packet, so that a burst does not depend on the other faults.
        let burst = self.step_burst(&rolls);

        if let Some(mtu) = self.config.mtu
            && packet.len_bytes() > mtu.bytes
        {
            self.stats.too_big += 1;
            return match mtu.excess {
                Excess::Reported => Outcome::TooBig { mtu_bytes: mtu.bytes },
                Excess::Silent => Outcome::Lost,
            };
        }
        if let Some(count) = self.loss(now, nth, &packet, &rolls, burst) {
            *count += 1;
            return Outcome::Lost;
        }
        let Self { config, dice, stats, .. } = self;
        let alterations = damage(&mut packet, nth, &rolls, config, dice, stats);
        let course = Course::draw(nth, &rolls, config, dice, stats);
        self.pass_bottleneck(Queued { packet, arrived: now, nth, course, alterations })
    }

    /// The next packet that has arrived by `now`, in the order of arrival.
    ///
    /// Call it until it returns `None`, then not before [`deadline`](Self::deadline) or another
    /// `send`.
    pub fn poll(&mut self, now: Duration) -> Option<Delivery<P>> {
        let now = self.advance(now);
        let delivery = self.flight.pop_due(now)?;
        self.stats.delivered += 1;
        self.stats.delivered_bytes += delivery.packet.len_bytes() as u64;
        Some(delivery)
    }

    /// When to poll next if nothing else is sent; `None` while the link is empty.
    ///
    /// Never later than the next arrival. It may be earlier, when a packet leaves the queue before
    /// any is due: then `poll` returns `None`, and the deadline has moved on.
    pub fn deadline(&self) -> Option<Duration> {
        let due = self.flight.next_due();
        let service =
            self.config.bottleneck.as_ref().and_then(|of| self.bottleneck.next_service(of));
        match (due, service) {
            (Some(due), Some(service)) => Some(due.min(service)),
            (due, service) => due.or(service),
        }
    }

    /// Changes what the link does, from `now` on.
    ///
    /// Packets in the queue see the new rate and the new rules of dropping and marking; delay,
    /// jitter, reordering and duplication are drawn at sending, so those already sent keep theirs.
    /// A queue that is longer than its new capacity shrinks by being served. A packet on the line
    /// stays as it was, and a rest earned under the old burst counts under the new one. Without a
    /// bottleneck, what waited for it goes on at once.
    pub fn set_config(&mut self, now: Duration, config: LinkConfig) {
        let now = self.advance(now);
        if let (Some(old), Some(new)) = (&self.config.bottleneck, &config.bottleneck) {
            self.bottleneck.change(now, old, new);
        }
        self.config = config;
        if self.config.bottleneck.is_none() {
            while let Some(queued) = self.bottleneck.pop() {
                self.flight.enter(now, queued, &self.config, &mut self.stats);
            }
            self.bottleneck = BottleneckState::new();
        }
    }

    /// Cuts the link, or joins it again. While it is down, what is sent is lost; what is on its way
    /// arrives.
    pub const fn set_carrier(&mut self, carrier: Carrier) {
        self.carrier = carrier;
    }

    /// Asks `filter` about every packet that fits the MTU, from now on, with what probability to
    /// lose it: targeted loss of anything that can be told from octets, number or time. It replaces
    /// the one before.
    ///
    /// ```
    /// use synack_netem::{Link, LinkConfig, Probability};
    /// let mut link = Link::<Vec<u8>>::new(LinkConfig::default(), 1);
    /// // Half of the TCP segments over IPv4, without options, that carry no text.
    /// link.set_filter(|sent| match sent.octets.len() {
    ///     0..=40 => Probability::percent(50),
    ///     _ => Probability::NEVER,
    /// });
    /// ```
    pub fn set_filter(&mut self, filter: impl FnMut(Sent<'_>) -> Probability + Send + 'static) {
        self.filter = Some(Box::new(filter));
    }

    /// Asks no filter any more.
    pub fn clear_filter(&mut self) {
        self.filter = None;
    }

    /// What the link does at present.
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// What happened to the packets so far, and how many are inside, as of the latest time given.
    pub fn stats(&self) -> LinkStats {
        LinkStats {
            queue_packets: self.bottleneck.len(),
            queue_bytes: self.bottleneck.bytes(),
            in_flight_packets: self.flight.len(),
            in_flight_bytes: self.flight.bytes(),
            ..self.stats
        }
    }

    /// Moves the clock, and moves on what has left the queue by then. Returns the time that counts.
    fn advance(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        if let Some(of) = &self.config.bottleneck {
            // Each turn takes a packet off the queue.
            while let Some((left, queued)) = self.bottleneck.serve(self.now, of, &mut self.stats) {
                self.flight.enter(left, queued, &self.config, &mut self.stats);
            }
        }
        self.now
    }

    /// Moves burst loss on by one packet; says whether it loses this one.
    fn step_burst(&mut self, rolls: &Rolls) -> Burst {
        let Some(BurstLoss { enter, leave, loss_while_bad }) = self.config.burst_loss else {
            self.is_bad_phase = false;
            return Burst::Spares;
        };
        let turns = if self.is_bad_phase { leave } else { enter };
        self.is_bad_phase ^= turns.hits(rolls.of(Roll::BurstPhase));
        match self.is_bad_phase && loss_while_bad.hits(rolls.of(Roll::BurstLoss)) {
            true => Burst::Loses,
            false => Burst::Spares,
        }
    }

    /// The count of the cause that loses this packet, if one does.
    fn loss(
        &mut self,
        now: Duration,
        nth: u64,
        packet: &P,
        rolls: &Rolls,
        burst: Burst,
    ) -> Option<&mut u64> {
        let is_out = self
            .config
            .outages
            .iter()
            .any(|outage| outage.effect == OutageEffect::Lose && outage.contains(now));
        // The filter may count packets, so it sees each of them.
        let targeted = self.filter.as_mut().map_or(Probability::NEVER, |filter| {
            filter(Sent { nth, now, octets: packet.octets() })
        });
        if is_out || self.carrier == Carrier::Down {
            return Some(&mut self.stats.lost_outage);
        }
        if targeted.hits(rolls.of(Roll::Targeted)) || self.config.lose_nth.contains(&nth) {
            return Some(&mut self.stats.lost_targeted);
        }
        if self.config.loss.hits(rolls.of(Roll::Uniform)) {
            return Some(&mut self.stats.lost_uniform);
        }
        match burst {
            Burst::Loses => Some(&mut self.stats.lost_burst),
            Burst::Spares => None,
        }
    }

    fn pass_bottleneck(&mut self, queued: Queued<P>) -> Outcome {
        let now = queued.arrived;
        let Some(of) = &self.config.bottleneck else {
            self.flight.enter(now, queued, &self.config, &mut self.stats);
            return Outcome::Taken;
        };
        match self.bottleneck.admit(queued, of, &mut self.stats) {
            Admission::Through(queued) => {
                self.flight.enter(now, queued, &self.config, &mut self.stats);
            }
            Admission::Waits => {
                self.advance(now);
            }
            Admission::Dropped => return Outcome::QueueFull,
        }
        Outcome::Taken
    }
}

impl<P> fmt::Debug for Link<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("config", &self.config)
            .field("carrier", &self.carrier)
            .field("stats", &self.stats)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What a link says to a packet that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is on its way, or in the queue.
    Taken,
    /// It is lost, and a sender would not learn of it.
    Lost,
    /// The queue is full, or a policer's rate exceeded; a sender would not learn of it either.
    QueueFull,
    /// It is larger than the MTU. A router would answer with "fragmentation needed" (RFC 1191 §4)
    /// or "packet too big" (RFC 4443 §3.2).
    TooBig {
        /// The MTU to name in the answer, in octets.
        mtu_bytes: usize,
    },
}

/// Whether a link is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// It carries packets.
    Up,
    /// It is cut.
    Down,
}

/// A packet being sent, as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Its number, counted from 1.
    pub nth: u64,
    /// The time of sending, since the caller's epoch.
    pub now: Duration,
    /// Its octets, from the first of the IP header, before any damage.
    pub octets: &'a [u8],
}

/// What burst loss says to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burst {
    Loses,
    Spares,
}
