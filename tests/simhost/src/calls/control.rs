//! `fcntl` and `ioctl`.

use crate::errno::{Fault, fails};
use crate::host::Host;
use crate::socket::{Descriptor, Role};

impl Host {
    /// `fcntl`.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for a command that is not `F_GETFL`, `F_SETFL`, `F_GETFD` or `F_SETFD`.
    pub fn control(&mut self, fd: Descriptor, command: i32, argument: i32) -> Result<i32, Fault> {
        let socket = self.descriptors.get_mut(fd)?;
        match command {
            libc::F_GETFL if socket.is_nonblocking => Ok(libc::O_RDWR | libc::O_NONBLOCK),
            libc::F_GETFL => Ok(libc::O_RDWR),
            libc::F_SETFL => {
                socket.is_nonblocking = argument & libc::O_NONBLOCK != 0;
                Ok(0)
            }
            libc::F_GETFD => Ok(0),
            libc::F_SETFD => Ok(0),
            _ => fails(libc::EINVAL),
        }
    }

    /// Whether calls on a descriptor wait.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn is_blocking(&self, fd: Descriptor) -> Result<bool, Fault> {
        Ok(!self.descriptors.get(fd)?.is_nonblocking)
    }

    /// `ioctl` that asks for a number: `SIOCINQ`, `SIOCOUTQ`, `SIOCOUTQNSD`.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for a socket that listens; `ENOTTY` for any other request.
    pub fn queued(&mut self, fd: Descriptor, request: u64) -> Result<i32, Fault> {
        let socket = self.descriptors.get(fd)?;
        let info = match socket.role {
            Role::Listening { .. } => return fails(libc::EINVAL),
            Role::Connected { id, .. } => self.connection(id).map(|connection| connection.info()),
            Role::Idle => None,
        };
        let count = match request {
            SIOCINQ => info.map_or(0, |info| info.unread),
            SIOCOUTQ => info.map_or(0, |info| info.unacked as usize + info.unsent),
            SIOCOUTQNSD => info.map_or(0, |info| info.unsent),
            _ => return fails(libc::ENOTTY),
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// Octets that wait to be read (`FIONREAD`).
const SIOCINQ: u64 = 0x541b;
/// Octets that the peer has not acknowledged.
const SIOCOUTQ: u64 = 0x5411;
/// Octets that were not sent.
const SIOCOUTQNSD: u64 = 0x894b;
