//! CUBIC by its numbers: what congestion leaves, and the window over time.
//! ACK by ACK, on a path of constant round trips, against the formula.

use super::super::Inherited;
use super::super::testing::{NOW, ack, beginning, congestion, spurious};
use super::*;

const MSS: u32 = 1_000;

fn cubic() -> Cubic {
    Cubic::new(&beginning(MSS), CubicOptions::DEFAULT)
}

/// One that goes on from a window of `cwnd` octets, in congestion avoidance from the next loss on.
fn inheriting(cwnd: u32) -> Cubic {
    let inherited =
        Inherited { cwnd, ssthresh: cwnd, srtt: None, min_rtt: None, delivered_total: 0 };
    let start = Beginning { inherited: Some(inherited), ..beginning(MSS) };
    Cubic::new(&start, CubicOptions::DEFAULT)
}

/// A path on which every round trip takes the same time, and cwnd is always used up.
struct Path {
    cubic: Cubic,
    now: Instant,
    rtt: Duration,
}

impl Path {
    fn new(cubic: Cubic, rtt: Duration) -> Self {
        Self { cubic, now: NOW, rtt }
    }

    /// The ACKs of one segment each that a cwnd of them draws, spread over a round trip; `check`
    /// sees each.
    fn round(&mut self, mut check: impl FnMut(Instant, &Cubic)) {
        let acks = self.cubic.cwnd().div_ceil(MSS);
        for _ in 0..acks {
            self.now = self.now + self.rtt / acks;
            self.cubic.on_ack(&AckSample { now: self.now, srtt: Some(self.rtt), ..ack(MSS) });
            check(self.now, &self.cubic);
        }
    }

    fn lose(&mut self) {
        let flight_size = self.cubic.cwnd();
        let event =
            CongestionEvent { now: self.now, ..congestion(CongestionSignal::Loss, flight_size) };
        self.cubic.on_congestion(&event);
    }
}

#[test]
fn cubic_2_and_cubic_11_what_congestion_leaves() {
    let abe = WindowOptions { alternative_backoff: true, ..WindowOptions::DEFAULT };
    let abe = CubicOptions { window: abe, ..CubicOptions::DEFAULT };
    for (options, signal, flight, ssthresh, cwnd) in [
        (CubicOptions::DEFAULT, CongestionSignal::Loss, 20_000, 14_000, 14_000),
        (CubicOptions::DEFAULT, CongestionSignal::Loss, 1_000, 2_000, 2_000),
        (CubicOptions::DEFAULT, CongestionSignal::Ecn, 20_000, 14_000, 14_000),
        (CubicOptions::DEFAULT, CongestionSignal::Ecn, 2_000, 2_000, 1_400),
        (CubicOptions::DEFAULT, CongestionSignal::Ecn, 1_000, 2_000, 1_000),
        (CubicOptions::DEFAULT, CongestionSignal::Timeout, 20_000, 14_000, 1_000),
        // abe_2: a mark leaves more than a loss.
        (abe, CongestionSignal::Ecn, 20_000, 17_000, 17_000),
        (abe, CongestionSignal::Loss, 20_000, 14_000, 14_000),
    ] {
        let mut cubic = Cubic::new(&beginning(MSS), options);
        cubic.on_congestion(&congestion(signal, flight));
        assert_eq!((cubic.ssthresh(), cubic.cwnd()), (ssthresh, cwnd), "{signal:?} {flight}");
    }
}

#[test]
fn cubic_11_a_flight_of_all_the_segments_that_cwnd_holds_counts_as_cwnd() {
    for (case, flight, ssthresh) in [
        ("five segments, and no sixth fits", 5_000, 4_130),
        ("cwnd is not what limited it", 4_900, 3_430),
        ("it is more than cwnd", 7_000, 4_900),
    ] {
        let mut cubic = inheriting(5_900);
        cubic.on_congestion(&congestion(CongestionSignal::Loss, flight));
        assert_eq!((cubic.ssthresh(), cubic.cwnd()), (ssthresh, ssthresh), "{case}");
    }
}

#[test]
fn cubic_14_persistent_marks_lead_down_to_one_segment() {
    let mut cubic = cubic();
    for _ in 0..20 {
        let flight_size = cubic.cwnd();
        cubic.on_congestion(&congestion(CongestionSignal::Ecn, flight_size));
    }
    assert_eq!(cubic.cwnd(), MSS);
}

