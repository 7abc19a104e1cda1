//! Two hosts over links that spoil packets, on one virtual clock, judged after every event.
//!
//! A [`Network`] has [hosts](HostConfig), each an `Endpoint` with its connections, joined by links
//! of `synack-netem`. Applications follow a [`Script`]. Every packet is really emitted and read
//! again. An oracle looks at each connection after each event and at each packet that leaves, and a
//! run ends with the first [`Violation`] of an invariant. Everything random comes from one seed.
//!
//! A [`Plan`] draws a whole run from its seed: which faults there are, and how strong; [`run`]
//! carries it out, heals the network half-way, and demands that everything ends.
//!
//! ```
//! use core::time::Duration;
//! use synack_netem::{LinkConfig, Probability};
//! use synack_sim::{HostConfig, MiddleboxFaults, Network, Script, Streams};
//!
//! let mut network = Network::new(Streams::new(42));
//! let client = network.add_host(HostConfig::new("10.0.0.1".parse()?));
//! let server = network.add_host(HostConfig::new("10.0.0.2".parse()?));
//! let link = LinkConfig {
//!     delay: Duration::from_millis(20),
//!     loss: Probability::percent(5),
//!     ..LinkConfig::default()
//! };
//! network.join(client, server, link.clone(), MiddleboxFaults::default());
//! network.join(server, client, link, MiddleboxFaults::default());
//! network.listen(server, 80)?;
//!
//! let scripts = [Script::send(100_000), Script::receive()];
//! let id = network.open((client, 4_000), (server, 80), scripts)?.expect("the port is free");
//! assert!(network.run_to_end(Duration::from_mins(10))?);
//! assert!(network.conversation(id).is_complete());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod application;
mod attack;
mod clock;
mod controllers;
mod conversation;
mod datagram;
mod device;
pub mod grid;
mod guard;
mod handle;
mod host;
mod isn;
mod middlebox;
mod network;
mod oracle;
mod path;
mod pattern;
mod plan;
pub mod plot;
mod run;
mod script;
mod segments;
pub mod spread;
mod streams;
mod trace;
mod transfer;
mod violation;
mod wire_tap;

pub use clock::HostClock;
pub use controllers::Controller;
pub use conversation::{Conversation, ConversationId, Outcome, Side};
pub use datagram::Datagram;
pub use device::{Batching, DeviceFaults};
pub use guard::run_guarded;
pub use host::{HostConfig, HostId};
pub use middlebox::{Kind, Mangling, MiddleboxFaults, Strips, Target};
pub use network::{Counts, Network};
pub use oracle::Thoroughness;
pub use path::Path;
pub use pattern::Pattern;
pub use plan::{Fault, Incident, Plan, Planned};
pub use run::{Report, run};
pub use script::{Ending, Pause, PushStyle, Script, Sizes, Stall, Start};
pub use streams::{Dice, Streams, Subsystem};
pub use trace::Log;
pub use violation::{Invariant, Violation};
