//! A TUN device of Linux, by tokio-tun: one packet a system call, as any kernel has it.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::Sleep;
use tokio_tun::Tun;

use super::watch::Watch;
use super::{Capabilities, Device, Outgoing, Received, tun_sys};
use crate::buffer_pool::BufferPool;
use crate::sync::{Mutex, lock, register};

/// A TUN device.
///
/// Its other end is the kernel: give that an address and a route to the stack's addresses, and set
/// the device up, by `ip` or by what [`tokio_tun::TunBuilder`] offers. A device that is down loses
/// what is sent; one that is removed has failed, which shows when the next packet is sent.
///
/// ```no_run
/// use synack::{Stack, TunDevice};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // ip tuntap add tcp0 mode tun user $USER
/// // ip addr add 10.0.0.1/24 dev tcp0; ip link set tcp0 up
/// let device = TunDevice::open("tcp0")?;
/// let stack = Stack::builder().device(device).address("10.0.0.2/24".parse()?).spawn()?;
/// # Ok(())
/// # }
/// ```
pub struct TunDevice {
    tun: Watch<File>,
    name: String,
    /// Until when a full device is not asked again.
    retry: Mutex<Option<Pin<Box<Sleep>>>>,
    removal: Mutex<Removal>,
    mtu: u32,
}

/// Whether the kernel still has the device. That it is gone is no reason for tokio to tell that it
/// can be read.
#[derive(Default)]
struct Removal {
    error: Option<io::Error>,
    /// The driver's.
    waker: Option<Waker>,
}

impl TunDevice {
    /// Opens the TUN device called `name`, or makes one if there is none.
    ///
    /// It is left as it is: down, if it is new.
    ///
    /// # Errors
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) without the right to; what the kernel
    /// answers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn open(name: &str) -> io::Result<Self> {
        let mut queues = Tun::builder().name(name).build().map_err(of_tun)?;
        let tun = queues.pop().ok_or(io::ErrorKind::NotFound)?;
        Self::new(tun)
    }

    /// Uses a device that was opened with [`tokio_tun::TunBuilder`], without packet information.
    ///
    /// # Errors
    /// What the kernel answers to a question for the MTU, or for another descriptor.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn new(tun: Tun) -> io::Result<Self> {
        let mtu = u32::try_from(tun.mtu().map_err(of_tun)?).map_err(io::Error::other)?;
        let name = tun.name().to_owned();
        // The descriptor of `tun` is closed with it: tokio would be told of each packet twice.
        let tun = Watch::new(tun_sys::duplicate(&tun)?)?;
        Ok(Self { tun, name, retry: Mutex::new(None), removal: Mutex::default(), mtu })
    }

    /// The name of the device.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TunDevice {
    /// Ready when a send found the device removed.
    fn poll_removal(&self, cx: &mut Context<'_>) -> Poll<io::Result<Received>> {
        let mut removal = lock(&self.removal);
        match removal.error.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => {
                register(&mut removal.waker, cx);
                Poll::Pending
            }
        }
    }

    /// Passes `error` on; if it says that the device was removed, receiving ends with it.
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

impl Device for TunDevice {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        let received = pool.poll_fill(|octets| self.tun.poll_read(cx, |mut tun| tun.read(octets)));
        match received {
            Poll::Ready(packet) => Poll::Ready(packet.map(Received::unverified)),
            Poll::Pending => self.poll_removal(cx),
        }
    }

    /// Ready after a tick of tokio's clock. A TUN device is never full, unless someone set a limit
    /// on what it sends (`TUNSETSNDBUF`).
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let retry = lock(&self.retry).take();
        let mut retry = retry.unwrap_or_else(|| Box::pin(tokio::time::sleep(RETRY_AFTER)));
        if retry.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        *lock(&self.retry) = Some(retry);
        Poll::Pending
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let octets = packet.contiguous()?;
        loop {
            match self.tun.get_ref().write(octets) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.note_removal(error)),
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.mtu)
    }
}

impl fmt::Debug for TunDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        f.debug_struct("TunDevice")
            .field("name", &name)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

fn of_tun(error: tokio_tun::Error) -> io::Error {
    match error {
        tokio_tun::Error::IoError(error) => error,
        tokio_tun::Error::NixError(error) => error.into(),
    }
}

/// What a descriptor says whose device was removed.
const REMOVED: Errno = Errno::EBADFD;
/// A tick of tokio's timers.
const RETRY_AFTER: Duration = Duration::from_millis(1);
