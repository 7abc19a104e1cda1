//! Path: the few numbers by which the way between two hosts is named in grids and benches.

use core::fmt;
use core::time::Duration;

use synack_netem::{Bottleneck, LinkConfig, Probability, Rate, ReorderBy, Reordering};

/// A way from a sender to a receiver and back.
///
/// Text meets loss and reordering, and a queue before a narrow place; what comes back meets the
/// same rate and delay, and is never lost by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// How fast it is, in both directions.
    pub rate: Rate,
    /// The round-trip time without any queue.
    pub rtt: Duration,
    /// The chance of each packet of the sender to be lost.
    pub loss: Probability,
    /// The chance of each packet of the sender to be overtaken by 3 to 8 later ones: more than a
    /// sender of old takes for a loss (RFC 5681 §3.2).
    pub reordering: Probability,
}

impl Path {
    /// What the path holds when it is full and no queue stands. Units: octets.
    pub fn bandwidth_delay_bytes(&self) -> u64 {
        let bits = u128::from(self.rate.get()) * self.rtt.as_nanos() / 1_000_000_000;
        u64::try_from(bits / 8).unwrap_or(u64::MAX)
    }

    /// The longest queue: as much as the path itself holds, but enough for an initial window and
    /// then some. Units: packets.
    pub fn queue_packets_max(&self) -> usize {
        let packets = self.bandwidth_delay_bytes() / PACKET_BYTES as u64;
        usize::try_from(packets).unwrap_or(usize::MAX).max(QUEUE_PACKETS_MIN)
    }

    /// The links: there, and back.
    pub fn links(&self) -> [LinkConfig; 2] {
        let back = LinkConfig {
            bottleneck: Some(Bottleneck::drop_tail(self.rate, self.queue_packets_max())),
            delay: self.rtt / 2,
            ..LinkConfig::default()
        };
        let hold_max = self.rate.time_for(PACKET_BYTES) * OVERTAKEN_BY.1 + self.rtt / 4;
        let by =
            ReorderBy::Depth { packets_min: OVERTAKEN_BY.0, packets_max: OVERTAKEN_BY.1, hold_max };
        let reordering = Reordering { probability: self.reordering, by };
        let is_ordered = self.reordering == Probability::NEVER;
        let there = LinkConfig {
            loss: self.loss,
            reordering: (!is_ordered).then_some(reordering),
            ..back.clone()
        };
        [there, back]
    }
}

/// For instance `100 Mbit/s, 20 ms, 0.1% lost, 1% reordered`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, rtt, loss, reordering } = self;
        write!(f, "{rate}, {rtt:?}, {loss} lost, {reordering} reordered")
    }
}

/// A full packet. Units: octets.
const PACKET_BYTES: usize = 1_500;
/// Three initial windows of RFC 6928, and a little.
const QUEUE_PACKETS_MIN: usize = 32;
/// The fewest and the most packets that overtake one.
const OVERTAKEN_BY: (u32, u32) = (3, 8);

#[cfg(test)]
mod tests {
    use super::*;

    fn path(rate: Rate, rtt_ms: u64) -> Path {
        let rtt = Duration::from_millis(rtt_ms);
        let (loss, reordering) = (Probability::per_million(1_000), Probability::percent(1));
        Path { rate, rtt, loss, reordering }
    }

    #[test]
    fn a_queue_is_as_long_as_the_path_but_never_tiny() {
        assert_eq!(path(Rate::mbit(12), 100).queue_packets_max(), 100);
        assert_eq!(path(Rate::mbit(10), 1).queue_packets_max(), 32);
    }

    #[test]
    fn only_the_senders_packets_are_lost_and_overtaken() {
        let path = path(Rate::mbit(100), 20);
        let [there, back] = path.links();
        assert_eq!(there.delay + back.delay, path.rtt);
        assert_eq!((there.loss, back.loss), (path.loss, Probability::NEVER));
        assert!(there.reordering.is_some() && back.reordering.is_none());
        assert_eq!(path.to_string(), "100 Mbit/s, 20ms, 0.1% lost, 1% reordered");
    }
}
