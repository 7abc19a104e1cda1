//! NewReno: slow start and congestion avoidance of RFC 5681.

use alloc::boxed::Box;

use super::window::{Growing, Window};
use super::{
    AckSample, Beginning, CongestionController, CongestionEvent, CongestionFactory,
    CongestionSignal, Fraction, SpuriousEvent, WindowOptions,
};
use crate::Instant;

/// RFC 5681 congestion control. Recovery itself is RFC 6582's, in `recovery/`.
#[derive(Clone, Debug)]
pub struct NewReno {
    window: Window,
    /// Acknowledged since cwnd last grew in congestion avoidance (CC-4). Units: octets.
    acked: u32,
    /// What an ECN mark leaves of the window.
    after_mark: Fraction,
}

/// Makes [`NewReno`] controllers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NewRenoFactory {
    /// The choices left open.
    pub options: WindowOptions,
}

impl CongestionFactory for NewRenoFactory {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        Box::new(NewReno::new(beginning, self.options))
    }
}

impl NewReno {
    /// What a configuration names to have this controller.
    pub const FACTORY: NewRenoFactory = NewRenoFactory { options: WindowOptions::DEFAULT };

    /// A controller at the start of a connection: the initial window, an unbounded threshold
    /// (CC-6); or one that takes over.
    pub fn new(beginning: &Beginning, options: WindowOptions) -> Self {
        let after_mark = if options.alternative_backoff { AFTER_MARK } else { AFTER_LOSS };
        Self { window: Window::new(beginning, options), acked: 0, after_mark }
    }

    /// RFC 5681 §3.1: one segment for each cwnd of octets acknowledged (CC-4).
    fn congestion_avoidance(&mut self, growth_bytes: u32) {
        let cwnd = self.window.cwnd;
        self.acked = self.acked.saturating_add(growth_bytes);
        if self.acked >= cwnd {
            // One ACK adds one segment at most; what it has beyond counts once more, and no longer.
            self.acked = (self.acked - cwnd).min(cwnd);
            self.window.grow(self.window.mss);
        }
    }
}

impl CongestionController for NewReno {
    fn name(&self) -> &'static str {
        "reno"
    }

    fn on_ack(&mut self, sample: &AckSample) {
        if self.window.on_ack(sample) == Growing::Refused {
            return;
        }
        if self.window.cwnd < self.window.ssthresh {
            self.window.slow_start(sample);
        } else {
            self.congestion_avoidance(sample.growth_bytes);
        }
    }

    /// RFC 5681 §3.1, §3.2: half of FlightSize (CC-8, CC-15).
    fn on_congestion(&mut self, event: &CongestionEvent) {
        self.acked = 0;
        let factor = match event.signal {
            CongestionSignal::Ecn => self.after_mark,
            CongestionSignal::Loss | CongestionSignal::Timeout => AFTER_LOSS,
        };
        self.window.reduce(event, factor);
    }

    fn on_recovered(&mut self, _now: Instant, signal: CongestionSignal) {
        self.window.on_recovered(signal);
    }

    fn on_spurious(&mut self, event: &SpuriousEvent) {
        self.window.undo(event);
    }

    fn on_restart(&mut self, now: Instant) {
        self.window.on_restart(now);
    }

    fn on_mss(&mut self, mss: u32) {
        self.window.on_mss(mss);
    }

    fn cwnd(&self) -> u32 {
        self.window.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.window.ssthresh
    }
}

/// RFC 5681 §3.1.
const AFTER_LOSS: Fraction = Fraction::new(1, 2);
/// `beta_ecn` of RFC 8511 §3 (ABE-1).
const AFTER_MARK: Fraction = Fraction::new(4, 5);

#[cfg(test)]
mod tests;
