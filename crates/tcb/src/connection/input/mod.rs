//! Segment arrival in the states after LISTEN and SYN-SENT: the steps of RFC 9293 §3.10.7.4, in
//! order.

mod acceptable;
mod ack;
mod fin;
mod icmp;
mod reset;
mod syn_sent;
mod text;
mod urgent;

use synack_wire::{Ecn, Segment, SeqNum, TcpPacket};

use super::{Connection, State};
use crate::Instant;
use crate::drop_reason::DropReason;

/// An arriving segment on its way through the steps; it stays where the caller has it, as it is
/// large to move.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    /// The segment, trimmed to the window.
    pub(super) seg: &'a mut Segment,
    /// SEG.SEQ before any trimming.
    pub(super) seq: SeqNum,
    /// SEG.LEN before any trimming.
    len: u32,
    /// SEG.UP as a number, read before any trimming.
    up: Option<SeqNum>,
    /// SEG.WND, scaled (SM-PRE-4).
    wnd: u32,
    /// Whether something of it was cut off, which is acknowledged at once if the rest is used.
    trimmed: bool,
    /// How many segments it stands for.
    pub(super) segments: u32,
    /// What routers did to the ECN field of its packet.
    pub(super) ecn: Ecn,
    /// Whether its window, text and FIN may be used, or its ACK field alone.
    scope: Scope,
}

/// How much of a segment is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// Everything that is in the window.
    All,
    /// The ACK field: the segment is a duplicate, but its ACK may be new (SM-SEQ-10, SM-SEQ-11).
    AckOnly,
}

impl Connection {
    /// SEGMENT ARRIVES (RFC 9293 §3.10.7.3, §3.10.7.4). What is left of the packet means nothing.
    ///
    /// # Errors
    /// Why the segment, or what was left of it, was not used. State may have changed all the same:
    /// an old duplicate draws an ACK, a RST ends the connection.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        packet: &mut TcpPacket,
    ) -> Result<(), DropReason> {
        let segments = packet.segments();
        self.tally.segments_in += u64::from(segments);
        match self.state {
            State::Closed => return Err(DropReason::Closed),
            // The endpoint carries on there.
            State::TimeWait => return Err(DropReason::TimeWait),
            State::SynSent => {
                let mut arrival = self.arrival(&mut packet.segment, segments);
                arrival.ecn = packet.ip.ecn;
                return self.arrive_in_syn_sent(now, &mut arrival);
            }
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => {}
        }
        self.release_paced(now);
        let mut arrival = self.arrival(&mut packet.segment, segments);
        arrival.ecn = packet.ip.ecn;
        self.check_acceptable(now, &mut arrival)?; // steps 8.1, 8.2
        self.check_reset(now, &arrival)?; // 8.3
        self.check_syn(now, &arrival)?; // 8.4
        self.process_ack(now, &arrival)?; // 8.5
        if self.process_pending(now) {
            // What came with the SYN is old news in this segment.
            self.trim(&mut arrival);
        }
        self.process_after_ack(now, &mut arrival) // 8.6 to 8.8
    }

    /// The steps after the ACK: URG, text, FIN (SM-URG, SM-TEXT, SM-FIN).
    fn process_after_ack(
        &mut self,
        now: Instant,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), DropReason> {
        if arrival.trimmed {
            self.acks.owe_now();
        }
        self.take_marks(arrival);
        self.process_urgent(arrival);
        self.note_fin(arrival);
        self.process_text(now, arrival)?;
        self.process_fin(now);
        Ok(())
    }

    /// Text and FIN that came with the SYN of a simultaneous open, once that is complete
    /// (SM-SYNSENT-8). Returns whether there were any.
    fn process_pending(&mut self, now: Instant) -> bool {
        let pending = self.handshake.inside().and_then(|handshake| handshake.pending.take());
        let Some(mut seg) = pending else { return false };
        self.handshake.vacate();
        let mut arrival = self.arrival(&mut seg, 1);
        // It was not acknowledged yet: what is refused now comes again.
        let _ = self.process_after_syn(now, &mut arrival);
        true
    }

    fn arrival<'a>(&self, seg: &'a mut Segment, segments: u32) -> Arrival<'a> {
        let shift = if seg.is_syn() { 0 } else { self.snd.shift };
        Arrival {
            seq: seg.seq,
            len: seg.len(),
            up: seg.urgent.map(|urgent| seg.seq + u32::from(urgent)),
            wnd: u32::from(seg.window) << shift,
            trimmed: false,
            segments,
            ecn: Ecn::NotEct,
            scope: Scope::All,
            seg,
        }
    }

    /// Owes a challenge ACK, if the limit of this connection allows (RFC 5961 §7).
    fn challenge(&mut self, now: Instant) {
        if self.acks.challenge(now) {
            self.tally.rare.challenge_acks = self.tally.rare.challenge_acks.wrapping_add(1);
        }
    }
}
