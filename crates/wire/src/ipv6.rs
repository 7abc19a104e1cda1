//! The IPv6 header: read with a bounded walk over the extension headers, and written without any.

use core::net::Ipv6Addr;

use crate::address_pair::AddressPair;
use crate::parse::IpHeader;
use crate::{Ecn, IpFields, ParseError};

/// Octets of the fixed header, the only one that we send.
pub(crate) const HEADER_LEN: usize = 40;

/// Extension headers that we walk before the upper layer (E10).
const EXTENSIONS_MAX: usize = 8;
/// Octets of extension headers that we walk (E10).
const EXTENSIONS_LEN_MAX: usize = 256;

/// Reads the header at the beginning of `packet`, whose first octet says version 6, and the
/// extension headers after it.
///
/// The destination found here is the final one, as the checksum needs it: a routing header with
/// segments left refuses the packet (WIRE-19, IP-1).
///
/// # Errors
/// `Ipv6HeaderLength`, `Ipv6PayloadLength`, and those of the walk: `Ipv6Extension`,
/// `Ipv6ExtensionLimit`, `Ipv6Option`, `RoutingHeader`.
///
/// Source: RFC 8200 §3, §4.
#[inline]
pub(crate) fn parse(packet: &[u8]) -> Result<IpHeader, ParseError> {
    let (header, rest) =
        packet.split_first_chunk::<HEADER_LEN>().ok_or(ParseError::Ipv6HeaderLength)?;
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // A jumbogram says zero here (RFC 2675 §2), so its hop-by-hop header is found to be cut.
    let payload = rest.get(..payload_len).ok_or(ParseError::Ipv6PayloadLength)?;
    let upper = match header[6] {
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS => walk(header[6], payload)?,
        protocol => UpperLayer { protocol, offset: 0, is_fragment: false },
    };
    Ok(IpHeader {
        addresses: addresses(header),
        protocol: upper.protocol,
        start: HEADER_LEN.saturating_add(upper.offset),
        end: HEADER_LEN.saturating_add(payload_len),
        is_fragment: upper.is_fragment,
        fields: fields(header),
    })
}

/// What a header quoted in an ICMP error says, as [`crate::ipv4::parse_quoted`].
pub(crate) fn parse_quoted(quote: &[u8]) -> Option<IpHeader> {
    let (header, rest) = quote.split_first_chunk::<HEADER_LEN>()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let upper = walk(header[6], rest).ok().filter(|upper| !upper.is_fragment)?;
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    Some(IpHeader {
        addresses: addresses(header),
        protocol: upper.protocol,
        start: HEADER_LEN.saturating_add(upper.offset),
        end: HEADER_LEN.saturating_add(payload_len),
        is_fragment: false,
        fields: fields(header),
    })
}

/// A fixed header.
#[inline]
pub(crate) fn emit(
    addresses: [Ipv6Addr; 2],
    next_header: u8,
    payload_len: u16,
    fields: &IpFields,
) -> [u8; HEADER_LEN] {
    let [source, destination] = addresses.map(|address| address.octets());
    let traffic_class = u32::from(fields.dscp << 2 | fields.ecn as u8);
    let first = 6 << 28 | traffic_class << 20 | fields.flow_label & 0xf_ffff;
    let mut header = [0; HEADER_LEN];
    [header[0], header[1], header[2], header[3]] = first.to_be_bytes();
    [header[4], header[5]] = payload_len.to_be_bytes();
    header[6] = next_header;
    header[7] = fields.hop_limit;
    if let Some((_, places)) = header.split_first_chunk_mut::<8>() {
        let (places, _) = places.as_chunks_mut::<16>();
        for (place, address) in places.iter_mut().zip([source, destination]) {
            *place = address;
        }
    }
    header
}

/// Where the extension headers end, as far as they were walked.
struct UpperLayer {
    protocol: u8,
    /// Octets from the end of the fixed header.
    offset: usize,
    /// Whether a fragment header ended the walk; then `protocol` is the one that it names.
    is_fragment: bool,
}

