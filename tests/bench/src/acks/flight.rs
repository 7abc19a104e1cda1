//! A flight: a connection with so many packets on their way, and the ACKs of the one that should
//! receive them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synack_bench::Unlimited;
use synack_tcb::{
    Connection, ConnectionConfig, Endpoint, EndpointConfig, Instant, LinkAddress, LinkId, Open,
    Push, TransmitLimits,
};
use synack_wire::{Flags, Options, SeqNum, SeqRange, TcpPacket};

/// A connection in the middle of a transfer.
pub(super) struct Flight {
    connection: Box<Connection>,
    now: Instant,
    /// What the far end sends, but for the ACK and what it reports.
    template: TcpPacket,
    /// The first number of text.
    start: SeqNum,
    /// How many segments are in flight.
    pub(super) segments: u32,
}

/// What an ACK says, in segments of the flight: what is below the first is acknowledged, the rest
/// are SACK blocks, from where to where.
pub(super) type Report = (u32, Vec<(u32, u32)>);

impl Flight {
    /// A connection with `packets` in flight, of so many segments each, and a window for more.
    pub(super) fn new(packets: u32, segments_each: u32) -> Self {
        let (mut connection, template) = established();
        let mut now = Instant::from_millis(200);
        let segments = packets * segments_each;
        let text = Bytes::from(vec![0; (segments * SEGMENT) as usize]);
        let written = connection.write_bytes(now, &mut text.clone(), Push::More);
        assert_eq!(written, Ok(text.len()), "the buffer holds a flight");
        let limits = TransmitLimits { super_segment_max: segments_each * SEGMENT };
        let start = template.segment.ack.expect("the template acknowledges the SYN");
        for _ in 0..packets {
            now = now + Duration::from_micros(1);
            let packet = connection.poll_transmit(now, limits).expect("the window takes a flight");
            assert_eq!(packet.segment.payload.len(), segments_each * SEGMENT);
        }
        assert_eq!(connection.poll_transmit(now, limits), None);
        now = now + Duration::from_millis(100);
        Self { connection, now, template, start, segments }
    }

    /// The packets that say this.
    pub(super) fn acks(&self, reports: &[Report]) -> Vec<TcpPacket> {
        reports.iter().map(|report| self.ack(report)).collect()
    }

    fn ack(&self, (acked, blocks): &Report) -> TcpPacket {
        let at = |segment: u32| self.start + segment * SEGMENT;
        let mut packet = self.template.clone();
        packet.segment.ack = Some(at(*acked));
        let blocks = blocks.iter().map(|(from, to)| SeqRange::new(at(*from), at(*to)));
        packet.segment.options.sack = blocks.collect();
        packet
    }

    /// Takes the ACKs, one every microsecond.
    pub(super) fn take(&mut self, acks: &mut [TcpPacket]) {
        for ack in acks {
            self.now = self.now + Duration::from_micros(1);
            // An error says why an ACK was not used, and some are old.
            let _ = self.connection.handle_packet(self.now, ack);
            std::hint::black_box(self.connection.deadline());
        }
    }

    /// Sends what is lost again.
    pub(super) fn send_again(&mut self) {
        let limits = TransmitLimits::SINGLE;
        while let Some(packet) = self.connection.poll_transmit(self.now, limits) {
            std::hint::black_box(packet);
        }
    }
}

/// A connection right after its handshake, and the template of the far end's packets.
fn established() -> (Box<Connection>, TcpPacket) {
    let now = Instant::from_millis(1);
    let connection = Arc::new(ConnectionConfig {
        congestion: Arc::new(Unlimited),
        send_buffer: (1 << 30).into(),
        timestamps: false,
        ..ConnectionConfig::default()
    });
    let config = EndpointConfig { connection, ..EndpointConfig::default() };
    let mut endpoint = Endpoint::new(config, [7; 32]);
    let prefix = "10.0.0.1/24".parse().expect("an address with its prefix length");
    endpoint.set_addresses(&[LinkAddress { prefix, link: LinkId(0), mtu: 1_500 }]);
    let open = Open::to("10.0.0.2:80".parse().expect("a socket"));
    let (_id, mut connection) = endpoint.connect(now, open).expect("the remote is on the link");
    let syn = connection.poll_transmit(now, TransmitLimits::SINGLE).expect("the SYN is due");
    let answered = now + Duration::from_millis(100);
    let options = Options {
        mss: Some(SEGMENT as u16),
        window_scale: Some(14),
        sack_permitted: true,
        ..Options::default()
    };
    let mut template = syn.clone();
    (template.source, template.destination) = (syn.destination, syn.source);
    template.segment.seq = SeqNum::new(1_000);
    template.segment.ack = Some(syn.segment.seq + 1);
    template.segment.control = Flags::SYN;
    template.segment.window = u16::MAX;
    template.segment.options = options;
    let taken = connection.handle_packet(answered, &mut template.clone());
    assert_eq!(taken, Ok(()), "the SYN-ACK is right");
    while connection.poll_transmit(answered, TransmitLimits::SINGLE).is_some() {}
    template.segment.seq += 1;
    template.segment.control = Flags::NONE;
    template.segment.options = Options::default();
    // The window is right from the first ACK on, which says it with its scale.
    let taken = connection.handle_packet(answered, &mut template.clone());
    assert_eq!(taken, Ok(()), "the ACK is right");
    (connection, template)
}

/// Text in a segment. Units: octets.
const SEGMENT: u32 = 500;
