//! Keep-alive: idle time, probes, death (RFC 9293 §3.8.4).

use crate::config::KeepAlive;
use crate::{Instant, State};

/// When the peer was heard last, and the probes sent since.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAliveState {
    pub(super) heard_at: Instant,
    probes: u32,
}

/// What the expiry of the timer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeepAliveAction {
    /// Something was heard, or is outstanding: look again then.
    WaitUntil(Instant),
    /// Probe, and look again then.
    ProbeAndWaitUntil(Instant),
    /// Every probe went unanswered.
    Dead,
}

impl KeepAliveState {
    pub(super) const fn new(now: Instant) -> Self {
        Self { heard_at: now, probes: 0 }
    }

    /// A segment passed the sequence check (KA-6, SM-PRE-5).
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.probes = 0;
    }

    /// Keep-alive is switched on, or gets other times: when to look first. What was heard before
    /// counts, so a peer that was silent for longer is probed at once; probes begin anew.
    pub(super) fn start(&mut self, now: Instant, config: KeepAlive) -> Instant {
        self.probes = 0;
        now.max(self.heard_at + config.idle)
    }

    /// Decides at the expiry of the timer, which is not moved for every segment heard.
    ///
    /// `outstanding` says whether anything sent or written is unacknowledged: then the other timers
    /// find out (KA-7, MUST-26). One unanswered probe proves nothing (MUST-29).
    pub(super) fn on_timeout(
        &mut self,
        now: Instant,
        config: KeepAlive,
        outstanding: bool,
    ) -> KeepAliveAction {
        let due = self.heard_at + config.idle;
        if outstanding {
            self.probes = 0;
            return KeepAliveAction::WaitUntil(now + config.idle);
        }
        if now < due {
            return KeepAliveAction::WaitUntil(due);
        }
        if self.probes >= config.probes_max {
            return KeepAliveAction::Dead;
        }
        self.probes += 1;
        KeepAliveAction::ProbeAndWaitUntil(now + config.interval)
    }
}

/// Whether probes are sent in `state` (KA-9).
pub(super) const fn probes_in(state: State) -> bool {
    matches!(state, State::Established | State::CloseWait | State::FinWait2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn ka_2_to_ka_4_probes_begin_after_two_hours_and_the_tenth_unanswered_is_the_end() {
        let start = Instant::from_millis(1);
        let config = KeepAlive::default();
        let mut state = KeepAliveState::new(start);
        let mut at = start + config.idle;
        for _ in 0..10 {
            let action = state.on_timeout(at, config, false);
            at = at + config.interval;
            assert_eq!(action, KeepAliveAction::ProbeAndWaitUntil(at));
        }
        assert_eq!(at.since(start), Duration::from_secs(7_950));
        assert_eq!(state.on_timeout(at, config, false), KeepAliveAction::Dead);
    }

    #[test]
    fn ka_6_an_answer_starts_the_idle_time_anew() {
        let start = Instant::from_millis(1);
        let config = KeepAlive::default();
        let mut state = KeepAliveState::new(start);
        let probed = start + config.idle;
        state.on_timeout(probed, config, false);
        state.on_heard(probed);
        let action = state.on_timeout(probed + config.interval, config, false);
        assert_eq!(action, KeepAliveAction::WaitUntil(probed + config.idle));
    }

    #[test]
    fn ka_2_the_idle_time_counts_from_what_was_heard_last() {
        let start = Instant::from_millis(1);
        let config = KeepAlive::default();
        let mut state = KeepAliveState::new(start);
        let due = start + config.idle;
        let late = due + config.interval;
        assert_eq!(state.start(start, config), due);
        assert_eq!(state.start(late, config), late);
    }

    #[test]
    fn ka_7_nothing_is_probed_while_something_is_outstanding() {
        let start = Instant::from_millis(1);
        let config = KeepAlive::default();
        let mut state = KeepAliveState::new(start);
        let late = start + config.idle + config.idle;
        assert_eq!(
            state.on_timeout(late, config, true),
            KeepAliveAction::WaitUntil(late + config.idle)
        );
    }
}
