//! LinkConfig: everything a link may do to packets, as plain data that can be printed and compared.

use crate::{Probability, Rate};
use alloc::vec::Vec;
use core::time::Duration;

/// What one direction of a link does to the packets it carries. The default is a perfect link.
///
/// A packet meets the stages in this order, and the first that loses it ends its way:
///
/// 1. the MTU, outages, targeted loss, uniform loss, burst loss;
/// 2. corruption, truncation, padding;
/// 3. the bottleneck: a queue and a rate, or a policer;
/// 4. delay, jitter and spikes; reordering; duplication.
///
/// ```
/// use core::time::Duration;
/// use synack_netem::{Bottleneck, LinkConfig, Probability, Rate};
/// let dsl = LinkConfig {
///     delay: Duration::from_millis(20),
///     loss: Probability::percent(1),
///     bottleneck: Some(Bottleneck::drop_tail(Rate::mbit(16), 100)),
///     ..LinkConfig::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// The largest packet that passes; `None` for no limit.
    pub mtu: Option<Mtu>,
    /// Times during which nothing gets through. They may overlap.
    pub outages: Vec<Outage>,
    /// Numbers of the packets to lose, counted from 1 in the order they are sent.
    pub lose_nth: Vec<u64>,
    /// The chance of each packet to be lost by itself.
    pub loss: Probability,
    /// Loss in bursts.
    pub burst_loss: Option<BurstLoss>,
    /// Changes to the octets.
    pub corruption: Corruption,
    /// The chance to be cut short, to any length from one octet to one less than before.
    pub truncation: Probability,
    /// Octets added behind the end.
    pub padding: Option<Padding>,
    /// The narrow place of the path; `None` for infinitely fast.
    pub bottleneck: Option<Bottleneck>,
    /// The time on the way, behind the bottleneck.
    pub delay: Duration,
    /// Variation of `delay`.
    pub jitter: Option<Jitter>,
    /// Rare and large delays.
    pub spikes: Option<Spikes>,
    /// Whether packets that got different delays may overtake each other.
    pub order: Order,
    /// Packets held back on purpose.
    pub reordering: Option<Reordering>,
    /// Packets delivered twice.
    pub duplication: Option<Duplication>,
    /// The most that may be behind the bottleneck at once, copies included; what exceeds it is
    /// lost. A packet that has arrived takes room until it is polled, as in a receiver's ring.
    pub in_flight_max: Capacity,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            mtu: None,
            outages: Vec::new(),
            lose_nth: Vec::new(),
            loss: Probability::NEVER,
            burst_loss: None,
            corruption: Corruption::default(),
            truncation: Probability::NEVER,
            padding: None,
            bottleneck: None,
            delay: Duration::ZERO,
            jitter: None,
            spikes: None,
            order: Order::Kept,
            reordering: None,
            duplication: None,
            in_flight_max: Capacity::IN_FLIGHT_DEFAULT,
        }
    }
}

/// The largest packet of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtu {
    /// Octets of the largest packet that passes, IP header included.
    pub bytes: usize,
    /// What happens to a larger one.
    pub excess: Excess,
}

/// What a link does with a packet larger than its MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Drops it and says so, so that the caller can answer as a router would (RFC 1191 §4, RFC 8201
    /// §4).
    Reported,
    /// Drops it in silence: a black hole for path MTU discovery (RFC 2923 §2.1).
    Silent,
}

/// A time during which nothing gets through: `from` is included, `until` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it begins, since the caller's epoch.
    pub from: Duration,
    /// When it is over, since the caller's epoch.
    pub until: Duration,
    /// What becomes of packets meanwhile.
    pub effect: OutageEffect,
}

impl Outage {
    /// Whether `time` lies within it.
    pub fn contains(&self, time: Duration) -> bool {
        self.from <= time && time < self.until
    }
}

/// What becomes of packets during an outage. Those already on their way are not concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageEffect {
    /// A partition: what is sent is lost.
    Lose,
    /// A clog: what leaves the bottleneck arrives when the outage is over, at the earliest.
    Hold,
}

