//! A packet that is emitted and parsed is the same, and octets of our layout come out again.
//! Random packets, through each of the two ways of emitting and each way to make a checksum.

use proptest::prelude::*;
use synack_wire::*;

use crate::packets::with_pseudo_header;
use crate::packets::{any_packet, both, naive_sum, octets, read, tcp_start, text, v4, v6};

/// Headers and then the slices, as a device that gathers sends them.
fn gathered(packet: &TcpPacket, mode: ChecksumMode) -> Vec<u8> {
    let mut headers = [0xaa; HEADERS_LEN_MAX];
    let len = emit_headers(packet, mode, &mut headers).unwrap();
    assert_eq!(len + packet.segment.payload.len() as usize, packet.len());
    let slices = packet.segment.payload.slices().iter().map(|slice| &slice[..]);
    [&headers[..len]].into_iter().chain(slices).collect::<Vec<_>>().concat()
}

proptest! {
    #[test]
    fn wire_8_a_packet_comes_back_as_it_was(packet in any_packet()) {
        let first = octets(&packet);
        prop_assert_eq!(first.len(), packet.len());
        let parsed = read(&first);
        prop_assert_eq!(&parsed, &Ok(Parsed::Tcp { packet, option_fault: None }));
        let Ok(Parsed::Tcp { packet, .. }) = parsed else { unreachable!("compared above") };
        prop_assert_eq!(octets(&packet), first, "octet for octet");
    }

    #[test]
    fn gathering_and_copying_emit_the_same_octets(packet in any_packet()) {
        let mut buffer = vec![0x55; packet.len() + 3];
        let len = emit_contiguous(&packet, &mut buffer).unwrap();
        prop_assert_eq!(len, packet.len());
        prop_assert_eq!(&buffer[..len], gathered(&packet, ChecksumMode::Full));
        prop_assert_eq!(&buffer[len..], [0x55; 3], "what lies behind is not touched");
    }

    #[test]
    fn a_partial_checksum_is_completed_to_the_full_one(packet in any_packet()) {
        let full = gathered(&packet, ChecksumMode::Full);
        let mut partial = gathered(&packet, ChecksumMode::Partial);
        let start = tcp_start(&partial);
        let field = start + 16..start + 18;
        let pseudo_header = with_pseudo_header(&partial, 6, &partial[start..]);
        let pseudo_header = &pseudo_header[..pseudo_header.len() - (partial.len() - start)];
        prop_assert_eq!(&partial[field.clone()], naive_sum(pseudo_header).to_be_bytes());
        // What a device does: the sum from the TCP header on, the field included, complemented.
        let completed = !naive_sum(&partial[start..]);
        partial[field].copy_from_slice(&completed.to_be_bytes());
        prop_assert_eq!(partial, full);
    }

    #[test]
    fn a_buffer_that_is_too_short_is_refused(packet in any_packet(), short in 1..2000_usize) {
        let mut buffer = vec![0; packet.len().saturating_sub(short)];
        prop_assert_eq!(emit_contiguous(&packet, &mut buffer), Err(EmitError::BufferLength));
    }
}

#[test]
fn wire_8_each_option_comes_back_beside_timestamps() {
    let timestamps = both().map(|packet| packet.segment.options);
    let [base, _] = timestamps;
    let block = SeqRange::with_len(SeqNum::new(u32::MAX), 9);
    let cookie = FastOpenCookie::from_iter([1, 2, 3, 4]);
    let counters = AccurateEcnCounters { ect0: Some(9), ..Default::default() };
    let all = [
        Options { mss: Some(1460), ..base.clone() },
        Options { window_scale: Some(14), ..base.clone() },
        Options { sack_permitted: true, ..base.clone() },
        Options { sack: [block].into_iter().collect(), ..base.clone() },
        Options { user_timeout: Some(UserTimeout::from_bits(60)), ..base.clone() },
        Options { fast_open: Some(cookie), ..base.clone() },
        Options { accurate_ecn: Some(counters), ..base },
        Options::default(),
    ];
    for options in all {
        for mut packet in both() {
            packet.segment.options = options.clone();
            let read = read(&octets(&packet));
            assert_eq!(read, Ok(Parsed::Tcp { packet, option_fault: None }), "{options}");
        }
    }
}

#[test]
fn packets_of_two_families_are_refused() {
    let (v4, v6) = (v4(), v6());
    for (source, destination) in [(v4.source, v6.destination), (v6.source, v4.destination)] {
        let packet = TcpPacket { source, destination, ..v4.clone() };
        assert_eq!(packet.to_bytes(), Err(EmitError::AddressFamily));
    }
}

