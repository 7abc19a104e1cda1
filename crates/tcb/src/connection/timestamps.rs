//! Timestamps of one connection: our clock, the echo, when TS.Recent moves (RFC 7323).

use core::time::Duration;

use synack_wire::{SeqNum, Timestamps};

use super::paws::{TsRecent, is_before};
use crate::Instant;

/// The timestamp state of a connection. It means something only if timestamps are in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestampState {
    /// What our clock adds to the caller's milliseconds: a keyed hash of the addresses (TS-14).
    pub(crate) offset: u32,
    /// TS.Recent; zero until the peer's SYN is known.
    pub(crate) recent: TsRecent,
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: SeqNum,
    /// When the connection began: no echo can be older.
    began: Instant,
}

impl TimestampState {
    /// Before anything was received.
    pub(crate) fn new(now: Instant, offset: u32) -> Self {
        let recent = TsRecent { value: 0, taken_at: now };
        Self { offset, recent, last_ack_sent: SeqNum::new(0), began: now }
    }

    /// TSval and TSecr of a segment sent now; TSecr is zero without an ACK.
    ///
    /// Source: RFC 7323 §3.2 (TS-8), §4.3 (TS-11), §5.4 (TS-13).
    pub(crate) fn option(&self, now: Instant, echo: Echo) -> Timestamps {
        let echo = match echo {
            Echo::None => 0,
            Echo::Recent => self.recent.value,
        };
        Timestamps { value: clock(now, self.offset), echo }
    }

    /// Takes the TSval of the peer's SYN (RFC 7323 §5.2, PAWS-7).
    pub(crate) fn on_syn(&mut self, now: Instant, value: u32) {
        self.recent = TsRecent { value, taken_at: now };
    }

    /// Takes the TSval of an acceptable segment whose first number, before any trimming, is `seq`.
    ///
    /// Source: RFC 7323 §4.3 (TS-10), §5.3 R3 (PAWS-4); SM-PAWS-5.
    pub(crate) fn on_accepted(&mut self, now: Instant, value: u32, seq: SeqNum) {
        if !self.recent.rejects(now, value) && seq <= self.last_ack_sent {
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
    fn ts_10_only_segments_at_or_below_the_last_ack_move_the_recent_timestamp() {
        let mut state = state(1_000);
        state.on_accepted(NOW, 1_001, SeqNum::new(0));
        assert_eq!(state.recent.value, 1_000, "above Last.ACK.sent");
        state.on_accepted(NOW, 1_001, SeqNum::new(u32::MAX));
        assert_eq!(state.recent.value, 1_001);
        state.on_accepted(NOW, 900, SeqNum::new(u32::MAX));
        assert_eq!(state.recent.value, 1_001, "older");
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
