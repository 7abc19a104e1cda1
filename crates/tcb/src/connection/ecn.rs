//! Explicit congestion notification (RFC 3168): routers mark packets instead of dropping them.
//!
//! ```text
//!  sender ── ECT(0) text ──▶ router ── CE text ──▶ receiver
//!    ▲                                                │ ECE on every ACK,
//!    └──────────────── ACK, ECE ◀─────────────────────┘ until CWR comes
//!    │ reduces its window once, says CWR on new text
//! ```

use alloc::boxed::Box;

use synack_wire::{Ecn, Flags, Options, SeqNum, TcpPacket};

use super::accurate_ecn::{AccurateEcn, Feedback, HandshakeAck, Heard, Marks};
use super::ecn_agreement::{EcnTerms, EcnUse};
use super::input::Arrival;
use super::{Connection, mtu};
use crate::Instant;
use crate::congestion::CongestionSignal;
use crate::recovery::{AckOutcome, Marked};
use crate::recv::AckDue;
use crate::timers::Timer;

/// ECN of one connection, once it is agreed on.
#[derive(Clone, Debug, Default)]
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
    /// The counts, if both ends count.
    accurate: Option<Box<AccurateEcn>>,
}

impl Connection {
    // The handshake.

    /// What our SYN adds to its flags: an offer, which the third SYN withdraws, in case it was what
    /// kept the others from being answered.
    ///
    /// Source: RFC 3168 §6.1.1.1 (ECN-1, ECN-16, ECN-19); RFC 9768 §3.1.4.1 (ACCECN-7).
    pub(super) fn ecn_offer(&mut self) -> Flags {
        let handshake = &mut self.handshake;
        if handshake.syn_sent_at.is_none() {
            handshake.ecn_offer = EcnTerms::of(&self.config).offer();
        } else if handshake.retransmissions > 0 {
            handshake.ecn_offer = handshake.ecn_offer.withdrawn();
        }
        handshake.ecn_offer.flags()
    }

    /// The peer's SYN-ACK, or its crossing SYN, came.
    pub(super) fn agree_on_ecn(&mut self, arrival: &Arrival<'_>, terms: EcnTerms) {
        let (ours, control) = (self.handshake.ecn_offer, arrival.seg.control);
        if arrival.seg.ack.is_none() {
            self.negotiated.ecn = ours.agreed_by_crossing(terms, control, arrival.ecn);
            self.begin_accurate_ecn();
            return;
        }
        self.negotiated.ecn = ours.agreed(control, arrival.ecn);
        self.begin_accurate_ecn();
        if let Some(accurate) = &mut self.ecn.accurate {
            accurate.on_syn_ack(arrival.ecn);
            // The ACK of the SYN-ACK, and the first text (ACCECN-18).
            accurate.try_option(2);
        }
    }

    /// Counting begins, if both ends agreed to it.
    pub(super) fn begin_accurate_ecn(&mut self) {
        if self.negotiated.ecn.is_accurate() {
            self.ecn.accurate = Some(Box::new(AccurateEcn::new()));
        }
    }

    /// A SYN-ACK with the option may not have arrived: no other segment has it.
    pub(super) fn give_accurate_option_up(&mut self) {
        if let Some(accurate) = &mut self.ecn.accurate {
            accurate.give_option_up();
        }
    }

    /// A segment came that is not acceptable. If it is the SYN-ACK again, the pure ACK that it
    /// draws, if it does draw one, tells of its field (ACCECN-10).
    pub(super) fn hear_syn_ack_again(&mut self, arrival: &Arrival<'_>) {
        let is_syn_ack = arrival.seg.is_syn() && arrival.seg.ack == Some(self.snd.iss + 1);
        let is_again = is_syn_ack && arrival.seq == self.rcv.irs && !self.is_passive();
        if !is_again || self.acks.due() != AckDue::Now {
            return;
        }
        if let Some(accurate) = &mut self.ecn.accurate {
            accurate.on_syn_ack(arrival.ecn);
        }
    }

