//! One descriptor of a TUN device: reading without being woken for each packet, writing, and what
//! there is to know when it is full or removed.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::Sleep;

use super::tun_sys;
use super::watch::Watch;
use crate::sync::{Mutex, lock, register};

/// A descriptor of a TUN device, for one task to read and anyone to write.
pub(super) struct TunQueue {
    tun: Watch<File>,
    name: String,
    mtu: Mtu,
    /// Until when a full device is not asked again.
    retry: Mutex<Option<Pin<Box<Sleep>>>>,
    removal: Mutex<Removal>,
}

/// How the MTU of a device is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mtu {
    /// The kernel tells it, asked by name; this it was when the device was opened.
    Asked(u32),
    /// It was given with the descriptor: where that comes from, another device may have the name.
    Given(u32),
}

/// Whether the kernel still has the device. That it is gone is no reason for tokio to tell that it
/// can be read.
#[derive(Default)]
struct Removal {
    error: Option<io::Error>,
    /// The driver's.
    waker: Option<Waker>,
}

impl TunQueue {
    /// Uses `tun`, which must not block, of the device `name`.
    ///
    /// # Errors
    /// What the kernel answers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub(super) fn new(tun: File, name: String, mtu: Mtu) -> io::Result<Self> {
        let tun = Watch::new(tun)?;
        Ok(Self { tun, name, mtu, retry: Mutex::new(None), removal: Mutex::default() })
    }

    /// The name of the device.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The MTU that the device has now, or, if that cannot be told, had when it was opened.
    pub(super) fn mtu(&self) -> u32 {
        match self.mtu {
            Mtu::Asked(at_opening) => tun_sys::mtu(&self.name).unwrap_or(at_opening),
            Mtu::Given(mtu) => mtu,
        }
    }

    /// Performs `read`, as [`Watch::poll_read`]; ready with an error, too, when a send found the
    /// device removed.
    pub(super) fn poll_read<T>(
        &self,
        cx: &mut Context<'_>,
        read: impl FnMut(&File) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let polled = self.tun.poll_read(cx, read);
        if polled.is_ready() {
            return polled;
        }
        let mut removal = lock(&self.removal);
        match removal.error.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => {
                register(&mut removal.waker, cx);
                Poll::Pending
            }
        }
    }

    /// Performs `write` until it is not interrupted.
    ///
    /// # Errors
    /// As `write`. If it says that the device was removed, receiving ends with it.
    pub(super) fn write(&self, write: impl Fn(&File) -> io::Result<usize>) -> io::Result<()> {
        loop {
            match write(self.tun.get_ref()) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.note_removal(error)),
            }
        }
    }

    /// Ready after a tick of tokio's clock. A TUN device is never full, unless someone set a limit
    /// on what it sends (`TUNSETSNDBUF`).
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let retry = lock(&self.retry).take();
        let mut retry = retry.unwrap_or_else(|| Box::pin(tokio::time::sleep(RETRY_AFTER)));
        if retry.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        *lock(&self.retry) = Some(retry);
        Poll::Pending
    }

    fn note_removal(&self, error: io::Error) -> io::Error {
        if error.raw_os_error() != Some(REMOVED as i32) {
            return error;
        }
        let mut removal = lock(&self.removal);
        removal.error = Some(io::Error::from(REMOVED));
        let driver = removal.waker.take();
        drop(removal);
        driver.into_iter().for_each(Waker::wake);
        error
    }
}

impl AsFd for TunQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tun.get_ref().as_fd()
    }
}

impl fmt::Debug for TunQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tun: _, name, mtu, retry: _, removal: _ } = self;
        f.debug_struct("TunQueue").field("name", name).field("mtu", mtu).finish_non_exhaustive()
    }
}

/// What a descriptor says whose device was removed.
const REMOVED: Errno = Errno::EBADFD;
/// A tick of tokio's timers.
const RETRY_AFTER: Duration = Duration::from_millis(1);
