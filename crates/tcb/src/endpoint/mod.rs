//! The endpoint: every connection by its four-tuple, listeners, TIME-WAIT, and what is nobody's.

mod addresses;
mod connect;
mod connection_id;
mod demux;
mod expiry_table;
mod isn;
mod listen;
mod listeners;
mod no_connection;
mod paths;
mod ports;
mod quarantine;
mod route;
mod time_wait;

use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};

use addresses::Addresses;
pub use connect::Open;
pub use connection_id::ConnectionId;
use connection_id::ConnectionIds;
use demux::{DemuxTable, Target};
use expiry_table::Inserted;
use isn::FirstNumbers;
pub use listeners::ListenOn;
use listeners::Listeners;
use no_connection::ResetLimit;
use paths::{Finding, Paths};
use ports::Ports;
use quarantine::Quarantine;
pub use route::Route;
use synack_wire::{IpFields, TcpPacket};
use time_wait::TimeWaitTable;

use crate::config::{ConnectionConfig, EndpointConfig, ListenerConfig};
use crate::error::ListenError;
use crate::event::{EndpointEvent, Release};
use crate::info::EndpointCounters;
use crate::keyed_hash::{Draws, KeyedHash, Purpose};
use crate::link::{LinkAddress, LinkId};
use crate::linked_slab::Key;
use crate::listener::{Listener, ListenerId, SynCookies, SynQueue};
use crate::{FourTuple, Instant, Shard, ShardMap};

/// All connections of one stack, as a state machine without I/O.
///
/// It finds whose a packet is, opens and accepts connections, and carries on where a connection no
/// longer does: TIME-WAIT. It shares no memory with its connections; they meet in
/// [`EndpointEvent`], which the caller carries. Its methods come in the same families as those of a
/// [`Connection`](crate::Connection):
///
/// - **Events in**: [`route`](Self::route) a packet, [`handle_icmp`](Self::handle_icmp),
///   [`handle_event`](Self::handle_event) of a connection,
///   [`handle_accepted`](Self::handle_accepted), [`handle_timeout`](Self::handle_timeout).
/// - **User calls**: [`set_addresses`](Self::set_addresses), [`connect`](Self::connect),
///   [`listen`](Self::listen), [`close_listener`](Self::close_listener).
/// - **Actions out**: [`poll_transmit`](Self::poll_transmit),
///   [`poll_path_mtu`](Self::poll_path_mtu), [`deadline`](Self::deadline), and what `route`
///   returns.
///
/// After any event or call, poll what it sends, and read its deadline.
#[derive(Debug)]
pub struct Endpoint {
    addresses: Addresses,
    ids: ConnectionIds,
    demux: DemuxTable,
    listeners: Listeners,
    syn_queue: SynQueue,
    /// The handshake that is unfolded, while it is.
    unfolding: Option<Key>,
    cookies: SynCookies,
    time_wait: TimeWaitTable,
    ports: Ports,
    quarantine: Quarantine,
    paths: Paths,
    numbers: FirstNumbers,
    reset_limit: ResetLimit,
    /// What connections get that say nothing else.
    connection: Arc<ConnectionConfig>,
    counters: EndpointCounters,
    /// Which of the stack's endpoints this is.
    shard: Shard,
    shard_map: ShardMap,
}

/// What lives on a four-tuple, as [`Endpoint::occupant`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occupant {
    /// A connection.
    Connection(ConnectionId),
    /// A handshake that a SYN to this listener began: SYN-RECEIVED.
    HalfOpen(ListenerId),
    /// A connection in TIME-WAIT.
    TimeWait,
}

impl Endpoint {
    /// An endpoint without addresses. All its randomness derives from `secret`, which must be drawn
    /// from the operating system at start and not be used again (ISN-3, ISN-6, robustness G8).
    pub fn new(config: EndpointConfig, secret: [u8; 32]) -> Self {
        Self::of_shard(config, secret, Shard::ONLY)
    }

    /// One of several endpoints that are one stack, each with the same `config` and `secret`: of
    /// bounds each has its part. Give all of them the same addresses, and the same listeners.
    ///
    /// What [`route`](Self::route), [`shard_of_icmp`](Self::shard_of_icmp) and
    /// [`shard_of_open`](Self::shard_of_open) say is another's, is to be asked of that one.
    pub fn of_shard(config: EndpointConfig, secret: [u8; 32], shard: Shard) -> Self {
        let config = shard.part_of(config);
        let key = |purpose| KeyedHash::derive(&secret, purpose);
        let table_key = key(Purpose::Demux);
        Self {
            addresses: Addresses::default(),
            ids: ConnectionIds::new(config.connections_max),
            demux: DemuxTable::new(table_key),
            listeners: Listeners::default(),
            syn_queue: SynQueue::default(),
            unfolding: None,
            cookies: SynCookies::new(&secret),
            time_wait: TimeWaitTable::new(&config, table_key),
            ports: Ports::new(
                config.ephemeral_ports,
                Draws::new(key(Purpose::Ports), shard),
                shard,
            ),
            quarantine: Quarantine::new(table_key),
            paths: Paths::new(table_key, config.path_mtus_max),
            numbers: FirstNumbers::new(&secret),
            reset_limit: ResetLimit::new(
                config.resets_per_second_max,
                Draws::new(key(Purpose::Resets), shard),
            ),
            connection: ConnectionConfig::clamped(config.connection),
            counters: EndpointCounters::default(),
            shard,
            shard_map: ShardMap::new(&secret, shard.count()),
        }
    }

