//! `rx` and `tx`: how fast one connection carries octets.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::Figure;
use crate::peers::running::Running;
use crate::peers::{Setting, client};
use crate::protocol::{BULK_OCTETS, SINK_ANSWER, Service};

/// Which way the octets go, seen from the stack.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Receive,
    Send,
}

pub(super) fn measure(
    quantity: &'static str,
    direction: Direction,
    stack: &Running,
    setting: &Setting,
) -> io::Result<Figure> {
    let octets = octets_for(direction, stack.address(), setting.duration)?;
    let cpu_before = stack.cpu_seconds()?;
    let elapsed = transfer(direction, stack.address(), octets)?.as_secs_f64();
    let cpu = stack.cpu_seconds()? - cpu_before;
    Ok(Figure {
        quantity,
        value: octets as f64 * 8.0 / elapsed / 1e9,
        unit: "Gbit/s",
        details: vec![("cpu_s_per_gb", cpu / (octets as f64 / 1e9))],
    })
}

/// How many octets take about `duration`, found by growing until a quarter of it is taken.
fn octets_for(direction: Direction, address: Ipv4Addr, duration: Duration) -> io::Result<u64> {
    let mut octets = OCTETS_MIN;
    loop {
        let elapsed = transfer(direction, address, octets)?;
        if elapsed >= duration / 4 || octets >= OCTETS_MAX {
            let scale = duration.as_secs_f64() / elapsed.as_secs_f64();
            return Ok(((octets as f64 * scale) as u64).max(OCTETS_MIN));
        }
        octets *= 4;
    }
}

fn transfer(direction: Direction, address: Ipv4Addr, octets: u64) -> io::Result<Duration> {
    match direction {
        Direction::Receive => fill_sink(address, octets),
        Direction::Send => drain_source(address, octets),
    }
}

fn fill_sink(address: Ipv4Addr, octets: u64) -> io::Result<Duration> {
    let mut stream = client::connect(address, Service::Sink)?;
    let buffer = vec![7; BULK_OCTETS];
    let start = Instant::now();
    stream.write_all(&octets.to_le_bytes())?;
    let mut left = octets;
    while left > 0 {
        left -= stream.write(&buffer[..part(left)])? as u64;
    }
    stream.read_exact(&mut [0; SINK_ANSWER.len()])?;
    Ok(start.elapsed())
}

fn drain_source(address: Ipv4Addr, octets: u64) -> io::Result<Duration> {
    let mut stream = client::connect(address, Service::Source)?;
    let mut buffer = vec![0; BULK_OCTETS];
    let start = Instant::now();
    stream.write_all(&octets.to_le_bytes())?;
    let mut left = octets;
    while left > 0 {
        let count = stream.read(&mut buffer[..part(left)])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= count as u64;
    }
    Ok(start.elapsed())
}

/// How much of what is left goes into one buffer.
fn part(left: u64) -> usize {
    usize::try_from(left).map_or(BULK_OCTETS, |left| left.min(BULK_OCTETS))
}

/// The first transfer; enough to leave slow start behind on the fast stacks.
const OCTETS_MIN: u64 = 4 << 20;
/// More than any stack moves in a quarter of a minute.
const OCTETS_MAX: u64 = 64 << 30;
