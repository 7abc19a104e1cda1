//! Congestion window validation: what cwnd is worth when the application does not use it
//! (RFC 7661).

use core::time::Duration;

use super::{AckSample, WindowedMax};
use crate::Instant;

/// What the network was seen to carry of late, against cwnd.
///
/// RFC 7661 compares pipeACK with cwnd at every ACK. Here a round is judged when it ends, by cwnd
/// as it was when the round began: in slow start cwnd runs ahead of what one round can have
/// acknowledged, and would never be valid half-way through the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validation {
    /// Octets acknowledged in each round of the sampling period; time in milliseconds.
    rounds: WindowedMax,
    /// Whether a round was measured since the last loss (CWV-1).
    is_defined: bool,
    /// Acknowledged in this round. Units: octets.
    acked: u32,
    /// cwnd when this round began. Units: octets.
    cwnd_at_start: u32,
    /// Since when cwnd is not validated, if it is not.
    unvalidated_since: Option<Instant>,
    /// `max(pipeACK, LossFlightSize)` and `R` of the recovery under way, if it began while cwnd was
    /// not validated. Units: octets.
    recovery: Option<(u32, u32)>,
}

/// Whether cwnd may grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Validity {
    /// Half of it or more was used: it may (CWV-4).
    Validated,
    /// It stays as it is (CWV-5).
    Unvalidated,
    /// It was not validated for so long that it is given up in part (CWV-9).
    Expired,
}

impl Validation {
    /// At the start, or after a loss: pipeACK is undefined (CWV-1).
    pub(crate) const fn new(cwnd: u32) -> Self {
        Self {
            rounds: WindowedMax::new(0, 0),
            is_defined: false,
            acked: 0,
            cwnd_at_start: cwnd,
            unvalidated_since: None,
            recovery: None,
        }
    }

    /// Takes an ACK, and says whether `cwnd` may grow.
    ///
    /// Source: RFC 7661 §4.2, §4.3, §4.4 (CWV-1 to CWV-5, CWV-8).
    pub(crate) fn on_ack(&mut self, sample: &AckSample, cwnd: u32) -> Validity {
        if let Some((_, retransmitted)) = &mut self.recovery {
            *retransmitted = retransmitted.saturating_add(sample.lost_bytes);
        }
        if sample.in_recovery {
            // CWV-2.
            return Validity::Unvalidated;
        }
        self.acked = self.acked.saturating_add(sample.acked_bytes);
        if sample.round_start {
            self.end_round(sample, cwnd);
        }
        self.validity(sample.now)
    }

    /// Congestion was met with `flight_size` octets unacknowledged. If cwnd was not validated,
    /// returns what it is to be reduced to (CWV-6).
    pub(crate) fn on_congestion(&mut self, cwnd: u32, flight_size: u32) -> Option<u32> {
        let used = self.rounds.get().max(flight_size);
        let is_unvalidated = self.unvalidated_since.is_some();
        *self = Self::new(cwnd);
        self.recovery = is_unvalidated.then_some((used, 0));
        is_unvalidated.then_some(used / 2)
    }

    /// Recovery is over. If cwnd was not validated when it began, returns what cwnd and ssthresh
    /// are to be (CWV-7).
    pub(crate) fn on_recovered(&mut self) -> Option<u32> {
        let (used, retransmitted) = self.recovery.take()?;
        Some(used.saturating_sub(retransmitted) / 2)
    }

    /// Whether cwnd is validated at `now`.
    pub(crate) fn validity(&mut self, now: Instant) -> Validity {
        let Some(since) = self.unvalidated_since else { return Validity::Validated };
        if now.since(since) < PERIOD_MAX {
            return Validity::Unvalidated;
        }
        self.unvalidated_since = Some(now);
        Validity::Expired
    }

