//! smoltcp with its own TUN device and poll loop, on one thread.

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use anyhow::anyhow;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Medium, TunTapInterface};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr};

use super::Place;
use crate::protocol::{BULK_OCTETS, ECHO_OCTETS, SINK_ANSWER, Service};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Octets of buffer of a connection, each way
    #[arg(long, default_value_t = 1 << 20)]
    buffer: usize,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut device = TunTapInterface::new(&arguments.place.tun, Medium::Ip)?;
    let mut interface =
        Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::now());
    let address = IpCidr::new(IpAddr::V4(arguments.place.ip).into(), 16);
    interface.update_ip_addrs(|addresses| {
        addresses.push(address).expect("an interface has room for one address");
    });
    let mut server = Server::new(arguments.buffer)?;
    loop {
        interface.poll(Instant::now(), &mut device, &mut server.sockets);
        if server.turn()? == Turn::Busy {
            continue;
        }
        let delay = interface.poll_delay(Instant::now(), &server.sockets);
        if delay != Some(Duration::ZERO) {
            phy::wait(device.as_raw_fd(), delay)?;
        }
    }
}

/// Whether a turn moved anything, so that smoltcp wants to be polled before the next wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Busy,
    Idle,
}

/// The sockets and what each is for.
struct Server {
    sockets: SocketSet<'static>,
    connections: Vec<Connection>,
    buffer: usize,
    octets: Vec<u8>,
}

struct Connection {
    handle: SocketHandle,
    service: Service,
    /// Whether it has left LISTEN and SYN-RECEIVED.
    is_open: bool,
    /// What the client's count leaves to do; `None` until the count has come.
    left: Option<u64>,
    is_answered: bool,
}

impl Server {
    fn new(buffer: usize) -> anyhow::Result<Self> {
        let mut server = Self {
            sockets: SocketSet::new(Vec::new()),
            connections: Vec::new(),
            buffer,
            octets: vec![7; BULK_OCTETS],
        };
        for service in Service::ALL {
            for _ in 0..backlog(service) {
                server.listen(service)?;
            }
        }
        Ok(server)
    }

    /// Adds a socket that waits for one connection.
    fn listen(&mut self, service: Service) -> anyhow::Result<()> {
        let ring = || SocketBuffer::new(vec![0; self.buffer]);
        let mut socket = Socket::new(ring(), ring());
        // Its default, unless CUBIC is compiled in, as it is here for `wan`.
        socket.set_congestion_control(CongestionControl::None);
        socket.listen(service.port()).map_err(|error| anyhow!("cannot listen: {error}"))?;
        let handle = self.sockets.add(socket);
        let connection =
            Connection { handle, service, is_open: false, left: None, is_answered: false };
        self.connections.push(connection);
        Ok(())
    }

    /// Serves every connection once, and replaces the listening sockets that were used up.
    fn turn(&mut self) -> anyhow::Result<Turn> {
        let mut turn = Turn::Idle;
        let mut opened = Vec::new();
        let mut index = 0;
        while let Some(connection) = self.connections.get_mut(index) {
            let socket = self.sockets.get_mut::<Socket<'_>>(connection.handle);
            if socket.state() == State::Closed {
                self.sockets.remove(connection.handle);
                self.connections.swap_remove(index);
                continue;
            }
            index += 1;
            if !connection.is_open {
                if matches!(socket.state(), State::Listen | State::SynReceived) {
                    continue;
                }
                connection.is_open = true;
                opened.push(connection.service);
            }
            if connection.serve(socket, &self.octets)? == Turn::Busy {
                turn = Turn::Busy;
            }
        }
        for service in opened {
            self.listen(service)?;
        }
        Ok(turn)
    }
}

impl Connection {
    fn serve(&mut self, socket: &mut Socket<'_>, octets: &[u8]) -> anyhow::Result<Turn> {
        let moved = match self.service {
            Service::Sink => self.sink(socket)?,
            Service::Source | Service::HalfClose => self.source(socket, octets)?,
            Service::Echo => echo(socket)?,
        };
        let is_done =
            socket.state() == State::CloseWait && !socket.can_recv() && socket.send_queue() == 0;
        if is_done {
            socket.close();
        }
        Ok(if moved || is_done { Turn::Busy } else { Turn::Idle })
    }

    fn sink(&mut self, socket: &mut Socket<'_>) -> anyhow::Result<bool> {
        let mut moved = self.read_count(socket)?;
        while let Some(left) = &mut self.left
            && socket.can_recv()
        {
            let count = socket.recv(|octets| (octets.len(), octets.len()))?;
            *left = left.saturating_sub(count as u64);
            moved = true;
        }
        if self.left == Some(0) && !self.is_answered && socket.can_send() {
            socket.send_slice(&SINK_ANSWER)?;
            self.is_answered = true;
            moved = true;
        }
        Ok(moved)
    }

    fn source(&mut self, socket: &mut Socket<'_>, octets: &[u8]) -> anyhow::Result<bool> {
        let mut moved = self.read_count(socket)?;
        let Some(left) = &mut self.left else { return Ok(moved) };
        while *left > 0 && socket.can_send() {
            let part = usize::try_from(*left).map_or(octets.len(), |left| left.min(octets.len()));
            let count = socket.send_slice(&octets[..part])?;
            *left -= count as u64;
            moved = true;
        }
        if self.service == Service::HalfClose && *left == 0 && !self.is_answered {
            socket.close();
            self.is_answered = true;
            moved = true;
        }
        while socket.can_recv() {
            socket.recv(|octets| (octets.len(), ()))?;
            moved = true;
        }
        Ok(moved)
    }

    /// Takes the client's count once all of it is there.
    fn read_count(&mut self, socket: &mut Socket<'_>) -> anyhow::Result<bool> {
        if self.left.is_some() || socket.recv_queue() < size_of::<u64>() {
            return Ok(false);
        }
        let mut count = [0; size_of::<u64>()];
        socket.recv_slice(&mut count)?;
        self.left = Some(u64::from_le_bytes(count));
        Ok(true)
    }
}

fn echo(socket: &mut Socket<'_>) -> anyhow::Result<bool> {
    if !socket.can_recv() || !socket.can_send() {
        return Ok(false);
    }
    let room = socket.send_capacity() - socket.send_queue();
    let mut octets = [0; ECHO_OCTETS];
    let count = socket.recv_slice(&mut octets[..room.min(ECHO_OCTETS)])?;
    socket.send_slice(&octets[..count])?;
    Ok(true)
}

/// How many sockets listen: as many connections can be in their handshake at once.
fn backlog(service: Service) -> usize {
    match service {
        // The connection-rate test opens 64 at once, and some of those before are still closing.
        Service::Echo => 128,
        Service::Sink | Service::Source | Service::HalfClose => 4,
    }
}
