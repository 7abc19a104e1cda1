//! Active OPEN (RFC 9293 §3.10.1): which socket it leaves from, and whether it may.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::demux::Target;
use super::{ConnectionId, Endpoint, ListenOn};
use crate::config::ConnectionConfig;
use crate::connection::{Connection, Identity};
use crate::error::ConnectError;
use crate::listener::ListenerId;
use crate::{FourTuple, Instant};

/// An active OPEN.
#[derive(Clone, Debug)]
pub struct Open {
    /// The socket to connect to.
    pub remote: SocketAddr,
    /// The socket to connect from. An unspecified address, or `None`, is chosen by the way to the
    /// remote (MUST-43, MUST-44); port 0 is an ephemeral port.
    pub local: Option<SocketAddr>,
    /// The listener to be turned into this connection: LISTEN to SYN-SENT (SM-OPEN-7). It leaves
    /// from the listener's socket, unless `local` says another, and the listener is closed if it
    /// succeeds.
    pub from: Option<ListenerId>,
    /// What the connection gets; the endpoint's configuration if `None`.
    pub config: Option<Arc<ConnectionConfig>>,
}

impl Open {
    /// An OPEN towards `remote`, everything else left to the endpoint.
    pub const fn to(remote: SocketAddr) -> Self {
        Self { remote, local: None, from: None, config: None }
    }
}

impl Endpoint {
    /// Active OPEN: a connection in SYN-SENT, whose SYN is polled from it.
    ///
    /// # Errors
    /// [`ConnectError`] says each case; nothing is sent and nothing changed then.
    ///
    /// Source: RFC 9293 §3.10.1 (SM-OPEN-3 to SM-OPEN-9, MUST-43, MUST-44, MUST-46, TW-14).
    pub fn connect(
        &mut self,
        now: Instant,
        open: Open,
    ) -> Result<(ConnectionId, Box<Connection>), ConnectError> {
        let Open { remote, local, from, config } = open;
        let local = self.local_asked_for(local, from)?;
        let path = self.choose_path(now, local, remote)?;
        let identity = self.identity(path, self.numbers.isn(now, &path));
        let config = config.map_or_else(|| self.connection.clone(), ConnectionConfig::clamped);
        let mut connection = Box::new(Connection::active(now, identity, config));
        self.begin_with_path_mtu(now, &mut connection);
        let id = self.ids.insert(path).ok_or(ConnectError::TooManyConnections)?;
        self.demux.insert(path, Target::Connection(id));
        if let Some(listener) = from {
            self.close_listener(now, listener);
        }
        self.counters.connects += 1;
        Ok((id, connection))
    }

    /// The shard that an active OPEN must be asked of, if that is another one: a local port that
    /// the caller chose may be any shard's, while a port that is drawn is our own.
    ///
    /// `None` too for an OPEN that cannot succeed.
    pub fn shard_of_open(&self, open: &Open) -> Option<usize> {
        let local = self.local_asked_for(open.local, open.from).ok()?;
        let port = local.map(|local| local.port()).filter(|port| *port != 0)?;
        let (address, remote) = self.ends(local, open.remote).ok()?;
        self.elsewhere(&FourTuple::new(with_port(address, port), remote))
    }

    /// What a connection on `path` that begins at `iss` is made from.
    pub(super) fn identity(&self, path: FourTuple, iss: synack_wire::SeqNum) -> Identity {
        Identity {
            path,
            iss,
            timestamp_offset: self.numbers.timestamp_offset(&path),
            flow_label: self.numbers.flow_label(&path),
            mtu: self.addresses.mtu(path.local()),
        }
    }

    /// The local socket of the call, or of the listener it turns.
    fn local_asked_for(
        &self,
        local: Option<SocketAddr>,
        from: Option<ListenerId>,
    ) -> Result<Option<SocketAddr>, ConnectError> {
        let Some(listener) = from else { return Ok(local) };
        let on = self.listeners.on(listener).ok_or(ConnectError::NotListening)?;
        match on {
            ListenOn::Socket(socket) => Ok(local.or(Some(socket))),
            ListenOn::AnyPort | ListenOn::Anything => Ok(local),
        }
    }

    fn choose_path(
        &mut self,
        now: Instant,
        local: Option<SocketAddr>,
        remote: SocketAddr,
    ) -> Result<FourTuple, ConnectError> {
        let (address, remote) = self.ends(local, remote)?;
        let port = local.map_or(0, |local| local.port());
        if self.ids.is_full() {
            return Err(ConnectError::TooManyConnections);
        }
        let path = |port| FourTuple::new(with_port(address, port), remote);
        if port != 0 {
            let path = path(port);
            let free = self.is_free(now, &path);
            return if free { Ok(path) } else { Err(ConnectError::AlreadyExists) };
        }
        self.draw_port(now, address.ip(), path).map(path).ok_or(ConnectError::NoPort)
    }

    /// The local address, its port still to be chosen, and the remote socket, with their zone.
    fn ends(
        &self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
    ) -> Result<(SocketAddr, SocketAddr), ConnectError> {
        if remote.ip().is_unspecified() || remote.port() == 0 {
            return Err(ConnectError::RemoteUnspecified);
        }
        if !self.addresses.is_unicast(remote.ip()) {
            return Err(ConnectError::RemoteInvalid);
        }
        let address = match local.filter(|local| !local.ip().is_unspecified()) {
            Some(local) => self.own_address(local, remote)?,
            None => self.addresses.source_for(remote)?,
        };
        Ok((address, in_zone_of(address, remote)))
    }

    /// The local address that the caller named.
    fn own_address(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketAddr, ConnectError> {
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(ConnectError::NoRoute);
        }
        self.addresses.own(local).ok_or(ConnectError::AddressNotAvailable)
    }

    /// An ephemeral port whose four-tuple is free and this shard's, and that no listener holds.
    fn draw_port(
        &mut self,
        now: Instant,
        address: IpAddr,
        path: impl Fn(u16) -> FourTuple,
    ) -> Option<u16> {
        let Self { ports, demux, time_wait, quarantine, listeners, shard, shard_map, .. } = self;
        quarantine.expire(now);
        time_wait.expire(now);
        ports.draw(|port| {
            let path = path(port);
            shard_map.owner(&path) == shard.index()
                && demux.get(&path).is_none()
                && !time_wait.contains(&path)
                && !quarantine.holds(&path)
                && !listeners.holds_port(address, port)
        })
    }

    /// Whether an active OPEN may use `path`: nobody lives there, nor did a moment ago (SM-OPEN-9,
    /// TW-14, DEC-7).
    fn is_free(&mut self, now: Instant, path: &FourTuple) -> bool {
        self.quarantine.expire(now);
        self.time_wait.expire(now);
        self.demux.get(path).is_none()
            && !self.time_wait.contains(path)
            && !self.quarantine.holds(path)
    }
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// A link-local remote without a zone is in that of the local address.
fn in_zone_of(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    match (local, remote) {
        (SocketAddr::V6(local), SocketAddr::V6(remote)) if remote.ip().is_unicast_link_local() => {
            SocketAddr::V6(SocketAddrV6::new(*remote.ip(), remote.port(), 0, local.scope_id()))
        }
        (_, remote) => remote,
    }
}
