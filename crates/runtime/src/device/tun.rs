//! A TUN device of Linux, by tokio-tun: one packet a system call, as any kernel has it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::Sleep;
use tokio_tun::Tun;
use tokio_util::sync::ReusableBoxFuture;

use super::{Capabilities, Device, Outgoing, Received};
use crate::buffer_pool::{Block, BufferPool};
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
    tun: Arc<Tun>,
    /// Packets received since the device was last found empty.
    ///
    /// tokio-tun tells readiness by `recv` alone, which waits, and costs more than `try_recv`,
    /// which does not keep the readiness right. So a run of packets begins with the one and goes on
    /// with the other; a single packet costs one call in vain, not two.
    run: AtomicU32,
    /// Absent while it is polled, so that no lock is held over a system call. Only the driver does.
    receiving: Mutex<Option<Receiving>>,
    retry: Mutex<Option<Pin<Box<Sleep>>>>,
    removal: Mutex<Removal>,
    mtu: u32,
}

/// Whether the kernel still has the device. A read does not end when it goes: tokio-tun does not
/// listen for what the kernel reports then.
#[derive(Default)]
struct Removal {
    error: Option<io::Error>,
    /// The driver's.
    waker: Option<Waker>,
}

/// A call of `recv`, in an allocation that all of them use.
struct Receiving {
    future: ReusableBoxFuture<'static, (Block, io::Result<usize>)>,
    is_pending: bool,
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
    /// What the kernel answers to a question for the MTU.
    pub fn new(tun: Tun) -> io::Result<Self> {
        let mtu = u32::try_from(tun.mtu().map_err(of_tun)?).map_err(io::Error::other)?;
        Ok(Self {
            tun: Arc::new(tun),
            run: AtomicU32::new(0),
            receiving: Mutex::new(None),
            retry: Mutex::new(None),
            removal: Mutex::default(),
            mtu,
        })
    }

    /// The name of the device.
    pub fn name(&self) -> &str {
        self.tun.name()
    }

    /// The next packet of a run, without a question for readiness; `None` at the end of the run.
    fn receive_at_once(&self, pool: &mut BufferPool) -> Option<io::Result<Received>> {
        if self.run.load(Ordering::Relaxed) < RUN_MIN {
            return None;
        }
        let mut block = pool.take();
        match self.tun.try_recv(block.octets()) {
            Ok(len) => Some(Ok(Received::unverified(pool.give(block, len)))),
            Err(error) => {
                pool.put_back(block);
                self.run.store(0, Ordering::Relaxed);
                let is_passing = is_passing(&error);
                (!is_passing).then_some(Err(error))
            }
        }
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
        if let Some(received) = self.receive_at_once(pool) {
            return Poll::Ready(received);
        }
        let receiving = lock(&self.receiving).take();
        let mut receiving = match receiving {
            Some(receiving) if receiving.is_pending => receiving,
            Some(mut receiving) => {
                receiving.future.set(receive(Arc::clone(&self.tun), pool.take()));
                receiving
            }
            None => Receiving {
                future: ReusableBoxFuture::new(receive(Arc::clone(&self.tun), pool.take())),
                is_pending: false,
            },
        };
        let polled = receiving.future.poll(cx);
        receiving.is_pending = polled.is_pending();
        *lock(&self.receiving) = Some(receiving);
        let Poll::Ready((block, received)) = polled else {
            self.run.store(0, Ordering::Relaxed);
            return self.poll_removal(cx);
        };
        Poll::Ready(match received {
            Ok(len) => {
                self.run.fetch_add(1, Ordering::Relaxed);
                Ok(Received::unverified(pool.give(block, len)))
            }
            Err(error) => {
                pool.put_back(block);
                Err(error)
            }
        })
    }

    /// Ready after a tick of tokio's clock: tokio-tun does not tell. A TUN device is never full,
    /// unless someone set a limit on what it sends (`TUNSETSNDBUF`).
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
            match self.tun.try_send(octets) {
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

/// Waits for a packet. The block is lost if the future is dropped.
async fn receive(tun: Arc<Tun>, mut block: Block) -> (Block, io::Result<usize>) {
    loop {
        match tun.recv(block.octets()).await {
            Err(error) if is_passing(&error) => {}
            received => return (block, received),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn of_tun(error: tokio_tun::Error) -> io::Error {
    match error {
        tokio_tun::Error::IoError(error) => error,
        tokio_tun::Error::NixError(error) => error.into(),
    }
}

/// What a descriptor says whose device was removed.
const REMOVED: Errno = Errno::EBADFD;
/// Packets after which more are expected.
const RUN_MIN: u32 = 2;
/// A tick of tokio's timers.
const RETRY_AFTER: Duration = Duration::from_millis(1);
