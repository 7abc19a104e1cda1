//! Startup: doubles the rate each round until the path is full; Drain: empties the queue that this
//! left.

use super::super::{AckSample, BytesPerSecond, CongestionSignal, RateSample};
use super::losses::Undo;
use super::{Bbr, Mode};

/// The estimator of a full pipe: three rounds in which sending faster did not deliver faster.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    /// `full_bw`: the rate that is to be exceeded.
    baseline: BytesPerSecond,
    /// `full_bw_count`.
    rounds: u8,
    /// `full_bw_now`: it was found since it was last looked for.
    pub(super) now: bool,
    /// `full_bw_reached`: it was ever found.
    pub(super) reached: bool,
}

impl FullPipe {
    /// `ResetFullBW`, with a baseline.
    pub(super) fn reset(&mut self, baseline: BytesPerSecond) {
        *self = Self { baseline, rounds: 0, now: false, reached: self.reached };
    }

    /// `CheckFullBWReached`, at the start of a round that the application did not limit (BBR-3).
    pub(super) fn check(&mut self, rate: BytesPerSecond) {
        if self.now {
            return;
        }
        if rate >= self.baseline.scaled(5, 4) {
            self.reset(rate);
            return;
        }
        self.rounds += 1;
        self.now = self.rounds >= FULL_ROUNDS;
        self.reached |= self.now;
    }
}

impl Bbr {
    /// `CheckStartupDone` (BBR-3, BBR-4).
    pub(super) fn check_startup_done(&mut self, rate: &RateSample) {
        if self.has_startup_high_loss(rate) {
            self.leave_startup_by_loss();
        }
        if self.model.losses.start {
            self.model.losses.ranges = 0;
        }
        if self.mode == Mode::Startup && self.full_pipe.reached {
            self.mode = Mode::Drain { since_round: self.model.rounds.count };
        }
    }

    /// `CheckDrainDone` (BBR-5).
    pub(super) fn check_drain_done(&mut self, sample: &AckSample) {
        let Mode::Drain { since_round } = self.mode else { return };
        let rounds = self.model.rounds.count.wrapping_sub(since_round);
        if sample.in_flight <= self.inflight(self.model.bw()) || rounds > DRAIN_ROUNDS_MAX {
            self.start_probe_bw_down(sample.now, sample.delivered_total);
        }
    }

    /// `CheckStartupHighLoss`: losses end Startup, those of a round in fast recovery, when they are
    /// many; without SACK any, as only one shows in a round (BBR-4).
    fn has_startup_high_loss(&self, rate: &RateSample) -> bool {
        let recovery = self.recovery.filter(|r| r.signal == CongestionSignal::Loss);
        let Some(recovery) = recovery.filter(|_| self.mode == Mode::Startup) else { return false };
        if self.full_pipe.reached || !self.sack {
            return !self.full_pipe.reached;
        }
        let rounds = self.model.rounds.count.wrapping_sub(recovery.since_round);
        let losses = &self.model.losses;
        losses.start
            && rounds >= 1
            && losses.ranges >= FULL_LOSSES
            && self.is_inflight_too_high(rate.lost, rate.tx_in_flight)
    }

    /// The path is full, and what it delivered is what it holds.
    pub(super) fn leave_startup_by_loss(&mut self) {
        self.undo.mode = Some(Undo::Startup);
        self.full_pipe.reached = true;
        let bdp = self.model.volume(self.model.bw()).unwrap_or(self.initial_cwnd);
        self.model.bounds.inflight_longterm = bdp.max(self.model.inflight_latest);
    }
}

/// Rounds without growth.
const FULL_ROUNDS: u8 = 3;
/// `StartupFullLossCnt`.
const FULL_LOSSES: u8 = 6;
/// Drain takes no longer.
const DRAIN_ROUNDS_MAX: u32 = 3;
