//! What conversation tests share: a host that is driven by hand, and the far end as templates.
//!
//! ```text
//! let mut host = Host::new("10.0.0.2");
//! let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
//! host.listen(80);
//! host.receive(peer.syn(100));
//! let syn_ack = host.only_sent();
//! assert_eq!(host.seen(&peer), Seen::SynReceived);
//! let server = host.accept(peer.ack(101, syn_ack.segment.seq + 1));
//! ```

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod conversation;
mod expect;
mod host;
mod line;
mod packets;
mod peer;
mod place;
mod scene;
mod setup;
mod stage;

pub(crate) use conversation::{Conversation, FIRST_TSVAL, octets};
pub(crate) use expect::{Fate, Picture, Said, each, each_planned, each_setting};
pub(crate) use host::{Host, Received, Seen};
pub(crate) use peer::{Change, Peer, control};
pub(crate) use place::{Opened, Place, SETTINGS, Setting};
pub(crate) use scene::{
    established, half_open, listening, listening_in_both_families, pair, settle, shake, time_wait,
};
pub(crate) use setup::{Opener, Setup};
pub(crate) use stage::{Plan, Stage, fixed_buffers, time_of_iss};
