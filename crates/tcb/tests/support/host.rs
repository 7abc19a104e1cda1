//! A host: an endpoint and its connections, drained after each event as their docs ask.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use synack_tcb::{
    ConnectError, Connection, ConnectionId, DropReason, Endpoint, EndpointConfig, FourTuple,
    Instant, LinkAddress, LinkId, ListenOn, ListenerConfig, ListenerId, Occupant, Open, Push,
    Route, State, TransmitLimits, Unread,
};
use synack_wire::{IcmpError, TcpPacket};

use super::Peer;

/// An endpoint with its connections, and a clock that only the test moves.
pub(crate) struct Host {
    pub(crate) endpoint: Endpoint,
    /// Connections that live. A released one stays, for the test to look at.
    pub(crate) connections: BTreeMap<ConnectionId, Box<Connection>>,
    pub(crate) now: Instant,
    /// What its device takes in one packet.
    pub(crate) limits: TransmitLimits,
    addresses: Vec<LinkAddress>,
    /// What left and was not looked at.
    sent: Vec<TcpPacket>,
    /// What the host sent to itself and did not receive yet.
    looped: VecDeque<TcpPacket>,
    /// Connections that something happened to since they were drained.
    touched: BTreeSet<ConnectionId>,
    /// What was accepted and not taken by the test, oldest first.
    accepted: VecDeque<(ListenerId, ConnectionId)>,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// A connection used it.
    Used(ConnectionId),
    /// A connection did not use it, or not all of it.
    Refused(ConnectionId, DropReason),
    /// It opened this connection.
    Accepted(ConnectionId),
    /// The endpoint answered it.
    Replied,
    /// The endpoint dropped it.
    Dropped(DropReason),
}

/// The state of a four-tuple as the world sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Closed,
    Listen,
    /// A half-open handshake of a listener.
    SynReceived,
    TimeWait,
    /// A connection that lives, in any other state.
    In(State),
}

impl Host {
    /// A host with one address, and neighbours that share its first 24 (or 64) bits.
    pub(crate) fn new(address: &str) -> Self {
        Self::with(address, EndpointConfig::default())
    }

    pub(crate) fn with(address: &str, config: EndpointConfig) -> Self {
        let address: std::net::IpAddr = address.parse().unwrap();
        let prefix_len = if address.is_ipv4() { 24 } else { 64 };
        let prefix = ipnet::IpNet::new(address, prefix_len).unwrap();
        Self::on(&[LinkAddress { prefix, link: LinkId(0), mtu: 1_500 }], config)
    }

    pub(crate) fn on(addresses: &[LinkAddress], config: EndpointConfig) -> Self {
        // Each address has a secret of its own, and each run the same.
        let mut secret = [7; 32];
        for (index, byte) in format!("{addresses:?}").bytes().enumerate() {
            secret[index % 32] ^= byte.rotate_left(index as u32 / 32);
        }
        let mut endpoint = Endpoint::new(config, secret);
        endpoint.set_addresses(addresses);
        Self {
            endpoint,
            connections: BTreeMap::new(),
            now: Instant::from_millis(1_000_000),
            limits: TransmitLimits::SINGLE,
            addresses: addresses.to_vec(),
            sent: Vec::new(),
            looped: VecDeque::new(),
            touched: BTreeSet::new(),
            accepted: VecDeque::new(),
        }
    }

    /// Listens on a port of every address.
    pub(crate) fn listen(&mut self, port: u16) -> ListenerId {
        self.listen_with(port, ListenerConfig::default())
    }

    pub(crate) fn listen_with(&mut self, port: u16, config: ListenerConfig) -> ListenerId {
        let unspecified = if self.addresses[0].prefix.addr().is_ipv4() { "0.0.0.0" } else { "::" };
        let socket = SocketAddr::new(unspecified.parse().unwrap(), port);
        self.endpoint.listen(ListenOn::Socket(socket), config).unwrap()
    }

    /// Opens a connection from an ephemeral port; its SYN is sent.
    pub(crate) fn connect(&mut self, remote: &str) -> ConnectionId {
        self.try_connect(Open::to(remote.parse().unwrap())).unwrap()
    }

