//! ProbeBW: cruises at the estimated rate, and now and then looks whether there is more.
//!
//! ```text
//!  DOWN ──▶ CRUISE ──▶ REFILL ──▶ UP ──▶ DOWN ...
//!  0.9      1.0        1.0        1.25            pacing gain
//! ```

use core::time::Duration;

use super::super::{AckSample, Fraction, LostSample, RateSample};
use super::losses::Undo;
use super::model::{BETA, LOSS_THRESHOLD_PARTS};
use super::{Bbr, Mode, Phase};
use crate::Instant;

/// Where the probing for bandwidth is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    /// `cycle_stamp`: when it began.
    started: Instant,
    /// `bw_probe_wait`: how long until the next probe.
    pub(super) wait: Duration,
    /// `rounds_since_probe_up`.
    pub(super) rounds_since_up: u32,
    pub(super) acks: AckPhase,
    /// `is_bw_probe_sample`: what is acknowledged was sent while probing.
    pub(super) is_probe_sample: bool,
    /// `bw_probe_up_acked`. Units: octets.
    up_acked: u32,
    /// `probe_up_acked_per_inc`. Units: octets.
    acked_per_increase: u32,
    /// `bw_probe_up_rounds`.
    up_rounds: u8,
    /// `prev_probe_too_high`.
    previous_too_high: bool,
    /// `prev_probe_precautionary`.
    previous_precautionary: bool,
}

/// `ack_phase`: what the ACKs that arrive say of probing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AckPhase {
    Init,
    Refilling,
    ProbeStarting,
    ProbeFeedback,
    ProbeStopping,
}

impl Cycle {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            wait: Duration::ZERO,
            rounds_since_up: 0,
            acks: AckPhase::Init,
            is_probe_sample: false,
            up_acked: 0,
            acked_per_increase: u32::MAX,
            up_rounds: 0,
            previous_too_high: false,
            previous_precautionary: false,
        }
    }
}

impl Bbr {
    /// `StartProbeBW_DOWN` (BBR-6).
    pub(super) fn start_probe_bw_down(&mut self, now: Instant, delivered: u64) {
        self.model.reset_congestion_signals();
        self.cycle.acked_per_increase = u32::MAX;
        self.pick_probe_wait();
        self.cycle.started = now;
        self.cycle.acks = AckPhase::ProbeStopping;
        self.model.start_round(delivered);
        self.mode = Mode::ProbeBw(Phase::Down);
    }

    /// `StartProbeBW_CRUISE` (BBR-7).
    pub(super) fn start_probe_bw_cruise(&mut self) {
        self.mode = Mode::ProbeBw(Phase::Cruise);
    }

    /// `StartProbeBW_REFILL` (BBR-7).
    pub(super) fn start_probe_bw_refill(&mut self, delivered: u64) {
        self.model.reset_short_term();
        self.cycle.up_rounds = 0;
        self.cycle.up_acked = 0;
        self.cycle.previous_precautionary = false;
        self.cycle.acks = AckPhase::Refilling;
        self.model.start_round(delivered);
        self.mode = Mode::ProbeBw(Phase::Refill);
    }

    /// `StartProbeBW_UP` (BBR-8).
    fn start_probe_bw_up(&mut self, sample: &AckSample, rate: &RateSample) {
        self.cycle.acks = AckPhase::ProbeStarting;
        self.model.start_round(sample.delivered_total);
        self.full_pipe.reset(rate.delivery_rate);
        self.mode = Mode::ProbeBw(Phase::Up);
        self.raise_slope();
    }

    /// `UpdateProbeBWCyclePhase`.
    pub(super) fn update_cycle(&mut self, sample: &AckSample, rate: &RateSample) {
        if !self.full_pipe.reached || self.adapt_long_term(sample, rate) {
            return;
        }
        let Mode::ProbeBw(phase) = self.mode else { return };
        match phase {
            Phase::Down if self.is_time_to_probe(sample.now) => {
                self.start_probe_bw_refill(sample.delivered_total);
            }
            Phase::Down if self.is_time_to_cruise(sample) => self.start_probe_bw_cruise(),
            Phase::Cruise if self.is_time_to_probe(sample.now) => {
                self.start_probe_bw_refill(sample.delivered_total);
            }
            Phase::Refill if self.model.rounds.start => {
                self.cycle.is_probe_sample = true;
                self.start_probe_bw_up(sample, rate);
            }
            Phase::Up if self.is_time_to_go_down(sample, rate) => {
                self.cycle.previous_too_high = false;
                self.start_probe_bw_down(sample.now, sample.delivered_total);
            }
            Phase::Down | Phase::Cruise | Phase::Refill | Phase::Up => {}
        }
    }

