//! Samples for the tests of controllers: a template, of which a test changes what it is about.

use super::{
    AckSample, Beginning, CongestionEvent, CongestionSignal, SpuriousEvent, initial_window,
};
use crate::Instant;

pub(super) const NOW: Instant = Instant::from_millis(1);

/// An ACK of `acked_bytes` under a cwnd that limited them, with nothing measured.
pub(super) fn ack(acked_bytes: u32) -> AckSample {
    AckSample {
        now: NOW,
        acked_bytes,
        sacked_bytes: 0,
        delivered_bytes: acked_bytes,
        growth_bytes: acked_bytes,
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
        paced: false,
    }
}

/// Congestion met with `flight_size` octets unacknowledged.
pub(super) fn congestion(signal: CongestionSignal, flight_size: u32) -> CongestionEvent {
    CongestionEvent { now: NOW, signal, flight_size, in_flight: flight_size }
}

/// A connection begins, with segments of `mss`.
pub(super) fn beginning(mss: u32) -> Beginning {
    let initial_window = initial_window(mss);
    Beginning { now: NOW, mss, initial_window, sack: true, seed: 1, inherited: None }
}

/// What was taken for `signal` was none, and nothing is in flight.
pub(super) fn spurious(signal: CongestionSignal) -> SpuriousEvent {
    SpuriousEvent { now: NOW, signal, flight_size: 0, acked_bytes: 0 }
}
