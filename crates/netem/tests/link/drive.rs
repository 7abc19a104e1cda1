//! Drives one link as a simulator would: sends at given times, polls at each deadline.

use core::time::Duration;
use proptest::prelude::ProptestConfig;
use synack_netem::{Delivery, Link, LinkConfig, LinkStats, Outcome, Packet};

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

/// What came of one run.
pub(crate) struct Run {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) deliveries: Vec<Delivery<Vec<u8>>>,
    pub(crate) stats: LinkStats,
}

impl Run {
    /// The numbers of the packets that arrived, in that order.
    pub(crate) fn order(&self) -> Vec<u64> {
        self.deliveries.iter().map(|delivery| delivery.nth).collect()
    }

    /// When they arrived.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.deliveries.iter().map(|delivery| delivery.due).collect()
    }

    /// The numbers of the packets of which nothing arrived.
    pub(crate) fn missing(&self) -> Vec<u64> {
        let order = self.order();
        (1..=self.stats.sent).filter(|nth| !order.contains(nth)).collect()
    }
}

/// Sends `packets` at their times, in between takes what arrives, and waits for the rest.
pub(crate) fn run(config: LinkConfig, seed: u64, packets: Vec<(Duration, Vec<u8>)>) -> Run {
    run_link(&mut Link::new(config, seed), packets)
}

/// As [`run`], with a link that was prepared.
pub(crate) fn run_link(link: &mut Link<Vec<u8>>, packets: Vec<(Duration, Vec<u8>)>) -> Run {
    let mut deliveries = Vec::new();
    let mut outcomes = Vec::new();
    for (now, packet) in packets {
        while link.deadline().is_some_and(|deadline| deadline < now) {
            drain_one_deadline(link, &mut deliveries);
        }
        outcomes.push(link.send(now, packet));
    }
    while link.deadline().is_some() {
        drain_one_deadline(link, &mut deliveries);
    }
    let stats = link.stats();
    assert!(stats.is_balanced(), "{stats:?}");
    assert_eq!((stats.queue_packets, stats.in_flight_packets), (0, 0), "the link is empty");
    assert_eq!((stats.queue_bytes, stats.in_flight_bytes), (0, 0), "and so holds no octets");
    Run { outcomes, deliveries, stats }
}

/// Polls at the deadline until nothing more is due. The deadline moves on each time.
pub(crate) fn drain_one_deadline<P: Packet>(link: &mut Link<P>, into: &mut Vec<Delivery<P>>) {
    let Some(deadline) = link.deadline() else {
        return;
    };
    while let Some(delivery) = link.poll(deadline) {
        into.push(delivery);
    }
    assert!(link.deadline().is_none_or(|next| next > deadline), "a deadline that stays");
}

/// `count` packets of `len` octets, the first at time 0, each `gap` after the one before.
pub(crate) fn stream(count: u64, len: usize, gap: Duration) -> Vec<(Duration, Vec<u8>)> {
    (0..count).map(|index| (gap * index as u32, vec![index as u8; len])).collect()
}

/// Whether `measured` events of `trials` fit a probability: within four standard deviations, which
/// a right program fails for one seed in 16,000. Seeds are fixed, so it does not fail by chance.
pub(crate) fn fits(measured: u64, trials: u64, probability: f64) -> bool {
    let trials = trials as f64;
    let deviation = (trials * probability * (1.0 - probability)).sqrt();
    (measured as f64 - trials * probability).abs() <= 4.0 * deviation
}

/// So many random cases, without a file of failed ones: a failure prints its smallest input.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
