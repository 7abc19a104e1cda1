//! A pair: two endpoints and one connection between them, on a clock that the caller moves.

use std::sync::Arc;
use std::time::Duration;

use synack_tcb::{
    Connection, ConnectionConfig, ConnectionId, Endpoint, EndpointConfig, Instant, LinkAddress,
    LinkId, ListenOn, ListenerConfig, Open, Route, TransmitLimits,
};
use synack_wire::TcpPacket;

use crate::End;

/// Which IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

/// A client, a server, and an established connection between them.
#[derive(Debug)]
pub struct Pair {
    /// The end that opened the connection.
    pub client: End,
    /// The other end.
    pub server: End,
    /// The present moment, of both.
    pub now: Instant,
    /// When the connection was established.
    pub begun: Instant,
    /// The time that passes while packets are on their way; none, for a caller with a clock.
    pub half_trip: Duration,
    /// What the client sends in a turn at the most: by default what a stack sends for one
    /// connection in a turn of its driver.
    pub segments_max: u32,
}

impl Pair {
    /// A pair over links of MTU 1500, with Nagle's algorithm off and everything else as it is by
    /// default.
    pub fn new(family: Family) -> Self {
        Self::with(family, ETHERNET, ConnectionConfig::default())
    }

    /// A pair over links of `mtu` octets, with connections of that kind but for Nagle's algorithm.
    ///
    /// # Panics
    /// When the handshake does not go as it must: a bug.
    pub fn with(family: Family, mtu: u32, config: ConnectionConfig) -> Self {
        let now = Instant::from_millis(1);
        let connection = Arc::new(ConnectionConfig { nodelay: true, ..config });
        let endpoint = |prefix: &str, secret| {
            let config =
                EndpointConfig { connection: Arc::clone(&connection), ..Default::default() };
            let mut endpoint = Endpoint::new(config, [secret; 32]);
            let prefix = prefix.parse().expect("an address with its prefix length");
            endpoint.set_addresses(&[LinkAddress { prefix, link: LinkId(0), mtu }]);
            endpoint
        };
        let (mut client, mut server) = match family {
            Family::V4 => (endpoint("10.0.0.1/24", 1), endpoint("10.0.0.2/24", 2)),
            Family::V6 => (endpoint("fd00::1/64", 1), endpoint("fd00::2/64", 2)),
        };
        let ends = Handshake { now, family }.between(&mut client, &mut server);
        let [(id, opened), (server_id, accepted)] = ends;
        let client = End::new(client, id, opened, mtu);
        let server = End::new(server, server_id, accepted, mtu);
        Self { client, server, now, begun: now, half_trip: HALF_TRIP, segments_max: SEGMENTS_MAX }
    }

    /// One turn: what the client wrote goes to the server, which reads it into `into` and whose
    /// ACKs go back. Returns how much was read.
    pub fn turn(&mut self, into: &mut [u8]) -> usize {
        self.client.transmit(self.now, self.segments_max, &mut self.server);
        self.pass(self.half_trip);
        self.server.receive(self.now);
        let mut read = 0;
        loop {
            match self.server.read(self.now, into) {
                0 => break,
                count => read += count,
            }
        }
        self.server.transmit(self.now, SEGMENTS_MAX, &mut self.client);
        self.pass(self.half_trip);
        self.client.receive(self.now);
        read
    }

    /// Moves so many octets from the client to the server, and returns in how many turns.
    ///
    /// # Panics
    /// When a turn moves nothing.
    pub fn transfer(&mut self, octets: usize) -> usize {
        let text = vec![0x5a; CHUNK];
        let mut into = vec![0; CHUNK];
        let (mut written, mut read, mut turns) = (0, 0, 0);
        while read < octets {
            while written < octets {
                match self.client.write(self.now, &text[..CHUNK.min(octets - written)]) {
                    0 => break,
                    count => written += count,
                }
            }
            let count = self.turn(&mut into);
            assert!(count > 0, "a turn without progress, after {read} of {octets} octets");
            read += count;
            turns += 1;
        }
        turns
    }

