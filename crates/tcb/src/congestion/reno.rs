//! NewReno: slow start and congestion avoidance of RFC 5681.

use alloc::boxed::Box;

use super::{
    AckSample, Beginning, CWND_MAX, CongestionController, CongestionEvent, CongestionFactory,
    CongestionSignal, RestartWindow, initial_window,
};
use crate::Instant;

/// RFC 5681 congestion control. Recovery itself is RFC 6582's, in `recovery/`.
#[derive(Clone, Debug)]
pub struct NewReno {
    cwnd: u32,
    ssthresh: u32,
    mss: u32,
    /// Acknowledged since cwnd last grew in congestion avoidance (CC-4). Units: octets.
    acked: u32,
    restart: RestartWindow,
}

/// Makes [`NewReno`] controllers.
#[derive(Clone, Copy, Debug)]
pub struct NewRenoFactory;

impl CongestionFactory for NewRenoFactory {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        let mut reno = NewReno::new(beginning.mss);
        if let Some(inherited) = beginning.inherited {
            reno.cwnd = inherited.cwnd.clamp(reno.mss, CWND_MAX);
            reno.ssthresh = inherited.ssthresh;
        }
        Box::new(reno)
    }
}

impl NewReno {
    /// What a configuration names to have this controller.
    pub const FACTORY: NewRenoFactory = NewRenoFactory;

    /// A controller at the start of a connection: the initial window, an unbounded threshold
    /// (CC-6).
    pub fn new(mss: u32) -> Self {
        let mss = mss.max(1);
        let cwnd = initial_window(mss);
        Self { cwnd, ssthresh: u32::MAX, mss, acked: 0, restart: RestartWindow::new(cwnd) }
    }

    /// RFC 5681 §3.1: slow start adds at most a segment per ACK, by octets acknowledged and not by
    /// ACKs (CC-3, ABC-1, ABC-2).
    fn slow_start(&mut self, acked_bytes: u32) {
        self.cwnd = self.cwnd.saturating_add(acked_bytes.min(self.mss));
    }

    /// RFC 5681 §3.1: one segment for each cwnd of octets acknowledged (CC-4).
    fn congestion_avoidance(&mut self, acked_bytes: u32) {
        self.acked = self.acked.saturating_add(acked_bytes);
        if self.acked >= self.cwnd {
            self.acked -= self.cwnd;
            self.cwnd = self.cwnd.saturating_add(self.mss);
        }
    }
}

