//! The timers that wait for an ACK: retransmission, loss probe, and reordering.
//!
//! They exclude each other (RFC 8985 §8, RACK-18): the retransmission timeout goes on being counted
//! while another of them runs, and takes over when it is the next to expire.

use super::Connection;
use super::output::Probe;
use crate::Instant;
use crate::timers::Timer;

/// When they expire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LossDeadlines {
    /// The retransmission timeout (RFC 6298 §5), if something is to be acknowledged and neither a
    /// retransmission nor a loss probe is due that waits to be polled.
    retransmit_at: Option<Instant>,
    /// PTO (RFC 8985 §7.2). It counts only while a probe is allowed.
    probe_at: Option<Instant>,
}

/// Whether what left was new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    New,
    Again,
}

impl Connection {
    /// Something left that is to be acknowledged: the timer of retransmission starts, unless it
    /// runs, and PTO starts anew with each new text.
    ///
    /// Source: RFC 6298 §5.1 (RTO-12); RFC 8985 §7.2 (TLP-2).
    pub(super) fn on_left(&mut self, now: Instant, left: Left) {
        if self.due.probe == Some(Probe::Tail) {
            // What left asks for the ACK as well.
            self.due.probe = None;
        }
        let retransmit_at = now + self.recovery.rto(self.rto_bounds());
        self.loss.retransmit_at.get_or_insert(retransmit_at);
        match left {
            Left::New => self.loss.probe_at = Some(now + self.probe_timeout()),
            Left::Again => {}
        }
        self.arm_loss_timer();
    }

    /// Something is to be acknowledged: a timer runs, as it ran or from now on.
    pub(super) fn keep_loss_timer(&mut self, now: Instant) {
        if self.loss.retransmit_at.is_none() {
            self.restart_loss_timer(now);
        } else {
            self.arm_loss_timer();
        }
    }

    /// The timers start anew for what is left, or stop (RFC 6298 §5.2, §5.3; RTO-13, RTO-14;
    /// RFC 8985 §7.2, TLP-2).
    pub(super) fn restart_loss_timer(&mut self, now: Instant) {
        self.loss = LossDeadlines::default();
        if self.recovery.is_awaiting_ack() {
            self.loss.retransmit_at = Some(now + self.recovery.rto(self.rto_bounds()));
            self.loss.probe_at = Some(now + self.probe_timeout());
        }
        self.arm_loss_timer();
    }

    /// Retransmission, or a probe, is due: the timers start again when it is polled.
    pub(super) fn await_poll(&mut self) {
        self.loss = LossDeadlines::default();
    }

    /// An ACK came that leaves the timers running: a probe may have become needless.
    pub(super) fn on_unmoved_ack(&mut self) {
        if self.due.probe == Some(Probe::Tail) && !self.recovery.may_probe() {
            self.due.probe = None;
        }
        self.arm_loss_timer();
    }

    /// Nothing is awaited any more.
    pub(super) fn stop_loss_timers(&mut self) {
        self.loss = LossDeadlines::default();
        self.arm_loss_timer();
    }

    /// Makes the one timer run that is the next to expire.
    ///
    /// Source: RFC 8985 §6.2 step 5 (RACK-13), §7.2 (TLP-6), §8 (RACK-18).
    pub(super) fn arm_loss_timer(&mut self) {
        if !self.snd.is_syn_acked() {
            // TRAP-61: the SYN comes first, and has the timer for itself.
            return;
        }
        for timer in [Timer::Retransmit, Timer::LossProbe, Timer::Reorder] {
            self.timers.stop(timer);
        }
        let Some(retransmit_at) = self.loss.retransmit_at else { return };
        if let Some(at) = self.recovery.reorder_deadline().filter(|at| *at < retransmit_at) {
            self.timers.set(Timer::Reorder, at);
            return;
        }
        match self.loss.probe_at.filter(|_| self.recovery.may_probe()) {
            Some(at) => self.timers.set(Timer::LossProbe, at.min(retransmit_at)),
            None => self.timers.set(Timer::Retransmit, retransmit_at),
        }
    }

    /// The retransmission timer expired. Whether what it is for was sent again meanwhile, less than
    /// one RTO ago; if so, the timer runs until that is over. It is looked at here, so that no
    /// retransmission need move the timer.
    ///
    /// Source: RFC 6298 §5 (RTO-11).
    pub(super) fn defers_retransmission(&mut self, now: Instant) -> bool {
        let earliest = self.recovery.earliest_timeout(self.rto_bounds());
        let Some(due) = earliest.filter(|due| *due > now) else { return false };
        self.loss.retransmit_at = Some(due);
        self.arm_loss_timer();
        true
    }

    /// PTO expired: a probe is due, or else the timer of retransmission starts anew.
    ///
    /// Source: RFC 8985 §7.3 (TLP-7, TLP-16).
    pub(super) fn on_loss_probe_timeout(&mut self, now: Instant) {
        if !self.recovery.may_probe() {
            self.restart_loss_timer(now);
            return;
        }
        self.note_app_limited();
        self.due.probe = Some(Probe::Tail);
        self.await_poll();
    }

    /// Source: RFC 8985 §6.2 step 5 (RACK-13).
    pub(super) fn on_reorder_timeout(&mut self, now: Instant) {
        self.note_app_limited();
        let found = self.recovery.on_reorder_timeout(now, self.snd.nxt, self.smss());
        self.tell_newly_lost(now);
        if let Some(flight_size) = found {
            self.begin_recovery(now, flight_size);
        }
        self.take_mtu_verdict(now);
        self.arm_loss_timer();
    }

    fn probe_timeout(&self) -> core::time::Duration {
        self.recovery.probe_timeout(self.snd.flight_size(), self.smss())
    }
}
