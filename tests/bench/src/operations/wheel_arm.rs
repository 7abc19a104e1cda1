//! The operation that each packet asks of the driver's timers: a deadline that changes.

#[path = "../../../../crates/runtime/src/wheel/mod.rs"]
#[allow(dead_code, reason = "the driver uses the rest of it")]
mod wheel;

use synack_tcb::Instant;
use wheel::Wheel;

use super::{Operation, TIMES};

/// Arming an entry of the wheel again, among those of a thousand connections.
#[derive(Debug)]
pub struct WheelArm {
    wheel: Wheel,
    deadlines: Vec<Instant>,
}

impl WheelArm {
    /// For a later time, as each ACK puts off the retransmission timer: it stays where it is.
    pub fn later() -> Self {
        Self::with((0..TIMES as u64).map(|turn| Instant::from_millis(1_000 + turn)))
    }

    /// For an earlier time: it moves.
    pub fn earlier() -> Self {
        Self::with((1..=TIMES as u64).map(|turn| Instant::from_millis(1_000 - turn)))
    }

    fn with(deadlines: impl Iterator<Item = Instant>) -> Self {
        let mut wheel = Wheel::new();
        for key in 0..CONNECTIONS {
            wheel.arm(key, Instant::from_millis(1_000 + u64::from(key)));
        }
        Self { wheel, deadlines: deadlines.collect() }
    }
}

impl Operation for WheelArm {
    fn run(&mut self) {
        for deadline in &self.deadlines {
            self.wheel.arm(0, *deadline);
        }
    }
}

const CONNECTIONS: u32 = 1_000;
