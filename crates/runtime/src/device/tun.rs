//! A TUN device of Linux, by tokio-tun: one packet a system call, as any kernel has it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use tokio_tun::Tun;

use super::tun_queue::{Mtu, TunQueue};
use super::{Capabilities, Device, Outgoing, Received, tun_sys};
use crate::buffer_pool::BufferPool;

/// A TUN device.
///
/// Its other end is the kernel: give that an address and a route to the stack's addresses, and set
/// the device up, by `ip` or by what [`tokio_tun::TunBuilder`] offers. A device that is down loses
/// what is sent; one that is removed has failed, which shows when the next packet is sent.
///
/// [`OffloadTunDevice`](super::OffloadTunDevice) carries bulk at many times the rate, where the
/// kernel has what it needs.
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
#[derive(Debug)]
pub struct TunDevice {
    queue: TunQueue,
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

    /// Opens the TUN device called `name` with so many queues, or makes one: the kernel spreads
    /// packets over them by connection, and keeps to the queue that it last got one of the
    /// connection's by. One queue is a device as [`open`](Self::open) has it.
    ///
    /// A device that was made beforehand must have been made for several (`ip tuntap add ...
    /// multi_queue`), and opened for several it must be.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`InvalidInput`](io::ErrorKind::InvalidInput) for a device that has
    /// but one queue, [`ArgumentListTooLong`](io::ErrorKind::ArgumentListTooLong) for more than
    /// the kernel gives, which is 256.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn open_queues(name: &str, queues: usize) -> io::Result<Vec<Self>> {
        let tuns = Tun::builder().name(name).queues(queues).build().map_err(of_tun)?;
        tuns.into_iter().map(Self::new).collect()
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
        let queue = TunQueue::new(tun_sys::duplicate(&tun)?, name, Mtu::Asked(mtu))?;
        Ok(Self { queue })
    }

    /// The name of the device.
    pub fn name(&self) -> &str {
        self.queue.name()
    }
}

/// The descriptor that is read and written.
impl AsFd for TunDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl Device for TunDevice {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        let received = pool.poll_fill(|block| self.queue.poll_read(cx, |mut tun| tun.read(block)));
        received.map_ok(Received::unverified)
    }

    /// Ready after a tick of tokio's clock: a TUN device is never full, unless someone set a limit
    /// on what it sends (`TUNSETSNDBUF`).
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.queue.poll_writable(cx)
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let octets = packet.contiguous()?;
        self.queue.write(|mut tun| tun.write(octets))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.queue.mtu())
    }
}

fn of_tun(error: tokio_tun::Error) -> io::Error {
    match error {
        tokio_tun::Error::IoError(error) => error,
        tokio_tun::Error::NixError(error) => error.into(),
    }
}
