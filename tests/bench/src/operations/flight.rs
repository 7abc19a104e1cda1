//! A flight: packets of a warm connection that are on their way, and the ACKs they draw.

use std::hint::black_box;
use std::sync::Arc;

use synack_tcb::{BufferSize, ConnectionConfig, Push, TransmitLimits};
use synack_wire::TcpPacket;

use super::{Operation, TIMES};
use crate::{Family, Pair, Unlimited};

/// Handling a pure ACK of two segments, which is the usual one in bulk.
#[derive(Debug)]
pub struct PureAck {
    pair: Pair,
    acks: Vec<TcpPacket>,
}

impl PureAck {
    /// To be handled by the client.
    ///
    /// # Panics
    /// When the server does not answer every second segment: a bug, as everywhere here.
    pub fn new(family: Family) -> Self {
        let mut pair = warm(family);
        let segments = fly(&mut pair, 2 * TIMES, TransmitLimits::SINGLE);
        let mut acks = Vec::new();
        for two in segments.chunks(2) {
            deliver(&mut pair, two);
            acks.extend(polled(&mut pair));
        }
        assert_eq!(acks.len(), TIMES, "an ACK for every second segment");
        Self { pair, acks }
    }
}

impl Operation for PureAck {
    fn run(&mut self) {
        for ack in &mut self.acks {
            assert_eq!(self.pair.client.connection.handle_packet(self.pair.now, ack), Ok(()));
            black_box(self.pair.client.connection.deadline());
        }
    }
}

/// Handling a duplicate ACK with SACK blocks, of which one grows by a segment.
#[derive(Debug)]
pub struct Sack {
    pair: Pair,
    acks: Vec<TcpPacket>,
}

impl Sack {
    /// To be handled by the client, whose first segment is lost.
    ///
    /// # Panics
    /// When the server does not report every segment: a bug.
    pub fn new(family: Family) -> Self {
        let mut pair = warm(family);
        let segments = fly(&mut pair, 1 + TIMES, TransmitLimits::SINGLE);
        let mut acks = Vec::new();
        for segment in &segments[1..] {
            deliver(&mut pair, std::slice::from_ref(segment));
            acks.extend(polled(&mut pair));
        }
        assert_eq!(acks.len(), TIMES, "an ACK for every segment out of order");
        assert!(acks.iter().all(|ack| !ack.segment.options.sack.is_empty()));
        Self { pair, acks }
    }
}

impl Operation for Sack {
    fn run(&mut self) {
        for ack in &mut self.acks {
            assert_eq!(self.pair.client.connection.handle_packet(self.pair.now, ack), Ok(()));
            black_box(self.pair.client.connection.deadline());
        }
    }
}

/// A pair in the midst of a transfer: the congestion window is open, round trips are known, and
/// what is allocated once has been.
pub(super) fn warm(family: Family) -> Pair {
    warm_with(family, ConnectionConfig::default())
}

/// The same with a congestion window for a hundred super-segments.
pub(super) fn wide(family: Family) -> Pair {
    let congestion = Arc::new(Unlimited);
    warm_with(family, ConnectionConfig { congestion, ..ConnectionConfig::default() })
}

fn warm_with(family: Family, config: ConnectionConfig) -> Pair {
    let room = BufferSize::Fixed(FLIGHT_MAX);
    let config = ConnectionConfig { send_buffer: room, receive_buffer: room, ..config };
    let mut pair = Pair::with(family, 1_500, config);
    // The congestion window grows only where it is used.
    pair.segments_max = u32::MAX;
    pair.transfer(FLIGHT_MAX);
    pair
}

/// So many packets that the client sends, and that have not arrived.
pub(super) fn fly(pair: &mut Pair, packets: usize, limits: TransmitLimits) -> Vec<TcpPacket> {
    fill(pair, packets, limits);
    let connection = &mut pair.client.connection;
    let poll = || connection.poll_transmit(pair.now, limits).expect("the window is open");
    std::iter::repeat_with(poll).take(packets).collect()
}

/// Writes what so many packets carry.
pub(super) fn fill(pair: &mut Pair, packets: usize, limits: TransmitLimits) {
    let octets = packets * SEGMENT_MAX.max(limits.super_segment_max as usize);
    let written = pair.client.connection.write(pair.now, &vec![6; octets], Push::Now);
    assert_eq!(written, Ok(octets), "the buffer takes a flight");
}

/// The server takes these.
fn deliver(pair: &mut Pair, packets: &[TcpPacket]) {
    for packet in packets {
        // They carry what the client sent and the server has not seen: each is of use.
        let handled = pair.server.connection.handle_packet(pair.now, &mut packet.clone());
        assert_eq!(handled, Ok(()), "{packet}");
    }
}

/// What the server has to say.
fn polled(pair: &mut Pair) -> Option<TcpPacket> {
    pair.server.connection.poll_transmit(pair.now, TransmitLimits::SINGLE)
}

/// A full-sized segment of text.
pub(super) fn text(family: Family) -> TcpPacket {
    let mut packets = fly(&mut Pair::new(family), 1, TransmitLimits::SINGLE);
    packets.pop().expect("one was asked for")
}

/// A super-segment.
pub(super) fn super_segment(family: Family) -> TcpPacket {
    let mut packets = fly(&mut wide(family), 1, SUPER_SEGMENTS);
    packets.pop().expect("one was asked for")
}

/// A pure ACK.
pub(super) fn ack(family: Family) -> TcpPacket {
    let mut pair = Pair::new(family);
    let segments = fly(&mut pair, 2, TransmitLimits::SINGLE);
    deliver(&mut pair, &segments);
    polled(&mut pair).expect("two segments are acknowledged")
}

/// What a device takes that cuts up super-segments.
pub(super) const SUPER_SEGMENTS: TransmitLimits =
    TransmitLimits { super_segment_max: 65_535 - 100 };
/// The most that a segment carries. Units: octets.
const SEGMENT_MAX: usize = 1_448;
/// What may be in flight: more than a hundred super-segments. Units: octets.
const FLIGHT_MAX: usize = 16 << 20;
