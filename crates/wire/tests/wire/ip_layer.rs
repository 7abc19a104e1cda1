//! The IP headers before TCP are walked within bounds, and whatever cannot be TCP is dropped or
//! kept. Grids of lengths, hand-made options and extension headers, each with the reason it must
//! give.

use bytes::Bytes;
use proptest::prelude::*;
use synack_wire::*;

use crate::packets::{both, ipv6_with, naive_sum, octets, read, read_vouched, seal_ipv4, v4, v6};

const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const DESTINATION: u8 = 60;

/// The template with IPv4 `options` (a multiple of 4 octets) put in.
fn v4_with_options(options: &[u8]) -> Vec<u8> {
    let template = octets(&v4());
    let mut octets = [&template[..20], options, &template[20..]].concat();
    octets[0] = 0x45 + (options.len() / 4) as u8;
    octets[3] += options.len() as u8;
    seal_ipv4(&mut octets);
    octets
}

/// An extension header of `kind`, padded to 8 octets a unit, before `next`.
fn extension(kind: u8, next: u8, units: u8) -> Vec<u8> {
    let mut header = vec![0; usize::from(units) * 8 + 8];
    header[0] = next;
    header[1] = if kind == FRAGMENT { 0 } else { units };
    header
}

fn tcp_octets() -> Vec<u8> {
    octets(&v6())[40..].to_vec()
}

fn is_template(parsed: Result<Parsed, ParseError>, template: TcpPacket) -> bool {
    parsed == Ok(Parsed::Tcp { packet: template, option_fault: None })
}

#[test]
fn only_versions_4_and_6_are_ip() {
    for version in (0..16).filter(|version| ![4, 6].contains(version)) {
        for packet in both() {
            let mut octets = octets(&packet);
            octets[0] = octets[0] & 0xf | version << 4;
            assert_eq!(read(&octets), Err(ParseError::IpVersion));
        }
    }
    assert_eq!(read(&[]), Err(ParseError::IpVersion));
}

#[test]
fn attack_e8_every_small_combination_of_ipv4_lengths_is_refused_or_right() {
    for buffer in 1..=64_usize {
        for words in 0..16_usize {
            for total in (0..=70).chain([0x7fff, 0x8000, 0xffff]) {
                let mut octets = octets(&v4())[..buffer.min(62)].to_vec();
                octets.resize(buffer, 0);
                octets[0] = 0x40 | words as u8;
                if buffer >= 20 {
                    octets[2..4].copy_from_slice(&(total as u16).to_be_bytes());
                    octets[20..(words * 4).clamp(20, buffer)].fill(1);
                }
                let header = words * 4;
                if header >= 20 && header <= buffer {
                    seal_ipv4(&mut octets);
                }
                let want = if buffer < 20 || header < 20 || header > buffer {
                    Some(ParseError::Ipv4HeaderLength)
                } else if total < header || total > buffer {
                    Some(ParseError::Ipv4TotalLength)
                } else if total - header < 20 {
                    Some(ParseError::TcpHeaderLength)
                } else {
                    None
                };
                let got = parse(octets.into(), ChecksumTrust::Vouched).err();
                let is_tcp_matter = got == Some(ParseError::TcpDataOffset) && want.is_none();
                assert!(got == want || is_tcp_matter, "{buffer}, {header}, {total}: {got:?}");
            }
        }
    }
}

#[test]
fn attack_e8_every_small_ipv6_payload_length_is_refused_or_right() {
    for buffer in 1..=100_usize {
        for payload in (0..=70).chain([0x7fff, 0x8000, 0xffff]) {
            let mut octets = octets(&v6());
            octets.resize(buffer, 0);
            if buffer >= 6 {
                octets[4..6].copy_from_slice(&(payload as u16).to_be_bytes());
            }
            let want = match (buffer, payload) {
                (..40, _) => Err(ParseError::Ipv6HeaderLength),
                _ if payload + 40 > buffer => Err(ParseError::Ipv6PayloadLength),
                (_, ..20) => Err(ParseError::TcpHeaderLength),
                (_, ..32) => Err(ParseError::TcpDataOffset),
                _ => Ok(payload - 32),
            };
            let got = match parse(octets.into(), ChecksumTrust::Vouched) {
                Ok(Parsed::Tcp { packet, .. }) => Ok(packet.segment.payload.len() as usize),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error),
            };
            assert_eq!(got, want, "{buffer} octets that say {payload}");
        }
    }
}

