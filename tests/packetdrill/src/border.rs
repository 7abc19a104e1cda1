//! What crosses the border between C and Rust: octets, addresses, results, panics.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::{iovec, sockaddr, sockaddr_in, sockaddr_in6, socklen_t, ssize_t};
use synack_simhost::Errno;

/// Runs a function that C called: a panic must not leave it, so the process ends.
pub(crate) fn guarded<T>(body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(_) => {
            eprintln!("synack: a panic in the library; see above");
            std::process::abort();
        }
    }
}

/// A count or -1, with `errno` set, as a system call returns it.
pub(crate) fn returned<T: TryInto<ssize_t>>(result: Result<T, Errno>) -> ssize_t {
    match result {
        Ok(value) => value.try_into().unwrap_or(ssize_t::MAX),
        Err(Errno(number)) => {
            // SAFETY: the location is this thread's own and always valid.
            unsafe { *libc::__errno_location() = number };
            -1
        }
    }
}

/// As [`returned`], for calls that return an `int`.
pub(crate) fn returned_int<T: TryInto<c_int>>(result: Result<T, Errno>) -> c_int {
    let converted = result.map(|value| value.try_into().unwrap_or(c_int::MAX) as ssize_t);
    returned(converted) as c_int
}

/// A string that C handed over, empty if there is none.
///
/// # Safety
/// `text` is null, or ends with a zero octet and lives as long as the result.
pub(crate) unsafe fn string<'a>(text: *const c_char) -> &'a str {
    if text.is_null() {
        return "";
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
}

/// Octets that C handed over.
///
/// # Safety
/// `start` is null, or `len` octets can be read there, for as long as the result lives.
pub(crate) unsafe fn octets<'a>(start: *const c_void, len: usize) -> &'a [u8] {
    if start.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: as the caller promises; any octets are `u8`s.
    unsafe { core::slice::from_raw_parts(start.cast(), len) }
}

/// A place that C wants octets in.
///
/// # Safety
/// `start` is null, or `len` octets can be written there by nobody else, for as long as the result
/// lives.
pub(crate) unsafe fn octets_mut<'a>(start: *mut c_void, len: usize) -> &'a mut [u8] {
    if start.is_null() || len == 0 {
        return &mut [];
    }
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts_mut(start.cast(), len) }
}

/// The places of a gather or scatter list.
///
/// # Safety
/// `start` is null, or `count` entries can be read there, for as long as the result lives.
pub(crate) unsafe fn places<'a>(start: *const iovec, count: usize) -> &'a [iovec] {
    if start.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts(start, count) }
}

/// What a gather list gathers.
///
/// # Safety
/// Each entry of `places` fulfils what [`octets`] asks.
pub(crate) unsafe fn gather(places: &[iovec]) -> Vec<u8> {
    let mut gathered = Vec::new();
    for place in places {
        // SAFETY: as the caller promises.
        gathered.extend_from_slice(unsafe { octets(place.iov_base, place.iov_len) });
    }
    gathered
}

/// Spreads octets over a scatter list, as far as they go.
///
/// # Safety
/// Each entry of `places` fulfils what [`octets_mut`] asks.
pub(crate) unsafe fn scatter(places: &[iovec], mut from: &[u8]) {
    for place in places {
        let len = place.iov_len.min(from.len());
        let (now, later) = from.split_at(len);
        // SAFETY: as the caller promises; no more than the entry's length is written.
        unsafe { octets_mut(place.iov_base, len) }.copy_from_slice(now);
        from = later;
    }
}

/// The address in a C structure; `None` for `AF_UNSPEC`.
///
/// # Errors
/// `EINVAL` if it is too short, `EAFNOSUPPORT` if it is of another family.
///
/// # Safety
/// `len` octets can be read at `address`.
pub(crate) unsafe fn address(
    address: *const sockaddr,
    len: socklen_t,
) -> Result<Option<SocketAddr>, Errno> {
    let len = len as usize;
    if address.is_null() || len < size_of::<libc::sa_family_t>() {
        return Err(Errno(libc::EINVAL));
    }
    // SAFETY: the family is at the start of every such structure, and so much can be read.
    let family = unsafe { address.cast::<libc::sa_family_t>().read_unaligned() };
    match c_int::from(family) {
        libc::AF_UNSPEC => Ok(None),
        libc::AF_INET if len >= size_of::<sockaddr_in>() => {
            // SAFETY: the family says that it is this structure, and it is long enough.
            let v4 = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Ok(Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into()))
        }
        libc::AF_INET6 if len >= size_of::<sockaddr_in6>() => {
            // SAFETY: the family says that it is this structure, and it is long enough.
            let v6 = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            Ok(Some(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into()))
        }
        libc::AF_INET | libc::AF_INET6 => Err(Errno(libc::EINVAL)),
        _ => Err(Errno(libc::EAFNOSUPPORT)),
    }
}

/// Writes an address where C wants it, as much of it as there is room for, and its whole length.
///
/// # Safety
/// Either pointer is null; or `len` can be read and written, and so many octets as it says can be
/// written at `place`.
pub(crate) unsafe fn write_address(place: *mut sockaddr, len: *mut socklen_t, from: SocketAddr) {
    if place.is_null() || len.is_null() {
        return;
    }
    let octets = structure_of(from);
    // SAFETY: as the caller promises.
    let room = unsafe { len.read() } as usize;
    let written = octets.len().min(room);
    // SAFETY: as the caller promises: `room` octets can be written, and no more are.
    unsafe { octets_mut(place.cast(), written) }.copy_from_slice(&octets[..written]);
    // SAFETY: as the caller promises.
    unsafe { len.write(octets.len() as socklen_t) };
}

/// `sockaddr_in` or `sockaddr_in6`, as octets: family, port, and what the family has.
fn structure_of(address: SocketAddr) -> Vec<u8> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut octets = (family as libc::sa_family_t).to_ne_bytes().to_vec();
    octets.extend(address.port().to_be_bytes());
    match address {
        SocketAddr::V4(v4) => {
            octets.extend(v4.ip().octets());
            octets.resize(size_of::<sockaddr_in>(), 0);
        }
        SocketAddr::V6(v6) => {
            octets.extend(v6.flowinfo().to_be_bytes());
            octets.extend(v6.ip().octets());
            octets.extend(v6.scope_id().to_ne_bytes());
        }
    }
    octets
}
