//! One end of a pair: an endpoint, its connection, and the packets that are on their way to it.

use std::collections::VecDeque;
use std::hint::black_box;

use bytes::Bytes;
use synack::BufferPool;
use synack_tcb::{
    Connection, ConnectionId, Endpoint, Instant, LinkId, Push, ReadError, Route, TransmitLimits,
    WriteError,
};
use synack_wire::{ChecksumTrust, Parsed, emit_contiguous, parse};

/// An endpoint with one established connection.
///
/// It does what the driver of a stack does for a device that takes single segments: each arriving
/// packet is read, verified, routed and handled, and super-segments leave in pieces.
#[derive(Debug)]
pub struct End {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The connection, which is the endpoint's only one.
    pub connection: Box<Connection>,
    id: ConnectionId,
    /// Packets that come next.
    arriving: VecDeque<Bytes>,
    /// Blocks for packets that come here.
    pool: BufferPool,
    /// Segments that came.
    segments_in: u64,
}

impl End {
    /// An end whose packets are no longer than `mtu` octets.
    pub fn new(
        endpoint: Endpoint,
        id: ConnectionId,
        connection: Box<Connection>,
        mtu: u32,
    ) -> Self {
        let pool = BufferPool::new(mtu as usize);
        Self { endpoint, connection, id, arriving: VecDeque::new(), pool, segments_in: 0 }
    }

    /// Queues as much of `text` as there is room for, and returns how much that was.
    ///
    /// # Panics
    /// When the connection is over.
    pub fn write(&mut self, now: Instant, text: &[u8]) -> usize {
        match self.connection.write(now, text, Push::Now) {
            Ok(written) => written,
            Err(WriteError::Blocked) => 0,
            Err(error) => panic!("the connection is open: {error}"),
        }
    }

    /// Reads into `into` what is there, and returns how much that was.
    ///
    /// # Panics
    /// When the connection is over.
    pub fn read(&mut self, now: Instant, into: &mut [u8]) -> usize {
        match self.connection.read(now, into) {
            Ok(read) => read.expect("the peer has not closed"),
            Err(ReadError::Blocked) => 0,
            Err(error) => panic!("the connection is open: {error}"),
        }
    }

    /// Sends to `other` what there is, up to `segments_max` segments, give or take a super-segment.
    ///
    /// # Panics
    /// When a packet cannot be written: a bug.
    pub fn transmit(&mut self, now: Instant, segments_max: u32, other: &mut Self) {
        black_box(self.connection.poll_events());
        let mut left = segments_max;
        while left > 0 {
            let Some(packet) = self.connection.poll_transmit(now, SUPER_SEGMENTS) else { break };
            left = left.saturating_sub(packet.segments());
            for cut in packet.cut_up() {
                let mut block = other.pool.take();
                let len = emit_contiguous(cut, block.octets()).expect("a packet of the MTU's size");
                other.arriving.push_back(other.pool.give(block, len));
            }
        }
        black_box(self.connection.deadline());
    }

    /// Takes every packet that came.
    ///
    /// # Panics
    /// When a packet is not what the other end sent: a bug.
    pub fn receive(&mut self, now: Instant) {
        while let Some(octets) = self.arriving.pop_front() {
            self.segments_in += 1;
            match parse(octets, ChecksumTrust::Verify) {
                Ok(Parsed::Tcp { ref mut packet, option_fault: None }) => {
                    let routed = self.endpoint.route(now, LinkId(0), packet);
                    assert!(matches!(routed, Route::Deliver(id) if id == self.id), "{routed:?}");
                    let handled = self.connection.handle_packet(now, packet);
                    assert_eq!(handled, Ok(()), "{packet}");
                }
                other => panic!("not what was sent: {other:?}"),
            }
        }
    }

    /// Segments that came since the connection was established.
    pub fn segments_in(&self) -> u64 {
        self.segments_in
    }

    /// Forgets the packets that are on their way here, and returns them.
    pub fn take_arriving(&mut self) -> Vec<Bytes> {
        self.arriving.drain(..).collect()
    }
}

/// As the driver asks every connection: whatever the device, one plan for many segments.
const SUPER_SEGMENTS: TransmitLimits = TransmitLimits { super_segment_max: 65_535 - 100 };