#[test]
fn attack_e13_octets_behind_the_packet_are_no_part_of_it() {
    for packet in both() {
        for trailing in 1..=64 {
            let mut octets = octets(&packet);
            octets.resize(octets.len() + trailing, 0xee);
            assert!(is_template(read(&octets), packet.clone()), "{trailing} octets");
        }
        let mut other = octets(&packet);
        let len = other.len();
        let at = if packet.is_ipv6() { 6 } else { 9 };
        other[at] = UDP;
        if !packet.is_ipv6() {
            seal_ipv4(&mut other);
        }
        let padded = [&other[..], &[0; 6]].concat();
        assert_eq!(read(&padded), Ok(Parsed::Other(Bytes::from(other))), "{len} octets");
    }
}

#[test]
fn attack_e13_options_of_others_are_ignored() {
    // MD5 (19), TCP-AO (29) and the two for experiments, in a header of 60 octets.
    let md5 = [&[19, 18][..], &[9; 16]].concat();
    let others = [29, 8, 0, 0, 1, 2, 3, 4, 253, 4, 0, 1, 254, 6, 0, 1, 2, 3];
    let unknown = [&md5[..], &others, &[1; 4]].concat();
    for mut packet in both() {
        let template = octets(&packet);
        let start = crate::packets::tcp_start(&template);
        let mut octets = [&template[..start + 20], &unknown, b"0123456789"].concat();
        octets[start + 12] = 0xf0;
        let len = octets.len() as u16;
        if packet.is_ipv6() {
            octets[4..6].copy_from_slice(&(len - 40).to_be_bytes());
        } else {
            octets[2..4].copy_from_slice(&len.to_be_bytes());
            seal_ipv4(&mut octets);
        }
        packet.segment.options = Options::default();
        assert_eq!(read_vouched(&octets), Ok(packet));
    }
}

#[test]
fn ip_9_the_ipv4_header_checksum_is_verified_and_generated() {
    let template = octets(&v4());
    assert_eq!(naive_sum(&template[..20]), 0xffff);
    // All but the bit that makes it a header of version 6.
    for bit in (0..160).filter(|bit| *bit != 5) {
        let mut octets = template.clone();
        octets[bit / 8] ^= 1 << (bit % 8);
        let error = read(&octets).expect_err("a flipped bit of the header is found");
        let is_length = matches!(error, ParseError::Ipv4HeaderLength | ParseError::Ipv4TotalLength);
        let is_version = error == ParseError::IpVersion;
        assert!(is_length || is_version || error == ParseError::Ipv4Checksum, "bit {bit}: {error}");
    }
}

#[test]
fn must_50_ipv4_options_that_are_not_understood_are_ignored() {
    let options: [&[u8]; 5] = [
        &[1, 1, 1, 0],
        &[7, 7, 4, 0, 0, 0, 0, 0],
        &[68, 8, 5, 0, 0, 0, 0, 0],
        &[148, 4, 0, 0],
        // Behind the end of the list nothing is an option, not even a source route.
        &[0, 131, 3, 4],
    ];
    for options in options {
        assert!(is_template(read(&v4_with_options(options)), v4()), "{options:?}");
    }
    assert!(is_template(read(&v4_with_options(&[1; 40])), v4()));
}

#[test]
fn dec_12_source_routes_are_refused_by_name() {
    for kind in [131, 137] {
        let options = [&[1, kind, 7, 4][..], &[192, 0, 2, 9]].concat();
        assert_eq!(read(&v4_with_options(&options)), Err(ParseError::SourceRoute));
    }
}

