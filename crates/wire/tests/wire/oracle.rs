//! An independent codec, etherparse, agrees with this one about every field and checksum.
//! Packets go from here to it and from it to here: templates by hand, and random ones.

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, NetSlice,
    PacketBuilder, SlicedPacket, TcpOptionElement, TcpSlice, TransportSlice,
};
use proptest::prelude::*;
use synack_wire::*;

use crate::packets::{any_packet, both, octets, read};

/// Checks every field of `octets`, read by etherparse, against `packet`.
fn assert_read_alike(packet: &TcpPacket, octets: &[u8]) {
    let sliced = SlicedPacket::from_ip(octets).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("no TCP") };
    let checksum = match sliced.net.unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            let fields = packet.ip;
            assert_eq!(header.source_addr(), packet.source.ip());
            assert_eq!(header.destination_addr(), packet.destination.ip());
            assert_eq!(header.dcp().value(), fields.dscp);
            assert_eq!(header.ecn().value(), fields.ecn as u8);
            assert_eq!(header.ttl(), fields.hop_limit);
            assert_eq!(header.dont_fragment(), fields.dont_fragment);
            assert!(!header.more_fragments());
            assert_eq!(header.fragments_offset(), IpFragOffset::ZERO);
            assert_eq!(usize::from(header.total_len()), octets.len());
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            tcp.calc_checksum_ipv4(header.source(), header.destination()).unwrap()
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header().to_header();
            let fields = packet.ip;
            assert_eq!(header.source_addr(), packet.source.ip());
            assert_eq!(header.destination_addr(), packet.destination.ip());
            assert_eq!(header.traffic_class, fields.dscp << 2 | fields.ecn as u8);
            assert_eq!(header.flow_label.value(), fields.flow_label);
            assert_eq!(header.hop_limit, fields.hop_limit);
            assert_eq!(usize::from(header.payload_length) + 40, octets.len());
            tcp.calc_checksum_ipv6(header.source, header.destination).unwrap()
        }
        NetSlice::Arp(_) => panic!("no IP"),
    };
    assert_eq!(tcp.checksum(), checksum, "must_2: the checksum is right");
    assert_segment_alike(packet, &tcp);
}

fn assert_segment_alike(packet: &TcpPacket, tcp: &TcpSlice<'_>) {
    let segment = &packet.segment;
    assert_eq!(tcp.source_port(), packet.source.port());
    assert_eq!(tcp.destination_port(), packet.destination.port());
    assert_eq!(tcp.sequence_number(), segment.seq.get());
    assert_eq!(tcp.acknowledgment_number(), segment.ack.map_or(0, SeqNum::get));
    assert_eq!(tcp.window_size(), segment.window);
    assert_eq!(tcp.urgent_pointer(), segment.urgent.unwrap_or(0));
    let flags = [
        (tcp.ns(), Flags::AE),
        (tcp.cwr(), Flags::CWR),
        (tcp.ece(), Flags::ECE),
        (tcp.urg(), Flags::URG),
        (tcp.ack(), Flags::ACK),
        (tcp.psh(), Flags::PSH),
        (tcp.rst(), Flags::RST),
        (tcp.syn(), Flags::SYN),
        (tcp.fin(), Flags::FIN),
    ];
    for (is_set, flag) in flags {
        assert_eq!(is_set, segment.flags().contains(flag), "wire_4: {flag}");
    }
    assert_eq!(options(tcp), segment.options);
    assert_eq!(tcp.payload(), segment.payload.to_vec());
}

/// The options as etherparse reads them.
fn options(tcp: &TcpSlice<'_>) -> Options {
    let mut options = Options::default();
    for option in tcp.options_iterator() {
        match option.unwrap() {
            TcpOptionElement::Noop => {}
            TcpOptionElement::MaximumSegmentSize(mss) => options.mss = Some(mss),
            TcpOptionElement::WindowScale(shift) => options.window_scale = Some(shift),
            TcpOptionElement::SelectiveAcknowledgementPermitted => options.sack_permitted = true,
            TcpOptionElement::SelectiveAcknowledgement(first, rest) => {
                let blocks = [Some(first)].into_iter().chain(rest).flatten();
                options.sack = blocks
                    .map(|(start, end)| SeqRange::new(SeqNum::new(start), SeqNum::new(end)))
                    .collect();
            }
            TcpOptionElement::Timestamp(value, echo) => {
                options.timestamps = Some(Timestamps { value, echo });
            }
        }
    }
    options
}

