//! The socket calls, a family a file.

mod close;
mod control;
mod open;
mod option_values;
mod options;
mod read;
mod write;

pub use close::Shutdown;
pub use read::ReadFlags;
pub use write::WriteFlags;

use synack_tcb::ConnectionId;

use crate::errno::{Errno, Fault};
use crate::host::Host;
use crate::socket::{Descriptor, Role, Socket};

impl Host {
    /// The socket of a descriptor, and the connection it has.
    fn connected(&mut self, fd: Descriptor) -> Result<(&mut Socket, Option<ConnectionId>), Errno> {
        let socket = self.descriptors.get_mut(fd)?;
        let id = match socket.role {
            Role::Connected { id, .. } => Some(id),
            Role::Idle | Role::Listening { .. } => None,
        };
        Ok((socket, id))
    }
}

/// How a call that has to wait ends: on a blocking descriptor it waits.
fn wait(socket: &Socket, is_call_nonblocking: bool, errno: i32) -> Fault {
    if socket.is_nonblocking || is_call_nonblocking {
        return Fault::Errno(Errno(errno));
    }
    Fault::WouldBlock
}