#[test]
fn attack_e10_ipv4_options_of_illegal_length_refuse_the_packet() {
    for options in [[7, 0, 0, 0], [7, 1, 0, 0], [7, 5, 4, 0], [1, 1, 1, 7], [1, 1, 7, 255]] {
        assert_eq!(read(&v4_with_options(&options)), Err(ParseError::Ipv4Option), "{options:?}");
    }
}

#[test]
fn ip_10_fragments_of_tcp_and_icmp_are_dropped_whole() {
    // More fragments, and offsets, the first of which RFC 1858 warns of.
    for field in [0x2000, 0x0001, 0x1fff, 0x3fff, 0x6001_u16] {
        for protocol in [TCP, 1] {
            let mut octets = octets(&v4());
            octets[6..8].copy_from_slice(&field.to_be_bytes());
            octets[9] = protocol;
            seal_ipv4(&mut octets);
            assert_eq!(read(&octets), Err(ParseError::Fragment), "attack_c5: {field:04x}");
            octets[9] = UDP;
            seal_ipv4(&mut octets);
            assert_eq!(read(&octets), Ok(Parsed::Other(octets.into())), "not ours to drop");
        }
    }
    for field in [0x0001, 0x0008, 0xfff8, 0xfff9_u16] {
        for protocol in [TCP, ICMPV6] {
            let mut header = extension(FRAGMENT, protocol, 0);
            header[2..4].copy_from_slice(&field.to_be_bytes());
            let octets = ipv6_with(FRAGMENT, &header, &tcp_octets());
            assert_eq!(read(&octets), Err(ParseError::Fragment), "attack_c5: {field:04x}");
        }
        let mut header = extension(FRAGMENT, UDP, 0);
        header[2..4].copy_from_slice(&field.to_be_bytes());
        let octets = ipv6_with(FRAGMENT, &header, &tcp_octets());
        assert_eq!(read(&octets), Ok(Parsed::Other(octets.into())), "not ours to drop");
    }
}

#[test]
fn a_fragment_that_is_the_whole_packet_is_a_packet() {
    // RFC 6946 §4. The reserved bits and the identification mean nothing.
    let mut header = extension(FRAGMENT, TCP, 0);
    header[1..].copy_from_slice(&[0xff, 0, 0x06, 1, 2, 3, 4]);
    assert!(is_template(read(&ipv6_with(FRAGMENT, &header, &tcp_octets())), v6()));
    // In IPv4 only DF may be set; the highest bit is reserved and ignored (RFC 791 §3.1).
    let mut octets = octets(&v4());
    octets[6] |= 0x80;
    seal_ipv4(&mut octets);
    assert!(is_template(read(&octets), v4()));
}

#[test]
fn ip_5_extension_headers_before_tcp_are_skipped() {
    let kinds = [HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT];
    for units in [0, 1, 7] {
        for kind in kinds {
            let units = if kind == FRAGMENT { 0 } else { units };
            let octets = ipv6_with(kind, &extension(kind, TCP, units), &tcp_octets());
            assert!(is_template(read(&octets), v6()), "kind {kind} of {units} units");
        }
    }
    let all = [
        extension(HOP_BY_HOP, DESTINATION, 1),
        extension(DESTINATION, ROUTING, 0),
        extension(ROUTING, FRAGMENT, 2),
        extension(FRAGMENT, DESTINATION, 0),
        extension(DESTINATION, TCP, 3),
    ]
    .concat();
    assert!(is_template(read(&ipv6_with(HOP_BY_HOP, &all, &tcp_octets())), v6()));
}

#[test]
fn wire_19_a_routing_header_is_passed_only_at_the_final_destination() {
    for kind in 0..=255 {
        for left in 0..=255 {
            let mut header = extension(ROUTING, TCP, 2);
            [header[2], header[3]] = [kind, left];
            let parsed = read(&ipv6_with(ROUTING, &header, &tcp_octets()));
            // With none left the destination in the header is the one that the checksum covers.
            match left {
                0 => assert!(is_template(parsed, v6()), "ip_1: type {kind}"),
                _ => assert_eq!(parsed, Err(ParseError::RoutingHeader)),
            }
        }
    }
}

