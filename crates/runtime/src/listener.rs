//! TcpListener: connections that came in and wait for the application.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use synack_tcb::{ConnectionConfig, ListenError, ListenOn, ListenerConfig, ListenerId, Shard};
use tokio::sync::{Notify, oneshot};

use crate::cell::ConnectionCell;
use crate::congestion::CongestionFactory;
use crate::driver::{Bell, Request};
use crate::error::{self, StackError};
use crate::stream::TcpStream;
use crate::sync::{Mutex, lock, register};

/// Accepts connections, shaped as [`tokio::net::TcpListener`].
///
/// It comes from [`Stack::listen`](crate::Stack::listen). Dropping it stops listening: handshakes
/// that were half done are forgotten, connections that nobody accepted are reset, and those that
/// were accepted live on.
pub struct TcpListener {
    shared: Arc<ListenerShared>,
    bell: Arc<Bell>,
}

/// A passive open on its way: a future that becomes a [`TcpListener`], from
/// [`Stack::listen`](crate::Stack::listen).
///
/// # Cancel safety
/// Dropping it undoes the open.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Listen {
    bell: Arc<Bell>,
    state: Listening,
}

#[derive(Debug)]
enum Listening {
    /// Not asked for yet.
    Planned {
        on: ListenOn,
        config: ListenerConfig,
        /// The stack's, to begin from when a part is changed.
        default_config: Arc<ConnectionConfig>,
    },
    /// The driver was asked.
    Asked(oneshot::Receiver<Result<TcpListener, ListenError>>),
    /// Done, one way or another.
    Over,
}

/// What the driver and the application share of a listener.
#[derive(Debug)]
pub(crate) struct ListenerShared {
    pub(crate) id: ListenerId,
    local: SocketAddr,
    queue: Mutex<AcceptQueue>,
    /// Of those who wait in `accept`.
    arrived: Notify,
}

#[derive(Debug)]
struct AcceptQueue {
    connections: VecDeque<Arc<ConnectionCell>>,
    /// The task that polled last.
    waker: Option<Waker>,
    failure: Option<StackError>,
    /// Of each shard.
    parts: Box<[Part]>,
    /// With so many waiting, a driver is told at once of what was taken.
    nearly_full: u32,
}

/// What a shard has in the queue.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// Connections that wait.
    waiting: u32,
    /// Taken by the application since the driver asked last.
    taken: u32,
}

/// Nothing comes into the queue any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Closed;

impl TcpListener {
    pub(crate) fn new(shared: Arc<ListenerShared>, bell: Arc<Bell>) -> Self {
        Self { shared, bell }
    }

    /// The next connection, and its peer.
    ///
    /// # Errors
    /// A [`StackError`] when the stack is gone, after every connection that came in before.
    ///
    /// # Cancel safety
    /// Dropping the future loses no connection. Any number of tasks may wait; one of them gets it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            // However fast they come in, other tasks of this thread get their turn.
            tokio::task::coop::consume_budget().await;
            let notified = self.shared.arrived.notified();
            if let Some(taken) = self.take() {
                return taken;
            }
            notified.await;
        }
    }

    /// As [`accept`](Self::accept). Of the tasks that poll, the last one is woken.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        if let Some(taken) = self.take() {
            coop.made_progress();
            return Poll::Ready(taken);
        }
        register(&mut lock(&self.shared.queue).waker, cx);
        // It may have come in between.
        match self.take() {
            Some(taken) => Poll::Ready(taken),
            None => Poll::Pending,
        }
    }

    /// The address and port that it listens on; the port chosen for it, if it was to choose.
    ///
    /// # Errors
    /// None; the signature is that of tokio.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.shared.local)
    }

    /// Takes a connection out of the queue.
    fn take(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        let mut queue = lock(&self.shared.queue);
        let Some(cell) = queue.connections.pop_front() else {
            return queue.failure.clone().map(|failure| Err(failure.into()));
        };
        let has_more = !queue.connections.is_empty();
        let nearly_full = queue.nearly_full;
        let part = &mut queue.parts[cell.bell().shard().index()];
        let must_tell = part.waiting >= nearly_full;
        part.waiting -= 1;
        part.taken += 1;
        drop(queue);
        if has_more {
            // Arrivals in a row leave one notice between them.
            self.shared.arrived.notify_one();
        }
        if must_tell {
            let _gone = cell.bell().ask(Request::Accepted(self.shared.id));
        }
        let peer = cell.path().remote();
        Some(Ok((TcpStream::new(cell), peer)))
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        // A stack that is gone has no listener any more.
        let _gone = self.bell.ask(Request::CloseListener(self.shared.id));
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.shared.local).finish_non_exhaustive()
    }
}

