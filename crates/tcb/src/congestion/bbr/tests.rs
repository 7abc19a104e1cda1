//! BBR on a path with one narrow place: what it finds out, what it does about it, in which order.
//! Packet by packet in virtual time, without a connection.

mod path;

use alloc::vec::Vec;

use path::{MSS, Path};

use super::super::Inherited;
use super::super::pacing;
use super::super::testing::{NOW, ack, beginning, spurious};
use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// 10 Mbit/s and 40 ms: a BDP of 50 packets, and a queue for `buffer` octets.
fn path(buffer: u32) -> Path {
    Path::new(10, 40, buffer)
}

/// The modes that a path goes through in `duration`, each with the time it began.
fn modes(path: &mut Path, duration: Duration) -> Vec<(u128, &'static str)> {
    let mut modes = Vec::new();
    path.run(duration, |path| {
        let name = match path.bbr.mode {
            Mode::Startup => "startup",
            Mode::Drain { .. } => "drain",
            Mode::ProbeBw(Phase::Down) => "down",
            Mode::ProbeBw(Phase::Cruise) => "cruise",
            Mode::ProbeBw(Phase::Refill) => "refill",
            Mode::ProbeBw(Phase::Up) => "up",
            Mode::ProbeRtt(_) => "probe_rtt",
        };
        if modes.last().is_none_or(|(_, last)| *last != name) {
            modes.push((path.now.since(NOW).as_millis(), name));
        }
    });
    modes
}

#[test]
fn bbr_1_the_states_follow_each_other() {
    let mut path = path(500_000);
    let modes = modes(&mut path, secs(12));
    let names: Vec<_> = modes.iter().map(|(_, name)| *name).collect();
    // The ACK that ends Drain finds no queue, and so ends DOWN too.
    let first = ["startup", "drain", "cruise", "refill", "up", "down", "cruise"];
    assert_eq!(names[..first.len()], first, "{modes:?}");
    assert!(names.contains(&"probe_rtt"));
    for pair in names[2..].windows(2) {
        let allowed = match pair[0] {
            "down" => &["cruise", "refill", "probe_rtt"][..],
            "cruise" => &["refill", "probe_rtt"],
            "refill" => &["up", "probe_rtt"],
            "up" => &["down", "probe_rtt"],
            "probe_rtt" => &["cruise", "down"],
            _ => &[],
        };
        assert!(allowed.contains(&pair[1]), "{pair:?} in {modes:?}");
    }
}

#[test]
fn bbr_2_bbr_5_to_bbr_8_and_bbr_10_gains_by_state() {
    let mut bbr = Bbr::new(&beginning(MSS));
    let until = Probe::Until { at: NOW, round_done: false };
    for (mode, pacing, cwnd) in [
        (Mode::Startup, 277, 200),
        (Mode::Drain { since_round: 0 }, 50, 200),
        (Mode::ProbeBw(Phase::Down), 90, 200),
        (Mode::ProbeBw(Phase::Cruise), 100, 200),
        (Mode::ProbeBw(Phase::Refill), 100, 200),
        (Mode::ProbeBw(Phase::Up), 125, 225),
        (Mode::ProbeRtt(until), 100, 50),
    ] {
        bbr.mode = mode;
        assert_eq!(
            (bbr.pacing_gain().of(100), bbr.cwnd_gain().of(100)),
            (pacing, cwnd),
            "{mode:?}"
        );
    }
}

#[test]
fn bbr_2_startup_doubles_the_rate_in_each_round() {
    let mut path = Path::new(1_000, 40, 50_000_000);
    let mut rates = Vec::new();
    for _ in 0..6 {
        path.run(path.rtt, |_| {});
        rates.push(path.bbr.model.max_bw.get().get());
    }
    assert_eq!(path.bbr.mode, Mode::Startup);
    for pair in rates[1..].windows(2) {
        let grown = pair[1] as f64 / pair[0] as f64;
        assert!((1.6..2.8).contains(&grown), "{rates:?}");
    }
}

