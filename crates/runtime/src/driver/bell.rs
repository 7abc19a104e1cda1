//! What the application rings for: the doorbell of one driver, and all that may be asked of it.

use std::io;
use std::sync::OnceLock;
use std::task::Context;

use synack_tcb::{ConnectionId, ListenError, ListenOn, ListenerConfig, ListenerId, Open};
use tokio::sync::oneshot;

use crate::doorbell::{Doorbell, Queued, Visits};
use crate::error::StackError;
use crate::listener::TcpListener;
use crate::observe::Connections;
use crate::stream::TcpStream;

/// The doorbell of one driver, and why no one answers it any more.
#[derive(Debug)]
pub(crate) struct Bell {
    door: Doorbell<ConnectionId, Request>,
    failure: OnceLock<StackError>,
}

/// What the application asks.
#[derive(Debug)]
pub(crate) enum Request {
    Connect {
        open: Open,
        reply: oneshot::Sender<io::Result<TcpStream>>,
    },
    Listen {
        on: ListenOn,
        config: ListenerConfig,
        reply: oneshot::Sender<Result<TcpListener, ListenError>>,
    },
    /// The listener's handle is gone.
    CloseListener(ListenerId),
    /// Connections were taken from a queue that is nearly full.
    Accepted(ListenerId),
    /// The application has IP packets of its own to send.
    SendOthers,
    /// Tell of all connections.
    List(oneshot::Sender<Connections>),
    /// Close everything, and abort at `deadline` what is left.
    ShutDown {
        deadline: tokio::time::Instant,
        reply: oneshot::Sender<usize>,
    },
    /// The last handle of the stack is gone.
    HandlesGone,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self { door: Doorbell::new(), failure: OnceLock::new() }
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