/// Loss in bursts: the model of Gilbert and Elliott, stepped once a packet.
///
/// The mean length of a bad phase is `1 / leave` packets, the share of time in it
/// `enter / (enter + leave)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstLoss {
    /// The chance, at each packet of a good phase, that a bad one begins with it.
    pub enter: Probability,
    /// The chance, at each packet of a bad phase, that a good one begins with it.
    pub leave: Probability,
    /// The chance of a packet in a bad phase to be lost. None is lost in a good one.
    pub loss_while_bad: Probability,
}

/// Changes to the octets of packets. The three kinds are drawn each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The chance that between 1 and `bit_flips_max` bits are inverted.
    pub bit_flips: Probability,
    /// The most bits inverted in one packet: 1 to 8, other values are moved there.
    pub bit_flips_max: u8,
    /// The chance that two octets change places.
    pub byte_swap: Probability,
    /// The chance that two 16-bit words change places.
    ///
    /// The Internet checksum does not see it (RFC 1071 §2(A)) if it covers both words: with
    /// `from_byte` at the TCP header, a receiver takes the packet for a good one.
    pub word_swap: Probability,
    /// The first octet that may change: 0 for any, the length of the IP header to spare it.
    pub from_byte: usize,
}

impl Default for Corruption {
    fn default() -> Self {
        Self {
            bit_flips: Probability::NEVER,
            bit_flips_max: 8,
            byte_swap: Probability::NEVER,
            word_swap: Probability::NEVER,
            from_byte: 0,
        }
    }
}

/// Random octets behind the end of a packet, as some Ethernet drivers leave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// The chance of each packet.
    pub probability: Probability,
    /// Between 1 and this many octets are added, each number as likely; at most 64.
    pub bytes_max: u8,
}

/// The narrow place of a path: what is faster than `rate` waits here or is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// Bits per second.
    pub rate: Rate,
    /// How many octets may leave at once after a rest; 0 for a plain wire. (A token bucket's
    /// depth.)
    pub burst_bytes: usize,
    /// Where packets wait.
    pub queue: Queue,
}

impl Bottleneck {
    /// A plain wire with a queue of at most `packets_max` packets.
    pub const fn drop_tail(rate: Rate, packets_max: usize) -> Self {
        let capacity = Capacity { packets: packets_max, bytes: usize::MAX };
        Self { rate, burst_bytes: 0, queue: Queue::DropTail { capacity } }
    }

    /// A wire with a queue under CoDel, with the target and interval of RFC 8289 §4.2 to §4.3.
    pub const fn codel(rate: Rate, capacity: Capacity, ecn: EcnUse) -> Self {
        Self { rate, burst_bytes: 0, queue: Queue::CoDel { capacity, codel: CoDel::RFC_8289, ecn } }
    }

    /// A policer: no queue; what exceeds `rate` by more than `burst_bytes` is dropped.
    ///
    /// A packet larger than `burst_bytes` never passes.
    pub const fn policer(rate: Rate, burst_bytes: usize) -> Self {
        Self { rate, burst_bytes, queue: Queue::Policer }
    }
}

/// Where packets wait for a bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Nowhere: what would have to wait is dropped.
    Policer,
    /// In a queue that drops what arrives when it is full.
    DropTail {
        /// The longest queue. The packet being put on the wire is not part of it.
        capacity: Capacity,
    },
    /// As [`DropTail`](Self::DropTail), and packets that find many octets waiting are marked with
    /// CE. Those that cannot carry CE are not dropped for it. (The marking of RFC 8257 §3.1.)
    MarkAbove {
        /// The longest queue.
        capacity: Capacity,
        /// Marks packets that find more than this many octets before them.
        bytes: usize,
    },
    /// In a queue that drops at its head what waited too long for too long. Source: RFC 8289.
    CoDel {
        /// The longest queue; also under CoDel it must have an end.
        capacity: Capacity,
        /// The two numbers of CoDel.
        codel: CoDel,
        /// Whether it marks packets that can carry a mark instead.
        ecn: EcnUse,
    },
}

