//! NewReno by its numbers: slow start, congestion avoidance, reductions, restarts.
//! Single samples and signals, and tables of them.

use core::time::Duration;

use super::super::testing::{NOW, ack, beginning, congestion, spurious};
use super::super::{Inherited, initial_window};
use super::*;

const MSS: u32 = 1_000;

fn reno() -> NewReno {
    NewReno::new(&beginning(MSS), WindowOptions::DEFAULT)
}

/// A connection in its second slow start: cwnd is one segment, ssthresh 20.
fn after_timeout() -> NewReno {
    let mut reno = reno();
    reno.on_congestion(&congestion(CongestionSignal::Timeout, 40_000));
    reno
}

#[test]
fn iw_1_the_initial_window_by_segment_size() {
    for (mss, window) in [(536, 5_360), (1_460, 14_600), (2_190, 14_600), (8_960, 17_920)] {
        assert_eq!(NewReno::new(&beginning(mss), WindowOptions::DEFAULT).cwnd(), window);
        assert_eq!(initial_window(mss), window);
    }
}

#[test]
fn cc_3_and_abc_2_slow_start_adds_at_most_one_segment_per_ack() {
    let options = WindowOptions { hystart: false, ..WindowOptions::DEFAULT };
    let mut reno = NewReno::new(&beginning(MSS), options);
    for (acked, cwnd) in [(1_000, 11_000), (2_000, 12_000), (1, 12_001), (60_000, 13_001)] {
        reno.on_ack(&ack(acked));
        assert_eq!(reno.cwnd(), cwnd);
    }
}

#[test]
fn abc_2_the_first_slow_start_adds_at_most_eight_segments_per_ack() {
    let mut reno = reno();
    for (acked, cwnd) in [(2_000, 12_000), (8_000, 20_000), (60_000, 28_000)] {
        reno.on_ack(&ack(acked));
        assert_eq!(reno.cwnd(), cwnd);
    }
}

#[test]
fn abc_3_after_a_timeout_slow_start_adds_at_most_one_segment_per_ack() {
    let mut reno = after_timeout();
    reno.on_ack(&ack(5_000));
    assert_eq!(reno.cwnd(), 2_000);
}

#[test]
fn attack_d6_split_acks_gain_nothing() {
    let (mut honest, mut split) = (reno(), reno());
    honest.on_ack(&ack(1_000));
    (0..100).for_each(|_| split.on_ack(&ack(10)));
    assert_eq!(honest.cwnd(), split.cwnd());
}

#[test]
fn cc_4_congestion_avoidance_adds_one_segment_per_window() {
    let mut reno = reno();
    reno.on_congestion(&congestion(CongestionSignal::Loss, 20_000));
    reno.on_recovered(NOW, CongestionSignal::Loss);
    assert_eq!((reno.cwnd(), reno.ssthresh()), (10_000, 10_000));
    (0..9).for_each(|_| reno.on_ack(&ack(1_000)));
    assert_eq!(reno.cwnd(), 10_000);
    reno.on_ack(&ack(1_000));
    assert_eq!(reno.cwnd(), 11_000);
}

#[test]
fn cc_8_cc_10_cc_15_and_abe_1_thresholds_by_flight_size() {
    let abe = WindowOptions { alternative_backoff: true, ..WindowOptions::DEFAULT };
    for (options, signal, flight, ssthresh, cwnd) in [
        (WindowOptions::DEFAULT, CongestionSignal::Loss, 20_000, 10_000, 10_000),
        (WindowOptions::DEFAULT, CongestionSignal::Loss, 1_000, 2_000, 2_000),
        (WindowOptions::DEFAULT, CongestionSignal::Timeout, 20_000, 10_000, 1_000),
        (WindowOptions::DEFAULT, CongestionSignal::Timeout, 0, 2_000, 1_000),
        (WindowOptions::DEFAULT, CongestionSignal::Ecn, 20_000, 10_000, 10_000),
        (WindowOptions::DEFAULT, CongestionSignal::Ecn, 2_000, 2_000, 1_000),
        (abe, CongestionSignal::Ecn, 20_000, 16_000, 16_000),
        (abe, CongestionSignal::Ecn, 2_000, 2_000, 1_600),
        (abe, CongestionSignal::Loss, 20_000, 10_000, 10_000),
    ] {
        let mut reno = NewReno::new(&beginning(MSS), options);
        reno.on_congestion(&congestion(signal, flight));
        assert_eq!((reno.ssthresh(), reno.cwnd()), (ssthresh, cwnd), "{signal:?} {flight}");
    }
}

