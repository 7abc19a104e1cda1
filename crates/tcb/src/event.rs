//! What a connection tells: to the application, and to the endpoint.

use core::ops::{BitOr, BitOrAssign};

use synack_wire::{IcmpErrorKind, SeqNum};

use crate::{FourTuple, Instant, TsRecent};

/// What happened that the application may want to know: a set, taken whole by
/// [`Connection::poll_events`](crate::Connection::poll_events).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Events(u8);

impl Events {
    /// Nothing happened.
    pub const NONE: Self = Self(0);
    /// The handshake is complete.
    pub const CONNECTED: Self = Self(1);
    /// There is text to read, or an end of the stream, or an error.
    pub const READABLE: Self = Self(2);
    /// There is room to write, or a write would fail.
    pub const WRITABLE: Self = Self(4);
    /// The urgent pointer advanced (RFC 9293 §3.8.5, MUST-32).
    pub const URGENT: Self = Self(8);
    /// A soft error: see [`Connection::last_soft_error`](crate::Connection::last_soft_error).
    pub const SOFT_ERROR: Self = Self(16);
    /// The peer closed its direction: a FIN, not an abort (MUST-12).
    pub const PEER_CLOSED: Self = Self(32);
    /// The connection is over: see [`Connection::close_reason`](crate::Connection::close_reason).
    pub const CLOSED: Self = Self(64);

    /// Whether every event of `other` happened.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any event of `other` happened.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing happened.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Events {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Events {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// A problem that does not end the connection (RFC 9293 §3.9.1.8, MUST-47, SHLD-25).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SoftError {
    /// An ICMP error about this connection.
    Icmp(IcmpErrorKind),
    /// R1: the same segment was retransmitted so often (RFC 9293 §3.8.3, SHLD-9).
    ExcessiveRetransmission,
}

/// What a connection asks of its endpoint, carried there by the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndpointEvent {
    /// "Carry on for me": the connection entered TIME-WAIT.
    TimeWait(TimeWait),
    /// "Remember this of my destination": packets to it may have so many octets, as a router said
    /// or a search found.
    PathMtu(u32),
    /// "Forget me": nothing is left to send, and the four-tuple is free. Always the last event.
    Released(Release),
}

/// How the four-tuple of a released connection may be used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Release {
    /// At once, or TIME-WAIT holds it.
    #[default]
    Orderly,
    /// We reset the connection: for an active open, not within a second (DEC-7).
    AfterReset,
}

/// What TIME-WAIT needs of a connection (RFC 9293 §3.10.7.4, TW-13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeWait {
    /// The connection's addresses and ports.
    pub path: FourTuple,
    /// When the connection entered TIME-WAIT.
    pub entered: Instant,
    /// SND.NXT: what a last ACK is sent with, and what the ISS of a successor must pass (TW-11).
    pub snd_nxt: SeqNum,
    /// The lowest ACK that is not too old (RFC 5961 §5.2).
    pub ack_lowest: SeqNum,
    /// RCV.NXT: the number after the peer's FIN.
    pub rcv_nxt: SeqNum,
    /// The window field of a last ACK, already scaled.
    pub window: u16,
    /// RCV.WND: how far above RCV.NXT a segment is acceptable. Units: octets.
    pub rcv_wnd: u32,
    /// TS.Recent and our offset to the timestamp clock, if timestamps are in use (RFC 7323 §3).
    pub timestamps: Option<TimeWaitTimestamps>,
    /// IP fields of a last ACK: code point, hop limit, flow label.
    pub ip: synack_wire::IpFields,
}

/// The timestamp state that outlives a connection (RFC 6191 §2, RFC 7323 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeWaitTimestamps {
    /// TS.Recent.
    pub recent: TsRecent,
    /// What our timestamp clock adds to the milliseconds of the caller's clock (TS-14).
    pub offset: u32,
}
