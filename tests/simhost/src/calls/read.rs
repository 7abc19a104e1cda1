//! `read` and `recv`.

use synack_tcb::{Connection, Instant, ReadError};

use crate::errno::{Fault, fails};
use crate::host::Host;
use crate::socket::{Descriptor, Phase, Role};

/// The flags of `recv`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadFlags {
    /// `MSG_PEEK`: what is read stays to be read.
    pub peek: bool,
    /// `MSG_DONTWAIT`: this call does not wait.
    pub nonblocking: bool,
    /// `MSG_TRUNC`: what is read is thrown away.
    pub discard: bool,
    /// `MSG_OOB`: only urgent text, apart from the stream.
    pub urgent: bool,
}

impl ReadFlags {
    /// Those of the bits `MSG_*` that mean something here.
    pub const fn from_bits(bits: i32) -> Self {
        Self {
            peek: bits & libc::MSG_PEEK != 0,
            nonblocking: bits & libc::MSG_DONTWAIT != 0,
            discard: bits & libc::MSG_TRUNC != 0,
            urgent: bits & libc::MSG_OOB != 0,
        }
    }
}

impl Host {
    /// `recv`: at most `octets_max` octets; none at the end of the stream.
    ///
    /// Urgent text stays in line, as RFC 6093 §6 asks: `MSG_OOB` finds none.
    ///
    /// # Errors
    /// `EBADF`, `ENOTCONN`, `EAGAIN`, and once what ended the connection.
    pub fn read(
        &mut self,
        fd: Descriptor,
        octets_max: usize,
        flags: ReadFlags,
    ) -> Result<Vec<u8>, Fault> {
        let now = self.instant();
        let (socket, id) = self.connected(fd)?;
        let Some(id) = id else { return fails(libc::ENOTCONN) };
        if flags.urgent {
            return fails(libc::EINVAL);
        }
        let is_read_shut = socket.options.is_read_shut;
        if matches!(socket.role, Role::Connected { phase: Phase::Opening, .. }) {
            self.note_open(fd);
        }
        let read = match self.connection_mut(id) {
            Some(connection) => take(connection, now, octets_max, flags),
            None => Err(ReadError::Blocked),
        };
        self.drain();
        if let Ok(Some(octets)) = read {
            return Ok(octets);
        }
        if let Some(error) = self.descriptors.get_mut(fd)?.error.take() {
            return Err(error.into());
        }
        match read {
            Ok(_) | Err(ReadError::Closed(_)) => Ok(Vec::new()),
            Err(_) if is_read_shut => Ok(Vec::new()),
            Err(_) => Err(self.must_wait(fd, flags.nonblocking)),
        }
    }
}

/// What there is of `octets_max`, `None` at the end.
fn take(
    connection: &mut Connection,
    now: Instant,
    octets_max: usize,
    flags: ReadFlags,
) -> Result<Option<Vec<u8>>, ReadError> {
    let mut into = vec![0; octets_max.min(connection.readable_max())];
    if into.is_empty() && octets_max > 0 {
        return connection.peek().map(|_| None);
    }
    let count = if flags.peek {
        connection.peek_copy(&mut into)?
    } else {
        let mut filled = 0;
        while filled < into.len() {
            match connection.read(now, &mut into[filled..])? {
                Some(0) | None => break,
                Some(count) => filled += count,
            }
        }
        Some(filled)
    };
    Ok(count.map(|count| {
        into.truncate(count);
        into
    }))
}
