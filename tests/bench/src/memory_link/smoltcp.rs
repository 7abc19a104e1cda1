//! Two interfaces of smoltcp, each with one socket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};
use synack_bench::SEGMENTS_MAX;

use super::Link;

pub(super) struct Ends {
    client: End,
    server: End,
    text: Vec<u8>,
    into: Vec<u8>,
}

struct End {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    device: Port,
}

/// Packets, oldest first.
type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One side of the link.
struct Port {
    arriving: Queue,
    leaving: Queue,
    /// Packets that were read, to be written anew: nothing is allocated for one.
    used: Queue,
    mtu: usize,
}

impl Ends {
    pub(super) fn new(mtu: u16) -> Self {
        let [to_server, to_client, used] = [(); 3].map(|()| Queue::default());
        let port = |arriving: &Queue, leaving: &Queue| Port {
            arriving: Rc::clone(arriving),
            leaving: Rc::clone(leaving),
            used: Rc::clone(&used),
            mtu: mtu.into(),
        };
        let mut client = End::new(CLIENT, port(&to_client, &to_server));
        let mut server = End::new(SERVER, port(&to_server, &to_client));
        server.socket().listen(PORT).expect("it is closed");
        let End { interface, sockets, socket, .. } = &mut client;
        let opening = sockets.get_mut::<Socket<'_>>(*socket);
        let opened = opening.connect(interface.context(), (SERVER, PORT), PORT);
        opened.expect("it is closed, and the server is on the link");
        let mut ends = Self { client, server, text: vec![7; BUFFER], into: vec![0; BUFFER] };
        for _ in 0..4 {
            ends.client.poll(Instant::now());
            ends.server.poll(Instant::now());
        }
        assert!(ends.client.socket().may_send() && ends.server.socket().may_send(), "connected");
        ends
    }
}

impl Link for Ends {
    fn move_text(&mut self) -> u64 {
        let now = Instant::now();
        let socket = self.client.socket();
        while socket.can_send() && socket.send_slice(&self.text).expect("it is open") > 0 {}
        self.client.poll(now);
        // After the first turns, no packet from here is without text: nothing comes to answer.
        let segments = self.server.device.arriving.borrow().len() as u64;
        self.server.poll(now);
        let socket = self.server.socket();
        while socket.can_recv() {
            socket.recv_slice(&mut self.into).expect("it is open");
        }
        self.server.poll(now);
        segments
    }

    fn exchange(&mut self) {
        let now = Instant::now();
        let mut octet = [1];
        self.client.socket().send_slice(&octet).expect("it is open");
        self.client.poll(now);
        self.server.poll(now);
        let read = self.server.socket().recv_slice(&mut octet).expect("it is open");
        assert_eq!(read, 1, "the octet arrived");
        self.server.socket().send_slice(&octet).expect("it is open");
        self.server.poll(now);
        self.client.poll(now);
        let read = self.client.socket().recv_slice(&mut octet).expect("it is open");
        assert_eq!(read, 1, "the answer arrived");
    }
}

impl End {
    fn new(address: Ipv4Addr, mut device: Port) -> Self {
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::now());
        interface.update_ip_addrs(|addresses| {
            let address = IpCidr::new(address.into(), 24);
            addresses.push(address).expect("an interface has room for one address");
        });
        let ring = || SocketBuffer::new(vec![0; RING]);
        let mut socket = Socket::new(ring(), ring());
        // Its default, unless CUBIC is compiled in, as it is here for `wan`.
        socket.set_congestion_control(CongestionControl::None);
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Self { interface, sockets, socket, device }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.device, &mut self.sockets);
    }
}

impl Device for Port {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving;

    fn receive(&mut self, _now: Instant) -> Option<(Arrived, Leaving)> {
        let packet = self.arriving.borrow_mut().pop_front()?;
        let used = Rc::clone(&self.used);
        Some((Arrived { packet, used }, self.leaving()))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Leaving> {
        let has_room = self.leaving.borrow().len() < SEGMENTS_MAX as usize;
        has_room.then(|| self.leaving())
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

impl Port {
    fn leaving(&self) -> Leaving {
        Leaving { leaving: Rc::clone(&self.leaving), used: Rc::clone(&self.used) }
    }
}

struct Arrived {
    packet: Vec<u8>,
    used: Queue,
}

struct Leaving {
    leaving: Queue,
    used: Queue,
}

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let result = read(&self.packet);
        self.used.borrow_mut().push_back(self.packet);
        result
    }
}

impl TxToken for Leaving {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = self.used.borrow_mut().pop_back().unwrap_or_default();
        packet.resize(len, 0);
        let result = write(&mut packet);
        self.leaving.borrow_mut().push_back(packet);
        result
    }
}

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PORT: u16 = 80;
/// What is written and read at once. Units: octets.
const BUFFER: usize = 256 << 10;
/// What a socket holds each way, as much as ours begin with. Units: octets.
const RING: usize = 1 << 20;
