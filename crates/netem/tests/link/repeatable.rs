//! Shows that a run is its seed, whenever it is polled, and that faults do not disturb each other.
//! How: a digest kept as a constant, runs compared with each other, and random configurations.

use crate::drive::{Run, cases, drain_one_deadline, ms, run, stream, us};
use core::time::Duration;
use proptest::prelude::*;
use synack_netem::{
    Alterations, Bottleneck, BurstLoss, Capacity, CoDel, Corruption, Delivery, Distribution,
    Duplication, EcnUse, Excess, Jitter, Link, LinkConfig, Mtu, Order, Outage, OutageEffect,
    Padding, Probability, Queue, Rate, ReorderBy, Reordering, Spikes,
};

/// A link with every fault on.
fn everything() -> LinkConfig {
    let some = Probability::percent(5);
    LinkConfig {
        mtu: Some(Mtu { bytes: 1_400, excess: Excess::Reported }),
        outages: vec![
            Outage { from: ms(100), until: ms(110), effect: OutageEffect::Lose },
            Outage { from: ms(200), until: ms(220), effect: OutageEffect::Hold },
        ],
        lose_nth: vec![3, 33],
        loss: some,
        burst_loss: Some(BurstLoss {
            enter: Probability::percent(2),
            leave: Probability::percent(30),
            loss_while_bad: Probability::percent(80),
        }),
        corruption: Corruption {
            bit_flips: some,
            byte_swap: some,
            word_swap: some,
            ..Corruption::default()
        },
        truncation: some,
        padding: Some(Padding { probability: some, bytes_max: 46 }),
        bottleneck: Some(Bottleneck {
            rate: Rate::mbit(4),
            burst_bytes: 3_000,
            queue: Queue::CoDel {
                capacity: Capacity::packets(60),
                codel: CoDel { target: ms(2), interval: ms(20) },
                ecn: EcnUse::Mark,
            },
        }),
        delay: ms(20),
        jitter: Some(Jitter { amount: ms(15), distribution: Distribution::LongTail }),
        spikes: Some(Spikes { probability: Probability::percent(1), extra: ms(300) }),
        order: Order::Free,
        reordering: Some(Reordering {
            probability: some,
            by: ReorderBy::Depth { packets_min: 1, packets_max: 20, hold_max: ms(200) },
        }),
        duplication: Some(Duplication { probability: some, delay_max: ms(500) }),
        in_flight_max: Capacity::packets(200),
    }
}

/// Packets of many sizes, some of them IPv6 with ECT(1).
fn mixture(count: u64) -> Vec<(Duration, Vec<u8>)> {
    (0..count)
        .map(|index| {
            let mut packet: Vec<u8> =
                (0..40 + index * 37 % 1_400).map(|at| (at + index) as u8).collect();
            packet[..2].copy_from_slice(&[0x60, (index % 3) as u8 * 0x10]);
            (us(index * 700), packet)
        })
        .collect()
}

/// FNV-1a, 64 bits, over the times, numbers and octets of all deliveries.
fn digest(run: &Run) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for delivery in &run.deliveries {
        add(&delivery.due.as_nanos().to_le_bytes());
        add(&delivery.nth.to_le_bytes());
        add(&delivery.packet);
    }
    hash
}

#[test]
fn a_seed_means_the_same_for_ever() {
    // If this fails, seeds written down in reports and tests no longer show what they showed.
    let run = run(everything(), 2024, mixture(2_000));
    let stats = run.stats;
    for (count, name) in [
        (stats.too_big, "too big"),
        (stats.lost_outage, "outage"),
        (stats.lost_targeted, "targeted"),
        (stats.lost_uniform, "uniform"),
        (stats.lost_burst, "burst"),
        (stats.codel_dropped, "codel"),
        (stats.duplicated, "duplicated"),
        (stats.reordered, "reordered"),
        (stats.spiked, "spiked"),
        (stats.corrupted, "corrupted"),
        (stats.truncated, "truncated"),
        (stats.padded, "padded"),
        (stats.ce_marked, "marked"),
    ] {
        assert!(count > 0, "this run shows nothing about: {name}");
    }
    assert_eq!(digest(&run), 0x6961_0bfa_0305_a8e5, "{stats:#?}");
}

#[test]
fn another_seed_is_another_run() {
    let digests: Vec<u64> =
        (0..20).map(|seed| digest(&run(everything(), seed, mixture(200)))).collect();
    let mut distinct = digests.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), digests.len());
}

