//! Operations on octets: the checksum, reading a packet, writing one.

use std::hint::black_box;

use bytes::Bytes;
use synack_wire::checksum::Sum;
use synack_wire::{
    ChecksumMode, ChecksumTrust, HEADERS_LEN_MAX, TcpPacket, emit_contiguous, emit_headers, parse,
};

use super::flight;
use super::{Operation, TIMES};
use crate::Family;

/// The checksum of so many octets.
#[derive(Debug)]
pub struct Checksum(Vec<u8>);

impl Checksum {
    /// Of `len` octets.
    pub fn of(len: usize) -> Self {
        Self((0..len).map(|index| index as u8).collect())
    }
}

impl Operation for Checksum {
    fn run(&mut self) {
        for _ in 0..TIMES {
            let mut sum = Sum::new();
            sum.add(black_box(&self.0));
            black_box(sum.checksum());
        }
    }
}

/// Reading a packet, its checksum included.
#[derive(Debug)]
pub struct Parse(Bytes);

impl Parse {
    /// A full-sized segment of text.
    ///
    /// # Panics
    /// When the packet cannot be made: a bug, as everywhere here.
    pub fn text(family: Family) -> Self {
        Self(flight::text(family).to_bytes().expect("a packet of the MTU's size"))
    }

    /// A pure ACK.
    ///
    /// # Panics
    /// As [`text`](Self::text).
    pub fn ack(family: Family) -> Self {
        Self(flight::ack(family).to_bytes().expect("a short packet"))
    }
}

impl Operation for Parse {
    fn run(&mut self) {
        for _ in 0..TIMES {
            let parsed = parse(black_box(self.0.clone()), ChecksumTrust::Verify);
            assert!(black_box(parsed).is_ok());
        }
    }
}

/// Writing a packet into one buffer: headers, and text copied and summed in one pass.
#[derive(Debug)]
pub struct Emit {
    packet: TcpPacket,
    buffer: Vec<u8>,
}

impl Emit {
    /// A full-sized segment of text.
    pub fn text(family: Family) -> Self {
        Self { packet: flight::text(family), buffer: vec![0; 1_500] }
    }

    /// A pure ACK.
    pub fn ack(family: Family) -> Self {
        Self { packet: flight::ack(family), buffer: vec![0; 1_500] }
    }
}

impl Operation for Emit {
    fn run(&mut self) {
        for _ in 0..TIMES {
            let written = emit_contiguous(black_box(&self.packet), &mut self.buffer);
            assert!(black_box(written).is_ok());
        }
    }
}

/// Writing the headers of a super-segment, for a device that completes the checksum.
#[derive(Debug)]
pub struct EmitHeaders {
    packet: TcpPacket,
    headers: [u8; HEADERS_LEN_MAX],
}

impl EmitHeaders {
    /// Of 45 full-sized segments.
    pub fn super_segment() -> Self {
        Self { packet: flight::super_segment(Family::V4), headers: [0; HEADERS_LEN_MAX] }
    }
}

impl Operation for EmitHeaders {
    fn run(&mut self) {
        for _ in 0..TIMES {
            let packet = black_box(&self.packet);
            let written = emit_headers(packet, ChecksumMode::Partial, &mut self.headers);
            assert!(black_box(written).is_ok());
        }
    }
}
