//! BBR version 3 (draft-ietf-ccwg-bbr): sends at the rate that the path delivers, and keeps in
//! flight what that takes, instead of filling queues until they overflow.
//!
//! ```text
//!  Startup ──▶ Drain ──▶ ProbeBW ◀──▶ ProbeRTT
//!     ▲                                  │      while the path was never full
//!     └──────────────────────────────────┘
//! ```
//!
//! Names are those of the draft, in the docs of each item. Not a standard: never the default
//! (BBR-20).

mod control;
mod filter;
mod losses;
mod model;
mod probe_bw;
mod probe_rtt;
mod startup;

use alloc::boxed::Box;
use core::time::Duration;

use control::{ONE, initial_rate};
use filter::{AggregationInputs, MinRtt};
use losses::{Recovery, UndoState};
use model::{Bounds, Model};
use probe_bw::Cycle;
use probe_rtt::Probe;
use startup::FullPipe;

use super::{
    AckSample, Beginning, BytesPerSecond, CWND_MAX, CongestionController, CongestionEvent,
    CongestionFactory, CongestionSignal, LostSample, RateSample, SentSample, SpuriousEvent,
};
use crate::Instant;

/// BBRv3 congestion control. Units: octets.
#[derive(Clone, Debug)]
pub struct Bbr {
    mode: Mode,
    cwnd: u32,
    mss: u32,
    initial_cwnd: u32,
    pacing_rate: BytesPerSecond,
    model: Model,
    full_pipe: FullPipe,
    cycle: Cycle,
    /// `prior_cwnd`: the last one that neither recovery nor ProbeRTT had changed.
    prior_cwnd: u32,
    undo: UndoState,
    recovery: Option<Recovery>,
    /// `C.delivered`, and what it was when this controller began.
    delivered_total: u64,
    delivered_at_start: u64,
    /// What was sent in ProbeRTT is delivered when `C.delivered` is more than this.
    slow_until: Option<u64>,
    /// The connection is restarting after it was idle.
    idle_restart: bool,
    sack: bool,
    seed: u64,
}

/// `BBR.state`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Startup,
    Drain { since_round: u32 },
    ProbeBw(Phase),
    ProbeRtt(Probe),
}

/// The phases of ProbeBW.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Down,
    Cruise,
    Refill,
    Up,
}

/// Makes [`Bbr`] controllers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BbrFactory;

impl CongestionFactory for BbrFactory {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        Box::new(Bbr::new(beginning))
    }
}

impl Bbr {
    /// What a configuration names to have this controller.
    pub const FACTORY: BbrFactory = BbrFactory;

    /// A controller at the start of a connection, or one that takes over (`OnInit`).
    pub fn new(beginning: &Beginning) -> Self {
        let Beginning { now, mss, initial_window, sack, seed, inherited } = *beginning;
        let mss = mss.clamp(1, MSS_MAX);
        let initial_cwnd = initial_window.clamp(mss, CWND_MAX);
        let cwnd = inherited.map_or(initial_cwnd, |from| from.cwnd.clamp(mss, CWND_MAX));
        let srtt = inherited.and_then(|from| from.srtt);
        let delivered = inherited.map_or(0, |from| from.delivered_total);
        Self {
            mode: Mode::Startup,
            cwnd,
            mss,
            initial_cwnd,
            pacing_rate: initial_rate(cwnd, srtt),
            model: Model::new(
                now,
                delivered,
                MinRtt::new(now, inherited.and_then(|from| from.min_rtt)),
            ),
            full_pipe: FullPipe::default(),
            cycle: Cycle::new(now),
            prior_cwnd: 0,
            undo: UndoState { mode: None, bounds: Bounds::NONE },
            recovery: None,
            delivered_total: delivered,
            delivered_at_start: delivered,
            slow_until: None,
            idle_restart: false,
            sack,
            seed,
        }
    }

    /// `UpdateModelAndState`.
    fn update_model(&mut self, sample: &AckSample, rate: &RateSample) {
        self.model.on_rate(sample, rate);
        if self.model.rounds.start {
            self.cycle.rounds_since_up = self.cycle.rounds_since_up.saturating_add(1);
        }
        self.adapt_lower_bounds();
        self.update_aggregation(sample);
        if self.model.rounds.start && !rate.is_app_limited {
            self.full_pipe.check(rate.delivery_rate);
        }
        self.check_startup_done(rate);
        self.check_drain_done(sample);
        self.update_cycle(sample, rate);
        self.model.min_rtt.update(sample.now, sample.rtt);
        self.check_probe_rtt(sample);
        self.model.advance_latest(rate);
    }