#[test]
fn cc_10_after_a_timeout_recovery_leaves_cwnd_where_it_grew() {
    let mut reno = after_timeout();
    reno.on_ack(&ack(1_000));
    reno.on_recovered(NOW, CongestionSignal::Timeout);
    assert_eq!((reno.cwnd(), reno.ssthresh()), (2_000, 20_000));
}

#[test]
fn cc_21_cwnd_shrinks_with_the_segment_and_never_grows() {
    let mut reno = reno();
    for (mss, cwnd) in [(500, 5_000), (1_000, 5_000), (250, 1_250), (60_000, 60_000)] {
        reno.on_mss(mss);
        assert_eq!(reno.cwnd(), cwnd, "at least one segment of {mss}");
    }
}

#[test]
fn cc_22_after_an_idle_time_cwnd_is_at_most_the_restart_window() {
    let mut reno = reno();
    (0..50).for_each(|_| reno.on_ack(&ack(1_000)));
    reno.on_restart(NOW);
    assert_eq!(reno.cwnd(), 10_000);
    reno.on_congestion(&congestion(CongestionSignal::Timeout, 5_000));
    reno.on_restart(NOW);
    assert_eq!(reno.cwnd(), 1_000);
}

#[test]
fn cc_23_a_window_that_was_not_the_limit_does_not_grow() {
    let mut reno = reno();
    reno.on_ack(&AckSample { cwnd_limited: false, ..ack(5_000) });
    assert_eq!(reno.cwnd(), 10_000);
}

#[test]
fn frto_8_a_spurious_timeout_goes_on_without_a_burst() {
    let mut reno = reno();
    (0..30).for_each(|_| reno.on_ack(&ack(1_000)));
    reno.on_congestion(&congestion(CongestionSignal::Loss, 40_000));
    reno.on_congestion(&congestion(CongestionSignal::Timeout, 18_000));
    let event = SpuriousEvent {
        flight_size: 15_000,
        acked_bytes: 30_000,
        ..spurious(CongestionSignal::Timeout)
    };
    reno.on_spurious(&event);
    // FlightSize and IW; ssthresh as it was, which is more than FlightSize was.
    assert_eq!((reno.cwnd(), reno.ssthresh()), (25_000, 20_000));
    reno.on_spurious(&event);
    assert_eq!(reno.cwnd(), 25_000, "once");
}

#[test]
fn a_spurious_loss_gives_back_the_window_unless_it_came_back_by_itself() {
    let mut reno = reno();
    reno.on_congestion(&congestion(CongestionSignal::Loss, 10_000));
    reno.on_spurious(&spurious(CongestionSignal::Loss));
    assert_eq!((reno.cwnd(), reno.ssthresh()), (10_000, u32::MAX));
    reno.on_congestion(&congestion(CongestionSignal::Loss, 18_000));
    (0..100).for_each(|_| reno.on_ack(&ack(1_000)));
    let grown = reno.cwnd();
    reno.on_spurious(&spurious(CongestionSignal::Loss));
    assert_eq!((reno.cwnd(), reno.ssthresh()), (grown, 9_000));
}

#[test]
fn cwv_5_cwv_6_and_cwv_7_an_unused_window_stays_until_a_loss() {
    let options = WindowOptions { validation: true, ..WindowOptions::DEFAULT };
    let mut reno = NewReno::new(&beginning(MSS), options);
    // One segment in a round, of a window of ten.
    reno.on_ack(&AckSample { round_start: true, cwnd_limited: false, ..ack(1_000) });
    reno.on_ack(&ack(5_000));
    assert_eq!(reno.cwnd(), 10_000, "not even when it limits sending");
    reno.on_restart(NOW);
    assert_eq!(reno.cwnd(), 10_000, "nor does an idle time take from it");
    reno.on_congestion(&congestion(CongestionSignal::Loss, 6_000));
    assert_eq!((reno.cwnd(), reno.ssthresh()), (3_000, 3_000));
    reno.on_ack(&AckSample { lost_bytes: 1_000, in_recovery: true, ..ack(0) });
    reno.on_recovered(NOW, CongestionSignal::Loss);
    assert_eq!((reno.cwnd(), reno.ssthresh()), (2_500, 2_500));
}

