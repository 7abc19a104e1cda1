//! Waiting until a descriptor can be read, without being told of what comes while it is read.
//!
//! A worker of tokio that has nothing to do waits for what is registered, and each packet for a
//! registered device wakes it, though another worker reads the device at that time. So a
//! descriptor is not registered in a long run of reads, and is again when there is nothing left.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;

use super::tun_sys;
use crate::sync::{Mutex, lock};

/// Watches one descriptor for one task.
#[derive(Debug)]
pub(super) struct Watch<Fd: AsRawFd> {
    watched: Arc<Fd>,
    /// Locked by the one task that reads.
    run: Mutex<Run<Fd>>,
}

/// What is known of the reads since the descriptor was last found empty.
#[derive(Debug)]
enum Run<Fd: AsRawFd> {
    /// So many, and tokio tells when there is more.
    Short(u32, AsyncFd<Arc<Fd>>),
    /// [`RUN_MAX`] at least: there is more, until a read finds nothing.
    Long,
}

impl<Fd: AsRawFd> Watch<Fd> {
    /// Watches `watched`, which must not block.
    ///
    /// # Errors
    /// What the kernel answers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub(super) fn new(watched: Fd) -> io::Result<Self> {
        let watched = Arc::new(watched);
        let run = Mutex::new(Run::new(&watched)?);
        Ok(Self { watched, run })
    }

    /// What is watched.
    pub(super) fn get_ref(&self) -> &Fd {
        &self.watched
    }

    /// Performs `read`, unless it is known to find nothing; ready unless it would block. Else the
    /// task is woken when there is something.
    ///
    /// # Errors
    /// What `read` returns, but for interruptions.
    pub(super) fn poll_read<T>(
        &self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(&Fd) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let mut run = lock(&self.run);
        loop {
            let readiness = match &*run {
                Run::Short(_, registered) => Some(ready!(registered.poll_read_ready(cx))?),
                Run::Long => None,
            };
            match read(&self.watched) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(mut readiness) = readiness {
                        // Of what came after it was asked for, it still tells.
                        readiness.clear_ready();
                    }
                    run.end(&self.watched)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    run.count();
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl<Fd: AsRawFd> Run<Fd> {
    /// None yet. Of what is there already, the kernel tells when it is asked to.
    fn new(watched: &Arc<Fd>) -> io::Result<Self> {
        Ok(Self::Short(0, tun_sys::register(Arc::clone(watched))?))
    }

    /// One more read found something.
    fn count(&mut self) {
        match self {
            Self::Short(count, _) if *count + 1 < RUN_MAX => *count += 1,
            Self::Short(..) | Self::Long => *self = Self::Long,
        }
    }

    /// Nothing is left to read, so whatever comes next is to be told.
    fn end(&mut self, watched: &Arc<Fd>) -> io::Result<()> {
        match self {
            Self::Short(count, _) => *count = 0,
            Self::Long => *self = Self::new(watched)?,
        }
        Ok(())
    }
}

/// Reads in a row after which more are expected, so that it is worth to register anew.
const RUN_MAX: u32 = 16;

#[cfg(test)]
mod tests;
