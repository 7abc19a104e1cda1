//! Segments of the null stack: IPv4 and TCP headers, read in place and written into one buffer.

use std::io;

use crate::tun::{Framing, Tun};

/// An arriving segment.
pub(super) struct Segment<'a> {
    pub(super) flow: Flow,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    pub(super) wnd: u16,
    pub(super) options: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// Who talks to which of our ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) client: [u8; 4],
    pub(super) client_port: u16,
    pub(super) port: u16,
}

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// Whether to sum what arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksums {
    Verify,
    Trust,
}

impl<'a> Segment<'a> {
    /// Reads an IPv4 packet without options; `None` if it is anything else.
    pub(super) fn parse(packet: &'a [u8], checksums: Checksums) -> Option<Self> {
        let (ip, tcp) = packet.split_first_chunk::<IP_HEADER>()?;
        let (header, _) = tcp.split_first_chunk::<TCP_HEADER>()?;
        if ip[0] != 0x45 || ip[9] != TCP_PROTOCOL {
            return None;
        }
        let length = u16::try_from(tcp.len()).ok()?;
        if checksums == Checksums::Verify {
            let pseudo_header = add(u64::from(length.to_be()) + PROTOCOL_SUM, &ip[12..20]);
            if fold(add(pseudo_header, tcp)) != 0xffff {
                return None;
            }
        }
        let data_offset = usize::from(header[12] >> 4) * 4;
        Some(Self {
            flow: Flow {
                client: [ip[12], ip[13], ip[14], ip[15]],
                client_port: u16::from_be_bytes([header[0], header[1]]),
                port: u16::from_be_bytes([header[2], header[3]]),
            },
            seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ack: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            flags: header[13],
            wnd: u16::from_be_bytes([header[14], header[15]]),
            options: tcp.get(TCP_HEADER..data_offset)?,
            payload: &tcp[data_offset..],
        })
    }

    /// The window scale option of a SYN, or 0.
    pub(super) fn window_shift(&self) -> u8 {
        let mut options = self.options;
        loop {
            match options {
                [] | [0, ..] => return 0,
                [1, rest @ ..] => options = rest,
                [3, 3, shift, ..] => return *shift,
                [_, length, ..] => match options.get(usize::from(*length).max(2)..) {
                    Some(rest) => options = rest,
                    None => return 0,
                },
                [_] => return 0,
            }
        }
    }
}

/// The TCP header of a leaving segment.
pub(super) struct Header<'a> {
    pub(super) flow: Flow,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    pub(super) wnd: u16,
    pub(super) options: &'a [u8],
}

/// What follows the header.
pub(super) enum Body<'a> {
    /// So many octets of whatever the buffer holds: nothing is copied.
    Constant(usize),
    Copied(&'a [u8]),
}

/// Writes segments to the device.
pub(super) struct Writer {
    tun: Tun,
    framing: Framing,
    address: [u8; 4],
    /// Octets of a segment without options; longer ones are super-segments.
    mss: usize,
    packet: Vec<u8>,
}

impl Writer {
    pub(super) fn new(tun: Tun, framing: Framing, address: [u8; 4], mss: usize) -> Self {
        Self { tun, framing, address, mss, packet: vec![7; PACKET_OCTETS_MAX] }
    }

    pub(super) fn tun(&self) -> &Tun {
        &self.tun
    }

    /// Sends one segment. If the device is full the segment is lost, as on any link.
    pub(super) fn send(&mut self, header: &Header<'_>, body: &Body<'_>) -> io::Result<()> {
        let body_length = match body {
            Body::Constant(length) => *length,
            Body::Copied(octets) => octets.len(),
        };
        let tcp_header = TCP_HEADER + header.options.len();
        let prefix = match self.framing {
            Framing::Plain => 0,
            Framing::Virtio => VIRTIO_HEADER,
        };
        let total = IP_HEADER + tcp_header + body_length;
        let (virtio, packet) = self.packet[..prefix + total].split_at_mut(prefix);
        let (ip, tcp) = packet.split_at_mut(IP_HEADER);
        write_ip(ip, self.address, header.flow.client, total);
        write_tcp(&mut tcp[..tcp_header], header);
        if let Body::Copied(octets) = body {
            tcp[tcp_header..].copy_from_slice(octets);
        }
        let length = sixteen_bits(tcp.len());
        let pseudo_header = add(u64::from(length.to_be()) + PROTOCOL_SUM, &ip[12..20]);
        let checksum = match self.framing {
            Framing::Plain => !fold(add(pseudo_header, tcp)),
            // The device adds the rest.
            Framing::Virtio => fold(pseudo_header),
        };
        tcp[16..18].copy_from_slice(&checksum.to_ne_bytes());
        if self.framing == Framing::Virtio {
            write_virtio(virtio, tcp_header, body_length, self.mss);
        }
        match self.tun.send(&self.packet[..prefix + total]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent,
        }
    }
}