    /// Opens a connection with the far end `peer`; its SYN is sent.
    pub(crate) fn connect_to(&mut self, peer: &Peer) -> ConnectionId {
        self.try_connect(Open { local: Some(peer.host), ..Open::to(peer.socket) }).unwrap()
    }

    pub(crate) fn try_connect(&mut self, open: Open) -> Result<ConnectionId, ConnectError> {
        let (id, connection) = self.endpoint.connect(self.now, open)?;
        self.connections.insert(id, connection);
        self.touched.insert(id);
        self.drain();
        Ok(id)
    }

    /// Takes a packet from the network, and sends what it causes.
    pub(crate) fn receive(&mut self, packet: TcpPacket) -> Received {
        self.receive_by(LinkId(0), packet)
    }

    pub(crate) fn receive_by(&mut self, link: LinkId, packet: TcpPacket) -> Received {
        let received = self.route(link, packet);
        self.drain();
        received
    }

    /// Takes packets that waited together, and only then sends what they cause.
    pub(crate) fn receive_together(&mut self, packets: Vec<TcpPacket>) -> Vec<Received> {
        let received = packets.into_iter().map(|packet| self.route(LinkId(0), packet)).collect();
        self.drain();
        received
    }

    /// Takes the packet that completes a handshake, and the connection it opens.
    pub(crate) fn accept(&mut self, packet: TcpPacket) -> ConnectionId {
        let received = self.receive(packet);
        let Received::Accepted(id) = received else { panic!("{received:?}") };
        self.take_accepted();
        id
    }

    /// The application takes the connection that waited longest.
    pub(crate) fn take_accepted(&mut self) -> Option<ConnectionId> {
        let (listener, id) = self.accepted.pop_front()?;
        self.endpoint.handle_accepted(listener, 1);
        Some(id)
    }

    /// An ICMP error arrives; why the connection that it reached, if any, did not use it.
    pub(crate) fn receive_icmp(&mut self, error: &IcmpError) -> Option<Result<(), DropReason>> {
        let now = self.now;
        let id = self.endpoint.handle_icmp(now, error);
        let taken = id.map(|id| self.connection(id).handle_icmp(now, error));
        self.drain();
        taken
    }

