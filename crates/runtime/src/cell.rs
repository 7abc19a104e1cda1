//! One connection as the driver and the streams share it: its lock, and who waits for it.
//!
//! A call holds the lock for no longer than a copy of octets. Wakers are collected under it and
//! woken after it; the bell is rung after it. No other lock is ever taken while it is held.

use std::sync::{Arc, PoisonError};
use std::task::{Context, Waker};

use synack_tcb::{Connection, ConnectionId, Events, FourTuple, Instant, State};
use tokio::sync::Notify;

use crate::doorbell::Queued;
use crate::driver::Bell;
use crate::error::StackError;
use crate::events::EventQueue;
use crate::sync::{Mutex, MutexGuard, register};

/// A connection, and what belongs to it outside of the state machine: one allocation for both, as
/// there may be a million of them.
#[derive(Debug)]
pub(crate) struct ConnectionCell {
    pub(crate) id: ConnectionId,
    pub(crate) queued: Queued,
    bell: Arc<Bell>,
    state: Mutex<CellState>,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct CellState {
    connection: Connection,
    /// Why no call reaches the connection any more.
    failure: Option<StackError>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Of those who wait by `&self`; made when the first one does.
    waiting: Option<Arc<Notify>>,
    /// What the application asked to be told of; made when it does.
    pub(crate) news: Option<Box<EventQueue>>,
    /// When the driver visits by itself.
    pub(crate) armed: Option<Instant>,
    /// Whether the application has it; until then, it waits to be accepted.
    pub(crate) is_taken: bool,
    /// The state that was last traced.
    traced: State,
}

/// Whom to wake, once the lock is released.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) reader: Option<Waker>,
    writer: Option<Waker>,
    news: Option<Waker>,
    waiting: Option<Arc<Notify>>,
}

impl ConnectionCell {
    pub(crate) fn new(id: ConnectionId, connection: Connection, bell: Arc<Bell>) -> Self {
        let traced = connection.state();
        let state = CellState {
            connection,
            failure: None,
            reader: None,
            writer: None,
            waiting: None,
            news: None,
            armed: None,
            is_taken: false,
            traced,
        };
        Self { id, queued: Queued::new(), bell, state: Mutex::new(state) }
    }

    /// Addresses and ports.
    pub(crate) fn path(&self) -> FourTuple {
        self.lock().connection.path()
    }

    /// The doorbell of the driver that it belongs to.
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Locks the cell. After a panic under the lock, the connection counts as failed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(|poisoned| {
            let mut state = PoisonError::into_inner(poisoned);
            state.failure.get_or_insert(StackError::Panicked);
            state
        })
    }

    /// Performs a call of the application, and asks for a visit of the driver if the connection
    /// wants one then.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&mut CellState, Instant) -> T) -> T {
        let now = self.bell.clock.now();
        let mut state = self.lock();
        let result = call(&mut state, now);
        let wants_visit = state.wants_visit();
        drop(state);
        if wants_visit {
            self.bell.ring(&self.queued, self.id);
        }
        result
    }

    /// As [`call`](Self::call), for what the driver must see in any case: an end, or a change of
    /// timers.
    pub(crate) fn call_and_ring<T>(&self, call: impl FnOnce(&mut CellState, Instant) -> T) -> T {
        let now = self.bell.clock.now();
        let result = call(&mut self.lock(), now);
        self.bell.ring(&self.queued, self.id);
        result
    }

    /// Makes every call fail with `failure` from now on, and wakes everyone.
    pub(crate) fn fail(&self, failure: StackError) {
        let mut state = self.lock();
        state.failure.get_or_insert(failure);
        let wakes = state.take_all_wakes();
        drop(state);
        wakes.wake();
    }

    /// Waits until `is_ready`, by `&self`: any number of tasks may. Dropping the future leaves
    /// nothing behind.
    pub(crate) async fn wait_until(&self, is_ready: impl Fn(&CellState) -> bool) {
        let notify = {
            let mut state = self.lock();
            if is_ready(&state) {
                return;
            }
            Arc::clone(state.waiting.get_or_insert_with(Arc::default))
        };
        loop {
            let mut notified = std::pin::pin!(notify.notified());
            // Registered before the question is asked again, so that no change is missed.
            notified.as_mut().enable();
            if is_ready(&self.lock()) {
                return;
            }
            notified.await;
        }
    }
}

