//! Probes: of a closed window, and of a silent peer.

use core::time::Duration;

use synack_wire::{Flags, SeqNum, SeqRange, TcpPacket};

use super::super::Connection;
use super::control::Text;
use crate::Instant;
use crate::recovery::Sent;

/// A probe that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Probe {
    /// Of a zero window, with an octet of text or the FIN (RFC 9293 §3.8.6.1).
    Window,
    /// Of an idle peer, without text (RFC 9293 §3.8.4).
    KeepAlive,
}

/// The override timer of sender silly-window avoidance, and how long a cork holds (SWS-5, NAGLE-5).
pub(super) const OVERRIDE: Duration = Duration::from_millis(200);

impl Connection {
    /// The probe that is due, if one is.
    pub(super) fn poll_probe(&mut self, now: Instant) -> Option<TcpPacket> {
        let probe = self.due.probe.take()?;
        self.counters.probes = self.counters.probes.wrapping_add(1);
        match probe {
            Probe::Window => self.window_probe(now),
            Probe::KeepAlive => Some(self.keep_alive_probe(now)),
        }
    }

    /// `<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK>`, no text: the peer must answer what it had already.
    ///
    /// Source: RFC 9293 §3.8.4 (KA-5, SHLD-12).
    fn keep_alive_probe(&mut self, now: Instant) -> TcpPacket {
        self.segment_packet(now, self.snd.nxt - 1, Text::default())
    }

    /// One octet, or the FIN, that the window does not take: the first that is unacknowledged, or
    /// the first that was never sent. It does not count as in flight and starts no retransmission
    /// timer (ZWP-3); the persist timer runs on, twice as long.
    fn window_probe(&mut self, now: Instant) -> Option<TcpPacket> {
        if !self.is_window_closed() || self.recovery.is_awaiting_ack() {
            return None;
        }
        let seq = if self.recovery.has_unacked() { self.snd.una } else { self.snd.nxt };
        let text = self.probe_text(seq)?;
        if seq == self.snd.nxt {
            self.snd.nxt += 1;
            let probed = SeqRange::with_len(seq, 1);
            self.recovery.on_sent(now, probed, 1, Sent::Probe);
        }
        self.waiting.sent_at = now;
        let packet = self.segment_packet(now, seq, text);
        self.arm_send_timers(now);
        Some(packet)
    }

    /// The octet at `seq`, or the FIN (ZWP-7).
    fn probe_text(&mut self, seq: SeqNum) -> Option<Text> {
        let offset = self.offset_of(seq);
        if self.snd.fin.is_none_or(|fin| seq < fin) && offset < self.send_buffer.end() {
            let payload = self.send_buffer.slice(offset, 1);
            return Some(Text { payload, ..Text::default() });
        }
        if self.wants_fin() {
            self.snd.fin = Some(seq);
        }
        (self.snd.fin == Some(seq)).then(|| Text { control: Flags::FIN, ..Text::default() })
    }
}
