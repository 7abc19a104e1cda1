//! Slow start, and its end before the queue of the path overflows: HyStart++ (RFC 9406).
//!
//! The first slow start of a connection knows nothing of the path. It watches the smallest
//! round-trip time of each round; when that rises, it goes on at a quarter of the speed
//! (conservative slow start, CSS) until the rise proves true, or false.

use core::time::Duration;

use super::AckSample;

/// Slow start of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowStart {
    phase: Phase,
    /// `currentRoundMinRTT`. Units: microseconds.
    round_min_us: u32,
    /// `lastRoundMinRTT`. Units: microseconds.
    last_round_min_us: u32,
    /// Round-trip times measured in this round (HS-2).
    samples: u8,
}

/// What kind of slow start the next one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The first one, at full speed.
    Initial,
    /// CSS: the round-trip time rose to `baseline_us` (`cssBaselineMinRtt`); `rounds` of it ended.
    Conservative { baseline_us: u32, rounds: u8 },
    /// A later one, as RFC 5681 has it (HS-10).
    Plain,
}

/// What an ACK in slow start does to cwnd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Growth {
    /// How much cwnd grows. Units: octets.
    pub(crate) bytes: u32,
    /// Whether slow start ends with it: ssthresh becomes cwnd (HS-8).
    pub(crate) ends: bool,
}

impl SlowStart {
    /// The first slow start of a connection.
    pub(crate) const fn initial() -> Self {
        Self {
            phase: Phase::Initial,
            round_min_us: UNKNOWN,
            last_round_min_us: UNKNOWN,
            samples: 0,
        }
    }

    /// One that knows something of the path: that of a connection that was already under way.
    pub(crate) const fn plain() -> Self {
        Self { phase: Phase::Plain, ..Self::initial() }
    }

    /// Congestion was met, or slow start ended: any later one is plain (HS-9, HS-10).
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Plain;
    }

    /// Takes an ACK in slow start under a cwnd that limits sending.
    ///
    /// Source: RFC 9406 §4.2 (HS-1 to HS-8); RFC 5681 §3.1 (CC-3, ABC-2, ABC-3) when plain.
    pub(crate) fn on_ack(&mut self, sample: &AckSample, mss: u32) -> Growth {
        let ends = self.phase != Phase::Plain && self.watch(sample);
        let acked = sample.growth_bytes;
        // HS-11: without pacing a burst is bounded, with it there is none.
        let most = if sample.paced { u32::MAX } else { mss.saturating_mul(SEGMENTS_MAX) };
        let bytes = match self.phase {
            Phase::Plain => acked.min(mss),
            Phase::Initial => acked.min(most),
            Phase::Conservative { .. } => acked.min(most) / CSS_GROWTH_DIVISOR,
        };
        if ends {
            self.end();
        }
        Growth { bytes, ends }
    }

    /// Watches the rounds; returns whether slow start ends.
    fn watch(&mut self, sample: &AckSample) -> bool {
        let ends = sample.round_start && self.start_round();
        if let Some(rtt) = sample.rtt {
            self.round_min_us = self.round_min_us.min(micros(rtt));
            self.samples = self.samples.saturating_add(1);
        }
        if self.samples >= SAMPLES_MIN {
            self.judge_round();
        }
        ends
    }

    /// Source: RFC 9406 §4.2 (HS-1, HS-2); CSS lasts so many rounds (HS-8).
    fn start_round(&mut self) -> bool {
        self.last_round_min_us = self.round_min_us;
        self.round_min_us = UNKNOWN;
        self.samples = 0;
        let Phase::Conservative { rounds, .. } = &mut self.phase else { return false };
        *rounds += 1;
        *rounds >= CSS_ROUNDS
    }

    /// Whether the round-trip time rose (HS-3, HS-4), or had not risen after all (HS-7).
    fn judge_round(&mut self) {
        match self.phase {
            Phase::Initial if self.last_round_min_us != UNKNOWN => {
                let divided = self.last_round_min_us / RTT_DIVISOR;
                let threshold = divided.clamp(THRESHOLD_MIN_US, THRESHOLD_MAX_US);
                if self.round_min_us >= self.last_round_min_us.saturating_add(threshold) {
                    let baseline_us = self.round_min_us;
                    self.phase = Phase::Conservative { baseline_us, rounds: 0 };
                }
            }
            Phase::Conservative { baseline_us, .. } if self.round_min_us < baseline_us => {
                self.phase = Phase::Initial;
            }
            Phase::Initial | Phase::Conservative { .. } | Phase::Plain => {}
        }
    }
}

fn micros(rtt: Duration) -> u32 {
    u32::try_from(rtt.as_micros()).unwrap_or(UNKNOWN - 1)
}

/// No round-trip time was measured: longer than any.
const UNKNOWN: u32 = u32::MAX;

