//! What follows from the model: the pacing rate and cwnd.

use core::time::Duration;

use super::super::{AckSample, BytesPerSecond, CWND_MAX, Fraction, pacing};
use super::probe_rtt::PROBE_RTT_CWND_GAIN;
use super::{Bbr, Mode, Phase};

impl Bbr {
    /// `SetPacingRateWithGain`.
    pub(super) fn set_pacing_rate(&mut self, gain: Fraction) {
        let rate = PACING_MARGIN.of_rate(gain.of_rate(self.model.bw()));
        if self.full_pipe.reached || rate > self.pacing_rate {
            // Of a path that delivered nothing at all, nothing is known.
            self.pacing_rate = rate.max(BytesPerSecond::new(u64::from(self.mss)));
        }
    }

    /// `SetCwnd`.
    pub(super) fn set_cwnd(&mut self, sample: &AckSample) {
        let bdp = self.volume_times(self.model.bw(), self.cwnd_gain());
        let max_inflight = self.quantized(bdp.saturating_add(self.model.aggregation.get()));
        let grown = self.cwnd.saturating_add(sample.delivered_bytes).min(CWND_MAX);
        let delivered = sample.delivered_total.saturating_sub(self.delivered_at_start);
        if self.full_pipe.reached {
            self.cwnd = grown.min(max_inflight);
        } else if self.cwnd < max_inflight || delivered < u64::from(self.initial_cwnd) {
            self.cwnd = grown;
        }
        self.cwnd = self.cwnd.max(self.min_pipe_cwnd());
        if matches!(self.mode, Mode::ProbeRtt(_)) {
            self.cwnd = self.cwnd.min(self.probe_rtt_cwnd());
        }
        self.cwnd = self.cwnd.min(self.inflight_cap()).min(CWND_MAX);
    }

    /// `BoundCwndForModel`: the volume cap of the state.
    fn inflight_cap(&self) -> u32 {
        let bounds = &self.model.bounds;
        let cap = match self.mode {
            Mode::ProbeBw(Phase::Down | Phase::Refill | Phase::Up) => bounds.inflight_longterm,
            Mode::ProbeBw(Phase::Cruise) | Mode::ProbeRtt(_) => self.inflight_with_headroom(),
            Mode::Startup | Mode::Drain { .. } => u32::MAX,
        };
        cap.min(bounds.inflight_shortterm).max(self.min_pipe_cwnd())
    }

    /// `BDPMultiple`.
    pub(super) fn volume_times(&self, rate: BytesPerSecond, gain: Fraction) -> u32 {
        self.model.volume(rate).map_or(self.initial_cwnd, |volume| gain.of(volume))
    }

    /// `Inflight(bw, 1.0)`.
    pub(super) fn inflight(&self, rate: BytesPerSecond) -> u32 {
        self.quantized(self.volume_times(rate, ONE))
    }

    /// `QuantizationBudget`: enough for the quanta on their way through either host.
    fn quantized(&self, inflight: u32) -> u32 {
        let offload_budget = pacing::quantum(self.pacing_rate, self.mss).saturating_mul(3);
        let budget = inflight.max(offload_budget).max(self.min_pipe_cwnd());
        let is_up = self.mode == Mode::ProbeBw(Phase::Up);
        if is_up { budget.saturating_add(self.mss.saturating_mul(2)) } else { budget }
    }

    /// `MinPipeCwnd` (BBR-14).
    pub(super) fn min_pipe_cwnd(&self) -> u32 {
        self.mss.saturating_mul(4)
    }

    /// `pacing_gain` (BBR-2, BBR-5 to BBR-8).
    pub(super) fn pacing_gain(&self) -> Fraction {
        match self.mode {
            Mode::Startup => STARTUP_PACING_GAIN,
            Mode::Drain { .. } => Fraction::new(1, 2),
            Mode::ProbeBw(Phase::Down) => Fraction::new(9, 10),
            Mode::ProbeBw(Phase::Cruise | Phase::Refill) | Mode::ProbeRtt(_) => ONE,
            Mode::ProbeBw(Phase::Up) => Fraction::new(5, 4),
        }
    }

    /// `cwnd_gain` (BBR-2, BBR-5, BBR-8, BBR-10).
    pub(super) fn cwnd_gain(&self) -> Fraction {
        match self.mode {
            Mode::Startup | Mode::Drain { .. } => Fraction::new(2, 1),
            Mode::ProbeBw(Phase::Down | Phase::Cruise | Phase::Refill) => Fraction::new(2, 1),
            Mode::ProbeBw(Phase::Up) => Fraction::new(9, 4),
            Mode::ProbeRtt(_) => PROBE_RTT_CWND_GAIN,
        }
    }
}

/// `InitPacingRate`.
pub(super) fn initial_rate(cwnd: u32, rtt: Option<Duration>) -> BytesPerSecond {
    let rtt = rtt.filter(|rtt| !rtt.is_zero()).unwrap_or(Duration::from_millis(1));
    STARTUP_PACING_GAIN.of_rate(BytesPerSecond::from_volume(u64::from(cwnd), rtt))
}

/// `StartupPacingGain`, about 4 ln 2 (BBR-2).
const STARTUP_PACING_GAIN: Fraction = Fraction::new(277, 100);
pub(super) const ONE: Fraction = Fraction::new(1, 1);
/// 1 less `PacingMarginPercent` (BBR-14).
const PACING_MARGIN: Fraction = Fraction::new(99, 100);