#[test]
fn cubic_21_the_window_follows_the_formula_at_every_ack() {
    for (segments, rtt_ms) in [(1_000u32, 100), (2_000, 50), (200, 200), (5_000, 50)] {
        let rtt = Duration::from_millis(rtt_ms);
        let mut path = Path::new(inheriting(segments * MSS), rtt);
        path.lose();
        // The ACK of slow start that CUBIC-16 gives away.
        path.cubic.on_ack(&AckSample { now: path.now, srtt: Some(rtt), ..ack(MSS) });
        let start = f64::from(path.cubic.cwnd()) / f64::from(MSS);
        let w_max = f64::from(segments);
        let k = ((w_max - start) / 0.4).cbrt();
        let rounds = (2.0 * k / rtt.as_secs_f64()) as u32;
        let began = path.now + rtt / path.cubic.cwnd().div_ceil(MSS);
        // Between ACKs the window lags by what is still to be acknowledged of a round trip.
        let mut checked = 0;
        for round in 0..rounds {
            path.round(|now, cubic| {
                let t = now.since(began).as_secs_f64();
                let window = |t: f64| 0.4 * (t - k).powi(3) + w_max;
                let cwnd = f64::from(cubic.cwnd()) / f64::from(MSS);
                let (low, high) = (window(t), window(t + rtt.as_secs_f64()));
                if round > 0 {
                    assert!(cwnd >= low - 1.0, "{cwnd} < {low} at {t}");
                    assert!(cwnd <= high + 1.0, "{cwnd} > {high} at {t}");
                    checked += 1;
                }
            });
        }
        assert!(checked > 1_000);
    }
}

#[test]
fn cubic_9_and_cubic_10_on_a_short_path_it_is_no_slower_than_reno() {
    let mut path = Path::new(inheriting(10 * MSS), Duration::from_millis(10));
    path.lose();
    // alpha is 9/17 of a segment a round until cwnd is what it was, then a whole one.
    let from = path.cubic.cwnd();
    let mut rounds = 0;
    while path.cubic.cwnd() < 10 * MSS {
        path.round(|_, _| {});
        rounds += 1;
    }
    let expected = (10 * MSS - from) * 17 / 9 / MSS;
    assert!((expected - 2..=expected + 1).contains(&rounds), "{rounds} rounds, not {expected}");
    let before = path.cubic.cwnd();
    (0..10).for_each(|_| path.round(|_, _| {}));
    let grown = path.cubic.cwnd() - before;
    assert!((9 * MSS..=11 * MSS).contains(&grown), "{grown} in ten rounds");
}

#[test]
fn cubic_6_a_round_adds_at_most_half_of_the_window() {
    let mut path = Path::new(inheriting(10 * MSS), Duration::from_secs(20));
    path.lose();
    path.round(|_, _| {});
    for _ in 0..5 {
        let before = path.cubic.cwnd();
        let mut acks = 0;
        path.round(|_, _| acks += 1);
        // Each ACK adds half a segment, and no more, on a path so long.
        assert_eq!(path.cubic.cwnd() - before, acks * MSS / 2);
    }
}

#[test]
fn cubic_8_abc_1_stretched_and_split_acks_do_as_much_as_those_of_single_segments() {
    let grown = |acked: u32, acks: u32| {
        let mut cubic = inheriting(1_000 * MSS);
        cubic.on_congestion(&congestion(CongestionSignal::Loss, 1_000 * MSS));
        cubic.on_ack(&ack(MSS));
        let before = cubic.cwnd();
        let rtt = Duration::from_millis(100);
        for index in 0..acks {
            let now = NOW + rtt * index / acks;
            cubic.on_ack(&AckSample { now, srtt: Some(rtt), ..ack(acked) });
        }
        cubic.cwnd() - before
    };
    let single = grown(MSS, 400);
    assert!(single > 3 * MSS);
    for (acked, acks) in [(4 * MSS, 100), (40 * MSS, 10), (MSS / 4, 1_600)] {
        assert!(grown(acked, acks).abs_diff(single) <= MSS, "{acked} octets in each ACK");
    }
}