impl Listen {
    pub(crate) fn new(
        bell: Arc<Bell>,
        on: ListenOn,
        default_config: Arc<ConnectionConfig>,
    ) -> Self {
        let config = ListenerConfig::default();
        Self { bell, state: Listening::Planned { on, config, default_config } }
    }

    /// How many connections may wait to be accepted: 1,024 unless set.
    pub fn backlog(self, connections_max: u32) -> Self {
        self.configure(|config| config.backlog = connections_max)
    }

    /// Governs how much its connections may have in flight.
    pub fn congestion(self, factory: impl CongestionFactory + 'static) -> Self {
        self.configure_connections(|config| config.congestion = Arc::new(factory))
    }

    /// Changes any part of what its connections get, instead of what the stack gives. No effect
    /// once the future was polled.
    pub fn configure_connections(mut self, change: impl FnOnce(&mut ConnectionConfig)) -> Self {
        if let Listening::Planned { config, default_config, .. } = &mut self.state {
            let connection = config.connection.get_or_insert_with(|| Arc::clone(default_config));
            change(Arc::make_mut(connection));
        }
        self
    }

    /// Changes any part of the configuration. No effect once the future was polled.
    pub fn configure(mut self, change: impl FnOnce(&mut ListenerConfig)) -> Self {
        if let Listening::Planned { config, .. } = &mut self.state {
            change(config);
        }
        self
    }
}

impl Future for Listen {
    type Output = io::Result<TcpListener>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Listening::Planned { on, config, .. } = &this.state {
            let (reply, answer) = oneshot::channel();
            let (on, config) = (*on, config.clone());
            let request = Request::Listen { on, config, shared: None, reply };
            this.state = Listening::Asked(answer);
            this.bell.ask(request)?;
        }
        let Listening::Asked(answer) = &mut this.state else {
            return Poll::Ready(Err(io::Error::other("the listen is over")));
        };
        let answered = ready!(Pin::new(answer).poll(cx));
        this.state = Listening::Over;
        Poll::Ready(match answered {
            Ok(Ok(listener)) => Ok(listener),
            Ok(Err(error)) => Err(error::of_listen(error)),
            Err(_) => Err(this.bell.failure().into()),
        })
    }
}

impl ListenerShared {
    /// What the shards of a stack share of a listener, each with its part of the backlog.
    pub(crate) fn new(id: ListenerId, local: SocketAddr, backlog: u32, shards: NonZeroU16) -> Self {
        let part_of_backlog = backlog.div_ceil(shards.get().into());
        let queue = AcceptQueue {
            connections: VecDeque::new(),
            waker: None,
            failure: None,
            parts: vec![Part::default(); shards.get().into()].into(),
            nearly_full: part_of_backlog.div_ceil(2).max(1),
        };
        Self { id, local, queue: Mutex::new(queue), arrived: Notify::new() }
    }

    /// A connection came in. Returns how many of its shard's the application took since this was
    /// asked last.
    ///
    /// # Errors
    /// The listener was closed: the application will not have the connection.
    pub(crate) fn push(&self, cell: Arc<ConnectionCell>) -> Result<u32, Closed> {
        let mut queue = lock(&self.queue);
        if queue.failure.is_some() {
            return Err(Closed);
        }
        let part = &mut queue.parts[cell.bell().shard().index()];
        part.waiting += 1;
        let taken = std::mem::take(&mut part.taken);
        queue.connections.push_back(cell);
        let waker = queue.waker.take();
        drop(queue);
        waker.into_iter().for_each(Waker::wake);
        self.arrived.notify_one();
        Ok(taken)
    }

    /// How many connections of a shard the application took since this was asked last.
    pub(crate) fn take_accepted(&self, shard: Shard) -> u32 {
        std::mem::take(&mut lock(&self.queue).parts[shard.index()].taken)
    }

    /// Nothing will come in any more: `accept` fails once it has given out what there is.
    pub(crate) fn fail(&self, failure: StackError) {
        let mut queue = lock(&self.queue);
        queue.failure = Some(failure);
        let waker = queue.waker.take();
        drop(queue);
        waker.into_iter().for_each(Waker::wake);
        // The notice stays, for each to pass on to the next.
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }

    /// What nobody accepted, for the driver to abort.
    pub(crate) fn drain(&self) -> VecDeque<Arc<ConnectionCell>> {
        std::mem::take(&mut lock(&self.queue).connections)
    }
}
