//! Host: an endpoint, its connections with their applications, its clock and its device.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;

use ipnet::IpNet;
use synack_tcb::{
    Connection, ConnectionConfig, ConnectionId, Endpoint, EndpointConfig, Instant, LinkAddress,
    LinkId, ListenOn, ListenerConfig, ListenerId,
};

use crate::application::Application;
use crate::clock::HostClock;
use crate::device::{Device, DeviceFaults};
use crate::handle::Handle;
use crate::oracle::{Punctuality, Thoroughness, TimeWaitWatch, Watch};
use crate::streams::{Streams, Subsystem};
use crate::violation::{Invariant, Violation};

/// A host of a [`Network`](crate::Network).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub usize);

/// A letter: A, B, C...
impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = char::from(b'A' + (self.0 % 26) as u8);
        write!(f, "{letter}")
    }
}

/// What a host is made of.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its address.
    pub address: IpAddr,
    /// The longest packet that its device takes. Units: octets, IP header included.
    pub mtu: u32,
    /// Its endpoint.
    pub endpoint: EndpointConfig,
    /// Its connections.
    pub connection: ConnectionConfig,
    /// Its listeners; their connections are configured as its others.
    pub listener: ListenerConfig,
    /// Its device.
    pub device: DeviceFaults,
    /// What its clock reads at the start.
    pub epoch: Duration,
    /// How often its connections check themselves.
    pub oracle: Thoroughness,
}

impl HostConfig {
    /// A host with this address and nothing special about it.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            mtu: 1_500,
            endpoint: EndpointConfig::default(),
            connection: ConnectionConfig::default(),
            listener: ListenerConfig::default(),
            device: DeviceFaults::default(),
            epoch: Duration::from_secs(1_000),
            oracle: Thoroughness::EveryEvent,
        }
    }
}

/// A connection and what stands around it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: ConnectionId,
    pub(crate) connection: Box<Connection>,
    pub(crate) watch: Watch,
    /// `None` for a connection that no application knows of.
    pub(crate) application: Option<Application>,
    /// What there is to send is put off until then.
    pub(crate) sends_at: Option<Duration>,
    pub(crate) is_released: bool,
    pub(crate) is_detached: bool,
}

impl Slot {
    /// The application's view of the connection.
    pub(crate) fn handle(&mut self, now: Instant) -> (Handle<'_>, Option<&mut Application>) {
        let Self { connection, watch, application, .. } = self;
        (Handle { connection, watch, now }, application.as_mut())
    }
}

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) config: HostConfig,
    pub(crate) clock: HostClock,
    pub(crate) endpoint: Endpoint,
    pub(crate) device: Device,
    pub(crate) slots: Vec<Slot>,
    pub(crate) time_waits: TimeWaitWatch,
    ports: Vec<u16>,
    streams: Streams,
    /// How often it was started, the first time not counted.
    incarnation: u32,
    /// It is off: nothing arrives, nothing leaves.
    pub(crate) is_down: bool,
    is_clock_steady: bool,
}

impl Host {
    pub(crate) fn new(id: HostId, config: HostConfig, streams: Streams) -> Self {
        let dice = streams.of(Subsystem::Device, id.0 as u32);
        Self {
            id,
            clock: HostClock::new(config.epoch),
            endpoint: endpoint(id, &config, streams, 0),
            device: Device::new(config.device, dice),
            config,
            slots: Vec::new(),
            time_waits: TimeWaitWatch::default(),
            ports: Vec::new(),
            streams,
            incarnation: 0,
            is_down: false,
            is_clock_steady: true,
        }
    }

    /// What its clock reads.
    pub(crate) fn now(&self, time: Duration) -> Instant {
        self.clock.now(time)
    }

    /// Listens on `port`, also after each start.
    pub(crate) fn listen(&mut self, port: u16) -> Result<ListenerId, Violation> {
        self.ports.push(port);
        self.listen_now(port)
    }