    /// `HandleLostPacket`, after `NoteLoss` (BBR-16).
    pub(super) fn adapt_to_lost(&mut self, now: Instant, lost: &LostSample) {
        if self.cycle.is_probe_sample && self.is_inflight_too_high(lost.lost, lost.tx_in_flight) {
            let volume = inflight_at_loss(lost);
            let bound = (!lost.is_app_limited).then_some(volume);
            self.on_inflight_too_high(now, bound);
        }
    }

    /// `IsInflightTooHigh` (BBR-14).
    pub(super) fn is_inflight_too_high(&self, lost: u32, tx_in_flight: u32) -> bool {
        if !self.sack {
            return lost > 0;
        }
        u64::from(lost) * LOSS_THRESHOLD_PARTS > u64::from(tx_in_flight)
    }

    /// `HandleInflightTooHigh`; once a probe. `volume` is what was in flight then, if that says
    /// something of the network.
    pub(super) fn on_inflight_too_high(&mut self, now: Instant, volume: Option<u32>) {
        self.cycle.previous_too_high = true;
        self.cycle.is_probe_sample = false;
        if let Some(volume) = volume {
            let floor = BETA.of(self.target_inflight());
            self.model.bounds.inflight_longterm = volume.max(floor);
        }
        if self.mode == Mode::ProbeBw(Phase::Up) {
            self.undo.mode = Some(Undo::ProbeBwUp);
            self.start_probe_bw_down(now, self.delivered_total);
        }
    }

    /// `InflightWithHeadroom` (BBR-14).
    pub(super) fn inflight_with_headroom(&self) -> u32 {
        let bound = self.model.bounds.inflight_longterm;
        if bound == u32::MAX {
            return bound;
        }
        let headroom = HEADROOM.of(bound).max(self.mss);
        bound.saturating_sub(headroom).max(self.min_pipe_cwnd())
    }

    /// `AdaptLongTermModel`: returns whether it decided a transition.
    fn adapt_long_term(&mut self, sample: &AckSample, rate: &RateSample) -> bool {
        let round_start = self.model.rounds.start;
        if self.cycle.acks == AckPhase::ProbeStarting && round_start {
            self.cycle.acks = AckPhase::ProbeFeedback;
        }
        if self.cycle.acks == AckPhase::ProbeStopping && round_start {
            self.cycle.is_probe_sample = false;
            self.cycle.acks = AckPhase::Init;
            let is_probing = matches!(self.mode, Mode::ProbeBw(_));
            if is_probing && !rate.is_app_limited {
                self.model.max_bw.advance();
            }
            if is_probing && self.cycle.previous_precautionary && !self.cycle.previous_too_high {
                self.start_probe_bw_refill(sample.delivered_total);
                return true;
            }
        }
        let bound = self.model.bounds.inflight_longterm;
        if bound == u32::MAX || self.is_inflight_too_high(rate.lost, rate.tx_in_flight) {
            return false;
        }
        self.model.bounds.inflight_longterm = bound.max(rate.tx_in_flight);
        if self.mode == Mode::ProbeBw(Phase::Up) {
            self.probe_inflight_upward(sample);
        }
        false
    }

    /// `ProbeInflightLongtermUpward`.
    fn probe_inflight_upward(&mut self, sample: &AckSample) {
        let bound = &mut self.model.bounds.inflight_longterm;
        if !sample.cwnd_limited || self.cwnd < *bound {
            return;
        }
        self.cycle.up_acked = self.cycle.up_acked.saturating_add(sample.delivered_bytes);
        let increases = self.cycle.up_acked / self.cycle.acked_per_increase.max(1);
        if increases > 0 {
            self.cycle.up_acked -= increases * self.cycle.acked_per_increase;
            // Below `u32::MAX`, which would be no bound.
            *bound = bound.saturating_add(increases.saturating_mul(self.mss)).min(u32::MAX - 1);
        }
        if self.model.rounds.start {
            self.raise_slope();
        }
    }

