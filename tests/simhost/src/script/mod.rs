//! Packet scripts: a subset of packetdrill's language, read and run on a [`Host`](crate::Host).
//!
//! A script is a list of events, one a line: a packet that arrives (`<`), a packet that must leave
//! (`>`), a socket call with its result, settings between backticks, assertions about `TCP_INFO`
//! between `%{` and `}%`. `docs/packetdrill.md` says what of the language there is. Everything
//! happens in virtual time, so a script of an hour takes as long as one of a second.
//!
//! ```
//! use synack_simhost::script::{Script, Variant};
//!
//! let script = Script::parse(
//!     "
//!     0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
//!     +0  bind(3, ..., ...) = 0
//!     +0  listen(3, 1) = 0
//!     +0  < S 0:0(0) win 1000 <mss 1000>
//!     +0  > S. 0:0(0) ack 1 <mss 1460>
//!     +1  > S. 0:0(0) ack 1 <mss 1460>
//!     ",
//! )?;
//! script.run(Variant::V4)?;
//! # Ok::<(), synack_simhost::script::ScriptError>(())
//! ```

mod assertion;
mod call;
mod error;
mod event;
mod icmp;
mod live;
mod packet;
mod run;

pub use error::ScriptError;
use event::Event;

/// Which addresses and sockets a script runs with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// IPv4.
    V4,
    /// IPv4 under an `AF_INET6` socket.
    Mapped,
    /// IPv6, on a link with room for the longer header.
    V6,
}

/// A script, read and not yet run.
#[derive(Clone, Debug)]
pub struct Script {
    events: Vec<Event>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is not understood, and why.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        event::parse(text).map(|events| Self { events })
    }

    /// Runs it from a new host's beginning to its last event.
    ///
    /// # Errors
    /// The line that was not fulfilled, what it wanted and what there was.
    pub fn run(&self, variant: Variant) -> Result<(), ScriptError> {
        run::run(&self.events, variant)
    }
}
