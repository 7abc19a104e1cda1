//! The TCP header is read and written as RFC 9293 draws it.
//! Captured SYNs octet for octet, then one field at a time in the template packets.

use synack_wire::*;

use crate::captures::{SYN_V4, SYN_V6, syn_v4, syn_v6};
use crate::packets::{both, octets, read, read_vouched, seal_ipv4, tcp_start, text, v4, v6};

#[test]
fn wire_1_syns_of_linux_are_read_and_written_octet_for_octet() {
    let v6 = Parsed::Tcp { packet: syn_v6(), option_fault: None };
    assert_eq!(read(&SYN_V6), Ok(v6));
    assert_eq!(octets(&syn_v6()), SYN_V6);
    let v4 = Parsed::Tcp { packet: syn_v4(), option_fault: None };
    assert_eq!(read(&SYN_V4), Ok(v4));
    // Linux numbers the packets of a socket even with DF set (RFC 6864 §4.1 lets it).
    let mut numbered = octets(&syn_v4());
    numbered[4..6].copy_from_slice(&SYN_V4[4..6]);
    seal_ipv4(&mut numbered);
    assert_eq!(numbered, SYN_V4);
}

#[test]
fn must_1_the_window_is_an_unsigned_number() {
    for mut packet in both() {
        packet.segment.window = 0xffff;
        let octets = octets(&packet);
        let at = tcp_start(&octets) + 14;
        assert_eq!(octets[at..at + 2], [0xff, 0xff]);
        assert_eq!(read_vouched(&octets).unwrap().segment.window, 65_535);
    }
}

#[test]
fn wire_3_wire_4_attack_e6_every_combination_of_flags_is_read_and_written() {
    for packet in both() {
        let mut octets = octets(&packet);
        let at = tcp_start(&octets) + 12;
        let offset = octets[at] & 0xf0;
        for bits in 0..0x1000_u16 {
            let [high, low] = bits.to_be_bytes();
            [octets[at], octets[at + 1]] = [offset | high, low];
            let segment = read_vouched(&octets).unwrap().segment;
            // wire_3: the three highest bits are reserved and ignored.
            let flags = Flags::from_bits(bits & 0x1ff);
            assert_eq!(segment.flags(), flags);
            assert_eq!(segment.ack.is_some(), bits & 0x10 != 0);
            assert_eq!(segment.urgent.is_some(), bits & 0x20 != 0);
            assert_eq!(segment.control, flags.without(Flags::ACK | Flags::URG));
            let again = TcpPacket { segment, ..packet.clone() };
            let again = crate::packets::octets(&again);
            assert_eq!([again[at], again[at + 1]], [offset | high & 1, low]);
        }
    }
}

#[test]
fn control_cannot_smuggle_ack_or_urg_past_their_fields() {
    for mut packet in both() {
        packet.segment.control = Flags::ACK | Flags::URG | Flags::FIN;
        packet.segment.ack = None;
        assert_eq!(packet.segment.flags(), Flags::FIN);
        let octets = octets(&packet);
        assert_eq!(octets[tcp_start(&octets) + 13], 0x01);
        assert_eq!(octets[tcp_start(&octets) + 8..][..4], [0; 4]);
    }
}

#[test]
fn attack_e5_every_urgent_pointer_is_only_a_number_and_only_with_urg() {
    for packet in both() {
        let mut octets = octets(&packet);
        let start = tcp_start(&octets);
        for pointer in 0..=0xffff_u16 {
            octets[start + 18..start + 20].copy_from_slice(&pointer.to_be_bytes());
            for has_urg in [false, true] {
                octets[start + 13] = if has_urg { 0x38 } else { 0x18 };
                let read = read_vouched(&octets).unwrap();
                assert_eq!(read.segment.urgent, has_urg.then_some(pointer), "wire_18");
                assert_eq!(read.segment.payload, packet.segment.payload);
                let want = if has_urg { pointer } else { 0 };
                let again = crate::packets::octets(&read);
                assert_eq!(again[start + 18..start + 20], want.to_be_bytes());
            }
        }
    }
}

#[test]
fn wire_2_wire_21_attack_e7_every_data_offset_and_length_is_read_or_refused() {
    for packet in both() {
        let template = octets(&packet);
        let start = tcp_start(&template);
        for len in 0..=120 {
            for offset in 0..16 {
                let mut octets = template[..start].to_vec();
                octets.resize(start + len, 1);
                set_length(&mut octets);
                if let Some(octet) = octets.get_mut(start + 12) {
                    *octet = (offset as u8) << 4;
                }
                let want = match (len, offset) {
                    (..20, _) => Err(ParseError::TcpHeaderLength),
                    (_, ..5) => Err(ParseError::TcpDataOffset),
                    _ if offset * 4 > len => Err(ParseError::TcpDataOffset),
                    _ => Ok(len - offset * 4),
                };
                let got = read_vouched(&octets).map(|p| p.segment.payload.len() as usize);
                assert_eq!(got, want, "wire_2, wire_21: {len} octets, offset {offset}");
            }
        }
    }
}

