//! Does what the application asks: connect, listen, send a packet, tell.

use std::io;
use std::sync::Arc;

use synack_tcb::{
    ConnectError, ConnectionId, EndpointEvent, Instant, LinkId, ListenError, ListenOn,
    ListenerConfig, ListenerId, Open, Release, Unread,
};

use super::Driver;
use super::bell::{ConnectReply, ListenReply, Request};
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
            Request::Connect { open, tried, reply } => self.answer_connect(now, open, tried, reply),
            Request::Listen { on, config, shared, reply } => {
                self.answer_listen(on, config, shared, reply);
            }
            Request::CloseListener(id) => {
                self.pass_on(Request::CloseListener(id));
                self.close_listener(now, id);
            }
            Request::Detach(id) => self.detach(now, id),
            Request::Accepted(id) => self.count_accepted(id),
            Request::SendOthers => self.send_others(),
            Request::List(reply) => {
                let _cancelled = reply.send(self.connections());
            }
            Request::ShutDown { deadline, reply } => self.begin_shutdown(now, deadline, reply),
            Request::HandlesGone => {
                self.pass_on(Request::HandlesGone);
                self.has_handles = false;
            }
            Request::TakeForwarded => self.take_forwarded(now),
            Request::PathMtu { path, mtu } => self.endpoint.handle_path_mtu(now, path, mtu),
            Request::LinkFailed { link, error } => self.lose_link(now, link, error),
            Request::Fail(failure) => self.failure = Some(failure),
        }
    }

    /// Asks the next shard the same, if there is one.
    fn pass_on(&self, request: Request) {
        if let Some(next) = self.place.next() {
            // A stack that is gone does no more.
            let _gone = next.ask(request);
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

    /// Opens a connection, or has the shard open it that can.
    fn answer_connect(&mut self, now: Instant, mut open: Open, tried: usize, reply: ConnectReply) {
        let link = self.interfaces.route_to(open.remote);
        self.choose_source(link, &mut open);
        if let Some(config) = &mut open.config {
            Arc::make_mut(config).copy_below = self.copy_below;
        }
        if let Some(owner) = self.endpoint.shard_of_open(&open) {
            self.place.ask(owner, Request::Connect { open, tried, reply });
            return;
        }
        let opened = self.connect(now, open.clone(), link);
        let tried = tried + 1;
        if matches!(opened, Err(Refusal::Open(ConnectError::NoPort))) && tried < self.place.count()
        {
            // Each shard has ports of its own to a remote.
            let next = (self.bell.shard().index() + 1) % self.place.count();
            self.place.ask(next, Request::Connect { open, tried, reply });
            return;
        }
        if let Err(Ok(stream)) = reply.send(opened.map_err(Refusal::into_error)) {
            // No one waits for it any more.
            self.detach(now, stream.cell().id);
        }
    }

    /// Where it matters, the local address is one of the link that leads to the remote.
    fn choose_source(&self, link: Option<LinkId>, open: &mut Open) {
        let is_local_chosen = open.local.is_some_and(|local| !local.ip().is_unspecified());
        if let Some(link) = link.filter(|_| !is_local_chosen)
            && let Some(mut source) = self.interfaces.source_on(link, open.remote.ip())
        {
            source.set_port(open.local.map_or(0, |local| local.port()));
            open.local = Some(source);
        }
    }

    fn connect(
        &mut self,
        now: Instant,
        open: Open,
        link: Option<LinkId>,
    ) -> Result<TcpStream, Refusal> {
        if self.shutdown.is_some() {
            return Err(Refusal::Open(ConnectError::NoRoute));
        }
        if self.place.is_done() {
            return Err(Refusal::Stack(StackError::Stopped));
        }
        // The endpoint judges the addresses first: what it says is more to the point.
        let opened = self.guarded(|endpoint| endpoint.connect(now, open));
        let opened = opened.ok_or(Refusal::Stack(StackError::Panicked))?;
        let (id, connection) = opened.map_err(Refusal::Open)?;
        let Some(link) = link else {
            let released = EndpointEvent::Released(Release::Orderly);
            self.endpoint.handle_event(now, id, released);
            return Err(Refusal::Open(ConnectError::NoRoute));
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
        let cell = Arc::new(ConnectionCell::new(id, *connection, bell));
        self.table.insert(Arc::clone(&cell), link);
        self.table.mark_ready(id);
        cell
    }

    /// Listens, and has the next shard do so too; the last one has the answer.
    fn answer_listen(
        &mut self,
        on: ListenOn,
        config: ListenerConfig,
        shared: Option<Arc<ListenerShared>>,
        reply: ListenReply,
    ) {
        let first = Arc::clone(self.place.all().first());
        let begun = shared.as_ref().map(|shared| shared.id);
        match (self.listen(on, config.clone(), shared), self.place.next()) {
            (Ok((on, shared)), Some(next)) => {
                let shared = Some(shared);
                // A stack that ends does no more.
                let _gone = next.ask(Request::Listen { on, config, shared, reply });
            }
            (Ok((_, shared)), None) => {
                let _cancelled = reply.send(Ok(TcpListener::new(shared, first)));
            }
            (Err(error), _) => {
                if let Some(id) = begun {
                    let _gone = first.ask(Request::CloseListener(id));
                }
                let _cancelled = reply.send(Err(error));
            }
        }
    }

    /// Returns what is listened on, with the port that was chosen if it was to be chosen.
    fn listen(
        &mut self,
        on: ListenOn,
        mut config: ListenerConfig,
        shared: Option<Arc<ListenerShared>>,
    ) -> Result<(ListenOn, Arc<ListenerShared>), ListenError> {
        if self.shutdown.is_some() || self.place.is_done() {
            return Err(ListenError::AddressNotAvailable);
        }
        if let Some(connection) = &mut config.connection {
            Arc::make_mut(connection).copy_below = self.copy_below;
        }
        let backlog = config.backlog;
        let id = self.endpoint.listen(on, config)?;
        let on = self.endpoint.listens_on(id).unwrap_or(on);
        let shared = shared.unwrap_or_else(|| {
            let local = match on {
                ListenOn::Socket(socket) => socket,
                ListenOn::AnyPort | ListenOn::Anything => UNSPECIFIED,
            };
            Arc::new(ListenerShared::new(id, local, backlog, self.bell.shard().count()))
        });
        debug_assert_eq!(shared.id, id, "listeners come and go in the same order in each shard");
        if self.listeners.len() <= id.index() {
            self.listeners.resize_with(id.index() + 1, || None);
        }
        self.listeners[id.index()] = Some(Arc::clone(&shared));
        Ok((on, shared))
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
            if Arc::ptr_eq(cell.bell(), &self.bell) {
                self.detach(now, cell.id);
            } else {
                // A shard that is gone has no connection any more.
                let _gone = cell.bell().ask(Request::Detach(cell.id));
            }
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
        let taken = listener.take_accepted(self.bell.shard());
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

/// Why a connection was not opened.
enum Refusal {
    Open(ConnectError),
    Stack(StackError),
}

impl Refusal {
    fn into_error(self) -> io::Error {
        match self {
            Self::Open(error) => error::of_connect(error),
            Self::Stack(error) => error.into(),
        }
    }
}

/// Where a listener on everything says that it listens.
const UNSPECIFIED: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), 0);
