//! Does what the application asks: connect, listen, send a packet, tell.

use std::io;
use std::sync::Arc;

use synack_tcb::{
    ConnectError, ConnectionId, EndpointEvent, Instant, LinkId, ListenError, ListenOn,
    ListenerConfig, ListenerId, Open, Release, Unread,
};

use super::Driver;
use super::bell::Request;
use super::table::Entry;
use crate::cell::ConnectionCell;
use crate::error::{self, StackError};
use crate::listener::{ListenerShared, TcpListener};
use crate::observe::Connections;
use crate::other_packets::destination;
use crate::stream::TcpStream;

impl Driver {
    /// Does what the application asked.
    pub(super) fn answer(&mut self, now: Instant, request: Request) {
        match request {
            Request::Connect { open, reply } => {
                let opened = self.connect(now, open);
                if let Err(Ok(stream)) = reply.send(opened) {
                    // No one waits for it any more.
                    self.detach(now, stream.cell().id);
                }
            }
            Request::Listen { on, config, reply } => {
                let listener = self.listen(on, config);
                let _cancelled = reply.send(listener);
            }
            Request::CloseListener(id) => self.close_listener(now, id),
            Request::Accepted(id) => self.count_accepted(id),
            Request::SendOthers => self.send_others(),
            Request::List(reply) => {
                let _cancelled = reply.send(self.connections());
            }
            Request::ShutDown { deadline, reply } => self.begin_shutdown(now, deadline, reply),
            Request::HandlesGone => self.has_handles = false,
        }
    }

    fn connections(&self) -> Connections {
        let info = |entry: &Entry| entry.cell.guarded(|state| Ok(state.connection()?.info())).ok();
        Connections {
            open: self.table.iter().filter_map(info).collect(),
            half_open: self.endpoint.half_open(),
            time_wait: self.endpoint.time_waits(),
        }
    }

    fn connect(&mut self, now: Instant, mut open: Open) -> io::Result<TcpStream> {
        if self.shutdown.is_some() {
            return Err(error::of_connect(ConnectError::NoRoute));
        }
        let link = self.interfaces.route_to(open.remote);
        let is_local_chosen = open.local.is_some_and(|local| !local.ip().is_unspecified());
        if let Some(link) = link.filter(|_| !is_local_chosen)
            && let Some(mut source) = self.interfaces.source_on(link, open.remote.ip())
        {
            source.set_port(open.local.map_or(0, |local| local.port()));
            open.local = Some(source);
        }
        if let Some(config) = &mut open.config {
            Arc::make_mut(config).copy_below = self.copy_below;
        }
        // The endpoint judges the addresses first: what it says is more to the point.
        let opened = self.guarded(|endpoint| endpoint.connect(now, open));
        let (id, connection) = opened.ok_or(StackError::Panicked)?.map_err(error::of_connect)?;
        let Some(link) = link else {
            let released = EndpointEvent::Released(Release::Orderly);
            self.endpoint.handle_event(now, id, released);
            return Err(error::of_connect(ConnectError::NoRoute));
        };
        self.counters.opened.add(1);
        let cell = self.adopt(id, connection, link);
        Ok(TcpStream::new(cell))
    }

    /// Takes a connection into the table, to be visited.
    pub(super) fn adopt(
        &mut self,
        id: ConnectionId,
        connection: Box<synack_tcb::Connection>,
        link: LinkId,
    ) -> Arc<ConnectionCell> {
        let bell = Arc::clone(&self.bell);
        let cell = Arc::new(ConnectionCell::new(id, connection, self.clock, bell));
        self.table.insert(Arc::clone(&cell), link);
        self.table.mark_ready(id);
        cell
    }

    fn listen(
        &mut self,
        on: ListenOn,
        mut config: ListenerConfig,
    ) -> Result<TcpListener, ListenError> {
        if self.shutdown.is_some() {
            return Err(ListenError::AddressNotAvailable);
        }
        if let Some(connection) = &mut config.connection {
            Arc::make_mut(connection).copy_below = self.copy_below;
        }
        let backlog = config.backlog;
        let id = self.endpoint.listen(on, config)?;
        let local = match self.endpoint.listens_on(id) {
            Some(ListenOn::Socket(socket)) => socket,
            Some(ListenOn::AnyPort | ListenOn::Anything) | None => UNSPECIFIED,
        };
        let shared = Arc::new(ListenerShared::new(id, local, backlog));
        if self.listeners.len() <= id.index() {
            self.listeners.resize_with(id.index() + 1, || None);
        }
        self.listeners[id.index()] = Some(Arc::clone(&shared));
        Ok(TcpListener::new(shared, Arc::clone(&self.bell)))
    }

    /// CLOSE in LISTEN: who was not accepted is aborted (SM-CLOSE-10).
    pub(super) fn close_listener(&mut self, now: Instant, id: ListenerId) {
        let place = self.listeners.get_mut(id.index());
        let Some(place) = place.filter(|place| place.as_ref().is_some_and(|l| l.id == id)) else {
            return;
        };
        let Some(listener) = place.take() else { return };
        self.endpoint.close_listener(now, id);
        for cell in listener.drain() {
            self.detach(now, cell.id);
        }
        listener.fail(StackError::Stopped);
    }

    /// A connection that no application will have any more: it is reset, if it was opened.
    pub(super) fn detach(&mut self, now: Instant, id: ConnectionId) {
        self.deliver(now, id, |connection| connection.detach(now, Unread::Yes));
    }

    /// Tells the endpoint how many places of a backlog are free again.
    pub(super) fn count_accepted(&mut self, id: ListenerId) {
        let Some(listener) = self.listener(id) else { return };
        let taken = listener.take_accepted();
        if taken > 0 {
            self.endpoint.handle_accepted(id, taken);
        }
    }

    pub(super) fn listener(&self, id: ListenerId) -> Option<&Arc<ListenerShared>> {
        self.listeners.get(id.index())?.as_ref().filter(|listener| listener.id == id)
    }

    fn send_others(&mut self) {
        let (packets, dropped) = self.other.take_leaving();
        self.counters.other_dropped.add(dropped);
        packets.iter().for_each(|packet| self.send_other(packet));
    }

    fn send_other(&mut self, packet: &[u8]) {
        let link = destination(packet)
            .and_then(|address| self.interfaces.route_to(std::net::SocketAddr::new(address, 0)));
        // To ourselves there is no way but for TCP.
        let sent = link.filter(|link| *link != LinkId::LOOPBACK);
        match sent.map(|link| self.send_octets(link, packet)) {
            Some(true) => self.counters.other_out.add(1),
            Some(false) | None => self.counters.other_dropped.add(1),
        }
    }
}

/// Where a listener on everything says that it listens.
const UNSPECIFIED: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), 0);
