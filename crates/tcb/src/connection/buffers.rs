//! How large both buffers may be now, and what makes them grow.

use synack_wire::SeqNum;

use super::Connection;
use super::input::Arrival;
use crate::Instant;
use crate::config::BufferSize;
use crate::recv::Reader;

impl Connection {
    /// How many octets may be written and not yet acknowledged now. Units: octets.
    ///
    /// Source: RBUF-6, RBUF-8.
    pub fn send_limit(&self) -> usize {
        self.config.send_buffer.limit(self.send_wanted)
    }

    /// How many octets may be received and not yet read now: RCV.BUFF. Units: octets.
    ///
    /// Source: RBUF-3, RBUF-6.
    pub fn receive_limit(&self) -> usize {
        self.config.receive_buffer.limit(self.tuning.wanted())
    }

    /// An ACK is about to be taken. If the send buffer is full, all of it is sent, and cwnd would
    /// let more go, then it is the buffer that limits the sender: from now on it may hold twice
    /// cwnd, or twice what is in flight if that is more, since what a recovery needs is twice the
    /// window from before it. It never goes back.
    ///
    /// A writer that waits for cwnd gains nothing from a larger buffer: what is written would only
    /// lie longer, and leave the cache before it leaves the host.
    ///
    /// Source: RBUF-8; the factor and the condition are those of Linux.
    pub(super) fn grow_send_buffer(&mut self) {
        let is_all_sent = self.unsent() < u64::from(self.smss());
        if is_all_sent && !self.has_write_room() && self.cwnd_room() > 0 {
            let window = self.cwnd().max(self.recovery.outstanding());
            self.send_wanted = self.send_wanted.max(window.saturating_mul(2));
        }
    }

    /// Text in order arrived, up to RCV.NXT: what it tells of the round trip (RBUF-1).
    pub(super) fn time_text(&mut self, now: Instant, arrival: &Arrival<'_>, octets: u32) {
        if matches!(self.config.receive_buffer, BufferSize::Fixed(_)) {
            return;
        }
        if !self.negotiated.timestamps {
            self.tuning.on_text(now, self.rcv.nxt, self.rcv.adv);
            return;
        }
        // Less than a full-sized segment waited for the application, not for an ACK.
        let is_full = octets.div_ceil(arrival.segments.max(1)) >= self.acks.segment_max();
        let timestamps = arrival.seg.options.timestamps.filter(|_| is_full);
        let Some(echo) = timestamps.map(|timestamps| timestamps.echo) else { return };
        if let Some(age) = self.timestamps.echoed_rtt(now, echo) {
            self.tuning.on_echo(echo, age);
        }
    }

    /// The application read: the receive buffer grows with what it reads (RBUF-2).
    pub(super) fn tune_receive_buffer(&mut self, now: Instant) {
        match self.config.receive_buffer {
            BufferSize::Fixed(_) => {}
            BufferSize::Auto { .. } => self.tuning.on_read(now, self.reader()),
        }
    }

    /// Where the application is in what arrives.
    pub(super) fn reader(&self) -> Reader {
        Reader { position: self.read_position(), mss: self.advertised_mss() }
    }

    /// The number of the next octet that the application will read.
    pub(super) fn read_position(&self) -> SeqNum {
        // A consumed FIN has a number but no octet.
        let text_end = self.rcv.nxt - u32::from(self.state.has_peer_fin());
        text_end - self.recv_buffer.len() as u32
    }
}
