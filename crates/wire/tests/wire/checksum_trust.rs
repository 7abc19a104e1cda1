//! A wrong TCP checksum is never taken for a right one, and trust goes as far as the device says.
//! Flips every bit and ten million random ones against a naive sum; partial sums as captured.

use bytes::Bytes;
use synack_wire::*;

use crate::captures::{LOOPBACK_SYN_V4, LOOPBACK_SYN_V6};
use crate::packets::{
    both, naive_sum, octets, read, seal_upper, tcp_start, text, v4, with_pseudo_header,
};

/// Whether TCP header and text sum up with the pseudo-header, by the definition.
fn is_intact(octets: &[u8]) -> bool {
    naive_sum(&with_pseudo_header(octets, 6, &octets[tcp_start(octets)..])) == 0xffff
}

/// Reads `octets` and says whether they were accepted; any other reason than the checksum is wrong.
fn is_accepted(octets: &[u8], trust: ChecksumTrust) -> bool {
    match parse(Bytes::copy_from_slice(octets), trust) {
        Ok(Parsed::Tcp { .. }) => true,
        Err(ParseError::TcpChecksum) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn must_3_every_single_flipped_bit_is_found() {
    for packet in both() {
        let template = octets(&packet);
        for at in 0..template.len() * 8 {
            let mut octets = template.clone();
            octets[at / 8] ^= 0x80 >> (at % 8);
            match read(&octets) {
                Err(_) => {}
                // Nothing covers IPv6's traffic class, flow label and hop limit.
                Ok(Parsed::Tcp { packet: read, .. }) => {
                    assert!(packet.is_ipv6() && ((4..32).contains(&at) || at / 8 == 7), "bit {at}");
                    assert_eq!(read, TcpPacket { ip: read.ip, ..packet.clone() });
                }
                // Another next header is another protocol, whose checksum is its own affair. And
                // with version 6 instead of 4 it is another one too, in a packet of no length.
                Ok(Parsed::Other(_)) => {
                    assert!(if packet.is_ipv6() { at / 8 == 6 } else { at == 2 }, "bit {at}");
                }
                Ok(other) => panic!("bit {at}: {other:?}"),
            }
        }
    }
}

/// The next number of a fixed sequence (SplitMix64, Steele and others, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[test]
fn attack_e9_ten_million_random_flips_are_accepted_only_if_the_sum_matches() {
    let mut state = 9;
    let mut accepted = 0;
    for packet in both() {
        let template = octets(&packet);
        let start = tcp_start(&template);
        let mut octets = template.clone();
        for round in 0..5_000_000_u32 {
            octets.copy_from_slice(&template);
            for _ in 0..=next(&mut state) % 3 {
                let random = next(&mut state) as usize;
                let at = start + random % (octets.len() - start);
                // The data offset stays, so that only the checksum can be at fault.
                let spared = if at == start + 12 { 0xf0 } else { 0 };
                octets[at] ^= (random >> 32) as u8 & !spared;
            }
            if round % 8 == 0 {
                // A sum does not see words trade places: the window and a pointer of zero.
                let [a, b] = [14, 18].map(|field| start + field);
                octets.copy_within(a..a + 2, b);
                octets[a..a + 2].copy_from_slice(&[0, 0]);
            }
            let is_intact = is_intact(&octets);
            assert_eq!(is_accepted(&octets, ChecksumTrust::Verify), is_intact, "{octets:x?}");
            accepted += u32::from(is_intact);
        }
    }
    assert!(accepted > 1000, "both outcomes are seen: {accepted}");
}

#[test]
fn attack_e9_a_checksum_of_zero_is_a_checksum_as_any_other() {
    for mut packet in both() {
        for text_len in [10, 11] {
            // Text that makes the sum of everything else all ones, so that the checksum is zero.
            packet.segment.payload = text(vec![0; text_len]);
            let mut octets = octets(&packet);
            let start = tcp_start(&octets);
            let field = start + 16..start + 18;
            let missing: [u8; 2] = octets[field.clone()].try_into().unwrap();
            octets[start + 32..start + 34].copy_from_slice(&missing);
            packet.segment.payload = text(octets[start + 32..].to_vec());
            let emitted = crate::packets::octets(&packet);
            assert_eq!(emitted[field.clone()], [0, 0], "trap_47: it is not sent as all ones");
            assert!(is_accepted(&emitted, ChecksumTrust::Verify));
            // And zero does not mean that there is none.
            octets[field].fill(0);
            octets[start + 33] ^= 1;
            assert!(!is_accepted(&octets, ChecksumTrust::Verify));
        }
    }
}

#[test]
fn attack_e9_a_partial_sum_is_trusted_only_where_the_device_says_so() {
    for octets in [&LOOPBACK_SYN_V4[..], &LOOPBACK_SYN_V6] {
        assert!(!is_accepted(octets, ChecksumTrust::Verify));
        assert!(is_accepted(octets, ChecksumTrust::Partial));
        assert!(is_accepted(octets, ChecksumTrust::Vouched));
        let mut octets = octets.to_vec();
        let start = tcp_start(&octets);
        octets[start + 17] ^= 1;
        assert!(!is_accepted(&octets, ChecksumTrust::Partial), "neither partial nor full");
        assert!(is_accepted(&octets, ChecksumTrust::Vouched));
        seal_upper(&mut octets, 6, start, 16);
        assert!(is_accepted(&octets, ChecksumTrust::Partial), "a full one is verified");
    }
}

#[test]
fn attack_e9_what_we_leave_to_the_device_is_what_partial_trust_accepts() {
    for packet in both() {
        let mut headers = [0; HEADERS_LEN_MAX];
        let len = emit_headers(&packet, ChecksumMode::Partial, &mut headers).unwrap();
        let octets = [&headers[..len], b"0123456789"].concat();
        assert!(is_accepted(&octets, ChecksumTrust::Partial));
        assert!(!is_accepted(&octets, ChecksumTrust::Verify));
    }
}

#[test]
fn attack_e9_a_checksum_over_odd_text_covers_its_last_octet() {
    let mut packet = v4();
    for len in 1..70 {
        packet.segment.payload = text(vec![0xa5; len]);
        let mut octets = octets(&packet);
        assert!(is_accepted(&octets, ChecksumTrust::Verify));
        *octets.last_mut().unwrap() ^= 0x40;
        assert!(!is_accepted(&octets, ChecksumTrust::Verify));
    }
}