    /// CWV-1, CWV-3 to CWV-5.
    fn end_round(&mut self, sample: &AckSample, cwnd: u32) {
        let period = sample.srtt.unwrap_or_default().saturating_mul(3).max(PERIOD_MIN);
        let period_ms = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
        let now_ms = sample.now.as_millis() as u32;
        if self.is_defined {
            self.rounds.update(now_ms, self.acked, period_ms);
        } else {
            self.rounds = WindowedMax::new(now_ms, self.acked);
            self.is_defined = true;
        }
        if self.rounds.get() >= self.cwnd_at_start / 2 {
            self.unvalidated_since = None;
        } else {
            self.unvalidated_since.get_or_insert(sample.now);
        }
        self.acked = 0;
        self.cwnd_at_start = cwnd;
    }
}

/// RFC 7661 §4.2, §4.5.1 (CWV-3): the shortest sampling period.
const PERIOD_MIN: Duration = Duration::from_secs(1);
/// `NVP`, RFC 7661 §5 (CWV-8).
const PERIOD_MAX: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, ack};
    use super::*;

    const CWND: u32 = 20_000;

    /// A round that acknowledged `acked` octets, and ends `after_ms` after the start of the test.
    fn round(validation: &mut Validation, acked: u32, after_ms: u64) -> Validity {
        let now = NOW + Duration::from_millis(after_ms);
        validation.on_ack(&AckSample { now, round_start: true, ..ack(acked) }, CWND)
    }

    #[test]
    fn cwv_4_and_cwv_5_half_of_cwnd_validates_it() {
        for (acked, validity) in [
            (20_000, Validity::Validated),
            (10_000, Validity::Validated),
            (9_999, Validity::Unvalidated),
            (0, Validity::Unvalidated),
        ] {
            let mut validation = Validation::new(CWND);
            assert_eq!(validation.validity(NOW), Validity::Validated, "cwv_1: undefined");
            assert_eq!(round(&mut validation, acked, 0), validity, "{acked}");
        }
    }

    #[test]
    fn cwv_1_and_cwv_3_the_largest_round_of_a_second_counts() {
        let mut validation = Validation::new(CWND);
        for (after_ms, acked, validity) in [
            (0, 15_000, Validity::Validated),
            (500, 1_000, Validity::Validated),
            (1_000, 1_000, Validity::Validated),
            (1_600, 1_000, Validity::Unvalidated),
            (1_700, 12_000, Validity::Validated),
        ] {
            assert_eq!(round(&mut validation, acked, after_ms), validity, "at {after_ms} ms");
        }
    }

    #[test]
    fn cwv_2_nothing_is_measured_in_recovery() {
        let mut validation = Validation::new(CWND);
        let sample = AckSample { in_recovery: true, round_start: true, ..ack(20_000) };
        validation.on_ack(&sample, CWND);
        assert!(!validation.is_defined);
    }

    #[test]
    fn cwv_6_and_cwv_7_a_loss_goes_by_what_was_used() {
        let mut validation = Validation::new(CWND);
        assert_eq!(validation.on_congestion(CWND, 4_000), None, "validated: as usual");
        assert_eq!(validation.on_recovered(), None);
        for (used, flight_size, at_once, retransmitted, at_end) in
            [(6_000, 4_000, 3_000, 1_000, 2_500), (6_000, 9_000, 4_500, 20_000, 0)]
        {
            let mut validation = Validation::new(CWND);
            round(&mut validation, used, 0);
            assert_eq!(validation.on_congestion(CWND, flight_size), Some(at_once));
            let lost = AckSample { lost_bytes: retransmitted, in_recovery: true, ..ack(0) };
            validation.on_ack(&lost, CWND);
            assert_eq!(validation.on_recovered(), Some(at_end));
            assert_eq!(validation.on_recovered(), None, "once");
        }
    }

    #[test]
    fn cwv_8_after_five_minutes_it_expires() {
        let mut validation = Validation::new(CWND);
        round(&mut validation, 100, 0);
        let after = |millis| NOW + Duration::from_millis(millis);
        assert_eq!(validation.validity(after(299_999)), Validity::Unvalidated);
        assert_eq!(validation.validity(after(300_000)), Validity::Expired);
        assert_eq!(validation.validity(after(300_001)), Validity::Unvalidated, "once a period");
        assert_eq!(validation.validity(after(600_000)), Validity::Expired);
    }
}
