//! A TUN device of Linux with offloads: one system call for up to 64 KiB, checksums left out.

use std::array;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use synack_wire::{ChecksumMode, HEADERS_LEN_MAX, PAYLOAD_SLICES_MAX, TcpPacket, emit_headers};

use super::tun_queue::{Mtu, TunQueue};
use super::tun_sys::Queues;
use super::virtio_header::{IpVersion, VirtioHeader};
use super::{Capabilities, Device, Outgoing, Received, invalid, tun_sys};
use crate::buffer_pool::BufferPool;

/// A TUN device that carries super-segments: what a connection sends, or the kernel does, goes
/// through it in pieces of up to 64 KiB, and nobody sums what never leaves the machine. The kernel
/// cuts what leaves it.
///
/// Otherwise as [`TunDevice`](super::TunDevice), which every kernel has and which needs less
/// memory: a block to receive in is 64 KiB long here.
///
/// ```no_run
/// use synack::{OffloadTunDevice, Stack};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = OffloadTunDevice::open("tcp0")?;
/// let stack = Stack::builder().device(device).address("10.0.0.2/24".parse()?).spawn()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OffloadTunDevice {
    queue: TunQueue,
}

impl OffloadTunDevice {
    /// Opens the TUN device called `name`, or makes one if there is none, with virtio-net headers
    /// (`IFF_VNET_HDR`), TCP segmentation and checksum offload.
    ///
    /// It is left as it is: down, if it is new.
    ///
    /// # Errors
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) without the right to;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a name that is too long, or where the
    /// kernel has no such offloads; what else it answers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn open(name: &str) -> io::Result<Self> {
        Self::attach(name, Queues::One)
    }

    /// As [`open`](Self::open), with so many queues, as
    /// [`TunDevice::open_queues`](super::TunDevice::open_queues) does.
    ///
    /// # Errors
    /// As either.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn open_queues(name: &str, queues: usize) -> io::Result<Vec<Self>> {
        if queues < 2 {
            return Ok(vec![Self::open(name)?]);
        }
        // The kernel may choose the name, once.
        let first = Self::attach(name, Queues::Several)?;
        let name = first.name().to_owned();
        let others = (1..queues).map(|_| Self::attach(&name, Queues::Several));
        std::iter::once(Ok(first)).chain(others).collect()
    }

    fn attach(name: &str, queues: Queues) -> io::Result<Self> {
        let tun = File::options().read(true).write(true).open("/dev/net/tun")?;
        let name = tun_sys::attach_with_headers(&tun, name, queues)?;
        let mtu = Mtu::Asked(tun_sys::mtu(&name)?);
        Self::with_name(tun, name, mtu)
    }

    /// Uses a descriptor of a TUN device that was attached by someone else, maybe in another
    /// network namespace, without packet information and with virtio-net headers of 10 octets, as
    /// they are from the beginning. `mtu` is that of the device. Units: octets.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is none of that kind; what the kernel
    /// answers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn from_fd(descriptor: OwnedFd, mtu: u32) -> io::Result<Self> {
        let tun = File::from(descriptor);
        let name = tun_sys::name_with_headers(&tun)?;
        Self::with_name(tun, name, Mtu::Given(mtu))
    }

    fn with_name(tun: File, name: String, mtu: Mtu) -> io::Result<Self> {
        tun_sys::set_nonblocking(&tun)?;
        tun_sys::offload(&tun)?;
        Ok(Self { queue: TunQueue::new(tun, name, mtu)? })
    }

    /// The name of the device.
    pub fn name(&self) -> &str {
        self.queue.name()
    }

    /// Sends headers and payload as they lie; the kernel sums, and cuts if it must.
    fn gather(&self, packet: &TcpPacket) -> io::Result<()> {
        let mut headers = [0; HEADERS_LEN_MAX];
        let len = emit_headers(packet, ChecksumMode::Partial, &mut headers).map_err(invalid)?;
        let ip = if packet.is_ipv6() { IpVersion::V6 } else { IpVersion::V4 };
        let size = packet.segment_size.filter(|_| packet.segments() > 1);
        let virtio = VirtioHeader::of_tcp(ip, len, size).encode();
        let slices = packet.segment.payload.slices();
        let parts: [_; PAYLOAD_SLICES_MAX + 2] = array::from_fn(|nth| {
            IoSlice::new(match nth {
                0 => &virtio,
                1 => &headers[..len],
                _ => slices.get(nth - 2).map_or(&[], |slice| slice),
            })
        });
        self.queue.write(|mut tun| tun.write_vectored(&parts))
    }
}

/// The descriptor that is read and written.
impl AsFd for OffloadTunDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl Device for OffloadTunDevice {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        let mut octets = [0; VirtioHeader::LEN];
        let mut header = VirtioHeader::default();
        let received = pool.poll_fill(|block| {
            let read = self.queue.poll_read(cx, |mut tun| {
                let mut parts = [IoSliceMut::new(&mut octets), IoSliceMut::new(block)];
                tun.read_vectored(&mut parts)
            });
            read.map_ok(|len| {
                header = VirtioHeader::decode(octets);
                let len = len.saturating_sub(VirtioHeader::LEN);
                header.complete(&mut block[..len]);
                len
            })
        });
        received.map_ok(|packet| Received {
            packet,
            checksum: header.trust(),
            segment_size: header.segment_size(),
        })
    }

    /// As that of [`TunDevice`](super::TunDevice).
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.queue.poll_writable(cx)
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        if let Some(packet) = packet.as_tcp() {
            return self.gather(packet);
        }
        let octets = packet.contiguous()?;
        let virtio = VirtioHeader::default().encode();
        let parts = [IoSlice::new(&virtio), IoSlice::new(octets)];
        self.queue.write(|mut tun| tun.write_vectored(&parts))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.queue.mtu()).with_super_segments()
    }
}
