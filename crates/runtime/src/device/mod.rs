//! Where packets come from and go to: the seam between the driver and everything that carries IP.

mod impaired;
mod memory;
mod packets;
#[cfg(target_os = "linux")]
mod tun;
#[cfg(target_os = "linux")]
mod tun_offload;
#[cfg(target_os = "linux")]
mod tun_queue;
#[cfg(target_os = "linux")]
mod tun_sys;
mod udp;
#[cfg(target_os = "linux")]
mod virtio_header;
#[cfg(target_os = "linux")]
mod watch;

use std::fmt;
use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
pub use impaired::ImpairedDevice;
pub use memory::{MemoryDevice, MemorySwitch};
pub use packets::PacketsDevice;
use synack_wire::{ChecksumTrust, Cut, Parsed, TcpPacket, emit_contiguous, parse};
#[cfg(target_os = "linux")]
pub use tun::TunDevice;
#[cfg(target_os = "linux")]
pub use tun_offload::OffloadTunDevice;
pub use udp::UdpDevice;

use crate::buffer_pool::BufferPool;

/// Carries IP packets, one at a time, and never blocks.
///
/// Only the driver polls a device; anyone may call [`try_send`](Self::try_send).
pub trait Device: Send + Sync + 'static {
    /// The next packet, in a block of `pool`.
    ///
    /// # Errors
    /// An error means that the device is gone: it is polled no more, and every connection that
    /// uses it fails with an error of that kind. What may pass, an interrupted call or a packet
    /// that was cut, is the device's own affair.
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>>;

    /// Ready when a packet may be sent again after [`try_send`](Self::try_send) said that it would
    /// block.
    ///
    /// # Errors
    /// As [`poll_receive`](Self::poll_receive).
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sends one packet.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): the device is full, and the packet waits. Any
    /// other error loses this packet alone, as a network may.
    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()>;

    /// What it can do. Asked once.
    fn capabilities(&self) -> Capabilities;
}

/// A device that someone else holds too, to read its statistics or to change what it does.
impl<D: Device + ?Sized> Device for Arc<D> {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        (**self).poll_receive(cx, pool)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_writable(cx)
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        (**self).try_send(packet)
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }
}

/// What a device can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// The largest packet on the wire, either way. Units: octets, IP header included.
    pub mtu: u32,
    /// Whether it takes super-segments and cuts them up, and gives such as it joined.
    pub super_segments: bool,
}

impl Capabilities {
    /// Those of a device that carries whole packets of up to `mtu` octets, checksums included.
    pub const fn of_mtu(mtu: u32) -> Self {
        Self { mtu, super_segments: false }
    }

    /// Those of a device that carries super-segments too, of up to 64 KiB.
    #[must_use]
    pub const fn with_super_segments(self) -> Self {
        Self { super_segments: true, ..self }
    }

    /// The largest packet that it may give. Units: octets.
    pub(crate) fn packet_len_max(self) -> usize {
        let mtu = self.mtu as usize;
        if self.super_segments { mtu.max(SUPER_SEGMENT_LEN_MAX) } else { mtu }
    }
}

/// A packet that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The packet, from the first octet of its IP header.
    pub packet: Bytes,
    /// How far its TCP checksum can be relied on.
    pub checksum: ChecksumTrust,
    /// Octets of payload in each of the segments that it was joined from; `None` if it was not.
    pub segment_size: Option<NonZeroU16>,
}

impl Received {
    /// A packet whose checksum is to be verified.
    pub const fn unverified(packet: Bytes) -> Self {
        Self { packet, checksum: ChecksumTrust::Verify, segment_size: None }
    }

    /// The packets that it would have been on a wire: segments by themselves, with checksums. Of
    /// what cannot be read it is left as it is.
    fn into_plain(self) -> Vec<Bytes> {
        let Self { packet, checksum, segment_size } = self;
        if segment_size.is_none() && checksum != ChecksumTrust::Partial {
            return vec![packet];
        }
        let Ok(Parsed::Tcp { packet: mut whole, .. }) = parse(packet.clone(), checksum) else {
            return vec![packet];
        };
        whole.segment_size = segment_size;
        whole.cut_up().filter_map(|cut| to_bytes(cut).ok()).collect()
    }
}

/// A packet that is to leave.
pub struct Outgoing<'a> {
    content: Content<'a>,
    scratch: &'a mut Vec<u8>,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    Tcp(Cut<'a>),
    Octets(&'a [u8]),
}

impl<'a> Outgoing<'a> {
    /// A TCP packet, or one segment of a super-segment. `scratch` is where it is written for a
    /// device that wants it in one piece; it is reused from packet to packet.
    pub fn tcp(packet: impl Into<Cut<'a>>, scratch: &'a mut Vec<u8>) -> Self {
        Self { content: Content::Tcp(packet.into()), scratch }
    }

    /// A packet that is written already: an echo reply, or one of the application's.
    pub fn octets(octets: &'a [u8], scratch: &'a mut Vec<u8>) -> Self {
        Self { content: Content::Octets(octets), scratch }
    }

    /// Octets of the whole packet.
    pub fn packet_len(&self) -> usize {
        match self.content {
            Content::Tcp(packet) => packet.packet_len(),
            Content::Octets(octets) => octets.len(),
        }
    }

    /// The TCP packet, whole, which may be a super-segment if the device
    /// [takes such](Capabilities::super_segments); for one that gathers.
    pub fn as_tcp(&self) -> Option<&'a TcpPacket> {
        match self.content {
            Content::Tcp(cut) => cut.as_whole(),
            Content::Octets(_) => None,
        }
    }

    /// The packet in one piece, its payload copied and summed in one pass.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a packet that cannot be written.
    pub fn contiguous(self) -> io::Result<&'a [u8]> {
        match self.content {
            Content::Octets(octets) => Ok(octets),
            Content::Tcp(packet) => {
                let len = packet.packet_len();
                if self.scratch.len() < len {
                    self.scratch.resize(len, 0);
                }
                let written = emit_contiguous(packet, self.scratch).map_err(invalid)?;
                Ok(&self.scratch[..written])
            }
        }
    }

    /// Writes the packet to the beginning of `into` and returns its length.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a packet that cannot be written, or is
    /// longer than `into`.
    pub fn write_to(&self, into: &mut [u8]) -> io::Result<usize> {
        match self.content {
            Content::Tcp(packet) => emit_contiguous(packet, into).map_err(invalid),
            Content::Octets(octets) => {
                let into = into.get_mut(..octets.len()).ok_or(io::ErrorKind::InvalidInput)?;
                into.copy_from_slice(octets);
                Ok(octets.len())
            }
        }
    }

    /// The packet as shared octets, in an allocation of its own.
    ///
    /// # Errors
    /// As [`contiguous`](Self::contiguous).
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        match self.content {
            Content::Tcp(packet) => to_bytes(packet),
            Content::Octets(octets) => Ok(Bytes::copy_from_slice(octets)),
        }
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Tcp(packet) => write!(f, "Outgoing({})", packet.to_packet()),
            Content::Octets(octets) => write!(f, "Outgoing({} octets)", octets.len()),
        }
    }
}

fn to_bytes(packet: Cut<'_>) -> io::Result<Bytes> {
    let mut octets = vec![0; packet.packet_len()];
    emit_contiguous(packet, &mut octets).map_err(invalid)?;
    Ok(octets.into())
}

fn invalid(error: synack_wire::EmitError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// What the length field of IPv6 can say, and its header.
const SUPER_SEGMENT_LEN_MAX: usize = 65_535 + 40;