    /// Lets time pass, from deadline to deadline.
    pub(crate) fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            for (id, connection) in &mut self.connections {
                if connection.deadline().is_some_and(|deadline| deadline <= self.now) {
                    connection.handle_timeout(self.now);
                    self.touched.insert(*id);
                }
            }
            self.drain();
        }
        self.now = until;
    }

    /// When something happens by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let connections = self.connections.values().filter_map(|connection| connection.deadline());
        connections.chain(self.endpoint.deadline()).min()
    }

    /// Takes what left since the last call.
    pub(crate) fn sent(&mut self) -> Vec<TcpPacket> {
        std::mem::take(&mut self.sent)
    }

    /// Takes the one packet that left since the last call.
    #[track_caller]
    pub(crate) fn only_sent(&mut self) -> TcpPacket {
        let mut sent = self.sent();
        let lines: Vec<_> = sent.iter().map(ToString::to_string).collect();
        assert_eq!(sent.len(), 1, "{lines:#?}");
        sent.remove(0)
    }

    /// Asserts that nothing left since the last call.
    #[track_caller]
    pub(crate) fn silent(&mut self) {
        let lines: Vec<_> = self.sent().iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{lines:#?}");
    }

    /// A connection, to be asked. After a call that changes it, [`drain`](Self::drain).
    pub(crate) fn connection(&mut self, id: ConnectionId) -> &mut Connection {
        self.touched.insert(id);
        self.connections.get_mut(&id).unwrap()
    }

    pub(crate) fn state(&self, id: ConnectionId) -> State {
        self.connections[&id].state()
    }

    /// What lives between the host and `peer`.
    pub(crate) fn seen(&self, peer: &Peer) -> Seen {
        match self.endpoint.occupant(FourTuple::new(peer.host, peer.socket)) {
            Some(Occupant::Connection(id)) => Seen::In(self.connections[&id].state()),
            Some(Occupant::HalfOpen(_)) => Seen::SynReceived,
            Some(Occupant::TimeWait) => Seen::TimeWait,
            None if self.endpoint.listener_for(peer.host).is_some() => Seen::Listen,
            None => Seen::Closed,
        }
    }

    pub(crate) fn write(&mut self, id: ConnectionId, text: &[u8]) {
        let now = self.now;
        assert_eq!(self.connection(id).write(now, text, Push::Now), Ok(text.len()));
        self.drain();
    }

    /// Reads what is there; the end of the stream is no text.
    pub(crate) fn read(&mut self, id: ConnectionId) -> Vec<u8> {
        let now = self.now;
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = self.connection(id).read_bytes(now, usize::MAX) {
            text.extend_from_slice(&chunk);
        }
        self.drain();
        text
    }

    pub(crate) fn close(&mut self, id: ConnectionId) {
        let now = self.now;
        self.connection(id).close(now);
        self.drain();
    }

    pub(crate) fn abort(&mut self, id: ConnectionId) {
        let now = self.now;
        self.connection(id).abort(now);
        self.drain();
    }

    pub(crate) fn detach(&mut self, id: ConnectionId) {
        let now = self.now;
        self.connection(id).detach(now, Unread::No);
        self.drain();
    }

    /// Carries events and packets until nothing is left to be carried.
    pub(crate) fn drain(&mut self) {
        // Only a loop of the host talking to itself would take so many.
        for _ in 0..10_000 {
            self.drain_connections();
            while let Some((_link, packet)) = self.endpoint.poll_transmit(self.now) {
                self.send(packet);
            }
            let Some(packet) = self.looped.pop_front() else { return };
            self.route(LinkId::LOOPBACK, packet);
        }
        panic!("the host talks to itself without end");
    }

    fn drain_connections(&mut self) {
        while let Some(id) = self.touched.pop_first() {
            self.carry_events(id);
            loop {
                let connection = self.connections.get_mut(&id).unwrap();
                let packet = connection.poll_transmit(self.now, self.limits);
                #[cfg(debug_assertions)]
                connection.check_invariants();
                let Some(packet) = packet else { break };
                self.send(packet);
            }
            self.carry_events(id);
        }
    }

    fn carry_events(&mut self, id: ConnectionId) {
        let connection = self.connections.get_mut(&id).unwrap();
        while let Some(event) = connection.poll_endpoint_event() {
            self.endpoint.handle_event(self.now, id, event);
        }
        while let Some((other, mtu)) = self.endpoint.poll_path_mtu() {
            if let Some(connection) = self.connections.get_mut(&other) {
                connection.handle_path_mtu(self.now, mtu);
                self.touched.insert(other);
            }
        }
    }

    fn send(&mut self, packet: TcpPacket) {
        let is_own = |address: &LinkAddress| address.prefix.addr() == packet.destination.ip();
        if self.addresses.iter().any(is_own) {
            self.looped.push_back(packet);
        } else {
            self.sent.push(packet);
        }
    }

    fn route(&mut self, link: LinkId, mut packet: TcpPacket) -> Received {
        match self.endpoint.route(self.now, link, &mut packet) {
            Route::Deliver(id) => {
                let now = self.now;
                let used = self.connection(id).handle_packet(now, &mut packet);
                self.carry_events(id);
                used.map_or_else(|reason| Received::Refused(id, reason), |()| Received::Used(id))
            }
            Route::Accept { listener, id, connection } => {
                self.connections.insert(id, connection);
                self.touched.insert(id);
                self.carry_events(id);
                self.accepted.push_back((listener, id));
                Received::Accepted(id)
            }
            Route::Reply(packet) => {
                self.send(packet);
                Received::Replied
            }
            Route::Drop(reason) => Received::Dropped(reason),
            Route::Elsewhere(_) => unreachable!("this host has one shard"),
        }
    }
}
