//! One TCP segment: the header's fields as values that can only hold sane content, and its payload.

use crate::{Flags, Options, Payload, SeqNum};

/// A TCP segment (RFC 9293 §3.1).
///
/// The ACK and URG bits live in [`ack`](Self::ack) and [`urgent`](Self::urgent): `Some` sets the
/// bit and gives the field, `None` clears the bit and sends zero (WIRE-18). They are never in
/// [`control`](Self::control).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// SEG.SEQ: the number of the first octet, or of the SYN.
    pub seq: SeqNum,
    /// SEG.ACK: the next number the sender expects, if the ACK bit is set.
    pub ack: Option<SeqNum>,
    /// The control bits other than ACK and URG.
    pub control: Flags,
    /// The window field as sent, before any scaling.
    pub window: u16,
    /// The urgent field, an offset from `seq`, if the URG bit is set.
    pub urgent: Option<u16>,
    /// The options.
    pub options: Options,
    /// The text.
    pub payload: Payload,
}

impl Segment {
    /// SEG.LEN: octets of text, plus one for SYN and one for FIN.
    ///
    /// Source: RFC 9293 §3.4 (WIRE-10).
    pub fn len(&self) -> u32 {
        let controls = u32::from(self.is_syn()).saturating_add(u32::from(self.is_fin()));
        self.payload.len().saturating_add(controls)
    }

    /// Whether the segment occupies no sequence space: no text, no SYN, no FIN.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number after the last that the segment occupies: SEG.SEQ + SEG.LEN.
    pub fn end(&self) -> SeqNum {
        self.seq + self.len()
    }

    /// Every control bit, ACK and URG included.
    pub fn flags(&self) -> Flags {
        let mut flags = self.control.without(Flags::ACK | Flags::URG);
        if self.ack.is_some() {
            flags |= Flags::ACK;
        }
        if self.urgent.is_some() {
            flags |= Flags::URG;
        }
        flags
    }

    /// Whether SYN is set.
    pub fn is_syn(&self) -> bool {
        self.control.contains(Flags::SYN)
    }

    /// Whether FIN is set.
    pub fn is_fin(&self) -> bool {
        self.control.contains(Flags::FIN)
    }

    /// Whether RST is set.
    pub fn is_rst(&self) -> bool {
        self.control.contains(Flags::RST)
    }

    /// Octets of TCP header, options and padding included.
    pub fn header_len(&self) -> usize {
        self.options.encoded_len().saturating_add(20)
    }
}
