//! The IPv4 header: read with every length checked, and written without options.

use core::net::Ipv4Addr;

use crate::address_pair::AddressPair;
use crate::checksum::Sum;
use crate::parse::IpHeader;
use crate::{Ecn, IpFields, ParseError};

/// Octets of a header without options, the only kind that we send.
pub(crate) const HEADER_LEN: usize = 20;

/// Reads the header at the beginning of `packet`, whose first octet says version 4.
///
/// Options are skipped (MUST-50), except that a source route refuses the packet (DEC-12). What
/// follows the total length is no part of the packet (E13).
///
/// # Errors
/// `Ipv4HeaderLength`, `Ipv4TotalLength`, `Ipv4Checksum`, `Ipv4Option`, `SourceRoute`.
///
/// Source: RFC 791 §3.1; RFC 1122 §3.2.1.2 (IP-9).
#[inline]
pub(crate) fn parse(packet: &[u8]) -> Result<IpHeader, ParseError> {
    let header: &[u8; HEADER_LEN] = packet.first_chunk().ok_or(ParseError::Ipv4HeaderLength)?;
    let header_len = usize::from(header[0] & 0xf) << 2;
    let options = packet.get(HEADER_LEN..header_len).ok_or(ParseError::Ipv4HeaderLength)?;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if total_len < header_len || total_len > packet.len() {
        return Err(ParseError::Ipv4TotalLength);
    }
    let mut sum = sum_of(header);
    sum.add(options);
    if !sum.is_intact() {
        return Err(ParseError::Ipv4Checksum);
    }
    check_options(options)?;
    let [flags_high, flags_low] = [header[6], header[7]];
    Ok(IpHeader {
        addresses: addresses(header),
        protocol: header[9],
        start: header_len,
        end: total_len,
        // More-fragments or an offset: either makes it less than a whole datagram.
        is_fragment: flags_high & 0x3f != 0 || flags_low != 0,
        fields: IpFields {
            dscp: header[1] >> 2,
            ecn: Ecn::from_bits(header[1]),
            hop_limit: header[8],
            dont_fragment: flags_high & 0x40 != 0,
            flow_label: 0,
        },
    })
}

/// What a header quoted in an ICMP error says: where the upper layer begins, and how long it was.
///
/// Its checksum and lengths are not judged: routers change the one and some spoil the others.
/// `None` if the quote does not hold the header, or is of a later fragment.
pub(crate) fn parse_quoted(quote: &[u8]) -> Option<IpHeader> {
    let header: &[u8; HEADER_LEN] = quote.first_chunk()?;
    let header_len = usize::from(header[0] & 0xf) << 2;
    let is_first = header[6] & 0x1f == 0 && header[7] == 0;
    if header[0] >> 4 != 4 || header_len < HEADER_LEN || !is_first {
        return None;
    }
    Some(IpHeader {
        addresses: addresses(header),
        protocol: header[9],
        start: header_len,
        end: usize::from(u16::from_be_bytes([header[2], header[3]])),
        is_fragment: false,
        fields: IpFields::default(),
    })
}

/// A header without options, checksum included.
///
/// `identification` has a meaning only if the packet may be fragmented (RFC 6864 §4; IP-7).
#[inline]
pub(crate) fn emit(
    addresses: [Ipv4Addr; 2],
    protocol: u8,
    total_len: u16,
    identification: u16,
    fields: &IpFields,
) -> [u8; HEADER_LEN] {
    let [source, destination] = addresses.map(|address| address.octets());
    let [len_high, len_low] = total_len.to_be_bytes();
    let [id_high, id_low] = identification.to_be_bytes();
    let mut header = [0; HEADER_LEN];
    header[0] = 0x45;
    header[1] = fields.dscp << 2 | fields.ecn as u8;
    [header[2], header[3]] = [len_high, len_low];
    [header[4], header[5]] = [id_high, id_low];
    header[6] = if fields.dont_fragment { 0x40 } else { 0 };
    header[8] = fields.hop_limit;
    header[9] = protocol;
    [header[12], header[13], header[14], header[15]] = source;
    [header[16], header[17], header[18], header[19]] = destination;
    [header[10], header[11]] = sum_of(&header).checksum().to_be_bytes();
    header
}

#[inline]
fn addresses(header: &[u8; HEADER_LEN]) -> AddressPair {
    AddressPair::V4 {
        source: Ipv4Addr::new(header[12], header[13], header[14], header[15]),
        destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]),
    }
}

#[inline]
fn sum_of(header: &[u8; HEADER_LEN]) -> Sum {
    let mut sum = Sum::new();
    let (words, _) = header.as_chunks::<4>();
    for word in words {
        sum.add_word(*word);
    }
    sum
}

/// Walks the options, at most 40 octets, for what refuses the packet.
fn check_options(mut options: &[u8]) -> Result<(), ParseError> {
    loop {
        options = match *options {
            [] | [END_OF_LIST, ..] => return Ok(()),
            [NO_OPERATION, ref rest @ ..] => rest,
            [LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE, ..] => return Err(ParseError::SourceRoute),
            [_] | [_, 0 | 1, ..] => return Err(ParseError::Ipv4Option),
            [_, length, ..] => options.get(usize::from(length)..).ok_or(ParseError::Ipv4Option)?,
        };
    }
}

// Option types, RFC 791 §3.1.
const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;
