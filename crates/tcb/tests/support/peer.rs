//! The far end of a conversation, played by hand: each packet is a template with one changed field.

use std::net::SocketAddr;

use bytes::Bytes;
use synack_wire::{Flags, IpFields, Options, Segment, SeqNum, TcpPacket, Timestamps};

/// Who speaks to the host, and where to. Every packet it makes has a window of 65,535 and no
/// option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The far end's socket.
    pub(crate) socket: SocketAddr,
    /// The host's socket.
    pub(crate) host: SocketAddr,
}

impl Peer {
    pub(crate) fn new(socket: &str, host: &str) -> Self {
        Self { socket: socket.parse().unwrap(), host: host.parse().unwrap() }
    }

    /// The same far end with another port.
    pub(crate) fn with_port(self, port: u16) -> Self {
        Self { socket: SocketAddr::new(self.socket.ip(), port), ..self }
    }

    /// A segment with these control bits.
    pub(crate) fn segment(
        &self,
        seq: impl Number,
        ack: Option<SeqNum>,
        control: Flags,
    ) -> TcpPacket {
        TcpPacket {
            source: self.socket,
            destination: self.host,
            ip: IpFields::default(),
            segment_size: None,
            segment: Segment {
                seq: seq.number(),
                ack,
                control,
                window: u16::MAX,
                ..Segment::default()
            },
        }
    }

    /// `<SEQ=seq><CTL=SYN>`
    pub(crate) fn syn(&self, seq: impl Number) -> TcpPacket {
        self.segment(seq, None, Flags::SYN)
    }

    /// `<SEQ=seq><ACK=ack><CTL=SYN,ACK>`
    pub(crate) fn syn_ack(&self, seq: impl Number, ack: impl Number) -> TcpPacket {
        self.segment(seq, Some(ack.number()), Flags::SYN)
    }

    /// `<SEQ=seq><ACK=ack><CTL=ACK>`
    pub(crate) fn ack(&self, seq: impl Number, ack: impl Number) -> TcpPacket {
        self.segment(seq, Some(ack.number()), Flags::NONE)
    }

    /// `<SEQ=seq><ACK=ack><CTL=FIN,ACK>`
    pub(crate) fn fin(&self, seq: impl Number, ack: impl Number) -> TcpPacket {
        self.segment(seq, Some(ack.number()), Flags::FIN)
    }

    /// `<SEQ=seq><CTL=RST>`
    pub(crate) fn rst(&self, seq: impl Number) -> TcpPacket {
        self.segment(seq, None, Flags::RST)
    }

    /// `<SEQ=seq><ACK=ack><DATA=text><CTL=ACK>`
    pub(crate) fn text(&self, seq: impl Number, ack: impl Number, text: &[u8]) -> TcpPacket {
        self.ack(seq, ack).with_text(text)
    }
}

/// A sequence number, however a test has it.
pub(crate) trait Number {
    fn number(self) -> SeqNum;
}

impl Number for u32 {
    fn number(self) -> SeqNum {
        SeqNum::new(self)
    }
}

impl Number for SeqNum {
    fn number(self) -> SeqNum {
        self
    }
}

/// What a template is changed by.
pub(crate) trait Change: Sized {
    /// Changes any field of the segment.
    fn with(self, change: impl FnOnce(&mut Segment)) -> Self;

    fn with_text(self, text: &[u8]) -> Self {
        self.with(|segment| segment.payload = Bytes::copy_from_slice(text).into())
    }

    fn with_control(self, control: Flags) -> Self {
        self.with(|segment| segment.control = control)
    }

    /// With this SEG.SEQ.
    fn at(self, seq: impl Number) -> Self {
        self.with(|segment| segment.seq = seq.number())
    }

    /// With this SEG.ACK.
    fn acking(self, ack: impl Number) -> Self {
        self.with(|segment| segment.ack = Some(ack.number()))
    }

    fn without_ack(self) -> Self {
        self.with(|segment| segment.ack = None)
    }

    fn with_window(self, window: u16) -> Self {
        self.with(|segment| segment.window = window)
    }

    fn with_options(self, options: Options) -> Self {
        self.with(|segment| segment.options = options)
    }

    fn with_timestamps(self, value: u32, echo: u32) -> Self {
        self.with(|segment| segment.options.timestamps = Some(Timestamps { value, echo }))
    }
}

impl Change for TcpPacket {
    fn with(mut self, change: impl FnOnce(&mut Segment)) -> Self {
        change(&mut self.segment);
        self
    }
}

/// The segment as RFC 9293 writes it: `<SEQ=100><ACK=301><DATA=5><CTL=SYN,ACK>`, window and options
/// left out.
pub(crate) fn control(packet: &TcpPacket) -> String {
    let segment = &packet.segment;
    let mut text = format!("<SEQ={}>", segment.seq);
    if let Some(ack) = segment.ack {
        text += &format!("<ACK={ack}>");
    }
    if !segment.payload.is_empty() {
        text += &format!("<DATA={}>", segment.payload.len());
    }
    let names =
        [(Flags::SYN, "SYN"), (Flags::FIN, "FIN"), (Flags::RST, "RST"), (Flags::ACK, "ACK")];
    let flags = segment.flags();
    let set: Vec<_> = names.iter().filter(|(flag, _)| flags.contains(*flag)).collect();
    let names: Vec<_> = set.iter().map(|(_, name)| *name).collect();
    text + &format!("<CTL={}>", names.join(","))
}
