//! Step 8.5: the ACK field, and what it completes.

use synack_wire::{Flags, SeqNum};

use super::{Arrival, Connection, Scope, State};
use crate::Instant;
use crate::connection::StateEvent;
use crate::connection::output::Probe;
use crate::drop_reason::DropReason;
use crate::error::CloseReason;
use crate::event::Events;
use crate::recovery::AckArrival;
use crate::send::check_ack_range;
use crate::timers::Timer;

impl Connection {
    /// Takes the ACK field and the window.
    ///
    /// Source: RFC 9293 §3.10.7.4 (SM-ACK-1 to SM-ACK-14); RFC 5961 §5.2 (BLIND-6).
    pub(super) fn process_ack(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
    ) -> Result<(), DropReason> {
        let Some(ack) = arrival.seg.ack else { return Err(DropReason::NoAck) };
        if !self.snd.is_syn_acked() {
            self.complete_handshake(now, arrival, ack)?;
        } else {
            self.check_ack_range(now, ack)?;
        }
        if arrival.scope == Scope::All {
            self.accept_timestamp(now, arrival);
        }
        self.take_ack(now, arrival, ack);
        if arrival.scope == Scope::All {
            self.take_window(now, arrival, ack);
        }
        self.complete_fin(now)
    }

    /// SYN-RECEIVED, or FIN-WAIT-1 that a CLOSE there led to: an ACK of our SYN opens the
    /// connection, any other draws a RST and changes nothing.
    ///
    /// Source: SM-ACK-2, SM-ACK-3 (DEC-10, RST-6).
    fn complete_handshake(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        ack: SeqNum,
    ) -> Result<(), DropReason> {
        if !(self.snd.una < ack && ack <= self.snd.nxt) {
            self.due.reset_at = Some(ack);
            return Err(DropReason::UnacceptableAck);
        }
        self.snd.set_window(arrival.seq, ack, arrival.wnd);
        let echo = arrival.seg.options.timestamps.map(|timestamps| timestamps.echo);
        self.establish(now, echo.filter(|_| self.negotiated.timestamps));
        self.take_handshake_ack(now, arrival);
        Ok(())
    }

    /// SM-ACK-4, SM-ACK-5: the ACK of a blind sender is most likely out of this range.
    fn check_ack_range(&mut self, now: Instant, ack: SeqNum) -> Result<(), DropReason> {
        let verdict = check_ack_range(ack, self.ack_lowest(), self.snd.nxt);
        if verdict.is_err() {
            self.challenge(now);
        }
        verdict
    }

    /// SND.UNA - MAX.SND.WND, but not below what was really sent since ISS (robustness B4): SYN,
    /// text, FIN.
    pub(in crate::connection) fn ack_lowest(&self) -> SeqNum {
        let sent = u32::try_from(self.tally.octets_acked + 2).unwrap_or(u32::MAX);
        self.snd.una - self.snd.wnd_max.min(sent)
    }

    /// SM-PAWS-5: TS.Recent moves only with segments that passed the ACK check too (DEC-19).
    fn accept_timestamp(&mut self, now: Instant, arrival: &Arrival<'_>) {
        if !self.negotiated.timestamps {
            return;
        }
        if let Some(timestamps) = arrival.seg.options.timestamps {
            self.timestamps.on_accepted(now, timestamps.value, arrival.seq);
        }
    }

