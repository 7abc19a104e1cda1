//! Timers: what is owed has one, they back off, and connections are given up in time: I-8, I-9.

use core::time::Duration;

use synack_tcb::{CloseReason, ConnectionConfig, Instant, Internals, State, Timer};

use super::{Cause, Change, Punctuality};
use crate::violation::{Invariant, Violation, ensure};

/// Since when the peer is silent.
#[derive(Debug)]
pub(super) struct TimerWatch {
    punctuality: Punctuality,
    /// When something was last acknowledged, or became outstanding after nothing was.
    progress_at: Instant,
    /// Likewise, or when a packet of the peer came.
    heard_at: Instant,
    /// When one was last used.
    used_at: Instant,
    /// When `handle_timeout` was last called.
    timeout_at: Option<Instant>,
}

impl TimerWatch {
    pub(super) fn new(now: Instant, punctuality: Punctuality) -> Self {
        Self { punctuality, progress_at: now, heard_at: now, used_at: now, timeout_at: None }
    }

    pub(super) fn on_clock_changed(&mut self) {
        self.punctuality.is_clock_steady = false;
    }

    pub(super) fn judge(
        &mut self,
        change: Change<'_>,
        cause: &Cause<'_>,
        reason: Option<CloseReason>,
    ) -> Result<(), Violation> {
        let Change { now, old, new, .. } = change;
        back_off(change, cause)?;
        if old.state != State::Closed && new.state == State::Closed {
            self.given_up(change, reason)?;
        }
        if new.snd_una != old.snd_una || !is_outstanding(old) {
            self.progress_at = now;
            self.heard_at = now;
        }
        if let Cause::Packet(arrived) = cause {
            self.heard_at = now;
            // A packet that fails the sequence check proves nothing (SM-PRE-5).
            self.used_at = if arrived.used { now } else { self.used_at };
        }
        if matches!(cause, Cause::Timeout) {
            self.timeout_at = Some(now);
            self.in_time(change)?;
        }
        Ok(())
    }

    /// I-8: not given up sooner than the configuration says.
    fn given_up(&self, change: Change<'_>, reason: Option<CloseReason>) -> Result<(), Violation> {
        let Change { now, old, config, .. } = change;
        let is_opening = matches!(old.state, State::SynSent | State::SynReceived);
        let user_timeout = config.user_timeout.unwrap_or(USER_TIMEOUT);
        let least = match reason {
            Some(CloseReason::UserTimeout) => user_timeout,
            Some(CloseReason::TimedOut) if is_opening => config.syn_r2,
            Some(CloseReason::TimedOut) if self.is_peer_dead(now, config) => return Ok(()),
            Some(CloseReason::TimedOut) => config.retransmission_r2.unwrap_or(Duration::MAX),
            Some(_) | None => return Ok(()),
        };
        let waited = now.since(self.progress_at);
        let is_early = self.punctuality.is_clock_steady && waited < least;
        ensure(!is_early, Invariant::Timeouts, || {
            format!("given up ({reason:?}) after {waited:?}, not before {least:?}")
        })
    }

    /// Whether the peer was silent for all probes of keep-alive (RFC 9293 §3.8.4).
    fn is_peer_dead(&self, now: Instant, config: &ConnectionConfig) -> bool {
        let silent = now.since(self.used_at);
        config.keep_alive.is_some_and(|it| silent >= it.interval * it.probes_max)
    }

    /// I-8: given up when the time is over.
    fn in_time(&self, change: Change<'_>) -> Result<(), Violation> {
        let Change { now, new, config, .. } = change;
        if !is_outstanding(new) || new.state == State::Closed || !self.punctuality.is_clock_steady {
            return Ok(());
        }
        let (since, limit) = match config.user_timeout {
            Some(limit) => (self.progress_at, limit),
            // The default does not run while the peer answers (UTO-1).
            None => (self.heard_at, USER_TIMEOUT),
        };
        let waited = now.since(since);
        ensure(waited <= limit + self.punctuality.late_max, Invariant::Timeouts, || {
            format!("not given up after {waited:?}, though the user timeout is {limit:?}")
        })
    }

    /// I-9: what is owed has a timer, and no timer that fired stays due.
    pub(super) fn judge_drained(
        &self,
        now: Instant,
        internals: &Internals,
        is_detached: bool,
    ) -> Result<(), Violation> {
        ensure(!owes_without_timer(internals, is_detached), Invariant::Timers, || {
            format!("something is owed and no timer runs: {internals:?}")
        })?;
        let due = internals.deadlines.iter().flatten().min();
        let stays_due = self.timeout_at == Some(now) && due.is_some_and(|due| *due <= now);
        ensure(!stays_due, Invariant::Timers, || {
            format!("a timer fired at {now:?} and one is due: {internals:?}")
        })
    }
}

fn owes_without_timer(internals: &Internals, is_detached: bool) -> bool {
    let is_set = |timer: Timer| internals.deadlines[timer as usize].is_some();
    match internals.state {
        State::Closed | State::TimeWait => false,
        // The owner of a half-open handshake is its listener.
        State::SynReceived if internals.is_passive => false,
        State::FinWait2 => is_detached && !is_set(Timer::FinWait2),
        State::SynSent
        | State::SynReceived
        | State::Established
        | State::FinWait1
        | State::CloseWait
        | State::Closing
        | State::LastAck => {
            let sending = [
                Timer::Retransmit,
                Timer::LossProbe,
                Timer::Reorder,
                Timer::Persist,
                Timer::SendOverride,
                Timer::Pacing,
            ];
            let is_sending = sending.iter().any(|timer| is_set(*timer));
            is_outstanding(internals) && !(is_sending && is_set(Timer::UserTimeout))
        }
    }
}

/// Whether anything sent or written is unacknowledged.
fn is_outstanding(internals: &Internals) -> bool {
    // An OPEN is, even before its SYN is polled.
    internals.state == State::SynSent
        || internals.snd_una != internals.snd_nxt
        || internals.unsent > 0
        || internals.wants_fin
}

/// I-8: RTO stays in its bounds, and doubles when its timer expires (RFC 6298 §5.5).
fn back_off(change: Change<'_>, cause: &Cause<'_>) -> Result<(), Violation> {
    let Change { old, new, config, .. } = change;
    let (rto, before) = (Duration::from_nanos(new.rto_nanos), Duration::from_nanos(old.rto_nanos));
    let is_bounded = rto >= config.rto_min && rto <= config.rto_max;
    ensure(is_bounded, Invariant::Timeouts, || format!("RTO is {rto:?}"))?;
    let expired = new.counters.timeouts.wrapping_sub(old.counters.timeouts);
    if matches!(cause, Cause::Timeout) && expired == 1 {
        let doubled = (before * 2).min(config.rto_max);
        return ensure(rto == doubled, Invariant::Timeouts, || {
            format!("RTO was {before:?} and is {rto:?} after its timer expired")
        });
    }
    ensure(expired == 0, Invariant::Timeouts, || format!("{expired} timeouts on {cause:?}"))
}

/// RFC 9293 §3.9.1.1 (UTO-1).
const USER_TIMEOUT: Duration = Duration::from_mins(5);