// RFC 9406 §4.3 (HS-11).
/// `MIN_RTT_THRESH`: 4 ms.
const THRESHOLD_MIN_US: u32 = 4_000;
/// `MAX_RTT_THRESH`: 16 ms.
const THRESHOLD_MAX_US: u32 = 16_000;
/// `MIN_RTT_DIVISOR`.
const RTT_DIVISOR: u32 = 8;
/// `N_RTT_SAMPLE`.
const SAMPLES_MIN: u8 = 8;
/// `CSS_GROWTH_DIVISOR`.
const CSS_GROWTH_DIVISOR: u32 = 4;
/// `CSS_ROUNDS`.
const CSS_ROUNDS: u8 = 5;
/// `L`, without pacing.
const SEGMENTS_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;

    const MSS: u32 = 1_000;

    /// A round of `samples` ACKs of one segment each, all of `rtt_us`; returns how much cwnd grows
    /// and whether slow start ended.
    fn round(slow_start: &mut SlowStart, samples: u32, rtt_us: u64) -> (u32, bool) {
        let mut grown = 0;
        let mut ended = false;
        for index in 0..samples {
            let rtt = Some(Duration::from_micros(rtt_us));
            let sample = AckSample { rtt, round_start: index == 0, ..ack(MSS) };
            let growth = slow_start.on_ack(&sample, MSS);
            grown += growth.bytes;
            ended |= growth.ends;
        }
        (grown, ended)
    }

    #[test]
    fn hs_2_to_4_the_rise_that_makes_slow_start_conservative() {
        for (last_us, rise_us, conservative) in [
            (10_000, 3_999, false),
            (10_000, 4_000, true),
            (80_000, 9_999, false),
            (80_000, 10_000, true),
            (400_000, 15_999, false),
            (400_000, 16_000, true),
        ] {
            let mut slow_start = SlowStart::initial();
            assert_eq!(round(&mut slow_start, 10, last_us), (10 * MSS, false));
            let (grown, ended) = round(&mut slow_start, 10, last_us + rise_us);
            // The eighth sample decides; it and the two after it grow a quarter each.
            let expected = if conservative { 7 * MSS + 3 * MSS / 4 } else { 10 * MSS };
            assert_eq!((grown, ended), (expected, false), "{last_us} + {rise_us}");
        }
    }

    #[test]
    fn hs_2_and_hs_3_fewer_than_eight_samples_decide_nothing() {
        let mut slow_start = SlowStart::initial();
        round(&mut slow_start, 7, 10_000);
        assert_eq!(round(&mut slow_start, 7, 90_000), (7 * MSS, false));
        assert_eq!(round(&mut slow_start, 7, 300_000), (7 * MSS, false));
    }

    #[test]
    fn hs_5_and_hs_11_one_ack_adds_at_most_eight_segments_unless_paced() {
        for (case, acked, paced, bytes) in [
            ("less than eight", 5_000, false, 5_000),
            ("eight", 8_000, false, 8_000),
            ("more", 60_000, false, 8_000),
            ("more, paced", 60_000, true, 60_000),
        ] {
            let mut slow_start = SlowStart::initial();
            let growth = slow_start.on_ack(&AckSample { paced, ..ack(acked) }, MSS);
            assert_eq!(growth, Growth { bytes, ends: false }, "{case}");
        }
    }

    #[test]
    fn hs_6_and_hs_8_five_conservative_rounds_and_it_ends() {
        let mut slow_start = SlowStart::initial();
        round(&mut slow_start, 8, 10_000);
        round(&mut slow_start, 8, 20_000);
        for _ in 1..CSS_ROUNDS {
            assert_eq!(round(&mut slow_start, 8, 20_000), (8 * MSS / 4, false));
        }
        // The first ACK of the next round ends it; the others are of a plain slow start.
        let sample = AckSample { round_start: true, ..ack(MSS) };
        assert_eq!(slow_start.on_ack(&sample, MSS), Growth { bytes: MSS / 4, ends: true });
        assert_eq!(slow_start.on_ack(&ack(5 * MSS), MSS), Growth { bytes: MSS, ends: false });
    }

    #[test]
    fn hs_7_a_rise_that_passes_resumes_slow_start() {
        let mut slow_start = SlowStart::initial();
        round(&mut slow_start, 8, 10_000);
        round(&mut slow_start, 8, 20_000);
        // Seven quarters, and the eighth sample shows that the rise was none.
        assert_eq!(round(&mut slow_start, 8, 19_999), (7 * MSS / 4 + MSS, false));
        for _ in 0..10 {
            assert_eq!(round(&mut slow_start, 8, 19_999), (8 * MSS, false));
        }
    }

    #[test]
    fn hs_9_hs_10_and_abc_3_after_congestion_slow_start_is_plain() {
        let mut slow_start = SlowStart::initial();
        round(&mut slow_start, 8, 10_000);
        slow_start.end();
        assert_eq!(slow_start.on_ack(&ack(8 * MSS), MSS), Growth { bytes: MSS, ends: false });
        for _ in 0..10 {
            assert_eq!(round(&mut slow_start, 20, 500_000), (20 * MSS, false));
        }
    }
}