#[test]
fn attack_e10_eight_extension_headers_are_walked_and_no_more() {
    for count in 1..=30_usize {
        let mut headers = vec![extension(DESTINATION, DESTINATION, 0); count];
        headers[count - 1][0] = TCP;
        let parsed = read(&ipv6_with(DESTINATION, &headers.concat(), &tcp_octets()));
        if count <= 8 {
            assert!(is_template(parsed, v6()), "{count} headers");
        } else {
            assert_eq!(parsed, Err(ParseError::Ipv6ExtensionLimit), "{count} headers");
        }
    }
}

#[test]
fn attack_e10_256_octets_of_extension_headers_are_walked_and_no_more() {
    for units in 0..=255_u8 {
        let header = extension(DESTINATION, TCP, units);
        let parsed = read(&ipv6_with(DESTINATION, &header, &tcp_octets()));
        if header.len() <= 256 {
            assert!(is_template(parsed, v6()), "{} octets", header.len());
        } else {
            assert_eq!(parsed, Err(ParseError::Ipv6ExtensionLimit), "{} octets", header.len());
        }
    }
}

#[test]
fn attack_e10_a_cut_extension_header_is_malformed() {
    let headers = [
        extension(HOP_BY_HOP, DESTINATION, 1),
        extension(DESTINATION, FRAGMENT, 0),
        extension(FRAGMENT, TCP, 0),
    ]
    .concat();
    for cut in 0..headers.len() {
        let octets = ipv6_with(HOP_BY_HOP, &headers[..cut], &[]);
        assert_eq!(read(&octets), Err(ParseError::Ipv6Extension), "cut at {cut}");
    }
}

#[test]
fn hop_by_hop_options_have_one_place() {
    let headers = [extension(DESTINATION, HOP_BY_HOP, 0), extension(HOP_BY_HOP, TCP, 0)].concat();
    let octets = ipv6_with(DESTINATION, &headers, &tcp_octets());
    assert_eq!(read(&octets), Err(ParseError::Ipv6Extension), "RFC 8200 §4.1");
}

#[test]
fn an_option_that_asks_for_discarding_is_obeyed() {
    for carrier in [HOP_BY_HOP, DESTINATION] {
        for kind in 1..=255_u8 {
            let mut header = extension(carrier, TCP, 0);
            header[2..8].copy_from_slice(&[kind, 4, 0, 1, 0, 0]);
            let parsed = read(&ipv6_with(carrier, &header, &tcp_octets()));
            // 0xc2 among them is the jumbo payload (RFC 2675 §2).
            match kind >> 6 {
                0 => assert!(is_template(parsed, v6()), "option {kind:02x}"),
                _ => assert_eq!(parsed, Err(ParseError::Ipv6Option), "option {kind:02x}"),
            }
        }
    }
}

#[test]
fn attack_e10_an_extension_option_never_runs_past_its_header() {
    for length in 0..=255_u8 {
        let mut header = extension(DESTINATION, TCP, 0);
        header[2..4].copy_from_slice(&[0x1e, length]);
        let parsed = read(&ipv6_with(DESTINATION, &header, &tcp_octets()));
        match length {
            0..=4 => assert!(is_template(parsed, v6()), "length {length}"),
            _ => assert_eq!(parsed, Err(ParseError::Ipv6Extension), "length {length}"),
        }
    }
    let mut header = extension(DESTINATION, TCP, 0);
    header[7] = 0x1e;
    let cut = read(&ipv6_with(DESTINATION, &header, &tcp_octets()));
    assert_eq!(cut, Err(ParseError::Ipv6Extension), "a kind without a length");
}

#[test]
fn a_jumbogram_is_refused() {
    let mut header = extension(HOP_BY_HOP, TCP, 0);
    header[2..8].copy_from_slice(&[0xc2, 4, 0, 1, 0, 0]);
    let mut octets = ipv6_with(HOP_BY_HOP, &header, &tcp_octets());
    octets[4..6].fill(0);
    assert_eq!(read(&octets), Err(ParseError::Ipv6Extension));
}

