//! A TCP packet into octets: headers for a device that gathers, or all of it into one buffer.

use alloc::vec;

use bytes::Bytes;

use crate::address_pair::AddressPair;
use crate::checksum::Sum;
use crate::parse::TCP;
use crate::{Cut, EmitError, IpFields, Segment, TcpPacket, ipv4, ipv6};

/// Octets of scratch that [`emit_headers`] needs: 40 of IPv6 and 60 of TCP, rounded up.
pub const HEADERS_LEN_MAX: usize = 128;

/// Who computes the TCP checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChecksumMode {
    /// We do, over everything.
    Full,
    /// The device does; the field holds the sum of the pseudo-header, not complemented.
    Partial,
}

/// Writes the IP and TCP headers of `packet` and returns how many octets they take.
///
/// The payload is summed, or left to the device, but never copied: send the headers, then
/// `packet.segment.payload.slices()`. Of a super-segment the headers are those of one long segment,
/// as a device wants them that cuts it.
///
/// # Errors
/// Any [`EmitError`] but `BufferLength` and `IcmpNotAllowed`; what is in `headers` then means
/// nothing.
///
/// Source: RFC 9293 §3.1 (MUST-2, WIRE-11, WIRE-12, WIRE-17, WIRE-18).
#[inline]
pub fn emit_headers(
    packet: &TcpPacket,
    mode: ChecksumMode,
    headers: &mut [u8; HEADERS_LEN_MAX],
) -> Result<usize, EmitError> {
    let written = write_headers(packet.into(), headers)?;
    let checksum = match mode {
        ChecksumMode::Partial => written.pseudo_header.fold(),
        ChecksumMode::Full => {
            let mut sum = written.with_header;
            for slice in packet.segment.payload.slices() {
                sum.add(slice);
            }
            sum.checksum()
        }
    };
    written.set_checksum(headers, checksum);
    Ok(written.len)
}

/// Writes all of a packet, or a segment [cut](TcpPacket::cut_up) from it, to the beginning of
/// `buffer` and returns how many octets it takes.
///
/// The payload is copied and summed in one pass.
///
/// # Errors
/// Any [`EmitError`] but `IcmpNotAllowed`; what is in `buffer` then means nothing.
///
/// Source: RFC 9293 §3.1 (MUST-2).
pub fn emit_contiguous<'a>(
    packet: impl Into<Cut<'a>>,
    buffer: &mut [u8],
) -> Result<usize, EmitError> {
    let cut = packet.into();
    let written = write_headers(cut, buffer)?;
    let mut sum = written.with_header;
    let mut rest = buffer.get_mut(written.len..).ok_or(EmitError::BufferLength)?;
    for slice in cut.slices() {
        rest = sum.add_copying(rest, slice).ok_or(EmitError::BufferLength)?;
    }
    written.set_checksum(buffer, sum.checksum());
    Ok(written.len.saturating_add(cut.payload_len() as usize))
}

impl TcpPacket {
    /// The packet as it travels, in one allocation.
    ///
    /// ```
    /// # use synack_wire::{ChecksumTrust, IpFields, Parsed, Segment, TcpPacket, parse};
    /// let packet = TcpPacket {
    ///     source: "[2001:db8::1]:4321".parse().expect("an address"),
    ///     destination: "[2001:db8::2]:80".parse().expect("an address"),
    ///     ip: IpFields::default(),
    ///     segment_size: None,
    ///     segment: Segment::default(),
    /// };
    /// let parsed = parse(packet.to_bytes()?, ChecksumTrust::Verify);
    /// assert_eq!(parsed, Ok(Parsed::Tcp { packet, option_fault: None }));
    /// # Ok::<(), synack_wire::EmitError>(())
    /// ```
    ///
    /// # Errors
    /// As [`emit_headers`].
    pub fn to_bytes(&self) -> Result<Bytes, EmitError> {
        let mut buffer = vec![0; self.len()];
        emit_contiguous(self, &mut buffer)?;
        Ok(buffer.into())
    }
}

/// What the writer of the headers knows when the checksum is still missing.
struct Written {
    ip_len: usize,
    /// Octets of both headers.
    len: usize,
    pseudo_header: Sum,
    /// The sum of the pseudo-header and of the TCP header, whose checksum field is zero.
    with_header: Sum,
}

impl Written {
    #[inline]
    fn set_checksum(&self, octets: &mut [u8], checksum: u16) {
        let field = octets.get_mut(self.ip_len.saturating_add(16)..);
        if let Some(field) = field.and_then(|octets| octets.first_chunk_mut()) {
            *field = checksum.to_be_bytes();
        }
    }
}

