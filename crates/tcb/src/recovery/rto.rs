//! The retransmission timeout: computed, clamped, backed off (RFC 6298 §2, §5).

use core::time::Duration;

use super::rtt::RttEstimator;

/// The back-off of the retransmission timer, and the 3 s that follow a lost SYN.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    /// How often the timeout was doubled.
    doublings: u8,
    /// The SYN timed out: until a sample comes the timeout is at least 3 s (RTO-16).
    syn_timed_out: bool,
}

impl Backoff {
    /// The timer expired: double the timeout (RFC 6298 §5.5, RTO-15).
    pub(crate) fn on_timeout(&mut self) {
        self.doublings = self.doublings.saturating_add(1);
    }

    /// A sample that Karn's rule allows ends the back-off (RTO-17).
    pub(crate) fn on_sample(&mut self) {
        *self = Self::default();
    }

    /// The handshake is over; `timed_out` says whether its timer ever expired (RTO-16).
    pub(crate) fn on_established(&mut self, timed_out: bool) {
        *self = Self { doublings: 0, syn_timed_out: timed_out };
    }

    /// RTO as it stands, at most `ceiling` (RTO-7).
    pub(crate) fn timeout(&self, rtt: &RttEstimator, bounds: RtoBounds) -> Duration {
        let mut timeout = rtt.timeout(bounds.min);
        if self.syn_timed_out {
            timeout = timeout.max(AFTER_LOST_SYN);
        }
        let factor = 1u32.checked_shl(u32::from(self.doublings)).unwrap_or(u32::MAX);
        timeout.saturating_mul(factor).min(bounds.max)
    }
}

/// Floor and ceiling of the timeout (RTO-6, RTO-7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtoBounds {
    /// The floor (DEC-4).
    pub(crate) min: Duration,
    /// The ceiling.
    pub(crate) max: Duration,
}

/// RFC 6298 §5.7.
const AFTER_LOST_SYN: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: RtoBounds =
        RtoBounds { min: Duration::from_millis(200), max: Duration::from_secs(120) };

    #[test]
    fn rto_15_and_rto_7_the_timeout_doubles_up_to_the_ceiling() {
        let mut backoff = Backoff::default();
        let rtt = RttEstimator::default();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 120, 120] {
            assert_eq!(backoff.timeout(&rtt, BOUNDS), Duration::from_secs(seconds));
            backoff.on_timeout();
        }
        (0..300).for_each(|_| backoff.on_timeout());
        assert_eq!(backoff.timeout(&rtt, BOUNDS), BOUNDS.max);
    }

    #[test]
    fn rto_17_only_a_sample_ends_the_back_off() {
        let mut backoff = Backoff::default();
        backoff.on_timeout();
        backoff.on_sample();
        assert_eq!(backoff.timeout(&RttEstimator::default(), BOUNDS), Duration::from_secs(1));
    }

    #[test]
    fn rto_16_after_a_lost_syn_the_first_timeout_is_three_seconds() {
        let mut backoff = Backoff::default();
        let mut rtt = RttEstimator::default();
        backoff.on_established(true);
        rtt.on_sample(Duration::from_millis(10), 1);
        assert_eq!(backoff.timeout(&rtt, BOUNDS), Duration::from_secs(3));
        backoff.on_sample();
        assert!(backoff.timeout(&rtt, BOUNDS) < Duration::from_secs(1));
    }
}
