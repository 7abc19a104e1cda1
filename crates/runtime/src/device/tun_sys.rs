//! What tokio-tun and tokio have no safe call for: the one file of this crate with unsafe code.
#![allow(unsafe_code, reason = "descriptors are used by their number, and devices by ioctl")]

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_tun::Tun;

use super::virtio_header::VirtioHeader;

/// Another descriptor of the device that `tun` opened, which lives on when `tun` is dropped.
///
/// # Errors
/// What the kernel says when it has no more descriptors to give.
pub(super) fn duplicate(tun: &Tun) -> io::Result<File> {
    // SAFETY: `tun` owns its descriptor and is borrowed until this function returns, so that the
    // number stays open, and its own, for as long as it is borrowed here.
    let descriptor = unsafe { BorrowedFd::borrow_raw(tun.as_raw_fd()) };
    descriptor.try_clone_to_owned().map(File::from)
}

/// Has tokio tell when `watched` is readable.
///
/// # Errors
/// What the kernel answers.
///
/// # Panics
/// Outside of a tokio runtime with I/O enabled.
pub(super) fn register<Fd: AsRawFd>(watched: Arc<Fd>) -> io::Result<AsyncFd<Arc<Fd>>> {
    // SAFETY: `watched` keeps its descriptor open, and names the same whenever it is asked;
    // `AsyncFd` holds it until it has deregistered it.
    let registered = unsafe { AsyncFd::register_with_interest(watched, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// Attaches `tun`, which is `/dev/net/tun` just opened, to the device `name`, which must exist or
/// is made: no packet information, a virtio-net header of 10 octets before each packet. Returns the
/// name, which is the kernel's choice where `name` has a `%d`.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a name that is too long, or where the kernel
/// has no such headers; what else it answers.
pub(super) fn attach_with_headers(tun: &File, name: &str, queues: Queues) -> io::Result<String> {
    let mut request = InterfaceRequest::new(name)?;
    let several = match queues {
        Queues::One => 0,
        Queues::Several => IFF_MULTI_QUEUE,
    };
    request.value.flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | several;
    // SAFETY: TUNSETIFF reads and writes a `struct ifreq`, which `InterfaceRequest` is laid out as
    // and which outlives the call; the kernel keeps no pointer to it.
    unsafe { attach(tun.as_raw_fd(), &raw mut request) }?;
    let len = HEADER_LEN;
    // SAFETY: TUNSETVNETHDRSZ reads an `int`, which outlives the call.
    unsafe { set_header_len(tun.as_raw_fd(), &raw const len) }?;
    Ok(request.name())
}

/// The name of the device that `tun` is attached to in that manner.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is attached in another; what the kernel
/// answers.
pub(super) fn name_with_headers(tun: &File) -> io::Result<String> {
    let mut request = InterfaceRequest::new("")?;
    // SAFETY: TUNGETIFF writes a `struct ifreq`, as above.
    unsafe { attached(tun.as_raw_fd(), &raw mut request) }?;
    // SAFETY: the kernel wrote the flags; any bits are a number.
    let flags = unsafe { request.value.flags };
    let wanted = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    let mut len = 0;
    // SAFETY: TUNGETVNETHDRSZ writes an `int`, which outlives the call.
    unsafe { header_len(tun.as_raw_fd(), &raw mut len) }?;
    if flags & (wanted | IFF_TAP) != wanted || len != HEADER_LEN {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(request.name())
}

/// Lets the kernel give super-segments of TCP, and packets without checksums.
///
/// # Errors
/// What it answers, if it has no such thing.
pub(super) fn offload(tun: &File) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    unsafe { set_offload(tun.as_raw_fd(), OFFLOADS) }?;
    Ok(())
}

/// Lets no read or write of `tun` wait.
///
/// # Errors
/// What the kernel answers.
pub(super) fn set_nonblocking(tun: &File) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(tun, FcntlArg::F_GETFL)?);
    fcntl(tun, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// The MTU of the device `name`. Units: octets.
///
/// # Errors
/// What the kernel answers.
pub(super) fn mtu(name: &str) -> io::Result<u32> {
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = InterfaceRequest::new(name)?;
    // SAFETY: SIOCGIFMTU reads and writes a `struct ifreq`, as above.
    unsafe { interface_mtu(any.as_raw_fd(), &raw mut request) }?;
    // SAFETY: the kernel wrote the number; any bits are one.
    u32::try_from(unsafe { request.value.number }).map_err(io::Error::other)
}

/// How many descriptors a device may be attached to at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Queues {
    /// This one alone.
    One,
    /// Each is a queue.
    Several,
}

/// `struct ifreq` (linux/if.h).
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    value: InterfaceValue,
}

/// As much of its union as is used here, and its size.
#[repr(C)]
union InterfaceValue {
    flags: u16,
    number: c_int,
    octets: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ],
}

