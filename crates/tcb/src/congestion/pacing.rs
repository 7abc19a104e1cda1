//! When the next octets may leave: spreads a window over its round trip.

use core::time::Duration;

use super::BytesPerSecond;
use crate::Instant;

/// The schedule of what leaves. It only says when; the connection's timer waits (PACE-7).
///
/// ```text
/// may leave:  ██████            ██████            ██████        a quantum at once, then a pause:
/// schedule:   ┊─────────────────┊─────────────────┊─────────    one wake-up for each
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    /// When what was sent so far has left at the pacing rate, if anything was.
    next_at: Option<Instant>,
}

impl Pacer {
    /// When the next octets may leave, if that is not now: once the quantum that left last is
    /// through. A caller that was told so waits until then.
    pub(crate) fn wait(&self, now: Instant, rate: BytesPerSecond, quantum: u32) -> Option<Instant> {
        let next_at = self.next_at?;
        let burst = rate.time_for(u64::from(quantum)).min(WAIT_MAX);
        (next_at >= now + burst).then_some(next_at)
    }

    /// Records that `bytes` leave at `now`.
    ///
    /// A timer that fires late costs no rate as long as it is late by less than `late_max`: what it
    /// missed leaves with what is due. After that the schedule begins anew, so that a burst is
    /// never more than a quantum and what that time stands for (PACE-3).
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        bytes: u32,
        rate: BytesPerSecond,
        late_max: Duration,
    ) {
        let earliest = now - late_max;
        let from = self.next_at.map_or(now, |next_at| next_at.max(earliest));
        self.next_at = Some(from + rate.time_for(u64::from(bytes)).min(WAIT_MAX));
    }
}

/// How much leaves at once: what a tick of the timer stands for, but two segments at least.
///
/// Units: octets. Source: PACE-3.
pub(crate) fn quantum(rate: BytesPerSecond, mss: u32) -> u32 {
    let tick = u32::try_from(rate.volume_in(TICK)).unwrap_or(u32::MAX);
    tick.min(QUANTUM_MAX).max(mss.saturating_mul(2))
}

/// How late a timer may be without a loss of rate: a tick at least, or a quarter of the round trip
/// up to [`LATE_MAX`].
///
/// A machine that is busy runs timers late by milliseconds, and a controller that goes by the rate
/// delivered takes what is not made up for the rate of the path. Linux makes up for half of the
/// last burst for the same reason.
pub(crate) fn late_max(srtt: Option<Duration>) -> Duration {
    srtt.map_or(TICK, |srtt| (srtt / 4).clamp(TICK, LATE_MAX))
}

/// The rate at which `cwnd` octets take a round trip, times a gain: 2 in slow start, so that the
/// pacing is not what limits its growth, 1.2 later (PACE-1).
pub(crate) fn rate_of_window(cwnd: u32, ssthresh: u32, srtt: Duration) -> BytesPerSecond {
    let rate = BytesPerSecond::from_volume(u64::from(cwnd), srtt);
    if cwnd < ssthresh { rate.scaled(2, 1) } else { rate.scaled(6, 5) }
}

