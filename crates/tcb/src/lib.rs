//! A sans-IO TCP (RFC 9293): events and time in, packets out.
//!
//! An [`Endpoint`] stands for one stack: it finds whose a packet is, opens and accepts connections,
//! and keeps TIME-WAIT. A [`Connection`] is one TCP connection. Neither reads a clock, draws random
//! numbers, does input or output, or knows the other: the caller carries packets and events between
//! them, and tells the time. So the same inputs give the same outputs, to the octet.
//!
//! | methods | are | for example |
//! |---|---|---|
//! | `handle_*` | events in: a packet, a time that came | [`Connection::handle_packet`] |
//! | plain verbs | calls of the application (RFC 9293 §3.9.1) | [`Connection::write`] |
//! | `poll_*`, `deadline` | actions out, for the caller to fetch | [`Connection::poll_transmit`] |
//! | all others | questions | [`Connection::state`] |
//!
//! After any event or call, *drain*: take the events, carry those for the endpoint, send every
//! packet there is, and read the deadline, at which `handle_timeout` wants to be called. Nothing is
//! built before it is asked for, so `poll_transmit` may wait until the device takes packets.
//!
//! Two stacks, joined by memory, exchange a request and an answer:
//!
//! ```
//! use std::collections::BTreeMap;
//! use synack_tcb::*;
//! use synack_wire::TcpPacket;
//!
//! /// A stack: its endpoint, its connections, and what it wants to send.
//! struct Stack {
//!     endpoint: Endpoint,
//!     connections: BTreeMap<ConnectionId, Box<Connection>>,
//!     outgoing: Vec<TcpPacket>,
//! }
//!
//! impl Stack {
//!     fn new(address: &str, secret: [u8; 32]) -> Self {
//!         let mut endpoint = Endpoint::new(EndpointConfig::default(), secret);
//!         let prefix = address.parse().expect("an address with its prefix length");
//!         endpoint.set_addresses(&[LinkAddress { prefix, link: LinkId(0), mtu: 1_500 }]);
//!         Self { endpoint, connections: BTreeMap::new(), outgoing: Vec::new() }
//!     }
//!
//!     /// A packet came from the device.
//!     fn receive(&mut self, now: Instant, mut packet: TcpPacket) {
//!         match self.endpoint.route(now, LinkId(0), &mut packet) {
//!             Route::Deliver(id) => {
//!                 let connection = self.connections.get_mut(&id).expect("it was not released");
//!                 // An error says why a segment was not used: for a counter.
//!                 let _ = connection.handle_packet(now, &mut packet);
//!             }
//!             Route::Accept { id, connection, listener } => {
//!                 self.connections.insert(id, connection);
//!                 self.endpoint.handle_accepted(listener, 1);
//!             }
//!             Route::Reply(packet) => self.outgoing.push(packet),
//!             Route::Drop(_) => {}
//!             Route::Elsewhere(_) => unreachable!("this stack has one shard"),
//!         }
//!         self.drain(now);
//!     }
//!
//!     /// The drain loop.
//!     fn drain(&mut self, now: Instant) {
//!         let Self { endpoint, connections, outgoing } = self;
//!         for (id, connection) in connections.iter_mut() {
//!             let events = connection.poll_events(); // wake readers and writers
//!             let _ = events.contains(Events::READABLE);
//!             let mut carry = |connection: &mut Connection| {
//!                 while let Some(event) = connection.poll_endpoint_event() {
//!                     endpoint.handle_event(now, *id, event);
//!                 }
//!             };
//!             carry(connection);
//!             while let Some(packet) = connection.poll_transmit(now, TransmitLimits::SINGLE) {
//!                 outgoing.push(packet);
//!             }
//!             carry(connection); // the last segment may have left: `Released`
//!         }
//!         while let Some((_link, packet)) = endpoint.poll_transmit(now) {
//!             outgoing.push(packet);
//!         }
//!         // Then sleep until a packet comes, the application calls, or the earliest of these:
//!         let _deadlines = connections.values().map(|connection| connection.deadline());
//!         let _deadline = endpoint.deadline();
//!     }
//! }
//!
//! let now = Instant::from_millis(1);
//! let mut client = Stack::new("10.0.0.1/24", [1; 32]); // in earnest: from the operating system
//! let mut server = Stack::new("10.0.0.2/24", [2; 32]);
//! let port_80 = ListenOn::Socket("10.0.0.2:80".parse()?);
//! server.endpoint.listen(port_80, ListenerConfig::default())?;
//! let open = Open::to("10.0.0.2:80".parse()?);
//! let (id, connection) = client.endpoint.connect(now, open)?;
//! client.connections.insert(id, connection);
//! client.drain(now);
//!
//! let mut answer = Vec::new();
//! for turn in 0..10 {
//!     for packet in std::mem::take(&mut client.outgoing) {
//!         server.receive(now, packet);
//!     }
//!     for packet in std::mem::take(&mut server.outgoing) {
//!         client.receive(now, packet);
//!     }
//!     let connection = client.connections.get_mut(&id).expect("we opened it");
//!     if turn == 1 {
//!         connection.write(now, b"request", Push::Now)?;
//!     }
//!     if let Ok(Some(chunk)) = connection.read_bytes(now, usize::MAX) {
//!         answer.extend_from_slice(&chunk);
//!     }
//!     for connection in server.connections.values_mut() {
//!         if let Ok(Some(request)) = connection.read_bytes(now, usize::MAX) {
//!             assert_eq!(request, "request");
//!             connection.write(now, b"answer", Push::Now)?;
//!         }
//!     }
//!     client.drain(now);
//!     server.drain(now);
//! }
//! assert_eq!(answer, b"answer");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod congestion;

mod buffer_size;
mod config;
mod connection;
mod drop_reason;
mod endpoint;
mod error;
mod event;
mod four_tuple;
mod info;
mod keyed_hash;
mod link;
mod linked_slab;
mod listener;
mod recovery;
mod recv;
mod room;
mod send;
mod shard;
mod time;
mod timers;

pub use config::{
    BUFFER_LEN_MAX, BufferSize, ConnectionConfig, EcnPolicy, EndpointConfig, KeepAlive,
    ListenerConfig, MtuProbing, Nagle, SynCookies,
};
#[doc(hidden)]
pub use connection::Internals;
pub use connection::{Connection, Push, State, TransmitLimits, TsRecent, Unread};
pub use drop_reason::DropReason;
pub use endpoint::{ConnectionId, Endpoint, ListenOn, Occupant, Open, Route};
pub use error::{CloseReason, ConnectError, ListenError, ReadError, WriteError};
pub use event::{EndpointEvent, Events, Release, SoftError, TimeWait, TimeWaitTimestamps};
pub use four_tuple::FourTuple;
pub use info::{ConnectionInfo, Counters, EndpointCounters, RecoveryPhase};
pub use link::{LinkAddress, LinkId, zone_of};
pub use listener::ListenerId;
pub use shard::{Shard, ShardMap};
pub use time::Instant;
pub use timers::Timer;