    fn listen_now(&mut self, port: u16) -> Result<ListenerId, Violation> {
        let on = ListenOn::Socket(SocketAddr::new(self.config.address, port));
        let connection = Some(Arc::new(self.config.connection.clone()));
        let config = ListenerConfig { connection, ..self.config.listener.clone() };
        self.endpoint
            .listen(on, config)
            .map_err(|error| Violation::new(Invariant::Transition, format!("listen: {error}")))
    }

    /// Takes a connection in.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        id: ConnectionId,
        connection: Box<Connection>,
        application: Option<Application>,
    ) -> usize {
        let watch = Watch::new(now, &connection, self.punctuality(), self.config.oracle);
        self.slots.push(Slot {
            id,
            connection,
            watch,
            application,
            sends_at: None,
            is_released: false,
            is_detached: false,
        });
        self.slots.len() - 1
    }

    /// The index of a connection.
    pub(crate) fn find(&self, id: ConnectionId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.id == id)
    }

    /// Stops, and forgets everything.
    pub(crate) fn crash(&mut self) {
        self.slots.clear();
        self.time_waits = TimeWaitWatch::default();
        self.is_down = true;
        self.incarnation += 1;
        self.endpoint = endpoint(self.id, &self.config, self.streams, self.incarnation);
        let dice = self.streams.of(Subsystem::Device, self.id.0 as u32 + 1_000 * self.incarnation);
        self.device = Device::new(self.device.faults, dice);
    }

    /// Starts again.
    pub(crate) fn restart(&mut self) -> Result<(), Violation> {
        self.is_down = false;
        for port in self.ports.clone() {
            self.listen_now(port)?;
        }
        Ok(())
    }

    /// How long TIME-WAIT lasts here (RFC 9293 §3.4.1).
    pub(crate) fn time_wait_length(&self) -> Duration {
        self.config.endpoint.msl * 2
    }

    /// Judges what the endpoint itself keeps.
    pub(crate) fn judge_endpoint(&mut self, time: Duration) -> Result<(), Violation> {
        let now = self.now(time);
        // A clock that went back keeps records as long as those before them.
        let late_max = if self.is_clock_steady { self.device.late_max() } else { Duration::MAX };
        self.time_waits.judge(now, &self.endpoint, late_max)
    }

    /// Changes the clock by hand, so that the oracle trusts no times any more.
    pub(crate) fn disturb_clock(&mut self, change: impl FnOnce(&mut HostClock)) {
        change(&mut self.clock);
        self.is_clock_steady = false;
        self.slots.iter_mut().for_each(|slot| slot.watch.on_clock_changed());
    }

    fn punctuality(&self) -> Punctuality {
        let late_max = self.device.late_max();
        Punctuality { late_max, is_clock_steady: self.is_clock_steady }
    }

    /// When something here happens next by itself.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        if self.is_down {
            return None;
        }
        let timers = self.slots.iter().filter_map(|slot| slot.connection.deadline());
        let timer = timers.chain(self.endpoint.deadline()).filter_map(|at| self.fires_at(at)).min();
        let woken = self.slots.iter().filter_map(|slot| {
            let application = slot.application.as_ref()?;
            application.wakes_at()
        });
        let deferred = self.slots.iter().filter_map(|slot| slot.sends_at);
        woken.chain(deferred).chain(timer).chain(self.device.writable_at()).min()
    }

    /// The true time at which a timer fires here.
    pub(crate) fn fires_at(&self, deadline: Instant) -> Option<Duration> {
        Some(self.device.fires_at(self.clock.when(deadline)?))
    }
}

fn endpoint(id: HostId, config: &HostConfig, streams: Streams, incarnation: u32) -> Endpoint {
    let index = id.0 as u32 + 1_000 * incarnation;
    let secret = streams.of(Subsystem::Secret, index).secret();
    let mut endpoint = Endpoint::new(config.endpoint.clone(), secret);
    let prefix_len = if config.address.is_ipv4() { 24 } else { 64 };
    let prefix = IpNet::new_assert(config.address, prefix_len);
    endpoint.set_addresses(&[LinkAddress { prefix, link: LinkId(0), mtu: config.mtu }]);
    endpoint
}
