//! Ephemeral ports cannot be predicted, and are found as long as one is free.
//! Ports are drawn by the thousand from a fixed secret.

extern crate std;

use alloc::vec::Vec;

use super::*;
use crate::keyed_hash::{KeyedHash, Purpose};

fn ports(low: u16, high: u16) -> Ports {
    let draws = Draws::new(KeyedHash::derive(&[5; 32], Purpose::Ports), Shard::ONLY);
    Ports::new((low, high), draws, Shard::ONLY)
}

fn drawn(count: usize) -> Vec<f64> {
    let mut ports = ports(1_024, 65_535);
    (0..count).map(|_| f64::from(ports.draw(|_| true).unwrap())).collect()
}

/// The correlation of each number with the one `lag` later.
fn correlation(numbers: &[f64], lag: usize) -> f64 {
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let variance: f64 = numbers.iter().map(|n| (n - mean).powi(2)).sum();
    let pairs = numbers.iter().zip(&numbers[lag..]);
    pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / variance
}

#[test]
fn open_12_every_port_of_the_range_and_no_other_is_drawn() {
    let mut ports = ports(40_000, 40_009);
    let mut counts = [0; 10];
    for _ in 0..10_000 {
        counts[usize::from(ports.draw(|_| true).unwrap() - 40_000)] += 1;
    }
    assert!(counts.iter().all(|count| (880..1_120).contains(count)), "{counts:?}");
}

#[test]
fn b7_a_port_says_nothing_of_those_after_it() {
    let ports = drawn(100_000);
    let noise = 5.0 / (ports.len() as f64).sqrt();
    for lag in [1, 2, 3, 10, 100, 1_000] {
        let correlation = correlation(&ports, lag);
        assert!(correlation.abs() < noise, "lag {lag}: {correlation}");
    }
}

#[test]
fn b7_guessing_near_the_last_port_is_no_better_than_chance() {
    let ports = drawn(100_000);
    // An observer who sees each port, as that of another destination, guesses the next 500.
    let hits = ports.windows(2).filter(|w| (1.0..=500.0).contains(&(w[1] - w[0]))).count();
    let chance: f64 = 500.0 / 64_512.0;
    let mean = chance * ports.len() as f64;
    assert!((hits as f64) < mean + 5.0 * mean.sqrt(), "{hits} hits, {mean} by chance");
}

#[test]
fn the_one_free_port_is_found_and_that_there_is_none_too() {
    for free in [1, 1_024, 30_000, 65_535] {
        assert_eq!(ports(1, 65_535).draw(|port| port == free), Some(free));
    }
    assert_eq!(ports(1, 65_535).draw(|_| false), None);
}

#[test]
fn a_range_the_wrong_way_round_is_turned_and_port_0_is_none() {
    let mut reversed = ports(50_001, 50_000);
    assert!((0..100).all(|_| (50_000..=50_001).contains(&reversed.draw(|_| true).unwrap())));
    let mut zero = ports(0, 1);
    assert!((0..100).all(|_| zero.draw(|_| true) == Some(1)));
}
