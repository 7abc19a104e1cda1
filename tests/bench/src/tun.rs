//! A TUN device for the bare stacks: opened, read and written without a framework.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;
#[cfg(feature = "peers")]
use tokio::io::unix::AsyncFd;

/// An open TUN device. Reads and writes do not block.
pub(crate) struct Tun {
    file: File,
}

/// What stands before each packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// Nothing: IP packets no longer than the MTU.
    Plain,
    /// A virtio-net header: super-segments in both directions, checksums left to the device.
    Virtio,
}

impl Tun {
    /// Opens the device `name`, which must exist or is made.
    ///
    /// # Errors
    /// What the kernel says, and `InvalidInput` if the name is too long for it.
    pub(crate) fn open(name: &str, framing: Framing) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let virtio = match framing {
            Framing::Plain => 0,
            Framing::Virtio => IFF_VNET_HDR,
        };
        let request = InterfaceRequest::new(name, IFF_TUN | IFF_NO_PI | virtio)?;
        // SAFETY: TUNSETIFF reads a `struct ifreq`, which `InterfaceRequest` is laid out as, and
        // keeps no pointer to it.
        unsafe { attach(file.as_raw_fd(), &raw const request) }?;
        if framing == Framing::Virtio {
            // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
            unsafe { set_offload(file.as_raw_fd(), OFFLOADS) }?;
        }
        Ok(Self { file })
    }

    /// Lets the device live on when it is closed, until its network goes.
    pub(crate) fn persist(&self) -> io::Result<()> {
        // SAFETY: TUNSETPERSIST takes its argument by value and touches no memory of ours.
        unsafe { set_persist(self.file.as_raw_fd(), 1) }?;
        Ok(())
    }

    /// Registers the device with the tokio runtime of this thread.
    #[cfg(feature = "peers")]
    pub(crate) fn watch(self) -> io::Result<AsyncFd<Self>> {
        // SAFETY: a `Tun` owns its descriptor, never replaces it, and closes it when it is dropped,
        // which `AsyncFd` does only after it has deregistered it.
        Ok(unsafe { AsyncFd::register(self) }?)
    }

    /// Reads one packet, or reports `WouldBlock`.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(buffer)
    }

    /// Writes one packet, or reports `WouldBlock`.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write(packet).map(|_| ())
    }
}

impl From<Tun> for File {
    fn from(tun: Tun) -> Self {
        tun.file
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for Tun {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// `struct ifreq` with the flags of an interface (linux/if.h): 40 octets on 64-bit machines.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

impl InterfaceRequest {
    fn new(name: &str, flags: u16) -> io::Result<Self> {
        let mut request = Self { name: [0; 16], flags, rest: [0; 22] };
        // The last octet stays 0: the kernel reads a C string.
        let Some(place) = request.name[..15].get_mut(..name.len()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        place.copy_from_slice(name.as_bytes());
        Ok(request)
    }
}

nix::ioctl_write_ptr_bad!(
    attach,
    nix::request_code_write!(b'T', 202, size_of::<libc::c_int>()),
    InterfaceRequest
);
nix::ioctl_write_int_bad!(
    set_persist,
    nix::request_code_write!(b'T', 203, size_of::<libc::c_int>())
);
nix::ioctl_write_int_bad!(
    set_offload,
    nix::request_code_write!(b'T', 208, size_of::<libc::c_uint>())
);

// linux/if_tun.h
const IFF_TUN: u16 = 0x0001;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;
/// TUN_F_CSUM, TUN_F_TSO4 and TUN_F_TSO6.
const OFFLOADS: libc::c_int = 1 | 2 | 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_layout_of_the_kernel() {
        assert_eq!(size_of::<InterfaceRequest>(), 40);
        assert_eq!(std::mem::offset_of!(InterfaceRequest, flags), 16);
    }

    #[test]
    fn a_name_that_would_lose_its_end_is_refused() {
        assert!(InterfaceRequest::new("a123456789abcde", 0).is_ok());
        assert!(InterfaceRequest::new("a123456789abcdef", 0).is_err());
    }
}
