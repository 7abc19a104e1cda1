//! What leaves next: obligations become packets, in a fixed order of priority.

mod control;
mod hold;
mod mtu_probe;
mod packet;
mod probe;
mod segmentize;
mod tail_probe;

pub(super) use hold::Hold;
use mtu_probe::ProbeStep;
pub(super) use probe::Probe;
use segmentize::{TextPlan, Wait};
use synack_wire::{SeqRange, TcpPacket};

use super::{Connection, State};
use crate::Instant;
use crate::recovery::Trial;
use crate::recv::AckDue;
use crate::timers::Timer;

/// What the device takes in one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransmitLimits {
    /// Octets of payload in a super-segment; 0 if the device takes single segments only.
    pub super_segment_max: u32,
}

impl TransmitLimits {
    /// One segment a packet.
    pub const SINGLE: Self = Self { super_segment_max: 0 };
}

/// What carries text next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// A range that is sent again.
    Lost(SeqRange),
    /// New text, a FIN, or both.
    New(TextPlan),
    /// New text in a packet of so many octets, which may be too large for the path.
    MtuProbe(u32),
}

impl Connection {
    /// The next packet to send, `None` when there is none for now.
    ///
    /// The first that there is of: RST; SYN or SYN-ACK; what was lost; new text, with the FIN on
    /// the last; probes; an ACK that nothing else carried (RFC 9293 §3.10.7.4, SM-OUT-1 to
    /// SM-OUT-6).
    pub fn poll_transmit(&mut self, now: Instant, limits: TransmitLimits) -> Option<TcpPacket> {
        if self.due.reset || self.due.reset_at.is_some() {
            return self.poll_reset(now);
        }
        if self.due.syn && !self.snd.is_syn_acked() {
            return self.poll_syn(now);
        }
        if self.owes_handshake_ack()
            && let Some(ack) = self.poll_ack(now)
        {
            return Some(ack);
        }
        if self.state.sends_text() {
            let is_urgent = self.due.retransmit;
            match self.next_text(now, self.paced(limits)) {
                Some(next) if self.must_wait(now, &next, is_urgent) => {}
                Some(Next::Lost(lost)) => return Some(self.retransmission(now, lost)),
                Some(Next::New(plan)) => return Some(self.new_text(now, plan)),
                Some(Next::MtuProbe(size)) => return Some(self.mtu_probe(now, size)),
                None => self.arm_send_timers(now),
            }
        }
        if self.due.probe.is_some() {
            return self.poll_probe(now).or_else(|| self.poll_ack(now));
        }
        self.poll_ack(now)
    }

    /// Whether what could leave is to wait for the pacer, as all text does but the first
    /// retransmission of a recovery or a timeout, and a FIN alone (PACE-5, PACE-6).
    fn must_wait(&mut self, now: Instant, next: &Next, is_urgent: bool) -> bool {
        let is_paced = match next {
            Next::Lost(_) => !is_urgent,
            Next::New(plan) => plan.len > 0,
            Next::MtuProbe(_) => true,
        };
        is_paced && self.waits_for_pacer(now)
    }

    /// What carries text next: what is lost, then what is new (RACK-20).
    fn next_text(&mut self, now: Instant, limits: TransmitLimits) -> Option<Next> {
        match self.recovery.trial() {
            Trial::None => {}
            Trial::Waits => return None,
            trial @ (Trial::Begins | Trial::GoesOn) => {
                let plan = self.plan_new_text(now, TransmitLimits::SINGLE);
                if plan.is_some() || trial == Trial::GoesOn || self.waits_for_cwnd() {
                    return plan.map(Next::New);
                }
                self.recovery.end_trial();
            }
        }
        if let Some(lost) = self.plan_retransmission(limits) {
            return Some(Next::Lost(lost));
        }
        match self.plan_mtu_probe(now) {
            ProbeStep::None => self.plan_new_text(now, limits).map(Next::New),
            ProbeStep::Wait => None,
            ProbeStep::Send(size) => Some(Next::MtuProbe(size)),
        }
    }

    /// Whether a call of [`poll_transmit`](Self::poll_transmit) is likely to give a packet. Cheap;
    /// a writer stopped by cwnd, the window or Nagle need not wake anyone.
    pub fn wants_transmit(&self) -> bool {
        self.acks.due() >= AckDue::Soon || self.needs_ack_timer() || self.wants_more_than_an_ack()
    }

    /// If all there is to send is one ACK that the answer of the application may carry, of the
    /// first few octets or of a FIN, it waits for that. Returns whether it does.
    ///
    /// For a caller that has just woken the reader: the ACK and the answer, or the ACK and our FIN,
    /// are one segment then. If the application reads and has no answer, the ACK leaves alone; if
    /// it does not even read, the delayed-ACK timer sees to it.
    ///
    /// Source: RFC 1122 §4.2.3.2, for what delays are good for; RFC 9293 §3.8.6.3 (SHLD-18).
    pub fn await_answer(&mut self, now: Instant) -> bool {
        let may_wait = self.state.sends_text()
            && self.acks.due() == AckDue::Soon
            && !self.wants_more_than_an_ack();
        if may_wait {
            self.acks.await_read();
            self.timers.set(Timer::DelayedAck, now + self.config.ack_delay);
        }
        may_wait
    }

