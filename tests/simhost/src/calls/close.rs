//! `close` and `shutdown`.

use synack_tcb::{ConnectionId, Unread};

use super::wait;
use crate::errno::{Fault, fails};
use crate::host::Host;
use crate::socket::{Descriptor, Phase, Role};

/// Which direction `shutdown` ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

impl Host {
    /// `close`. The descriptor is gone, whatever is returned but for `EBADF` and waiting.
    ///
    /// # Errors
    /// `EBADF`. With a linger time, a blocking one waits until the peer has acknowledged
    /// everything; the caller knows the time ([`linger_us`](Self::linger_us)) and then calls
    /// [`close_now`](Self::close_now).
    pub fn close(&mut self, fd: Descriptor) -> Result<(), Fault> {
        let now = self.instant();
        let socket = self.descriptors.get(fd)?;
        let lingers = socket.options.linger_s.is_some_and(|seconds| seconds > 0);
        if lingers
            && !socket.is_nonblocking
            && let Role::Connected { id, .. } = socket.role
            && let Some(connection) = self.connection_mut(id)
            && connection.close_reason().is_none()
            && connection.info().unread == 0
        {
            connection.close(now);
            self.drain();
            if self.has_outstanding(id) {
                return Err(Fault::WouldBlock);
            }
        }
        self.close_now(fd)
    }

    /// As [`close`](Self::close), without waiting.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn close_now(&mut self, fd: Descriptor) -> Result<(), Fault> {
        let socket = self.descriptors.remove(fd)?;
        let now = self.instant();
        if let (Role::Connected { id, .. }, Some(0)) = (&socket.role, socket.options.linger_s)
            && let Some(connection) = self.connection_mut(*id)
        {
            connection.abort(now);
        }
        self.abandon(socket.role);
        Ok(())
    }

    /// How long a `close` of this socket waits. Units: microseconds.
    pub fn linger_us(&self, fd: Descriptor) -> Option<u64> {
        let socket = self.descriptors.get(fd).ok()?;
        socket.options.linger_s.map(|seconds| u64::from(seconds) * 1_000_000)
    }

    /// `shutdown`.
    ///
    /// # Errors
    /// `EBADF`, `ENOTCONN`.
    pub fn shutdown(&mut self, fd: Descriptor, how: Shutdown) -> Result<(), Fault> {
        let now = self.instant();
        let socket = self.descriptors.get_mut(fd)?;
        let (reads, writes) = match how {
            Shutdown::Read => (true, false),
            Shutdown::Write => (false, true),
            Shutdown::Both => (true, true),
        };
        let id = match &socket.role {
            Role::Connected { id, .. } => *id,
            Role::Listening { .. } if reads => {
                let role = core::mem::replace(&mut socket.role, Role::Idle);
                self.abandon(role);
                return Ok(());
            }
            Role::Idle | Role::Listening { .. } => return fails(libc::ENOTCONN),
        };
        socket.options.is_read_shut |= reads;
        socket.options.is_write_shut |= writes;
        match self.connection_mut(id) {
            Some(connection) if connection.close_reason().is_some() => fails(libc::ENOTCONN),
            Some(connection) => {
                if writes {
                    connection.close(now);
                }
                self.drain();
                Ok(())
            }
            None => fails(libc::ENOTCONN),
        }
    }

    /// Nobody calls any more: what the socket had ends by itself.
    pub(super) fn abandon(&mut self, role: Role) {
        let now = self.instant();
        match role {
            Role::Idle => {}
            Role::Connected { id, phase: Phase::Open | Phase::Opening } => {
                if let Some(connection) = self.connection_mut(id) {
                    connection.detach(now, Unread::No);
                }
                self.let_go(id);
            }
            Role::Listening { id, waiting } => {
                for id in waiting {
                    if let Some(connection) = self.connection_mut(id) {
                        connection.abort(now);
                    }
                    self.let_go(id);
                }
                self.endpoint.close_listener(now, id);
            }
        }
        self.drain();
    }

    /// Whether a connection has sent what the peer has not acknowledged, or has yet to send it.
    fn has_outstanding(&self, id: ConnectionId) -> bool {
        let Some(connection) = self.connection(id) else { return false };
        let info = connection.info();
        connection.close_reason().is_none() && (info.unacked > 0 || info.unsent > 0)
    }

    /// How a call on this descriptor that has to wait ends.
    pub(super) fn must_wait(&self, fd: Descriptor, is_call_nonblocking: bool) -> Fault {
        match self.descriptors.get(fd) {
            Ok(socket) => wait(socket, is_call_nonblocking, libc::EAGAIN),
            Err(errno) => errno.into(),
        }
    }
}