/// The two numbers of CoDel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoDel {
    /// The waiting time that is acceptable for good.
    pub target: Duration,
    /// How long waiting must stay above `target` before the first drop; about a worst round trip.
    pub interval: Duration,
}

impl CoDel {
    /// 5 ms and 100 ms. Source: RFC 8289 §4.2 (interval), §4.3 (target), §5.3.
    pub const RFC_8289: Self =
        Self { target: Duration::from_millis(5), interval: Duration::from_millis(100) };
}

/// Whether a queue marks packets that can carry a mark, instead of dropping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnUse {
    /// Drop every packet that is chosen.
    Drop,
    /// Mark those that carry ECT or CE (RFC 3168 §5), drop the others.
    Mark,
}

/// How much a place holds; both limits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// At most this many packets.
    pub packets: usize,
    /// At most this many octets.
    pub bytes: usize,
}

impl Capacity {
    /// 262,144 packets and 256 MiB: two seconds of 1 Gbit/s in full packets, which are 250 MB.
    pub const IN_FLIGHT_DEFAULT: Self = Self { packets: 1 << 18, bytes: 1 << 28 };

    /// At most `packets`, of any size.
    pub const fn packets(packets: usize) -> Self {
        Self { packets, bytes: usize::MAX }
    }

    /// At most `bytes`, in any number of packets.
    pub const fn bytes(bytes: usize) -> Self {
        Self { packets: usize::MAX, bytes }
    }

    /// Whether a packet of `len_bytes` still fits beside `packets` and `bytes`.
    pub(crate) const fn has_room(self, packets: usize, bytes: usize, len_bytes: usize) -> bool {
        packets < self.packets && bytes.saturating_add(len_bytes) <= self.bytes
    }
}

/// Variation of the delay from packet to packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter {
    /// The largest distance from the delay. A delay never becomes negative.
    pub amount: Duration,
    /// How it is spread.
    pub distribution: Distribution,
}

/// How jitter is spread over its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly over `delay - amount ..= delay + amount`.
    Uniform,
    /// As a bell over the same range: the mean of eight uniform draws, so the standard deviation is
    /// 0.204 times the amount.
    Bell,
    /// Over `delay ..= delay + amount`: mostly little, at times much. A Pareto distribution of
    /// shape 2 and mean 0.1 times the amount, whose last 1 % lies at the amount.
    LongTail,
}

/// Rare and large delays, as of a radio link that changes cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spikes {
    /// The chance of each packet.
    pub probability: Probability,
    /// What is added to its delay. Where order is kept, packets behind it wait as well.
    pub extra: Duration,
}

/// Whether packets with different delays may overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Never, but for [`Reordering`] and copies: who would overtake arrives together with the one
    /// before it. So behave most paths.
    Kept,
    /// Each arrives at its own time.
    Free,
}

/// Packets held back on purpose, so that later ones overtake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reordering {
    /// The chance of each packet.
    pub probability: Probability,
    /// How far it is held back.
    pub by: ReorderBy,
}

/// How far a packet is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReorderBy {
    /// By a time, drawn evenly up to `max`.
    Time {
        /// The longest extra delay.
        max: Duration,
    },
    /// Until a number of later packets has passed, drawn evenly from `packets_min ..= packets_max`.
    Depth {
        /// The fewest packets that overtake; 0 counts as 1.
        packets_min: u32,
        /// The most packets that overtake; less than the fewest counts as the fewest.
        packets_max: u32,
        /// If fewer follow, it arrives this much later than it would have.
        hold_max: Duration,
    },
}

/// Packets delivered twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplication {
    /// The chance of each packet that comes through the bottleneck.
    pub probability: Probability,
    /// The copy arrives up to this much after the original, evenly drawn; after the time at which
    /// the original would arrive, if that is held back.
    pub delay_max: Duration,
}
