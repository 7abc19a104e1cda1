//! The first numbers of connections cannot be guessed from others, and grow on one four-tuple.
//! Statistical tests run over many four-tuples, with bounds that chance passes once in a million.

extern crate std;

use alloc::vec::Vec;
use core::time::Duration;

use super::*;

const NOW: Instant = Instant::from_millis(86_400_000);

fn numbers(secret: u8) -> FirstNumbers {
    FirstNumbers::new(&[secret; 32])
}

fn path(index: u32) -> FourTuple {
    let [a, b, c, d] = index.to_be_bytes();
    let local = ([10, 1, 0, 1], 80).into();
    FourTuple::new(local, ([10, a, b, c], 1_024 + u16::from(d)).into())
}

fn isns(secret: u8, count: u32) -> impl Iterator<Item = u32> {
    let numbers = numbers(secret);
    (0..count).map(move |index| numbers.isn(NOW, &path(index)).get())
}

/// How many standard deviations the number of ones among `bits` fair bits is from its mean.
fn deviation(ones: u64, bits: u64) -> f64 {
    (ones as f64 - bits as f64 / 2.0).abs() / ((bits as f64).sqrt() / 2.0)
}

#[test]
fn must_8_isn_2_the_clock_ticks_every_4_microseconds() {
    let numbers = numbers(1);
    let first = numbers.isn(NOW, &path(1));
    for (micros, ticks) in [(0, 0), (3, 0), (4, 1), (7, 1), (8, 2), (4_000_000, 1_000_000)] {
        let later = NOW + Duration::from_micros(micros);
        assert_eq!(numbers.isn(later, &path(1)) - first, ticks, "{micros} us later");
    }
}

#[test]
fn isn_4_isn_7_numbers_of_one_four_tuple_grow_with_time_also_over_the_wrap() {
    let numbers = numbers(1);
    let mut last = numbers.isn(NOW, &path(1));
    // The number wraps every 4.77 hours.
    for minutes in 1..600 {
        let next = numbers.isn(NOW + Duration::from_mins(minutes), &path(1));
        assert_eq!(next - last, 15_000_000);
        last = next;
    }
}

#[test]
fn must_9_isn_3_isn_6_trap_57_the_secret_decides_and_nothing_else() {
    assert!(isns(1, 1_000).eq(isns(1, 1_000)), "the same secret gives the same numbers");
    let mut last_byte = [1; 32];
    last_byte[31] = 2;
    let other = FirstNumbers::new(&last_byte);
    let same =
        isns(1, 1_000).zip(0..).filter(|(isn, index)| other.isn(NOW, &path(*index)).get() == *isn);
    assert_eq!(same.count(), 0);
}

#[test]
fn shld_1_isn_1_every_part_of_the_four_tuple_counts() {
    let numbers = numbers(1);
    let of = |local: &str, remote: &str| {
        numbers.isn(NOW, &FourTuple::new(local.parse().unwrap(), remote.parse().unwrap()))
    };
    let isn = of("10.0.0.1:80", "10.0.0.2:4000");
    for (local, remote) in [
        ("10.0.0.3:80", "10.0.0.2:4000"),
        ("10.0.0.1:81", "10.0.0.2:4000"),
        ("10.0.0.1:80", "10.0.0.4:4000"),
        ("10.0.0.1:80", "10.0.0.2:4001"),
        ("10.0.0.2:4000", "10.0.0.1:80"),
    ] {
        assert_ne!(of(local, remote), isn);
    }
}

#[test]
fn isn_5_b1_ones_and_zeros_are_as_many_and_neighbours_do_not_agree() {
    const COUNT: u32 = 1_000_000;
    let (mut ones, mut agreeing_bits, mut agreeing_numbers) = (0, 0, 0);
    let mut last = 0;
    for isn in isns(1, COUNT) {
        ones += u64::from(isn.count_ones());
        // Within a number, and from one four-tuple to the next.
        agreeing_bits += u64::from((!(isn ^ isn.rotate_left(1))).count_ones());
        agreeing_numbers += u64::from((!(isn ^ last)).count_ones());
        last = isn;
    }
    let bits = u64::from(COUNT) * 32;
    for (test, ones) in
        [("monobit", ones), ("serial", agreeing_bits), ("next number", agreeing_numbers)]
    {
        assert!(deviation(ones, bits) < 5.0, "{test}: {} sigma", deviation(ones, bits));
    }
}

#[test]
fn b1_two_processes_are_uncorrelated() {
    const COUNT: u32 = 1_000_000;
    let agreeing =
        isns(1, COUNT).zip(isns(2, COUNT)).map(|(a, b)| u64::from((!(a ^ b)).count_ones()));
    let sigma = deviation(agreeing.sum(), u64::from(COUNT) * 32);
    assert!(sigma < 5.0, "{sigma} sigma");
}

