//! The end of a stack that was asked for: everything is closed, and aborted at a deadline.

use synack_tcb::Instant;
use tokio::sync::oneshot;

use super::{Driver, SHUTDOWN_KEY};

/// A shutdown in progress.
#[derive(Debug)]
pub(crate) struct Shutdown {
    deadline: Instant,
    replies: Vec<oneshot::Sender<usize>>,
    /// Connections that had to be aborted.
    aborted: usize,
}

impl Driver {
    /// Closes every listener and every connection, and notes when to abort what is left.
    pub(super) fn begin_shutdown(
        &mut self,
        now: Instant,
        deadline: tokio::time::Instant,
        reply: oneshot::Sender<usize>,
    ) {
        let deadline = self.bell.clock.of_tokio(deadline);
        let listeners = self.listeners.iter().flatten();
        for id in listeners.map(|listener| listener.id).collect::<Vec<_>>() {
            self.close_listener(now, id);
        }
        for id in self.table.ids() {
            self.deliver(now, id, |connection| connection.close(now));
        }
        self.wheel.arm(SHUTDOWN_KEY, deadline);
        let shutdown =
            self.shutdown.get_or_insert(Shutdown { deadline, replies: Vec::new(), aborted: 0 });
        shutdown.deadline = shutdown.deadline.min(deadline);
        shutdown.replies.push(reply);
    }

    /// The time that was given for an orderly end may be over.
    pub(super) fn handle_shutdown_timeout(&mut self, now: Instant) {
        let Some(shutdown) = &mut self.shutdown else { return };
        if now < shutdown.deadline {
            self.wheel.arm(SHUTDOWN_KEY, shutdown.deadline);
            return;
        }
        shutdown.aborted += self.table.len();
        for id in self.table.ids() {
            self.deliver(now, id, |connection| connection.abort(now));
        }
        self.is_last_turn = true;
    }

    /// Says that the shutdown is complete.
    pub(super) fn end_shutdown(&mut self) {
        let Some(Shutdown { replies, aborted, .. }) = self.shutdown.take() else { return };
        for reply in replies {
            let _cancelled = reply.send(aborted);
        }
    }
}
