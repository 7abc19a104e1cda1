//! A sans-IO TCP (RFC 9293): events and time in, packets out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod congestion;

mod config;
mod connection;
mod drop_reason;
mod endpoint;
mod error;
mod event;
mod four_tuple;
mod info;
mod keyed_hash;
mod linked_slab;
mod listener;
mod recovery;
mod recv;
mod send;
mod time;
mod timers;

pub use config::{
    BUFFER_LEN_MAX, ConnectionConfig, EndpointConfig, KeepAlive, ListenerConfig, Nagle, SynCookies,
};
pub use connection::{Connection, Push, State, TransmitLimits, Unread};
pub use drop_reason::DropReason;
pub use endpoint::{ConnectionId, Endpoint, LinkAddress, LinkId, ListenOn, Occupant, Open, Route};
pub use error::{CloseReason, ConnectError, ListenError, ReadError, WriteError};
pub use event::{EndpointEvent, Events, Release, SoftError, TimeWait, TimeWaitTimestamps};
pub use four_tuple::FourTuple;
pub use info::{ConnectionInfo, Counters, EndpointCounters};
pub use listener::ListenerId;
pub use time::Instant;
pub use timers::Timer;
