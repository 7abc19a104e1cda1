//! What `poll` tells of a socket.

use core::ops::{BitOr, BitOrAssign};

use synack_tcb::{Connection, State};

use crate::errno::{Errno, Fault};
use crate::host::Host;
use crate::socket::{Descriptor, Phase, Role, Socket};

/// A set of `POLL*` bits, with the numbers of Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readiness(pub i16);

impl Readiness {
    /// Nothing is ready.
    pub const NONE: Self = Self(0);
    /// A read would not block: `POLLIN | POLLRDNORM`.
    pub const READ: Self = Self(libc::POLLIN | libc::POLLRDNORM);
    /// A write would not block: `POLLOUT | POLLWRNORM`.
    pub const WRITE: Self = Self(libc::POLLOUT | libc::POLLWRNORM);
    /// There is urgent text: `POLLPRI`.
    pub const URGENT: Self = Self(libc::POLLPRI);
    /// There is an error: `POLLERR`.
    pub const ERROR: Self = Self(libc::POLLERR);
    /// Both directions are over: `POLLHUP`.
    pub const HANG_UP: Self = Self(libc::POLLHUP);
    /// The peer will send no more: `POLLRDHUP`.
    pub const READ_HANG_UP: Self = Self(0x2000);

    /// Whether all bits of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What of it was asked for; errors and the end are told always.
    #[must_use]
    pub const fn asked(self, asked: i16) -> Self {
        Self(self.0 & (asked | libc::POLLERR | libc::POLLHUP))
    }
}

impl BitOr for Readiness {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Host {
    /// What a socket is ready for.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn readiness(&self, fd: Descriptor) -> Result<Readiness, Fault> {
        let socket = self.descriptors.get(fd)?;
        let ready = match &socket.role {
            Role::Idle => Readiness::WRITE | Readiness::HANG_UP,
            Role::Listening { waiting, .. } if waiting.is_empty() => Readiness::NONE,
            Role::Listening { .. } => Readiness::READ,
            Role::Connected { id, phase } => match self.connection(*id) {
                Some(connection) => of_connection(socket, connection, *phase),
                None => Readiness::WRITE | Readiness::HANG_UP,
            },
        };
        let error = socket.error.map_or(Readiness::NONE, |Errno(_)| Readiness::ERROR);
        Ok(ready | error)
    }
}

fn of_connection(socket: &Socket, connection: &Connection, phase: Phase) -> Readiness {
    let state = connection.state();
    let is_over = connection.close_reason().is_some() || connection.is_released();
    if phase == Phase::Opening && !is_over && !connection.is_connected() {
        return Readiness::NONE;
    }
    let peer_closed = is_over
        || match state {
            State::CloseWait
            | State::LastAck
            | State::Closing
            | State::TimeWait
            | State::Closed => true,
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2 => false,
        };
    let is_read_over = peer_closed || socket.options.is_read_shut;
    let is_write_over = is_over || socket.options.is_write_shut;
    let mut ready = Readiness::NONE;
    if is_read_over {
        ready |= Readiness::READ | Readiness::READ_HANG_UP;
    }
    if connection.is_readable() {
        ready |= Readiness::READ;
    }
    if is_write_over || connection.is_writable() {
        ready |= Readiness::WRITE;
    }
    if is_over || (is_read_over && is_write_over) {
        ready |= Readiness::HANG_UP;
    }
    if connection.info().urgent_left > 0 {
        ready |= Readiness::URGENT;
    }
    ready
}
