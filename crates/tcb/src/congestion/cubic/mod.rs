//! CUBIC (RFC 9438): after a reduction cwnd returns fast to where it was, dwells there, and then
//! looks further; on short or slow paths it is no slower than Reno.
//!
//! ```text
//!  cwnd                                          convex
//!        W_max ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╭───────────╮┄┄┄┄╱
//!                         ╭───╯  concave   ╰──╯
//!   cwnd_epoch ┄┄┄┄┄┄┄╭──╯
//!                     └──────────────┴─────────▶ t
//!                     0              K
//! ```

mod curve;

use alloc::boxed::Box;
use core::time::Duration;

use curve::{Curve, Ticks};

use super::window::{Growing, Window};
use super::{
    AckSample, Beginning, CWND_MAX, CongestionController, CongestionEvent, CongestionFactory,
    CongestionSignal, Fraction, SentSample, SpuriousEvent, WindowOptions,
};
use crate::Instant;

/// CUBIC congestion control. Units: octets, where the RFC counts segments.
#[derive(Clone, Debug)]
pub struct Cubic {
    window: Window,
    memory: Memory,
    /// How the next stage of congestion avoidance begins.
    next: Start,
    /// What the last reduction replaced, while it may be undone.
    undo: Option<Box<Memory>>,
    options: CubicOptions,
}

/// What outlives a reduction, and comes back when that is undone (CUBIC-18). Units: octets.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// cwnd when ssthresh was set last; 0 before.
    cwnd_prior: u32,
    /// Where the path was full; 0 if that is not known.
    w_max: u32,
    /// The stage of congestion avoidance under way.
    stage: Option<Stage>,
}

/// A stage of congestion avoidance (RFC 9438 §4.2).
#[derive(Clone, Copy, Debug)]
struct Stage {
    curve: Curve,
    /// t: since the stage began, without the time in which cwnd was not what limited sending
    /// (CUBIC-7). Units: nanoseconds.
    elapsed_ns: u64,
    /// Since when `elapsed_ns` is still to be counted, unless the clock stands.
    counted_to: Option<Instant>,
    /// W_est, in 65,536ths of an octet.
    w_est: u64,
    /// What growth left over, in parts of an octet of which there are cwnd.
    remainder: u32,
}

/// How a stage of congestion avoidance begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    /// Below W_max, to which it rises.
    BelowMaximum,
    /// On the flat part of the curve: nothing is known of W_max (CUBIC-15, CUBIC-17).
    OnPlateau,
}

/// The choices that CUBIC leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CubicOptions {
    /// Those that it shares with NewReno.
    pub window: WindowOptions,
    /// Whether a flow whose W_max falls gives up more than it must, for newer flows (RFC 9438 §4.7,
    /// CUBIC-13). On.
    pub fast_convergence: bool,
}

/// Makes [`Cubic`] controllers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CubicFactory {
    /// The choices left open.
    pub options: CubicOptions,
}

impl CubicOptions {
    /// What the controller has when nothing else is asked for.
    pub const DEFAULT: Self = Self { window: WindowOptions::DEFAULT, fast_convergence: true };
}

impl Default for CubicOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl CongestionFactory for CubicFactory {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        Box::new(Cubic::new(beginning, self.options))
    }
}

impl Cubic {
    /// What a configuration names to have this controller.
    pub const FACTORY: CubicFactory = CubicFactory { options: CubicOptions::DEFAULT };

    /// A controller at the start of a connection, or one that takes over.
    pub fn new(beginning: &Beginning, options: CubicOptions) -> Self {
        Self {
            window: Window::new(beginning, options.window),
            memory: Memory { cwnd_prior: 0, w_max: 0, stage: None },
            next: Start::OnPlateau,
            undo: None,
            options,
        }
    }

