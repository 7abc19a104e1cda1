//! Port: where packets enter and leave the emulator; and the cable to a stack of this process.
//!
//! ```text
//!   TCP of the kernel ── TUN ──▶ Port ─┐
//!                                      ├─ emulator
//!   stack in process ─ Cable ──▶ Port ─┘
//! ```
//!
//! A cable is a pair of connected sockets, so a stack that uses it makes one system call a packet,
//! as it would on a TUN device.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, sockopt};
use synack_netns::Interface;

use crate::kernel_tcp;
use crate::tun::{Framing, Tun};

/// One end of the emulator.
pub(super) struct Port {
    packets: Packets,
    /// Who is behind it.
    pub(super) address: Ipv4Addr,
}

/// Packets, one a call. Neither way blocks.
pub(super) struct Packets(File);

impl Port {
    /// A port to the TCP of the calling thread's network, which is given `address`.
    ///
    /// # Errors
    /// When the kernel refuses the device or its address.
    pub(super) fn to_kernel(address: Ipv4Addr) -> io::Result<Self> {
        let tun = Tun::open(TUN, Framing::Plain)?;
        let device = Interface::named(TUN)?;
        device.set_queue_len(QUEUE_PACKETS)?;
        kernel_tcp::join(&device, MTU, address)?;
        Ok(Self { packets: Packets(tun.into()), address })
    }

    /// A port to a stack with `address`, which is given the other end.
    ///
    /// # Errors
    /// When the kernel refuses the sockets.
    pub(super) fn to_stack(address: Ipv4Addr) -> io::Result<(Self, Packets)> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) =
            socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let [ours, theirs] = [Packets::over(ours)?, Packets::over(theirs)?];
        Ok((Self { packets: ours, address }, theirs))
    }

    /// Reads one packet, or reports `WouldBlock`; no octets if the stack behind it is gone.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.packets.receive(buffer).or_else(|error| unless_gone(error).map(|()| 0))
    }

    /// Writes one packet, or reports `WouldBlock`. If the stack behind it is gone, it is lost.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.packets.send(packet).or_else(unless_gone)
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.packets.as_fd()
    }
}

impl Packets {
    fn over(socket: OwnedFd) -> io::Result<Self> {
        // Without the privilege, the usual size, which holds about a hundred packets.
        if socket::setsockopt(&socket, sockopt::SndBufForce, &BUFFER_OCTETS).is_err() {
            socket::setsockopt(&socket, sockopt::SndBuf, &BUFFER_OCTETS)?;
        }
        Ok(Self(socket.into()))
    }

    /// Reads one packet, or reports `WouldBlock`; no octets if the other end is gone.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    /// Writes one packet, or reports `WouldBlock`.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(|_| ())
    }
}

/// Passes an error on, unless it says that the other end of a cable is gone.
fn unless_gone(error: io::Error) -> io::Result<()> {
    let is_gone =
        matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
    if is_gone { Ok(()) } else { Err(error) }
}

impl AsFd for Packets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Packets {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The largest packet on any path. Units: octets.
pub(super) const MTU: u16 = 1_500;
/// The device of a kernel.
const TUN: &str = "t0";
/// So many that the emulator's queue is where packets wait, and not this one.
const QUEUE_PACKETS: u32 = 10_000;
/// The same for a cable: more than a thousand packets, with what the kernel adds to each.
const BUFFER_OCTETS: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_keep_their_bounds_on_a_cable() {
        let (port, stack) = Port::to_stack(Ipv4Addr::LOCALHOST).unwrap();
        let mut buffer = [0; 100];
        assert_eq!(port.receive(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        stack.send(&[1; 60]).unwrap();
        stack.send(&[2; 40]).unwrap();
        assert_eq!(port.receive(&mut buffer).unwrap(), 60);
        assert_eq!((port.receive(&mut buffer).unwrap(), buffer[0]), (40, 2));
    }

    #[test]
    fn a_port_outlives_the_stack_behind_it() {
        let (port, stack) = Port::to_stack(Ipv4Addr::LOCALHOST).unwrap();
        port.send(&[1; 60]).unwrap();
        drop(stack);
        port.send(&[1; 60]).unwrap();
        for _ in 0..2 {
            assert_eq!(port.receive(&mut [0; 100]).unwrap(), 0);
        }
    }
}
