//! The packet around any segment: the newest ACK, window, options and IP fields.

use synack_wire::{Flags, Options, Payload, Segment, SeqNum, TcpPacket};

use super::super::handshake::ip_fields;
use super::super::timestamps::Echo;
use super::super::{Connection, State};
use crate::Instant;
use crate::recv::{AckDue, WindowInputs, next_window, window_field};
use crate::timers::Timer;

impl Connection {
    /// A segment without text at `seq`.
    pub(super) fn bare_packet(&mut self, now: Instant, seq: SeqNum, control: Flags) -> TcpPacket {
        let options = self.segment_options(now);
        let mut packet = self.segment_packet(seq, control, options);
        self.tell_of_syn_ack(&mut packet);
        self.count_sent(&packet);
        packet
    }

    /// A segment of a synchronized state, still without text: with the newest ACK, window and
    /// options, which settles what was owed to the peer (SM-OUT-4, SM-OUT-5, DACK-7).
    #[inline]
    pub(super) fn segment_packet(
        &mut self,
        seq: SeqNum,
        control: Flags,
        options: Options,
    ) -> TcpPacket {
        let (window, wnd) = window_field(&self.rcv, self.next_window(), self.window_inputs());
        self.rcv.advertise(wnd);
        self.timestamps.last_ack_sent = self.rcv.nxt;
        self.acks.on_ack_sent();
        self.due.window_update = false;
        if self.acks.due() == AckDue::None {
            self.timers.stop(Timer::DelayedAck);
        }
        let echo = self.ecn_echo();
        TcpPacket {
            source: self.path.local(),
            destination: self.path.remote(),
            ip: self.ip_fields(),
            segment_size: None,
            segment: Segment {
                seq,
                ack: Some(self.rcv.nxt),
                control: control | echo,
                window,
                urgent: self.urgent_field(seq),
                options,
                payload: Payload::new(),
            },
        }
    }

    /// The options of a segment without SYN: timestamps, and SACK while something is missing.
    ///
    /// Source: RFC 7323 §3.2 (TS-3); RFC 2018 §4 (SACK-3, SACK-4).
    pub(super) fn segment_options(&mut self, now: Instant) -> Options {
        let mut options = Options::default();
        if self.negotiated.timestamps {
            options.timestamps = Some(self.timestamps.option(now, Echo::Recent));
        }
        if self.negotiated.sack && self.sack_report.is_due() {
            let blocks_max = self.sack_blocks_max();
            let ranges = self.reassembly.ranges(self.rcv.nxt, self.received);
            options.sack = self.sack_report.take_blocks(blocks_max, ranges);
        }
        self.add_accurate_option(&mut options);
        options
    }

    /// The packet around a segment of the handshake, or a RST.
    pub(in crate::connection) fn packet(&mut self, segment: Segment) -> TcpPacket {
        let packet = TcpPacket {
            source: self.path.local(),
            destination: self.path.remote(),
            ip: self.ip_fields(),
            segment_size: None,
            segment,
        };
        self.count_sent(&packet);
        packet
    }

    pub(super) fn count_sent(&mut self, packet: &TcpPacket) {
        self.tally.segments_out += u64::from(packet.segments());
    }

    pub(in crate::connection) fn ip_fields(&self) -> synack_wire::IpFields {
        ip_fields(&self.config, self.flow_label)
    }

    /// RCV.WND as the next segment should offer it.
    fn next_window(&self) -> u32 {
        if self.state == State::Closed {
            return self.rcv.wnd();
        }
        next_window(&self.rcv, self.window_inputs())
    }

    pub(in crate::connection) fn window_inputs(&self) -> WindowInputs {
        WindowInputs {
            buffer: self.receive_limit(),
            unread: self.recv_buffer.len(),
            mss: u32::from(self.advertised_mss()),
        }
    }

    /// The urgent field of a segment at `seq`, while urgent text is unacknowledged and ahead of it;
    /// at most 65535, exact as soon as the field can say it.
    ///
    /// Source: RFC 9293 §3.8.5, §3.10.2 (URG-6, URG-7, MUST-62).
    fn urgent_field(&self, seq: SeqNum) -> Option<u16> {
        let ahead = self.snd.up?.saturating_since(seq);
        (ahead > 0).then(|| u16::try_from(ahead).unwrap_or(u16::MAX))
    }
}
