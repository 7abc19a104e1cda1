//! Every controller under samples and signals of any kind, also such as no network gives.
//! Random streams: cwnd stays in its bounds, and grows by no more than was acknowledged.

mod average_window;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::testing::{NOW, ack, beginning};
use super::*;

/// One thing that a connection tells.
#[derive(Clone, Debug)]
enum Step {
    Sent { bytes: u32, in_flight_before: u32, is_app_limited: bool },
    Ack { acked: u32, sacked: u32, lost: u32, in_flight: u32, measured: Measured, marks: Marks },
    Lost { bytes: u32, tx_in_flight: u32, lost: u32, is_adjacent: bool },
    Congestion { signal: CongestionSignal, flight_size: u32, in_flight: u32 },
    Recovered(CongestionSignal),
    Spurious { signal: CongestionSignal, flight_size: u32, acked_bytes: u32 },
    Restart,
    Mss(u32),
    Wait(Duration),
}

/// What an ACK measured.
#[derive(Clone, Debug)]
struct Measured {
    rtt: Option<Duration>,
    /// Delivered, interval, how long ago in octets, in flight, lost.
    rate: Option<(u32, Duration, u32, u32, u32)>,
}

/// What an ACK is marked with.
#[derive(Clone, Debug)]
struct Marks {
    cwnd_limited: bool,
    in_recovery: bool,
    round_start: bool,
    is_app_limited: bool,
    paced: bool,
}

/// Mostly of a size that occurs, now and then of any.
fn octets() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..100_000u32, 2 => 0..CWND_MAX, 1 => any::<u32>()]
}

fn time() -> impl Strategy<Value = Duration> {
    let nanos = prop_oneof![
        8 => 10_000..1_000_000_000u64,
        2 => 0..60_000_000_000u64,
        1 => any::<u64>(),
    ];
    nanos.prop_map(Duration::from_nanos)
}

fn signal() -> impl Strategy<Value = CongestionSignal> {
    prop_oneof![
        Just(CongestionSignal::Loss),
        Just(CongestionSignal::Ecn),
        Just(CongestionSignal::Timeout),
    ]
}

fn measured() -> impl Strategy<Value = Measured> {
    let rate = (octets(), time(), octets(), octets(), octets());
    let parts = (proptest::option::of(time()), proptest::option::of(rate));
    parts.prop_map(|(rtt, rate)| Measured { rtt, rate })
}

fn marks() -> impl Strategy<Value = Marks> {
    any::<(bool, bool, bool, bool, bool)>().prop_map(|flags| {
        let (cwnd_limited, in_recovery, round_start, is_app_limited, paced) = flags;
        Marks { cwnd_limited, in_recovery, round_start, is_app_limited, paced }
    })
}

