//! The table of functions, in packetdrill's order and with its signatures.
//!
//! Each function takes the user pointer first, which is not used: there is one world. They are
//! unsafe because they take pointers; every one is called by packetdrill alone, which passes what
//! the C library's function of that name may be given, and that is what each block relies on.

use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

use libc::{
    epoll_event, iovec, loff_t, msghdr, nfds_t, pollfd, sockaddr, socklen_t, ssize_t, timeval,
    timezone, useconds_t,
};
use synack_simhost::Errno;

use crate::border::{
    address, gather, guarded, octets, octets_mut, places, returned, returned_int, scatter, string,
    write_address,
};
use crate::world::SHARED;
use crate::{blocking, calls};

type User = *mut c_void;

/// What packetdrill calls. `fcntl` and `ioctl` are variadic in C: on the machines that Linux runs
/// on, the third argument of such a call, of the size of a pointer, arrives as this declares it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Interface {
    userdata: User,
    free: unsafe extern "C" fn(User),
    socket: unsafe extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    bind: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    listen: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    accept: unsafe extern "C" fn(User, c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    connect: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    read: unsafe extern "C" fn(User, c_int, *mut c_void, usize) -> ssize_t,
    readv: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    recv: unsafe extern "C" fn(User, c_int, *mut c_void, usize, c_int) -> ssize_t,
    recvfrom: unsafe extern "C" fn(
        User,
        c_int,
        *mut c_void,
        usize,
        c_int,
        *mut sockaddr,
        *mut socklen_t,
    ) -> ssize_t,
    recvmsg: unsafe extern "C" fn(User, c_int, *mut msghdr, c_int) -> ssize_t,
    write: unsafe extern "C" fn(User, c_int, *const c_void, usize) -> ssize_t,
    writev: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    send: unsafe extern "C" fn(User, c_int, *const c_void, usize, c_int) -> ssize_t,
    sendto: unsafe extern "C" fn(
        User,
        c_int,
        *const c_void,
        usize,
        c_int,
        *const sockaddr,
        socklen_t,
    ) -> ssize_t,
    sendmsg: unsafe extern "C" fn(User, c_int, *const msghdr, c_int) -> ssize_t,
    fcntl: unsafe extern "C" fn(User, c_int, c_int, *mut c_void) -> c_int,
    ioctl: unsafe extern "C" fn(User, c_int, c_ulong, *mut c_void) -> c_int,
    close: unsafe extern "C" fn(User, c_int) -> c_int,
    shutdown: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    getsockopt:
        unsafe extern "C" fn(User, c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int,
    setsockopt: unsafe extern "C" fn(User, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    poll: unsafe extern "C" fn(User, *mut pollfd, nfds_t, c_int) -> c_int,
    netdev_send: unsafe extern "C" fn(User, *const c_void, usize) -> c_int,
    netdev_receive: unsafe extern "C" fn(User, *mut c_void, *mut usize, *mut i64) -> c_int,
    usleep: unsafe extern "C" fn(User, useconds_t) -> c_int,
    gettimeofday: unsafe extern "C" fn(User, *mut timeval, *mut timezone) -> c_int,
    epoll_create: unsafe extern "C" fn(User, c_int) -> c_int,
    epoll_ctl: unsafe extern "C" fn(User, c_int, c_int, c_int, *mut epoll_event) -> c_int,
    epoll_wait: unsafe extern "C" fn(User, c_int, *mut epoll_event, c_int, c_int) -> c_int,
    pipe: unsafe extern "C" fn(User, *mut c_int) -> c_int,
    splice: unsafe extern "C" fn(
        User,
        c_int,
        *mut loff_t,
        c_int,
        *mut loff_t,
        usize,
        c_uint,
    ) -> ssize_t,
}

/// What packetdrill calls once, after it has loaded the library.
///
/// # Safety
/// `flags` is null or a C string; `interface` points to a table that may be written.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn packetdrill_interface_init(
    flags: *const c_char,
    interface: *mut Interface,
) {
    // SAFETY: as the caller promises.
    let flags = unsafe { string(flags) };
    guarded(|| {
        if let Err(complaint) = SHARED.begin(flags) {
            eprintln!("synack: {complaint}");
            std::process::exit(2);
        }
    });
    // SAFETY: as the caller promises; nothing is read from it first.
    unsafe { interface.write(TABLE) };
}

const TABLE: Interface = Interface {
    userdata: core::ptr::null_mut(),
    free,
    socket,
    bind,
    listen,
    accept,
    connect,
    read,
    readv,
    recv,
    recvfrom,
    recvmsg,
    write,
    writev,
    send,
    sendto,
    sendmsg,
    fcntl,
    ioctl,
    close,
    shutdown,
    getsockopt,
    setsockopt,
    poll,
    netdev_send,
    netdev_receive,
    usleep,
    gettimeofday,
    epoll_create,
    epoll_ctl,
    epoll_wait,
    pipe,
    splice,
};

unsafe extern "C" fn free(_: User) {
    guarded(|| SHARED.end());
}

unsafe extern "C" fn socket(_: User, domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    guarded(|| returned_int(calls::socket(domain, kind, protocol)))
}

unsafe extern "C" fn bind(_: User, fd: c_int, local: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: `bind` takes an address of that length.
    let local = unsafe { address(local, len) };
    guarded(|| returned_int(local.and_then(|local| calls::bind(fd, local))))
}

unsafe extern "C" fn listen(_: User, fd: c_int, backlog: c_int) -> c_int {
    guarded(|| returned_int(calls::listen(fd, backlog)))
}

unsafe extern "C" fn accept(
    _: User,
    fd: c_int,
    remote: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    let accepted = guarded(|| calls::accept(fd));
    if let Ok((_, from)) = accepted {
        // SAFETY: `accept` takes null pointers, or a place of the length it is told.
        unsafe { write_address(remote, len, from) };
    }
    returned_int(accepted.map(|(fd, _)| fd))
}

unsafe extern "C" fn connect(_: User, fd: c_int, remote: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: `connect` takes an address of that length.
    let remote = unsafe { address(remote, len) };
    guarded(|| returned_int(remote.and_then(|remote| calls::connect(fd, remote))))
}

unsafe extern "C" fn read(user: User, fd: c_int, into: *mut c_void, len: usize) -> ssize_t {
    // SAFETY: `recv` without flags is `read`.
    unsafe { recv(user, fd, into, len, 0) }
}

unsafe extern "C" fn readv(_: User, fd: c_int, list: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: `readv` takes a list of so many places.
    let list = unsafe { places(list, usize::try_from(count).unwrap_or(0)) };
    // SAFETY: each of them is to be written.
    unsafe { receive(fd, list, 0) }
}

unsafe extern "C" fn recv(
    _: User,
    fd: c_int,
    into: *mut c_void,
    len: usize,
    flags: c_int,
) -> ssize_t {
    // SAFETY: `recv` takes one place of that length, which is to be written.
    unsafe { receive(fd, &[iovec { iov_base: into, iov_len: len }], flags) }
}

unsafe extern "C" fn recvfrom(
    user: User,
    fd: c_int,
    into: *mut c_void,
    len: usize,
    flags: c_int,
    _from: *mut sockaddr,
    _from_len: *mut socklen_t,
) -> ssize_t {
    // SAFETY: on a stream it tells no address, and so is `recv`.
    unsafe { recv(user, fd, into, len, flags) }
}

unsafe extern "C" fn recvmsg(_: User, fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    if flags & libc::MSG_ERRQUEUE != 0 {
        return returned(Err::<ssize_t, _>(Errno(libc::EAGAIN)));
    }
    // SAFETY: `recvmsg` takes a message, to be read and written.
    let header = unsafe { &mut *message };
    header.msg_flags = 0;
    header.msg_controllen = 0;
    // SAFETY: its list has so many places.
    let list = unsafe { places(header.msg_iov, header.msg_iovlen) };
    // SAFETY: each of them is to be written.
    unsafe { receive(fd, list, flags) }
}

/// Reads into a list of places.
///
/// # Safety
/// Each of them may be written.
unsafe fn receive(fd: c_int, list: &[iovec], flags: c_int) -> ssize_t {
    if list.iter().any(|place| is_missing(place.iov_base, place.iov_len)) {
        return returned(Err::<ssize_t, _>(Errno(libc::EFAULT)));
    }
    let room = list.iter().map(|place| place.iov_len).sum();
    let received = guarded(|| calls::read(fd, room, flags));
    if let Ok(octets) = &received
        && flags & libc::MSG_TRUNC == 0
    {
        // SAFETY: as the caller promises.
        unsafe { scatter(list, octets) };
    }
    returned(received.map(|octets| octets.len()))
}

unsafe extern "C" fn write(user: User, fd: c_int, from: *const c_void, len: usize) -> ssize_t {
    // SAFETY: `send` without flags is `write`.
    unsafe { send(user, fd, from, len, 0) }
}

unsafe extern "C" fn writev(_: User, fd: c_int, list: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: `writev` takes a list of so many places.
    let list = unsafe { places(list, usize::try_from(count).unwrap_or(0)) };
    // SAFETY: each of them is to be read.
    let gathered = unsafe { gather(list) };
    guarded(|| returned(calls::write(fd, &gathered, 0)))
}

unsafe extern "C" fn send(
    _: User,
    fd: c_int,
    from: *const c_void,
    len: usize,
    flags: c_int,
) -> ssize_t {
    if is_missing(from, len) {
        return returned(Err::<ssize_t, _>(Errno(libc::EFAULT)));
    }
    // SAFETY: `send` takes so many octets to be read.
    let from = unsafe { octets(from, len) };
    guarded(|| returned(calls::write(fd, from, flags)))
}

unsafe extern "C" fn sendto(
    user: User,
    fd: c_int,
    from: *const c_void,
    len: usize,
    flags: c_int,
    _to: *const sockaddr,
    _to_len: socklen_t,
) -> ssize_t {
    if flags & libc::MSG_FASTOPEN != 0 {
        return returned(Err::<ssize_t, _>(Errno(libc::EOPNOTSUPP)));
    }
    // SAFETY: a stream has one peer, so that this is `send`.
    unsafe { send(user, fd, from, len, flags) }
}

unsafe extern "C" fn sendmsg(_: User, fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    if flags & libc::MSG_FASTOPEN != 0 {
        return returned(Err::<ssize_t, _>(Errno(libc::EOPNOTSUPP)));
    }
    // SAFETY: `sendmsg` takes a message to be read.
    let header = unsafe { &*message };
    // SAFETY: its list has so many places.
    let list = unsafe { places(header.msg_iov, header.msg_iovlen) };
    // SAFETY: each of them is to be read.
    let gathered = unsafe { gather(list) };
    guarded(|| returned(calls::write(fd, &gathered, flags)))
}

unsafe extern "C" fn fcntl(_: User, fd: c_int, command: c_int, argument: *mut c_void) -> c_int {
    // What looks like a pointer is the number that `F_SETFL` takes.
    guarded(|| returned_int(calls::control(fd, command, argument.addr() as c_int)))
}

unsafe extern "C" fn ioctl(_: User, fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int {
    let place: *mut c_int = argument.cast();
    if place.is_null() {
        return returned_int(Err::<c_int, _>(Errno(libc::EFAULT)));
    }
    // SAFETY: every request that is known here takes a pointer to a number.
    let given = unsafe { place.read() };
    let result = guarded(|| calls::device_control(fd, request, given));
    if let Ok(Some(number)) = result {
        // SAFETY: as above.
        unsafe { place.write(number) };
    }
    returned_int(result.map(|_| 0))
}

unsafe extern "C" fn close(_: User, fd: c_int) -> c_int {
    guarded(|| returned_int(calls::close(fd)))
}

unsafe extern "C" fn shutdown(_: User, fd: c_int, how: c_int) -> c_int {
    guarded(|| returned_int(calls::shutdown(fd, how)))
}

pub(crate) unsafe extern "C" fn getsockopt(
    _: User,
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    let result = guarded(|| calls::option(fd, level, option));
    if let Ok(octets) = &result
        && !len.is_null()
    {
        // SAFETY: `getsockopt` takes a place and a pointer to its length.
        let room = unsafe { len.read() } as usize;
        let written = octets.len().min(room);
        // SAFETY: so much may be written there.
        unsafe { octets_mut(value, written) }.copy_from_slice(&octets[..written]);
        // SAFETY: as above.
        unsafe { len.write(written as socklen_t) };
    }
    returned_int(result.map(|_| 0))
}

unsafe extern "C" fn setsockopt(
    _: User,
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: `setsockopt` takes a value of that length, to be read.
    let value = unsafe { octets(value, len as usize) };
    guarded(|| returned_int(calls::set_option(fd, level, option, value)))
}

unsafe extern "C" fn poll(_: User, list: *mut pollfd, count: nfds_t, timeout_ms: c_int) -> c_int {
    if list.is_null() {
        return returned_int(Err::<c_int, _>(Errno(libc::EFAULT)));
    }
    // SAFETY: `poll` takes a list of so many entries, to be read and written.
    let list = unsafe { core::slice::from_raw_parts_mut(list, count as usize) };
    guarded(|| returned_int(calls::poll(list, timeout_ms)))
}

unsafe extern "C" fn netdev_send(_: User, packet: *const c_void, len: usize) -> c_int {
    // SAFETY: packetdrill hands over a packet of that length.
    let packet = unsafe { octets(packet, len) };
    guarded(|| calls::inject(packet));
    0
}

/// A length of zero says that nothing will come: any other answer would be asked for again.
unsafe extern "C" fn netdev_receive(
    _: User,
    into: *mut c_void,
    len: *mut usize,
    time_us: *mut i64,
) -> c_int {
    let sent = guarded(calls::next_packet);
    // SAFETY: packetdrill passes three valid pointers, the first to a place of the length that the
    // second points to.
    unsafe {
        let Some(sent) = sent else {
            len.write(0);
            return 0;
        };
        let written = sent.octets.len().min(len.read());
        octets_mut(into, written).copy_from_slice(&sent.octets[..written]);
        len.write(written);
        time_us.write(i64::try_from(sent.at_us).unwrap_or(i64::MAX));
    }
    0
}

unsafe extern "C" fn usleep(_: User, time_us: useconds_t) -> c_int {
    guarded(|| blocking::pass(u64::from(time_us)));
    0
}

unsafe extern "C" fn gettimeofday(_: User, time: *mut timeval, _zone: *mut timezone) -> c_int {
    let now_us = guarded(blocking::read_clock_us);
    if !time.is_null() {
        let value = timeval {
            tv_sec: (now_us / 1_000_000) as libc::time_t,
            tv_usec: (now_us % 1_000_000) as libc::suseconds_t,
        };
        // SAFETY: `gettimeofday` takes null or a place for a time.
        unsafe { time.write(value) };
    }
    0
}

unsafe extern "C" fn epoll_create(_: User, _size: c_int) -> c_int {
    unsupported()
}

unsafe extern "C" fn epoll_ctl(
    _: User,
    _poll: c_int,
    _operation: c_int,
    _fd: c_int,
    _event: *mut epoll_event,
) -> c_int {
    unsupported()
}

unsafe extern "C" fn epoll_wait(
    _: User,
    _poll: c_int,
    _events: *mut epoll_event,
    _events_max: c_int,
    _timeout_ms: c_int,
) -> c_int {
    unsupported()
}

unsafe extern "C" fn pipe(_: User, _ends: *mut c_int) -> c_int {
    unsupported()
}

unsafe extern "C" fn splice(
    _: User,
    _from: c_int,
    _from_offset: *mut loff_t,
    _to: c_int,
    _to_offset: *mut loff_t,
    _len: usize,
    _flags: c_uint,
) -> ssize_t {
    unsupported() as ssize_t
}

/// Whether octets are asked of, or for, no place at all.
fn is_missing(place: *const c_void, len: usize) -> bool {
    place.is_null() && len > 0
}

/// What needs a kernel around the sockets.
fn unsupported() -> c_int {
    returned_int(Err::<c_int, _>(Errno(libc::ENOSYS)))
}

#[cfg(test)]
mod tests;
