//! Conversation: what two applications sent each other, as the oracle knows it.

use synack_tcb::{CloseReason, FourTuple};
use synack_wire::SeqNum;

use crate::Pattern;
use crate::script::Script;

/// A conversation of a [`Network`](crate::Network).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConversationId(pub usize);

/// Two applications and the stream in each direction.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The addresses, seen from the side that opened it, which is side 0.
    pub path: FourTuple,
    /// The ISS of side 0: with the addresses it tells incarnations apart.
    pub(crate) iss: Option<SeqNum>,
    /// What both sides do.
    pub(crate) scripts: [Script; 2],
    /// What both sides did.
    pub sides: [Side; 2],
    /// Damage that no checksum shows, or an attacker in the path, got to it: anything may have
    /// happened to what it says.
    pub(crate) is_poisoned: bool,
    key: u64,
}

/// What one side of a conversation did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Side {
    /// Whether there is a connection, or was.
    pub has_connection: bool,
    /// Octets that its connection took to be sent.
    pub sent: u64,
    /// Octets that it read.
    pub received: u64,
    /// It closed its direction.
    pub closed: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// How an application ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Sent everything, closed, and read to the end of the stream.
    Completed,
    /// Was told that the connection failed.
    Failed(CloseReason),
    /// Aborted the connection.
    Aborted,
    /// Let go of the connection before the end of the stream.
    Dropped,
    /// Its host stopped.
    Crashed,
}

impl Conversation {
    pub(crate) fn new(path: FourTuple, scripts: [Script; 2], key: u64) -> Self {
        Self { path, iss: None, scripts, sides: [Side::default(); 2], is_poisoned: false, key }
    }

    /// What `side` sends.
    pub(crate) fn pattern(&self, side: usize) -> Pattern {
        Pattern::new(self.key.wrapping_add(side as u64))
    }

    /// Whether neither side has anything left to do; one without a connection has not.
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(|side| !side.has_connection || side.outcome.is_some())
    }

    /// Whether both sides sent and received everything.
    pub fn is_complete(&self) -> bool {
        self.sides.iter().all(|side| side.outcome == Some(Outcome::Completed))
    }
}