    /// One ACK of congestion avoidance: cwnd follows the curve, or Reno where that is faster.
    ///
    /// Source: RFC 9438 §4.2 to §4.5 (CUBIC-4 to CUBIC-10).
    fn congestion_avoidance(&mut self, sample: &AckSample) {
        let Window { cwnd, mss, .. } = self.window;
        let w_max = match self.next {
            Start::BelowMaximum => self.memory.w_max,
            Start::OnPlateau => cwnd,
        };
        let stage = self.memory.stage.get_or_insert_with(|| Stage::begin(cwnd, w_max, mss));
        let t = stage.count_to(sample.now);
        let w_est = stage.reno(sample.growth_bytes, cwnd, mss, self.memory.cwnd_prior);
        let grown = if stage.curve.window(Ticks::from_duration(t), mss) < w_est {
            w_est.saturating_sub(cwnd)
        } else {
            let ahead = Ticks::from_duration(t + sample.srtt.unwrap_or_default());
            let target = stage.curve.window(ahead, mss).clamp(cwnd, cwnd.saturating_add(cwnd / 2));
            stage.approach(target - cwnd, sample.growth_bytes, cwnd)
        };
        // ABC-1: a stage never grows faster than slow start would.
        self.window.grow(grown.min(sample.growth_bytes));
    }

    /// FlightSize, or cwnd where that is what limited it: only whole segments leave, and what was
    /// left of cwnd was less than one. Of a small window that is much. cwnd grows no further than
    /// it is used (CC-23), as the RFC demands of who goes by it.
    ///
    /// Source: RFC 9438 §4.6 (CUBIC-11).
    fn flight_size(&self, event: &CongestionEvent) -> u32 {
        let Window { cwnd, mss, .. } = self.window;
        let is_full = event.flight_size.saturating_add(mss) > cwnd;
        if is_full { event.flight_size.max(cwnd) } else { event.flight_size }
    }

    /// CUBIC-13, before the reduction.
    fn remember_maximum(&mut self) {
        let cwnd = self.window.cwnd;
        let falls = self.options.fast_convergence && cwnd < self.memory.w_max;
        self.memory.w_max = if falls { FAST_CONVERGENCE.of(cwnd) } else { cwnd };
        self.memory.cwnd_prior = cwnd;
    }
}

impl CongestionController for Cubic {
    fn name(&self) -> &'static str {
        "cubic"
    }

    fn on_sent(&mut self, sent: &SentSample) {
        if sent.in_flight_before > 0 {
            return;
        }
        // CUBIC-7: an idle time is over, and does not count.
        if let Some(stage) = &mut self.memory.stage {
            stage.counted_to = Some(sent.now);
        }
    }

    fn on_ack(&mut self, sample: &AckSample) {
        if self.window.on_ack(sample) == Growing::Refused {
            if let Some(stage) = &mut self.memory.stage {
                stage.counted_to = None;
            }
            return;
        }
        if self.window.cwnd > self.window.ssthresh {
            self.congestion_avoidance(sample);
            return;
        }
        // CUBIC-16.
        self.memory.stage = None;
        if self.window.slow_start(sample) {
            self.memory.cwnd_prior = self.window.cwnd;
            self.next = Start::OnPlateau;
        }
    }

    /// RFC 9438 §4.6, §4.8 (CUBIC-2, CUBIC-11, CUBIC-15).
    fn on_congestion(&mut self, event: &CongestionEvent) {
        self.undo = Some(Box::new(self.memory));
        self.remember_maximum();
        self.memory.stage = None;
        self.next = match event.signal {
            CongestionSignal::Loss | CongestionSignal::Ecn => Start::BelowMaximum,
            CongestionSignal::Timeout => Start::OnPlateau,
        };
        let is_gentle = self.options.window.alternative_backoff;
        let factor = match event.signal {
            CongestionSignal::Ecn if is_gentle => AFTER_MARK,
            CongestionSignal::Loss | CongestionSignal::Ecn | CongestionSignal::Timeout => BETA,
        };
        let flight_size = self.flight_size(event);
        self.window.reduce(&CongestionEvent { flight_size, ..*event }, factor);
    }

    fn on_recovered(&mut self, _now: Instant, signal: CongestionSignal) {
        self.window.on_recovered(signal);
    }

    /// RFC 9438 §4.9 (CUBIC-18, CUBIC-19).
    fn on_spurious(&mut self, event: &SpuriousEvent) {
        let undo = self.undo.take();
        if !self.window.undo(event) {
            return;
        }
        let Some(memory) = undo else { return };
        self.memory = *memory;
        self.next = Start::BelowMaximum;
        if let Some(stage) = &mut self.memory.stage {
            stage.counted_to = None;
        }
    }

    fn on_restart(&mut self, now: Instant) {
        if self.window.on_restart(now) {
            self.memory.stage = None;
        }
    }

    fn on_mss(&mut self, mss: u32) {
        let ratio = self.window.on_mss(mss);
        self.memory.w_max = ratio.of(self.memory.w_max);
        self.memory.cwnd_prior = ratio.of(self.memory.cwnd_prior);
        self.memory.stage = None;
    }

    fn cwnd(&self) -> u32 {
        self.window.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.window.ssthresh
    }
}

