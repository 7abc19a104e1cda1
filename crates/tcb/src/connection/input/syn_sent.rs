//! Segment arrival in SYN-SENT (RFC 9293 §3.10.7.3).

use alloc::boxed::Box;

use synack_wire::{Ecn, Flags};

use super::{Arrival, Connection};
use crate::Instant;
use crate::connection::{Negotiated, StateEvent};
use crate::drop_reason::DropReason;
use crate::error::CloseReason;

impl Connection {
    /// The five checks of SYN-SENT, in order (SM-SYNSENT-1 to SM-SYNSENT-9).
    pub(super) fn arrive_in_syn_sent(
        &mut self,
        now: Instant,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), DropReason> {
        let ack = arrival.seg.ack;
        let is_rst = arrival.seg.is_rst();
        // Equality with SND.NXT is not asked for (OPEN-9, TRAP-36).
        let ack_ok = ack.is_some_and(|ack| self.snd.una < ack && ack <= self.snd.nxt);
        if let Some(ack) = ack.filter(|_| !ack_ok) {
            if !is_rst {
                self.due.reset_at = Some(ack);
            }
            return Err(DropReason::UnacceptableAck);
        }
        if is_rst {
            // No check of SEG.SEQ (erratum 8167, RST-9).
            if !ack_ok {
                return Err(DropReason::BlindReset);
            }
            self.end(CloseReason::Refused);
            return Err(DropReason::Reset);
        }
        if !arrival.seg.is_syn() {
            return Err(DropReason::NoSyn);
        }
        self.take_syn(now, arrival);
        // A mark on it is counted with that (ACCECN-12).
        arrival.ecn = Ecn::NotEct;
        arrival.seg.control = arrival.seg.control.without(Flags::SYN);
        arrival.seg.seq += 1;
        arrival.seq += 1;
        let Some(ack) = ack else {
            self.open_simultaneously(now, arrival);
            return Ok(());
        };
        // SM-SYNSENT-7: ESTABLISHED; the ACK may be carried by text that waits.
        self.snd.set_window(arrival.seq, ack, arrival.wnd);
        let echo = arrival.seg.options.timestamps.map(|timestamps| timestamps.echo);
        self.establish(now, echo.filter(|_| self.negotiated.timestamps));
        self.acks.owe_now();
        self.process_after_syn(now, arrival)
    }

    /// SM-SYNSENT-6: the peer's number, options and window (OPEN-6, TRAP-8).
    fn take_syn(&mut self, now: Instant, arrival: &Arrival<'_>) {
        let options = &arrival.seg.options;
        let offer = self.offer();
        self.negotiated = Negotiated::from_syn(&offer, options, self.path.is_ipv6());
        self.agree_on_ecn(arrival, offer.ecn);
        self.synchronize(now, arrival.seq, options.timestamps.map(|timestamps| timestamps.value));
    }

    /// SM-SYNSENT-8: a SYN without an ACK of ours. Text or FIN with it waits for ESTABLISHED.
    fn open_simultaneously(&mut self, now: Instant, arrival: &mut Arrival<'_>) {
        self.snd.set_window(arrival.seq - 1, self.snd.iss, arrival.wnd);
        self.transition(now, StateEvent::PeerSyn);
        self.due.syn = true;
        if !arrival.seg.is_empty() {
            self.handshake.pending = Some(Box::new(core::mem::take(arrival.seg)));
        }
    }

    /// Text and FIN of a SYN: trimmed to the window, then steps 8.6 to 8.8.
    pub(super) fn process_after_syn(
        &mut self,
        now: Instant,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), DropReason> {
        let window = self.rcv.wnd();
        if arrival.seg.len() > window {
            arrival.seg.payload.truncate(window);
            arrival.seg.control = arrival.seg.control.without(Flags::FIN);
        }
        self.process_after_ack(now, arrival)
    }
}