    /// SM-ACK-6, SM-ACK-7: what is newly acknowledged, or the duplicate that says what is missing.
    fn take_ack(&mut self, now: Instant, arrival: &Arrival<'_>, ack: SeqNum) {
        if ack < self.snd.una || self.tells_nothing(arrival, ack) {
            return;
        }
        self.note_app_limited();
        self.grow_send_buffer();
        let advances = ack > self.snd.una;
        let timestamps = arrival.seg.options.timestamps.filter(|_| self.negotiated.timestamps);
        let echoed_at = timestamps.and_then(|t| self.timestamps.echoed_at(now, t.echo));
        let outcome = self.recovery.on_ack(AckArrival {
            now,
            ack,
            nxt: self.snd.nxt,
            sack: self.negotiated.sack.then_some(arrival.seg.options.sack.as_slice()),
            is_duplicate: self.is_duplicate_ack(arrival, ack),
            echoed_at,
            mss: self.smss(),
        });
        let is_echo = self.is_echo(arrival, &outcome);
        if let Some(signal) = outcome.spurious {
            self.tell_needless(now, signal, &outcome, is_echo);
        }
        self.tell_losses(now, &outcome);
        if is_echo {
            let has_recovered = outcome.recovered.or(outcome.spurious).is_some();
            let is_recovering = has_recovered || self.recovery.is_recovering();
            self.take_echo(now, ack, &outcome, is_recovering);
        } else {
            self.on_unmarked_ack(now, ack);
        }
        self.tell_acknowledged(&outcome, is_echo);
        self.take_mtu_verdict(now);
        if advances {
            self.release_acked(now, ack);
        }
        if outcome.restart_timer {
            self.due.probe = self.due.probe.filter(|probe| *probe != Probe::Tail);
            self.restart_loss_timer(now);
        } else {
            self.on_unmoved_ack();
        }
    }

    /// Whether an ACK that comes with text has nothing to say: all is acknowledged, and it reports
    /// nothing beside. Such are nearly all of a peer who only sends.
    fn tells_nothing(&self, arrival: &Arrival<'_>, ack: SeqNum) -> bool {
        let marks = Flags::ECE | Flags::CWR | Flags::AE;
        arrival.len > 0
            && ack == self.snd.una
            && !self.recovery.has_unacked()
            && !self.recovery.is_recovering()
            && arrival.seg.options.sack.is_empty()
            && arrival.seg.control.without(marks) == arrival.seg.control
    }

    /// What RFC 5681 §2 calls a duplicate ACK, if anything is outstanding: no text, SYN or FIN, the
    /// same ACK, the same window (CC-14, TRAP-39). A probe of our own closed window, whose text was
    /// taken off, is none.
    fn is_duplicate_ack(&self, arrival: &Arrival<'_>, ack: SeqNum) -> bool {
        arrival.scope == Scope::All
            && arrival.len == 0
            && ack == self.snd.una
            && arrival.wnd == self.snd.wnd
    }

    /// Moves SND.UNA; acknowledged text leaves the buffer and writers may go on.
    fn release_acked(&mut self, now: Instant, ack: SeqNum) {
        let offset = self.offset_of(ack);
        let octets = offset - self.send_buffer.start();
        self.tally.octets_acked += octets;
        self.snd.una = ack;
        self.send_buffer.release(offset);
        self.hold.on_acked(ack);
        self.path_mtu.on_acked(ack);
        self.waiting.progress_at = now;
        self.waiting.answered_at = now;
        if self.snd.up.is_some_and(|up| up <= ack) {
            self.snd.up = None;
        }
        if !self.has_outstanding() {
            self.timers.stop(Timer::UserTimeout);
        }
        if octets > 0 && self.has_write_room() {
            self.events |= Events::WRITABLE;
        }
    }

    /// SM-ACK-8: the window, from segments that are new enough.
    fn take_window(&mut self, now: Instant, arrival: &Arrival<'_>, ack: SeqNum) {
        if !self.snd.is_window_update(arrival.seq, ack) {
            return;
        }
        self.snd.set_window(arrival.seq, ack, arrival.wnd);
        if arrival.wnd == 0 {
            // The peer answers: neither R2 nor the default user timeout counts (ZWP-4, ZWP-12).
            self.waiting.answered_at = now;
        } else {
            self.waiting.probes = 0;
            self.timers.stop(Timer::Persist);
        }
    }

    /// SM-ACK-9 to SM-ACK-14: what an ACK of our FIN completes.
    fn complete_fin(&mut self, now: Instant) -> Result<(), DropReason> {
        if !self.state.owes_fin() || !self.snd.is_fin_acked() {
            return Ok(());
        }
        if self.state == State::LastAck {
            self.end(CloseReason::Finished);
            return Ok(());
        }
        self.transition(now, StateEvent::FinAcked);
        self.start_fin_wait_2_timer(now);
        Ok(())
    }
}
