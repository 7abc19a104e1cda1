//! Two endpoints of ours.

use std::time::Duration;

use synack_bench::{Family, Pair};
use synack_tcb::ConnectionConfig;

use super::Link;
use crate::clock::Stopwatch;

pub(super) struct Ends {
    pair: Pair,
    clock: Stopwatch,
    text: Vec<u8>,
    into: Vec<u8>,
}

impl Ends {
    pub(super) fn new(mtu: u16) -> Self {
        let mut pair = Pair::with(Family::V4, mtu.into(), ConnectionConfig::default());
        pair.half_trip = Duration::ZERO;
        let buffer = || vec![7; BUFFER];
        Self { pair, clock: Stopwatch::start(), text: buffer(), into: buffer() }
    }

    /// The clock is read once a turn, as a driver does.
    fn look_at_the_clock(&mut self) {
        self.pair.now = self.pair.begun + self.clock.elapsed();
    }
}

impl Link for Ends {
    fn move_text(&mut self) -> u64 {
        self.look_at_the_clock();
        let before = self.pair.server.segments_in();
        while self.pair.client.write(self.pair.now, &self.text) > 0 {}
        self.pair.turn(&mut self.into);
        self.pair.server.segments_in() - before
    }

    fn exchange(&mut self) {
        self.look_at_the_clock();
        self.pair.exchange();
    }
}

/// What is written and read at once. Units: octets.
const BUFFER: usize = 256 << 10;