/// What the timers of callers resolve, and so the least that is worth a wake-up (PACE-3).
const TICK: Duration = Duration::from_millis(1);
/// PACE-3: the project's cap.
const QUANTUM_MAX: u32 = 64 << 10;
/// On any path: what a run of the scheduler takes.
const LATE_MAX: Duration = Duration::from_millis(5);
/// No rate, however low, holds a segment back for longer than the greatest RTO by default.
const WAIT_MAX: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::super::testing::NOW;
    use super::*;
    use proptest::prelude::*;

    /// Sends as much as it may whenever it is called, and waits when it is told to.
    struct Sender {
        pacer: Pacer,
        rate: BytesPerSecond,
        quantum: u32,
        timer: Option<Instant>,
    }

    impl Sender {
        fn new(rate: BytesPerSecond, quantum: u32) -> Self {
            Self { pacer: Pacer::default(), rate, quantum, timer: None }
        }

        /// How many packets left.
        fn send(&mut self, now: Instant, packet: u32) -> u64 {
            let mut sent = 0;
            while self.timer.is_none_or(|at| at <= now) {
                self.timer = self.pacer.wait(now, self.rate, self.quantum);
                if self.timer.is_none() {
                    self.pacer.on_sent(now, packet, self.rate, TICK);
                    sent += 1;
                }
            }
            sent
        }
    }

    fn micros(micros: u64) -> Instant {
        NOW + Duration::from_micros(micros)
    }

    #[test]
    fn pace_1_the_rate_by_window_and_round_trip() {
        for (cwnd, ssthresh, rtt_ms, rate) in [
            (10_000, u32::MAX, 100, 200_000),
            (10_000, 10_000, 100, 120_000),
            (10_000, 5_000, 1, 12_000_000),
        ] {
            let rate_of = rate_of_window(cwnd, ssthresh, Duration::from_millis(rtt_ms));
            assert_eq!(rate_of, BytesPerSecond::new(rate));
        }
    }

    #[test]
    fn pace_3_the_quantum_by_rate() {
        for (rate, bytes) in [
            (0, 2_000),
            (1_000_000, 2_000),
            (2_500_000, 2_500),
            (64 << 20, 65_536),
            (u64::MAX, 65_536),
        ] {
            assert_eq!(quantum(BytesPerSecond::new(rate), 1_000), bytes, "{rate}");
        }
        assert_eq!(quantum(BytesPerSecond::MAX, 65_000), 130_000, "two segments, however long");
    }

    #[test]
    fn pace_3_a_late_timer_catches_up_by_a_tick_and_no_more() {
        let mut sender = Sender::new(BytesPerSecond::new(1_000_000), 2_000);
        for (case, at_us, sent) in [
            ("a quantum at once", 0, (2, 2_000)),
            ("nothing early", 1_999, (0, 2_000)),
            ("in time", 2_000, (2, 4_000)),
            ("late by 0.5 ms: that much more would be half a packet", 4_500, (3, 7_000)),
            ("late by 9 ms, of which one counts", 16_000, (3, 18_000)),
        ] {
            let count = sender.send(micros(at_us), 1_000);
            let next_us = sender.timer.map(|at| at.since(NOW).as_micros());
            assert_eq!((count, next_us), (sent.0, Some(sent.1)), "{case}");
        }
    }

    #[test]
    fn pace_3_a_late_timer_costs_no_rate_up_to_a_quarter_of_the_round_trip() {
        for (srtt_ms, late_us) in [
            (None, 1_000),
            (Some(1), 1_000),
            (Some(8), 2_000),
            (Some(20), 5_000),
            (Some(300), 5_000),
        ] {
            let srtt = srtt_ms.map(Duration::from_millis);
            assert_eq!(late_max(srtt), Duration::from_micros(late_us), "{srtt:?}");
        }
        let rate = BytesPerSecond::new(1_000_000);
        let mut pacer = Pacer::default();
        pacer.on_sent(NOW, 2_000, rate, LATE_MAX);
        // Due at 2 ms: late by all of it, and by more.
        for (at_ms, next_ms) in [(7, 4), (20, 17)] {
            pacer.on_sent(NOW + Duration::from_millis(at_ms), 2_000, rate, LATE_MAX);
            assert_eq!(pacer.next_at, Some(NOW + Duration::from_millis(next_ms)));
        }
    }

    proptest! {
        /// However late or often the sender is called, no interval has more than the rate, a
        /// quantum, what a tick missed, and the packet that they end in.
        #[test]
        fn pace_3_no_interval_has_more_than_the_rate_and_a_bounded_burst(
            rate in 10_000..1_000_000_000u64,
            packet in 500..1_500u32,
            gaps in proptest::collection::vec(0..5_000u64, 1..200),
        ) {
            let rate = BytesPerSecond::new(rate);
            let quantum = quantum(rate, 1_000);
            let bound = u64::from(quantum) + rate.volume_in(TICK) + u64::from(packet) + 1;
            let mut sender = Sender::new(rate, quantum);
            let (mut at_us, mut sent) = (0, 0u64);
            for gap in gaps {
                at_us += gap;
                let burst = sender.send(micros(at_us), packet) * u64::from(packet);
                sent += burst;
                prop_assert!(burst <= bound);
                prop_assert!(sent <= rate.volume_in(Duration::from_micros(at_us)) + bound);
            }
        }
    }
}
