//! How a call fails: with an error number of Linux, or by having to wait.

use core::fmt;

use synack_tcb::{CloseReason, ConnectError, ListenError};
use synack_wire::IcmpErrorKind;

/// An error number of Linux, as in `libc`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl Errno {
    /// The name in the manual pages, for those that sockets give.
    pub const fn name(self) -> &'static str {
        let mut index = 0;
        while index < NAMES.len() {
            if NAMES[index].0 == self.0 {
                return NAMES[index].1;
            }
            index += 1;
        }
        "error"
    }

    /// The error of this name, if sockets give it.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| Self(*number))
    }

    /// What a socket tells of a connection that ended so; `None` if that is no error.
    pub(crate) fn of_close(reason: CloseReason) -> Option<Self> {
        Some(Self(match reason {
            CloseReason::Finished | CloseReason::Aborted => return None,
            CloseReason::ResetByPeer => libc::ECONNRESET,
            CloseReason::Refused => libc::ECONNREFUSED,
            CloseReason::TimedOut | CloseReason::UserTimeout => libc::ETIMEDOUT,
            CloseReason::Unreachable(kind) => return Some(Self::of_icmp(kind)),
            _ => libc::EIO,
        }))
    }

    /// What a socket tells of an ICMP error.
    pub(crate) fn of_icmp(kind: IcmpErrorKind) -> Self {
        Self(match kind {
            IcmpErrorKind::NetUnreachable
            | IcmpErrorKind::NetUnknown
            | IcmpErrorKind::NetProhibited
            | IcmpErrorKind::NetUnreachableForService => libc::ENETUNREACH,
            IcmpErrorKind::ProtocolUnreachable => libc::ENOPROTOOPT,
            IcmpErrorKind::PortUnreachable => libc::ECONNREFUSED,
            IcmpErrorKind::SourceRouteFailed => libc::EOPNOTSUPP,
            IcmpErrorKind::HostUnknown => libc::EHOSTDOWN,
            IcmpErrorKind::SourceHostIsolated => libc::ENONET,
            IcmpErrorKind::ParameterProblem { .. } => libc::EPROTO,
            IcmpErrorKind::AdminProhibited
            | IcmpErrorKind::SourcePolicyFailed
            | IcmpErrorKind::RejectRoute => libc::EACCES,
            IcmpErrorKind::HostUnreachable
            | IcmpErrorKind::HostProhibited
            | IcmpErrorKind::HostUnreachableForService
            | IcmpErrorKind::HostPrecedenceViolation
            | IcmpErrorKind::PrecedenceCutoff
            | IcmpErrorKind::BeyondScope
            | IcmpErrorKind::Unreachable { .. }
            | IcmpErrorKind::TimeExceeded
            | IcmpErrorKind::ReassemblyTimeExceeded
            | IcmpErrorKind::FragmentationNeeded { .. }
            | IcmpErrorKind::PacketTooBig { .. }
            | IcmpErrorKind::SourceQuench
            | _ => libc::EHOSTUNREACH,
        })
    }
}

impl From<ConnectError> for Errno {
    fn from(error: ConnectError) -> Self {
        Self(match error {
            ConnectError::RemoteUnspecified => libc::ECONNREFUSED,
            ConnectError::RemoteInvalid | ConnectError::NoRoute => libc::ENETUNREACH,
            ConnectError::AddressNotAvailable
            | ConnectError::AlreadyExists
            | ConnectError::NoPort => libc::EADDRNOTAVAIL,
            ConnectError::TooManyConnections => libc::ENOBUFS,
            ConnectError::NotListening | _ => libc::EINVAL,
        })
    }
}

impl From<ListenError> for Errno {
    fn from(error: ListenError) -> Self {
        Self(match error {
            ListenError::AddressNotAvailable => libc::EADDRNOTAVAIL,
            ListenError::AlreadyExists | ListenError::NoPort | _ => libc::EADDRINUSE,
        })
    }
}

/// Why a call gave nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It failed.
    Errno(Errno),
    /// The descriptor is blocking, and the call has to wait: make it again when something happened.
    WouldBlock,
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => write!(f, "{errno:?}"),
            Self::WouldBlock => f.write_str("the call would block"),
        }
    }
}

impl core::error::Error for Fault {}

/// `Err` with an error number.
pub(crate) const fn fails<T>(number: i32) -> Result<T, Fault> {
    Err(Fault::Errno(Errno(number)))
}

const NAMES: [(i32, &str); 31] = [
    (libc::EACCES, "EACCES"),
    (libc::EADDRINUSE, "EADDRINUSE"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::EALREADY, "EALREADY"),
    (libc::EBADF, "EBADF"),
    (libc::ECONNABORTED, "ECONNABORTED"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::ECONNRESET, "ECONNRESET"),
    (libc::EHOSTDOWN, "EHOSTDOWN"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::EINPROGRESS, "EINPROGRESS"),
    (libc::EINVAL, "EINVAL"),
    (libc::EIO, "EIO"),
    (libc::EISCONN, "EISCONN"),
    (libc::EMSGSIZE, "EMSGSIZE"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::ENOBUFS, "ENOBUFS"),
    (libc::ENONET, "ENONET"),
    (libc::ENOPROTOOPT, "ENOPROTOOPT"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ENOTCONN, "ENOTCONN"),
    (libc::ENOTSOCK, "ENOTSOCK"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::EPIPE, "EPIPE"),
    (libc::EPROTO, "EPROTO"),
    (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
    (libc::EDOM, "EDOM"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::EMFILE, "EMFILE"),
];
