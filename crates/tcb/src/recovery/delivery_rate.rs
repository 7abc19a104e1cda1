//! How fast the path delivers: one sample an ACK, over the time from the sending of the newest
//! packet that it reports (draft-ietf-ccwg-bbr, "Delivery Rate Samples").
//!
//! ```text
//!  delivered_at ──▶ sending of P ──▶ ACK of P
//!       └──── what is delivered in between, over the longer one of the times that the
//!             sending and the acknowledging of it took ────┘
//! ```

use synack_wire::SeqNum;

use super::record::SentRecord;
use crate::Instant;
use crate::congestion::{BytesPerSecond, LostSample, RateSample};

/// The counts of a connection. Units: octets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeliveryRate {
    /// `C.delivered`: acknowledged one way or the other since the connection began.
    delivered: u64,
    /// `C.lost`: taken for lost since then, for whatever reason and however rightly.
    lost: u32,
    /// `C.delivered_time`: when something was delivered last; with nothing in flight, when sending
    /// began again.
    delivered_at: Option<Instant>,
    /// `C.first_send_time`: when that was sent that was delivered last; likewise.
    first_sent_at: Option<Instant>,
    /// `C.app_limited`: samples are the application's until more than this is delivered.
    limited_to: Option<u64>,
    /// Where the last range ended that was taken for lost.
    lost_to: Option<SeqNum>,
}

/// How things stood when a packet left. Units: octets; what counts up wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Departure {
    /// `P.delivered_time`.
    delivered_at: Instant,
    /// `P.first_send_time`.
    first_sent_at: Instant,
    /// `P.delivered`.
    delivered: u32,
    /// `P.lost`.
    lost: u32,
    /// `P.tx_in_flight`, the packet included.
    in_flight: u32,
    /// `P.is_app_limited`.
    is_app_limited: bool,
}

impl DeliveryRate {
    /// When the connection begins.
    pub(super) const NONE: Self = Self::resume(0, false);

    /// With nothing in flight all else begins with the next packet that leaves, and where the
    /// application sets the pace, it does until more is delivered.
    pub(super) const fn resume(delivered: u64, is_app_limited: bool) -> Self {
        Self {
            delivered,
            lost: 0,
            delivered_at: None,
            first_sent_at: None,
            limited_to: if is_app_limited { Some(delivered) } else { None },
            lost_to: None,
        }
    }

    /// Octets delivered since the connection began.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether the application, and not the network, sets the pace.
    pub(super) fn is_app_limited(&self) -> bool {
        self.limited_to.is_some()
    }

    /// A packet of `len` octets leaves, beside `in_flight_before` that are on their way
    /// (`OnPacketSent`).
    pub(super) fn on_sent(&mut self, now: Instant, in_flight_before: u32, len: u32) -> Departure {
        if in_flight_before == 0 {
            (self.first_sent_at, self.delivered_at) = (Some(now), Some(now));
        }
        Departure {
            delivered_at: self.delivered_at.unwrap_or(now),
            first_sent_at: self.first_sent_at.unwrap_or(now),
            delivered: low(self.delivered),
            lost: self.lost,
            in_flight: in_flight_before.saturating_add(len),
            is_app_limited: self.is_app_limited(),
        }
    }

    /// What left since `since` left only at `now`.
    pub(super) fn on_stalled(&mut self, now: Instant, since: Instant) {
        (self.first_sent_at, self.delivered_at) =
            began_at(now, since, self.first_sent_at, self.delivered_at);
    }

    /// There was nothing to send, though cwnd would have let it go (`MarkConnectionAppLimited`).
    pub(super) fn on_app_limited(&mut self, in_flight: u32) {
        self.limited_to = Some(self.delivered + u64::from(in_flight));
    }

    /// An ACK delivered `bytes`, and of these `newest` was sent last (`UpdateRateSample`).
    pub(super) fn on_delivered(&mut self, now: Instant, bytes: u32, newest: Option<&SentRecord>) {
        self.delivered += u64::from(bytes);
        if self.limited_to.is_some_and(|to| self.delivered > to) {
            self.limited_to = None;
        }
        if let Some(newest) = newest {
            self.delivered_at = Some(now);
            self.first_sent_at = Some(newest.sent_at);
        }
    }

    /// The sample of the ACK that came at `now`, of which `newest` was sent last
    /// (`GenerateRateSample`). After what it shows to be lost was counted.
    pub(super) fn sample(
        &self,
        now: Instant,
        newest: &SentRecord,
        min_rtt: Option<core::time::Duration>,
    ) -> RateSample {
        let left = &newest.departure;
        let delivered = low(self.delivered).wrapping_sub(left.delivered);
        let send_elapsed = newest.sent_at.since(left.first_sent_at);
        let interval = now.since(left.delivered_at).max(send_elapsed);
        // So short if the ACK was for an earlier sending of what was sent again.
        let is_plausible = !interval.is_zero() && min_rtt.is_none_or(|min| interval >= min);
        let rate = BytesPerSecond::from_volume(u64::from(delivered), interval);
        RateSample {
            delivered,
            interval,
            delivery_rate: if is_plausible { rate } else { BytesPerSecond::ZERO },
            prior_delivered: self.delivered - u64::from(delivered),
            tx_in_flight: left.in_flight,
            lost: self.lost.wrapping_sub(left.lost),
            is_app_limited: left.is_app_limited,
        }
    }

    /// `record` was taken for lost (`HandleLostPacket`).
    pub(super) fn on_lost(&mut self, record: &SentRecord) -> LostSample {
        let bytes = record.range.len();
        self.lost = self.lost.wrapping_add(bytes);
        let before = self.lost_to.replace(record.range.end);
        LostSample {
            bytes,
            tx_in_flight: record.departure.in_flight,
            lost: self.lost.wrapping_sub(record.departure.lost),
            is_app_limited: record.departure.is_app_limited,
            is_adjacent: before == Some(record.range.start),
        }
    }
}

impl Departure {
    /// What left since `since` left only at `now`.
    pub(super) fn on_stalled(&mut self, now: Instant, since: Instant) {
        let (first, delivered) = (Some(self.first_sent_at), Some(self.delivered_at));
        let (first, delivered) = began_at(now, since, first, delivered);
        self.first_sent_at = first.unwrap_or(now);
        self.delivered_at = delivered.unwrap_or(now);
    }
}

/// `first_sent_at` and `delivered_at`, moved to `now` if what left first did so only then. The
/// latter only if it is that time too: what was delivered was delivered.
fn began_at(
    now: Instant,
    since: Instant,
    first_sent_at: Option<Instant>,
    delivered_at: Option<Instant>,
) -> (Option<Instant>, Option<Instant>) {
    if first_sent_at.is_none_or(|at| at < since) {
        return (first_sent_at, delivered_at);
    }
    let began = delivered_at == first_sent_at;
    (Some(now), if began { Some(now) } else { delivered_at })
}

/// Differences are of less than the window of the peer, so the low half is enough.
fn low(count: u64) -> u32 {
    (count & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests;
