//! What a stage sends: the far end's templates, and what the host's answers must be, to the octet.

use synack_tcb::State;
use synack_wire::{Flags, Options, Segment, SeqNum, TcpPacket, Timestamps};

use super::{Change, Seen, Stage};

/// What the far end sends: in order, acknowledging everything, unless it is changed.
impl Stage {
    /// `<SEQ=RCV.NXT><ACK=SND.NXT><CTL=ACK>`
    pub(crate) fn ack(&self) -> TcpPacket {
        self.segment(self.rcv_nxt, Flags::NONE)
    }

    /// The same with this text.
    pub(crate) fn text(&self, text: &[u8]) -> TcpPacket {
        self.ack().with_text(text)
    }

    /// The same with FIN.
    pub(crate) fn fin(&self) -> TcpPacket {
        self.segment(self.rcv_nxt, Flags::FIN)
    }

    /// `<SEQ=seq><CTL=RST>`
    pub(crate) fn rst(&self, seq: SeqNum) -> TcpPacket {
        self.segment(seq, Flags::RST).with(|segment| {
            segment.ack = None;
            segment.options = Options::default();
        })
    }

    /// `<SEQ=seq><CTL=SYN>`
    pub(crate) fn syn(&self, seq: SeqNum) -> TcpPacket {
        self.segment(seq, Flags::SYN).with(|segment| {
            segment.ack = None;
            segment.options.timestamps.iter_mut().for_each(|timestamps| timestamps.echo = 0);
        })
    }

    /// `<SEQ=seq><ACK=SND.NXT><CTL=SYN,ACK>`
    pub(crate) fn syn_ack(&self, seq: SeqNum) -> TcpPacket {
        self.segment(seq, Flags::SYN)
    }

    fn segment(&self, seq: SeqNum, control: Flags) -> TcpPacket {
        let echo = self.host_clock().unwrap_or(0);
        let timestamps = self.plan.offer.timestamps;
        self.peer.segment(seq, Some(self.snd_nxt), control).with(|segment| {
            segment.window = self.plan.window;
            segment.options.timestamps =
                timestamps.map(|_| Timestamps { value: self.peer_clock, echo });
        })
    }
}

/// What the host sends.
impl Stage {
    /// `<SEQ=ISS><CTL=SYN>` with everything that the configuration offers.
    pub(crate) fn host_syn(&self) -> TcpPacket {
        let config = &self.plan.config;
        let timestamps = self.host_clock().filter(|_| config.timestamps);
        let options = Options {
            mss: Some(self.host_mss()),
            window_scale: config.window_scaling.then(|| self.host_shift()),
            sack_permitted: config.sack,
            timestamps: timestamps.map(|value| Timestamps { value, echo: 0 }),
            ..Options::default()
        };
        self.host_packet(Segment {
            seq: self.iss,
            control: Flags::SYN,
            window: self.unscaled_window(),
            options,
            ..Segment::default()
        })
    }

    /// `<SEQ=ISS><ACK=IRS+1><CTL=SYN,ACK>` with what both ends want.
    pub(crate) fn host_syn_ack(&self) -> TcpPacket {
        let (config, offer) = (&self.plan.config, &self.plan.offer);
        let shift = config.window_scaling.then(|| self.host_shift());
        let options = Options {
            mss: Some(self.host_mss()),
            window_scale: shift.filter(|_| offer.window_scale.is_some()),
            sack_permitted: config.sack && offer.sack_permitted,
            timestamps: self.host_timestamps(),
            ..Options::default()
        };
        self.host_packet(Segment {
            seq: self.iss,
            ack: Some(self.irs + 1),
            control: Flags::SYN,
            window: self.unscaled_window(),
            options,
            ..Segment::default()
        })
    }

    /// ACK!, and CHALLENGE: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`
    pub(crate) fn host_ack(&self) -> TcpPacket {
        self.host_segment(self.snd_nxt, Flags::NONE)
    }

    /// `<SEQ=seq><ACK=RCV.NXT><DATA=text><CTL=ACK>`, the last of what there is to send.
    pub(crate) fn host_text(&self, seq: SeqNum, text: &[u8]) -> TcpPacket {
        self.host_segment(seq, Flags::PSH).with_text(text)
    }

    /// `<SEQ=seq><ACK=RCV.NXT><CTL=FIN,ACK>`
    pub(crate) fn host_fin(&self, seq: SeqNum) -> TcpPacket {
        self.host_segment(seq, Flags::FIN)
    }

