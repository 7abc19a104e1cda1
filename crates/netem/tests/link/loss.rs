//! Shows that each cause of loss takes the packets it was told to, as often as told, and no others.
//! How: streams of numbered packets over a link with that one fault; counts and gaps are compared.

use crate::drive::{fits, ms, run, run_link, stream, us};
use core::time::Duration;
use synack_netem::{
    BurstLoss, Carrier, Excess, Link, LinkConfig, Mtu, Outage, OutageEffect, Outcome, Probability,
};

const PACKETS: u64 = 100_000;

#[test]
fn uniform_loss_has_its_probability() {
    for parts in [1_000, 10_000, 50_000, 300_000] {
        let loss = Probability::per_million(parts);
        let config = LinkConfig { loss, ..LinkConfig::default() };
        let run = run(config, 11, stream(PACKETS, 1, us(1)));
        assert!(fits(run.stats.lost_uniform, PACKETS, loss.as_f64()), "{loss}: {:?}", run.stats);
        assert_eq!(run.stats.lost(), run.stats.lost_uniform);
    }
}

#[test]
fn the_ends_of_probability_lose_nothing_and_everything() {
    for (loss, lost) in [(Probability::NEVER, 0), (Probability::ALWAYS, 1_000)] {
        let config = LinkConfig { loss, ..LinkConfig::default() };
        assert_eq!(run(config, 11, stream(1_000, 1, us(1))).stats.lost(), lost);
    }
}

#[test]
fn burst_loss_has_the_share_and_the_mean_length_of_its_chain() {
    let rows = [(1_000, 50_000), (10_000, 100_000), (50_000, 500_000)];
    for (enter, leave) in rows {
        let burst = BurstLoss {
            enter: Probability::per_million(enter),
            leave: Probability::per_million(leave),
            loss_while_bad: Probability::ALWAYS,
        };
        let config = LinkConfig { burst_loss: Some(burst), ..LinkConfig::default() };
        let run = run(config, 5, stream(PACKETS, 1, us(1)));

        let (enter, leave) = (burst.enter.as_f64(), burst.leave.as_f64());
        let share = run.stats.lost_burst as f64 / PACKETS as f64;
        let share_expected = enter / (enter + leave);
        assert!((share / share_expected - 1.0).abs() < 0.25, "{share} for {share_expected}");

        let mut is_lost = vec![true; PACKETS as usize + 1];
        is_lost[0] = false;
        for nth in run.order() {
            is_lost[nth as usize] = false;
        }
        let bursts = is_lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let mean = run.stats.lost_burst as f64 / bursts as f64;
        assert!((mean * leave - 1.0).abs() < 0.25, "mean {mean} for {}", 1.0 / leave);
    }
}

#[test]
fn a_bad_phase_loses_only_its_share() {
    let burst = BurstLoss {
        enter: Probability::ALWAYS,
        leave: Probability::NEVER,
        loss_while_bad: Probability::percent(70),
    };
    let config = LinkConfig { burst_loss: Some(burst), ..LinkConfig::default() };
    let run = run(config, 5, stream(PACKETS, 1, us(1)));
    assert!(fits(run.stats.lost_burst, PACKETS, 0.7), "{:?}", run.stats);
}

#[test]
fn packets_are_lost_by_their_number() {
    let config = LinkConfig { lose_nth: vec![1, 4, 10], ..LinkConfig::default() };
    let run = run(config, 1, stream(10, 1, us(1)));
    assert_eq!(run.missing(), [1, 4, 10]);
    assert_eq!(run.stats.lost_targeted, 3);
}

#[test]
fn a_filter_loses_what_it_names_and_sees_octets_number_and_time() {
    let mut link = Link::new(LinkConfig::default(), 1);
    link.set_filter(|sent| {
        assert_eq!(sent.now, us(sent.nth - 1));
        match sent.octets {
            [3 | 5] => Probability::ALWAYS,
            _ => Probability::NEVER,
        }
    });
    assert_eq!(run_link(&mut link, stream(10, 1, us(1))).missing(), [4, 6]);
    link.clear_filter();
    assert_eq!(link.send(ms(1), vec![3]), Outcome::Taken);
}

#[test]
fn a_filter_may_lose_a_share_of_one_kind_of_packet() {
    let mut link = Link::new(LinkConfig::default(), 2);
    link.set_filter(|sent| match sent.octets.len() {
        40 => Probability::percent(90),
        _ => Probability::NEVER,
    });
    let mixed = (0..PACKETS)
        .map(|index| (us(index), vec![0; if index.is_multiple_of(2) { 40 } else { 50 }]));
    let run = run_link(&mut link, mixed.collect());
    assert!(fits(run.stats.lost_targeted, PACKETS / 2, 0.9), "{:?}", run.stats);
    assert!(run.deliveries.iter().filter(|got| got.packet.len() == 50).count() == 50_000);
}

#[test]
fn a_packet_above_the_mtu_is_reported_or_vanishes() {
    let rows =
        [(Excess::Reported, Outcome::TooBig { mtu_bytes: 100 }), (Excess::Silent, Outcome::Lost)];
    for (excess, expected) in rows {
        let config = LinkConfig { mtu: Some(Mtu { bytes: 100, excess }), ..LinkConfig::default() };
        let mut link = Link::new(config, 1);
        assert_eq!(link.send(Duration::ZERO, vec![0; 100]), Outcome::Taken);
        assert_eq!(link.send(Duration::ZERO, vec![0; 101]), expected);
        assert_eq!(link.stats().too_big, 1);
        assert_eq!(link.poll(Duration::ZERO).map(|delivery| delivery.nth), Some(1));
        assert_eq!(link.poll(Duration::ZERO), None);
    }
}

#[test]
fn a_partition_loses_what_is_sent_from_its_first_to_before_its_last_moment() {
    let outages = vec![
        Outage { from: ms(2), until: ms(4), effect: OutageEffect::Lose },
        Outage { from: ms(6), until: ms(7), effect: OutageEffect::Lose },
    ];
    // The delay shows that packets on their way are not concerned.
    let config = LinkConfig { outages, delay: ms(1), ..LinkConfig::default() };
    let run = run(config, 1, stream(10, 1, ms(1)));
    assert_eq!(run.missing(), [3, 4, 7]);
    assert_eq!(run.stats.lost_outage, 3);
}

#[test]
fn a_clog_delays_what_is_sent_meanwhile_until_its_end_and_loses_nothing() {
    let outages = vec![Outage { from: ms(2), until: ms(5), effect: OutageEffect::Hold }];
    let config = LinkConfig { outages, delay: ms(1), ..LinkConfig::default() };
    let run = run(config, 1, stream(7, 1, ms(1)));
    assert_eq!(run.times(), [1, 2, 6, 6, 6, 6, 7].map(ms));
    assert_eq!(run.order(), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_cut_link_loses_what_is_sent_until_it_is_joined() {
    let mut link = Link::new(LinkConfig { delay: ms(5), ..LinkConfig::default() }, 1);
    assert_eq!(link.send(ms(0), vec![1]), Outcome::Taken);
    link.set_carrier(Carrier::Down);
    assert_eq!(link.send(ms(1), vec![2]), Outcome::Lost);
    link.set_carrier(Carrier::Up);
    assert_eq!(link.send(ms(2), vec![3]), Outcome::Taken);
    let run = run_link(&mut link, Vec::new());
    assert_eq!(run.order(), [1, 3]);
    assert_eq!(run.stats.lost_outage, 1);
}
