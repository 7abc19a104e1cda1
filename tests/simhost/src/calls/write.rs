//! `write` and `send`.

use synack_tcb::{Push, WriteError};

use crate::errno::{Fault, fails};
use crate::host::Host;
use crate::socket::{Descriptor, Phase, Role};

/// The flags of `send`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WriteFlags {
    /// `MSG_DONTWAIT`: this call does not wait.
    pub nonblocking: bool,
    /// `MSG_MORE`: more follows at once.
    pub more: bool,
    /// `MSG_OOB`: the last octet is urgent.
    pub urgent: bool,
}

impl WriteFlags {
    /// Those of the bits `MSG_*` that mean something here.
    pub const fn from_bits(bits: i32) -> Self {
        Self {
            nonblocking: bits & libc::MSG_DONTWAIT != 0,
            more: bits & libc::MSG_MORE != 0,
            urgent: bits & libc::MSG_OOB != 0,
        }
    }
}

impl Host {
    /// `send`: how much was taken, at least one octet. A blocking call makes the rest of it again.
    ///
    /// # Errors
    /// `EBADF`, `EAGAIN`; `EPIPE` when the connection takes no more, or never was; once what ended
    /// it.
    pub fn write(
        &mut self,
        fd: Descriptor,
        octets: &[u8],
        flags: WriteFlags,
    ) -> Result<usize, Fault> {
        let now = self.instant();
        self.note_open(fd);
        let socket = self.descriptors.get_mut(fd)?;
        let Role::Connected { id, phase } = socket.role else { return fails(libc::EPIPE) };
        if let Some(error) = socket.error.take() {
            return Err(error.into());
        }
        if socket.options.is_write_shut {
            return fails(libc::EPIPE);
        }
        let push = match (flags.urgent, flags.more || socket.options.is_corked) {
            (true, _) => Push::Urgent,
            (false, true) => Push::More,
            (false, false) => Push::Now,
        };
        if phase == Phase::Opening {
            return Err(self.must_wait(fd, flags.nonblocking));
        }
        let Some(connection) = self.connection_mut(id) else { return fails(libc::EPIPE) };
        let written = connection.write(now, octets, push);
        self.drain();
        match written {
            Ok(count) => Ok(count),
            Err(WriteError::Blocked) => Err(self.must_wait(fd, flags.nonblocking)),
            Err(_) => fails(libc::EPIPE),
        }
    }

    /// A connection that was being opened may be open by now, though `connect` was not asked.
    pub(super) fn note_open(&mut self, fd: Descriptor) {
        let Ok((_, Some(id))) = self.connected(fd) else { return };
        let is_open = self.connection(id).is_some_and(|connection| connection.is_connected());
        if is_open && let Ok(socket) = self.descriptors.get_mut(fd) {
            socket.role = Role::Connected { id, phase: Phase::Open };
        }
    }
}
