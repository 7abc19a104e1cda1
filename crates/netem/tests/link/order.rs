//! Shows reordering and duplication: how often, how far, and what arrives in which place.
//! How: streams with one fault at a time; the order and the times of arrival are compared.

use crate::drive::{fits, ms, run, run_link, stream, us};
use core::time::Duration;
use synack_netem::{
    Capacity, Duplication, Link, LinkConfig, Outcome, Probability, ReorderBy, Reordering,
};

const PACKETS: u64 = 50_000;

fn depth(probability: Probability, packets_min: u32, packets_max: u32) -> LinkConfig {
    let by = ReorderBy::Depth { packets_min, packets_max, hold_max: ms(500) };
    LinkConfig {
        delay: ms(5),
        reordering: Some(Reordering { probability, by }),
        ..LinkConfig::default()
    }
}

#[test]
fn reordering_has_its_probability() {
    let run = run(depth(Probability::percent(20), 3, 3), 4, stream(PACKETS, 1, us(1)));
    assert!(fits(run.stats.reordered, PACKETS, 0.2), "{:?}", run.stats);
    assert_eq!(run.stats.delivered, PACKETS);
}

#[test]
fn a_packet_held_back_by_depth_is_overtaken_by_exactly_so_many() {
    for packets in [1, 3, 1_000] {
        // The first packet is held, the others are not: the probability is taken away behind it.
        let mut link = Link::new(depth(Probability::ALWAYS, packets, packets), 4);
        assert_eq!(link.send(Duration::ZERO, vec![0]), Outcome::Taken);
        link.set_config(Duration::ZERO, LinkConfig { delay: ms(5), ..LinkConfig::default() });
        let run = run_link(&mut link, stream(2_000, 1, us(1)));
        let place = run.order().iter().position(|nth| *nth == 1);
        assert_eq!(place, Some(packets as usize));
    }
}

#[test]
fn depths_are_drawn_from_their_whole_range() {
    let mut depths = [0; 11];
    for seed in 0..1_000 {
        let mut link = Link::new(depth(Probability::ALWAYS, 2, 10), seed);
        assert_eq!(link.send(Duration::ZERO, vec![0]), Outcome::Taken);
        link.set_config(Duration::ZERO, LinkConfig { delay: ms(5), ..LinkConfig::default() });
        let run = run_link(&mut link, stream(20, 1, us(1)));
        depths[run.order().iter().position(|nth| *nth == 1).unwrap()] += 1;
    }
    assert_eq!(depths[..2], [0, 0]);
    assert!(depths[2..].iter().all(|count| fits(*count, 1_000, 1.0 / 9.0)), "{depths:?}");
}

#[test]
fn a_packet_held_back_by_depth_arrives_late_when_too_few_follow() {
    let run = run(depth(Probability::ALWAYS, 5, 5), 4, stream(3, 1, ms(1)));
    assert_eq!(run.times(), [505, 506, 507].map(ms));
}

#[test]
fn a_packet_held_back_by_time_arrives_within_it() {
    let by = ReorderBy::Time { max: ms(10) };
    let reordering = Some(Reordering { probability: Probability::percent(50), by });
    let config = LinkConfig { delay: ms(5), reordering, ..LinkConfig::default() };
    let run = run(config, 4, stream(PACKETS, 1, us(1)));
    assert!(!run.order().is_sorted());
    let extra = |nth, due| due - us(nth - 1) - ms(5);
    let late: Vec<Duration> = run
        .deliveries
        .iter()
        .map(|delivery| extra(delivery.nth, delivery.due))
        .filter(|extra| !extra.is_zero())
        .collect();
    assert!(fits(late.len() as u64, PACKETS, 0.5), "{}", late.len());
    assert!(late.iter().all(|extra| *extra <= ms(10)));
    assert!(late.iter().any(|extra| *extra > us(9_900)));
}

#[test]
fn packets_that_are_not_held_back_keep_their_order() {
    let config = depth(Probability::percent(30), 1, 50);
    let free = run(config, 4, stream(10_000, 1, us(1)));
    let on_time: Vec<u64> = free
        .deliveries
        .iter()
        .filter(|delivery| delivery.due == us(delivery.nth - 1) + ms(5))
        .map(|delivery| delivery.nth)
        .collect();
    assert!(on_time.len() > 5_000);
    assert!(on_time.is_sorted());
}

#[test]
fn duplication_has_its_probability_and_copies_are_the_same_octets_in_time() {
    let duplication = Some(Duplication { probability: Probability::percent(30), delay_max: ms(9) });
    let config = LinkConfig { delay: ms(5), duplication, ..LinkConfig::default() };
    let run = run(config, 4, stream(PACKETS, 3, us(1)));
    assert!(fits(run.stats.duplicated, PACKETS, 0.3), "{:?}", run.stats);
    assert_eq!(run.stats.delivered, PACKETS + run.stats.duplicated);

    let copies: Vec<_> =
        run.deliveries.iter().filter(|delivery| delivery.alterations.is_copy).collect();
    assert_eq!(copies.len() as u64, run.stats.duplicated);
    for copy in &copies {
        assert_eq!(copy.packet, [(copy.nth - 1) as u8; 3]);
        let after = copy.due - (us(copy.nth - 1) + ms(5));
        assert!(after <= ms(9), "{after:?}");
    }
}

#[test]
fn a_copy_sent_at_once_follows_right_behind_its_original() {
    let duplication =
        Some(Duplication { probability: Probability::ALWAYS, delay_max: Duration::ZERO });
    let config = LinkConfig { duplication, ..LinkConfig::default() };
    let run = run(config, 4, stream(3, 1, Duration::ZERO));
    assert_eq!(run.order(), [1, 1, 2, 2, 3, 3]);
    let copies: Vec<bool> = run.deliveries.iter().map(|got| got.alterations.is_copy).collect();
    assert_eq!(copies, [false, true, false, true, false, true]);
}

#[test]
fn what_exceeds_the_room_in_flight_is_lost_and_counted() {
    for in_flight_max in [Capacity::packets(10), Capacity::bytes(1_000)] {
        let config = LinkConfig { delay: ms(5), in_flight_max, ..LinkConfig::default() };
        let run = run(config, 4, stream(25, 100, Duration::ZERO));
        assert_eq!(run.order(), (1..=10).collect::<Vec<_>>());
        assert_eq!(run.stats.flight_dropped, 15);
    }
}

#[test]
fn copies_take_room_in_flight_as_well() {
    let duplication = Some(Duplication { probability: Probability::ALWAYS, delay_max: ms(60_000) });
    let in_flight_max = Capacity::packets(10);
    let config = LinkConfig { delay: ms(5), duplication, in_flight_max, ..LinkConfig::default() };
    let run = run(config, 4, stream(100, 1, ms(1)));
    assert!(run.stats.flight_dropped > 0);
    assert_eq!(run.stats.delivered + run.stats.flight_dropped, 200);
}