#[test]
fn wire_11_a_segment_whose_options_do_not_fit_is_refused() {
    for mut packet in both() {
        packet.segment.options.sack = vec![SeqRange::default(); 4].into_iter().collect();
        let mut headers = [0; HEADERS_LEN_MAX];
        let emitted = emit_headers(&packet, ChecksumMode::Full, &mut headers);
        assert_eq!(emitted, Err(EmitError::OptionsLength));
        assert_eq!(packet.to_bytes(), Err(EmitError::OptionsLength));
    }
}

#[test]
fn a_super_segment_is_emitted_up_to_the_longest_packet_and_no_further() {
    // The length field counts the header in IPv4 and not in IPv6.
    for (mut packet, payload_max) in [(v4(), 65_535 - 52), (v6(), 65_535 - 32)] {
        packet.segment_size = std::num::NonZeroU16::new(1448);
        packet.segment.payload = text(vec![7; payload_max]);
        assert_eq!(packet.segments(), (payload_max as u32).div_ceil(1448));
        let octets = octets(&packet);
        assert_eq!(octets, gathered(&packet, ChecksumMode::Full));
        // The device alone knows that several segments were received as one.
        let plain = TcpPacket { segment_size: None, ..packet.clone() };
        assert_eq!(read(&octets), Ok(Parsed::Tcp { packet: plain, option_fault: None }));
        packet.segment.payload = text(vec![7; payload_max + 1]);
        assert_eq!(packet.to_bytes(), Err(EmitError::PacketLength));
    }
}

/// A super-segment of three segments with everything set that not all of them have.
fn whole(mut packet: TcpPacket) -> TcpPacket {
    packet.segment_size = std::num::NonZeroU16::new(1448);
    packet.segment.control = Flags::FIN | Flags::PSH | Flags::CWR;
    packet.segment.urgent = Some(2000);
    packet.segment.payload = text((0..2_000).map(|n| n as u8).collect());
    packet.segment.payload.try_push((0..2_000).map(|n| (n * 7) as u8).collect()).unwrap();
    packet
}

#[test]
fn what_is_cut_up_is_what_its_segments_would_be_alone() {
    for packet in both().map(whole) {
        let (mut texts, mut ends) = (Vec::new(), packet.segment.seq);
        for cut in packet.cut_up() {
            let mut buffer = vec![0; cut.packet_len()];
            assert_eq!(emit_contiguous(cut, &mut buffer), Ok(buffer.len()));
            assert_eq!(buffer, octets(&cut.to_packet()));
            let Ok(Parsed::Tcp { packet: read, option_fault: None }) = read(&buffer) else {
                panic!("{} does not parse", cut.to_packet());
            };
            assert_eq!(read, cut.to_packet());
            assert_eq!((read.segment.seq, &read.segment.options), (ends, &packet.segment.options));
            ends += read.segment.payload.len();
            texts.push(read.segment);
        }
        let lens: Vec<_> = texts.iter().map(|segment| segment.payload.len()).collect();
        assert_eq!(lens, [1448, 1448, 1104]);
        // ACCECN-9: whatever else a flag means, every segment has it; FIN and PSH end the whole.
        let controls: Vec<_> = texts.iter().map(|segment| segment.control).collect();
        let last = Flags::FIN | Flags::PSH | Flags::CWR;
        assert_eq!(controls, [Flags::CWR, Flags::CWR, last]);
        // MUST-62: counted from each one's own number, until it lies behind.
        let urgent: Vec<_> = texts.iter().map(|segment| segment.urgent).collect();
        assert_eq!(urgent, [Some(2000), Some(2000 - 1448), None]);
        let all: Vec<_> = texts.iter().flat_map(|segment| segment.payload.to_vec()).collect();
        assert_eq!(all, packet.segment.payload.to_vec());
    }
}

#[test]
fn what_is_left_of_a_super_segment_is_cut_up_as_it_would_have_been() {
    for packet in both().map(whole) {
        let cuts: Vec<_> = packet.cut_up().collect();
        for (nth, cut) in cuts.iter().enumerate() {
            let rest = packet.from_cut_on(*cut).to_packet();
            let expected: Vec<_> = cuts[nth..].iter().map(|cut| octets(&cut.to_packet())).collect();
            let again: Vec<_> = rest.cut_up().map(|cut| octets(&cut.to_packet())).collect();
            assert_eq!(again, expected);
        }
    }
}

#[test]
fn a_packet_that_is_no_super_segment_is_cut_into_itself() {
    for mut packet in both() {
        for payload in [text(vec![1; 10]), Payload::new()] {
            packet.segment.payload = payload;
            let cuts: Vec<_> = packet.cut_up().map(Cut::to_packet).collect();
            assert_eq!(cuts, [packet.clone()]);
        }
    }
}