    /// Our SYN-ACK is acknowledged by the segment that opens the connection: if that is a pure ACK
    /// it tells what became of our ECN field.
    ///
    /// Source: RFC 9768 §3.2.2.1 (ACCECN-11), §3.2.2.2.
    pub(super) fn take_handshake_ack(&mut self, now: Instant, arrival: &Arrival<'_>) {
        let seg = &arrival.seg;
        let is_pure = self.is_passive() && seg.is_empty() && seg.options.sack.is_empty();
        let Some(accurate) = self.ecn.accurate.as_mut().filter(|_| is_pure) else { return };
        match accurate.on_handshake_ack(seg.control) {
            HandshakeAck::Sound => {}
            HandshakeAck::Mangled | HandshakeAck::Silent => self.stop_marking(),
            HandshakeAck::Marked => {
                self.stop_marking();
                let cwnd = self.cwnd();
                self.signal_congestion(now, CongestionSignal::Ecn, cwnd);
            }
        }
    }

    /// Our packets are not to be marked any more.
    fn stop_marking(&mut self) {
        self.negotiated.ecn = self.negotiated.ecn.without_marks();
    }

    // The side that receives text.

    /// A segment in the window came: whether routers marked it, and whether the peer has reduced.
    ///
    /// Source: RFC 3168 §6.1.3 (ECN-9, ECN-10), §6.1.5 (ECN-11); RFC 9768 §3.2 (ACCECN-12).
    pub(super) fn take_marks(&mut self, arrival: &Arrival<'_>) {
        match self.negotiated.ecn {
            EcnUse::Off => return,
            EcnUse::Accurate(_) => return self.count_marks(arrival),
            EcnUse::EchoOnly | EcnUse::Both => {}
        }
        if arrival.seg.payload.is_empty() {
            return;
        }
        // CWR first: a mark on the very segment is of congestion that it does not answer.
        if arrival.seg.control.contains(Flags::CWR) {
            self.ecn.echoes = false;
        }
        if arrival.ecn == Ecn::Ce {
            self.ecn.echoes = true;
            self.tally.rare.marks_in = self.tally.rare.marks_in.wrapping_add(1);
        }
    }

    fn count_marks(&mut self, arrival: &Arrival<'_>) {
        let Some(accurate) = &mut self.ecn.accurate else { return };
        if arrival.ecn == Ecn::Ce {
            self.tally.rare.marks_in = self.tally.rare.marks_in.wrapping_add(arrival.segments);
        }
        let is_due = accurate.on_packet(Heard {
            field: arrival.ecn,
            segments: arrival.segments,
            octets: arrival.seg.payload.len(),
            has_unacked: self.acks.due() != AckDue::None,
        });
        if is_due {
            self.acks.owe_now();
        }
    }

    /// What every segment with an ACK adds to its flags (ECN-9, ACCECN-9).
    pub(super) fn ecn_echo(&mut self) -> Flags {
        if let Some(accurate) = &mut self.ecn.accurate {
            accurate.on_told();
            return accurate.ace();
        }
        if self.ecn.echoes { Flags::ECE } else { Flags::NONE }
    }

    /// Makes a pure ACK tell of the SYN-ACK, if it is the one to do so (ACCECN-10).
    pub(super) fn tell_of_syn_ack(&mut self, packet: &mut TcpPacket) {
        let Some(accurate) = &mut self.ecn.accurate else { return };
        let segment = &mut packet.segment;
        let Some(told) = accurate.take_handshake_ace() else { return };
        if segment.is_empty() && segment.options.sack.is_empty() {
            segment.control = segment.control.without(accurate.ace()) | told;
        }
    }

    /// Whether a pure ACK is to leave before text does, to tell of the SYN-ACK (ACCECN-10).
    pub(super) fn owes_handshake_ack(&self) -> bool {
        self.ecn.accurate.as_ref().is_some_and(|accurate| accurate.owes_pure_ack())
    }

    /// Adds the counts to the options of a segment, if they changed and there is room beside them.
    pub(super) fn add_accurate_option(&mut self, options: &mut Options) {
        let Some(accurate) = &mut self.ecn.accurate else { return };
        let taken = options.encoded_len() as u32;
        let room = mtu::options_room(self.path_mtu.used(), self.path.is_ipv6(), taken);
        options.accurate_ecn = accurate.take_option(room);
    }

    // The side that sends text.

    /// Makes a packet of new text one that routers may mark, and tells the peer with the first that
    /// cwnd was reduced. Text sent again, ACKs, probes and SYNs stay as they are.
    ///
    /// Source: RFC 3168 §6.1.1 to §6.1.6 (ECN-3 to ECN-8, ECN-13).
    pub(super) fn mark_new_text(&mut self, packet: &mut TcpPacket) {
        if packet.segment.payload.is_empty() {
            return;
        }
        if self.negotiated.ecn.may_mark() {
            packet.ip.ecn = Ecn::Ect0;
        }
        if core::mem::take(&mut self.ecn.cwr_due) {
            packet.segment.control |= Flags::CWR;
        }
    }

