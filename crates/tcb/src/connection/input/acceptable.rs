//! Steps 8.1 and 8.2: timestamps, sequence number, trimming to the window.

use synack_wire::{Flags, Payload, SeqRange};

use super::{Arrival, Connection, Scope, State};
use crate::Instant;
use crate::connection::paws;
use crate::drop_reason::DropReason;
use crate::recv::is_acceptable;

/// What makes a segment unacceptable although its ACK, or the ACK of it, still matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unacceptable {
    /// SM-SEQ-8: a RST.
    Reset,
    /// SM-SEQ-10: the peer's FIN once more.
    RepeatedFin,
    /// SM-SEQ-6: text or FIN at RCV.NXT of a closed window: a probe.
    WindowProbe,
    /// SM-SEQ-11: an old duplicate with a new ACK.
    DuplicateWithAck,
    /// SM-SEQ-7: anything else.
    Other,
}

impl Connection {
    /// PAWS and the sequence check; what passes is trimmed to the window.
    ///
    /// Source: RFC 7323 §5.3 (PAWS-1 to PAWS-6); RFC 9293 §3.10.7.4 (SM-PAWS-1 to SM-SEQ-13).
    pub(super) fn check_acceptable(
        &mut self,
        now: Instant,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), DropReason> {
        self.check_timestamp(now, arrival)?;
        self.check_repeated_syn(arrival)?;
        if !is_acceptable(arrival.seg.seq, arrival.seg.len(), self.rcv.window()) {
            self.handle_unacceptable(now, arrival)?;
        }
        self.keep_alive.on_heard(now);
        self.trim(arrival);
        Ok(())
    }

    /// Step 8.1 (SM-PAWS-1 to SM-PAWS-4).
    fn check_timestamp(&mut self, now: Instant, arrival: &Arrival<'_>) -> Result<(), DropReason> {
        if !self.negotiated.timestamps {
            return Ok(());
        }
        let verdict = paws(now, self.timestamps.recent, arrival.seg);
        if verdict == Err(DropReason::Paws) {
            self.challenge(now);
            self.report_duplicate(arrival);
        }
        verdict
    }

    /// What is done with an unacceptable segment; `Ok` lets what is left of it go on.
    fn handle_unacceptable(
        &mut self,
        now: Instant,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), DropReason> {
        match self.judge(arrival) {
            Unacceptable::Reset => Err(DropReason::OutOfWindow),
            Unacceptable::RepeatedFin => {
                self.acks.owe_now();
                self.use_ack_only(now, arrival)?;
                Err(DropReason::RepeatedFin)
            }
            Unacceptable::WindowProbe => {
                self.acks.owe_now();
                strip(arrival);
                Ok(())
            }
            Unacceptable::DuplicateWithAck => {
                self.acks.owe_now();
                self.report_duplicate(arrival);
                self.use_ack_only(now, arrival)?;
                Err(DropReason::Duplicate)
            }
            Unacceptable::Other => Err(self.refuse(now, arrival)),
        }
    }

    /// Which of the rules SM-SEQ-6 to SM-SEQ-11 fits first, in the order of SM-SEQ-13.
    fn judge(&self, arrival: &Arrival<'_>) -> Unacceptable {
        let seg = &arrival.seg;
        if seg.is_rst() {
            return Unacceptable::Reset;
        }
        let plain = !seg.is_syn();
        if plain && self.state.has_peer_fin() && seg.is_fin() && seg.end() == self.rcv.nxt {
            return Unacceptable::RepeatedFin;
        }
        if self.rcv.wnd() == 0 && seg.seq == self.rcv.nxt {
            return Unacceptable::WindowProbe;
        }
        // The lower bound keeps a blind sender from having half the sequence space to choose from.
        let lowest = self.rcv.nxt - self.rcv.wnd_max.max(1);
        let is_below = seg.end() <= self.rcv.nxt && seg.seq >= lowest;
        let is_new_ack = seg.ack.is_some_and(|ack| self.snd.una < ack && ack <= self.snd.nxt);
        if plain && self.state.is_synchronized() && is_below && is_new_ack {
            return Unacceptable::DuplicateWithAck;
        }
        Unacceptable::Other
    }