#[test]
fn b1_no_frequency_stands_out() {
    // NIST SP 800-22 §2.6: of the first half of the spectrum of n bits as +1 and -1, 95 % lie below
    // sqrt(n ln 20).
    let bits: Vec<f64> = isns(1, 2_048)
        .flat_map(|isn| (0..32).map(move |bit| if isn >> bit & 1 == 1 { 1.0 } else { -1.0 }))
        .collect();
    let count = bits.len() as f64;
    let spectrum = fourier(bits.into_iter().map(|bit| (bit, 0.0)).collect());
    let threshold = (count * 20f64.ln()).sqrt();
    let half = spectrum.len() / 2;
    let below = spectrum[..half].iter().filter(|(re, im)| re.hypot(*im) < threshold).count();
    let expected = 0.95 * half as f64;
    let sigma = (below as f64 - expected).abs() / (count * 0.95 * 0.05 / 4.0).sqrt();
    assert!(sigma < 5.0, "{sigma} sigma");
}

/// The discrete Fourier transform of a power of two of complex numbers.
fn fourier(values: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let count = values.len();
    if count == 1 {
        return values;
    }
    let half = |parity: usize| fourier(values.iter().skip(parity).step_by(2).copied().collect());
    let (even, odd) = (half(0), half(1));
    let mut all = std::vec![(0.0, 0.0); count];
    for (index, ((er, ei), (or, oi))) in even.into_iter().zip(odd).enumerate() {
        let (sin, cos) = (-core::f64::consts::TAU * index as f64 / count as f64).sin_cos();
        let (tr, ti) = (or * cos - oi * sin, or * sin + oi * cos);
        all[index] = (er + tr, ei + ti);
        all[index + count / 2] = (er - tr, ei - ti);
    }
    all
}

#[test]
fn tw_11_the_number_of_the_next_connection_is_above_the_last_one_used() {
    let numbers = numbers(1);
    let isn = numbers.isn(NOW, &path(1));
    for (case, last) in [
        ("below the clock: the clock's", isn - 1),
        ("equal to the clock", isn),
        ("the connection sent faster than the clock ticks", isn + 1_000_000_000),
        ("the last number is the largest there is", SeqNum::new(u32::MAX)),
    ] {
        let next = numbers.isn_above(NOW, &path(1), last);
        assert!(next > last, "{case}");
        assert!(next == isn || next - last <= ABOVE_SPREAD, "{case}");
    }
}

#[test]
fn ts_14_an_offset_belongs_to_a_four_tuple_and_is_the_same_ever_after() {
    let numbers = numbers(1);
    assert_eq!(numbers.timestamp_offset(&path(1)), numbers.timestamp_offset(&path(1)));
    assert_ne!(numbers.timestamp_offset(&path(1)), numbers.timestamp_offset(&path(2)));
    let isn = numbers.isn(Instant::from_nanos(1), &path(1)).get();
    assert_ne!(numbers.timestamp_offset(&path(1)), isn, "it has a key of its own");
}

#[test]
fn b8_offsets_are_uniform_and_say_nothing_of_uptime() {
    const COUNT: u32 = 10_000;
    let numbers = numbers(1);
    let mut counts = [0u32; 16];
    for index in 0..COUNT {
        counts[(numbers.timestamp_offset(&path(index)) >> 28) as usize] += 1;
    }
    // Chi-square of 15 degrees of freedom: above 54 once in 400,000.
    let expected = f64::from(COUNT / 16);
    let chi: f64 = counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
    assert!(chi < 54.0, "{chi}: {counts:?}");
}

#[test]
fn ip_2_a_connection_has_one_flow_label_and_ipv4_has_none() {
    let numbers = numbers(1);
    let path_v6 = |port: u16| {
        let local = "[fd00::1]:80".parse().unwrap();
        FourTuple::new(local, ("fd00::2".parse::<core::net::Ipv6Addr>().unwrap(), port).into())
    };
    assert_eq!(numbers.flow_label(&path(1)), 0);
    let mut labels: Vec<u32> =
        (1..=10_000).map(|port| numbers.flow_label(&path_v6(port))).collect();
    assert!(labels.iter().all(|label| (1..=0xf_ffff).contains(label)));
    assert_eq!(labels[6], numbers.flow_label(&path_v6(7)));
    labels.sort_unstable();
    labels.dedup();
    // Of 10,000 labels out of 2^20, about 48 pairs are the same.
    assert!(labels.len() > 9_850, "{}", labels.len());
}