impl Stage {
    fn begin(cwnd: u32, w_max: u32, mss: u32) -> Self {
        Self {
            curve: Curve::new(cwnd, w_max, mss),
            elapsed_ns: 0,
            counted_to: None,
            w_est: u64::from(cwnd) << EST_SHIFT,
            remainder: 0,
        }
    }

    /// t at `now`; the clock goes on from there (CUBIC-7).
    fn count_to(&mut self, now: Instant) -> Duration {
        if let Some(counted_to) = self.counted_to.replace(now) {
            let passed = u64::try_from(now.since(counted_to).as_nanos()).unwrap_or(u64::MAX);
            self.elapsed_ns = self.elapsed_ns.saturating_add(passed);
        }
        Duration::from_nanos(self.elapsed_ns)
    }

    /// W_est after `acked` more octets: what Reno would have.
    ///
    /// Source: RFC 9438 §4.3 (CUBIC-3, CUBIC-9).
    fn reno(&mut self, acked: u32, cwnd: u32, mss: u32, cwnd_prior: u32) -> u32 {
        let acked = acked.min(cwnd);
        let segment = ((u64::from(mss) * u64::from(acked)) << EST_SHIFT) / u64::from(cwnd.max(1));
        let reached_prior = self.w_est >= u64::from(cwnd_prior) << EST_SHIFT;
        // alpha: 3 * (1 - beta) / (1 + beta).
        let added = if reached_prior { segment } else { segment / 17 * 9 };
        self.w_est = (self.w_est + added).min(u64::from(CWND_MAX) << EST_SHIFT);
        u32::try_from(self.w_est >> EST_SHIFT).unwrap_or(u32::MAX)
    }

    /// How much cwnd grows for `acked` octets: all of `distance` for a cwnd of them.
    ///
    /// RFC 9438 §4.4 counts ACKs, each of a segment; by octets a stretched ACK, or a split one,
    /// does as much as those it stands for (ABC-1).
    fn approach(&mut self, distance: u32, acked: u32, cwnd: u32) -> u32 {
        let cwnd = u64::from(cwnd.max(1));
        let parts = u64::from(distance) * u64::from(acked) + u64::from(self.remainder);
        self.remainder = u32::try_from(parts % cwnd).unwrap_or(0);
        u32::try_from(parts / cwnd).unwrap_or(u32::MAX)
    }
}

/// beta, RFC 9438 §4.6 (CUBIC-2).
const BETA: Fraction = Fraction::new(7, 10);
/// (1 + beta) / 2, RFC 9438 §4.7.
const FAST_CONVERGENCE: Fraction = Fraction::new(17, 20);
/// RFC 8511 §3.1 (ABE-2).
const AFTER_MARK: Fraction = Fraction::new(17, 20);
/// Binary places of W_est.
const EST_SHIFT: u32 = 16;

#[cfg(test)]
mod tests;
