//! Template packets of both families, of which a test changes what it is about. And checksums
//! computed by the definition, so that octets changed by hand can be made right again.

use std::net::IpAddr;

use bytes::Bytes;
use proptest::prelude::*;
use synack_wire::*;

/// A data segment over IPv4 with timestamps and ten octets of text.
pub(crate) fn v4() -> TcpPacket {
    packet("192.0.2.1:4321", "198.51.100.2:80")
}

/// The same over IPv6.
pub(crate) fn v6() -> TcpPacket {
    packet("[2001:db8::1]:4321", "[2001:db8:2::2]:80")
}

/// The template over either family.
pub(crate) fn both() -> [TcpPacket; 2] {
    [v4(), v6()]
}

fn packet(source: &str, destination: &str) -> TcpPacket {
    TcpPacket {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ip: IpFields::default(),
        segment_size: None,
        segment: Segment {
            seq: SeqNum::new(0xffff_fffb),
            ack: Some(SeqNum::new(0x7fff_ffff)),
            control: Flags::PSH,
            window: 502,
            urgent: None,
            options: Options {
                timestamps: Some(Timestamps { value: 0x0102_0304, echo: 0xfffe_fdfc }),
                ..Options::default()
            },
            payload: Payload::from(Bytes::from_static(b"0123456789")),
        },
    }
}

/// A payload of one slice.
pub(crate) fn text(octets: Vec<u8>) -> Payload {
    Payload::from(Bytes::from(octets))
}

/// The octets of `packet`.
pub(crate) fn octets(packet: &TcpPacket) -> Vec<u8> {
    packet.to_bytes().unwrap().to_vec()
}

/// What `octets` are, all checksums verified.
pub(crate) fn read(octets: &[u8]) -> Result<Parsed, ParseError> {
    parse(Bytes::copy_from_slice(octets), ChecksumTrust::Verify)
}

/// The TCP packet that `octets` are, whatever its TCP checksum, options without fault.
pub(crate) fn read_vouched(octets: &[u8]) -> Result<TcpPacket, ParseError> {
    let parsed = parse(Bytes::copy_from_slice(octets), ChecksumTrust::Vouched)?;
    let Parsed::Tcp { packet, option_fault: None } = parsed else {
        panic!("not a plain TCP packet: {parsed:?}")
    };
    Ok(packet)
}

/// Where the TCP header begins in a packet without IP options or extension headers.
pub(crate) fn tcp_start(octets: &[u8]) -> usize {
    if octets[0] >> 4 == 4 { 20 } else { 40 }
}

/// The ones' complement sum by its definition, a word at a time (RFC 1071 §1).
pub(crate) fn naive_sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| [pair[0], *pair.get(1).unwrap_or(&0)]);
    words.fold(0_u16, |sum, word| {
        let (sum, carry) = sum.overflowing_add(u16::from_be_bytes(word));
        sum + u16::from(carry)
    })
}

/// The pseudo-header and the `upper` layer behind it (RFC 9293 §3.1; RFC 8200 §8.1).
pub(crate) fn with_pseudo_header(packet: &[u8], protocol: u8, upper: &[u8]) -> Vec<u8> {
    let len = upper.len() as u32;
    let mut octets = match packet[0] >> 4 {
        4 => [&packet[12..20], &[0, protocol], &(len as u16).to_be_bytes()].concat(),
        _ => [&packet[8..40], &len.to_be_bytes(), &[0, 0, 0, protocol]].concat(),
    };
    octets.extend_from_slice(upper);
    octets
}

/// Makes the IPv4 header checksum right.
pub(crate) fn seal_ipv4(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let checksum = !naive_sum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Makes the checksum of the upper layer at `start` right; its field lies at `field` in it.
pub(crate) fn seal_upper(packet: &mut [u8], protocol: u8, start: usize, field: usize) {
    let at = start + field;
    packet[at..at + 2].fill(0);
    let covered = match protocol {
        1 => packet[start..].to_vec(),
        _ => with_pseudo_header(packet, protocol, &packet[start..]),
    };
    let checksum = !naive_sum(&covered);
    packet[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// An IPv6 packet of `extensions` (with their next headers right) and then `upper`.
pub(crate) fn ipv6_with(first: u8, extensions: &[u8], upper: &[u8]) -> Vec<u8> {
    let template = octets(&v6());
    let len = (extensions.len() + upper.len()) as u16;
    let mut packet = [&template[..40], extensions, upper].concat();
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet[6] = first;
    packet
}

/// Any packet that can be emitted.
pub(crate) fn any_packet() -> impl Strategy<Value = TcpPacket> {
    let addresses = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    let ip = (0..64_u8, 0..4_u8, any::<u8>(), any::<bool>(), 0..1_u32 << 20);
    (addresses, any::<(u16, u16)>(), ip, any_segment()).prop_map(
        |((source, destination), ports, ip, segment)| {
            let is_ipv6 = source.is_ipv6();
            let (dscp, ecn, hop_limit, dont_fragment, flow_label) = ip;
            TcpPacket {
                source: (source, ports.0).into(),
                destination: (destination, ports.1).into(),
                ip: IpFields {
                    dscp,
                    ecn: Ecn::from_bits(ecn),
                    hop_limit,
                    dont_fragment: dont_fragment || is_ipv6,
                    flow_label: if is_ipv6 { flow_label } else { 0 },
                },
                segment_size: None,
                segment,
            }
        },
    )
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let numbers = any::<(u32, Option<u32>, u16, u16, Option<u16>)>();
    let slices =
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..=PAYLOAD_SLICES_MAX);
    (numbers, any_fitting_options(), slices).prop_map(|(numbers, options, slices)| {
        let (seq, ack, control, window, urgent) = numbers;
        let mut payload = Payload::new();
        for slice in slices {
            payload.try_push(slice.into()).unwrap();
        }
        Segment {
            seq: SeqNum::new(seq),
            ack: ack.map(SeqNum::new),
            control: Flags::from_bits(control).without(Flags::ACK | Flags::URG),
            window,
            urgent,
            options,
            payload,
        }
    })
}

/// Options of the kinds that a connection uses, as many as fit.
pub(crate) fn any_fitting_options() -> impl Strategy<Value = Options> {
    let handshake = any::<(Option<u16>, Option<u8>, bool, Option<(u32, u32)>)>();
    let blocks = prop::collection::vec(any::<(u32, u32)>(), 0..=4);
    (handshake, blocks).prop_map(|((mss, window_scale, sack_permitted, timestamps), blocks)| {
        let timestamps = timestamps.map(|(value, echo)| Timestamps { value, echo });
        let sack = blocks
            .into_iter()
            .map(|(start, end)| SeqRange::new(SeqNum::new(start), SeqNum::new(end)))
            .collect();
        let mut options =
            Options { mss, window_scale, sack_permitted, timestamps, sack, ..Options::default() };
        while options.encoded_len() > OPTIONS_LEN_MAX {
            options.sack.pop();
        }
        options
    })
}