#[test]
fn bbr_3_startup_ends_three_rounds_after_the_rate_stopped_growing() {
    let mut path = path(500_000);
    let mut full_at = None;
    let mut left_at = None;
    path.run(secs(3), |path| {
        let rounds = path.bbr.model.rounds.count;
        if path.bbr.model.max_bw.get() >= path.rate.scaled(95, 100) {
            full_at.get_or_insert(rounds);
        }
        if path.bbr.mode != Mode::Startup {
            left_at.get_or_insert(rounds);
        }
    });
    let rounds = left_at.unwrap() - full_at.unwrap();
    assert!((3..=4).contains(&rounds), "{rounds} rounds");
}

#[test]
fn bbr_3_rounds_that_the_application_limits_do_not_count() {
    let mut path = path(500_000);
    for _ in 0..100 {
        path.backlog = 3_000;
        path.run(Duration::from_millis(50), |_| {});
    }
    assert!(!path.bbr.full_pipe.reached);
}

#[test]
fn bbr_4_startup_ends_where_many_packets_are_lost() {
    // The queue holds a fifth of what Startup puts into it.
    let mut path = path(10_000);
    path.run(Duration::from_millis(600), |_| {});
    assert_ne!(path.bbr.mode, Mode::Startup);
    assert!(path.bbr.full_pipe.reached);
    let bound = path.bbr.model.bounds.inflight_longterm;
    assert!((40_000..80_000).contains(&bound), "about what the path holds: {bound}");
}

#[test]
fn bbr_4_without_sack_any_recovery_ends_startup() {
    for (sack, mode) in [(true, Mode::Startup), (false, Mode::Drain { since_round: 0 })] {
        let mut bbr = Bbr::new(&Beginning { sack, ..beginning(MSS) });
        let event = super::super::testing::congestion(CongestionSignal::Loss, 10_000);
        bbr.on_congestion(&event);
        bbr.on_ack(&AckSample { rate: Some(rate_sample()), ..ack(MSS) });
        assert_eq!(matches!(bbr.mode, Mode::Startup), matches!(mode, Mode::Startup), "{sack}");
    }
}

#[test]
fn bbr_5_drain_leaves_no_queue() {
    let mut path = path(500_000);
    while matches!(path.bbr.mode, Mode::Startup | Mode::Drain { .. }) {
        path.run(Duration::from_millis(5), |_| {});
    }
    path.wait_max = Duration::ZERO;
    path.run(path.rtt * 3, |_| {});
    assert!(path.wait_max < path.rtt / 2, "{:?} in the queue", path.wait_max);
}

#[test]
fn bbr_6_to_bbr_8_it_uses_the_path_and_keeps_the_queue_short() {
    for (mbit, rtt_ms) in [(1, 20), (10, 40), (100, 10), (100, 200), (1_000, 2)] {
        let bdp = mbit * 125 * rtt_ms;
        let mut path = Path::new(mbit, rtt_ms, u32::try_from(4 * bdp).unwrap() + 20_000);
        path.run(secs(4), |_| {});
        path.wait_max = Duration::ZERO;
        let used = path.utilization(secs(4));
        assert!(used > 0.9, "{mbit} Mbit/s, {rtt_ms} ms: {used}");
        // In UP at most what cwnd is more than the BDP; on a short path the quanta.
        let queue = path.rate.volume_in(path.wait_max);
        let quanta = 3 * u64::from(quantum_of(&path)) + 10_000;
        assert!(queue <= bdp * 3 / 2 + quanta, "{mbit} Mbit/s, {rtt_ms} ms: {queue} queued");
    }
}

#[test]
fn bbr_7_refill_lasts_a_round() {
    let mut path = path(500_000);
    let modes = modes(&mut path, secs(12));
    for pair in modes.windows(2).filter(|pair| pair[0].1 == "refill" && pair[1].1 == "up") {
        let millis = pair[1].0 - pair[0].0;
        assert!((35..=80).contains(&millis), "{millis} ms in {modes:?}");
    }
}