impl CongestionController for NewReno {
    fn name(&self) -> &'static str {
        "reno"
    }

    fn on_ack(&mut self, sample: &AckSample) {
        self.restart.on_acked(sample.acked_bytes);
        if sample.in_recovery || !sample.cwnd_limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.slow_start(sample.acked_bytes);
        } else {
            self.congestion_avoidance(sample.acked_bytes);
        }
        self.cwnd = self.cwnd.min(CWND_MAX);
    }

    /// RFC 5681 §3.1, §3.2: ssthresh is half of FlightSize, at least two segments (CC-8, CC-15);
    /// after a timeout cwnd is the loss window of one segment (CC-10, IW-3).
    fn on_congestion(&mut self, event: &CongestionEvent) {
        let flight_size = event.flight_size;
        self.ssthresh = (flight_size / 2).min(CWND_MAX).max(self.mss.saturating_mul(2));
        self.acked = 0;
        self.restart.on_loss(flight_size);
        self.cwnd = match event.signal {
            CongestionSignal::Loss | CongestionSignal::Ecn => self.ssthresh,
            CongestionSignal::Timeout => self.mss,
        };
    }

    /// RFC 5681 §3.2 (CC-19); after a timeout cwnd grows from one segment instead (CC-10).
    fn on_recovered(&mut self, _now: Instant, signal: CongestionSignal) {
        match signal {
            CongestionSignal::Loss => self.cwnd = self.ssthresh.min(CWND_MAX),
            CongestionSignal::Ecn | CongestionSignal::Timeout => {}
        }
    }

    fn on_restart(&mut self, _now: Instant) {
        self.cwnd = self.restart.restart(self.cwnd, self.mss);
    }

    fn on_mss(&mut self, mss: u32) {
        let mss = mss.max(1);
        if mss < self.mss {
            // CC-21: as many segments as before, of the new size.
            let scaled = u64::from(self.cwnd) * u64::from(mss) / u64::from(self.mss);
            self.cwnd = u32::try_from(scaled).unwrap_or(CWND_MAX).max(mss);
        }
        self.mss = mss;
    }

    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Instant = Instant::from_millis(1);

    fn ack(acked_bytes: u32) -> AckSample {
        AckSample {
            now: NOW,
            acked_bytes,
            sacked_bytes: 0,
            delivered_bytes: acked_bytes,
            lost_bytes: 0,
            in_flight_before: acked_bytes,
            in_flight: 0,
            rtt: None,
            srtt: None,
            min_rtt: None,
            rate: None,
            delivered_total: u64::from(acked_bytes),
            cwnd_limited: true,
            in_recovery: false,
            round_start: false,
        }
    }

    fn congestion(signal: CongestionSignal, flight_size: u32) -> CongestionEvent {
        CongestionEvent { now: NOW, signal, flight_size, in_flight: 0 }
    }

    #[test]
    fn iw_1_the_initial_window_by_segment_size() {
        for (mss, window) in [(536, 5_360), (1_460, 14_600), (2_190, 14_600), (8_960, 17_920)] {
            assert_eq!(NewReno::new(mss).cwnd(), window, "mss {mss}");
        }
    }

    #[test]
    fn cc_3_and_abc_2_slow_start_adds_at_most_one_segment_per_ack() {
        let mut reno = NewReno::new(1_000);
        for (acked, cwnd) in [(1_000, 11_000), (2_000, 12_000), (1, 12_001), (60_000, 13_001)] {
            reno.on_ack(&ack(acked));
            assert_eq!(reno.cwnd(), cwnd);
        }
    }

    #[test]
    fn attack_d6_split_acks_gain_nothing() {
        let (mut honest, mut split) = (NewReno::new(1_000), NewReno::new(1_000));
        honest.on_ack(&ack(1_000));
        (0..100).for_each(|_| split.on_ack(&ack(10)));
        assert_eq!(honest.cwnd(), split.cwnd());
    }

    #[test]
    fn cc_4_congestion_avoidance_adds_one_segment_per_window() {
        let mut reno = NewReno::new(1_000);
        reno.on_congestion(&congestion(CongestionSignal::Loss, 20_000));
        reno.on_recovered(NOW, CongestionSignal::Loss);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (10_000, 10_000));
        (0..9).for_each(|_| reno.on_ack(&ack(1_000)));
        assert_eq!(reno.cwnd(), 10_000);
        reno.on_ack(&ack(1_000));
        assert_eq!(reno.cwnd(), 11_000);
    }

    #[test]
    fn cc_8_cc_10_and_cc_15_thresholds_by_flight_size() {
        for (signal, flight, ssthresh, cwnd) in [
            (CongestionSignal::Loss, 20_000, 10_000, 10_000),
            (CongestionSignal::Loss, 1_000, 2_000, 2_000),
            (CongestionSignal::Timeout, 20_000, 10_000, 1_000),
            (CongestionSignal::Timeout, 0, 2_000, 1_000),
        ] {
            let mut reno = NewReno::new(1_000);
            reno.on_congestion(&congestion(signal, flight));
            assert_eq!((reno.ssthresh(), reno.cwnd()), (ssthresh, cwnd), "{signal:?} {flight}");
        }
    }

    #[test]
    fn cc_22_after_an_idle_time_cwnd_is_at_most_the_restart_window() {
        let mut reno = NewReno::new(1_000);
        (0..50).for_each(|_| reno.on_ack(&ack(1_000)));
        reno.on_restart(NOW);
        assert_eq!(reno.cwnd(), 10_000);
        reno.on_congestion(&congestion(CongestionSignal::Timeout, 5_000));
        reno.on_restart(NOW);
        assert_eq!(reno.cwnd(), 1_000);
    }

    #[test]
    fn cc_23_a_window_that_was_not_the_limit_does_not_grow() {
        let mut reno = NewReno::new(1_000);
        reno.on_ack(&AckSample { cwnd_limited: false, ..ack(5_000) });
        assert_eq!(reno.cwnd(), 10_000);
    }

    proptest! {
        #[test]
        fn cwnd_stays_between_a_segment_and_the_largest_window(
            mss in 1..65_535u32,
            steps in proptest::collection::vec((0..5u8, any::<u32>()), 0..200),
        ) {
            let mut reno = NewReno::new(mss);
            for (step, value) in steps {
                let before = reno.cwnd();
                match step {
                    0 | 1 => {
                        reno.on_ack(&ack(value));
                        prop_assert!(reno.cwnd() >= before && reno.cwnd() - before <= mss);
                    }
                    2 => reno.on_congestion(&congestion(CongestionSignal::Loss, value)),
                    3 => reno.on_congestion(&congestion(CongestionSignal::Timeout, value)),
                    _ => reno.on_restart(NOW),
                }
                if step < 2 {
                    prop_assert!(reno.cwnd() <= CWND_MAX);
                }
                prop_assert!(reno.cwnd() >= mss);
            }
        }
    }
}