    /// Says which addresses are ours, in the place of all before. Connections from an address that
    /// is gone live on.
    pub fn set_addresses(&mut self, addresses: &[LinkAddress]) {
        self.addresses.set(addresses);
    }

    /// Passive OPEN: LISTEN. Nothing that exists is disturbed, whether it succeeds or not (MUST-41,
    /// MUST-42).
    ///
    /// # Errors
    /// [`ListenError::AlreadyExists`] if a listener holds exactly this; one on an address and one
    /// on all addresses may hold the same port, and the first comes first (SM-PRE-3).
    /// [`ListenError::AddressNotAvailable`] for an address that is not ours,
    /// [`ListenError::NoPort`] if every ephemeral port is held.
    ///
    /// Source: RFC 9293 §3.10.1 (SM-OPEN-1, SM-OPEN-2).
    pub fn listen(
        &mut self,
        on: ListenOn,
        config: ListenerConfig,
    ) -> Result<ListenerId, ListenError> {
        let on = match on {
            ListenOn::Socket(socket) => ListenOn::Socket(self.socket_to_listen(socket)?),
            ListenOn::AnyPort | ListenOn::Anything => on,
        };
        if self.listeners.is_taken(on) {
            return Err(ListenError::AlreadyExists);
        }
        let connection = config.connection.clone();
        let connection =
            connection.map_or_else(|| self.connection.clone(), ConnectionConfig::clamped);
        let config = self.shard.part_of_listener(config);
        Ok(self.listeners.insert(on, Listener::new(config, connection)))
    }

    /// What a listener listens on, with the port that was chosen for it; `None` once it is closed.
    pub fn listens_on(&self, id: ListenerId) -> Option<ListenOn> {
        self.listeners.on(id)
    }

