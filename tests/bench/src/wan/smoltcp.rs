//! smoltcp at an end, with CUBIC, on one thread, over a cable.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use anyhow::{anyhow, ensure};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr};

use super::end::{BUFFER_OCTETS, Flow};
use super::port::{MTU, Packets};
use crate::protocol::BULK_OCTETS;

pub(super) fn send(packets: Packets, address: Ipv4Addr, flow: &Flow<'_>) -> anyhow::Result<()> {
    let mut stack = Stack::new(packets, address);
    flow.begin();
    let Stack { interface, sockets, handle, .. } = &mut stack;
    let remote = (IpAddr::V4(*flow.receiver.ip()), flow.receiver.port());
    let socket = sockets.get_mut::<Socket<'_>>(*handle);
    socket
        .connect(interface.context(), remote, LOCAL_PORT)
        .map_err(|error| anyhow!("cannot connect: {error}"))?;
    let octets = vec![7; BULK_OCTETS];
    stack.run(flow, |socket| {
        while socket.can_send() && socket.send_slice(&octets)? > 0 {}
        ensure!(socket.is_open(), "the connection was reset");
        Ok(())
    })
}

pub(super) fn receive(packets: Packets, address: Ipv4Addr, flow: &Flow<'_>) -> anyhow::Result<()> {
    let mut stack = Stack::new(packets, address);
    let listening = stack.sockets.get_mut::<Socket<'_>>(stack.handle).listen(flow.receiver.port());
    listening.map_err(|error| anyhow!("cannot listen: {error}"))?;
    flow.begin();
    stack.run(flow, |socket| {
        while socket.can_recv() {
            flow.count(socket.recv(|octets| (octets.len(), octets.len()))?);
        }
        Ok(())
    })
}

/// An interface with one socket.
struct Stack {
    device: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl Stack {
    fn new(packets: Packets, address: Ipv4Addr) -> Self {
        let mut device = Cable(packets);
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::now());
        interface.update_ip_addrs(|addresses| {
            addresses
                .push(IpCidr::new(IpAddr::V4(address).into(), 16))
                .expect("an interface has room for one address");
        });
        let ring = || SocketBuffer::new(vec![0; BUFFER_OCTETS]);
        let mut socket = Socket::new(ring(), ring());
        socket.set_congestion_control(CongestionControl::Cubic);
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self { device, interface, sockets, handle }
    }

    /// Polls, and lets the application act, until the flow is over.
    fn run(
        mut self,
        flow: &Flow<'_>,
        mut application: impl FnMut(&mut Socket<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self { device, interface, sockets, handle } = &mut self;
        while !flow.is_over() {
            interface.poll(Instant::now(), device, sockets);
            application(sockets.get_mut(*handle))?;
            let delay = interface.poll_delay(Instant::now(), sockets).unwrap_or(LOOK_UP);
            if delay != Duration::ZERO {
                phy::wait(device.0.as_raw_fd(), Some(delay.min(LOOK_UP)))?;
            }
        }
        Ok(())
    }
}

/// A cable to the emulator as a device. What it has no room for is lost, as on any link.
struct Cable(Packets);

impl Device for Cable {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let mut packet = vec![0; usize::from(MTU)];
        let length = self.0.receive(&mut packet).ok().filter(|length| *length > 0)?;
        packet.truncate(length);
        Some((Arrived(packet), Leaving(&self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(MTU);
        capabilities
    }
}

struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Leaving<'a>(&'a Packets);

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        let _lost = self.0.send(&packet);
        result
    }
}

const LOCAL_PORT: u16 = 40_000;
/// How often it looks whether the flow is over.
const LOOK_UP: Duration = Duration::from_millis(20);