fn write_ip(ip: &mut [u8], source: [u8; 4], destination: [u8; 4], total: usize) {
    let [high, low] = sixteen_bits(total).to_be_bytes();
    // Version 4, no options; don't fragment; TTL 64.
    ip[..12].copy_from_slice(&[0x45, 0, high, low, 0, 0, 0x40, 0, 64, TCP_PROTOCOL, 0, 0]);
    ip[12..16].copy_from_slice(&source);
    ip[16..20].copy_from_slice(&destination);
    let checksum = !fold(add(0, ip));
    ip[10..12].copy_from_slice(&checksum.to_ne_bytes());
}

fn write_tcp(tcp: &mut [u8], header: &Header<'_>) {
    let Header { flow, seq, ack, flags, wnd, options } = header;
    let words = u8::try_from(tcp.len() / 4).expect("a TCP header has at most 15 words");
    tcp[0..2].copy_from_slice(&flow.port.to_be_bytes());
    tcp[2..4].copy_from_slice(&flow.client_port.to_be_bytes());
    tcp[4..8].copy_from_slice(&seq.to_be_bytes());
    tcp[8..12].copy_from_slice(&ack.to_be_bytes());
    tcp[12] = words << 4;
    tcp[13] = *flags;
    tcp[14..16].copy_from_slice(&wnd.to_be_bytes());
    tcp[16..20].fill(0);
    tcp[20..].copy_from_slice(options);
}

/// The header that asks the device for the checksum, and to cut what is longer than a segment.
fn write_virtio(virtio: &mut [u8], tcp_header: usize, body_length: usize, mss: usize) {
    let (gso_type, header_length, gso_size) = if body_length > mss {
        (GSO_TCPV4, sixteen_bits(IP_HEADER + tcp_header), sixteen_bits(mss))
    } else {
        (0, 0, 0)
    };
    virtio[0] = NEEDS_CHECKSUM;
    virtio[1] = gso_type;
    virtio[2..4].copy_from_slice(&header_length.to_le_bytes());
    virtio[4..6].copy_from_slice(&gso_size.to_le_bytes());
    virtio[6..8].copy_from_slice(&sixteen_bits(IP_HEADER).to_le_bytes());
    virtio[8..10].copy_from_slice(&CHECKSUM_OFFSET.to_le_bytes());
}

fn sixteen_bits(length: usize) -> u16 {
    u16::try_from(length).expect("no packet is longer than 65,535 octets")
}

/// Adds octets to a ones-complement sum, as 32-bit words in the byte order of the machine.
fn add(sum: u64, octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let sum = words.iter().fold(sum, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_ne_bytes(last))
}

fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from(sum).expect("the carries were added")
}

const IP_HEADER: usize = 20;
const TCP_HEADER: usize = 20;
const TCP_PROTOCOL: u8 = 6;
/// The protocol's part in the sum of the pseudo-header, in the byte order of the machine.
const PROTOCOL_SUM: u64 = (TCP_PROTOCOL as u16).to_be() as u64;
/// Longer than the longest packet with its virtio-net header.
const PACKET_OCTETS_MAX: usize = 70_000;

// linux/virtio_net.h
pub(super) const VIRTIO_HEADER: usize = 10;
/// VIRTIO_NET_HDR_F_NEEDS_CSUM: on receipt, the packet never left this machine.
pub(super) const NEEDS_CHECKSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;
/// Where the checksum lies in a TCP header.
const CHECKSUM_OFFSET: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A SYN of Linux, captured, with MSS, SACK, timestamps and a window scale of 7.
    const SYN_PACKET: [u8; 60] = [
        0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, 0x0a, 0x4d, 0x00,
        0x01, 0x0a, 0x4d, 0x00, 0x02, 0x9c, 0x40, 0x23, 0x2b, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00,
        0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04,
        0x02, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    ];

    #[test]
    fn a_syn_is_read() {
        let segment = Segment::parse(&SYN_PACKET, Checksums::Trust).unwrap();
        assert_eq!((segment.flow.client_port, segment.flow.port), (40_000, 9003));
        assert_eq!((segment.seq, segment.flags, segment.wnd), (0x1234_5678, SYN, 64_240));
        assert_eq!(segment.window_shift(), 7);
        assert!(segment.payload.is_empty());
    }

    #[test]
    fn a_wrong_checksum_is_seen_only_when_looked_at() {
        assert!(Segment::parse(&SYN_PACKET, Checksums::Verify).is_none());
        let mut sound = SYN_PACKET;
        // Computed apart, in big-endian words.
        let pseudo_header = [&SYN_PACKET[12..20], &[0, 6, 0, 40], &SYN_PACKET[20..]].concat();
        let sum: u32 =
            pseudo_header.chunks(2).map(|it| u32::from(u16::from_be_bytes([it[0], it[1]]))).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap();
        sound[36..38].copy_from_slice(&checksum.to_be_bytes());
        assert!(Segment::parse(&sound, Checksums::Verify).is_some());
    }

    #[test]
    fn options_that_lie_about_their_length_end_the_search() {
        for options in [&[2, 0][..], &[2], &[2, 200, 1], &[3, 4, 7, 7], &[]] {
            let mut segment = Segment::parse(&SYN_PACKET, Checksums::Trust).unwrap();
            segment.options = options;
            assert_eq!(segment.window_shift(), 0, "{options:?}");
        }
    }
}
