//! The round-trip time estimator and the timeout computed from it (RFC 6298 §2).

use core::time::Duration;

/// SRTT and RTTVAR. Units: nanoseconds, so that the small gains of many samples do not vanish.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum RttEstimator {
    /// Nothing was measured yet.
    #[default]
    NoSample,
    /// At least one sample was taken.
    Measured {
        /// SRTT.
        srtt_ns: u64,
        /// RTTVAR.
        rttvar_ns: u64,
    },
}

impl RttEstimator {
    /// Takes a sample. `expected_samples` is how many one round trip gives (RFC 7323 App. G,
    /// TS-15). One that is longer than any timeout is that of a clock which jumped, or of a host
    /// that slept: believed, it would slow down pacing for as long.
    ///
    /// Source: RFC 6298 §2.2, §2.3 (RTO-2, RTO-4); RTTVAR first, with the old SRTT (RTO-5,
    /// TRAP-22).
    pub(crate) fn on_sample(&mut self, sample: Duration, expected_samples: u32) {
        let sample_ns = nanos(sample.min(SAMPLE_MAX));
        let Self::Measured { srtt_ns, rttvar_ns } = self else {
            *self = Self::Measured { srtt_ns: sample_ns, rttvar_ns: sample_ns / 2 };
            return;
        };
        let share = u64::from(expected_samples.max(1));
        let deviation = srtt_ns.abs_diff(sample_ns);
        *rttvar_ns = approach(*rttvar_ns, deviation, 4 * share);
        *srtt_ns = approach(*srtt_ns, sample_ns, 8 * share);
    }

    /// Takes the first sample of what was sent after a needless timeout: the path may have become
    /// slow for good.
    ///
    /// Source: RFC 4015 §3.3 (FRTO-9).
    pub(crate) fn on_sample_after_delay(&mut self, sample: Duration) {
        let sample_ns = nanos(sample.min(SAMPLE_MAX));
        let Self::Measured { srtt_ns, rttvar_ns } = self else {
            self.on_sample(sample, 1);
            return;
        };
        *srtt_ns = srtt_ns.saturating_add(2 * nanos(GRANULARITY)).max(sample_ns);
        *rttvar_ns = (*rttvar_ns).max(sample_ns / 2);
    }

    /// SRTT, if there is one.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        match self {
            Self::NoSample => None,
            Self::Measured { srtt_ns, .. } => Some(Duration::from_nanos(*srtt_ns)),
        }
    }

    /// RTTVAR; zero before the first sample.
    pub(crate) fn rttvar(&self) -> Duration {
        match self {
            Self::NoSample => Duration::ZERO,
            Self::Measured { rttvar_ns, .. } => Duration::from_nanos(*rttvar_ns),
        }
    }

    /// RTO before back-off and ceiling: 1 s without a sample, else `SRTT + max(G, 4 * RTTVAR)`,
    /// at least `floor`; with a floor below 1 s the variance term is at least the floor too.
    ///
    /// Source: RFC 6298 §2.1, §2.3, §2.4 (RTO-1, RTO-3, RTO-6, RTO-10); RTO-22.
    pub(crate) fn timeout(&self, floor: Duration) -> Duration {
        let Self::Measured { srtt_ns, rttvar_ns } = self else { return INITIAL };
        let mut variance = Duration::from_nanos(rttvar_ns.saturating_mul(4)).max(GRANULARITY);
        if floor < INITIAL {
            variance = variance.max(floor);
        }
        Duration::from_nanos(*srtt_ns).saturating_add(variance).max(floor)
    }
}

/// `from` moved by one `parts`-th of its distance to `to`.
fn approach(from: u64, to: u64, parts: u64) -> u64 {
    if to >= from { from + (to - from) / parts } else { from - (from - to) / parts }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// RTO before the first sample (RFC 6298 §2.1, RTO-1).
pub(crate) const INITIAL: Duration = Duration::from_secs(1);
/// The longest time that is believed: what RTO may be bounded by (RFC 6298 §2.5).
const SAMPLE_MAX: Duration = Duration::from_secs(60);
/// G: what the timers of the callers resolve (RTO-10).
pub(super) const GRANULARITY: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: Duration = Duration::from_millis(200);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_clock_that_jumps_is_no_round_trip() {
        let mut rtt = RttEstimator::default();
        rtt.on_sample(Duration::from_hours(24 * 30), 1);
        assert_eq!(rtt.srtt(), Some(SAMPLE_MAX));
        let mut rtt = RttEstimator::default();
        rtt.on_sample(millis(100), 1);
        rtt.on_sample(Duration::MAX, 1);
        assert!(rtt.srtt().unwrap() < Duration::from_secs(8));
        // In so many round trips it is forgotten.
        (0..40).for_each(|_| rtt.on_sample(millis(100), 1));
        assert!(rtt.srtt().unwrap() < millis(150), "{:?}", rtt.srtt());
    }

    #[test]
    fn rto_2_to_5_worked_samples() {
        let mut rtt = RttEstimator::default();
        assert_eq!(rtt.timeout(FLOOR), INITIAL);
        // Sample, then SRTT and RTTVAR as RFC 6298 §2.2 and §2.3 give them.
        for (sample, srtt_us, rttvar_us) in [
            (100, 100_000, 50_000),
            (100, 100_000, 37_500),
            (180, 110_000, 48_125),
            (30, 100_000, 56_093),
        ] {
            rtt.on_sample(millis(sample), 1);
            assert_eq!(rtt.srtt().unwrap().as_micros(), srtt_us, "after {sample} ms");
            assert_eq!(rtt.rttvar().as_micros(), rttvar_us, "after {sample} ms");
        }
    }

    #[test]
    fn frto_9_after_a_needless_timeout_the_larger_of_the_old_and_the_new_counts() {
        for (sample_ms, srtt_us, rttvar_us) in
            [(1_000, 1_000_000, 500_000), (150, 150_000, 75_000), (90, 102_000, 50_000)]
        {
            let mut rtt = RttEstimator::default();
            rtt.on_sample(millis(100), 1);
            rtt.on_sample_after_delay(millis(sample_ms));
            assert_eq!(rtt.srtt().unwrap().as_micros(), srtt_us, "{sample_ms} ms");
            assert_eq!(rtt.rttvar().as_micros(), rttvar_us, "{sample_ms} ms");
        }
    }

    #[test]
    fn rto_22_a_steady_round_trip_leaves_the_floor_as_margin() {
        let mut rtt = RttEstimator::default();
        (0..200).for_each(|_| rtt.on_sample(millis(300), 1));
        assert_eq!(rtt.timeout(FLOOR), millis(500));
        assert_eq!(rtt.timeout(INITIAL), INITIAL, "RFC 6298 as written");
    }

    #[test]
    fn rto_10_the_variance_term_is_never_below_the_granularity() {
        let mut rtt = RttEstimator::default();
        (0..200).for_each(|_| rtt.on_sample(millis(3_000), 1));
        let timeout = rtt.timeout(INITIAL);
        assert!(timeout >= millis(3_001) && timeout < millis(3_002), "{timeout:?}");
    }

    #[test]
    fn ts_15_many_samples_in_a_round_trip_move_the_estimate_as_one_would() {
        let (mut one, mut many) = (RttEstimator::default(), RttEstimator::default());
        one.on_sample(millis(100), 1);
        many.on_sample(millis(100), 1);
        one.on_sample(millis(200), 1);
        (0..50).for_each(|_| many.on_sample(millis(200), 50));
        let distance = one.srtt().unwrap().abs_diff(many.srtt().unwrap());
        assert!(distance < millis(1), "{distance:?}");
    }
}