fn an_ack() -> impl Strategy<Value = Step> {
    let parts = (octets(), octets(), octets(), octets(), measured(), marks());
    parts.prop_map(|(acked, sacked, lost, in_flight, measured, marks)| Step::Ack {
        acked,
        sacked,
        lost,
        in_flight,
        measured,
        marks,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let sent = (octets(), octets(), any::<bool>());
    let sent = sent.prop_map(|(bytes, in_flight_before, is_app_limited)| Step::Sent {
        bytes,
        in_flight_before,
        is_app_limited,
    });
    let lost = (octets(), octets(), octets(), any::<bool>());
    let lost = lost.prop_map(|(bytes, tx_in_flight, lost, is_adjacent)| Step::Lost {
        bytes,
        tx_in_flight,
        lost,
        is_adjacent,
    });
    let congestion = (signal(), octets(), octets());
    let congestion = congestion.prop_map(|(signal, flight_size, in_flight)| Step::Congestion {
        signal,
        flight_size,
        in_flight,
    });
    let spurious = (signal(), octets(), octets());
    let spurious = spurious.prop_map(|(signal, flight_size, acked_bytes)| Step::Spurious {
        signal,
        flight_size,
        acked_bytes,
    });
    prop_oneof![
        20 => an_ack(),
        8 => time().prop_map(Step::Wait),
        4 => sent,
        2 => lost,
        2 => congestion,
        1 => signal().prop_map(Step::Recovered),
        1 => spurious,
        1 => Just(Step::Restart),
        1 => (1..70_000u32).prop_map(Step::Mss),
    ]
}

/// Every controller, with every choice that it leaves.
fn factories() -> Vec<Box<dyn CongestionFactory>> {
    let mut factories: Vec<Box<dyn CongestionFactory>> = Vec::new();
    factories.push(Box::new(Bbr::FACTORY));
    for (validation, hystart, alternative_backoff) in
        [(false, true, false), (true, true, true), (false, false, true), (true, false, false)]
    {
        let window = WindowOptions { alternative_backoff, validation, hystart };
        factories.push(Box::new(NewRenoFactory { options: window }));
        let options = CubicOptions { window, fast_convergence: hystart };
        factories.push(Box::new(CubicFactory { options }));
    }
    factories
}

/// A controller, and what a connection knows beside it.
struct Run {
    controller: Box<dyn CongestionController>,
    now: Instant,
    mss: u32,
    delivered: u64,
}

impl Run {
    fn apply(&mut self, step: &Step) {
        let now = self.now;
        let controller = &mut self.controller;
        match *step {
            Step::Sent { bytes, in_flight_before, is_app_limited } => {
                controller.on_sent(&SentSample { now, bytes, in_flight_before, is_app_limited });
            }
            Step::Ack { .. } => self.acknowledge(step),
            Step::Lost { bytes, tx_in_flight, lost, is_adjacent } => {
                let is_app_limited = is_adjacent;
                let sample = LostSample { bytes, tx_in_flight, lost, is_app_limited, is_adjacent };
                controller.on_lost(now, &sample);
            }
            Step::Congestion { signal, flight_size, in_flight } => {
                controller.on_congestion(&CongestionEvent { now, signal, flight_size, in_flight });
            }
            Step::Recovered(signal) => controller.on_recovered(now, signal),
            Step::Spurious { signal, flight_size, acked_bytes } => {
                controller.on_spurious(&SpuriousEvent { now, signal, flight_size, acked_bytes });
            }
            Step::Restart => controller.on_restart(now),
            Step::Mss(mss) => {
                self.mss = mss.min(65_535);
                controller.on_mss(mss);
            }
            Step::Wait(time) => self.now = now + time,
        }
    }

    fn acknowledge(&mut self, step: &Step) {
        let Step::Ack { acked, sacked, lost, in_flight, measured, marks } = step.clone() else {
            return;
        };
        let delivered_bytes = acked.saturating_add(sacked);
        self.delivered += u64::from(delivered_bytes);
        let rate = measured.rate.map(|(delivered, interval, ago, tx_in_flight, lost)| RateSample {
            delivered,
            interval,
            delivery_rate: BytesPerSecond::from_volume(u64::from(delivered), interval),
            prior_delivered: self.delivered.saturating_sub(u64::from(ago)),
            tx_in_flight,
            lost,
            is_app_limited: marks.is_app_limited,
        });
        self.controller.on_ack(&AckSample {
            now: self.now,
            sacked_bytes: sacked,
            delivered_bytes,
            lost_bytes: lost,
            in_flight,
            rtt: measured.rtt,
            srtt: measured.rtt,
            min_rtt: measured.rtt,
            rate,
            delivered_total: self.delivered,
            cwnd_limited: marks.cwnd_limited,
            in_recovery: marks.in_recovery,
            round_start: marks.round_start,
            paced: marks.paced,
            ..ack(acked)
        });
    }

    fn check(&self) {
        let name = self.controller.name();
        let (cwnd, ssthresh) = (self.controller.cwnd(), self.controller.ssthresh());
        assert!((self.mss..=CWND_MAX).contains(&cwnd), "{name}: cwnd {cwnd} of {}", self.mss);
        assert!(ssthresh >= self.mss.saturating_mul(2), "{name}: ssthresh {ssthresh}");
        let is_stopped = self.controller.pacing_rate() == Some(BytesPerSecond::ZERO);
        assert!(!is_stopped, "{name}: a rate of nothing");
    }
}

proptest! {
    #[test]
    fn cc_1_cubic_20_bbr_14_windows_stay_in_bounds_and_grow_by_what_was_acknowledged(
        mss in 1..70_000u32,
        steps in proptest::collection::vec(step(), 0..150),
    ) {
        for factory in factories() {
            let controller = factory.build(&beginning(mss));
            let mut run = Run { controller, now: NOW, mss: mss.min(65_535), delivered: 0 };
            let (mut acknowledged, mut grown, mut most) = (0u64, 0u64, 0);
            for step in &steps {
                let before = run.controller.cwnd();
                most = most.max(before);
                run.apply(step);
                run.check();
                if let Step::Ack { acked, sacked, .. } = step {
                    acknowledged += u64::from(*acked) + u64::from(*sacked);
                    // BBR returns from ProbeRTT to what it had, and has four segments (BBR-14).
                    let is_bbr = run.controller.governs_recovery();
                    let from = if is_bbr { most.max(run.mss * 4) } else { before };
                    grown += u64::from(run.controller.cwnd().saturating_sub(from));
                    prop_assert!(grown <= acknowledged, "{} grew", run.controller.name());
                }
            }
        }
    }

    /// CC-23: nothing grows while cwnd is not what limits sending; but BBR, which has its rate.
    #[test]
    fn cc_23_cubic_12_no_window_grows_that_was_not_used(
        acks in proptest::collection::vec(octets(), 1..50),
    ) {
        for factory in factories() {
            let mut controller = factory.build(&beginning(1_000));
            if controller.governs_recovery() {
                continue;
            }
            let before = controller.cwnd();
            for acked in &acks {
                controller.on_ack(&AckSample { cwnd_limited: false, ..ack(*acked) });
            }
            prop_assert!(controller.cwnd() <= before);
        }
    }
}

#[test]
fn cc_10_iw_3_after_a_timeout_every_controller_is_down_to_one_segment() {
    for factory in factories() {
        let mut controller = factory.build(&beginning(1_000));
        controller.on_congestion(&CongestionEvent {
            now: NOW,
            signal: CongestionSignal::Timeout,
            flight_size: 20_000,
            in_flight: 0,
        });
        assert_eq!(controller.cwnd(), 1_000, "{}", controller.name());
    }
}
