//! Timestamps of one connection: our clock, the echo, PAWS (RFC 7323).

use core::time::Duration;

use synack_wire::{SeqNum, Timestamps};

use crate::Instant;

/// The timestamp state of a connection. It means something only if timestamps are in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestampState {
    /// What our clock adds to the caller's milliseconds: a keyed hash of the addresses (TS-14).
    pub(crate) offset: u32,
    /// TS.Recent.
    pub(crate) recent: u32,
    /// When TS.Recent was taken.
    recent_at: Option<Instant>,
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: SeqNum,
    /// When the connection began: no echo can be older.
    began: Instant,
}

impl TimestampState {
    /// Before anything was received.
    pub(crate) fn new(now: Instant, offset: u32) -> Self {
        Self { offset, recent: 0, recent_at: None, last_ack_sent: SeqNum::new(0), began: now }
    }

    /// TSval and TSecr of a segment sent now; TSecr is zero without an ACK.
    ///
    /// Source: RFC 7323 §3.2 (TS-8), §4.3 (TS-11), §5.4 (TS-13).
    pub(crate) fn option(&self, now: Instant, echo: Echo) -> Timestamps {
        let echo = match echo {
            Echo::None => 0,
            Echo::Recent => self.recent,
        };
        Timestamps { value: clock(now, self.offset), echo }
    }

    /// Whether PAWS rejects a segment with this TSval.
    ///
    /// Source: RFC 7323 §5.3 R1 (PAWS-1), §5.5 (PAWS-8).
    pub(crate) fn is_too_old(&self, now: Instant, value: u32) -> bool {
        is_before(value, self.recent) && !self.is_recent_stale(now)
    }

    /// Takes the TSval of the peer's SYN (RFC 7323 §5.2, PAWS-7).
    pub(crate) fn on_syn(&mut self, now: Instant, value: u32) {
        self.recent = value;
        self.recent_at = Some(now);
    }

    /// Takes the TSval of an acceptable segment whose first number, before any trimming, is `seq`.
    ///
    /// Source: RFC 7323 §4.3 (TS-10), §5.3 R3 (PAWS-4); SM-PAWS-5.
    pub(crate) fn on_accepted(&mut self, now: Instant, value: u32, seq: SeqNum) {
        let newer = !is_before(value, self.recent) || self.is_recent_stale(now);
        if newer && seq <= self.last_ack_sent {
            self.on_syn(now, value);
        }
    }

    /// The round-trip time that an echo names; `None` if we cannot have sent it (TS-17).
    pub(crate) fn echoed_rtt(&self, now: Instant, echo: u32) -> Option<Duration> {
        let ticks = self.echo_age(now, echo)?;
        Some(Duration::from_millis(ticks.max(1)))
    }

    /// When the tick of our clock began that an echo names; `None` if we cannot have sent it
    /// (TS-17).
    pub(crate) fn echoed_at(&self, now: Instant, echo: u32) -> Option<Instant> {
        let ticks = self.echo_age(now, echo)?;
        Some(Instant::from_millis(now.as_millis().saturating_sub(ticks)))
    }

    /// How many ticks ago an echo was sent, if it can have been.
    ///
    /// The age of the connection bounds it, and not its first timestamp: half a wrap of the clock
    /// later that would be one of the future.
    fn echo_age(&self, now: Instant, echo: u32) -> Option<u64> {
        let current = clock(now, self.offset);
        let ticks = u64::from(current.wrapping_sub(echo));
        let age = now.as_millis().saturating_sub(self.began.as_millis());
        (!is_before(current, echo) && ticks <= age).then_some(ticks)
    }

    /// RFC 7323 §5.5: a TS.Recent of more than 24 days ago proves nothing.
    fn is_recent_stale(&self, now: Instant) -> bool {
        self.recent_at.is_none_or(|at| now.since(at) > RECENT_LIFETIME)
    }
}

/// What a segment's TSecr is to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Echo {
    /// Nothing: the segment has no ACK.
    None,
    /// TS.Recent.
    Recent,
}

/// Our timestamp clock: one tick a millisecond (TS-13).
pub(crate) fn clock(now: Instant, offset: u32) -> u32 {
    // The clock wraps every 49.7 days, by design.
    (now.as_millis() as u32).wrapping_add(offset)
}

/// Whether timestamp `a` is older than `b`, modulo 2^32 (PAWS-2).
pub(crate) fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

const RECENT_LIFETIME: Duration = Duration::from_secs(24 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(5_000);

    fn state(recent: u32) -> TimestampState {
        let mut state = TimestampState::new(NOW, u32::MAX - 4_500);
        state.on_syn(NOW, recent);
        state.last_ack_sent = SeqNum::new(u32::MAX);
        state
    }

    #[test]
    fn paws_2_timestamps_compare_modulo_the_wrap() {
        let state = state(u32::MAX);
        for (value, too_old) in [(u32::MAX, false), (0, false), (5, false), (u32::MAX - 1, true)] {
            assert_eq!(state.is_too_old(NOW, value), too_old, "{value}");
        }
    }

    #[test]
    fn paws_8_after_24_days_the_recent_timestamp_proves_nothing() {
        let mut state = state(1_000);
        assert!(state.is_too_old(NOW + RECENT_LIFETIME, 999));
        let later = NOW + RECENT_LIFETIME + Duration::from_millis(1);
        assert!(!state.is_too_old(later, 999));
        state.on_accepted(later, 999, SeqNum::new(u32::MAX));
        assert_eq!(state.recent, 999);
    }

    #[test]
    fn ts_10_only_segments_at_or_below_the_last_ack_move_the_recent_timestamp() {
        let mut state = state(1_000);
        state.on_accepted(NOW, 1_001, SeqNum::new(0));
        assert_eq!(state.recent, 1_000, "above Last.ACK.sent");
        state.on_accepted(NOW, 1_001, SeqNum::new(u32::MAX));
        assert_eq!(state.recent, 1_001);
        state.on_accepted(NOW, 900, SeqNum::new(u32::MAX));
        assert_eq!(state.recent, 1_001, "older");
    }

    #[test]
    fn ts_17_an_echo_that_we_cannot_have_sent_times_nothing() {
        let state = state(1);
        let later = NOW + Duration::from_millis(700);
        let sent = clock(NOW, state.offset);
        assert_eq!(state.echoed_rtt(later, sent), Some(Duration::from_millis(700)));
        assert_eq!(state.echoed_rtt(later, sent.wrapping_sub(1)), None, "before the connection");
        assert_eq!(state.echoed_rtt(later, sent.wrapping_add(701)), None, "not sent yet");
    }
}
