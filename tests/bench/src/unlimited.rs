//! A controller that lets everything go, so that only the peer's window limits a flight.

use synack_tcb::Instant;
use synack_tcb::congestion::{
    AckSample, Beginning, CongestionController, CongestionEvent, CongestionFactory,
};

/// A congestion window of a gibibyte, whatever happens.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

impl CongestionFactory for Unlimited {
    fn build(&self, _beginning: &Beginning) -> Box<dyn CongestionController> {
        Box::new(*self)
    }
}

impl CongestionController for Unlimited {
    fn name(&self) -> &'static str {
        "unlimited"
    }

    fn on_ack(&mut self, _sample: &AckSample) {}

    fn on_congestion(&mut self, _event: &CongestionEvent) {}

    fn on_restart(&mut self, _now: Instant) {}

    fn on_mss(&mut self, _mss: u32) {}

    fn cwnd(&self) -> u32 {
        1 << 30
    }

    fn ssthresh(&self) -> u32 {
        1 << 30
    }

    fn governs_recovery(&self) -> bool {
        true
    }
}
