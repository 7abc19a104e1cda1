//! Super-segments in pieces: the segments that a packet stands for, without making packets of them.

use crate::{Flags, SeqNum, TcpPacket};

/// Some of the segments that a packet stands for, in a row: one of them, all, or the last few.
///
/// It is what a device sends that does not cut super-segments by itself: one header for each, FIN
/// and PSH on the last, the urgent field counted from each one's own number. Every other flag and
/// every option is in all of them, as accurate ECN wants it (RFC 9768 §3.2.2.5.1, ACCECN-9).
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    packet: &'a TcpPacket,
    /// Octets of the packet's payload before this.
    offset: u32,
    /// Octets of payload in this.
    len: u32,
}

impl<'a> Cut<'a> {
    /// The packet that this is cut from.
    pub(crate) fn packet(self) -> &'a TcpPacket {
        self.packet
    }

    /// The packet, if this is all of it.
    pub fn as_whole(self) -> Option<&'a TcpPacket> {
        (self.len == self.packet.segment.payload.len()).then_some(self.packet)
    }

    /// SEG.SEQ of the first of the segments.
    pub fn seq(self) -> SeqNum {
        self.packet.segment.seq + self.offset
    }

    /// Octets of payload.
    pub fn payload_len(self) -> u32 {
        self.len
    }

    /// Octets of the packet: IP header, TCP header and options, payload.
    pub fn packet_len(self) -> usize {
        self.packet.headers_len().saturating_add(self.len as usize)
    }

    /// Every control bit, ACK and URG included.
    pub(crate) fn flags(self) -> Flags {
        let flags = self.packet.segment.flags();
        let flags = if self.is_last() { flags } else { flags.without(Flags::FIN | Flags::PSH) };
        if self.urgent().is_some() { flags } else { flags.without(Flags::URG) }
    }

    /// The urgent field, if urgent text lies ahead of the first octet.
    pub(crate) fn urgent(self) -> Option<u16> {
        let urgent = self.packet.segment.urgent?;
        if self.offset == 0 {
            return Some(urgent);
        }
        let ahead = u32::from(urgent).checked_sub(self.offset)?;
        u16::try_from(ahead).ok().filter(|ahead| *ahead > 0)
    }

    /// The payload, in order.
    pub(crate) fn slices(self) -> impl Iterator<Item = &'a [u8]> {
        let (mut before, mut left) = (self.offset as usize, self.len as usize);
        self.packet.segment.payload.slices().iter().filter_map(move |slice| {
            let skipped = before.min(slice.len());
            let taken = left.min(slice.len().saturating_sub(skipped));
            (before, left) = (before.saturating_sub(skipped), left.saturating_sub(taken));
            let part = slice.get(skipped..)?.get(..taken)?;
            (taken > 0).then_some(part)
        })
    }

    /// A packet of these segments alone; it shares the payload.
    pub fn to_packet(self) -> TcpPacket {
        let mut packet = self.packet.clone();
        packet.segment_size = packet.segment_size.filter(|size| self.len > u32::from(size.get()));
        packet.segment.seq = self.seq();
        packet.segment.urgent = self.urgent();
        packet.segment.payload.advance(self.offset);
        packet.segment.payload.truncate(self.len);
        if !self.is_last() {
            packet.segment.control = packet.segment.control.without(Flags::FIN | Flags::PSH);
        }
        packet
    }

    fn is_last(self) -> bool {
        self.offset.saturating_add(self.len) == self.packet.segment.payload.len()
    }
}

/// All of a packet.
impl<'a> From<&'a TcpPacket> for Cut<'a> {
    #[inline]
    fn from(packet: &'a TcpPacket) -> Self {
        Self { packet, offset: 0, len: packet.segment.payload.len() }
    }
}

impl TcpPacket {
    /// The segments that this packet stands for, one by one: itself, if it is no super-segment.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use synack_wire::{Cut, IpFields, Payload, Segment, TcpPacket};
    /// let packet = TcpPacket {
    ///     source: "[2001:db8::1]:4321".parse().expect("an address"),
    ///     destination: "[2001:db8::2]:80".parse().expect("an address"),
    ///     ip: IpFields::default(),
    ///     segment_size: 4.try_into().ok(),
    ///     segment: Segment {
    ///         payload: Payload::from(Bytes::from("abcdefghij")),
    ///         ..Segment::default()
    ///     },
    /// };
    /// let segments: Vec<TcpPacket> = packet.cut_up().map(Cut::to_packet).collect();
    /// let texts: Vec<_> = segments.iter().map(|packet| packet.segment.payload.to_vec()).collect();
    /// assert_eq!(texts, [&b"abcd"[..], b"efgh", b"ij"]);
    /// ```
    pub fn cut_up(&self) -> impl Iterator<Item = Cut<'_>> {
        let len = self.segment.payload.len();
        let whole = len.max(1);
        let size = self.segment_size.map_or(whole, |size| u32::from(size.get()));
        (0..self.segments()).map(move |nth| {
            let offset = nth.saturating_mul(size);
            Cut { packet: self, offset, len: size.min(len.saturating_sub(offset)) }
        })
    }

    /// The segments from `cut`, which is one of this packet's, to the last.
    pub fn from_cut_on(&self, cut: Cut<'_>) -> Cut<'_> {
        let len = self.segment.payload.len().saturating_sub(cut.offset);
        Cut { packet: self, offset: cut.offset, len }
    }
}
