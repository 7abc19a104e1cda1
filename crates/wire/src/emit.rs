//! A TCP packet into octets: headers for a device that gathers, or all of it into one buffer.

use alloc::vec;

use bytes::Bytes;

use crate::address_pair::AddressPair;
use crate::checksum::Sum;
use crate::parse::TCP;
use crate::{EmitError, IpFields, Segment, TcpPacket, ipv4, ipv6};

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
    let written = write_headers(packet, headers)?;
    let checksum = match mode {
        ChecksumMode::Partial => written.pseudo_header.fold(),
        ChecksumMode::Full => {
            let mut sum = written.sum_with_header(headers);
            for slice in packet.segment.payload.slices() {
                sum.add(slice);
            }
            sum.checksum()
        }
    };
    written.set_checksum(headers, checksum);
    Ok(written.headers_len)
}

/// Writes all of `packet` to the beginning of `buffer` and returns how many octets it takes.
///
/// The payload is copied and summed in one pass.
///
/// # Errors
/// Any [`EmitError`] but `IcmpNotAllowed`; what is in `buffer` then means nothing.
///
/// Source: RFC 9293 §3.1 (MUST-2).
pub fn emit_contiguous(packet: &TcpPacket, buffer: &mut [u8]) -> Result<usize, EmitError> {
    let written = write_headers(packet, buffer)?;
    let mut sum = written.sum_with_header(buffer);
    let mut rest = buffer.get_mut(written.headers_len..).ok_or(EmitError::BufferLength)?;
    for slice in packet.segment.payload.slices() {
        rest = sum.add_copying(rest, slice).ok_or(EmitError::BufferLength)?;
    }
    written.set_checksum(buffer, sum.checksum());
    Ok(packet.len())
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
    headers_len: usize,
    pseudo_header: Sum,
}

impl Written {
    /// The sum of the pseudo-header and of the TCP header, whose checksum field is zero.
    #[inline]
    fn sum_with_header(&self, octets: &[u8]) -> Sum {
        let mut sum = self.pseudo_header;
        sum.add(octets.get(self.ip_len..self.headers_len).unwrap_or_default());
        sum
    }

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
fn write_headers(packet: &TcpPacket, buffer: &mut [u8]) -> Result<Written, EmitError> {
    let segment = &packet.segment;
    let options = segment.options.encode()?;
    let tcp_len = 20_usize.saturating_add(options.len());
    let upper_len = u32::try_from(tcp_len)
        .ok()
        .and_then(|len| len.checked_add(segment.payload.len()))
        .and_then(|len| u16::try_from(len).ok())
        .ok_or(EmitError::PacketLength)?;
    let addresses = AddressPair::new(packet.source.ip(), packet.destination.ip())
        .ok_or(EmitError::AddressFamily)?;
    let (ip_len, rest) = match addresses {
        AddressPair::V4 { source, destination } => {
            let total_len = upper_len.checked_add(20).ok_or(EmitError::PacketLength)?;
            let (ip, rest) = buffer.split_first_chunk_mut().ok_or(EmitError::BufferLength)?;
            let id = identification(packet);
            *ip = ipv4::emit([source, destination], TCP, total_len, id, &packet.ip);
            (ip.len(), rest)
        }
        AddressPair::V6 { source, destination } => {
            let (ip, rest) = buffer.split_first_chunk_mut().ok_or(EmitError::BufferLength)?;
            *ip = ipv6::emit([source, destination], TCP, upper_len, &packet.ip);
            (ip.len(), rest)
        }
    };
    let (tcp, rest) = rest.split_first_chunk_mut().ok_or(EmitError::BufferLength)?;
    *tcp = tcp_header(packet, tcp_len);
    let rest = rest.get_mut(..options.len()).ok_or(EmitError::BufferLength)?;
    rest.copy_from_slice(&options);
    let headers_len = ip_len.saturating_add(tcp_len);
    let pseudo_header = addresses.pseudo_header(TCP, upper_len);
    Ok(Written { ip_len, headers_len, pseudo_header })
}

/// The fixed part of the header, with a checksum of zero. `header_len` is a multiple of 4, at most
/// 60.
#[inline]
fn tcp_header(packet: &TcpPacket, header_len: usize) -> [u8; 20] {
    let segment = &packet.segment;
    // The offset counts words of four octets in the high four bits (WIRE-2).
    let offset = u16::try_from(header_len).unwrap_or_default() << 10;
    let mut header = [0; 20];
    [header[0], header[1]] = packet.source.port().to_be_bytes();
    [header[2], header[3]] = packet.destination.port().to_be_bytes();
    [header[4], header[5], header[6], header[7]] = segment.seq.get().to_be_bytes();
    // A field without its bit is sent as zero (WIRE-18).
    let ack = segment.ack.unwrap_or_default();
    [header[8], header[9], header[10], header[11]] = ack.get().to_be_bytes();
    [header[12], header[13]] = (offset | segment.flags().bits()).to_be_bytes();
    [header[14], header[15]] = segment.window.to_be_bytes();
    [header[18], header[19]] = segment.urgent.unwrap_or_default().to_be_bytes();
    header
}

/// The IPv4 identification of a packet.
///
/// Zero with DF set: such a packet is never cut and its identification means nothing, and zero
/// tells nothing about us (RFC 6864 §4; IP-7, B13). Without DF, which is only so on a path with an
/// MTU below our floor (PMTU-5), it is a mix of what tells segments of a connection apart, the
/// timestamp included: a retransmission has another one. That is not the strict uniqueness that RFC
/// 6864 asks for; a counter would have to be shared by every connection and would be a side
/// channel. What is put together wrongly fails the TCP checksum.
fn identification(packet: &TcpPacket) -> u16 {
    let TcpPacket { source, destination, ip, segment_size: _, segment } = packet;
    let IpFields { dont_fragment, dscp: _, ecn: _, hop_limit: _, flow_label: _ } = ip;
    if *dont_fragment {
        return 0;
    }
    let Segment { seq, ack, options, .. } = segment;
    let ports = u32::from(source.port()) << 16 | u32::from(destination.port());
    let acked = ack.map_or(0, |ack| ack.get().rotate_left(8));
    let time = options.timestamps.map_or(0, |timestamps| timestamps.value.rotate_left(16));
    // Multiplicative hashing by 2^32 divided by the golden ratio (Knuth, volume 3, §6.4).
    let mixed = (seq.get() ^ ports ^ acked ^ time).wrapping_mul(0x9e37_79b1);
    let [high, low, ..] = mixed.to_be_bytes();
    u16::from_be_bytes([high, low])
}
