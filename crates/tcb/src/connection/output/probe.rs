//! Probes: of a closed window, of a silent peer, and of the tail of a flight.

use synack_wire::{Flags, SeqRange, TcpPacket};

use super::super::Connection;
use crate::Instant;
use crate::recovery::Sent;

/// A probe that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Probe {
    /// Of a zero window, with an octet of text or the FIN (RFC 9293 §3.8.6.1).
    Window,
    /// Of an idle peer, without text (RFC 9293 §3.8.4).
    KeepAlive,
    /// Of the last segment of a flight (RFC 8985 §7).
    Tail,
}

impl Connection {
    /// The probe that is due, if one is.
    pub(super) fn poll_probe(&mut self, now: Instant) -> Option<TcpPacket> {
        let packet = match self.due.probe.take()? {
            Probe::Window => {
                let packet = self.window_probe(now);
                // Also when the window opened since the probe fell due, and what waits now needs a
                // timer of another kind.
                self.arm_send_timers(now);
                packet?
            }
            Probe::KeepAlive => self.keep_alive_probe(now),
            Probe::Tail => {
                let Some(packet) = self.tail_probe(now) else {
                    self.arm_send_timers(now);
                    return None;
                };
                self.tally.rare.loss_probes = self.tally.rare.loss_probes.wrapping_add(1);
                return Some(packet);
            }
        };
        self.tally.rare.probes = self.tally.rare.probes.wrapping_add(1);
        Some(packet)
    }

    /// `<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK>`, no text: the peer must answer what it had already.
    ///
    /// Source: RFC 9293 §3.8.4 (KA-5, SHLD-12).
    fn keep_alive_probe(&mut self, now: Instant) -> TcpPacket {
        self.bare_packet(now, self.snd.nxt - 1, Flags::NONE)
    }

    /// One octet, or the FIN, that the window does not take: the first that is unacknowledged, or
    /// the first that was never sent. It does not count as in flight and starts no retransmission
    /// timer (ZWP-3); the persist timer runs on, twice as long.
    fn window_probe(&mut self, now: Instant) -> Option<TcpPacket> {
        if !self.is_window_closed() || self.recovery.is_awaiting_ack() {
            return None;
        }
        let seq = if self.recovery.has_unacked() { self.snd.una } else { self.snd.nxt };
        let offset = self.offset_of(seq);
        let is_text = self.snd.fin.is_none_or(|fin| seq < fin) && offset < self.send_buffer.end();
        if !is_text && self.wants_fin() {
            // ZWP-7: a FIN is probed like text.
            self.snd.fin = Some(seq);
        }
        if !is_text && self.snd.fin != Some(seq) {
            return None;
        }
        if seq == self.snd.nxt {
            self.snd.nxt += 1;
            let probed = SeqRange::with_len(seq, 1);
            self.recovery.on_sent(now, probed, 1, Sent::Probe);
        } else {
            self.recovery.on_window_probed(seq);
        }
        self.waiting.sent_at = now;
        let control = if is_text { Flags::NONE } else { Flags::FIN };
        let mut packet = self.bare_packet(now, seq, control);
        if is_text {
            self.send_buffer.slice(offset, 1, &mut packet.segment.payload);
        }
        Some(packet)
    }
}
