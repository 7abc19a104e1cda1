//! Waiting until a descriptor can be read, without being told of what comes while it is read.
//!
//! ```text
//!   descriptor ──▶ an epoll instance of its own ──▶ that of tokio ──▶ the task
//!                  told, or not to be told
//! ```
//!
//! A worker of tokio that has nothing to do waits in its epoll instance, and each packet for a
//! device registered there wakes it, though another worker reads the device at that time. So in a
//! long run of packets the inner instance is told to be quiet, at the price of a system call, and
//! asked to tell again, for another, when there is nothing left.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use tokio::io::unix::AsyncFd;

use super::tun_sys;

/// Watches one descriptor for one task.
#[derive(Debug)]
pub(super) struct Watch<Fd: AsFd> {
    watched: Fd,
    epoll: AsyncFd<Inner>,
    /// Reads since the descriptor was last found empty; from [`RUN_MAX`] on, it is quiet.
    run: AtomicU32,
}

/// The inner epoll instance: readable when the descriptor in it is, unless it is quiet.
#[derive(Debug)]
pub(super) struct Inner(Epoll);

impl<Fd: AsFd> Watch<Fd> {
    /// Watches `watched`, which must not block.
    ///
    /// # Errors
    /// What the kernel answers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub(super) fn new(watched: Fd) -> io::Result<Self> {
        let inner = Inner(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        inner.0.add(&watched, TELL)?;
        let epoll = tun_sys::register(inner)?;
        Ok(Self { watched, epoll, run: AtomicU32::new(0) })
    }

    /// What is watched.
    pub(super) fn get_ref(&self) -> &Fd {
        &self.watched
    }

    /// Performs `read`, unless it is known to find nothing; ready unless it would block. Else the
    /// task is woken when there is something, or the descriptor has failed.
    ///
    /// # Errors
    /// What `read` returns, but for interruptions.
    pub(super) fn poll_read<T>(
        &self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(&Fd) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        // Whether to read without being told: in a long run, and once after it.
        let mut untold = self.is_quiet();
        loop {
            let readiness =
                if untold { None } else { Some(ready!(self.epoll.poll_read_ready(cx))?) };
            let result = read(&self.watched);
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(mut readiness) = readiness {
                        // Of what came after it was asked for, it still tells.
                        readiness.clear_ready();
                    }
                    untold = self.end_run(cx)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    self.count()?;
                    return Poll::Ready(result);
                }
            }
        }
    }

    fn is_quiet(&self) -> bool {
        self.run.load(Ordering::Relaxed) >= RUN_MAX
    }

    /// One more read found something.
    fn count(&self) -> io::Result<()> {
        let run = self.run.load(Ordering::Relaxed);
        if run >= RUN_MAX {
            return Ok(());
        }
        if run + 1 == RUN_MAX {
            self.epoll.get_ref().0.modify(&self.watched, &mut { QUIET })?;
        }
        self.run.store(run + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Nothing is left to read, so whatever comes next is to be told. Says whether something may
    /// have come that is not told, so that one more read is due.
    fn end_run(&self, cx: &mut Context<'_>) -> io::Result<bool> {
        let was_quiet = self.is_quiet();
        if was_quiet {
            // What was told before the run became quiet is over.
            if let Poll::Ready(readiness) = self.epoll.poll_read_ready(cx) {
                readiness?.clear_ready();
            }
            // Of what is there already, the kernel tells only if it had not told of it before.
            self.epoll.get_ref().0.modify(&self.watched, &mut { TELL })?;
        }
        self.run.store(0, Ordering::Relaxed);
        Ok(was_quiet)
    }
}

impl AsRawFd for Inner {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

/// Tells once for each arrival, as tokio expects.
const TELL: EpollEvent = EpollEvent::new(EpollFlags::EPOLLIN.union(EpollFlags::EPOLLET), 0);
/// Tells of failures alone.
const QUIET: EpollEvent = EpollEvent::new(EpollFlags::EPOLLET, 0);
/// Reads in a row after which more are expected, so that quiet is worth two system calls.
const RUN_MAX: u32 = 16;

#[cfg(test)]
mod tests;