    /// Whether the next packet of text has the flag CWR: only its first segment would, as devices
    /// cut it up, so it is one segment.
    pub(super) fn is_cwr_due(&self) -> bool {
        let counts = self.ecn.accurate.as_ref();
        self.ecn.cwr_due || counts.is_some_and(|counts| counts.ace().contains(Flags::CWR))
    }

    /// cwnd was, or is about to be, reduced for whatever reason (ECN-13). Where both ends count,
    /// nothing needs to be confirmed (ACCECN-23).
    pub(super) fn owe_cwr(&mut self) {
        self.ecn.cwr_due = match self.negotiated.ecn {
            EcnUse::Off | EcnUse::Accurate(_) => false,
            EcnUse::EchoOnly | EcnUse::Both => true,
        };
    }

    /// Whether a window's reduction by a mark still goes on: a loss in it is of the same congestion
    /// (RFC 3168 §6.1.2, ECN-12).
    pub(super) fn is_reduced_by_mark(&self) -> bool {
        self.ecn.reduced_to.is_some_and(|to| self.snd.una < to)
    }

    /// Whether this ACK echoes a mark, or counts more of them.
    pub(super) fn is_echo(&mut self, arrival: &Arrival<'_>, outcome: &AckOutcome) -> bool {
        match self.negotiated.ecn {
            EcnUse::Off => false,
            EcnUse::EchoOnly | EcnUse::Both => arrival.seg.control.contains(Flags::ECE),
            EcnUse::Accurate(_) => self.counts_marks(arrival, outcome),
        }
    }

    /// Takes the counts of an ACK, unless a later one came before it: then it delivers nothing.
    ///
    /// Source: RFC 9768 §3.2.2.2, §3.2.3.1, §3.2.3.2.5 (ACCECN-13, ACCECN-21).
    fn counts_marks(&mut self, arrival: &Arrival<'_>, outcome: &AckOutcome) -> bool {
        let mss = self.smss();
        let Some(accurate) = &mut self.ecn.accurate else { return false };
        let Some(sample) = &outcome.sample else { return false };
        let marks = accurate.on_feedback(Feedback {
            control: arrival.seg.control,
            option: arrival.seg.options.accurate_ecn,
            delivered: sample.delivered_bytes,
            mss,
        });
        match marks {
            Marks::Packets(marks) => {
                self.tally.rare.marks_out = self.tally.rare.marks_out.wrapping_add(marks);
                marks > 0
            }
            Marks::Mangled => {
                self.stop_marking();
                false
            }
        }
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
    /// Source: RFC 3168 §6.1.2 (ECN-12, ECN-14, ECN-15); RFC 9937 §6 (PRR-11).
    pub(super) fn take_echo(
        &mut self,
        now: Instant,
        ack: SeqNum,
        outcome: &AckOutcome,
        is_recovering: bool,
    ) {
        let is_old = self.ecn.reduced_to.is_some_and(|to| ack <= to);
        self.end_reduction(now, ack);
        if is_old || is_recovering {
            return;
        }
        let (cwnd, flight_size) = (self.cwnd(), self.snd.flight_size());
        self.ecn.reduced_to = Some(self.snd.nxt);
        self.tally.rare.mark_reductions = self.tally.rare.mark_reductions.wrapping_add(1);
        self.signal_congestion(now, CongestionSignal::Ecn, flight_size.min(cwnd));
        if cwnd <= self.smss() {
            self.hold_back(now);
            return;
        }
        let delivered = outcome.sample.as_ref().map_or(0, |sample| sample.delivered_bytes);
        if delivered > 0 && ack < self.snd.nxt && !self.congestion.governs_recovery() {
            let (cwnd, mss) = (self.congestion.cwnd(), self.smss());
            self.recovery.begin_mark_reduction(Marked { cwnd, flight_size, delivered, mss });
        }
    }

    /// Everything that had been sent when a mark reduced cwnd is acknowledged.
    fn end_reduction(&mut self, now: Instant, ack: SeqNum) {
        if self.ecn.reduced_to.is_some_and(|to| ack >= to) {
            self.ecn.reduced_to = None;
            self.recovery.end_mark_reduction();
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
