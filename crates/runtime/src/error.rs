//! Errors of the state machine as errors of I/O: the kinds that a kernel's socket gives.
//!
//! Nothing else in this crate decides on a kind. The source of each [`io::Error`] is what happened.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use synack_tcb::{CloseReason, ConnectError, ListenError, ReadError, WriteError};
use synack_wire::IcmpErrorKind;

/// Why a stack, or one of its connections, is no more, through no rule of TCP.
///
/// It is the source of the [`io::Error`] that every call on it returns from then on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StackError {
    /// The device failed or went away, with this error. The error of I/O is of the same kind.
    Device(Arc<io::Error>),
    /// The stack was shut down, or the runtime that it ran on was.
    Stopped,
    /// A bug of this library: the connection's code panicked. Others go on.
    Panicked,
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => write!(f, "the device failed: {error}"),
            Self::Stopped => f.write_str("the stack was shut down"),
            Self::Panicked => f.write_str("the connection was given up after a bug in it"),
        }
    }
}

impl Error for StackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Device(error) => Some(error),
            Self::Stopped | Self::Panicked => None,
        }
    }
}

impl From<StackError> for io::Error {
    fn from(error: StackError) -> Self {
        let kind = match &error {
            StackError::Device(device) => device.kind(),
            StackError::Stopped => ErrorKind::NetworkDown,
            StackError::Panicked => ErrorKind::ConnectionAborted,
        };
        Self::new(kind, error)
    }
}

/// What a call for I/O returns when the state machine did not do it.
pub(crate) fn of_read(error: ReadError) -> io::Error {
    match error {
        ReadError::Blocked => ErrorKind::WouldBlock.into(),
        ReadError::Closed(reason) => io::Error::new(kind_of_close(reason), error),
        _ => io::Error::other(error),
    }
}

/// As [`of_read`], for writing. After our FIN, or after both, a write finds a broken pipe.
pub(crate) fn of_write(error: WriteError) -> io::Error {
    match error {
        WriteError::Blocked => ErrorKind::WouldBlock.into(),
        WriteError::Closing | WriteError::Closed(CloseReason::Finished) => {
            io::Error::new(ErrorKind::BrokenPipe, error)
        }
        WriteError::Closed(reason) => io::Error::new(kind_of_close(reason), error),
        _ => io::Error::other(error),
    }
}

/// Why a connection is over, or one that was being opened.
pub(crate) fn of_failure(reason: CloseReason) -> io::Error {
    io::Error::new(kind_of_close(reason), Closed(reason))
}

pub(crate) fn of_connect(error: ConnectError) -> io::Error {
    let kind = match error {
        ConnectError::RemoteUnspecified
        | ConnectError::AddressNotAvailable
        | ConnectError::NoPort => ErrorKind::AddrNotAvailable,
        ConnectError::RemoteInvalid | ConnectError::NoRoute => ErrorKind::NetworkUnreachable,
        ConnectError::AlreadyExists => ErrorKind::AddrInUse,
        ConnectError::TooManyConnections => ErrorKind::QuotaExceeded,
        ConnectError::NotListening => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

pub(crate) fn of_listen(error: ListenError) -> io::Error {
    let kind = match error {
        ListenError::AlreadyExists | ListenError::NoPort => ErrorKind::AddrInUse,
        ListenError::AddressNotAvailable => ErrorKind::AddrNotAvailable,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// A connect that the application's own timeout ended.
pub(crate) fn connect_timeout() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "connect timed out")
}

fn kind_of_close(reason: CloseReason) -> ErrorKind {
    match reason {
        CloseReason::Finished => ErrorKind::NotConnected,
        CloseReason::Aborted => ErrorKind::ConnectionAborted,
        CloseReason::ResetByPeer => ErrorKind::ConnectionReset,
        CloseReason::Refused => ErrorKind::ConnectionRefused,
        CloseReason::TimedOut | CloseReason::UserTimeout => ErrorKind::TimedOut,
        CloseReason::Unreachable(kind) => kind_of_icmp(kind),
        _ => ErrorKind::Other,
    }
}

/// As Linux has it in `icmp_err_convert` and `tab_unreach`.
fn kind_of_icmp(kind: IcmpErrorKind) -> ErrorKind {
    match kind {
        IcmpErrorKind::PortUnreachable | IcmpErrorKind::ProtocolUnreachable => {
            ErrorKind::ConnectionRefused
        }
        IcmpErrorKind::NetUnreachable
        | IcmpErrorKind::NetUnknown
        | IcmpErrorKind::NetProhibited
        | IcmpErrorKind::NetUnreachableForService => ErrorKind::NetworkUnreachable,
        IcmpErrorKind::SourcePolicyFailed | IcmpErrorKind::RejectRoute => {
            ErrorKind::PermissionDenied
        }
        IcmpErrorKind::HostUnreachable
        | IcmpErrorKind::FragmentationNeeded { .. }
        | IcmpErrorKind::PacketTooBig { .. }
        | IcmpErrorKind::SourceRouteFailed
        | IcmpErrorKind::HostUnknown
        | IcmpErrorKind::SourceHostIsolated
        | IcmpErrorKind::HostProhibited
        | IcmpErrorKind::HostUnreachableForService
        | IcmpErrorKind::AdminProhibited
        | IcmpErrorKind::HostPrecedenceViolation
        | IcmpErrorKind::PrecedenceCutoff
        | IcmpErrorKind::BeyondScope
        | IcmpErrorKind::Unreachable { .. }
        | IcmpErrorKind::TimeExceeded
        | IcmpErrorKind::ReassemblyTimeExceeded
        | IcmpErrorKind::ParameterProblem { .. }
        | IcmpErrorKind::SourceQuench
        | _ => ErrorKind::HostUnreachable,
    }
}

/// [`CloseReason`] as an error.
#[derive(Clone, Copy, Debug)]
struct Closed(CloseReason);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Closed {}