#[test]
fn other_protocols_are_for_the_application() {
    let known = [HOP_BY_HOP, TCP, ROUTING, FRAGMENT, DESTINATION];
    for protocol in 0..=255 {
        let mut v4 = octets(&v4());
        v4[9] = protocol;
        seal_ipv4(&mut v4);
        if ![1, TCP].contains(&protocol) {
            assert_eq!(read(&v4), Ok(Parsed::Other(v4.into())), "protocol {protocol}");
        }
        if ![ICMPV6].contains(&protocol) && !known.contains(&protocol) {
            let mut v6 = octets(&v6());
            v6[6] = protocol;
            assert_eq!(read(&v6), Ok(Parsed::Other(v6.into())), "next header {protocol}");
        }
    }
}

#[test]
fn ip_6_the_hop_limit_is_64_unless_told_otherwise() {
    for mut packet in both() {
        let at = if packet.is_ipv6() { 7 } else { 8 };
        assert_eq!(octets(&packet)[at], 64);
        packet.ip.hop_limit = 255;
        assert_eq!(octets(&packet)[at], 255);
    }
}

#[test]
fn fields_with_too_many_bits_do_not_spill_into_their_neighbours() {
    for mut packet in both() {
        let plain = octets(&packet);
        packet.ip = IpFields { dscp: 0xc0, flow_label: 0xfff0_0000, ..packet.ip };
        assert_eq!(octets(&packet), plain);
    }
}

#[test]
fn attack_b13_a_packet_with_df_has_identification_zero() {
    for seq in [0, 1, u32::MAX] {
        let mut packet = v4();
        packet.segment.seq = SeqNum::new(seq);
        assert_eq!(octets(&packet)[4..6], [0, 0], "ip_7: it cannot be cut and needs none");
    }
}

#[test]
fn ip_7_packets_that_may_be_cut_differ_in_identification() {
    let identification = |packet: &TcpPacket| {
        let octets = octets(packet);
        assert_eq!(octets[6], 0, "DF is clear");
        [octets[4], octets[5]]
    };
    let mut packet = v4();
    packet.ip.dont_fragment = false;
    // A window of a connection, a segment at a time: not one is like another.
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        assert!(seen.insert(identification(&packet)));
        packet.segment.seq += 512;
    }
    let first = identification(&packet);
    packet.segment.options.timestamps = Some(Timestamps { value: 0x0102_0305, echo: 0 });
    assert_ne!(identification(&packet), first, "a retransmission, by its timestamp");
}

proptest! {
    #[test]
    fn attack_e10_any_chain_of_extension_headers_ends(
        first in prop::sample::select(&[HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT][..]),
        headers in prop::collection::vec(any_extension(), 0..12),
        cut in 0..600_usize,
    ) {
        let headers = headers.concat();
        let octets = ipv6_with(first, &headers[..cut.min(headers.len())], &tcp_octets());
        let length = [ParseError::Ipv6HeaderLength, ParseError::Ipv6PayloadLength];
        match read(&octets) {
            Ok(Parsed::Tcp { packet, .. }) => prop_assert_eq!(packet, v6(), "nothing else sums up"),
            Ok(_) => {}
            Err(error) => prop_assert!(!length.contains(&error), "the lengths are right"),
        }
    }
}

/// Octets in the form of an extension header, often before another one.
fn any_extension() -> impl Strategy<Value = Vec<u8>> {
    let next = prop::sample::select(&[0, 6, 17, 43, 44, 58, 59, 60, 60, 60, 255][..]);
    let body = prop::collection::vec(prop_oneof![Just(0), 0..8_u8, any::<u8>()], 46);
    (next, 0..=5_u8, body).prop_map(|(next, units, body)| {
        [&[next, units], &body[..usize::from(units) * 8 + 6]].concat()
    })
}