/// Writes the headers with a checksum field of zero.
#[inline]
fn write_headers(cut: Cut<'_>, buffer: &mut [u8]) -> Result<Written, EmitError> {
    let options = &cut.packet().segment.options;
    // What nearly every segment carries, with all lengths known to the compiler.
    if let Some(timestamps) = options.only_timestamps() {
        return write_with_options(cut, &timestamps.encode_alone(), buffer);
    }
    write_with_options(cut, &options.encode()?, buffer)
}

#[inline(always)]
fn write_with_options(
    cut: Cut<'_>,
    options: &[u8],
    buffer: &mut [u8],
) -> Result<Written, EmitError> {
    let packet = cut.packet();
    let tcp_len = options.len().saturating_add(20);
    let upper_len = u32::try_from(tcp_len)
        .ok()
        .and_then(|len| len.checked_add(cut.payload_len()))
        .and_then(|len| u16::try_from(len).ok())
        .ok_or(EmitError::PacketLength)?;
    let addresses = AddressPair::new(packet.source.ip(), packet.destination.ip())
        .ok_or(EmitError::AddressFamily)?;
    let (ip_len, rest) = match addresses {
        AddressPair::V4 { source, destination } => {
            let total_len = upper_len.checked_add(20).ok_or(EmitError::PacketLength)?;
            let (ip, rest) = buffer.split_first_chunk_mut().ok_or(EmitError::BufferLength)?;
            let id = identification(cut);
            *ip = ipv4::emit([source, destination], TCP, total_len, id, &packet.ip);
            (ip.len(), rest)
        }
        AddressPair::V6 { source, destination } => {
            let (ip, rest) = buffer.split_first_chunk_mut().ok_or(EmitError::BufferLength)?;
            *ip = ipv6::emit([source, destination], TCP, upper_len, &packet.ip);
            (ip.len(), rest)
        }
    };
    let (fixed, rest) = rest.split_first_chunk_mut::<20>().ok_or(EmitError::BufferLength)?;
    let pseudo_header = addresses.pseudo_header(TCP, upper_len);
    let mut with_header = pseudo_header;
    let (places, _) = fixed.as_chunks_mut::<4>();
    for (place, word) in places.iter_mut().zip(fixed_words(cut, tcp_len)) {
        *place = word.to_be_bytes();
        with_header.add_word(*place);
    }
    rest.get_mut(..options.len()).ok_or(EmitError::BufferLength)?.copy_from_slice(options);
    with_header.add(options);
    Ok(Written { ip_len, len: ip_len.saturating_add(tcp_len), pseudo_header, with_header })
}

/// The fixed part of the header in 32-bit words, with a checksum of zero.
///
/// `header_len` is a multiple of 4, at most 60.
#[inline]
fn fixed_words(cut: Cut<'_>, header_len: usize) -> [u32; 5] {
    let packet = cut.packet();
    let segment = &packet.segment;
    // The offset counts words of four octets in the high four bits (WIRE-2).
    let offset = u32::try_from(header_len).unwrap_or_default() << 26;
    let flags = u32::from(cut.flags().bits()) << 16;
    [
        u32::from(packet.source.port()) << 16 | u32::from(packet.destination.port()),
        cut.seq().get(),
        // A field without its bit is sent as zero (WIRE-18).
        segment.ack.unwrap_or_default().get(),
        offset | flags | u32::from(segment.window),
        u32::from(cut.urgent().unwrap_or_default()),
    ]
}

/// The IPv4 identification of a packet.
///
/// Zero with DF set: such a packet is never cut and its identification means nothing, and zero
/// tells nothing about us (RFC 6864 §4; IP-7, B13). Without DF, which is only so on a path with an
/// MTU below our floor (PMTU-5), it is a mix of what tells segments of a connection apart, the
/// timestamp included: a retransmission has another one. That is not the strict uniqueness that RFC
/// 6864 asks for; a counter would have to be shared by every connection and would be a side
/// channel. What is put together wrongly fails the TCP checksum.
fn identification(cut: Cut<'_>) -> u16 {
    let TcpPacket { source, destination, ip, segment_size: _, segment } = cut.packet();
    let IpFields { dont_fragment, dscp: _, ecn: _, hop_limit: _, flow_label: _ } = ip;
    if *dont_fragment {
        return 0;
    }
    let Segment { ack, options, .. } = segment;
    let ports = u32::from(source.port()) << 16 | u32::from(destination.port());
    let acked = ack.map_or(0, |ack| ack.get().rotate_left(8));
    let time = options.timestamps.map_or(0, |timestamps| timestamps.value.rotate_left(16));
    // Multiplicative hashing by 2^32 divided by the golden ratio (Knuth, volume 3, §6.4).
    let mixed = (cut.seq().get() ^ ports ^ acked ^ time).wrapping_mul(0x9e37_79b1);
    let [high, low, ..] = mixed.to_be_bytes();
    u16::from_be_bytes([high, low])
}
