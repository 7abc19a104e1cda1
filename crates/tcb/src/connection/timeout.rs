//! What each expired timer means (RFC 9293 §3.10.8), and the timers that no arrival or segment
//! sets.

use core::time::Duration;

use super::keep_alive::{KeepAliveAction, probes_in};
use super::output::Probe;
use super::{Connection, State};
use crate::Instant;
use crate::config::ConnectionConfig;
use crate::congestion::CongestionSignal;
use crate::error::CloseReason;
use crate::event::SoftError;
use crate::timers::Timer;

impl Connection {
    /// Acts on every timer that is due. Early or repeated calls do nothing that a peer or the
    /// application sees; a late one acts once (API-12).
    ///
    /// Also gives back, once the connection is quiet, memory that holds nothing.
    ///
    /// Source: RFC 9293 §3.10.8 (SM-TIMER-1 to SM-TIMER-14).
    pub fn handle_timeout(&mut self, now: Instant) {
        // Each arm sets its timer to a later time or leaves it stopped; the bound is for a time
        // that stands still under a zero interval.
        for _ in 0..2 * Timer::ALL.len() {
            let Some(timer) = self.timers.take_due(now) else { break };
            match timer {
                Timer::Retransmit => self.on_retransmit_timeout(now),
                Timer::LossProbe => self.on_loss_probe_timeout(now),
                Timer::Reorder => self.on_reorder_timeout(now),
                Timer::Persist => self.on_persist_timeout(now),
                // SM-TIMER-7, SWS-5: what fits leaves now.
                Timer::SendOverride => self.hold.override_now(),
                // SM-TIMER-8.
                Timer::DelayedAck => self.acks.owe_now(),
                Timer::KeepAlive => self.on_keep_alive_timeout(now),
                Timer::UserTimeout => self.on_user_timeout(now),
                // SM-TIMER-13, CLOSE-12.
                Timer::FinWait2 => self.end(CloseReason::Finished),
                // PACE-7: what waited leaves with the next poll.
                Timer::Pacing => {}
            }
        }
        self.shrink_if_quiet(now);
    }

    /// What was polled since `since` left only now: our own queue is no round-trip time, and no
    /// reason to retransmit.
    pub fn handle_stall(&mut self, now: Instant, since: Instant) {
        self.recovery.on_stalled(now, since);
        if let Some(handshake) = self.handshake.inside() {
            handshake.syn_sent_at =
                handshake.syn_sent_at.map(|at| if at >= since { now } else { at });
        }
        if !self.snd.is_syn_acked() && self.timers.is_set(Timer::Retransmit) {
            self.timers.set(Timer::Retransmit, now + self.recovery.rto(self.rto_bounds()));
        }
        if self.recovery.is_awaiting_ack() {
            self.restart_loss_timer(now);
        }
    }

    /// Source: SM-TIMER-2 to SM-TIMER-4; RFC 6298 §5.4 to §5.6; RFC 9293 §3.8.3 (MUST-20, SHLD-9).
    fn on_retransmit_timeout(&mut self, now: Instant) {
        if !self.snd.is_syn_acked() {
            self.on_syn_timeout(now);
            return;
        }
        if self.defers_retransmission(now) {
            return;
        }
        self.await_poll();
        if !self.recovery.is_awaiting_ack() {
            return;
        }
        if self.is_given_up(now) {
            self.end(CloseReason::TimedOut);
            return;
        }
        self.tally.rare.timeouts = self.tally.rare.timeouts.wrapping_add(1);
        self.note_app_limited();
        let cwnd = self.cwnd();
        self.note_full_stop();
        let signal = self.recovery.on_timeout(now, self.snd.nxt, cwnd);
        self.tell_newly_lost(now);
        if let Some(flight_size) = signal {
            self.signal_congestion(now, CongestionSignal::Timeout, flight_size);
        }
        self.doubt_path_mtu(now);
        self.due.retransmit = true;
        self.report_r1();
    }

    /// The SYN, or SYN-ACK, went unanswered (SM-TIMER-2, SM-TIMER-3; MUST-22, MUST-23, OPEN-14).
    fn on_syn_timeout(&mut self, now: Instant) {
        if self.handshake_age(now) >= self.config.syn_r2 {
            self.end(CloseReason::TimedOut);
            return;
        }
        self.tally.rare.timeouts = self.tally.rare.timeouts.wrapping_add(1);
        self.recovery.on_syn_timeout();
        self.handshake.timed_out = true;
        self.due.syn = true;
        self.report_r1();
    }

    /// R1: the application learns that the same segment was sent again so often.
    fn report_r1(&mut self) {
        if self.recovery.timeouts() == self.config.retransmissions_r1 {
            self.report(SoftError::ExcessiveRetransmission);
        }
    }

