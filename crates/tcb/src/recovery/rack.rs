//! Loss by time: what was sent before something that was delivered is lost, once it had the time to
//! be late (RFC 8985 §6).

use core::time::Duration;

use synack_wire::SeqNum;

use super::deliveries::{Deliveries, Transmission};
use super::record::SentRecord;
use crate::Instant;
use crate::time::Span;

/// What RACK remembers of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rack {
    /// RACK.xmit_ts and RACK.end_seq.
    newest: Option<Transmission>,
    /// RACK.rtt.
    rtt: Span,
    /// RACK.fack: the number after the highest delivered.
    fack: SeqNum,
    /// RACK.reordering_seen.
    reordering_seen: bool,
    /// RACK.reo_wnd_mult, at least 1.
    multiplier: u8,
    /// RACK.reo_wnd_persist: recoveries until the multiplier is forgotten.
    persist: u8,
    /// RACK.dsack_round: until this is acknowledged a D-SACK widens the window no further.
    dsack_round: Option<SeqNum>,
}

/// RACK.xmit_ts, RACK.end_seq and RACK.rtt of some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct RackMark {
    newest: Option<Transmission>,
    rtt: Span,
}

/// What the reordering window depends on beside.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowInputs {
    /// Whether fast recovery, or recovery after a timeout, is under way.
    pub(super) in_recovery: bool,
    /// RACK.segs_sacked.
    pub(super) sacked_segments: u32,
    /// RACK.min_RTT.
    pub(super) min_rtt: Option<Duration>,
    pub(super) srtt: Option<Duration>,
}

impl RackMark {
    /// Of a connection that does not go by time.
    pub(super) const NONE: Self = Self { newest: None, rtt: Span::ZERO };
}

impl Rack {
    /// Before anything is sent. `rtt` is that of the handshake.
    pub(super) fn new(iss: SeqNum, rtt: Option<Duration>) -> Self {
        Self {
            newest: None,
            rtt: rtt.map_or(Span::ZERO, Span::from),
            fack: iss,
            reordering_seen: false,
            multiplier: 1,
            persist: 0,
            dsack_round: None,
        }
    }

    /// Takes what an ACK delivered: steps 2 and 3.
    ///
    /// Source: RFC 8985 §6.2 (RACK-5 to RACK-7).
    pub(super) fn on_delivered(&mut self, now: Instant, delivered: &Deliveries) {
        self.reordering_seen |= delivered.is_reordered;
        if let Some(highest) = delivered.highest {
            self.fack = self.fack.max(highest);
        }
        let Some(sending) = delivered.newest else { return };
        self.rtt = now.since(sending.sent_at).into();
        if self.newest.is_none_or(|newest| sending.is_after(newest)) {
            self.newest = Some(sending);
        }
    }

    /// Adapts the multiplier of the window: the first half of step 4. `una` and `nxt` are SND.UNA
    /// and SND.NXT after the ACK.
    ///
    /// Source: RFC 8985 §6.2 (RACK-11).
    pub(super) fn adapt(&mut self, una: SeqNum, nxt: SeqNum, sign: Sign) {
        self.dsack_round = self.dsack_round.filter(|round| una < *round);
        match sign {
            Sign::Duplicate if self.dsack_round.is_none() => {
                self.dsack_round = Some(nxt);
                self.multiplier = self.multiplier.saturating_add(1);
                self.persist = PERSIST;
            }
            Sign::Recovered => {
                self.persist = self.persist.saturating_sub(1);
                if self.persist == 0 {
                    self.multiplier = 1;
                }
            }
            Sign::Duplicate | Sign::None => {}
        }
    }

    /// What was delivered last, to go back to.
    pub(super) fn mark(&self) -> RackMark {
        RackMark { newest: self.newest, rtt: self.rtt }
    }

    /// A timeout proved needless: what was sent again since tells nothing of what was sent before.
    pub(super) fn go_back_to(&mut self, mark: RackMark) {
        let RackMark { newest, rtt } = mark;
        (self.newest, self.rtt) = (newest, rtt);
    }

    /// A recovery proved needless: what it took for lost was late.
    pub(super) fn on_reordering(&mut self) {
        self.reordering_seen = true;
    }

    /// RACK.reo_wnd: how much later than expected a segment may arrive.
    ///
    /// Source: RFC 8985 §6.2 step 4 (RACK-8 to RACK-10, RACK-17).
    pub(super) fn window(&self, inputs: WindowInputs) -> Duration {
        let is_clear = inputs.in_recovery || inputs.sacked_segments >= DUP_THRESH;
        if !self.reordering_seen && is_clear {
            return Duration::ZERO;
        }
        let Some(min_rtt) = inputs.min_rtt else { return Duration::ZERO };
        let window = min_rtt.saturating_mul(u32::from(self.multiplier)) / 4;
        inputs.srtt.map_or(window, |srtt| window.min(srtt))
    }

    /// Whether `record` was sent before the newest that was delivered.
    pub(super) fn is_older(&self, record: &SentRecord) -> bool {
        self.newest.is_some_and(|newest| newest.is_after(Transmission::of(record)))
    }

    /// When `record` is lost if it is not delivered by then, under the reordering window `window`.
    ///
    /// Source: RFC 8985 §6.2 step 5 (RACK-12).
    pub(super) fn lost_at(&self, record: &SentRecord, window: Duration) -> Instant {
        record.sent_at + Duration::from(self.rtt) + window
    }

    /// RACK.reordering_seen.
    pub(super) fn is_reordering_seen(&self) -> bool {
        self.reordering_seen
    }

    /// The number after the highest delivered.
    pub(super) fn fack(&self) -> SeqNum {
        self.fack
    }

    /// Moves along what only looks back from SND.UNA (TRAP-2).
    pub(super) fn keep_up_with(&mut self, una: SeqNum) {
        self.fack = self.fack.max(una);
    }
}

/// What an ACK says about the reordering window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    None,
    /// It carries a D-SACK: something was sent again for nothing.
    Duplicate,
    /// A recovery ended with it.
    Recovered,
}

/// Segments SACKed that mean a loss, as long as no reordering was seen (RFC 8985 §6.2 step 4).
const DUP_THRESH: u32 = 3;
/// RFC 8985 §6.2 step 4.
const PERSIST: u8 = 16;

#[cfg(test)]
mod tests;
