//! Calls that packetdrill makes past the table, caught when the library is preloaded.
//!
//! Blocks of assertions ask for `TCP_INFO` with the C library's `getsockopt`, and at the end
//! descriptors are closed with its `close`. Those with a descriptor of ours are answered here, all
//! others by the kernel.

use core::ffi::{c_int, c_void};

use libc::socklen_t;
use synack_simhost::DESCRIPTOR_FIRST;

use crate::border::{guarded, returned_int};
use crate::{calls, interface};

/// `getsockopt` of the C library.
///
/// # Safety
/// As for that.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    if fd >= DESCRIPTOR_FIRST {
        // SAFETY: the caller promises the same for both functions.
        return unsafe {
            interface::getsockopt(core::ptr::null_mut(), fd, level, option, value, len)
        };
    }
    // SAFETY: the very call that was made.
    let result = unsafe { libc::syscall(libc::SYS_getsockopt, fd, level, option, value, len) };
    result as c_int
}

/// `close` of the C library.
///
/// # Safety
/// As for that: the descriptor is the caller's to close.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn close(fd: c_int) -> c_int {
    if fd >= DESCRIPTOR_FIRST {
        return guarded(|| returned_int(calls::close(fd)));
    }
    // SAFETY: the very call that was made.
    let result = unsafe { libc::syscall(libc::SYS_close, fd) };
    result as c_int
}