    /// SM-SEQ-9 (OPEN-15, TRAP-10): the peer's SYN once more, in the window or not, as text behind
    /// it may be. It is stripped so that the ACK of a crossing SYN-ACK counts; without an ACK it
    /// draws the SYN-ACK again.
    fn check_repeated_syn(&mut self, arrival: &mut Arrival<'_>) -> Result<(), DropReason> {
        let seg = &mut arrival.seg;
        let is_repeated = self.state == State::SynReceived
            && seg.is_syn()
            && !seg.is_rst()
            && seg.seq == self.rcv.irs;
        if !is_repeated {
            return Ok(());
        }
        if seg.ack.is_none() {
            self.due.syn = true;
            return Err(DropReason::RepeatedSyn);
        }
        seg.control = seg.control.without(Flags::SYN);
        seg.seq += 1;
        arrival.seq += 1;
        Ok(())
    }

    /// SM-SEQ-7: an ACK, under the challenge limit if the segment has no text.
    fn refuse(&mut self, now: Instant, arrival: &Arrival<'_>) -> DropReason {
        self.tally.rare.duplicates_in = self.tally.rare.duplicates_in.wrapping_add(1);
        if arrival.seg.payload.is_empty() {
            self.challenge(now);
            self.hear_syn_ack_again(arrival);
        } else {
            self.report_duplicate(arrival);
            self.acks.owe_now();
        }
        if arrival.seg.end() <= self.rcv.nxt {
            DropReason::Duplicate
        } else {
            DropReason::OutOfWindow
        }
    }

    /// Processes the ACK field of a duplicate, and nothing else of it.
    fn use_ack_only(&mut self, now: Instant, arrival: &mut Arrival<'_>) -> Result<(), DropReason> {
        strip(arrival);
        arrival.scope = Scope::AckOnly;
        self.process_ack(now, arrival)
    }

    /// Reports text that arrived before by D-SACK (RFC 2883 §4, SM-SEQ-12, PAWS-10).
    fn report_duplicate(&mut self, arrival: &Arrival<'_>) {
        let text = arrival.seg.payload.len();
        let old = SeqRange::new(arrival.seq, (arrival.seq + text).min(self.rcv.nxt));
        if self.negotiated.sack && !old.is_empty() && self.rcv.nxt - old.start <= self.rcv.wnd_max {
            self.sack_report.on_duplicate(old);
        }
    }

    /// Cuts off what lies below RCV.NXT and what lies at or above the right edge, FIN included
    /// there.
    ///
    /// Source: RFC 9293 §3.10.7.4 (SEQ-10, SM-SEQ-5, TRAP-19). A SYN is left for step 8.4
    /// (TRAP-62).
    pub(super) fn trim(&mut self, arrival: &mut Arrival<'_>) {
        if arrival.seg.is_syn() {
            return;
        }
        let old = self.rcv.nxt.saturating_since(arrival.seg.seq);
        if old > 0 {
            self.tally.rare.duplicates_in = self.tally.rare.duplicates_in.wrapping_add(1);
            self.report_duplicate(arrival);
            arrival.trimmed = true;
            arrival.seg.payload.advance(old);
            arrival.seg.seq += old;
        }
        let room = self.rcv.window().end.saturating_since(arrival.seg.seq);
        if arrival.seg.len() > room {
            arrival.seg.payload.truncate(room);
            arrival.seg.control = arrival.seg.control.without(Flags::FIN);
            arrival.trimmed = true;
        }
    }
}

/// Takes text and FIN off a segment.
fn strip(arrival: &mut Arrival<'_>) {
    arrival.seg.payload = Payload::new();
    arrival.seg.control = arrival.seg.control.without(Flags::FIN);
}
