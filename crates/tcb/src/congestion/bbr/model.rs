//! The model of the path: how fast it delivers, how much it holds, and what losses say of both.
//!
//! The long-term model is what the path can take; it changes only by probing. The short-term model
//! bounds it where losses say that there is less just now, until the next probe.

use super::super::{AckSample, BytesPerSecond, Fraction, RateSample};
use super::filter::{Aggregation, MaxBandwidth, MinRtt};
use crate::Instant;

/// Units: octets. `u32::MAX` is no bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) rounds: Rounds,
    pub(super) max_bw: MaxBandwidth,
    pub(super) min_rtt: MinRtt,
    pub(super) aggregation: Aggregation,
    pub(super) bounds: Bounds,
    pub(super) losses: LossRound,
    /// `bw_latest`: the highest delivery rate of this round of losses.
    bw_latest: BytesPerSecond,
    /// `inflight_latest`: the most delivered in it.
    pub(super) inflight_latest: u32,
}

/// The bounds that losses set (BBR-15, BBR-16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    pub(super) bw_shortterm: BytesPerSecond,
    pub(super) inflight_shortterm: u32,
    pub(super) inflight_longterm: u32,
}

/// Packet-timed round trips.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    next_delivered: u64,
    pub(super) count: u32,
    /// This ACK began one.
    pub(super) start: bool,
}

/// Losses by round trip; these rounds begin with a loss.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossRound {
    delivered: u64,
    /// This ACK began one.
    pub(super) start: bool,
    /// `is_loss_in_round`.
    pub(super) has_loss: bool,
    /// Lost ranges apart from each other, in this round.
    pub(super) ranges: u8,
}

impl Model {
    pub(super) fn new(now: Instant, delivered: u64, min_rtt: MinRtt) -> Self {
        Self {
            rounds: Rounds { next_delivered: delivered, count: 0, start: false },
            max_bw: MaxBandwidth::default(),
            min_rtt,
            aggregation: Aggregation::new(now),
            bounds: Bounds::NONE,
            losses: LossRound { delivered, start: false, has_loss: false, ranges: 0 },
            bw_latest: BytesPerSecond::ZERO,
            inflight_latest: 0,
        }
    }

    /// `BBR.bw`, by `BoundBWForModel`.
    pub(super) fn bw(&self) -> BytesPerSecond {
        self.max_bw.get().min(self.bounds.bw_shortterm)
    }

    /// `BBR.bdp`, or another product of rate and delay; `None` without a round-trip time.
    pub(super) fn volume(&self, rate: BytesPerSecond) -> Option<u32> {
        let volume = rate.volume_in(self.min_rtt.get()?);
        Some(u32::try_from(volume).unwrap_or(u32::MAX))
    }

    /// `UpdateLatestDeliverySignals`, `UpdateMaxBw`: near the start of an ACK.
    pub(super) fn on_rate(&mut self, sample: &AckSample, rate: &RateSample) {
        self.bw_latest = self.bw_latest.max(rate.delivery_rate);
        self.inflight_latest = self.inflight_latest.max(rate.delivered);
        self.losses.start = rate.prior_delivered >= self.losses.delivered;
        if self.losses.start {
            self.losses.delivered = sample.delivered_total;
        }
        self.rounds.start = rate.prior_delivered >= self.rounds.next_delivered;
        if self.rounds.start {
            self.rounds.count = self.rounds.count.wrapping_add(1);
            self.start_round(sample.delivered_total);
        }
        if rate.delivery_rate > BytesPerSecond::ZERO {
            self.max_bw.update(rate.delivery_rate, rate.is_app_limited);
        }
    }

    /// An ACK without a delivery rate begins no round.
    pub(super) fn on_no_rate(&mut self) {
        self.losses.start = false;
        self.rounds.start = false;
    }

    /// `StartRound`.
    pub(super) fn start_round(&mut self, delivered: u64) {
        self.rounds.next_delivered = delivered;
    }

    /// `AdvanceLatestDeliverySignals`: near the end of an ACK.
    pub(super) fn advance_latest(&mut self, rate: &RateSample) {
        if self.losses.start {
            self.bw_latest = rate.delivery_rate;
            self.inflight_latest = rate.delivered;
        }
    }

    /// `ResetCongestionSignals`.
    pub(super) fn reset_congestion_signals(&mut self) {
        self.losses.has_loss = false;
        self.bw_latest = BytesPerSecond::ZERO;
        self.inflight_latest = 0;
    }

    /// `ResetShortTermModel`.
    pub(super) fn reset_short_term(&mut self) {
        self.bounds.bw_shortterm = BytesPerSecond::MAX;
        self.bounds.inflight_shortterm = u32::MAX;
    }

    /// `InitLowerBounds`, `LossLowerBounds`: a round with a loss, while not probing (BBR-15).
    pub(super) fn lower_bounds(&mut self, cwnd: u32) {
        let bounds = &mut self.bounds;
        if bounds.bw_shortterm == BytesPerSecond::MAX {
            bounds.bw_shortterm = self.max_bw.get();
        }
        if bounds.inflight_shortterm == u32::MAX {
            bounds.inflight_shortterm = cwnd;
        }
        bounds.bw_shortterm = self.bw_latest.max(BETA.of_rate(bounds.bw_shortterm));
        bounds.inflight_shortterm = self.inflight_latest.max(BETA.of(bounds.inflight_shortterm));
    }

    /// `NoteLoss`: whether it is the first of its round.
    pub(super) fn note_loss(&mut self, delivered: u64) -> bool {
        let is_first = !core::mem::replace(&mut self.losses.has_loss, true);
        if is_first {
            self.losses.delivered = delivered;
        }
        is_first
    }
}

impl Bounds {
    /// Nothing is known against anything.
    pub(super) const NONE: Self = Self {
        bw_shortterm: BytesPerSecond::MAX,
        inflight_shortterm: u32::MAX,
        inflight_longterm: u32::MAX,
    };

    /// The higher one of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            bw_shortterm: self.bw_shortterm.max(other.bw_shortterm),
            inflight_shortterm: self.inflight_shortterm.max(other.inflight_shortterm),
            inflight_longterm: self.inflight_longterm.max(other.inflight_longterm),
        }
    }
}

/// `LossThresh`, as one part in so many (BBR-14).
pub(super) const LOSS_THRESHOLD_PARTS: u64 = 50;
/// `Beta` (BBR-14).
pub(super) const BETA: Fraction = Fraction::new(7, 10);
