//! `mem`: what idle connections cost, in memory and in the time of a busy one.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Figure, ping_pong};
use crate::clock;
use crate::peers::running::Running;
use crate::peers::{Setting, client};

pub(super) fn measure(stack: &Running, setting: &Setting) -> anyhow::Result<Vec<Figure>> {
    clock::pause(SETTLE);
    let before = stack.resident_kib()?;
    let mut held = Vec::new();
    let mut figures = Vec::new();
    let start = Instant::now();
    for (quantity, count) in [("mem1000", 1000), ("mem10000", 10_000)] {
        open_up_to(count, &mut held, stack, start);
        ensure!(!held.is_empty(), "no connection was opened");
        clock::pause(SETTLE);
        let grown = stack.resident_kib()? - before;
        figures.push(Figure {
            quantity,
            value: grown / held.len() as f64,
            unit: "KiB/connection",
            details: vec![("connections", held.len() as f64)],
        });
        if held.len() < count {
            break;
        }
    }
    let times = ping_pong::exchange(stack.address(), 1, setting.duration / 2)?;
    figures.push(Figure {
        quantity: "rr_with_idle",
        value: ping_pong::rate(&times),
        unit: "exchanges/s",
        details: vec![("connections", held.len() as f64)],
    });
    Ok(figures)
}

/// Opens connections, each used for one octet, until `count` are held or the stack has had enough.
fn open_up_to(count: usize, held: &mut Vec<TcpStream>, stack: &Running, start: Instant) {
    let mut failed = 0;
    while held.len() < count && failed < FAILURES_MAX && start.elapsed() < OPEN_TIMEOUT {
        match client::exchange(stack.address()) {
            Ok(stream) => held.push(stream),
            Err(_) => failed += 1,
        }
    }
}

/// For what is freed or grown behind the last connection.
const SETTLE: Duration = Duration::from_millis(500);
const FAILURES_MAX: u32 = 4;
/// Stacks that look at every connection for every packet need most of it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(90);
