//! What losses do at once, and what a spurious one gives back.

use super::super::{BytesPerSecond, CWND_MAX, CongestionEvent, CongestionSignal};
use super::model::Bounds;
use super::{Bbr, Mode, Phase};

/// The recovery under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Recovery {
    /// What began it.
    pub(super) signal: CongestionSignal,
    /// The round in which it did.
    pub(super) since_round: u32,
}

/// What a spurious loss gives back.
#[derive(Clone, Copy, Debug)]
pub(super) struct UndoState {
    pub(super) mode: Option<Undo>,
    pub(super) bounds: Bounds,
}

/// Which state a loss ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Undo {
    Startup,
    ProbeBwUp,
}

impl Bbr {
    /// `OnEnterRTO`, `OnEnterFastRecovery`. The draft leaves open what a mark does, but that it
    /// counts as congestion: here as losses beyond the threshold.
    pub(super) fn respond(&mut self, event: &CongestionEvent) {
        let signal = event.signal;
        match signal {
            CongestionSignal::Loss | CongestionSignal::Timeout => {
                self.save_state();
                let since_round = self.model.rounds.count;
                self.recovery = Some(Recovery { signal, since_round });
                if signal == CongestionSignal::Timeout {
                    self.cwnd = event.in_flight.saturating_add(self.mss).min(CWND_MAX);
                }
            }
            CongestionSignal::Ecn => {
                self.note_loss();
                if self.mode == Mode::Startup {
                    self.leave_startup_by_loss();
                } else if self.cycle.is_probe_sample {
                    self.on_inflight_too_high(event.now, Some(event.in_flight));
                }
            }
        }
    }

    /// `HandleSpuriousLossDetection`.
    pub(super) fn undo_losses(&mut self) {
        self.recovery = None;
        self.restore_cwnd();
        self.model.losses.has_loss = false;
        self.full_pipe.reset(BytesPerSecond::ZERO);
        self.model.bounds = self.model.bounds.max(self.undo.bounds);
        let is_probing_rtt = matches!(self.mode, Mode::ProbeRtt(_));
        match self.undo.mode.take() {
            Some(Undo::Startup) if self.mode != Mode::Startup => {
                self.full_pipe.reached = false;
                if !is_probing_rtt {
                    self.mode = Mode::Startup;
                }
            }
            Some(Undo::ProbeBwUp) if self.mode != Mode::ProbeBw(Phase::Up) && !is_probing_rtt => {
                self.start_probe_bw_refill(self.delivered_total);
            }
            Some(Undo::Startup | Undo::ProbeBwUp) | None => {}
        }
    }

    /// `SaveCwnd`.
    pub(super) fn save_cwnd(&mut self) {
        let is_own = self.recovery.is_none() && !matches!(self.mode, Mode::ProbeRtt(_));
        self.prior_cwnd = if is_own { self.cwnd } else { self.prior_cwnd.max(self.cwnd) };
    }

    /// `RestoreCwnd`.
    pub(super) fn restore_cwnd(&mut self) {
        self.cwnd = self.cwnd.max(self.prior_cwnd);
    }

    /// `SaveStateUponLoss`.
    fn save_state(&mut self) {
        self.save_cwnd();
        self.undo = UndoState { mode: None, bounds: self.model.bounds };
    }

    /// `NoteLoss`.
    pub(super) fn note_loss(&mut self) {
        if self.model.note_loss(self.delivered_total) {
            self.save_state();
        }
    }
}