#[test]
fn bbr_9_probes_are_two_to_three_seconds_apart_at_most() {
    // With a BDP of 50 packets, 50 rounds of 40 ms are 2 s.
    let mut path = path(500_000);
    let modes = modes(&mut path, secs(60));
    // A cycle ends with UP, one round later; a ProbeRTT begins it anew.
    let mut began = None;
    let mut cycles = 0;
    for (at, name) in modes {
        match name {
            "down" => began = Some(at),
            "refill" => {
                let Some(began) = began.take() else { continue };
                assert!((1_900..=3_000).contains(&(at - began)), "{} ms", at - began);
                cycles += 1;
            }
            "probe_rtt" => began = None,
            _ => {}
        }
    }
    assert!(cycles >= 8, "{cycles} cycles without ProbeRTT in a minute");
}

#[test]
fn bbr_9_chance_comes_from_the_seed_alone() {
    let waits = |seed| {
        let mut bbr = Bbr::new(&Beginning { seed, ..beginning(MSS) });
        let mut waits = Vec::new();
        for _ in 0..100 {
            bbr.start_probe_bw_down(NOW, 0);
            waits.push((bbr.cycle.wait, bbr.cycle.rounds_since_up));
        }
        waits
    };
    assert_eq!(waits(7), waits(7));
    assert_ne!(waits(7), waits(8));
    for (wait, rounds) in waits(7) {
        assert!((secs(2)..secs(3)).contains(&wait) && rounds <= 1);
    }
    let sum: Duration = waits(7).iter().map(|(wait, _)| *wait).sum();
    assert!((secs(240)..secs(260)).contains(&sum), "spread evenly: {sum:?}");
}

#[test]
fn bbr_10_every_five_seconds_the_queue_is_drained_for_200_ms() {
    let mut path = path(500_000);
    let modes = modes(&mut path, secs(30));
    let probes: Vec<_> = modes
        .windows(2)
        .filter(|pair| pair[0].1 == "probe_rtt")
        .map(|pair| (pair[0].0, pair[1].0 - pair[0].0))
        .collect();
    assert!((4..=6).contains(&probes.len()), "{probes:?}");
    for (_, length) in &probes {
        assert!((200..400).contains(length), "{length} ms");
    }
    assert_eq!(path.bbr.model.min_rtt.get().unwrap().as_millis(), 40);
}

#[test]
fn bbr_14_and_bbr_16_a_shallow_queue_is_probed_once_and_then_respected() {
    // A quarter of the BDP.
    let mut path = path(12_500);
    path.run(secs(5), |_| {});
    let (lost, delivered) = (path.lost, path.delivered);
    let used = path.utilization(secs(20));
    let share = (path.lost - lost) as f64 / (path.delivered - delivered) as f64;
    assert!(used > 0.8, "{used} of the path used");
    assert!(share < 0.02, "{share} of it lost");
    assert!(path.bbr.model.bounds.inflight_longterm < u32::MAX);
}

#[test]
fn bbr_15_losses_that_are_no_congestion_do_not_stop_it() {
    // One packet in two hundred: CUBIC would have a window of some thirty packets here.
    let mut path = Path::new(100, 100, 5_000_000);
    path.lost_one_in = Some(200);
    path.run(secs(5), |_| {});
    let used = path.utilization(secs(20));
    assert!(used > 0.8, "{used} of the path used");
}

#[test]
fn bbr_12_it_follows_the_path_up_and_down() {
    let mut path = path(200_000);
    path.run(secs(5), |_| {});
    path.rate = BytesPerSecond::new(5_000_000);
    path.run(secs(20), |_| {});
    assert!(path.utilization(secs(5)) > 0.85, "four times as fast");
    path.rate = BytesPerSecond::new(1_250_000);
    path.run(secs(20), |_| {});
    assert!(path.utilization(secs(5)) > 0.85, "as it was");
    let estimate = path.bbr.model.bw();
    assert!(estimate < BytesPerSecond::new(1_500_000), "{estimate:?}");
}

