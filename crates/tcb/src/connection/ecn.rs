//! Explicit congestion notification (RFC 3168): routers mark packets instead of dropping them.
//!
//! ```text
//!  sender ── ECT(0) text ──▶ router ── CE text ──▶ receiver
//!    ▲                                                │ ECE on every ACK,
//!    └──────────────── ACK, ECE ◀─────────────────────┘ until CWR comes
//!    │ reduces its window once, says CWR on new text
//! ```

use synack_wire::{Ecn, Flags, SeqNum, TcpPacket};

use super::Connection;
use super::input::Arrival;
use crate::Instant;
use crate::config::EcnPolicy;
use crate::congestion::CongestionSignal;
use crate::timers::Timer;

/// What both SYNs agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum EcnUse {
    /// ECN is not in use.
    #[default]
    Off,
    /// The peer's packets may be marked, and that is echoed; ours are not to be marked, as a SYN
    /// that says so left, or came, later (ECN-3).
    EchoOnly,
    /// Packets of both sides may be marked.
    Both,
}

/// ECN of one connection, once it is agreed on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EcnState {
    /// Text came marked, and the peer has not yet said that it reduced: ACKs have ECE (ECN-9).
    echoes: bool,
    /// cwnd was reduced, and the peer is to know (ECN-13).
    cwr_due: bool,
    /// How often in a row a mark came while cwnd was one segment (ECN-14).
    holds: u8,
    /// SND.NXT at the last reduction by a mark, until that is acknowledged: marks before it are of
    /// the same congestion (ECN-12).
    reduced_to: Option<SeqNum>,
}

/// What our SYNs said of ECN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum EcnOffer {
    /// Nothing.
    #[default]
    None,
    /// It was offered by every one.
    Standing,
    /// It was offered, and then not any more.
    Withdrawn,
}

impl EcnUse {
    /// What a SYN to us asks for, as far as `policy` allows. Source: RFC 3168 §6.1.1 (ECN-1).
    pub(crate) fn of_syn(policy: EcnPolicy, syn: Flags) -> Self {
        let is_asked_for = syn.contains(SETUP_SYN);
        match policy {
            EcnPolicy::WhenAsked | EcnPolicy::Ask if is_asked_for => Self::Both,
            EcnPolicy::Off | EcnPolicy::WhenAsked | EcnPolicy::Ask => Self::Off,
        }
    }

    /// What is left of it after the peer's SYN came again.
    pub(crate) fn after_syn_again(self, syn: Flags) -> Self {
        match self {
            Self::Both if !syn.contains(SETUP_SYN) => Self::EchoOnly,
            Self::Off | Self::EchoOnly | Self::Both => self,
        }
    }

    /// Whether it is in use at all.
    pub(crate) fn is_on(self) -> bool {
        self != Self::Off
    }

    /// What a SYN-ACK adds to its flags.
    pub(crate) fn answer(self) -> Flags {
        if self.is_on() { Flags::ECE } else { Flags::NONE }
    }
}

impl EcnOffer {
    /// What the answer of the peer, or its crossing SYN, agrees to.
    ///
    /// A SYN-ACK that mirrors both flags is of a host that mirrors what it does not know. Source:
    /// RFC 3168 §6.1.1 (ECN-1 to ECN-3).
    pub(super) fn agreed(self, control: Flags, is_syn_ack: bool) -> EcnUse {
        let asked = Flags::from_bits(control.bits() & SETUP_SYN.bits());
        let is_agreed = if is_syn_ack { asked == Flags::ECE } else { asked == SETUP_SYN };
        match self {
            Self::Standing if is_agreed => EcnUse::Both,
            Self::Withdrawn if is_agreed => EcnUse::EchoOnly,
            Self::None | Self::Standing | Self::Withdrawn => EcnUse::Off,
        }
    }
}