impl InterfaceRequest {
    fn new(name: &str) -> io::Result<Self> {
        let value = InterfaceValue { octets: [0; _] };
        let mut request = Self { name: [0; libc::IFNAMSIZ], value };
        // The last octet stays 0: the kernel reads a C string.
        let Some(place) = request.name[..libc::IFNAMSIZ - 1].get_mut(..name.len()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        place.copy_from_slice(name.as_bytes());
        Ok(request)
    }

    fn name(&self) -> String {
        let name = self.name.split(|octet| *octet == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }
}

nix::ioctl_readwrite_bad!(
    attach,
    nix::request_code_write!(b'T', 202, size_of::<c_int>()),
    InterfaceRequest
);
nix::ioctl_readwrite_bad!(
    attached,
    nix::request_code_read!(b'T', 210, size_of::<libc::c_uint>()),
    InterfaceRequest
);
nix::ioctl_write_int_bad!(
    set_offload,
    nix::request_code_write!(b'T', 208, size_of::<libc::c_uint>())
);
nix::ioctl_write_ptr_bad!(
    set_header_len,
    nix::request_code_write!(b'T', 216, size_of::<c_int>()),
    c_int
);
nix::ioctl_read_bad!(header_len, nix::request_code_read!(b'T', 215, size_of::<c_int>()), c_int);
nix::ioctl_readwrite_bad!(interface_mtu, libc::SIOCGIFMTU, InterfaceRequest);

// linux/if_tun.h
const IFF_TUN: u16 = 0x0001;
const IFF_TAP: u16 = 0x0002;
const IFF_MULTI_QUEUE: u16 = 0x0100;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;
/// Of the header before each packet. A device may have been left with another by who used it
/// before.
const HEADER_LEN: c_int = VirtioHeader::LEN as c_int;
/// `TUN_F_CSUM`, `TUN_F_TSO4`, `TUN_F_TSO6`, `TUN_F_TSO_ECN`.
const OFFLOADS: c_int = 1 | 2 | 4 | 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_layout_of_the_kernel() {
        assert_eq!(size_of::<InterfaceRequest>(), size_of::<libc::ifreq>());
        assert_eq!(std::mem::offset_of!(InterfaceRequest, value), libc::IFNAMSIZ);
    }

    #[test]
    fn a_name_that_would_lose_its_end_is_refused() {
        assert_eq!(InterfaceRequest::new("a123456789abcde").unwrap().name(), "a123456789abcde");
        assert!(InterfaceRequest::new("a123456789abcdef").is_err());
    }

    nix::ioctl_write_int_bad!(persist, nix::request_code_write!(b'T', 203, size_of::<c_int>()));

    #[test]
    fn a_device_that_was_left_with_another_header_gets_ours_or_is_refused() {
        synack_netns::test(|| {
            let open = || File::options().read(true).write(true).open("/dev/net/tun").unwrap();
            let before = open();
            attach_with_headers(&before, "syn0", Queues::One).unwrap();
            let merged = 12;
            // SAFETY: as in `attach_with_headers`; TUNSETPERSIST takes its argument by value.
            unsafe {
                set_header_len(before.as_raw_fd(), &raw const merged).unwrap();
                persist(before.as_raw_fd(), 1).unwrap();
            }
            let refused = name_with_headers(&before).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
            drop(before);
            let after = open();
            attach_with_headers(&after, "syn0", Queues::One).unwrap();
            assert_eq!(name_with_headers(&after).unwrap(), "syn0");
        });
    }
}