#[test]
fn turning_other_faults_on_does_not_change_which_packets_one_fault_takes() {
    let loss = Probability::percent(10);
    let alone = run(LinkConfig { loss, ..LinkConfig::default() }, 6, stream(5_000, 50, us(1)));
    let others = LinkConfig {
        loss,
        mtu: None,
        outages: Vec::new(),
        lose_nth: Vec::new(),
        burst_loss: None,
        bottleneck: None,
        in_flight_max: Capacity::IN_FLIGHT_DEFAULT,
        ..everything()
    };
    let together = run(others, 6, stream(5_000, 50, us(1)));
    assert!(together.stats.corrupted > 0 && together.stats.duplicated > 0);
    assert_eq!(together.missing(), alone.missing());
}

#[test]
fn more_of_a_fault_takes_what_less_of_it_took_and_more() {
    let missing = |percent| {
        let config = LinkConfig { loss: Probability::percent(percent), ..LinkConfig::default() };
        run(config, 6, stream(5_000, 1, us(1))).missing()
    };
    let (few, many) = (missing(5), missing(10));
    assert!(few.len() < many.len());
    assert!(few.iter().all(|nth| many.contains(nth)));
}

#[test]
fn loss_before_a_packet_does_not_change_how_it_is_damaged() {
    let corruption = Corruption { bit_flips: Probability::percent(50), ..Corruption::default() };
    let clean = LinkConfig { corruption, ..LinkConfig::default() };
    let lossy = LinkConfig { loss: Probability::percent(30), ..clean.clone() };
    let all = run(clean, 8, stream(2_000, 100, us(1)));
    let some = run(lossy, 8, stream(2_000, 100, us(1)));
    for delivery in &some.deliveries {
        assert_eq!(*delivery, all.deliveries[delivery.nth as usize - 1]);
    }
}

fn probability() -> impl Strategy<Value = Probability> {
    prop_oneof![
        2 => Just(Probability::NEVER),
        3 => (0_u32..500_000).prop_map(Probability::per_million),
        1 => Just(Probability::ALWAYS),
    ]
}

fn time(max_ms: u64) -> impl Strategy<Value = Duration> {
    (0..=max_ms * 1_000).prop_map(us)
}

fn capacity() -> impl Strategy<Value = Capacity> {
    (0_usize..50, 0_usize..40_000).prop_map(|(packets, bytes)| Capacity { packets, bytes })
}

fn bottleneck() -> impl Strategy<Value = Bottleneck> {
    let queue = prop_oneof![
        Just(Queue::Policer),
        capacity().prop_map(|capacity| Queue::DropTail { capacity }),
        (capacity(), 0_usize..20_000)
            .prop_map(|(capacity, bytes)| Queue::MarkAbove { capacity, bytes }),
        (capacity(), time(10), time(50), any::<bool>()).prop_map(
            |(capacity, target, interval, mark)| {
                let ecn = if mark { EcnUse::Mark } else { EcnUse::Drop };
                Queue::CoDel { capacity, codel: CoDel { target, interval }, ecn }
            }
        ),
    ];
    (10_000_u64..100_000_000_000, 0_usize..5_000, queue).prop_map(|(bits, burst_bytes, queue)| {
        Bottleneck { rate: Rate::bits_per_second(bits), burst_bytes, queue }
    })
}

fn reordering() -> impl Strategy<Value = Reordering> {
    let by = prop_oneof![
        time(2_000).prop_map(|max| ReorderBy::Time { max }),
        (0_u32..1_000, 0_u32..1_000, time(2_000)).prop_map(
            |(packets_min, packets_max, hold_max)| {
                ReorderBy::Depth { packets_min, packets_max, hold_max }
            }
        ),
    ];
    (probability(), by).prop_map(|(probability, by)| Reordering { probability, by })
}

fn jitter() -> impl Strategy<Value = Jitter> {
    let distribution = prop_oneof![
        Just(Distribution::Uniform),
        Just(Distribution::Bell),
        Just(Distribution::LongTail)
    ];
    (time(2_000), distribution).prop_map(|(amount, distribution)| Jitter { amount, distribution })
}

fn outage() -> impl Strategy<Value = Outage> {
    (time(300), time(300), any::<bool>()).prop_map(|(from, length, lose)| Outage {
        from,
        until: from + length,
        effect: if lose { OutageEffect::Lose } else { OutageEffect::Hold },
    })
}

