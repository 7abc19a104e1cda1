//! What tokio-tun and tokio have no safe call for: the one file of this crate with unsafe code.
#![allow(unsafe_code, reason = "descriptors are borrowed, and registered, by their number")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_tun::Tun;

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
