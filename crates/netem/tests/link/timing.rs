//! Shows when packets arrive: serialisation, bursts, delay, jitter in its distributions, spikes.
//! How: known lengths and times of sending; arrivals to the nanosecond, or mean and deviation.

use crate::drive::{fits, ms, run, run_link, stream, us};
use core::time::Duration;
use synack_netem::{
    Bottleneck, Capacity, Distribution, Jitter, Link, LinkConfig, Order, Outcome, Probability,
    Queue, Rate, Spikes,
};

const PACKETS: u64 = 50_000;

fn bottleneck(rate: Rate) -> LinkConfig {
    let bottleneck = Bottleneck::drop_tail(rate, 10_000);
    LinkConfig { bottleneck: Some(bottleneck), ..LinkConfig::default() }
}

#[test]
fn a_perfect_link_delivers_at_once_and_in_order() {
    let run = run(LinkConfig::default(), 1, stream(100, 1_500, ms(1)));
    assert_eq!(run.order(), (1..=100).collect::<Vec<_>>());
    assert_eq!(run.times(), (0..100).map(ms).collect::<Vec<_>>());
}

#[test]
fn packets_sent_together_leave_one_serialisation_time_apart() {
    let config = LinkConfig { delay: ms(10), ..bottleneck(Rate::mbit(12)) };
    let run = run(config, 1, stream(5, 1_500, Duration::ZERO));
    assert_eq!(run.times(), [11, 12, 13, 14, 15].map(ms));
}

#[test]
fn a_line_that_rested_begins_at_once() {
    let packets = vec![(ms(0), vec![0; 1_500]), (ms(7), vec![0; 1_500]), (us(7_500), vec![0; 750])];
    let run = run(bottleneck(Rate::mbit(12)), 1, packets);
    assert_eq!(run.times(), [us(1_000), us(8_000), us(8_500)]);
}

#[test]
fn a_long_transfer_takes_its_bits_at_the_rate_to_the_nanosecond() {
    // 64 octets at 100 Gbit/s are 5.12 ns; a hundred thousand of them 512 us.
    let mut config = bottleneck(Rate::gbit(100));
    config.bottleneck = Some(Bottleneck::drop_tail(Rate::gbit(100), PACKETS as usize));
    let run = run(config, 1, stream(PACKETS, 64, Duration::ZERO));
    assert_eq!(run.stats.delivered, PACKETS);
    assert_eq!(run.times().last(), Some(&Duration::from_nanos(PACKETS * 512 / 100)));
}

#[test]
fn a_burst_allowance_lets_so_much_through_at_once_and_fills_up_again() {
    let burst = Bottleneck {
        rate: Rate::mbit(12),
        burst_bytes: 3_000,
        queue: Queue::DropTail { capacity: Capacity::packets(100) },
    };
    let config = LinkConfig { bottleneck: Some(burst), ..LinkConfig::default() };
    let mut packets = stream(4, 1_500, Duration::ZERO);
    packets.extend(stream(3, 1_500, Duration::ZERO).into_iter().map(|(_, p)| (ms(100), p)));
    let run = run(config, 1, packets);
    assert_eq!(run.times(), [0, 0, 1, 2, 100, 100, 101].map(ms));
}

#[test]
fn a_new_rate_holds_from_the_next_packet_on() {
    let mut link = Link::new(bottleneck(Rate::mbit(12)), 1);
    for _ in 0..4 {
        assert_eq!(link.send(ms(0), vec![0; 1_500]), Outcome::Taken);
    }
    // The second packet is on the line at 1.5 ms and stays at the old rate.
    link.set_config(us(1_500), bottleneck(Rate::mbit(6)));
    let run = run_link(&mut link, Vec::new());
    assert_eq!(run.times(), [1, 2, 4, 6].map(ms));
}

#[test]
fn what_waits_goes_on_at_once_when_the_bottleneck_is_taken_away() {
    let mut link = Link::new(bottleneck(Rate::kbit(8)), 1);
    for _ in 0..3 {
        assert_eq!(link.send(ms(0), vec![0; 1_000]), Outcome::Taken);
    }
    link.set_config(ms(10), LinkConfig::default());
    let run = run_link(&mut link, Vec::new());
    // The first was on the line, and its last bit leaves after a second; order is kept behind it.
    assert_eq!(run.times(), [1_000, 1_000, 1_000].map(ms));
}