impl Connection {
    /// What our SYN adds to its flags, and remembers: an offer, which the third SYN withdraws, in
    /// case it was what kept the others from being answered.
    ///
    /// Source: RFC 3168 §6.1.1.1 (ECN-1, ECN-16, ECN-19).
    pub(super) fn ecn_offer(&mut self) -> Flags {
        let handshake = &mut self.handshake;
        if self.config.ecn != EcnPolicy::Ask {
            return Flags::NONE;
        }
        if handshake.retransmissions == 0 {
            handshake.ecn_offer = EcnOffer::Standing;
            return SETUP_SYN;
        }
        handshake.ecn_offer = EcnOffer::Withdrawn;
        Flags::NONE
    }

    /// Text in the window came: whether routers marked it, and whether the peer has reduced.
    ///
    /// Source: RFC 3168 §6.1.3 (ECN-9, ECN-10), §6.1.5 (ECN-11).
    pub(super) fn take_marks(&mut self, arrival: &Arrival<'_>) {
        if !self.negotiated.ecn.is_on() || arrival.seg.payload.is_empty() {
            return;
        }
        // CWR first: a mark on the very segment is of congestion that it does not answer.
        if arrival.seg.control.contains(Flags::CWR) {
            self.ecn.echoes = false;
        }
        if arrival.ecn == Ecn::Ce {
            self.ecn.echoes = true;
            self.counters.marks_in = self.counters.marks_in.wrapping_add(1);
        }
    }

    /// What every segment with an ACK adds to its flags (ECN-9).
    pub(super) fn ecn_echo(&self) -> Flags {
        if self.ecn.echoes { Flags::ECE } else { Flags::NONE }
    }

    /// Makes a packet of new text one that routers may mark, and tells the peer with the first that
    /// cwnd was reduced. Text sent again, ACKs, probes and SYNs stay as they are.
    ///
    /// Source: RFC 3168 §6.1.1 to §6.1.6 (ECN-3 to ECN-8, ECN-13).
    pub(super) fn mark_new_text(&mut self, packet: &mut TcpPacket) {
        if packet.segment.payload.is_empty() {
            return;
        }
        if self.negotiated.ecn == EcnUse::Both {
            packet.ip.ecn = Ecn::Ect0;
        }
        if core::mem::take(&mut self.ecn.cwr_due) {
            packet.segment.control |= Flags::CWR;
        }
    }

    /// Whether the next packet of new text says CWR: only its first segment would, so it has one.
    pub(super) fn is_cwr_due(&self) -> bool {
        self.ecn.cwr_due
    }

    /// cwnd was, or is about to be, reduced for whatever reason (ECN-13).
    pub(super) fn owe_cwr(&mut self) {
        self.ecn.cwr_due = self.negotiated.ecn.is_on();
    }

    /// Whether a window's reduction by a mark still goes on: a loss in it is of the same congestion
    /// (RFC 3168 §6.1.2, ECN-12).
    pub(super) fn is_reduced_by_mark(&self) -> bool {
        self.ecn.reduced_to.is_some_and(|to| self.snd.una < to)
    }

    /// Whether this ACK echoes a mark.
    pub(super) fn is_echo(&self, arrival: &Arrival<'_>) -> bool {
        self.negotiated.ecn.is_on() && arrival.seg.control.contains(Flags::ECE)
    }

    /// SND.UNA is about to advance to `ack` with an ACK that echoes no mark: the network rests.
    pub(super) fn on_unmarked_ack(&mut self, now: Instant, ack: SeqNum) {
        if ack > self.snd.una {
            self.ecn.holds = 0;
        }
        self.end_reduction(now, ack);
    }

    /// An ACK of everything below `ack` echoes a mark: congestion, once a window, unless a loss has
    /// told of it already (`is_recovering`).
    ///
    /// Source: RFC 3168 §6.1.2 (ECN-12, ECN-14, ECN-15).
    pub(super) fn take_echo(&mut self, now: Instant, ack: SeqNum, is_recovering: bool) {
        let is_old = self.ecn.reduced_to.is_some_and(|to| ack <= to);
        self.end_reduction(now, ack);
        if is_old || is_recovering {
            return;
        }
        let (cwnd, flight_size) = (self.cwnd(), self.snd.flight_size());
        self.ecn.reduced_to = Some(self.snd.nxt);
        self.counters.mark_reductions = self.counters.mark_reductions.wrapping_add(1);
        self.signal_congestion(now, CongestionSignal::Ecn, flight_size.min(cwnd));
        if cwnd <= self.smss() {
            self.hold_back(now);
        }
    }

