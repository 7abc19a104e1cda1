//! Why a call failed, and why a connection ended.

use core::fmt;

use synack_wire::IcmpErrorKind;

/// Why a connection is over. Told once, by
/// [`Connection::close_reason`](crate::Connection::close_reason).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both directions were closed and acknowledged.
    Finished,
    /// The application aborted it, or dropped it with text unread (RFC 9293 §3.10.5, CLOSE-13).
    Aborted,
    /// The peer reset it (RFC 9293 §3.10.7.4).
    ResetByPeer,
    /// The peer refused it: a reset in SYN-SENT, or in SYN-RECEIVED after an active open.
    Refused,
    /// Retransmissions, or keep-alive probes, went unanswered (RFC 9293 §3.8.3, §3.8.4).
    TimedOut,
    /// The user timeout expired (RFC 9293 §3.10.8).
    UserTimeout,
    /// A hard ICMP error ended the opening (RFC 9293 §3.9.2.2, ICMP-5).
    Unreachable(IcmpErrorKind),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("connection closed"),
            Self::Aborted => f.write_str("connection aborted"),
            Self::ResetByPeer => f.write_str("connection reset by peer"),
            Self::Refused => f.write_str("connection refused"),
            Self::TimedOut => f.write_str("connection timed out"),
            Self::UserTimeout => f.write_str("connection aborted due to user timeout"),
            Self::Unreachable(kind) => write!(f, "destination unreachable: {kind:?}"),
        }
    }
}

/// Why an active open could not begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The remote address or port is unspecified (SM-OPEN-3).
    RemoteUnspecified,
    /// The remote address is broadcast or multicast (MUST-46).
    RemoteInvalid,
    /// No local address can reach the remote one.
    NoRoute,
    /// The local address asked for is not one of ours.
    AddressNotAvailable,
    /// The same four-tuple is in use, or was until just now (SM-OPEN-9, TW-14, DEC-7).
    AlreadyExists,
    /// Every ephemeral port is in use towards this remote.
    NoPort,
    /// The endpoint has as many connections as it may (SM-OPEN-6).
    TooManyConnections,
    /// The listener to be turned into a connection is closed (SM-OPEN-7).
    NotListening,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RemoteUnspecified => "remote socket unspecified",
            Self::RemoteInvalid => "remote address is broadcast or multicast",
            Self::NoRoute => "no route to the remote address",
            Self::AddressNotAvailable => "local address is not one of this stack",
            Self::AlreadyExists => "connection already exists",
            Self::NoPort => "no ephemeral port is free",
            Self::TooManyConnections => "insufficient resources",
            Self::NotListening => "the listener is closed",
        })
    }
}

/// Why a passive open failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// A listener holds that local socket already (SM-OPEN-2, MUST-41).
    AlreadyExists,
    /// The local address is not one of ours.
    AddressNotAvailable,
    /// Every ephemeral port has a listener (a listen on port 0).
    NoPort,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyExists => "a listener holds this address already",
            Self::AddressNotAvailable => "local address is not one of this stack",
            Self::NoPort => "no port is free",
        })
    }
}

/// Why nothing was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing is there yet.
    Blocked,
    /// The connection failed; told once, after it reads end in end-of-stream (API-2).
    Closed(CloseReason),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => f.write_str("nothing to read yet"),
            Self::Closed(reason) => reason.fmt(f),
        }
    }
}

/// Why nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The send buffer is full.
    Blocked,
    /// The application closed its direction before ("connection closing", CLOSE-6).
    Closing,
    /// The connection is over.
    Closed(CloseReason),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => f.write_str("the send buffer is full"),
            Self::Closing => f.write_str("connection closing"),
            Self::Closed(reason) => reason.fmt(f),
        }
    }
}

impl core::error::Error for ConnectError {}
impl core::error::Error for ListenError {}
impl core::error::Error for ReadError {}
impl core::error::Error for WriteError {}
