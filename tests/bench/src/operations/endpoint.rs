//! Operations of an endpoint and of a connection: routing, receiving, sending.

use std::hint::black_box;

use synack_tcb::{Endpoint, LinkId, Open, Route as Routed, TransmitLimits};
use synack_wire::TcpPacket;

use super::flight::{SUPER_SEGMENTS, fill, fly, warm, wide};
use super::{Operation, TIMES};
use crate::{Family, Pair};

/// Finding out whose a packet is.
#[derive(Debug)]
pub struct Route {
    pair: Pair,
    packet: TcpPacket,
}

impl Route {
    /// A packet for one connection of `connections`.
    ///
    /// # Panics
    /// When a connection cannot be opened: a bug, as everywhere here.
    pub fn among(family: Family, connections: usize) -> Self {
        let mut pair = Pair::new(family);
        let packet = fly(&mut pair, 1, TransmitLimits::SINGLE).pop().expect("one was asked for");
        let Pair { server, now, .. } = &mut pair;
        let endpoint: &mut Endpoint = &mut server.endpoint;
        for port in (1..=u16::MAX).take(connections.saturating_sub(1)) {
            let remote = (packet.source.ip(), port).into();
            endpoint.connect(*now, Open::to(remote)).expect("there is room");
        }
        Self { pair, packet }
    }
}

impl Operation for Route {
    fn run(&mut self) {
        for _ in 0..TIMES {
            let endpoint = &mut self.pair.server.endpoint;
            let routed = endpoint.route(self.pair.now, LinkId(0), black_box(&mut self.packet));
            assert!(matches!(black_box(routed), Routed::Deliver(_)));
        }
    }
}

/// Handling text that comes in order.
#[derive(Debug)]
pub struct Receive {
    pair: Pair,
    packets: Vec<TcpPacket>,
}

impl Receive {
    /// In full-sized segments.
    pub fn segments(family: Family) -> Self {
        Self::packets(warm(family), TransmitLimits::SINGLE)
    }

    /// In super-segments.
    pub fn super_segments(family: Family) -> Self {
        Self::packets(wide(family), SUPER_SEGMENTS)
    }

    fn packets(mut pair: Pair, limits: TransmitLimits) -> Self {
        let packets = fly(&mut pair, TIMES, limits);
        Self { pair, packets }
    }
}

impl Operation for Receive {
    fn run(&mut self) {
        for packet in &mut self.packets {
            assert_eq!(self.pair.server.connection.handle_packet(self.pair.now, packet), Ok(()));
        }
    }
}

/// Sending text that was written.
#[derive(Debug)]
pub struct PollTransmit {
    pair: Pair,
    limits: TransmitLimits,
}

impl PollTransmit {
    /// In full-sized segments, one by one.
    pub fn segments(family: Family) -> Self {
        Self::packets(warm(family), TransmitLimits::SINGLE)
    }

    /// In super-segments.
    pub fn super_segments(family: Family) -> Self {
        Self::packets(wide(family), SUPER_SEGMENTS)
    }

    fn packets(mut pair: Pair, limits: TransmitLimits) -> Self {
        fill(&mut pair, TIMES, limits);
        Self { pair, limits }
    }
}

impl Operation for PollTransmit {
    fn run(&mut self) {
        for _ in 0..TIMES {
            let polled = self.pair.client.connection.poll_transmit(self.pair.now, self.limits);
            assert!(black_box(polled).is_some());
        }
    }
}
