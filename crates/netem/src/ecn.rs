//! The ECN field of an IP header: may a router mark this packet, and marking it.

/// What became of a packet that a router wanted to mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Marking {
    /// It carries CE now.
    Marked,
    /// Another router had marked it before.
    AlreadyMarked,
    /// Its sender does not take part in ECN, or it is not IP: it must be dropped instead.
    NotCapable,
}

/// Sets Congestion Experienced in the header of a raw IPv4 or IPv6 packet that may carry it.
///
/// The IPv4 header checksum is changed with it, by difference: a wrong one stays wrong.
///
/// ```
/// use synack_netem::{Marking, mark_ce};
/// let mut packet = [0x60, 0x20, 0, 0]; // the first octets of an IPv6 header with ECT(0)
/// assert_eq!(mark_ce(&mut packet), Marking::Marked);
/// assert_eq!(packet[1], 0x30);
/// ```
///
/// Source: RFC 3168 §5; RFC 1624 §3 for the checksum.
pub fn mark_ce(octets: &mut [u8]) -> Marking {
    match Codepoint::of(octets) {
        Codepoint::NotEct => return Marking::NotCapable,
        Codepoint::Ce => return Marking::AlreadyMarked,
        Codepoint::Ect => {}
    }
    match octets {
        [first, traffic_class, ..] if *first >> 4 == 6 => *traffic_class |= CE << 4,
        [first, service, rest @ ..] => {
            let before = u16::from_be_bytes([*first, *service]);
            *service |= CE;
            let after = u16::from_be_bytes([*first, *service]);
            // The checksum is octets 10 and 11 of the header, so 8 and 9 of the rest.
            if let Some(checksum) = rest.get_mut(8..10) {
                let old = u16::from_be_bytes([checksum[0], checksum[1]]);
                checksum.copy_from_slice(&updated_checksum(old, before, after).to_be_bytes());
            }
        }
        [] | [_] => {}
    }
    Marking::Marked
}

/// Whether a router may mark this packet: it carries ECT(0), ECT(1) or already CE.
///
/// Source: RFC 3168 §5.
pub fn is_ecn_capable(octets: &[u8]) -> bool {
    Codepoint::of(octets) != Codepoint::NotEct
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Codepoint {
    NotEct,
    Ect,
    Ce,
}

impl Codepoint {
    /// The codepoint of an IP packet. What is too short to have one, or neither IPv4 nor IPv6, has
    /// the one that forbids marking.
    fn of(octets: &[u8]) -> Self {
        let [first, second, ..] = octets else {
            return Self::NotEct;
        };
        let field = match first >> 4 {
            // RFC 791 §3.1 as changed by RFC 3168 §5: the last two bits of the second octet.
            4 => second & CE,
            // RFC 8200 §3: the traffic class lies across the first two octets.
            6 => (second >> 4) & CE,
            _ => return Self::NotEct,
        };
        match field {
            0 => Self::NotEct,
            CE => Self::Ce,
            _ => Self::Ect,
        }
    }
}

/// HC' = ~(~HC + ~m + m'): equation 3 of RFC 1624 §3.
fn updated_checksum(checksum: u16, before: u16, after: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!before) + u32::from(after);
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// Both bits of the ECN field: Congestion Experienced. Source: RFC 3168 §5, figure 1.
const CE: u8 = 0b11;

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 header of 20 octets with this second octet and a right checksum.
    fn ipv4(service: u8) -> [u8; 20] {
        let mut header =
            [0x45, service, 0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let checksum = !sum(&header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    /// The ones-complement sum of RFC 1071 §1, the plain way: the oracle of the incremental one.
    fn sum(octets: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for word in octets.chunks(2) {
            sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn an_ipv4_packet_with_ect_is_marked_and_its_checksum_stays_right() {
        for dscp in 0..64 {
            for ect in [1, 2] {
                let mut header = ipv4(dscp << 2 | ect);
                assert_eq!(mark_ce(&mut header), Marking::Marked);
                assert_eq!(header[1], dscp << 2 | 3);
                assert_eq!(sum(&header), 0xffff);
            }
        }
    }

    #[test]
    fn a_wrong_ipv4_checksum_is_still_wrong_after_marking() {
        let mut header = ipv4(2);
        header[11] ^= 1;
        assert_eq!(mark_ce(&mut header), Marking::Marked);
        assert_ne!(sum(&header), 0xffff);
    }

    #[test]
    fn an_ipv6_packet_with_ect_is_marked_and_keeps_class_and_flow_label() {
        for ect in [1, 2] {
            let mut header = [0x6a, 0xb | ect << 4, 0xcd, 0xef];
            assert_eq!(mark_ce(&mut header), Marking::Marked);
            assert_eq!(header, [0x6a, 0x3b, 0xcd, 0xef]);
        }
    }

    #[test]
    fn a_packet_that_is_not_capable_or_not_ip_stays_as_it_is() {
        let rows: [&[u8]; 5] = [&ipv4(0), &[0x60, 0, 0, 0], &[0x52, 2], &[0x45], &[]];
        for row in rows {
            let mut octets = [0; 20];
            let octets = &mut octets[..row.len()];
            octets.copy_from_slice(row);
            assert_eq!(mark_ce(octets), Marking::NotCapable);
            assert_eq!(octets, row);
            assert!(!is_ecn_capable(row));
        }
    }

    #[test]
    fn a_packet_that_was_marked_before_says_so() {
        let mut header = ipv4(3);
        assert_eq!(mark_ce(&mut header), Marking::AlreadyMarked);
        assert_eq!(header, ipv4(3));
    }

    #[test]
    fn a_header_cut_before_its_checksum_is_marked_without_it() {
        let mut header = [0x45, 2, 0, 40, 0, 0, 0, 0, 64, 6, 0xff];
        assert_eq!(mark_ce(&mut header), Marking::Marked);
        assert_eq!(header[10], 0xff);
    }
}
