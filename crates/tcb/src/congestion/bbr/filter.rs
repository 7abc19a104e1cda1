//! What BBR remembers of bandwidth, round-trip time and aggregation, and for how long.

use core::time::Duration;

use super::super::{BytesPerSecond, WindowedMax};
use crate::Instant;

/// `BBR.max_bw`: the maximum over the ProbeBW cycle under way and the one before it.
///
/// Source: draft-ietf-ccwg-bbr, "BBR.max_bw Max Filter" (BBR-12).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxBandwidth {
    previous: BytesPerSecond,
    current: BytesPerSecond,
}

impl MaxBandwidth {
    /// The maximum; zero before the first sample.
    pub(super) fn get(self) -> BytesPerSecond {
        self.previous.max(self.current)
    }

    /// Takes a sample; those that the application limited only count if they are higher.
    pub(super) fn update(&mut self, rate: BytesPerSecond, is_app_limited: bool) {
        if rate >= self.get() || !is_app_limited {
            self.current = self.current.max(rate);
        }
    }

    /// `AdvanceMaxBwFilter`: a cycle begins.
    pub(super) fn advance(&mut self) {
        if self.current > BytesPerSecond::ZERO {
            self.previous = core::mem::take(&mut self.current);
        }
    }
}

/// `BBR.min_rtt`, over ten seconds, and the shorter filter that schedules ProbeRTT.
///
/// Source: draft-ietf-ccwg-bbr, "ProbeRTT Logic" (BBR-10, BBR-11).
#[derive(Clone, Copy, Debug)]
pub(super) struct MinRtt {
    rtt: Option<Duration>,
    at: Instant,
    /// `probe_rtt_min_delay`.
    recent: Option<Duration>,
    /// `probe_rtt_min_stamp`.
    recent_at: Instant,
    /// `probe_rtt_expired`: nothing as low was seen for so long that it is time for ProbeRTT.
    pub(super) is_due: bool,
}

impl MinRtt {
    pub(super) fn new(now: Instant, rtt: Option<Duration>) -> Self {
        Self { rtt, at: now, recent: rtt, recent_at: now, is_due: false }
    }

    /// The minimum, if anything was measured.
    pub(super) fn get(&self) -> Option<Duration> {
        self.rtt
    }

    /// `UpdateMinRTT`.
    pub(super) fn update(&mut self, now: Instant, sample: Option<Duration>) {
        self.is_due = now.since(self.recent_at) > PROBE_RTT_INTERVAL;
        if let Some(sample) = sample
            && (self.is_due || self.recent.is_none_or(|recent| sample < recent))
        {
            self.recent = Some(sample);
            self.recent_at = now;
        }
        let is_expired = now.since(self.at) > MIN_RTT_FILTER;
        let is_lower = match (self.recent, self.rtt) {
            (Some(recent), Some(rtt)) => recent < rtt,
            (recent, _) => recent.is_some(),
        };
        if is_lower || is_expired {
            self.rtt = self.recent;
            self.at = self.recent_at;
        }
    }

    /// A ProbeRTT is over: the next one is an interval away.
    pub(super) fn on_probed(&mut self, now: Instant) {
        self.recent_at = now;
    }
}

/// `BBR.extra_acked`: how much more is acknowledged at once than the bandwidth explains.
///
/// Source: draft-ietf-ccwg-bbr, "BBR.extra_acked" (BBR-13).
#[derive(Clone, Copy, Debug)]
pub(super) struct Aggregation {
    /// `extra_acked_interval_start`.
    pub(super) started: Instant,
    /// `extra_acked_delivered`. Units: octets.
    delivered: u64,
    /// By rounds.
    filter: WindowedMax,
}

impl Aggregation {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, delivered: 0, filter: WindowedMax::new(0, 0) }
    }

    /// `UpdateACKAggregation`. `rounds_max` is how many rounds are remembered.
    pub(super) fn update(&mut self, ack: &AggregationInputs, rounds_max: u32) {
        let mut expected = ack.bandwidth.volume_in(ack.now.since(self.started));
        if self.delivered <= expected {
            self.delivered = 0;
            self.started = ack.now;
            expected = 0;
        }
        self.delivered = self.delivered.saturating_add(u64::from(ack.delivered_bytes));
        let extra = self.delivered.saturating_sub(expected).min(u64::from(ack.cwnd));
        self.filter.update(ack.round, u32::try_from(extra).unwrap_or(u32::MAX), rounds_max);
    }

    /// The most of late. Units: octets.
    pub(super) fn get(&self) -> u32 {
        self.filter.get()
    }
}

