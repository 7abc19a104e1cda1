//! The timers that wait for an ACK: retransmission, and reordering.
//!
//! They exclude each other (RFC 8985 §8, RACK-18): the retransmission timeout goes on being counted
//! while another of them runs, and takes over when it is the next to expire.

use super::Connection;
use crate::Instant;
use crate::timers::Timer;

/// When they expire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LossDeadlines {
    /// The retransmission timeout (RFC 6298 §5), if something is to be acknowledged and no
    /// retransmission that it asked for waits to be polled.
    retransmit_at: Option<Instant>,
}

impl Connection {
    /// Something left that is to be acknowledged: the timer of retransmission starts, unless it
    /// runs (RFC 6298 §5.1, RTO-12).
    pub(super) fn start_loss_timer(&mut self, now: Instant) {
        if self.loss.retransmit_at.is_none() {
            self.loss.retransmit_at = Some(now + self.recovery.rto(self.rto_bounds()));
        }
        self.arm_loss_timer();
    }

    /// It starts anew for what is left, or stops (RFC 6298 §5.2, §5.3; RTO-13, RTO-14).
    pub(super) fn restart_loss_timer(&mut self, now: Instant) {
        let rto = self.recovery.rto(self.rto_bounds());
        self.loss.retransmit_at = self.recovery.is_awaiting_ack().then_some(now + rto);
        self.arm_loss_timer();
    }

    /// The timer of retransmission expired; it starts again when what it asks for is polled.
    pub(super) fn on_loss_timer_expired(&mut self) {
        self.loss.retransmit_at = None;
    }

    /// Nothing is awaited any more.
    pub(super) fn stop_loss_timers(&mut self) {
        self.loss = LossDeadlines::default();
        self.arm_loss_timer();
    }

    /// Makes the one timer run that is the next to expire.
    ///
    /// Source: RFC 8985 §6.2 step 5 (RACK-13), §8 (RACK-18).
    pub(super) fn arm_loss_timer(&mut self) {
        if !self.snd.is_syn_acked() {
            // TRAP-61: the SYN comes first, and has the timer for itself.
            return;
        }
        for timer in [Timer::Retransmit, Timer::Reorder] {
            self.timers.stop(timer);
        }
        let Some(retransmit_at) = self.loss.retransmit_at else { return };
        let reorder_at = self.recovery.reorder_deadline().filter(|at| *at < retransmit_at);
        match reorder_at {
            Some(at) => self.timers.set(Timer::Reorder, at),
            None => self.timers.set(Timer::Retransmit, retransmit_at),
        }
    }
}