    fn wants_more_than_an_ack(&self) -> bool {
        let due = &self.due;
        due.reset
            || due.reset_at.is_some()
            || due.syn
            || due.retransmit
            || due.probe.is_some()
            || due.window_update
            || (self.state.sends_text()
                && (self.can_send_text() || self.can_send_again() || self.needs_send_timer()))
    }

    /// Whether what is lost may leave now.
    fn can_send_again(&self) -> bool {
        let is_allowed = match self.recovery.trial() {
            Trial::None | Trial::Begins => true,
            Trial::GoesOn | Trial::Waits => false,
        };
        is_allowed
            && self.cwnd_room() > 0
            && self.recovery.lost() > 0
            && !self.timers.is_set(Timer::Pacing)
    }

    /// Whether there is new text that only cwnd holds back.
    fn waits_for_cwnd(&self) -> bool {
        let plan = self.plan_text(TransmitLimits::SINGLE);
        plan.is_some_and(|plan| plan.held == Some(Wait::Cwnd))
    }

    /// Whether new text or a FIN may leave now.
    fn can_send_text(&self) -> bool {
        let Some(plan) = self.plan_text(TransmitLimits::SINGLE) else { return false };
        // PACE-6: a FIN alone waits for no turn.
        let has_turn = plan.len == 0 || !self.timers.is_set(Timer::Pacing);
        plan.held.is_none()
            && self.recovery.trial() != Trial::Waits
            && has_turn
            && !self.waits_for_mtu_probe()
    }

    /// Whether `poll_transmit` must be called to start a timer (persist, override).
    fn needs_send_timer(&self) -> bool {
        let waiting = self.unsent() > 0 || self.wants_fin() || self.recovery.lost() > 0;
        waiting
            && !self.recovery.is_awaiting_ack()
            && !self.timers.is_set(Timer::Retransmit)
            && !self.timers.is_set(Timer::Persist)
            && !self.timers.is_set(Timer::SendOverride)
            && !self.timers.is_set(Timer::Pacing)
    }

    /// Whether the delayed-ACK timer is still to be started.
    fn needs_ack_timer(&self) -> bool {
        self.acks.due() == AckDue::Delayed && !self.timers.is_set(Timer::DelayedAck)
    }

    /// Makes the one timer run that the send side waits for, when it can send nothing more.
    ///
    /// In flight: retransmission. Nothing in flight, and a closed window on something to send:
    /// persist. Nothing in flight, and text held back: the override. Never two of them.
    ///
    /// Source: RFC 6298 §5 (RTO-12, RTO-13); RFC 9293 §3.8.6.1 (ZWP-1, ZWP-9, ZWP-10, TRAP-16).
    fn arm_send_timers(&mut self, now: Instant) {
        if self.recovery.is_awaiting_ack() {
            self.timers.stop(Timer::Persist);
            self.timers.stop(Timer::SendOverride);
            self.keep_loss_timer(now);
            return;
        }
        if self.snd.is_syn_acked() {
            self.stop_loss_timers();
        }
        let waiting = self.unsent() > 0 || self.wants_fin() || self.recovery.lost() > 0;
        if !waiting || !self.snd.is_syn_acked() {
            self.timers.stop(Timer::Persist);
            self.timers.stop(Timer::SendOverride);
            return;
        }
        let closed = self.is_window_closed();
        let timer = if closed { Timer::Persist } else { Timer::SendOverride };
        let other = if closed { Timer::SendOverride } else { Timer::Persist };
        self.timers.stop(other);
        if !self.timers.is_set(timer) && self.due.probe != Some(Probe::Window) {
            let wait = if closed { self.persist_interval() } else { hold::OVERRIDE };
            self.timers.set(timer, now + wait);
        }
    }

    /// Whether the peer's window takes nothing of what waits: the window is zero, or what waits to
    /// be sent again lies beyond it.
    fn is_window_closed(&self) -> bool {
        if self.recovery.lost() > 0 {
            return self.snd.wnd == 0;
        }
        self.snd.usable_window() == 0
    }

    /// A pure ACK, if one is owed and nothing else carried it (SM-OUT-2, DACK-4).
    fn poll_ack(&mut self, now: Instant) -> Option<TcpPacket> {
        if self.state == State::Closed || self.state == State::SynSent {
            return None;
        }
        if self.acks.due() >= AckDue::Soon || self.due.window_update {
            return Some(self.ack_packet(now));
        }
        if self.needs_ack_timer() {
            self.timers.set(Timer::DelayedAck, now + self.config.ack_delay);
        }
        None
    }
}
