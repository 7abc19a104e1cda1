//! The socket calls as packetdrill makes them: those of the host, made to wait where they must.

use std::net::SocketAddr;

use bytes::Bytes;
use synack_simhost::{Descriptor, Domain, Errno, Fault, ReadFlags, Sent, Shutdown, WriteFlags};

use crate::blocking;

const LATE: Errno = Errno(libc::EAGAIN);

pub(crate) fn socket(domain: i32, kind: i32, protocol: i32) -> Result<Descriptor, Errno> {
    let domain = match domain {
        libc::AF_INET => Domain::V4,
        libc::AF_INET6 => Domain::V6,
        _ => return Err(Errno(libc::EAFNOSUPPORT)),
    };
    let is_nonblocking = kind & libc::SOCK_NONBLOCK != 0;
    let kind = kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
    if kind != libc::SOCK_STREAM || !matches!(protocol, 0 | libc::IPPROTO_TCP) {
        return Err(Errno(libc::EPROTONOSUPPORT));
    }
    blocking::happen(|world| {
        world.refresh_settings();
        let fd = world.host.socket(domain);
        if is_nonblocking {
            plain(world.host.control(fd, libc::F_SETFL, libc::O_NONBLOCK))?;
        }
        Ok(fd)
    })
}

pub(crate) fn bind(fd: Descriptor, local: Option<SocketAddr>) -> Result<i32, Errno> {
    let local = local.ok_or(Errno(libc::EAFNOSUPPORT))?;
    blocking::happen(|world| plain(world.host.bind(fd, local))).map(|()| 0)
}

pub(crate) fn listen(fd: Descriptor, backlog: i32) -> Result<i32, Errno> {
    blocking::happen(|world| {
        world.refresh_settings();
        plain(world.host.listen(fd, backlog))
    })
    .map(|()| 0)
}

pub(crate) fn accept(fd: Descriptor) -> Result<(Descriptor, SocketAddr), Errno> {
    blocking::call(None, LATE, |host| host.accept(fd))
}

pub(crate) fn connect(fd: Descriptor, remote: Option<SocketAddr>) -> Result<i32, Errno> {
    let Some(remote) = remote else {
        return blocking::happen(|world| plain(world.host.disconnect(fd))).map(|()| 0);
    };
    blocking::call(None, LATE, |host| host.connect(fd, remote)).map(|()| 0)
}

pub(crate) fn read(fd: Descriptor, octets_max: usize, flags: i32) -> Result<Vec<u8>, Errno> {
    let flags = ReadFlags::from_bits(flags);
    blocking::call(None, LATE, |host| host.read(fd, octets_max, flags))
}

/// A blocking write ends when all was taken; one that fails half-way says how much was.
pub(crate) fn write(fd: Descriptor, octets: &[u8], flags: i32) -> Result<usize, Errno> {
    let flags = WriteFlags::from_bits(flags);
    let mut taken = 0;
    let written = blocking::call(None, LATE, |host| {
        loop {
            match host.write(fd, &octets[taken..], flags) {
                Ok(count) => taken += count,
                Err(Fault::Errno(_)) if taken > 0 => return Ok(()),
                Err(fault) => return Err(fault),
            }
            if taken == octets.len() {
                return Ok(());
            }
        }
    });
    written.map(|()| taken)
}

pub(crate) fn control(fd: Descriptor, command: i32, argument: i32) -> Result<i32, Errno> {
    blocking::happen(|world| plain(world.host.control(fd, command, argument)))
}

/// What `ioctl` found, or `None` where it only set something.
pub(crate) fn device_control(
    fd: Descriptor,
    request: u64,
    argument: i32,
) -> Result<Option<i32>, Errno> {
    blocking::happen(|world| {
        if request == libc::FIONBIO {
            let flags = if argument == 0 { 0 } else { libc::O_NONBLOCK };
            return plain(world.host.control(fd, libc::F_SETFL, flags)).map(|_| None);
        }
        plain(world.host.queued(fd, request)).map(Some)
    })
}

pub(crate) fn close(fd: Descriptor) -> Result<i32, Errno> {
    let linger_us = blocking::happen(|world| world.host.linger_us(fd));
    match blocking::call(linger_us, LATE, |host| host.close(fd)) {
        Err(LATE) => blocking::happen(|world| plain(world.host.close_now(fd))),
        closed => closed,
    }
    .map(|()| 0)
}

pub(crate) fn shutdown(fd: Descriptor, how: i32) -> Result<i32, Errno> {
    let how = match how {
        libc::SHUT_RD => Shutdown::Read,
        libc::SHUT_WR => Shutdown::Write,
        libc::SHUT_RDWR => Shutdown::Both,
        _ => return Err(Errno(libc::EINVAL)),
    };
    blocking::happen(|world| plain(world.host.shutdown(fd, how))).map(|()| 0)
}

pub(crate) fn option(fd: Descriptor, level: i32, option: i32) -> Result<Vec<u8>, Errno> {
    blocking::happen(|world| plain(world.host.option(fd, level, option)))
}

pub(crate) fn set_option(
    fd: Descriptor,
    level: i32,
    option: i32,
    value: &[u8],
) -> Result<i32, Errno> {
    blocking::happen(|world| plain(world.host.set_option(fd, level, option, value))).map(|()| 0)
}

/// `poll`: fills in what each is ready for, and returns for how many there was something.
pub(crate) fn poll(entries: &mut [libc::pollfd], timeout_ms: i32) -> Result<i32, Errno> {
    let patience_us = u64::try_from(timeout_ms).ok().map(|ms| ms * 1_000);
    let polled = blocking::call(patience_us, LATE, |host| {
        let mut count = 0;
        for entry in &mut *entries {
            entry.revents = match host.readiness(entry.fd) {
                Ok(ready) => ready.asked(entry.events).0,
                Err(_) => libc::POLLNVAL,
            };
            count += i32::from(entry.revents != 0);
        }
        if count == 0 { Err(Fault::WouldBlock) } else { Ok(count) }
    });
    if polled == Err(LATE) { Ok(0) } else { polled }
}

pub(crate) fn inject(packet: &[u8]) {
    blocking::happen(|world| world.host.inject(Bytes::copy_from_slice(packet)));
}

/// The next packet that leaves, or `None` if nothing will in all the time that a script takes.
pub(crate) fn next_packet() -> Option<Sent> {
    let limit_us = blocking::happen(|world| world.host.now()) + PATIENCE_US;
    blocking::await_egress(limit_us)
}

/// What a call on the host says, where it never waits.
fn plain<T>(result: Result<T, Fault>) -> Result<T, Errno> {
    result.map_err(|fault| match fault {
        Fault::Errno(errno) => errno,
        Fault::WouldBlock => LATE,
    })
}

/// Longer than a keep-alive that nobody configured (RFC 9293 §3.8.4). Units: microseconds.
const PATIENCE_US: u64 = 3 * 3_600 * 1_000_000;
