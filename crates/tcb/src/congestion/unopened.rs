//! What stands in the place of a controller until the handshake is complete.

use alloc::boxed::Box;

use super::{AckSample, CongestionController, CongestionEvent};
use crate::Instant;

/// No controller yet. A handshake may never be completed, and each packet to a half-open one makes
/// a connection of it for a moment; this costs neither an allocation nor work (robustness A6).
#[derive(Debug)]
pub(crate) struct Unopened;

impl Unopened {
    /// It has no size, so nothing is allocated.
    pub(crate) fn boxed() -> Box<dyn CongestionController> {
        Box::new(Self)
    }
}

impl CongestionController for Unopened {
    fn name(&self) -> &'static str {
        "none"
    }

    fn on_ack(&mut self, _sample: &AckSample) {}

    fn on_congestion(&mut self, _event: &CongestionEvent) {}

    fn on_restart(&mut self, _now: Instant) {}

    fn on_mss(&mut self, _mss: u32) {}

    /// One segment of any size: beside the SYN nothing but a FIN leaves before the handshake is
    /// complete.
    fn cwnd(&self) -> u32 {
        u32::from(u16::MAX)
    }

    fn ssthresh(&self) -> u32 {
        u32::MAX
    }
}
