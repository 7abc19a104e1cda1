//! ICMP errors are read with what they quote, and written as the RFCs allow. Every type and code,
//! quotes cut at each octet, checksums flipped; etherparse reads what we write.

use std::net::IpAddr;

use etherparse::{
    Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice, icmpv4::DestUnreachableHeader,
};
use synack_wire::*;

use crate::packets::{
    both, ipv6_with, naive_sum, octets, read, seal_ipv4, seal_upper, text, v4, v6,
};

/// A router on the way.
fn reporter(packet: &TcpPacket) -> IpAddr {
    if packet.is_ipv6() { "2001:db8:9::9".parse().unwrap() } else { "203.0.113.9".parse().unwrap() }
}

/// The error of `kind` about `packet`, as octets.
fn error_about(kind: IcmpErrorKind, packet: &TcpPacket) -> Vec<u8> {
    emit_icmp_error(kind, reporter(packet), &octets(packet)).unwrap()
}

/// Where the ICMP header begins, and its protocol number.
fn message(error: &[u8]) -> (usize, u8) {
    if error[0] >> 4 == 4 { (20, 1) } else { (40, 58) }
}

fn seal(error: &mut [u8]) {
    let (start, protocol) = message(error);
    seal_upper(error, protocol, start, 2);
}

/// Makes the lengths and checksums of `error` fit its octets.
fn fit(error: &mut [u8]) {
    let len = error.len() as u16;
    if error[0] >> 4 == 4 {
        error[2..4].copy_from_slice(&len.to_be_bytes());
        seal_ipv4(error);
    } else {
        error[4..6].copy_from_slice(&(len - 40).to_be_bytes());
    }
    if error.len() >= message(error).0 + 4 {
        seal(error);
    }
}

fn too_big(packet: &TcpPacket, mtu: u16) -> IcmpErrorKind {
    if packet.is_ipv6() {
        IcmpErrorKind::PacketTooBig { mtu: u32::from(mtu) }
    } else {
        IcmpErrorKind::FragmentationNeeded { mtu }
    }
}

#[test]
fn icmp_1_an_error_gives_the_four_tuple_and_the_numbers_that_it_quotes() {
    for packet in both() {
        let error = error_about(IcmpErrorKind::PortUnreachable, &packet);
        let want = IcmpError {
            kind: IcmpErrorKind::PortUnreachable,
            reporter: reporter(&packet),
            source: packet.source,
            destination: packet.destination,
            seq: packet.segment.seq,
            packet_len: packet.len() as u32,
            payload_len: Some(10),
        };
        assert_eq!(read(&error), Ok(Parsed::IcmpError(want)));
    }
}

#[test]
fn attack_b10_every_mtu_is_reported_as_it_was_said() {
    for packet in both() {
        for mtu in [0, 1, 68, 552, 1279, 1280, 1500, 65_535] {
            let kind = too_big(&packet, mtu);
            let parsed = read(&error_about(kind, &packet));
            let Ok(Parsed::IcmpError(error)) = parsed else { panic!("{parsed:?}") };
            assert_eq!((error.kind, error.seq), (kind, packet.segment.seq));
        }
    }
    let huge = IcmpErrorKind::PacketTooBig { mtu: u32::MAX };
    let Ok(Parsed::IcmpError(error)) = read(&error_about(huge, &v6())) else { panic!("an error") };
    assert_eq!(error.kind, huge);
}