/// The packet as etherparse writes it, options in the order of etherparse's caller.
fn written_by_etherparse(packet: &TcpPacket, options: &[TcpOptionElement]) -> Vec<u8> {
    let (segment, fields) = (&packet.segment, packet.ip);
    let ip = match (packet.source.ip(), packet.destination.ip()) {
        (std::net::IpAddr::V4(source), std::net::IpAddr::V4(destination)) => {
            let (source, destination) = (source.octets(), destination.octets());
            let hop_limit = fields.hop_limit;
            let mut header =
                Ipv4Header::new(0, hop_limit, IpNumber::TCP, source, destination).unwrap();
            header.dscp = fields.dscp.try_into().unwrap();
            header.ecn = (fields.ecn as u8).try_into().unwrap();
            header.dont_fragment = fields.dont_fragment;
            IpHeaders::Ipv4(header, Default::default())
        }
        (std::net::IpAddr::V6(source), std::net::IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                traffic_class: fields.dscp << 2 | fields.ecn as u8,
                flow_label: Ipv6FlowLabel::try_new(fields.flow_label).unwrap(),
                payload_length: 0,
                next_header: IpNumber::TCP,
                hop_limit: fields.hop_limit,
                source: source.octets(),
                destination: destination.octets(),
            };
            IpHeaders::Ipv6(header, Default::default())
        }
        _ => unreachable!("a packet is of one family"),
    };
    let (source, destination) = (packet.source.port(), packet.destination.port());
    let mut tcp =
        etherparse::TcpHeader::new(source, destination, segment.seq.get(), segment.window);
    tcp.acknowledgment_number = segment.ack.map_or(0, SeqNum::get);
    tcp.urgent_pointer = segment.urgent.unwrap_or(0);
    let flags = segment.flags();
    tcp.ns = flags.contains(Flags::AE);
    tcp.cwr = flags.contains(Flags::CWR);
    tcp.ece = flags.contains(Flags::ECE);
    tcp.urg = flags.contains(Flags::URG);
    tcp.ack = flags.contains(Flags::ACK);
    tcp.psh = flags.contains(Flags::PSH);
    tcp.rst = flags.contains(Flags::RST);
    tcp.syn = flags.contains(Flags::SYN);
    tcp.fin = flags.contains(Flags::FIN);
    tcp.set_options(options).unwrap();
    let mut octets = Vec::new();
    let builder = PacketBuilder::ip(ip).tcp_header(tcp);
    builder.write(&mut octets, &segment.payload.to_vec()).unwrap();
    octets
}

#[test]
fn both_ways_agree_about_the_templates() {
    for packet in both() {
        let ours = octets(&packet);
        assert_read_alike(&packet, &ours);
        let timestamps = packet.segment.options.timestamps.unwrap();
        let options = [
            TcpOptionElement::Noop,
            TcpOptionElement::Noop,
            TcpOptionElement::Timestamp(timestamps.value, timestamps.echo),
        ];
        let theirs = written_by_etherparse(&packet, &options);
        assert_eq!(ours, theirs);
        assert_eq!(read(&theirs), Ok(Parsed::Tcp { packet, option_fault: None }));
    }
}

#[test]
fn a_syn_in_another_order_of_options_is_read_alike() {
    let options = [
        TcpOptionElement::WindowScale(9),
        TcpOptionElement::SelectiveAcknowledgementPermitted,
        TcpOptionElement::Timestamp(5, 0),
        TcpOptionElement::MaximumSegmentSize(8960),
    ];
    for mut packet in both() {
        packet.segment.control = Flags::SYN | Flags::ECE | Flags::CWR;
        packet.segment.ack = None;
        packet.segment.options = Options {
            mss: Some(8960),
            window_scale: Some(9),
            sack_permitted: true,
            timestamps: Some(Timestamps { value: 5, echo: 0 }),
            ..Options::default()
        };
        let octets = written_by_etherparse(&packet, &options);
        assert_eq!(read(&octets), Ok(Parsed::Tcp { packet, option_fault: None }));
    }
}

proptest! {
    #[test]
    fn must_2_what_is_emitted_is_read_alike(packet in any_packet()) {
        assert_read_alike(&packet, &octets(&packet));
    }

    #[test]
    fn must_3_what_etherparse_writes_is_read_as_it_was_meant(packet in any_packet()) {
        let mut packet = packet;
        packet.segment.options = Options::default();
        let octets = written_by_etherparse(&packet, &[]);
        prop_assert_eq!(read(&octets), Ok(Parsed::Tcp { packet, option_fault: None }));
    }
}