    /// The end of `UpdateCongestionSignals`: once in a round with a loss (BBR-15).
    fn adapt_lower_bounds(&mut self) {
        if !self.model.losses.start {
            return;
        }
        if self.model.losses.has_loss && !self.is_probing_bw() {
            self.model.lower_bounds(self.cwnd);
        }
        self.model.losses.has_loss = false;
    }

    fn update_aggregation(&mut self, sample: &AckSample) {
        let inputs = AggregationInputs {
            now: sample.now,
            bandwidth: self.model.bw(),
            delivered_bytes: sample.delivered_bytes,
            cwnd: self.cwnd,
            round: self.model.rounds.count,
        };
        let rounds_max = if self.full_pipe.reached { EXTRA_ACKED_ROUNDS } else { 1 };
        self.model.aggregation.update(&inputs, rounds_max);
    }

    /// `IsProbingBW`.
    fn is_probing_bw(&self) -> bool {
        matches!(self.mode, Mode::Startup | Mode::ProbeBw(Phase::Refill | Phase::Up))
    }

    /// The next number of a sequence that the seed determines (SplitMix64, by S. Vigna).
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The rate sample, marked as limited by the application if ProbeRTT limited it.
    fn judged(&mut self, sample: &AckSample) -> Option<RateSample> {
        let mut rate = sample.rate?;
        if let Some(slow_until) = self.slow_until {
            rate.is_app_limited |= rate.prior_delivered <= slow_until;
            if rate.prior_delivered > slow_until {
                self.slow_until = None;
            }
        }
        Some(rate)
    }
}

impl CongestionController for Bbr {
    fn name(&self) -> &'static str {
        "bbr"
    }

    fn on_established(&mut self, now: Instant, rtt: Option<Duration>) {
        if rtt.is_some() && self.model.min_rtt.get().is_none() {
            self.model.min_rtt = MinRtt::new(now, rtt);
            self.pacing_rate = initial_rate(self.cwnd, rtt);
        }
    }

    /// `HandleRestartFromIdle`.
    fn on_sent(&mut self, sent: &SentSample) {
        if sent.in_flight_before > 0 || !sent.is_app_limited {
            return;
        }
        self.idle_restart = true;
        self.model.aggregation.started = sent.now;
        match self.mode {
            Mode::ProbeBw(_) => self.set_pacing_rate(ONE),
            Mode::ProbeRtt(_) => self.check_probe_rtt_done(sent.now),
            Mode::Startup | Mode::Drain { .. } => {}
        }
    }

    /// `UpdateOnACK`.
    fn on_ack(&mut self, sample: &AckSample) {
        self.delivered_total = sample.delivered_total;
        if sample.lost_bytes > 0 {
            self.note_loss();
        }
        match self.judged(sample) {
            Some(rate) => self.update_model(sample, &rate),
            None => {
                self.model.on_no_rate();
                self.model.min_rtt.update(sample.now, sample.rtt);
            }
        }
        self.set_pacing_rate(self.pacing_gain());
        self.set_cwnd(sample);
    }

    /// `HandleLostPacket`.
    fn on_lost(&mut self, now: Instant, lost: &LostSample) {
        self.note_loss();
        if !lost.is_adjacent {
            self.model.losses.ranges = self.model.losses.ranges.saturating_add(1);
        }
        self.adapt_to_lost(now, lost);
    }

    fn on_congestion(&mut self, event: &CongestionEvent) {
        self.respond(event);
    }

    fn on_recovered(&mut self, _now: Instant, signal: CongestionSignal) {
        if signal == CongestionSignal::Ecn {
            return;
        }
        self.recovery = None;
        self.restore_cwnd();
    }

    fn on_spurious(&mut self, _event: &SpuriousEvent) {
        self.undo_losses();
    }

    /// Nothing: after an idle time it is the pacing that prevents a burst.
    fn on_restart(&mut self, _now: Instant) {}

    fn on_mss(&mut self, mss: u32) {
        self.mss = mss.clamp(1, MSS_MAX);
        self.cwnd = self.cwnd.max(self.mss);
    }

    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// BBR has none; a controller that takes over goes on from what the path holds, once that is
    /// known.
    fn ssthresh(&self) -> u32 {
        if !self.full_pipe.reached {
            return u32::MAX;
        }
        let bdp = self.model.volume(self.model.bw()).unwrap_or(self.cwnd);
        bdp.max(self.mss.saturating_mul(2))
    }

    fn pacing_rate(&self) -> Option<BytesPerSecond> {
        Some(self.pacing_rate)
    }

    fn governs_recovery(&self) -> bool {
        true
    }
}

/// `ExtraAckedFilterLen` (BBR-13).
const EXTRA_ACKED_ROUNDS: u32 = 10;
/// No segment is longer than a packet.
const MSS_MAX: u32 = 65_535;

#[cfg(test)]
mod tests;