#[test]
fn cubic_7_time_without_use_of_the_window_does_not_count() {
    let run = |pause: Option<Duration>, acks_in_pause: u32| {
        let mut path = Path::new(inheriting(100 * MSS), Duration::from_millis(100));
        path.lose();
        (0..10).for_each(|_| path.round(|_, _| {}));
        if let Some(pause) = pause {
            for _ in 0..acks_in_pause {
                path.now = path.now + pause / acks_in_pause;
                let unused = AckSample { now: path.now, cwnd_limited: false, ..ack(MSS) };
                path.cubic.on_ack(&unused);
            }
            if acks_in_pause == 0 {
                path.now = path.now + pause;
            }
            let sent =
                SentSample { now: path.now, bytes: MSS, in_flight_before: 0, is_app_limited: true };
            path.cubic.on_sent(&sent);
        }
        (0..10).for_each(|_| path.round(|_, _| {}));
        path.cubic.cwnd()
    };
    let busy = run(None, 0);
    for (case, acks) in [("idle", 0), ("thin", 30)] {
        let paused = run(Some(Duration::from_secs(30)), acks);
        assert!(paused.abs_diff(busy) <= MSS, "{case}: {paused}, not {busy}");
    }
}

#[test]
fn cubic_13_a_falling_maximum_gives_way_to_newer_flows() {
    for (fast_convergence, w_max) in [(true, 68_000), (false, 80_000)] {
        let options = CubicOptions { fast_convergence, ..CubicOptions::DEFAULT };
        let mut cubic = Cubic { options, ..inheriting(100_000) };
        cubic.on_congestion(&congestion(CongestionSignal::Loss, 100_000));
        assert_eq!(cubic.memory.w_max, 100_000);
        cubic.window.cwnd = 80_000;
        cubic.on_congestion(&congestion(CongestionSignal::Loss, 80_000));
        assert_eq!(cubic.memory.w_max, w_max);
    }
}

#[test]
fn cubic_15_after_a_timeout_the_curve_begins_flat() {
    let rtt = Duration::from_millis(100);
    let mut path = Path::new(inheriting(100 * MSS), rtt);
    path.cubic.on_congestion(&congestion(CongestionSignal::Timeout, 100 * MSS));
    assert_eq!((path.cubic.cwnd(), path.cubic.ssthresh()), (MSS, 70 * MSS));
    let mut at_start = 0;
    while path.cubic.cwnd() <= path.cubic.ssthresh() {
        path.cubic.on_ack(&ack(MSS));
        at_start = path.cubic.cwnd();
    }
    path.round(|_, _| {});
    let stage = path.cubic.memory.stage.expect("congestion avoidance began");
    assert_eq!(stage.curve, Curve::new(at_start, 0, MSS), "K is 0");
}

#[test]
fn cubic_16_and_cubic_17_hystart_ends_slow_start_on_the_plateau() {
    let mut cubic = cubic();
    let mut round_trip = |rtt_ms: u64| {
        for index in 0..10 {
            let rtt = Some(Duration::from_millis(rtt_ms));
            cubic.on_ack(&AckSample { rtt, round_start: index == 0, ..ack(MSS) });
        }
        (cubic.cwnd(), cubic.ssthresh(), cubic.memory.cwnd_prior)
    };
    assert_eq!(round_trip(50), (20_000, u32::MAX, 0));
    for _ in 0..5 {
        round_trip(80);
    }
    let (cwnd, ssthresh, cwnd_prior) = round_trip(80);
    assert!(ssthresh < u32::MAX && ssthresh == cwnd_prior);
    assert!(cwnd > ssthresh && cwnd - ssthresh < 3 * MSS, "congestion avoidance began");
    assert_eq!(cubic.next, Start::OnPlateau);
}

#[test]
fn cubic_18_a_spurious_loss_is_undone() {
    let mut path = Path::new(inheriting(100 * MSS), Duration::from_millis(100));
    path.lose();
    (0..20).for_each(|_| path.round(|_, _| {}));
    let (cwnd, before) = (path.cubic.cwnd(), path.cubic.memory);
    path.lose();
    path.round(|_, _| {});
    path.cubic.on_spurious(&spurious(CongestionSignal::Loss));
    let after = path.cubic.memory;
    assert_eq!(path.cubic.cwnd(), cwnd);
    assert_eq!((after.w_max, after.cwnd_prior), (before.w_max, before.cwnd_prior));
    let (after, before) = (after.stage.unwrap(), before.stage.unwrap());
    assert_eq!((after.curve, after.elapsed_ns), (before.curve, before.elapsed_ns));
    assert_eq!(after.w_est, before.w_est);

    path.lose();
    while path.cubic.cwnd() < cwnd {
        path.round(|_, _| {});
    }
    let grown = path.cubic.cwnd();
    path.cubic.on_spurious(&spurious(CongestionSignal::Loss));
    assert_eq!(path.cubic.cwnd(), grown, "it was too late");
}

#[test]
fn cubic_20_the_controller_is_small() {
    assert!(size_of::<Cubic>() <= 144, "{}", size_of::<Cubic>());
}