#[test]
fn a_packet_on_its_way_keeps_the_delay_it_was_sent_with() {
    let delay = |delay| LinkConfig { delay, order: Order::Free, ..LinkConfig::default() };
    let mut link = Link::new(delay(ms(50)), 1);
    assert_eq!(link.send(ms(0), vec![1]), Outcome::Taken);
    link.set_config(ms(1), delay(ms(5)));
    assert_eq!(link.send(ms(1), vec![2]), Outcome::Taken);
    let run = run_link(&mut link, Vec::new());
    assert_eq!(run.times(), [6, 50].map(ms));
    assert_eq!(run.order(), [2, 1]);
}

/// Mean and standard deviation of the latency beyond `base`, in units of `amount`, and its
/// extremes.
fn spread(base: Duration, amount: Duration, distribution: Distribution) -> (f64, f64, f64, f64) {
    let jitter = Some(Jitter { amount, distribution });
    let config = LinkConfig { delay: base, jitter, order: Order::Free, ..LinkConfig::default() };
    let run = run(config, 9, stream(PACKETS, 1, us(1)));
    let offsets: Vec<f64> = run
        .deliveries
        .iter()
        .map(|delivery| (delivery.due - us(delivery.nth - 1)).as_secs_f64() - base.as_secs_f64())
        .map(|offset| offset / amount.as_secs_f64())
        .collect();
    let mean = offsets.iter().sum::<f64>() / offsets.len() as f64;
    let variance = offsets.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / offsets.len() as f64;
    let low = offsets.iter().copied().fold(f64::INFINITY, f64::min);
    let high = offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (mean, variance.sqrt(), low, high)
}

#[test]
fn uniform_jitter_fills_its_range_evenly() {
    let (mean, deviation, low, high) = spread(ms(20), ms(10), Distribution::Uniform);
    assert!(mean.abs() < 0.01, "{mean}");
    assert!((deviation - 1.0 / 3.0_f64.sqrt()).abs() < 0.01, "{deviation}");
    assert!((-1.0..-0.99).contains(&low) && (0.99..=1.0).contains(&high), "{low} {high}");
}

#[test]
fn bell_jitter_stays_mostly_in_the_middle_of_its_range() {
    let (mean, deviation, low, high) = spread(ms(20), ms(10), Distribution::Bell);
    assert!(mean.abs() < 0.01, "{mean}");
    // The mean of eight uniforms over [-1, 1]: sqrt(1/3 / 8).
    assert!((deviation - (1.0 / 24.0_f64).sqrt()).abs() < 0.005, "{deviation}");
    assert!((-1.0..-0.6).contains(&low) && (0.6..=1.0).contains(&high), "{low} {high}");
}

#[test]
fn long_tailed_jitter_is_mostly_small_and_reaches_its_amount() {
    let (mean, _, low, high) = spread(ms(20), ms(90), Distribution::LongTail);
    assert!((mean - 0.1).abs() < 0.005, "{mean}");
    assert!((0.0..0.001).contains(&low), "{low}");
    assert!((high - 1.0).abs() < 1e-9, "{high}");
}

#[test]
fn a_delay_never_becomes_negative() {
    let jitter = Some(Jitter { amount: ms(100), distribution: Distribution::Uniform });
    let config = LinkConfig { delay: ms(1), jitter, order: Order::Free, ..LinkConfig::default() };
    let run = run(config, 9, stream(1_000, 1, us(1)));
    assert!(run.deliveries.iter().all(|delivery| delivery.due >= us(delivery.nth - 1)));
}

#[test]
fn jitter_overtakes_only_where_order_is_free() {
    let jitter = Some(Jitter { amount: ms(10), distribution: Distribution::Uniform });
    for (order, expected) in [(Order::Kept, true), (Order::Free, false)] {
        let config = LinkConfig { delay: ms(10), jitter, order, ..LinkConfig::default() };
        let run = run(config, 9, stream(1_000, 1, us(1)));
        assert_eq!(run.order().is_sorted(), expected, "{order:?}");
        assert!(run.times().is_sorted());
    }
}

#[test]
fn spikes_come_at_their_probability_and_hold_up_what_follows() {
    let spikes = Some(Spikes { probability: Probability::percent(1), extra: ms(30_000) });
    let config = LinkConfig { delay: ms(1), spikes, ..LinkConfig::default() };
    let run = run(config, 9, stream(PACKETS, 1, us(1)));
    assert!(fits(run.stats.spiked, PACKETS, 0.01), "{:?}", run.stats);
    assert!(run.order().is_sorted());
    let first = run.deliveries.iter().find(|delivery| delivery.due > ms(30_000)).unwrap();
    assert_eq!(first.due, us(first.nth - 1) + ms(30_001));
}
