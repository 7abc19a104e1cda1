//! What the application rings for: the doorbell of one driver, and all that may be asked of it.

use std::io;
use std::mem;
use std::sync::{Arc, OnceLock};
use std::task::Context;

use synack_tcb::{
    ConnectionId, FourTuple, LinkId, ListenError, ListenOn, ListenerConfig, ListenerId, Open, Shard,
};
use synack_wire::{IcmpError, TcpPacket};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::doorbell::{Doorbell, Queued, Visits};
use crate::error::StackError;
use crate::listener::{ListenerShared, TcpListener};
use crate::observe::Connections;
use crate::stream::TcpStream;
use crate::sync::{Mutex, lock};

/// The doorbell of one driver, and why no one answers it any more.
#[derive(Debug)]
pub(crate) struct Bell {
    /// The driver's: every connection reads it here, so that none keeps one.
    pub(crate) clock: Clock,
    door: Doorbell<ConnectionId, Request>,
    failure: OnceLock<StackError>,
    shard: Shard,
    /// What came to other shards and is for this one.
    inbox: Mutex<Vec<Forwarded>>,
}

/// What came to the wrong shard.
#[derive(Debug)]
pub(crate) enum Forwarded {
    /// A packet, with the link that it came in by.
    Tcp(LinkId, TcpPacket),
    /// An ICMP error.
    Icmp(IcmpError),
}

/// Who waits for a connection.
pub(super) type ConnectReply = oneshot::Sender<io::Result<TcpStream>>;
/// Who waits for a listener.
pub(super) type ListenReply = oneshot::Sender<Result<TcpListener, ListenError>>;

/// What the application asks, or another shard.
#[derive(Debug)]
pub(crate) enum Request {
    Connect {
        open: Open,
        /// Shards that had no port for it.
        tried: usize,
        reply: ConnectReply,
    },
    Listen {
        on: ListenOn,
        config: ListenerConfig,
        /// What the shards before this one made, which it is to take part in.
        shared: Option<Arc<ListenerShared>>,
        reply: ListenReply,
    },
    /// The listener's handle is gone.
    CloseListener(ListenerId),
    /// A connection that waited to be accepted will not be.
    Detach(ConnectionId),
    /// Connections were taken from a queue that is nearly full.
    Accepted(ListenerId),
    /// The application has IP packets of its own to send.
    SendOthers,
    /// Tell of all connections.
    List(oneshot::Sender<Connections>),
    /// Close everything, and abort at `deadline` what is left.
    ShutDown { deadline: tokio::time::Instant, reply: oneshot::Sender<usize> },
    /// The last handle of the stack is gone.
    HandlesGone,
    /// Packets came to another shard.
    TakeForwarded,
    /// A connection of another shard found out what packets its path takes.
    PathMtu { path: FourTuple, mtu: u32 },
    /// Another shard found a device gone.
    LinkFailed { link: LinkId, error: Arc<io::Error> },
    /// Another shard is gone, for this reason.
    Fail(StackError),
}

impl Bell {
    pub(crate) fn new(shard: Shard) -> Self {
        let inbox = Mutex::new(Vec::new());
        let clock = Clock::start();
        Self { clock, door: Doorbell::new(), failure: OnceLock::new(), shard, inbox }
    }

    /// The shard of the driver.
    pub(crate) fn shard(&self) -> Shard {
        self.shard
    }

    pub(crate) fn ring(&self, queued: &Queued, id: ConnectionId) {
        self.door.ring(queued, id);
    }

    /// Asks the driver.
    ///
    /// # Errors
    /// Why it is gone.
    pub(crate) fn ask(&self, request: Request) -> Result<(), StackError> {
        self.door.ask(request).map_err(|_request| self.failure())
    }

    /// Why the driver is gone, or would be if it were.
    pub(crate) fn failure(&self) -> StackError {
        self.failure.get().cloned().unwrap_or(StackError::Stopped)
    }

    /// The driver goes, for this reason. What was asked and not answered is dropped.
    pub(super) fn close(&self, failure: StackError) {
        // The first reason is the one that counts.
        let _before = self.failure.set(failure);
        drop(self.door.close());
        drop(mem::take(&mut *lock(&self.inbox)));
    }

    /// Gives the driver what came to another shard, as far as there is room. Returns how much of it
    /// was lost; afterwards `packets` is empty.
    pub(super) fn forward(&self, packets: &mut Vec<Forwarded>) -> usize {
        let mut inbox = lock(&self.inbox);
        let was_empty = inbox.is_empty();
        let room = FORWARDED_MAX.saturating_sub(inbox.len());
        let lost = packets.len().saturating_sub(room);
        inbox.extend(packets.drain(..packets.len() - lost));
        drop(inbox);
        packets.clear();
        if was_empty {
            // Of a stack that ends, nobody takes it.
            let _gone = self.ask(Request::TakeForwarded);
        }
        lost
    }

    /// Takes out what others forwarded, into `packets`, which is empty.
    pub(super) fn take_forwarded(&self, packets: &mut Vec<Forwarded>) {
        mem::swap(&mut *lock(&self.inbox), packets);
    }

    pub(super) fn let_ring(&self) {
        self.door.let_ring();
    }

    pub(super) fn take_visits(
        &self,
        cx: &mut Context<'_>,
        visits: &mut Visits<ConnectionId, Request>,
    ) {
        self.door.take_visits(cx, visits);
    }
}

/// Packets that wait for one shard, as many as a queue of a TUN device holds by default
/// (`txqueuelen`).
const FORWARDED_MAX: usize = 500;