#[test]
fn bbr_19_after_a_timeout_one_segment_and_the_former_window_after_recovery() {
    let mut path = path(500_000);
    path.run(secs(4), |_| {});
    let mut bbr = path.bbr;
    let before = bbr.cwnd();
    let event = CongestionEvent {
        now: path.now,
        signal: CongestionSignal::Timeout,
        flight_size: before,
        in_flight: 3_000,
    };
    bbr.on_congestion(&event);
    assert_eq!(bbr.cwnd(), 4_000);
    bbr.on_recovered(path.now, CongestionSignal::Timeout);
    assert_eq!(bbr.cwnd(), before);
}

#[test]
fn a_spurious_loss_gives_the_model_and_the_probe_back() {
    let mut path = path(500_000);
    path.run(secs(4), |_| {});
    while path.bbr.mode != Mode::ProbeBw(Phase::Up) {
        path.run(Duration::from_millis(10), |_| {});
    }
    let mut bbr = path.bbr;
    let (cwnd, bounds) = (bbr.cwnd(), bbr.model.bounds);
    let lost = LostSample {
        bytes: 10_000,
        tx_in_flight: 50_000,
        lost: 10_000,
        is_app_limited: false,
        is_adjacent: false,
    };
    bbr.on_lost(path.now, &lost);
    assert_eq!(bbr.mode, Mode::ProbeBw(Phase::Down));
    assert!(bbr.model.bounds.inflight_longterm < bounds.inflight_longterm);
    bbr.on_spurious(&spurious(CongestionSignal::Loss));
    assert_eq!(bbr.mode, Mode::ProbeBw(Phase::Refill));
    assert_eq!((bbr.cwnd(), bbr.model.bounds), (cwnd, bounds));
}

#[test]
fn bbr_is_no_larger_than_it_must_be() {
    assert!(size_of::<Bbr>() <= 360, "{}", size_of::<Bbr>());
}

#[test]
fn a_mark_counts_as_congestion() {
    let mut bbr = Bbr::new(&beginning(MSS));
    let event = super::super::testing::congestion(CongestionSignal::Ecn, 10_000);
    bbr.on_congestion(&event);
    assert!(bbr.full_pipe.reached, "it ends Startup");
    assert!(bbr.model.losses.has_loss);
}

#[test]
fn after_an_idle_time_it_goes_on_at_the_rate_of_the_path() {
    let mut path = path(500_000);
    path.run(secs(4), |_| {});
    path.backlog = 0;
    path.run(secs(20), |_| {});
    path.backlog = u64::MAX;
    let used = path.utilization(Duration::from_millis(400));
    assert!(used > 0.8, "{used} in the first ten round trips");
    assert!(!matches!(path.bbr.mode, Mode::ProbeRtt(_)), "the idle time drained the queue");
}

#[test]
fn a_controller_that_takes_over_begins_with_the_window_and_the_round_trip() {
    let srtt = Some(Duration::from_millis(100));
    let inherited =
        Inherited { cwnd: 50_000, ssthresh: 9_000, srtt, min_rtt: srtt, delivered_total: 1 << 40 };
    let start = Beginning { inherited: Some(inherited), ..beginning(MSS) };
    let controller = Bbr::FACTORY.build(&start);
    assert_eq!((controller.name(), controller.cwnd()), ("bbr", 50_000));
    assert_eq!(controller.pacing_rate(), Some(BytesPerSecond::new(1_385_000)));
}

fn quantum_of(path: &Path) -> u32 {
    pacing::quantum(path.bbr.pacing_rate, MSS)
}

fn rate_sample() -> RateSample {
    RateSample {
        delivered: 1_000,
        interval: Duration::from_millis(40),
        delivery_rate: BytesPerSecond::new(25_000),
        prior_delivered: 0,
        tx_in_flight: 10_000,
        lost: 0,
        is_app_limited: false,
    }
}