    /// Everything that had been sent when a mark reduced cwnd is acknowledged.
    fn end_reduction(&mut self, now: Instant, ack: SeqNum) {
        if self.ecn.reduced_to.is_some_and(|to| ack >= to) {
            self.ecn.reduced_to = None;
            self.congestion.on_recovered(now, CongestionSignal::Ecn);
        }
    }

    /// A window of one segment cannot be reduced: what is sent next waits for as long as the
    /// retransmission timer, twice as long each time (ECN-14, CUBIC-14).
    fn hold_back(&mut self, now: Instant) {
        let rto = self.recovery.rto(self.rto_bounds());
        let factor = 1u32.checked_shl(u32::from(self.ecn.holds)).unwrap_or(u32::MAX);
        let wait = rto.saturating_mul(factor).min(self.config.rto_max);
        self.ecn.holds = self.ecn.holds.saturating_add(1);
        self.restart_loss_timer(now);
        self.timers.set(Timer::Pacing, now + wait);
    }
}

/// The flags of a SYN that asks for ECN (RFC 3168 §6.1.1).
const SETUP_SYN: Flags = Flags::from_bits(Flags::ECE.bits() | Flags::CWR.bits());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecn_1_and_ecn_19_what_a_syn_asks_for_and_what_it_gets() {
        let both = SETUP_SYN;
        for (policy, syn, used) in [
            (EcnPolicy::Off, both, EcnUse::Off),
            (EcnPolicy::WhenAsked, both, EcnUse::Both),
            (EcnPolicy::Ask, both, EcnUse::Both),
            (EcnPolicy::Ask, Flags::ECE, EcnUse::Off),
            (EcnPolicy::Ask, Flags::CWR, EcnUse::Off),
            (EcnPolicy::Ask, Flags::NONE, EcnUse::Off),
        ] {
            assert_eq!(EcnUse::of_syn(policy, Flags::SYN | syn), used, "{policy:?} {syn:?}");
        }
        assert_eq!(EcnUse::Both.answer(), Flags::ECE);
        assert_eq!(EcnUse::Off.answer(), Flags::NONE);
    }

    #[test]
    fn ecn_1_to_ecn_3_what_an_answer_agrees_to() {
        let (none, ece, cwr) = (Flags::NONE, Flags::ECE, Flags::CWR);
        for (offer, control, is_syn_ack, used) in [
            (EcnOffer::None, ece, true, EcnUse::Off),
            (EcnOffer::Standing, ece, true, EcnUse::Both),
            (EcnOffer::Standing, none, true, EcnUse::Off),
            (EcnOffer::Standing, cwr, true, EcnUse::Off),
            // ecn_2: mirrored.
            (EcnOffer::Standing, ece | cwr, true, EcnUse::Off),
            // A crossing SYN that asks too.
            (EcnOffer::Standing, ece | cwr, false, EcnUse::Both),
            (EcnOffer::Standing, ece, false, EcnUse::Off),
            (EcnOffer::None, ece | cwr, false, EcnUse::Off),
            // ecn_3: a SYN without it left too.
            (EcnOffer::Withdrawn, ece, true, EcnUse::EchoOnly),
        ] {
            let control = Flags::SYN | control;
            assert_eq!(offer.agreed(control, is_syn_ack), used, "{offer:?} {control:?}");
        }
    }

    #[test]
    fn ecn_3_a_repeated_syn_without_it_takes_marks_away() {
        assert_eq!(EcnUse::Both.after_syn_again(Flags::SYN), EcnUse::EchoOnly);
        assert_eq!(EcnUse::Both.after_syn_again(Flags::SYN | SETUP_SYN), EcnUse::Both);
        assert_eq!(EcnUse::Off.after_syn_again(Flags::SYN | SETUP_SYN), EcnUse::Off);
    }
}
