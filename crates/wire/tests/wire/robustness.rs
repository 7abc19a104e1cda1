//! Any octets end in a value or a named reason, never in a panic, and sane values stay sane.
//! Random octets, templates with random damage, and every cut of every kind of packet.

use bytes::Bytes;
use proptest::prelude::*;
use synack_wire::*;

use crate::captures::{SYN_V4, SYN_V6};
use crate::packets::{both, octets, read, seal_ipv4};

const TRUSTS: [ChecksumTrust; 3] =
    [ChecksumTrust::Verify, ChecksumTrust::Partial, ChecksumTrust::Vouched];

/// Packets of every kind that the parser tells apart.
fn kinds() -> Vec<Vec<u8>> {
    let mut kinds = vec![SYN_V4.to_vec(), SYN_V6.to_vec()];
    for packet in both() {
        let tcp = octets(&packet);
        let kind = IcmpErrorKind::TimeExceeded;
        let error = emit_icmp_error(kind, packet.destination.ip(), &tcp).unwrap();
        let mut echo = error.clone();
        let at = if packet.is_ipv6() { 40 } else { 20 };
        echo[at] = if packet.is_ipv6() { 128 } else { 8 };
        crate::packets::seal_upper(&mut echo, if packet.is_ipv6() { 58 } else { 1 }, at, 2);
        kinds.extend([tcp, error, echo]);
    }
    kinds
}

/// Checks what holds of every outcome. Returns whether the octets were used.
fn assert_sane(octets: &[u8], trust: ChecksumTrust) -> bool {
    match parse(Bytes::copy_from_slice(octets), trust) {
        Ok(Parsed::Tcp { packet, .. }) => {
            assert!(packet.len() <= octets.len() + OPTIONS_LEN_MAX);
            assert!(packet.segment.payload.len() as usize <= octets.len() - 40);
            assert!(!packet.segment.control.intersects(Flags::ACK | Flags::URG));
            assert!(packet.segment_size.is_none());
            assert!(!packet.to_string().is_empty());
            // What could be read can be written, unless padding makes the options too long, and
            // is then read again as the same.
            if let Ok(again) = packet.to_bytes() {
                let again = parse(again, ChecksumTrust::Verify);
                assert_eq!(again, Ok(Parsed::Tcp { packet, option_fault: None }));
            } else {
                assert!(packet.segment.options.encoded_len() > OPTIONS_LEN_MAX);
            }
            true
        }
        Ok(Parsed::IcmpError(error)) => {
            assert_eq!(error.source.is_ipv4(), error.destination.is_ipv4());
            assert!(!error.to_string().is_empty());
            true
        }
        Ok(Parsed::Echo(request)) => {
            let len = request.packet().len();
            assert!(len <= octets.len());
            let reply = request.into_reply();
            assert!(reply.len() <= len);
            // The reply is for the one who asked; here it is one more packet of another kind.
            assert!(matches!(read(&reply), Ok(Parsed::Other(_))));
            true
        }
        Ok(Parsed::Other(packet)) => {
            assert_eq!(packet, octets[..packet.len()]);
            true
        }
        Err(error) => {
            assert_eq!(ParseError::ALL[error.index()], error);
            false
        }
    }
}

#[test]
fn wire_9_every_cut_of_every_kind_of_packet_is_refused() {
    for octets in kinds() {
        for trust in TRUSTS {
            assert!(assert_sane(&octets, trust));
            for len in 0..octets.len() {
                assert!(!assert_sane(&octets[..len], trust), "{len} of {} octets", octets.len());
            }
        }
    }
}

#[test]
fn wire_9_every_octet_of_every_kind_takes_every_value() {
    for octets in kinds() {
        let mut used = 0;
        for at in 0..octets.len() {
            for value in 0..=255 {
                let mut octets = octets.clone();
                octets[at] = value;
                if octets[0] >> 4 == 4 && at != 0 {
                    seal_ipv4(&mut octets);
                }
                used += u32::from(assert_sane(&octets, ChecksumTrust::Vouched));
            }
        }
        assert!(used > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn wire_9_any_octets_end_in_a_value_or_a_reason(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        version in prop::sample::select(&[0x45, 0x46, 0x4f, 0x60, 0x00][..]),
        trust in prop::sample::select(&TRUSTS[..]),
    ) {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = version;
        }
        assert_sane(&octets, trust);
        // And once more with an IPv4 header that adds up, to get behind it.
        let header_len = usize::from(version & 15) * 4;
        if version >> 4 == 4 && octets.len() >= header_len {
            let len = octets.len() as u16;
            octets[2..4].copy_from_slice(&len.to_be_bytes());
            octets[6..8].fill(0);
            octets[9] = [6, 1, 6, 17][usize::from(octets[9] & 3)];
            seal_ipv4(&mut octets);
            assert_sane(&octets, trust);
        }
    }

    #[test]
    fn wire_9_damaged_packets_end_in_a_value_or_a_reason(
        kind in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        len in any::<prop::sample::Index>(),
        is_cut in prop::bool::weighted(0.2),
        trust in prop::sample::select(&TRUSTS[..]),
    ) {
        let kinds = kinds();
        let mut octets = kind.get(&kinds).clone();
        for (at, value) in damage {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        if is_cut {
            octets.truncate(len.index(octets.len()));
        }
        assert_sane(&octets, trust);
        let first = octets.first().copied().unwrap_or_default();
        let header_len = usize::from(first & 15) * 4;
        if first >> 4 == 4 && octets.len() >= header_len.max(20) {
            seal_ipv4(&mut octets);
            assert_sane(&octets, trust);
        }
    }
}
