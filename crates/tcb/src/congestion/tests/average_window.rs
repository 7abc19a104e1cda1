//! The window that a controller keeps on the average, if every so manieth packet is lost.
//! By ACKs of one segment each, against the numbers of RFC 9438 §5.1, tables 1 and 2.

use super::super::testing::congestion;
use super::*;

const MSS: u32 = 1_000;

/// A row of a table.
#[derive(Clone, Copy, Debug)]
struct Row {
    rtt_ms: u64,
    /// One packet of so many is lost.
    packets: u32,
    /// In flight on the average.
    segments: u32,
    /// How far from it a controller may be.
    percent: u32,
}

/// Segments in flight on the average over five losses, after twenty that made the window what it
/// is.
fn average(factory: &dyn CongestionFactory, row: Row) -> f64 {
    let rtt = Duration::from_millis(row.rtt_ms);
    let cwnd = row.segments * MSS;
    let inherited =
        Inherited { cwnd, ssthresh: cwnd, srtt: None, min_rtt: None, delivered_total: 0 };
    let start = Beginning { inherited: Some(inherited), ..beginning(MSS) };
    let mut controller = factory.build(&start);
    let (mut now, mut began) = (NOW, NOW);
    for loss in 0..25 {
        if loss == 20 {
            began = now;
        }
        for _ in 0..row.packets {
            // The ACKs of a window are spread over a round trip.
            now = now + rtt * MSS / controller.cwnd();
            controller.on_ack(&AckSample { now, srtt: Some(rtt), ..ack(MSS) });
        }
        let lost = congestion(CongestionSignal::Loss, controller.cwnd());
        controller.on_congestion(&CongestionEvent { now, ..lost });
    }
    let rounds = now.since(began).as_secs_f64() / rtt.as_secs_f64();
    f64::from(5 * row.packets) / rounds
}

#[track_caller]
fn assert_average(factory: &dyn CongestionFactory, row: Row) {
    let average = average(factory, row);
    let off = (average / f64::from(row.segments) - 1.0).abs() * 100.0;
    assert!(off <= f64::from(row.percent), "{row:?}: {average} segments");
}

#[test]
fn cubic_4_cubic_8_cubic_10_the_average_windows_of_rfc_9438() {
    for (rtt_ms, packets, segments, percent) in [
        // The curve.
        (100, 10_000, 187, 2),
        (100, 100_000, 1_054, 2),
        (100, 1_000_000, 5_926, 2),
        // No slower than Reno.
        (10, 10_000, 120, 5),
        (10, 100_000, 379, 5),
        // Both formulas come to nearly the same: at times the one is above, at times the other.
        (100, 100, 12, 17),
        (100, 1_000, 38, 10),
        (10, 1_000, 38, 10),
    ] {
        assert_average(&Cubic::FACTORY, Row { rtt_ms, packets, segments, percent });
    }
}

#[test]
fn cc_4_cc_15_the_average_windows_of_reno() {
    for (packets, segments) in [(100, 12), (1_000, 38), (10_000, 120), (100_000, 379)] {
        assert_average(&NewReno::FACTORY, Row { rtt_ms: 100, packets, segments, percent: 3 });
    }
}