    /// One octet to the server, and one back.
    ///
    /// # Panics
    /// When either does not arrive.
    pub fn exchange(&mut self) {
        let mut octet = [1];
        assert_eq!(self.client.write(self.now, &octet), 1);
        self.client.transmit(self.now, SEGMENTS_MAX, &mut self.server);
        self.pass(self.half_trip);
        self.server.receive(self.now);
        assert_eq!(self.server.read(self.now, &mut octet), 1);
        assert_eq!(self.server.write(self.now, &octet), 1);
        self.server.transmit(self.now, SEGMENTS_MAX, &mut self.client);
        self.pass(self.half_trip);
        self.client.receive(self.now);
        assert_eq!(self.client.read(self.now, &mut octet), 1);
    }

    /// Time passes.
    pub fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
    }
}

/// How two endpoints come to have a connection.
struct Handshake {
    now: Instant,
    family: Family,
}

impl Handshake {
    /// The client's end and the server's.
    fn between(self, client: &mut Endpoint, server: &mut Endpoint) -> [Opened; 2] {
        let Self { now, family } = self;
        let remote = match family {
            Family::V4 => "10.0.0.2:80",
            Family::V6 => "[fd00::2]:80",
        };
        let remote = remote.parse().expect("a socket");
        let listening = server.listen(ListenOn::Socket(remote), ListenerConfig::default());
        let listener = listening.expect("nobody else listens");
        let (id, mut opened) = client.connect(now, Open::to(remote)).expect("it is on the link");
        let mut syn = polled(&mut opened, now);
        let Route::Reply(mut syn_ack) = server.route(now, LinkId(0), &mut syn) else {
            panic!("a SYN is answered");
        };
        let routed = client.route(now, LinkId(0), &mut syn_ack);
        assert!(matches!(routed, Route::Deliver(to) if to == id), "the SYN-ACK is the client's");
        assert_eq!(opened.handle_packet(now, &mut syn_ack), Ok(()), "the SYN-ACK is right");
        let mut ack = polled(&mut opened, now);
        let route = server.route(now, LinkId(0), &mut ack);
        let Route::Accept { id: server_id, connection: accepted, .. } = route else {
            panic!("the ACK completes the handshake");
        };
        server.handle_accepted(listener, 1);
        [(id, opened), (server_id, accepted)]
    }
}

type Opened = (ConnectionId, Box<Connection>);

fn polled(connection: &mut Connection, now: Instant) -> TcpPacket {
    connection.poll_transmit(now, TransmitLimits::SINGLE).expect("a segment is due")
}

/// The MTU of Ethernet. Units: octets.
const ETHERNET: u32 = 1_500;
/// What a stack sends for one connection in a turn of its driver.
pub const SEGMENTS_MAX: u32 = 90;
/// Half a round trip, if the caller says nothing else.
const HALF_TRIP: Duration = Duration::from_micros(50);
/// What is written and read at once. Units: octets.
const CHUNK: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_takes_as_many_segments_as_its_octets_fill() {
        for (family, mss) in [(Family::V4, 1_448), (Family::V6, 1_428)] {
            let mut pair = Pair::new(family);
            pair.transfer(1_000 * mss);
            let segments = pair.server.segments_in();
            assert!((1_000..1_100).contains(&segments), "{family:?}: {segments} segments");
        }
    }

    #[test]
    fn an_exchange_in_its_steady_state_is_two_segments() {
        let mut pair = Pair::new(Family::V4);
        for _ in 0..100 {
            pair.exchange();
        }
        let before = (pair.server.segments_in(), pair.client.segments_in());
        for _ in 0..100 {
            pair.exchange();
        }
        let after = (pair.server.segments_in(), pair.client.segments_in());
        assert_eq!((after.0 - before.0, after.1 - before.1), (100, 100));
    }
}