    /// RST(own): `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`
    pub(crate) fn host_rst_own(&self) -> TcpPacket {
        self.host_segment(self.snd_nxt, Flags::RST).with_window(0)
    }

    /// RST(ack) of a connection: `<SEQ=SEG.ACK><CTL=RST>`. In SYN-SENT nothing is agreed on yet.
    pub(crate) fn host_rst_at(&self, ack: SeqNum) -> TcpPacket {
        let agreed = self.host.seen(&self.peer) != Seen::In(State::SynSent);
        self.host_segment(ack, Flags::RST).with_window(0).with(|segment| {
            segment.ack = None;
            segment.options.timestamps = segment.options.timestamps.filter(|_| agreed);
            segment.options.timestamps.iter_mut().for_each(|timestamps| timestamps.echo = 0);
        })
    }

    /// What CLOSED answers: RST(ack) or RST(seq), the timestamp echoed (SM-CLOSED-2 to
    /// SM-CLOSED-4).
    pub(crate) fn nobodys_rst(&self, to: &TcpPacket) -> TcpPacket {
        let to = &to.segment;
        let timestamps =
            to.options.timestamps.map(|theirs| Timestamps { value: 0, echo: theirs.value });
        self.host_packet(Segment {
            seq: to.ack.unwrap_or_default(),
            ack: if to.ack.is_none() { Some(to.seq + to.len()) } else { None },
            control: Flags::RST,
            options: Options { timestamps, ..Options::default() },
            ..Segment::default()
        })
    }

    /// A segment of the host after the handshake.
    pub(crate) fn host_segment(&self, seq: SeqNum, control: Flags) -> TcpPacket {
        let timestamps = self.host_timestamps();
        self.host_packet(Segment {
            seq,
            ack: Some(self.rcv_nxt),
            control,
            window: self.window_field(),
            options: Options { timestamps, ..Options::default() },
            ..Segment::default()
        })
    }

    pub(crate) fn host_packet(&self, segment: Segment) -> TcpPacket {
        TcpPacket {
            source: self.peer.host,
            destination: self.peer.socket,
            ip: self.ip,
            segment_size: None,
            segment,
        }
    }

    /// A segment with the newest window has left.
    pub(crate) fn note_edge(&mut self) {
        let wnd = u32::from(self.window_field()) << self.rcv_shift();
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt + wnd);
    }

    /// The window field that says at least what was offered (TRAP-5).
    fn window_field(&self) -> u16 {
        let offered = self.rcv_adv.saturating_since(self.rcv_nxt);
        let down = self.next_window() >> self.rcv_shift();
        let field = if down << self.rcv_shift() < offered { down + 1 } else { down };
        field as u16
    }

    /// The window that the host's next segment offers: as the last one, until the edge may move by
    /// a segment or by half the buffer (SWS-6).
    pub(crate) fn next_window(&self) -> u32 {
        let offered = self.rcv_adv.saturating_since(self.rcv_nxt);
        let buffer = self.plan.config.receive_buffer.max();
        let unread = self.id.map_or(0, |id| self.host.connections[&id].info().unread);
        let most = u32::from(u16::MAX) << self.rcv_shift();
        let room = (buffer.saturating_sub(unread) as u32).min(most);
        let step = (buffer as u32 / 2).min(u32::from(self.host_mss()));
        if room.saturating_sub(offered) >= step { room } else { offered }
    }

    /// What the host's timestamp clock says now; `None` before it said anything.
    pub(crate) fn host_clock(&self) -> Option<u32> {
        let (at, value) = self.clock?;
        let millis = self.host.now.as_millis() - at.as_millis();
        Some(value.wrapping_add(millis as u32))
    }

    fn host_timestamps(&self) -> Option<Timestamps> {
        let value = self.host_clock().filter(|_| self.plan.config.timestamps)?;
        self.plan.offer.timestamps.map(|_| Timestamps { value, echo: self.ts_recent })
    }

    pub(crate) fn host_mss(&self) -> u16 {
        if self.plan.setting.is_ipv6 { 1_440 } else { 1_460 }
    }

    fn host_shift(&self) -> u8 {
        let buffer = self.plan.config.receive_buffer.max();
        (0..14).find(|shift| buffer <= usize::from(u16::MAX) << shift).unwrap_or(14)
    }

    fn rcv_shift(&self) -> u8 {
        let scaled = self.plan.config.window_scaling && self.plan.offer.window_scale.is_some();
        if scaled { self.host_shift() } else { 0 }
    }

    fn unscaled_window(&self) -> u16 {
        u16::try_from(self.plan.config.receive_buffer.initial()).unwrap_or(u16::MAX)
    }
}