/// Makes the IP length and checksum fit the octets.
fn set_length(octets: &mut [u8]) {
    if octets[0] >> 4 == 4 {
        let len = octets.len() as u16;
        octets[2..4].copy_from_slice(&len.to_be_bytes());
        seal_ipv4(octets);
    } else {
        let len = octets.len() as u16 - 40;
        octets[4..6].copy_from_slice(&len.to_be_bytes());
    }
}

#[test]
fn wire_10_the_length_of_a_segment_counts_syn_and_fin() {
    for (control, controls) in
        [(Flags::NONE, 0), (Flags::SYN, 1), (Flags::FIN, 1), (Flags::SYN | Flags::FIN, 2)]
    {
        for len in [0_u32, 1, 1448] {
            let payload = text(vec![0; len as usize]);
            let segment = Segment { seq: SeqNum::new(u32::MAX), control, payload, ..v4().segment };
            assert_eq!(segment.len(), len + controls);
            assert_eq!(segment.is_empty(), len + controls == 0);
            assert_eq!(segment.end(), SeqNum::new((len + controls).wrapping_sub(1)));
        }
    }
}

#[test]
fn attack_e11_every_window_shift_is_reported_as_it_came() {
    for mut packet in both() {
        for shift in 0..=255 {
            packet.segment.options.window_scale = Some(shift);
            let octets = octets(&packet);
            assert_eq!(read_vouched(&octets).unwrap().segment.options.window_scale, Some(shift));
        }
    }
}

#[test]
fn attack_e12_sequence_numbers_at_every_edge_wrap_and_never_panic() {
    for mut packet in both() {
        for edge in [0, 0x8000_0000_u32] {
            for k in -1500..=1500_i32 {
                let seq = SeqNum::new(edge.wrapping_add_signed(k));
                packet.segment.seq = seq;
                packet.segment.ack = Some(seq - 1448);
                let end = packet.segment.end();
                assert!(seq < end && end - seq == 10 && seq.saturating_since(end) == 0);
                assert!(SeqRange::new(seq, end).contains(end - 1), "{seq} to {end}");
                assert_eq!(read_vouched(&octets(&packet)).as_ref(), Ok(&packet));
            }
        }
    }
}

#[test]
fn must_5_options_are_read_in_any_segment() {
    let options = syn_v4().segment.options;
    for control in [Flags::NONE, Flags::SYN, Flags::FIN, Flags::RST, Flags::PSH] {
        for mut packet in both() {
            packet.segment.control = control;
            packet.segment.options = options.clone();
            assert_eq!(read_vouched(&octets(&packet)), Ok(packet));
        }
    }
}

#[test]
fn a_packet_prints_as_one_line_of_tcpdump() {
    assert_eq!(
        syn_v4().to_string(),
        "IP 192.0.2.1.36618 > 192.0.2.2.80: Flags [S], seq 1097074239, win 64240, \
         options [mss 1460,sackOK,TS val 2378938110 ecr 0,wscale 10], length 0"
    );
    let mut packet = v6();
    packet.segment.urgent = Some(3);
    packet.segment.options.sack =
        [SeqRange::with_len(SeqNum::new(u32::MAX), 2)].into_iter().collect();
    packet.segment_size = std::num::NonZeroU16::new(5);
    assert_eq!(
        packet.to_string(),
        "IP6 2001:db8::1.4321 > 2001:db8:2::2.80: Flags [PU.], seq 4294967291:5, ack 2147483647, \
         win 502, urg 3, options [TS val 16909060 ecr 4294901244,sack 1 {4294967295:1}], \
         length 10 in segments of 5"
    );
    let rare = Options {
        user_timeout: Some(UserTimeout::from_bits(0x8002)),
        fast_open: Some([0xab; 4].into_iter().collect()),
        accurate_ecn: Some(AccurateEcnCounters {
            ect0: Some(1),
            ce: Some(2),
            ..Default::default()
        }),
        ..Options::default()
    };
    assert_eq!(rare.to_string(), "uto 120 s,acc-ecn e0b 1 ceb 2,tfo cookie abababab");
    let request = Options { fast_open: Some(Default::default()), ..Options::default() };
    assert_eq!(request.to_string(), "tfo cookiereq");
}
