//! A ping is answered with the reply that the RFCs describe, in the buffer of the request.
//! Requests written by etherparse or by hand, replies read by etherparse.

use bytes::{Bytes, BytesMut};
use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use synack_wire::*;

use crate::packets::{ipv6_with, naive_sum, read, seal_ipv4, seal_upper, v6};

const SOURCE: [u8; 4] = [192, 0, 2, 1];
const DESTINATION: [u8; 4] = [198, 51, 100, 2];

fn request_v4(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let builder = PacketBuilder::ipv4(SOURCE, DESTINATION, 17).icmpv4_echo_request(7, 9);
    builder.write(&mut octets, text).unwrap();
    octets
}

fn request_v6(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let template = crate::packets::octets(&v6());
    let source = template[8..24].try_into().unwrap();
    let destination = template[24..40].try_into().unwrap();
    let builder = PacketBuilder::ipv6(source, destination, 17).icmpv6_echo_request(7, 9);
    builder.write(&mut octets, text).unwrap();
    octets
}

fn echo(octets: &[u8]) -> EchoRequest {
    match read(octets) {
        Ok(Parsed::Echo(request)) => request,
        other => panic!("no echo request: {other:?}"),
    }
}

/// Checks that `reply` answers the request of identifier 7 and number 9 that carried `text`.
fn assert_is_reply(reply: &[u8], text: &[u8]) {
    let sliced = SlicedPacket::from_ip(reply).unwrap();
    match (sliced.net.unwrap(), sliced.transport.unwrap()) {
        (NetSlice::Ipv4(ip), TransportSlice::Icmpv4(icmp)) => {
            let header = ip.header();
            assert_eq!((header.source(), header.destination()), (DESTINATION, SOURCE));
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            assert_eq!((header.ttl(), header.ihl()), (64, 5));
            let Icmpv4Type::EchoReply(echo) = icmp.icmp_type() else { panic!("no reply") };
            assert_eq!((echo.id, echo.seq), (7, 9));
            assert_eq!(naive_sum(icmp.slice()), 0xffff);
            assert_eq!(icmp.payload(), text);
        }
        (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(icmp)) => {
            let header = ip.header().to_header();
            assert_eq!(header.source_addr(), v6().destination.ip());
            assert_eq!(header.destination_addr(), v6().source.ip());
            assert_eq!((header.hop_limit, header.next_header.0), (64, 58));
            let Icmpv6Type::EchoReply(echo) = icmp.icmp_type() else { panic!("no reply") };
            assert_eq!((echo.id, echo.seq), (7, 9));
            assert!(icmp.is_checksum_valid(header.source, header.destination));
            assert_eq!(icmp.payload(), text);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_answered_with_its_own_text() {
    for len in [0, 1, 2, 55, 56, 1400] {
        let text: Vec<u8> = (0..len).map(|octet| octet as u8).collect();
        for octets in [request_v4(&text), request_v6(&text)] {
            let request = echo(&octets);
            assert_eq!(request.packet(), &octets);
            assert_is_reply(&request.into_reply(), &text);
        }
    }
}

#[test]
fn a_request_says_who_asks_and_whom() {
    let request = echo(&request_v4(b"x"));
    assert_eq!(request.source().to_string(), "192.0.2.1");
    assert_eq!(request.destination().to_string(), "198.51.100.2");
    let request = echo(&request_v6(b"x"));
    assert_eq!(request.source(), v6().source.ip());
    assert_eq!(request.destination(), v6().destination.ip());
}

#[test]
fn the_reply_is_made_in_the_buffer_of_the_request() {
    for octets in [request_v4(b"text"), request_v6(b"text")] {
        let block = BytesMut::from(&octets[..]).freeze();
        let start = block.as_ptr();
        let Ok(Parsed::Echo(request)) = parse(block, ChecksumTrust::Verify) else { panic!("echo") };
        assert_eq!(request.into_reply().as_ptr(), start);
    }
}

#[test]
fn a_request_that_is_shared_stays_as_it_is() {
    for octets in [request_v4(b"text"), request_v6(b"text")] {
        let block = Bytes::from(octets.clone());
        let held = block.clone();
        let Ok(Parsed::Echo(request)) = parse(block, ChecksumTrust::Verify) else { panic!("echo") };
        assert_is_reply(&request.into_reply(), b"text");
        assert_eq!(held, octets);
    }
}

#[test]
fn what_surrounds_the_request_is_left_out_of_the_reply() {
    // IPv4 options, here a record of the route, and octets behind the packet.
    let plain = request_v4(b"text");
    let mut octets = [&plain[..20], &[7, 7, 4, 0, 0, 0, 0, 0], &plain[20..]].concat();
    octets[0] = 0x47;
    octets[3] += 8;
    seal_ipv4(&mut octets);
    octets.extend([0xee; 5]);
    assert_is_reply(&echo(&octets).into_reply(), b"text");
    // Extension headers.
    let plain = request_v6(b"text");
    let mut options = [0; 16];
    [options[0], options[1]] = [58, 1];
    let mut octets = ipv6_with(60, &options, &plain[40..]);
    octets.extend([0xee; 5]);
    assert_is_reply(&echo(&octets).into_reply(), b"text");
}

#[test]
fn the_reply_keeps_dscp_and_identification_and_clears_ecn() {
    let mut octets = request_v4(b"text");
    octets[1] = 46 << 2 | 3;
    octets[4..6].copy_from_slice(&[0xab, 0xcd]);
    for flags in [0x00, 0x40] {
        octets[6] = flags;
        seal_ipv4(&mut octets);
        let reply = echo(&octets).into_reply();
        assert_eq!((reply[1], reply[6]), (46 << 2, flags));
        assert_eq!(reply[4..6], [0xab, 0xcd], "RFC 6864 §4: unique as the asker keeps it");
    }
    let mut octets = request_v6(b"text");
    let [high, low] = (0x6000_u16 | (46 << 2 | 3) << 4).to_be_bytes();
    [octets[0], octets[1]] = [high, low | 5];
    let reply = echo(&octets).into_reply();
    assert_eq!(reply[..4], (0x6000_0000_u32 | (46 << 2) << 20).to_be_bytes());
}

#[test]
fn a_request_that_is_spoilt_is_dropped() {
    for (octets, start) in [(request_v4(b"text"), 20), (request_v6(b"text"), 40)] {
        for at in start + 1..octets.len() {
            let mut spoilt = octets.clone();
            spoilt[at] ^= 0x10;
            assert_eq!(read(&spoilt), Err(ParseError::IcmpChecksum), "octet {at}");
        }
    }
}

#[test]
fn a_reply_is_for_the_application() {
    for (octets, start, protocol, kind) in
        [(request_v4(b"text"), 20, 1, 0), (request_v6(b"text"), 40, 58, 129)]
    {
        let mut reply = octets;
        reply[start] = kind;
        seal_upper(&mut reply, protocol, start, 2);
        assert_eq!(read(&reply), Ok(Parsed::Other(reply.into())));
    }
}

#[test]
fn every_length_of_icmp_below_a_header_is_refused() {
    for (octets, start) in [(request_v4(b""), 20), (request_v6(b""), 40)] {
        for len in start..start + 8 {
            let mut cut = octets[..len].to_vec();
            if start == 20 {
                cut[3] = len as u8;
                seal_ipv4(&mut cut);
            } else {
                cut[5] = (len - start) as u8;
            }
            assert_eq!(read(&cut), Err(ParseError::IcmpHeaderLength));
        }
    }
}
