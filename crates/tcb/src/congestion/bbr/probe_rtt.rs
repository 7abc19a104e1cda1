//! ProbeRTT: now and then lets the queue run empty, to see the round trip without it.

use core::time::Duration;

use super::super::{AckSample, Fraction};
use super::probe_bw::AckPhase;
use super::{Bbr, Mode};
use crate::Instant;

/// Where a ProbeRTT is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Probe {
    /// Too much is in flight still.
    Draining,
    /// The queue is empty, until this moment and the end of a round.
    Until { at: Instant, round_done: bool },
}

impl Bbr {
    /// `CheckProbeRTT` (BBR-10).
    pub(super) fn check_probe_rtt(&mut self, sample: &AckSample) {
        let is_probing = matches!(self.mode, Mode::ProbeRtt(_));
        if !is_probing && self.model.min_rtt.is_due && !self.idle_restart {
            self.mode = Mode::ProbeRtt(Probe::Draining);
            self.save_cwnd();
            self.cycle.acks = AckPhase::ProbeStopping;
            self.model.start_round(sample.delivered_total);
        }
        if let Mode::ProbeRtt(probe) = self.mode {
            self.go_on_with_probe_rtt(sample, probe);
        }
        if sample.delivered_bytes > 0 {
            self.idle_restart = false;
        }
    }

    /// `HandleProbeRTT`.
    fn go_on_with_probe_rtt(&mut self, sample: &AckSample, probe: Probe) {
        // `MarkConnectionAppLimited`: what is sent now says nothing of the bandwidth.
        let in_flight = u64::from(sample.in_flight);
        self.slow_until = Some(sample.delivered_total + in_flight);
        match probe {
            Probe::Draining if sample.in_flight <= self.probe_rtt_cwnd() => {
                let at = sample.now + PROBE_RTT_DURATION;
                self.mode = Mode::ProbeRtt(Probe::Until { at, round_done: false });
                self.model.start_round(sample.delivered_total);
            }
            Probe::Draining => {}
            Probe::Until { at, round_done } => {
                let round_done = round_done || self.model.rounds.start;
                self.mode = Mode::ProbeRtt(Probe::Until { at, round_done });
                if round_done {
                    self.check_probe_rtt_done(sample.now);
                }
            }
        }
    }

    /// `CheckProbeRTTDone`, `ExitProbeRTT`.
    pub(super) fn check_probe_rtt_done(&mut self, now: Instant) {
        let Mode::ProbeRtt(Probe::Until { at, .. }) = self.mode else { return };
        if now <= at {
            return;
        }
        self.model.min_rtt.on_probed(now);
        self.restore_cwnd();
        self.model.reset_short_term();
        if self.full_pipe.reached {
            self.start_probe_bw_down(now, self.delivered_total);
            self.start_probe_bw_cruise();
        } else {
            self.mode = Mode::Startup;
        }
    }

    /// `ProbeRTTCwnd`.
    pub(super) fn probe_rtt_cwnd(&self) -> u32 {
        self.volume_times(self.model.bw(), PROBE_RTT_CWND_GAIN).max(self.min_pipe_cwnd())
    }
}

/// `ProbeRTTCwndGain` (BBR-10).
pub(super) const PROBE_RTT_CWND_GAIN: Fraction = Fraction::new(1, 2);
/// `ProbeRTTDuration`.
const PROBE_RTT_DURATION: Duration = Duration::from_millis(200);
