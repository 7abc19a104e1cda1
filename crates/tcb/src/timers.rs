//! The timers of a connection: an enum that indexes an array of deadlines.

use crate::Instant;

/// What a connection may be waiting for.
///
/// Each has one owner that sets it and one arm in `connection/timeout.rs`. Of `Retransmit`,
/// `LossProbe`, `Reorder`, `Persist` and `SendOverride` at most one runs (RFC 8985 §8, RACK-18;
/// ZWP-10). TIME-WAIT is not here: it is the endpoint's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Timer {
    /// Something sent is unacknowledged (RFC 6298).
    Retransmit,
    /// The last of a flight may be lost (RFC 8985 §7).
    LossProbe,
    /// Something may be late, or lost (RFC 8985 §6.2 step 5).
    Reorder,
    /// The peer's window is closed on something to send (RFC 9293 §3.8.6.1).
    Persist,
    /// Text is held back to avoid small segments (RFC 9293 §3.8.6.2.1).
    SendOverride,
    /// An acknowledgment is owed (RFC 9293 §3.8.6.3).
    DelayedAck,
    /// Nothing was heard for long (RFC 9293 §3.8.4).
    KeepAlive,
    /// Something written must be acknowledged by then (RFC 9293 §3.9.1.1).
    UserTimeout,
    /// The peer's FIN is awaited though no reader will come (CLOSE-12).
    FinWait2,
    /// What may leave waits for its turn (PACE-7).
    Pacing,
}

impl Timer {
    /// Every timer, in the order of their discriminants.
    pub const ALL: [Self; 10] = [
        Self::Retransmit,
        Self::LossProbe,
        Self::Reorder,
        Self::Persist,
        Self::SendOverride,
        Self::DelayedAck,
        Self::KeepAlive,
        Self::UserTimeout,
        Self::FinWait2,
        Self::Pacing,
    ];
}

/// When each timer fires, if it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimerTable {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl TimerTable {
    /// Starts `timer`, or moves it.
    pub(crate) fn set(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    /// Stops `timer`; nothing if it does not run.
    pub(crate) fn stop(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    /// Stops every timer.
    pub(crate) fn stop_all(&mut self) {
        self.deadlines = Default::default();
    }

    /// When `timer` fires, if it runs.
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.deadlines[timer as usize]
    }

    /// Whether `timer` runs.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Stops and returns a timer that is due, the first in the order of [`Timer::ALL`].
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let due = |timer: &Timer| self.get(*timer).is_some_and(|deadline| deadline <= now);
        let timer = Timer::ALL.into_iter().find(due)?;
        self.stop(timer);
        Some(timer)
    }

    /// How many timers run.
    pub(crate) fn running(&self) -> usize {
        self.deadlines.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_once_and_no_sooner_than_due() {
        let mut timers = TimerTable::default();
        let at = Instant::from_millis;
        timers.set(Timer::KeepAlive, at(20));
        timers.set(Timer::DelayedAck, at(10));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.take_due(at(9)), None);
        assert_eq!(timers.take_due(at(10)), Some(Timer::DelayedAck));
        assert_eq!(timers.take_due(at(10)), None);
        assert_eq!(timers.next(), Some(at(20)));
        timers.stop_all();
        assert_eq!((timers.next(), timers.running()), (None, 0));
    }

    #[test]
    fn every_timer_has_a_place_of_its_own() {
        for (index, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, index);
        }
    }
}