#[test]
fn every_type_and_code_is_an_error_about_tcp_or_for_the_application() {
    for packet in both() {
        let mut error = error_about(too_big(&packet, 1400), &packet);
        let (at, _) = message(&error);
        let is_error = |kind: u8| match packet.is_ipv6() {
            true => (1..=4).contains(&kind),
            false => [3, 4, 11, 12].contains(&kind),
        };
        let echo = if packet.is_ipv6() { 128 } else { 8 };
        for kind in 0..=255_u8 {
            for code in 0..=255_u8 {
                [error[at], error[at + 1]] = [kind, code];
                seal(&mut error);
                match read(&error) {
                    Ok(Parsed::IcmpError(read)) => {
                        assert!(is_error(kind), "{kind}/{code}");
                        let again = emit_icmp_error(read.kind, read.reporter, &octets(&packet));
                        let again = again.unwrap();
                        // Codes without a name of their own may come out as their neighbour.
                        assert_eq!(again[at], kind, "{kind}/{code}: {}", read.kind);
                        let keeps_code = again[at + 1] == code;
                        let is_coarse =
                            ![1, 3, 12].contains(&kind) || packet.is_ipv6() && kind == 3;
                        assert!(keeps_code || is_coarse, "{kind}/{code}: {}", read.kind);
                    }
                    Ok(Parsed::Echo(_)) => assert_eq!(kind, echo),
                    Ok(Parsed::Other(_)) => assert!(!is_error(kind) && kind != echo),
                    other => panic!("{kind}/{code}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn icmp_3_a_quote_with_less_than_8_octets_of_tcp_is_ignored() {
    for packet in both() {
        let error = error_about(IcmpErrorKind::HostUnreachable, &packet);
        let (start, _) = message(&error);
        let quote = start + 8;
        let tcp = quote + crate::packets::tcp_start(&error[quote..]);
        for len in start..error.len() {
            let mut cut = error[..len].to_vec();
            fit(&mut cut);
            let got = read(&cut);
            if len < quote {
                assert_eq!(got, Err(ParseError::IcmpHeaderLength), "{len} octets");
            } else if len < tcp + 8 {
                assert_eq!(got, Err(ParseError::IcmpQuote), "{len} octets");
            } else {
                let Ok(Parsed::IcmpError(error)) = got else { panic!("{len}: {got:?}") };
                assert_eq!(error.seq, packet.segment.seq);
                // From the data offset on the quote says how long the text was.
                assert_eq!(error.payload_len, (len > tcp + 12).then_some(10), "{len} octets");
            }
        }
    }
}

#[test]
fn attack_b9_a_quote_that_is_no_packet_of_ours_is_ignored() {
    for packet in both() {
        let error = error_about(IcmpErrorKind::HostUnreachable, &packet);
        let (start, _) = message(&error);
        let quote = start + 8;
        for (at, octet) in
            [(quote, 0x00), (quote, 0xf5), (quote, if packet.is_ipv6() { 0x45 } else { 0x60 })]
        {
            let mut forged = error.clone();
            forged[at] = octet;
            seal(&mut forged);
            assert_eq!(read(&forged), Err(ParseError::IcmpQuote), "octet {octet:02x}");
        }
    }
    // A header length below 20 octets, and a fragment that has no TCP header.
    let error = error_about(IcmpErrorKind::HostUnreachable, &v4());
    for (at, octet) in [(28, 0x44), (28 + 7, 1), (28 + 6, 0x1f)] {
        let mut forged = error.clone();
        forged[at] = octet;
        seal(&mut forged);
        assert_eq!(read(&forged), Err(ParseError::IcmpQuote), "octet {at} is {octet:02x}");
    }
}

#[test]
fn an_error_about_another_protocol_is_for_the_application() {
    for packet in both() {
        let mut error = error_about(IcmpErrorKind::PortUnreachable, &packet);
        let (start, _) = message(&error);
        let protocol = start + 8 + if packet.is_ipv6() { 6 } else { 9 };
        error[protocol] = 17;
        seal(&mut error);
        assert_eq!(read(&error), Ok(Parsed::Other(error.into())));
    }
}

#[test]
fn an_error_with_a_flipped_bit_is_ignored() {
    for packet in both() {
        let error = error_about(too_big(&packet, 1400), &packet);
        let (start, _) = message(&error);
        for bit in start * 8..error.len() * 8 {
            let mut flipped = error.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            let got = read(&flipped);
            // A type that is not ours is not looked at.
            let is_other = bit / 8 == start && matches!(got, Ok(Parsed::Other(_)));
            assert!(is_other || got == Err(ParseError::IcmpChecksum), "bit {bit}: {got:?}");
        }
    }
}

#[test]
fn a_quote_whose_lengths_were_spoilt_tells_no_text_length() {
    // Some routers change the total length; whatever they say, the numbers before it stand.
    let mut error = error_about(IcmpErrorKind::HostUnreachable, &v4());
    for total in [0_u16, 20, 51] {
        error[30..32].copy_from_slice(&total.to_be_bytes());
        seal(&mut error);
        let Ok(Parsed::IcmpError(read)) = read(&error) else { panic!("an error") };
        assert_eq!((read.seq, read.payload_len), (v4().segment.seq, None), "{total}");
    }
}

#[test]
fn an_error_quotes_as_much_as_it_may_and_etherparse_reads_it() {
    for mut packet in both() {
        packet.segment.payload = text(vec![7; 3000]);
        let offending = octets(&packet);
        let error = error_about(too_big(&packet, 1400), &packet);
        let sliced = SlicedPacket::from_ip(&error).unwrap();
        let quote = match (sliced.net.unwrap(), sliced.transport.unwrap()) {
            (NetSlice::Ipv4(ip), TransportSlice::Icmpv4(icmp)) => {
                assert_eq!(error.len(), 576, "RFC 1812 §4.3.2.3");
                let checksum = ip.header().to_header().calc_header_checksum();
                assert_eq!(ip.header().header_checksum(), checksum);
                assert_eq!(naive_sum(icmp.slice()), 0xffff);
                assert_eq!(IpAddr::from(ip.header().destination_addr()), packet.source.ip());
                let want = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 };
                assert_eq!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(want));
                icmp.payload()
            }
            (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(icmp)) => {
                assert_eq!(error.len(), 1280, "RFC 4443 §2.4 (c)");
                let header = ip.header().to_header();
                assert!(icmp.is_checksum_valid(header.source, header.destination));
                assert_eq!(IpAddr::from(header.destination_addr()), packet.source.ip());
                assert_eq!(icmp.icmp_type(), Icmpv6Type::PacketTooBig { mtu: 1400 });
                icmp.payload()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(quote, &offending[..quote.len()]);
    }
}

#[test]
fn errors_that_must_not_be_sent_are_refused() {
    let refused = Err(EmitError::IcmpNotAllowed);
    for packet in both() {
        let kind = IcmpErrorKind::TimeExceeded;
        // RFC 1122 §3.2.2; RFC 4443 §2.4 (e): about an ICMP error,
        let error = error_about(kind, &packet);
        assert_eq!(emit_icmp_error(kind, reporter(&packet), &error), refused);
        // about what is no packet of that family,
        let other = if packet.is_ipv6() { v4() } else { v6() };
        assert_eq!(emit_icmp_error(kind, reporter(&other), &octets(&packet)), refused);
        assert_eq!(emit_icmp_error(kind, reporter(&packet), &[]), refused);
        // or about a packet from or to more, or less, than one host.
        let (group, nobody) = match packet.is_ipv6() {
            true => ("[ff02::1]:80", "[::]:80"),
            false => ("224.0.0.1:80", "0.0.0.0:80"),
        };
        for address in [group, nobody] {
            let address = address.parse().unwrap();
            for packet in [
                TcpPacket { source: address, ..packet.clone() },
                TcpPacket { destination: address, ..packet.clone() },
            ] {
                assert_eq!(emit_icmp_error(kind, reporter(&packet), &octets(&packet)), refused);
            }
        }
    }
    let broadcast = TcpPacket { destination: "255.255.255.255:80".parse().unwrap(), ..v4() };
    let kind = IcmpErrorKind::PortUnreachable;
    assert_eq!(emit_icmp_error(kind, reporter(&v4()), &octets(&broadcast)), refused);
    let mut fragment = octets(&v4());
    fragment[7] = 1;
    assert_eq!(emit_icmp_error(kind, reporter(&v4()), &fragment), refused);
}

#[test]
fn an_error_that_a_family_does_not_have_is_refused() {
    let only_v4 = [
        IcmpErrorKind::ProtocolUnreachable,
        IcmpErrorKind::FragmentationNeeded { mtu: 1400 },
        IcmpErrorKind::SourceQuench,
        IcmpErrorKind::HostProhibited,
    ];
    let only_v6 = [
        IcmpErrorKind::PacketTooBig { mtu: 1400 },
        IcmpErrorKind::BeyondScope,
        IcmpErrorKind::RejectRoute,
        // ICMPv4 has one octet for it.
        IcmpErrorKind::ParameterProblem { code: 0, pointer: 256 },
    ];
    let (octets_v4, octets_v6) = (octets(&v4()), octets(&v6()));
    for kind in only_v4 {
        assert!(emit_icmp_error(kind, reporter(&v4()), &octets_v4).is_ok());
        let refused = emit_icmp_error(kind, reporter(&v6()), &octets_v6);
        assert_eq!(refused, Err(EmitError::IcmpNotAllowed));
    }
    for kind in only_v6 {
        assert!(emit_icmp_error(kind, reporter(&v6()), &octets_v6).is_ok());
        let refused = emit_icmp_error(kind, reporter(&v4()), &octets_v4);
        assert_eq!(refused, Err(EmitError::IcmpNotAllowed));
    }
}

#[test]
fn the_two_kinds_of_time_exceeded_and_the_pointer_of_a_problem_are_told() {
    let problem = IcmpErrorKind::ParameterProblem { code: 0, pointer: 7 };
    let none = [0; 4];
    // Kind; type, code and last word of ICMPv4 and of ICMPv6.
    let rows = [
        (IcmpErrorKind::TimeExceeded, ([11, 0], none), ([3, 0], none)),
        (IcmpErrorKind::ReassemblyTimeExceeded, ([11, 1], none), ([3, 1], none)),
        (problem, ([12, 0], [7, 0, 0, 0]), ([4, 0], [0, 0, 0, 7])),
    ];
    for (kind, on_v4, on_v6) in rows {
        for packet in both() {
            let octets = error_about(kind, &packet);
            let (numbers, last) = if packet.is_ipv6() { on_v6 } else { on_v4 };
            let (at, _) = message(&octets);
            assert_eq!(octets[at..at + 2], numbers);
            assert_eq!(octets[at + 4..at + 8], last);
            let Ok(Parsed::IcmpError(error)) = read(&octets) else { panic!("an error") };
            assert_eq!(error.kind, kind);
        }
    }
}

#[test]
fn a_quote_is_read_behind_extension_headers_but_not_in_a_later_fragment() {
    let packet = v6();
    let tcp = &octets(&packet)[40..];
    let seq = |extensions: &[u8]| {
        let quoted = ipv6_with(extensions[8], &extensions[..8], tcp);
        let kind = IcmpErrorKind::HostUnreachable;
        let error = emit_icmp_error(kind, reporter(&packet), &quoted);
        // A later fragment is not to be reported, so that one is put in by hand.
        let mut error = error.unwrap_or_else(|_| {
            let mut error = error_about(kind, &packet);
            error.truncate(48);
            error.extend_from_slice(&quoted);
            error
        });
        fit(&mut error);
        match read(&error) {
            Ok(Parsed::IcmpError(error)) => Ok((error.seq, error.payload_len)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
    let numbers = Ok((packet.segment.seq, Some(10)));
    // Eight octets of header, then its type.
    assert_eq!(seq(&[6, 0, 1, 4, 0, 0, 0, 0, 60]), numbers, "destination options");
    assert_eq!(seq(&[6, 0, 0, 0, 1, 2, 3, 4, 44]), numbers, "a fragment that is the whole");
    assert_eq!(seq(&[6, 0, 0, 8, 1, 2, 3, 4, 44]), Err(ParseError::IcmpQuote), "a later fragment");
}

#[test]
fn an_error_prints_as_one_line() {
    let lines = both().map(|packet| {
        let parsed = read(&error_about(too_big(&packet, 1400), &packet));
        let Ok(Parsed::IcmpError(error)) = parsed else { panic!("{parsed:?}") };
        error.to_string()
    });
    assert_eq!(
        lines,
        [
            "ICMP 203.0.113.9: fragmentation needed, mtu 1400, about \
             192.0.2.1.4321 > 198.51.100.2.80: seq 4294967291, length 10",
            "ICMP6 2001:db8:9::9: packet too big, mtu 1400, about \
             2001:db8::1.4321 > 2001:db8:2::2.80: seq 4294967291, length 10",
        ]
    );
}
