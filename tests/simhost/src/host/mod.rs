//! The host: its endpoint and connections, its clock, and the queue of what it sent.

mod clock;
mod traffic;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::segmentation::Bursts;
use crate::settings::Settings;
use crate::socket::Descriptors;
use bytes::Bytes;
use ipnet::IpNet;
use synack_tcb::{
    Connection, ConnectionId, Endpoint, EndpointConfig, Instant, LinkAddress, LinkId,
};

/// A host.
#[derive(Debug)]
pub struct Host {
    now_us: u64,
    pub(crate) endpoint: Endpoint,
    connections: BTreeMap<ConnectionId, Live>,
    pub(crate) descriptors: Descriptors,
    egress: VecDeque<Sent>,
    pub(crate) settings: Settings,
}

/// A connection that an application has, or that still has something to say.
#[derive(Debug)]
struct Live {
    connection: Box<Connection>,
    bursts: Bursts,
    /// The endpoint has forgotten it.
    is_released: bool,
    /// No descriptor leads to it.
    is_detached: bool,
}

/// A packet that left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// When. Units: microseconds on the host's clock.
    pub at_us: u64,
    /// The packet, from its IP header on.
    pub octets: Bytes,
}

impl Host {
    /// A host with these addresses, whose device takes packets of `mtu` octets. Its clock begins at
    /// a second; its random numbers are the same in every run.
    pub fn new(addresses: &[IpNet], mtu: u32, settings: Settings) -> Self {
        let config = EndpointConfig {
            connection: Arc::new(settings.connection.clone()),
            ..settings.endpoint
        };
        let mut endpoint = Endpoint::new(config, SECRET);
        let on_link = |prefix: &IpNet| LinkAddress { prefix: *prefix, link: LINK, mtu };
        endpoint.set_addresses(&addresses.iter().map(on_link).collect::<Vec<_>>());
        Self {
            now_us: 1_000_000,
            endpoint,
            connections: BTreeMap::new(),
            descriptors: Descriptors::default(),
            egress: VecDeque::new(),
            settings,
        }
    }

    /// What sockets that are made from now on begin with.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// A connection that a socket leads to; `None` once all of it is gone.
    pub(crate) fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id).map(|live| &*live.connection)
    }

    /// As [`connection`](Self::connection), to be changed; drain afterwards.
    pub(crate) fn connection_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&id).map(|live| &mut *live.connection)
    }

    /// Takes a connection in.
    pub(crate) fn insert(&mut self, id: ConnectionId, connection: Box<Connection>) {
        let live =
            Live { connection, bursts: Bursts::default(), is_released: false, is_detached: false };
        self.connections.insert(id, live);
    }

    /// No descriptor leads to a connection any more: it ends by itself.
    pub(crate) fn let_go(&mut self, id: ConnectionId) {
        if let Some(live) = self.connections.get_mut(&id) {
            live.is_detached = true;
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_nanos(self.now_us.saturating_mul(1_000))
    }
}

/// The one device of the host.
const LINK: LinkId = LinkId(0);

/// No secret: runs are to be the same each time.
const SECRET: [u8; 32] = [7; 32];
