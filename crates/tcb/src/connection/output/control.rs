//! Segments that are their header alone: pure ACKs and resets.

use synack_wire::{Flags, Options, Segment, TcpPacket};

use super::super::Connection;
use super::super::timestamps::Echo;
use crate::Instant;

impl Connection {
    /// RST(own) after an abort, or RST(ack) in answer to an unacceptable ACK of the handshake.
    /// Never sent again (RST-14).
    ///
    /// Source: RFC 9293 §3.10.5 (RST-13), §3.5.2 (RST-6).
    pub(super) fn poll_reset(&mut self, now: Instant) -> Option<TcpPacket> {
        let reply_at = self.due.reset_at.take();
        let seq = match reply_at {
            Some(seq) => seq,
            None if core::mem::take(&mut self.due.reset) => self.snd.bare_seq(),
            None => return None,
        };
        // TS-4: a RST carries the option too, if it is in use.
        let timestamps = self.negotiated.timestamps.then(|| {
            let echo = if reply_at.is_none() { Echo::Recent } else { Echo::None };
            self.timestamps.option(now, echo)
        });
        let segment = Segment {
            seq,
            ack: reply_at.is_none().then_some(self.rcv.nxt),
            control: Flags::RST,
            options: Options { timestamps, ..Options::default() },
            ..Segment::default()
        };
        Some(self.packet(segment))
    }

    /// A pure ACK: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`; the number as SM-OUT-6.
    pub(super) fn ack_packet(&mut self, now: Instant) -> TcpPacket {
        let seq = self.snd.bare_seq();
        self.bare_packet(now, seq, Flags::NONE)
    }
}
