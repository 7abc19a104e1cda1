//! Octets from the network into what they are: a TCP packet, an ICMP error, an echo, or else.

use core::net::SocketAddr;
use core::ops::Range;

use bytes::{Buf, Bytes};

use crate::address_pair::AddressPair;
use crate::echo::EchoRequest;
use crate::icmp::{self, IcmpError};
use crate::{
    Flags, IpFields, OptionFault, Options, ParseError, Payload, Segment, SeqNum, TcpPacket, ipv4,
    ipv6,
};

/// What a packet turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one is the usual one; a box would allocate"
)]
pub enum Parsed {
    /// A TCP segment whose lengths and checksum are right.
    Tcp {
        /// The packet. Its `segment_size` is `None`: only the device knows of super-segments.
        packet: TcpPacket,
        /// What was wrong with its options, to be counted; the packet is used without them
        /// (DEC-11).
        option_fault: Option<OptionFault>,
    },
    /// An ICMP error about a TCP segment that claims to be ours.
    IcmpError(IcmpError),
    /// An ICMP echo request.
    Echo(EchoRequest),
    /// An IP packet that is none of these, without what followed its total length: for the
    /// application. Its IP header was checked, the rest was not looked at.
    Other(Bytes),
}

/// How far the device vouches for the TCP checksum of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChecksumTrust {
    /// Not at all: it is verified (MUST-3).
    Verify,
    /// The device verified it, or the packet never left this machine.
    Vouched,
    /// The field may hold only the sum of the pseudo-header, for a device to complete. Such a
    /// packet never left this machine; any other is verified.
    Partial,
}

/// Reads one IP packet. The payload is a slice of `packet`: nothing is copied, and nothing
/// allocated but where `Bytes` itself does to cut octets behind the packet off a fresh `Vec`.
///
/// A fragment of TCP or ICMP is refused; fragments of other protocols are for the application.
///
/// # Errors
/// The reason why the packet must be dropped without a reply (SM-PRE-1); any octets give a result.
///
/// ```
/// use synack_wire::{ChecksumTrust, ParseError, parse};
/// let noise = bytes::Bytes::from_static(&[0xff; 60]);
/// assert_eq!(parse(noise, ChecksumTrust::Verify), Err(ParseError::IpVersion));
/// ```
///
/// Source: RFC 9293 §3.1 (WIRE-1..WIRE-21, MUST-3).
#[inline]
pub fn parse(packet: Bytes, trust: ChecksumTrust) -> Result<Parsed, ParseError> {
    let ip = match packet.first().map(|octet| octet >> 4) {
        Some(4) => ipv4::parse(&packet)?,
        Some(6) => ipv6::parse(&packet)?,
        Some(_) | None => return Err(ParseError::IpVersion),
    };
    if ip.protocol == TCP && !ip.is_fragment {
        return parse_tcp(packet, &ip, trust);
    }
    parse_other(packet, &ip)
}

/// What the layers above need of an IP header of either version.
pub(crate) struct IpHeader {
    pub(crate) addresses: AddressPair,
    /// The upper layer, behind all extension headers.
    pub(crate) protocol: u8,
    /// Where the upper layer begins in the packet.
    pub(crate) start: usize,
    /// Where the packet ends, by its own length field.
    pub(crate) end: usize,
    pub(crate) is_fragment: bool,
    pub(crate) fields: IpFields,
}

fn parse_tcp(packet: Bytes, ip: &IpHeader, trust: ChecksumTrust) -> Result<Parsed, ParseError> {
    let octets = packet.get(ip.start..ip.end).ok_or(ParseError::TcpHeaderLength)?;
    let header: &[u8; 20] = octets.first_chunk().ok_or(ParseError::TcpHeaderLength)?;
    let header_len = usize::from(header[12] >> 4) << 2;
    // Fails for an offset below 20 octets as for one beyond the segment (WIRE-2).
    let options = octets.get(20..header_len).ok_or(ParseError::TcpDataOffset)?;
    let field = u16::from_be_bytes([header[16], header[17]]);
    if trust != ChecksumTrust::Vouched && !is_intact(ip, octets, field, trust) {
        return Err(ParseError::TcpChecksum);
    }
    let header = *header;
    let text = ip.start.saturating_add(header_len)..ip.end;
    // Two straight paths: with one, the large value is built in one place and copied to another.
    if let Some(options) = Options::parse_usual(options) {
        return Ok(assemble(ip, &header, options, None, slice(packet, text)));
    }
    let (options, fault) = Options::parse(options);
    Ok(assemble(ip, &header, options, fault, slice(packet, text)))
}

/// The octets of `range`, which lies in `packet`, without taking another reference to it.
#[inline(always)]
fn slice(mut packet: Bytes, range: Range<usize>) -> Bytes {
    // Rare (E13), and not free for every kind of `Bytes`.
    if packet.len() > range.end {
        packet.truncate(range.end);
    }
    packet.advance(range.start);
    packet
}

/// A TCP packet in one expression, so that it is written once.
#[inline(always)]
fn assemble(
    ip: &IpHeader,
    header: &[u8; 20],
    options: Options,
    option_fault: Option<OptionFault>,
    text: Bytes,
) -> Parsed {
    let flags = Flags::from_bits(u16::from_be_bytes([header[12], header[13]]));
    let source_port = u16::from_be_bytes([header[0], header[1]]);
    let destination_port = u16::from_be_bytes([header[2], header[3]]);
    let seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let ack = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let urgent = u16::from_be_bytes([header[18], header[19]]);
    Parsed::Tcp {
        packet: TcpPacket {
            source: SocketAddr::new(ip.addresses.source(), source_port),
            destination: SocketAddr::new(ip.addresses.destination(), destination_port),
            ip: ip.fields,
            segment_size: None,
            segment: Segment {
                seq: SeqNum::new(seq),
                ack: flags.contains(Flags::ACK).then_some(SeqNum::new(ack)),
                control: flags.without(Flags::ACK | Flags::URG),
                window: u16::from_be_bytes([header[14], header[15]]),
                urgent: flags.contains(Flags::URG).then_some(urgent),
                options,
                payload: Payload::from(text),
            },
        },
        option_fault,
    }
}

/// Whether the checksum `field` of a TCP segment is right, or excused by `trust`.
#[inline]
fn is_intact(ip: &IpHeader, octets: &[u8], field: u16, trust: ChecksumTrust) -> bool {
    // No IP length field can say more than 16 bits.
    let Ok(len) = u16::try_from(octets.len()) else { return false };
    let mut sum = ip.addresses.pseudo_header(TCP, len);
    if trust == ChecksumTrust::Partial && field == sum.fold() {
        return true;
    }
    sum.add(octets);
    sum.is_intact()
}

#[cold]
fn parse_other(mut packet: Bytes, ip: &IpHeader) -> Result<Parsed, ParseError> {
    let is_ours = ip.protocol == TCP || ip.protocol == icmp::protocol(ip.addresses);
    if ip.is_fragment && is_ours {
        return Err(ParseError::Fragment);
    }
    packet.truncate(ip.end);
    if !is_ours {
        return Ok(Parsed::Other(packet));
    }
    let message = packet.get(ip.start..).unwrap_or_default();
    match icmp::parse(ip, message)? {
        icmp::Message::Error(error) => Ok(Parsed::IcmpError(error)),
        icmp::Message::EchoRequest => Ok(Parsed::Echo(EchoRequest::new(packet, ip))),
        icmp::Message::Other => Ok(Parsed::Other(packet)),
    }
}

/// The protocol number of TCP.
pub(crate) const TCP: u8 = 6;