#[test]
fn cwv_9_after_five_minutes_half_of_an_unused_window_is_given_up() {
    let options = WindowOptions { validation: true, ..WindowOptions::DEFAULT };
    let mut reno = NewReno::new(&beginning(MSS), options);
    (0..30).for_each(|_| reno.on_ack(&ack(1_000)));
    reno.on_congestion(&congestion(CongestionSignal::Loss, 80_000));
    assert_eq!(reno.cwnd(), 40_000);
    reno.on_ack(&AckSample { round_start: true, ..ack(1_000) });
    reno.on_restart(NOW + Duration::from_mins(5));
    assert_eq!((reno.cwnd(), reno.ssthresh()), (20_000, 40_000));
    for _ in 0..3 {
        reno.on_restart(NOW + Duration::from_mins(60));
    }
    assert_eq!(reno.cwnd(), 10_000, "never below the initial window");
}

#[test]
fn a_controller_that_takes_over_keeps_cwnd_and_ssthresh() {
    let inherited =
        Inherited { cwnd: 33_000, ssthresh: 9_000, srtt: None, min_rtt: None, delivered_total: 0 };
    let start = Beginning { inherited: Some(inherited), ..beginning(MSS) };
    let controller = NewReno::FACTORY.build(&start);
    assert_eq!((controller.cwnd(), controller.ssthresh()), (33_000, 9_000));
    assert_eq!(controller.name(), "reno");
}

#[test]
fn frto_8_the_first_slow_start_goes_on_after_a_spurious_loss() {
    let mut reno = reno();
    reno.on_congestion(&congestion(CongestionSignal::Loss, 10_000));
    reno.on_spurious(&spurious(CongestionSignal::Loss));
    // ABC-2: more than a segment for one ACK, as under HyStart++.
    reno.on_ack(&ack(4_000));
    assert_eq!((reno.cwnd(), reno.ssthresh()), (14_000, u32::MAX));
    // IW-5: and the loss does not count against later restarts.
    reno.on_restart(NOW);
    assert_eq!(reno.cwnd(), 10_000);
}

#[test]
fn frto_8_a_spurious_loss_does_not_undo_what_a_mark_did() {
    let mut reno = reno();
    reno.on_congestion(&congestion(CongestionSignal::Ecn, 10_000));
    let (cwnd, ssthresh) = (reno.cwnd(), reno.ssthresh());
    reno.on_spurious(&spurious(CongestionSignal::Loss));
    assert_eq!((reno.cwnd(), reno.ssthresh()), (cwnd, ssthresh));
}

#[test]
fn hs_1_hs_4_hs_6_hs_8_the_window_round_by_round() {
    let mut reno = reno();
    // The round-trip time of each round, and what each makes of cwnd: double, as 54 ms is no rise
    // (50/8 ms more would be); from the eighth sample of 70 ms on a quarter for each segment, in
    // five rounds; then ssthresh is cwnd.
    for (rtt_ms, cwnd) in [
        (50, 20_000),
        (54, 40_000),
        (70, 7_000 + 40_000 + 33 * 250),
        (70, 55_250 + 55 * 250),
        (70, 69_000 + 69 * 250),
        (80, 86_250 + 86 * 250),
        (75, 107_750 + 107 * 250),
    ] {
        let acks = reno.cwnd() / MSS;
        for index in 0..acks {
            let rtt = Some(Duration::from_millis(rtt_ms));
            reno.on_ack(&AckSample { rtt, round_start: index == 0, ..ack(MSS) });
        }
        assert_eq!((reno.cwnd(), reno.ssthresh()), (cwnd, u32::MAX), "{rtt_ms} ms");
    }
    reno.on_ack(&AckSample { round_start: true, ..ack(MSS) });
    assert_eq!((reno.cwnd(), reno.ssthresh()), (134_500 + 250, 134_750));
    (0..134).for_each(|_| reno.on_ack(&ack(MSS)));
    assert_eq!(reno.cwnd(), 134_750, "congestion avoidance: a segment in a round");
    reno.on_ack(&ack(MSS));
    assert_eq!(reno.cwnd(), 135_750);
}
