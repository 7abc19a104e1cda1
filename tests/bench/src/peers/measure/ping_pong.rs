//! `rr` and `rr1k`: how long a request and its answer take on one connection.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::Figure;
use crate::peers::running::Running;
use crate::peers::{Setting, client};
use crate::protocol::Service;

pub(super) fn measure(
    quantity: &'static str,
    octets: usize,
    stack: &Running,
    setting: &Setting,
) -> io::Result<Figure> {
    let cpu_before = stack.cpu_seconds()?;
    let mut times = exchange(stack.address(), octets, setting.duration)?;
    let cpu = stack.cpu_seconds()? - cpu_before;
    times.sort_unstable();
    Ok(Figure {
        quantity,
        value: rate(&times),
        unit: "exchanges/s",
        details: vec![
            ("p50_us", percentile_us(&times, 50)),
            ("p99_us", percentile_us(&times, 99)),
            ("cpu_us", cpu * 1e6 / (times.len() + WARM_UP) as f64),
        ],
    })
}

/// Sends `octets` and waits for the echo, again and again for `duration`, and returns how long each
/// exchange took.
pub(super) fn exchange(
    address: Ipv4Addr,
    octets: usize,
    duration: Duration,
) -> io::Result<Vec<Duration>> {
    let mut stream = client::connect(address, Service::Echo)?;
    let mut buffer = vec![1; octets];
    let mut times = Vec::with_capacity(1 << 20);
    for _ in 0..WARM_UP {
        stream.write_all(&buffer)?;
        stream.read_exact(&mut buffer)?;
    }
    let start = Instant::now();
    let mut before = start;
    while before - start < duration {
        stream.write_all(&buffer)?;
        stream.read_exact(&mut buffer)?;
        let after = Instant::now();
        times.push(after - before);
        before = after;
    }
    Ok(times)
}

/// Exchanges a second.
pub(super) fn rate(times: &[Duration]) -> f64 {
    times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64()
}

/// The time that this part of all exchanges kept; `times` are in order.
fn percentile_us(times: &[Duration], percent: usize) -> f64 {
    let index = times.len() * percent / 100;
    times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

/// Exchanges before the first that counts.
const WARM_UP: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_read_from_sorted_times() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert!((percentile_us(&times, 50) - 101.0).abs() < 1e-9);
        assert!((percentile_us(&times, 99) - 199.0).abs() < 1e-9);
        assert!(percentile_us(&[], 50).is_nan());
    }

    #[test]
    fn the_rate_counts_exchanges_a_second() {
        assert!((rate(&[Duration::from_millis(1); 10]) - 1000.0).abs() < 1e-6);
    }
}