    /// Whether R2 has passed since the peer last answered (MUST-20, ZWP-4, ZWP-12).
    fn is_given_up(&self, now: Instant) -> bool {
        let unanswered = now.since(self.waiting.answered_at);
        self.config.retransmission_r2.is_some_and(|r2| unanswered >= r2)
    }

    /// Source: RFC 9293 §3.8.6.1 (SM-TIMER-6, SHLD-29, SHLD-30, ZWP-1, ZWP-4).
    fn on_persist_timeout(&mut self, now: Instant) {
        if self.is_given_up(now) {
            self.end(CloseReason::TimedOut);
            return;
        }
        self.note_app_limited();
        self.due.probe = Some(Probe::Window);
        self.waiting.probes = self.waiting.probes.saturating_add(1);
    }

    /// How long until the next zero-window probe: one RTO, doubled for each before it up to a cap,
    /// and never less than one RTO (SHLD-29, ZWP-1, ZWP-2).
    pub(super) fn persist_interval(&self) -> Duration {
        let factor = 1u32.checked_shl(u32::from(self.waiting.probes)).unwrap_or(u32::MAX);
        let rto = self.recovery.base_rto(self.rto_bounds());
        rto.saturating_mul(factor).min(self.config.persist_max.max(rto))
    }

    /// Source: RFC 9293 §3.8.4 (SM-TIMER-10, KA-1 to KA-9).
    fn on_keep_alive_timeout(&mut self, now: Instant) {
        let Some(config) = self.config.keep_alive.filter(|_| self.state.is_synchronized()) else {
            return;
        };
        let busy = self.has_outstanding() || !probes_in(self.state);
        match self.keep_alive.on_timeout(now, config, busy) {
            KeepAliveAction::WaitUntil(at) => self.timers.set(Timer::KeepAlive, at),
            KeepAliveAction::ProbeAndWaitUntil(at) => {
                self.due.probe = Some(Probe::KeepAlive);
                self.timers.set(Timer::KeepAlive, at);
            }
            KeepAliveAction::Dead => {
                self.due.reset = true;
                self.end(CloseReason::TimedOut);
            }
        }
    }

    /// Source: RFC 9293 §3.9.1.1, §3.10.8 (SM-TIMER-1, UTO-1).
    fn on_user_timeout(&mut self, now: Instant) {
        if !self.has_outstanding() && self.snd.is_syn_acked() {
            return;
        }
        let due = self.user_timeout_base() + self.user_timeout();
        if now < due {
            self.timers.set(Timer::UserTimeout, due);
            return;
        }
        self.end(CloseReason::UserTimeout);
    }

    /// The user timeout in force.
    pub(super) fn user_timeout(&self) -> Duration {
        self.config.user_timeout.unwrap_or(ConnectionConfig::USER_TIMEOUT_DEFAULT)
    }

    /// Since when it counts: the default not while the peer answers probes (UTO-1, MUST-37).
    fn user_timeout_base(&self) -> Instant {
        match self.config.user_timeout {
            Some(_) => self.waiting.progress_at,
            None => self.waiting.answered_at,
        }
    }

    /// Starts the user timeout, if something is outstanding and it does not run. It is not moved
    /// for every ACK: at its expiry it is seen what is still due.
    pub(super) fn start_user_timeout(&mut self, now: Instant) {
        let is_over = matches!(self.state, State::TimeWait | State::Closed);
        let opening = !self.snd.is_syn_acked();
        if is_over || !(opening || self.has_outstanding()) || self.timers.is_set(Timer::UserTimeout)
        {
            return;
        }
        let due = (self.user_timeout_base() + self.user_timeout()).max(now);
        self.timers.set(Timer::UserTimeout, due);
    }

    /// Starts or stops keep-alive as the configuration has it.
    pub(super) fn start_keep_alive(&mut self, now: Instant) {
        // In TIME-WAIT nothing is awaited from the peer, and the endpoint has taken over.
        let is_open = self.state.is_synchronized() && self.state != State::TimeWait;
        match self.config.keep_alive.filter(|_| is_open) {
            Some(config) => {
                let at = self.keep_alive.start(now, config);
                self.timers.set(Timer::KeepAlive, at);
            }
            None => self.timers.stop(Timer::KeepAlive),
        }
    }

    /// Starts the timer of an orphan in FIN-WAIT-2 (CLOSE-12, robustness F1).
    pub(super) fn start_fin_wait_2_timer(&mut self, now: Instant) {
        if self.state == State::FinWait2 && self.user.detached {
            self.timers.set(Timer::FinWait2, now + self.config.fin_wait_2_timeout);
        }
    }
}