/// What an ACK tells of aggregation.
#[derive(Clone, Copy, Debug)]
pub(super) struct AggregationInputs {
    pub(super) now: Instant,
    /// `BBR.bw`.
    pub(super) bandwidth: BytesPerSecond,
    pub(super) delivered_bytes: u32,
    pub(super) cwnd: u32,
    /// `BBR.round_count`.
    pub(super) round: u32,
}

/// `MinRTTFilterLen`.
const MIN_RTT_FILTER: Duration = Duration::from_secs(10);
/// `ProbeRTTInterval`; the same in every flow, so that they drain the queue together.
const PROBE_RTT_INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::super::super::testing::NOW;
    use super::*;

    fn rate(rate: u64) -> BytesPerSecond {
        BytesPerSecond::new(rate)
    }

    #[test]
    fn bbr_12_max_bw_spans_two_cycles() {
        let mut max = MaxBandwidth::default();
        max.update(rate(100), false);
        max.update(rate(80), false);
        assert_eq!(max.get(), rate(100));
        max.advance();
        max.update(rate(60), false);
        assert_eq!(max.get(), rate(100), "the cycle before counts");
        max.advance();
        assert_eq!(max.get(), rate(60));
        max.advance();
        assert_eq!(max.get(), rate(60), "a cycle without a sample forgets nothing");
    }

    #[test]
    fn bbr_17_a_sample_that_the_application_limited_counts_if_it_is_higher() {
        let mut max = MaxBandwidth::default();
        max.update(rate(100), false);
        max.advance();
        max.update(rate(90), true);
        max.advance();
        assert_eq!(max.get(), rate(100));
        max.update(rate(110), true);
        assert_eq!(max.get(), rate(110));
    }

    #[test]
    fn bbr_10_and_bbr_11_the_minimum_lasts_ten_seconds_and_probing_is_due_after_five() {
        let at = |millis| NOW + Duration::from_millis(millis);
        let ms = Duration::from_millis;
        let mut min = MinRtt::new(NOW, None);
        for (at_ms, sample_ms, min_ms, is_due) in [
            (0, 50, 50, false),
            (1_000, 40, 40, false),
            (2_000, 60, 40, false),
            (6_000, 60, 40, false),
            // The recent minimum begins anew; the other one stays.
            (6_001, 70, 40, true),
            (6_002, 65, 40, false),
            (11_000, 80, 40, false),
            // What is recent takes over.
            (11_001, 80, 65, false),
            (11_002, 30, 30, false),
        ] {
            min.update(at(at_ms), Some(ms(sample_ms)));
            assert_eq!((min.get(), min.is_due), (Some(ms(min_ms)), is_due), "at {at_ms}");
        }
    }

    #[test]
    fn bbr_13_what_comes_faster_than_the_bandwidth_is_extra() {
        let mut extra = Aggregation::new(NOW);
        let mut ack = |at_ms, delivered_bytes, round| {
            let inputs = AggregationInputs {
                now: NOW + Duration::from_millis(at_ms),
                bandwidth: rate(1_000_000),
                delivered_bytes,
                cwnd: 50_000,
                round,
            };
            extra.update(&inputs, 10);
            extra.get()
        };
        assert_eq!(ack(0, 1_000, 0), 1_000);
        assert_eq!(ack(1, 20_000, 0), 20_000, "1 ms explains 1000 octets, all of the first ACK");
        assert_eq!(ack(2, 5_000, 1), 24_000);
        assert_eq!(ack(3, 90_000, 2), 50_000, "no more than cwnd");
        for round in 3..=12 {
            assert_eq!(ack(200 * u64::from(round), 100, round), 50_000);
        }
        assert_eq!(ack(9_000, 100, 13), 100, "ten rounds later");
    }
}
