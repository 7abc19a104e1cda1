//! Which acknowledgment is owed, and how urgently.

use super::ChallengeLimit;
use crate::Instant;

/// How urgently an acknowledgment is owed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum AckDue {
    /// Nothing is owed.
    #[default]
    None,
    /// By the end of the delayed-ACK timer.
    Delayed,
    /// With the next visit; or, if the caller chooses, with the next word of the application.
    Soon,
    /// With the next visit.
    Now,
}

/// What is owed to the peer. Obligations are recorded on arrival and turned into segments by
/// `output/`; whatever segment leaves settles them, as every segment carries the newest ACK.
#[derive(Clone, Debug)]
pub(crate) struct AckPolicy {
    due: AckDue,
    /// New text since the last ACK. Units: octets.
    unacked: u32,
    /// The largest payload of one segment seen: a full-sized segment of this peer. Units: octets.
    segment_max: u32,
    /// Segments still to be acknowledged at once (DACK-6).
    quick_left: u8,
    /// Whether a read of the application makes what is delayed due at once.
    awaits_read: bool,
    /// Duplicate ACKs owed to a peer that counts them, as SACK is not in use.
    duplicates: u8,
    challenges: ChallengeLimit,
}

impl AckPolicy {
    /// Nothing owed; `quick_acks` segments will be acknowledged at once.
    pub(crate) fn new(quick_acks: u8) -> Self {
        Self {
            due: AckDue::None,
            unacked: 0,
            segment_max: 0,
            quick_left: quick_acks,
            awaits_read: false,
            duplicates: 0,
            challenges: ChallengeLimit::default(),
        }
    }

    /// What is owed.
    pub(crate) fn due(&self) -> AckDue {
        self.due
    }

    /// The largest payload of one segment seen. Units: octets.
    pub(crate) fn segment_max(&self) -> u32 {
        self.segment_max
    }

    /// Records that an acknowledgment is owed for `octets` of new text in order, which came in
    /// `segments` segments.
    ///
    /// Due at once for the second full-sized segment and while the connection is new; otherwise
    /// after the delayed-ACK timer.
    ///
    /// Source: RFC 9293 §3.8.6.3 (SHLD-18, SHLD-19); RFC 5681 §4.2 (DACK-1, DACK-6).
    pub(crate) fn on_text(&mut self, octets: u32, segments: u32) {
        self.segment_max = self.segment_max.max(octets.div_ceil(segments.max(1)));
        self.unacked = self.unacked.saturating_add(octets);
        let quick = self.quick_left > 0;
        let spent = u8::try_from(segments).unwrap_or(u8::MAX);
        self.quick_left = self.quick_left.saturating_sub(spent);
        let full = self.unacked >= self.segment_max.saturating_mul(2);
        self.owe(match (full, quick) {
            (true, _) => AckDue::Now,
            (false, true) => AckDue::Soon,
            (false, false) => AckDue::Delayed,
        });
    }

    /// Records that an acknowledgment of a FIN is owed, which our own FIN may carry.
    ///
    /// Source: RFC 5681 §4.2 (DACK-3); RFC 9293 §3.10.7.4 (SM-FIN-2).
    pub(crate) fn owe_soon(&mut self) {
        self.owe(AckDue::Soon);
    }

    /// What is due soon waits for what the application says, which may carry it; until it reads, at
    /// the latest.
    pub(crate) fn await_read(&mut self) {
        self.due = AckDue::Delayed;
        self.awaits_read = true;
    }

    /// The application has read, or tried to.
    pub(crate) fn on_read(&mut self) {
        if self.awaits_read {
            self.awaits_read = false;
            self.owe(AckDue::Now);
        }
    }

    /// Records that an acknowledgment is owed at once: of a gap, an unacceptable segment, a probe.
    ///
    /// Source: RFC 5681 §4.2 (DACK-3); RFC 9293 §3.10.7.4.
    pub(crate) fn owe_now(&mut self) {
        self.owe(AckDue::Now);
    }

    /// Records a duplicate ACK for a segment out of order. A peer that knows nothing of SACK counts
    /// them (RFC 5681 §3.2), so each is sent; bounded by what a peer can make use of.
    pub(crate) fn owe_duplicate(&mut self, sack: bool) {
        if !sack {
            self.duplicates = self.duplicates.saturating_add(1);
        }
        self.owe(AckDue::Now);
    }

    /// Records that a challenge ACK is owed, unless this connection sent its share. Returns whether
    /// it is owed.
    pub(crate) fn challenge(&mut self, now: Instant) -> bool {
        let allowed = self.challenges.allows(now);
        if allowed {
            self.owe(AckDue::Now);
        }
        allowed
    }

    /// How many challenge ACKs may still leave: what a folded handshake keeps.
    pub(crate) fn challenges(&mut self) -> &mut ChallengeLimit {
        &mut self.challenges
    }

    /// Records that a segment with the newest ACK left.
    pub(crate) fn on_ack_sent(&mut self) {
        self.unacked = 0;
        self.awaits_read = false;
        self.duplicates = self.duplicates.saturating_sub(1);
        self.due = if self.duplicates > 0 { AckDue::Now } else { AckDue::None };
    }

    /// The connection is over: nothing is owed.
    pub(crate) fn clear(&mut self) {
        self.duplicates = 0;
        self.awaits_read = false;
        self.due = AckDue::None;
    }

    fn owe(&mut self, due: AckDue) {
        self.due = self.due.max(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dack_1_the_second_full_sized_segment_is_acknowledged_at_once() {
        let mut acks = AckPolicy::new(0);
        for (case, octets, segments, due) in [
            ("a first full segment waits", 1_448, 1, AckDue::Delayed),
            ("a second does not", 1_448, 1, AckDue::Now),
        ] {
            acks.on_text(octets, segments);
            assert_eq!(acks.due(), due, "{case}");
        }
        acks.on_ack_sent();
        acks.on_text(1_447, 1);
        acks.on_text(1, 1);
        assert_eq!(acks.due(), AckDue::Delayed, "two small ones make up no two full ones");
        acks.on_text(1_448, 1);
        assert_eq!(acks.due(), AckDue::Now);
        acks.on_ack_sent();
        acks.on_text(2_896, 2);
        assert_eq!(acks.due(), AckDue::Now, "a super-segment stands for what it is made of");
    }

    #[test]
    fn dack_6_a_new_connection_acknowledges_at_once() {
        let mut acks = AckPolicy::new(2);
        for due in [AckDue::Soon, AckDue::Soon, AckDue::Delayed] {
            acks.on_text(10, 1);
            assert_eq!(acks.due(), due);
            acks.on_ack_sent();
            assert_eq!(acks.due(), AckDue::None);
        }
    }

    #[test]
    fn duplicates_are_counted_only_for_a_peer_without_sack() {
        let mut acks = AckPolicy::new(0);
        acks.owe_duplicate(true);
        acks.owe_duplicate(true);
        acks.on_ack_sent();
        assert_eq!(acks.due(), AckDue::None);
        acks.owe_duplicate(false);
        acks.owe_duplicate(false);
        acks.on_ack_sent();
        assert_eq!(acks.due(), AckDue::Now);
        acks.on_ack_sent();
        assert_eq!(acks.due(), AckDue::None);
    }
}