    /// `RaiseInflightLongtermSlope`: 1, 2, 4, ... segments in the rounds of a probe.
    fn raise_slope(&mut self) {
        let growth = 1u32 << self.cycle.up_rounds;
        self.cycle.up_rounds = (self.cycle.up_rounds + 1).min(UP_ROUNDS_MAX);
        self.cycle.acked_per_increase = (self.cwnd / growth).max(self.mss);
    }

    /// `IsTimeToProbeBW` (BBR-9).
    fn is_time_to_probe(&self, now: Instant) -> bool {
        let segments = self.target_inflight() / self.mss;
        now.since(self.cycle.started) > self.cycle.wait
            || self.cycle.rounds_since_up >= segments.min(RENO_ROUNDS_MAX)
    }

    /// `IsTimeToCruise`: there is headroom, and no queue.
    fn is_time_to_cruise(&self, sample: &AckSample) -> bool {
        sample.in_flight <= self.inflight_with_headroom()
            && sample.in_flight <= self.inflight(self.model.max_bw.get())
    }

    /// `IsTimeToGoDown`.
    fn is_time_to_go_down(&mut self, sample: &AckSample, rate: &RateSample) -> bool {
        let bound = self.model.bounds.inflight_longterm;
        if self.cycle.previous_too_high && sample.in_flight >= bound {
            self.cycle.previous_precautionary = true;
            return true;
        }
        if sample.cwnd_limited && self.cwnd >= bound {
            self.full_pipe.reset(rate.delivery_rate);
            return false;
        }
        self.full_pipe.now
    }

    /// `TargetInflight`.
    fn target_inflight(&self) -> u32 {
        let bdp = self.model.volume(self.model.bw()).unwrap_or(self.initial_cwnd);
        bdp.min(self.cwnd)
    }

    /// `PickProbeWait`: two to three seconds, and up to a round (BBR-9).
    fn pick_probe_wait(&mut self) {
        self.cycle.rounds_since_up = self.random() as u32 & 1;
        let nanos = self.random() % 1_000_000_000;
        self.cycle.wait = Duration::from_secs(2) + Duration::from_nanos(nanos);
    }
}

/// `InflightAtLoss`: at what volume in flight the losses crossed the threshold. The range may have
/// been a burst of many packets, of which the first fitted.
fn inflight_at_loss(lost: &LostSample) -> u32 {
    let size = i64::from(lost.bytes);
    let inflight_before = i64::from(lost.tx_in_flight) - size;
    let lost_before = i64::from(lost.lost) - size;
    let parts = LOSS_THRESHOLD_PARTS as i64;
    // (threshold * inflight_before - lost_before) / (1 - threshold), all times `parts`.
    let prefix = (inflight_before - lost_before * parts) / (parts - 1);
    u32::try_from((inflight_before + prefix).max(0)).unwrap_or(u32::MAX - 1)
}

/// `Headroom` (BBR-14).
const HEADROOM: Fraction = Fraction::new(15, 100);
/// The slope doubles no more often.
const UP_ROUNDS_MAX: u8 = 30;
/// The most rounds between probes, so that Reno and CUBIC can live beside it.
const RENO_ROUNDS_MAX: u32 = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bbr_16_where_in_a_burst_the_losses_crossed_the_threshold() {
        for (case, bytes, tx_in_flight, lost, volume) in [
            // 2 % of the 99,000 before it are 1980, of which 1500 were lost.
            ("one packet too many", 1_000, 100_000, 2_500, 99_000 + 489),
            ("a burst, the first to be lost", 50_000, 100_000, 50_000, 50_000 + 1_020),
            ("far beyond", 1_000, 100_000, 51_000, 99_000 - 49_000),
            ("more than ever was in flight", 1_000, 10_000, 500_000, 0),
        ] {
            let lost =
                LostSample { bytes, tx_in_flight, lost, is_app_limited: false, is_adjacent: false };
            assert_eq!(inflight_at_loss(&lost), volume, "{case}");
        }
    }
}