fn config() -> impl Strategy<Value = LinkConfig> {
    let losses = (probability(), probability(), probability(), probability());
    let damage = (probability(), probability(), any::<u8>(), 0_usize..100, any::<u8>());
    let path =
        (time(2_000), prop::option::of(jitter()), prop::option::of(reordering()), any::<bool>());
    let bounds = (prop::option::of(bottleneck()), capacity(), prop::option::of(60_usize..1_600));
    let rest = (prop::collection::vec(outage(), 0..3), time(60_000), probability());
    (losses, damage, path, bounds, rest).prop_map(|(losses, damage, path, bounds, rest)| {
        LinkConfig {
            mtu: bounds.2.map(|bytes| Mtu { bytes, excess: Excess::Silent }),
            outages: rest.0,
            lose_nth: vec![2],
            loss: losses.0,
            burst_loss: Some(BurstLoss {
                enter: losses.1,
                leave: losses.2,
                loss_while_bad: losses.3,
            }),
            corruption: Corruption {
                bit_flips: damage.0,
                bit_flips_max: damage.2,
                byte_swap: damage.1,
                word_swap: damage.0,
                from_byte: damage.3,
            },
            truncation: damage.1,
            padding: Some(Padding { probability: damage.0, bytes_max: damage.4 }),
            bottleneck: bounds.0,
            delay: path.0,
            jitter: path.1,
            spikes: Some(Spikes { probability: rest.2, extra: rest.1 }),
            order: if path.3 { Order::Kept } else { Order::Free },
            reordering: path.2,
            duplication: Some(Duplication { probability: rest.2, delay_max: rest.1 }),
            in_flight_max: bounds.1,
        }
    })
}

/// Sends packets of these lengths and gaps; changes the configuration on the way; polls never
/// before the end.
fn run_polled_late(
    first: LinkConfig,
    second: LinkConfig,
    seed: u64,
    sends: &[(u64, usize)],
) -> Vec<Delivery<Vec<u8>>> {
    let mut link = Link::new(first, seed);
    let mut now = Duration::ZERO;
    for (index, (gap, len)) in sends.iter().enumerate() {
        now += us(*gap);
        if index == sends.len() / 2 {
            link.set_config(now, second.clone());
        }
        link.send(now, vec![index as u8; *len]);
    }
    let mut deliveries = Vec::new();
    let end = Duration::from_secs(100_000);
    while let Some(delivery) = link.poll(end) {
        deliveries.push(delivery);
    }
    deliveries
}

/// The same, but polls at every deadline and checks what must hold at each.
fn run_polled_at_deadlines(
    first: LinkConfig,
    second: LinkConfig,
    seed: u64,
    sends: &[(u64, usize)],
) -> Vec<Delivery<Vec<u8>>> {
    let mut link = Link::new(first, seed);
    let mut now = Duration::ZERO;
    let mut deliveries = Vec::new();
    for (index, (gap, len)) in sends.iter().enumerate() {
        now += us(*gap);
        while link.deadline().is_some_and(|deadline| deadline < now) {
            drain_one_deadline(&mut link, &mut deliveries);
        }
        if index == sends.len() / 2 {
            link.set_config(now, second.clone());
        }
        link.send(now, vec![index as u8; *len]);
        let stats = link.stats();
        assert!(stats.is_balanced(), "{stats:?}");
        let limit = link.config().in_flight_max;
        if index < sends.len() / 2 {
            assert!(
                stats.in_flight_packets <= limit.packets && stats.in_flight_bytes <= limit.bytes
            );
        }
    }
    while link.deadline().is_some() {
        drain_one_deadline(&mut link, &mut deliveries);
    }
    assert!(link.stats().is_balanced());
    deliveries
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_link_accounts_for_every_packet_and_does_not_mind_when_it_is_polled(
        first in config(),
        second in config(),
        seed: u64,
        sends in prop::collection::vec((0_u64..3_000, 0_usize..1_700), 1..300),
    ) {
        let prompt = run_polled_at_deadlines(first.clone(), second.clone(), seed, &sends);
        // What has arrived takes room until it is polled, so here the two may only be compared when
        // there is room enough.
        let roomy = |config| LinkConfig { in_flight_max: Capacity::packets(1_000), ..config };
        let (first, second) = (roomy(first), roomy(second));
        let late = run_polled_late(first.clone(), second.clone(), seed, &sends);
        prop_assert_eq!(late, run_polled_at_deadlines(first, second, seed, &sends));
        prop_assert!(prompt.is_sorted_by_key(|delivery| delivery.due));
        let mut now = Duration::ZERO;
        let sent: Vec<Duration> = sends.iter().map(|(gap, _)| { now += us(*gap); now }).collect();
        for delivery in &prompt {
            let index = delivery.nth as usize - 1;
            prop_assert!(delivery.due >= sent[index]);
            let copy = Alterations { is_copy: true, ..Alterations::default() };
            if [Alterations::default(), copy].contains(&delivery.alterations) {
                prop_assert_eq!(&delivery.packet, &vec![index as u8; sends[index].1]);
            }
        }
    }
}