/// Walks the extension headers, the first of which is of type `next`, to the upper layer.
///
/// At most [`EXTENSIONS_MAX`] headers and [`EXTENSIONS_LEN_MAX`] octets of them.
///
/// Source: RFC 8200 §4 (IP-5).
fn walk(mut next: u8, octets: &[u8]) -> Result<UpperLayer, ParseError> {
    let mut offset: usize = 0;
    for place in 0..=EXTENSIONS_MAX {
        if !matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS) {
            return Ok(UpperLayer { protocol: next, offset, is_fragment: false });
        }
        if place == EXTENSIONS_MAX {
            break;
        }
        let rest = octets.get(offset..).ok_or(ParseError::Ipv6Extension)?;
        let start: &[u8; 8] = rest.first_chunk().ok_or(ParseError::Ipv6Extension)?;
        // The fragment header has no length field and is always 8 octets.
        let units = if next == FRAGMENT { 0 } else { usize::from(start[1]) };
        let len = units.saturating_add(1).saturating_mul(8);
        offset = offset.saturating_add(len);
        if offset > EXTENSIONS_LEN_MAX {
            break;
        }
        let extension = rest.get(..len).ok_or(ParseError::Ipv6Extension)?;
        match next {
            // Hop-by-hop options have one place, right behind the fixed header (RFC 8200 §4.1).
            HOP_BY_HOP if place > 0 => return Err(ParseError::Ipv6Extension),
            HOP_BY_HOP | DESTINATION_OPTIONS => check_options(extension)?,
            // We know no routing type; that is an error unless no segment is left (RFC 8200 §4.4;
            // RFC 5095 §3 for type 0).
            ROUTING if start[3] != 0 => return Err(ParseError::RoutingHeader),
            // A fragment that is the whole packet is handled as one (RFC 6946 §4).
            FRAGMENT if [start[2], start[3] & !RESERVED_BITS] != [0, 0] => {
                return Ok(UpperLayer { protocol: start[0], offset, is_fragment: true });
            }
            _ => {}
        }
        next = start[0];
    }
    Err(ParseError::Ipv6ExtensionLimit)
}

/// Walks the options of a hop-by-hop or destination-options header for one that refuses the packet.
///
/// Bounded by the header's octets, at least one a step. Source: RFC 8200 §4.2.
fn check_options(extension: &[u8]) -> Result<(), ParseError> {
    let mut options = extension.get(2..).ok_or(ParseError::Ipv6Extension)?;
    loop {
        options = match *options {
            [] => return Ok(()),
            [PAD_1, ref rest @ ..] => rest,
            // The two high bits say what a node does that does not know the option: zero, skip it.
            [kind, ..] if kind & 0xc0 != 0 => return Err(ParseError::Ipv6Option),
            [_, length, ref rest @ ..] => {
                rest.get(usize::from(length)..).ok_or(ParseError::Ipv6Extension)?
            }
            [_] => return Err(ParseError::Ipv6Extension),
        };
    }
}

#[inline]
fn addresses(header: &[u8; HEADER_LEN]) -> AddressPair {
    let [_, _, _, _, _, _, _, _, addresses @ ..] = header;
    let [source @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = addresses;
    let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, destination @ ..] = addresses;
    AddressPair::V6 {
        source: Ipv6Addr::from_octets(*source),
        destination: Ipv6Addr::from_octets(*destination),
    }
}

#[inline]
fn fields(header: &[u8; HEADER_LEN]) -> IpFields {
    let first = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let traffic_class = header[0] << 4 | header[1] >> 4;
    IpFields {
        dscp: traffic_class >> 2,
        ecn: Ecn::from_bits(traffic_class),
        hop_limit: header[7],
        dont_fragment: true,
        flow_label: first & 0xf_ffff,
    }
}

// Next-header values, RFC 8200 §4.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// The two reserved bits between a fragment's offset and its more-fragments bit (RFC 8200 §4.5).
const RESERVED_BITS: u8 = 0b110;
/// The option of a single octet of padding (RFC 8200 §4.2).
const PAD_1: u8 = 0;
