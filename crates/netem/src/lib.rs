//! A network link that spoils packets on purpose, in a way that can be repeated.
//!
//! A [`Link`] is one direction of a path: rate and queue (drop-tail, CoDel, ECN marking, policer),
//! delay with jitter, loss (uniform, in bursts, targeted), reordering, duplication, corruption,
//! truncation, MTU, outages. It does no I/O and has no clock: packets and times go in, packets and
//! times come out. So the same model serves a simulation on virtual time and an emulator on a real
//! one. Everything random comes from one seed, by ChaCha8, in whole numbers: the same seed gives
//! the same bytes, on every machine and in every later version.
//!
//! ```
//! use core::time::Duration;
//! use synack_netem::{Bottleneck, Link, LinkConfig, Probability, Rate};
//!
//! let config = LinkConfig {
//!     delay: Duration::from_millis(10),
//!     loss: Probability::percent(10),
//!     bottleneck: Some(Bottleneck::drop_tail(Rate::mbit(12), 64)),
//!     ..LinkConfig::default()
//! };
//! let mut link = Link::new(config, 42);
//! for number in 0..50_u8 {
//!     link.send(Duration::ZERO, vec![number; 1_500]); // each takes 1 ms at 12 Mbit/s
//! }
//! let mut arrived = 0;
//! while let Some(time) = link.deadline() {
//!     while let Some(delivery) = link.poll(time) {
//!         arrived += 1;
//!         assert!(delivery.due >= Duration::from_millis(11));
//!     }
//! }
//! assert_eq!(arrived, 50 - link.stats().lost());
//! assert!(link.stats().is_balanced());
//! ```
//!
//! What a link must never do: read a clock, hold more than its capacities, look into a packet (but
//! for the ECN field), or draw randomness from anything but its seed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod codel;
mod config;
mod damage;
mod dice;
mod ecn;
mod fifo;
mod flight;
mod latency;
mod line;
mod link;
mod packet;
mod probability;
mod queue;
mod rate;
mod stats;

pub use config::{
    Bottleneck, BurstLoss, Capacity, CoDel, Corruption, Distribution, Duplication, EcnUse, Excess,
    Jitter, LinkConfig, Mtu, Order, Outage, OutageEffect, Padding, Queue, ReorderBy, Reordering,
    Spikes,
};
pub use damage::Alterations;
pub use ecn::{Marking, is_ecn_capable, mark_ce};
pub use flight::Delivery;
pub use link::{Carrier, Link, Outcome, Sent};
pub use packet::Packet;
pub use probability::Probability;
pub use rate::Rate;
pub use stats::LinkStats;