    /// Changes the configuration of a listener: of its bounds at once, of its connections for SYNs
    /// that come from now on. A stale name changes nothing.
    pub fn configure_listener(&mut self, id: ListenerId, change: impl FnOnce(&mut ListenerConfig)) {
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.configure(change);
        }
    }

    /// CLOSE in LISTEN: the name is gone; half-open handshakes are aborted, and their peers told as
    /// far as the limit of resets allows. What was accepted and not yet taken is the caller's to
    /// abort.
    ///
    /// Source: RFC 9293 §3.10.4 (SM-CLOSE-2, SM-CLOSE-10).
    pub fn close_listener(&mut self, _now: Instant, id: ListenerId) {
        for (path, key) in self.syn_queue.abort_all(id) {
            self.demux.remove(&path, Target::HalfOpen(key));
        }
        self.listeners.remove(id);
    }

    /// The application took `count` connections of a listener: so many places of its backlog are
    /// free again.
    pub fn handle_accepted(&mut self, listener: ListenerId, count: u32) {
        if let Some(listener) = self.listeners.get_mut(listener) {
            listener.on_accepted(count);
        }
    }

    /// What a connection asks of its endpoint. An event of a name that is no longer in use changes
    /// nothing.
    pub fn handle_event(&mut self, now: Instant, id: ConnectionId, event: EndpointEvent) {
        let Some(path) = self.ids.path(id) else { return };
        match event {
            EndpointEvent::TimeWait(time_wait) => {
                self.demux.remove(&path, Target::Connection(id));
                self.counters.time_waits += 1;
                if self.time_wait.insert(time_wait) == Inserted::OldestDropped {
                    self.counters.time_wait_evicted += 1;
                }
            }
            EndpointEvent::PathMtu(mtu) => {
                let link = self.addresses.mtu(path.local());
                self.paths.learn(now, Finding { id: Some(id), path, mtu, link });
            }
            EndpointEvent::Released(release) => {
                self.demux.remove(&path, Target::Connection(id));
                self.ids.remove(id);
                if release == Release::AfterReset {
                    self.quarantine.insert(now, path);
                }
            }
        }
    }

    /// [`route`](Self::route), [`handle_icmp`](Self::handle_icmp) or
    /// [`poll_transmit`](Self::poll_transmit) panicked in the code of a connection, and the caller
    /// caught that: the handshake is given up, silently, and all else goes on.
    ///
    /// While such code runs no table is being changed, so they are whole.
    pub fn handle_panic(&mut self) {
        if let Some(key) = self.unfolding.take() {
            self.forget_half_open(key);
        }
    }

    /// Acts on everything that is due: TIME-WAIT that is over, SYN-ACKs to be sent again,
    /// handshakes that nobody answered. Early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.time_wait.expire(now);
        while let Some(expired) = self.syn_queue.first_expired(now) {
            self.counters.half_open_expired += 1;
            self.forget_half_open(expired);
        }
    }

    /// The next packet that the endpoint itself sends, and the link that it leaves by: a RST for a
    /// handshake whose listener was closed, a SYN-ACK once more.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<(LinkId, TcpPacket)> {
        while let Some(reset) = self.syn_queue.poll_reset(now) {
            if self.allows_reset(now) {
                return Some(reset);
            }
        }
        let syn_ack = self.syn_queue.poll_syn_ack(now)?;
        self.counters.syn_acks_sent += 1;
        self.counters.syn_acks_retransmitted += 1;
        Some(syn_ack)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.time_wait.deadline(), self.syn_queue.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has a packet.
    pub fn wants_transmit(&self) -> bool {
        self.syn_queue.wants_transmit()
    }

    /// What lives on a four-tuple, if anything does (RFC 9293 §3.10.6).
    pub fn occupant(&self, path: FourTuple) -> Option<Occupant> {
        match self.demux.get(&path) {
            Some(Target::Connection(id)) => Some(Occupant::Connection(id)),
            Some(Target::HalfOpen(key)) => {
                self.syn_queue.get(key).map(|entry| Occupant::HalfOpen(entry.listener))
            }
            None => self.time_wait.contains(&path).then_some(Occupant::TimeWait),
        }
    }

    /// The listener that a segment to `local` would find (SM-PRE-3).
    pub fn listener_for(&self, local: SocketAddr) -> Option<ListenerId> {
        self.listeners.find(local, self.addresses.ownership(local))
    }

    /// How many connections live: opened or accepted, and not yet released.
    pub fn connections(&self) -> usize {
        self.ids.len()
    }

    /// How many handshakes of listeners are half open.
    pub fn half_open(&self) -> usize {
        self.syn_queue.len()
    }

    /// How many connections are in TIME-WAIT.
    pub fn time_waits(&self) -> usize {
        self.time_wait.len()
    }

    /// The shard that `path` belongs to, if that is another one.
    pub(super) fn elsewhere(&self, path: &FourTuple) -> Option<usize> {
        let owner = self.shard_map.owner(path);
        (owner != self.shard.index()).then_some(owner)
    }

    /// What was counted so far.
    pub fn counters(&self) -> EndpointCounters {
        self.counters
    }

    /// Asserts what must hold between any two calls: the tables agree with each other.
    #[cfg(any(test, debug_assertions))]
    pub fn check_invariants(&self) {
        let live = self
            .ids
            .iter()
            .filter(|(id, path)| self.demux.get(path) == Some(Target::Connection(*id)));
        let half_open = self.syn_queue.keys_waiting().inspect(|(key, path)| {
            assert_eq!(self.demux.get(path), Some(Target::HalfOpen(*key)), "it is found");
        });
        assert_eq!(self.demux.len(), live.count() + half_open.count(), "nothing else is found");
        for id in self.listeners.ids() {
            let counted = self.listeners.get(id).map(Listener::half_open);
            assert_eq!(counted, Some(self.syn_queue.count_of(id)), "places in the queue");
        }
    }

    /// The socket to listen on, with a port.
    fn socket_to_listen(&mut self, mut socket: SocketAddr) -> Result<SocketAddr, ListenError> {
        let is_wildcard = socket.ip().is_unspecified();
        if !is_wildcard && self.addresses.own(socket).is_none() {
            return Err(ListenError::AddressNotAvailable);
        }
        if socket.port() == 0 {
            let port = self.draw_listening_port(socket.ip()).ok_or(ListenError::NoPort)?;
            socket.set_port(port);
        }
        Ok(socket)
    }

    fn draw_listening_port(&mut self, address: IpAddr) -> Option<u16> {
        let Self { ports, listeners, .. } = self;
        ports.draw(|port| !listeners.holds_port(address, port))
    }

    /// A half-open handshake is over, one way or another.
    fn forget_half_open(&mut self, key: Key) {
        let Some(entry) = self.syn_queue.remove(key) else { return };
        self.demux.remove(&entry.record.identity.path, Target::HalfOpen(key));
        if let Some(listener) = self.listeners.get_mut(entry.listener) {
            listener.on_half_open_gone();
        }
    }

    /// Whether a RST that no connection sends may leave (RST-15).
    fn allows_reset(&mut self, now: Instant) -> bool {
        let allowed = self.reset_limit.allows(now);
        self.counters.resets_sent += u64::from(allowed);
        self.counters.resets_limited += u64::from(!allowed);
        allowed
    }

    /// The IP header fields of a segment that no connection sends.
    fn ip_fields(&self, path: &FourTuple) -> IpFields {
        let flow_label = self.numbers.flow_label(path);
        let ConnectionConfig { dscp, hop_limit, .. } = *self.connection;
        IpFields { dscp, hop_limit, flow_label, ..IpFields::default() }
    }
}
