//! A segment with its addresses, the fields of the IP header that TCP decides or reads, and the
//! size of the segments it stands for.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use crate::Segment;

/// A TCP packet: what arrives from, and leaves for, the network.
///
/// With [`segment_size`](Self::segment_size) set it is a *super-segment*: one header and up to 64
/// KiB of payload that stand for several segments of that size (GRO on receipt, TSO on sending).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpPacket {
    /// Where it comes from.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// What the IP header says beside the addresses.
    pub ip: IpFields,
    /// Octets of payload in each segment that this super-segment stands for; `None` if it is plain.
    pub segment_size: Option<NonZeroU16>,
    /// The TCP header and the payload.
    pub segment: Segment,
}

impl TcpPacket {
    /// Whether the packet travels by IPv6.
    pub fn is_ipv6(&self) -> bool {
        matches!(self.destination.ip(), IpAddr::V6(_))
    }

    /// Octets of the whole packet: IP header, TCP header and options, payload.
    pub fn len(&self) -> usize {
        self.headers_len().saturating_add(self.segment.payload.len() as usize)
    }

    /// Octets of the IP header and the TCP header with its options.
    pub fn headers_len(&self) -> usize {
        let ip = if self.is_ipv6() { 40 } else { 20 };
        self.segment.header_len().saturating_add(ip)
    }

    /// Never: a packet has headers.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// How many segments the packet stands for: one, or what a super-segment would be cut into.
    pub fn segments(&self) -> u32 {
        match self.segment_size {
            Some(size) => self.segment.payload.len().div_ceil(u32::from(size.get())).max(1),
            None => 1,
        }
    }
}

/// The fields of an IP header that TCP sets on sending or reads on receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpFields {
    /// Differentiated services code point, 6 bits (RFC 2474).
    pub dscp: u8,
    /// The two ECN bits (RFC 3168).
    pub ecn: Ecn,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// IPv4's don't-fragment bit; always true for IPv6.
    pub dont_fragment: bool,
    /// IPv6's flow label, 20 bits; 0 for IPv4 (RFC 6437).
    pub flow_label: u32,
}

/// DF set, hop limit 64, everything else zero.
impl Default for IpFields {
    fn default() -> Self {
        Self { dscp: 0, ecn: Ecn::NotEct, hop_limit: 64, dont_fragment: true, flow_label: 0 }
    }
}

/// The ECN field of an IP header (RFC 3168 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Ecn {
    /// Not ECN-capable.
    #[default]
    NotEct = 0,
    /// ECN-capable transport, code point 1.
    Ect1 = 1,
    /// ECN-capable transport, code point 0.
    Ect0 = 2,
    /// Congestion experienced.
    Ce = 3,
}

impl Ecn {
    /// The code point in the low two bits.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}
