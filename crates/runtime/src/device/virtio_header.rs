//! The header that stands before each packet of a device with offloads: which checksum is missing,
//! and into what segments the packet is to be cut.

use std::num::NonZeroU16;

use synack_wire::ChecksumTrust;
use synack_wire::checksum::Sum;

/// `struct virtio_net_hdr`, in the octet order of the machine.
///
/// Source: Virtual I/O Device (VIRTIO) 1.2 §5.1.6; linux/virtio_net.h.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct VirtioHeader {
    flags: u8,
    gso_type: u8,
    /// Octets of the headers in front of the payload, as a hint.
    headers_len: u16,
    gso_size: u16,
    /// From where on the checksum is still to be computed.
    checksum_start: u16,
    /// Where it belongs, from there.
    checksum_offset: u16,
}

impl VirtioHeader {
    pub(super) const LEN: usize = 10;

    /// That of a TCP packet whose checksum field holds the sum of the pseudo-header.
    pub(super) fn of_tcp(ip: IpVersion, headers_len: usize, size: Option<NonZeroU16>) -> Self {
        let (ip_len, gso_type) = match ip {
            IpVersion::V4 => (20, GSO_TCPV4),
            IpVersion::V6 => (40, GSO_TCPV6),
        };
        Self {
            flags: NEEDS_CHECKSUM,
            gso_type: if size.is_some() { gso_type } else { GSO_NONE },
            headers_len: u16::try_from(headers_len).unwrap_or(u16::MAX),
            gso_size: size.map_or(0, NonZeroU16::get),
            checksum_start: ip_len,
            checksum_offset: TCP_CHECKSUM,
        }
    }

    pub(super) fn encode(self) -> [u8; Self::LEN] {
        let [h0, h1] = self.headers_len.to_ne_bytes();
        let [s0, s1] = self.gso_size.to_ne_bytes();
        let [c0, c1] = self.checksum_start.to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        [self.flags, self.gso_type, h0, h1, s0, s1, c0, c1, o0, o1]
    }

    pub(super) fn decode(octets: [u8; Self::LEN]) -> Self {
        let [flags, gso_type, h0, h1, s0, s1, c0, c1, o0, o1] = octets;
        Self {
            flags,
            gso_type,
            headers_len: u16::from_ne_bytes([h0, h1]),
            gso_size: u16::from_ne_bytes([s0, s1]),
            checksum_start: u16::from_ne_bytes([c0, c1]),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
        }
    }

    /// What it says of the checksum of a TCP packet.
    pub(super) fn trust(self) -> ChecksumTrust {
        if self.flags & NEEDS_CHECKSUM != 0 {
            ChecksumTrust::Partial
        } else if self.flags & CHECKSUM_VALID != 0 {
            ChecksumTrust::Vouched
        } else {
            ChecksumTrust::Verify
        }
    }

    /// Octets of payload in each segment of a packet that stands for several.
    pub(super) fn segment_size(self) -> Option<NonZeroU16> {
        match self.gso_type & !GSO_ECN {
            GSO_TCPV4 | GSO_TCPV6 => NonZeroU16::new(self.gso_size),
            // None; or a kind that was not asked for.
            _ => None,
        }
    }

    /// Puts the checksum into `packet` that is missing, unless it is TCP's, which needs none to be
    /// [trusted](Self::trust): other packets are for the application, or are answered as they are.
    pub(super) fn complete(self, packet: &mut [u8]) {
        if self.flags & NEEDS_CHECKSUM == 0 || self.checksum_offset == TCP_CHECKSUM {
            return;
        }
        let start = usize::from(self.checksum_start);
        let Some(covered) = packet.get_mut(start..) else { return };
        let mut sum = Sum::new();
        sum.add(covered);
        let checksum = match sum.checksum() {
            // That of a UDP datagram which has none (RFC 768).
            0 => u16::MAX,
            checksum => checksum,
        };
        let field = covered.get_mut(usize::from(self.checksum_offset)..);
        if let Some(field) = field.and_then(|field| field.first_chunk_mut()) {
            *field = checksum.to_be_bytes();
        }
    }
}

/// Which IP header stands in front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IpVersion {
    V4,
    V6,
}

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
const NEEDS_CHECKSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`.
const CHECKSUM_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_NONE`.
const GSO_NONE: u8 = 0;
/// `VIRTIO_NET_HDR_GSO_TCPV4`.
const GSO_TCPV4: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV6`.
const GSO_TCPV6: u8 = 4;
/// `VIRTIO_NET_HDR_GSO_ECN`: CWR is in the first segment only, as in what it came from.
const GSO_ECN: u8 = 0x80;
/// Where TCP has its checksum.
const TCP_CHECKSUM: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_what_it_was_and_says_what_it_is_of() {
        let size = NonZeroU16::new(1_448);
        let header = VirtioHeader::of_tcp(IpVersion::V6, 72, size);
        assert_eq!(VirtioHeader::decode(header.encode()), header);
        assert_eq!(header.segment_size(), size);
        assert_eq!(header.trust(), ChecksumTrust::Partial);
        let plain = VirtioHeader::of_tcp(IpVersion::V4, 52, None);
        assert_eq!((plain.gso_type, plain.segment_size()), (GSO_NONE, None));
        let marked = VirtioHeader { gso_type: GSO_TCPV4 | GSO_ECN, ..header };
        assert_eq!(marked.segment_size(), size);
        let nothing = VirtioHeader::decode([0; VirtioHeader::LEN]);
        assert_eq!((nothing.trust(), nothing.segment_size()), (ChecksumTrust::Verify, None));
        let valid = VirtioHeader { flags: CHECKSUM_VALID, ..nothing };
        assert_eq!(valid.trust(), ChecksumTrust::Vouched);
    }

    #[test]
    fn what_is_missing_of_a_datagram_is_put_in_and_nothing_else() {
        let header = VirtioHeader {
            flags: NEEDS_CHECKSUM,
            checksum_start: 20,
            checksum_offset: 6,
            ..VirtioHeader::default()
        };
        // What is there is the sum of a pseudo-header, 0x0102.
        let mut packet = [[7; 20].as_slice(), &[0, 1, 0, 2, 0, 9, 1, 2, 5]].concat();
        let before = packet.clone();
        header.complete(&mut packet);
        let mut sum = Sum::new();
        // With the pseudo-header itself, which the field had stood for.
        sum.add(&[1, 2]);
        sum.add(&packet[20..]);
        assert!(sum.is_intact());
        assert_eq!((&packet[..26], &packet[28..]), (&before[..26], &before[28..]));
        // Nothing of what a device could say goes out of bounds.
        for (checksum_start, checksum_offset) in [(40, 0), (20, 9), (20, 8), (u16::MAX, u16::MAX)] {
            let header = VirtioHeader { checksum_start, checksum_offset, ..header };
            header.complete(&mut before.clone());
        }
    }
}