impl CellState {
    /// The connection, unless it was given up.
    ///
    /// # Errors
    /// Why it was.
    pub(crate) fn connection(&mut self) -> Result<&mut Connection, StackError> {
        match &self.failure {
            None => Ok(&mut self.connection),
            Some(failure) => Err(failure.clone()),
        }
    }

    /// The connection to look at, in whatever state it is.
    pub(crate) fn look(&self) -> Result<&Connection, StackError> {
        match &self.failure {
            None => Ok(&self.connection),
            Some(failure) => Err(failure.clone()),
        }
    }

    /// Whether a read would return at once.
    pub(crate) fn is_readable(&self) -> bool {
        self.failure.is_some() || self.connection.is_readable()
    }

    /// Whether a write would return at once.
    pub(crate) fn is_writable(&self) -> bool {
        self.failure.is_some() || self.connection.is_writable()
    }

    /// Wakes this task when there is something to read.
    pub(crate) fn register_reader(&mut self, cx: &mut Context<'_>) {
        register(&mut self.reader, cx);
    }

    /// Wakes this task when there is room to write, or the handshake is complete.
    pub(crate) fn register_writer(&mut self, cx: &mut Context<'_>) {
        register(&mut self.writer, cx);
    }

    /// Takes out whom `events` concern, and notes what the application asked to be told of.
    pub(crate) fn take_wakes(&mut self, events: Events) -> Wakes {
        let mut wakes = Wakes::default();
        if events.is_empty() {
            return wakes;
        }
        let for_readers = Events::READABLE | Events::PEER_CLOSED | Events::CLOSED;
        let for_writers = Events::WRITABLE | Events::CONNECTED | Events::CLOSED;
        if events.intersects(for_readers) {
            wakes.reader = self.reader.take();
        }
        if events.intersects(for_writers) {
            wakes.writer = self.writer.take();
        }
        if events.intersects(for_readers | for_writers) {
            wakes.waiting.clone_from(&self.waiting);
        }
        if let Some(news) = &mut self.news {
            wakes.news = news.note(events, &self.connection);
        }
        wakes
    }

    /// Takes out everyone: the connection was given up.
    fn take_all_wakes(&mut self) -> Wakes {
        Wakes {
            reader: self.reader.take(),
            writer: self.writer.take(),
            news: self.news.as_mut().and_then(|news| news.end()),
            waiting: self.waiting.clone(),
        }
    }

    /// Traces the state, if it changed since this was called last.
    pub(crate) fn trace_state(&mut self) {
        let state = self.connection.state();
        let before = std::mem::replace(&mut self.traced, state);
        if before != state {
            tracing::debug!(path = ?self.connection.path(), "{before} -> {state}");
        }
    }

    /// When the connection wants to be called by itself: for TCP, or to give back memory.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let quiet_at = self.connection.quiet_at();
        let deadline = self.connection.deadline();
        deadline.map_or(quiet_at, |at| Some(quiet_at.map_or(at, |quiet_at| at.min(quiet_at))))
    }

    /// Whether the driver should come: to send, or to be told of an earlier deadline.
    fn wants_visit(&self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        if self.connection.wants_transmit() {
            return true;
        }
        match (self.deadline(), self.armed) {
            (Some(deadline), Some(armed)) => deadline < armed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

impl Wakes {
    /// How many tasks, but that all who wait by `&self` count as one.
    pub(crate) fn len(&self) -> usize {
        let Self { reader, writer, news, waiting } = self;
        let tasks = [reader, writer, news].into_iter().flatten().count();
        tasks + usize::from(waiting.is_some())
    }

    /// Wakes everyone. The cell must not be locked.
    pub(crate) fn wake(self) {
        let Self { reader, writer, news, waiting } = self;
        [reader, writer, news].into_iter().flatten().for_each(Waker::wake);
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
    }
}
