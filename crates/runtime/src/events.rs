//! What happens to a connection beside its two streams of octets, for an application that asks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use synack_tcb::{Connection, Events, SoftError};

use crate::cell::ConnectionCell;
use crate::sync::register;

/// One thing that happened, and did not end the connection (RFC 9293 §3.9.1.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamEvent {
    /// A problem on the way: an ICMP error, or a segment that was sent again and again.
    SoftError(SoftError),
    /// The peer marked text as urgent (RFC 9293 §3.8.5). It stays in line with the rest, and a read
    /// stops where it ends.
    Urgent {
        /// Octets from the next one to be read to the last urgent one.
        octets_left: u32,
    },
}

/// The events of one connection from the moment of [`TcpStream::events`](crate::TcpStream::events)
/// on, as a [`Stream`].
///
/// It may be ignored: it holds the last 16 events, and counts what it had to forget. It ends with
/// the connection, and does not keep it open.
#[derive(Debug)]
pub struct StreamEvents {
    cell: Arc<ConnectionCell>,
}

/// What waits to be taken out.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    events: VecDeque<StreamEvent>,
    missed: u64,
    is_ended: bool,
    waker: Option<Waker>,
}

impl StreamEvents {
    /// Begins to gather the events of `cell`.
    pub(crate) fn new(cell: Arc<ConnectionCell>) -> Self {
        let mut state = cell.lock();
        let is_over = state.look().map_or(true, |connection| connection.close_reason().is_some());
        state.news.get_or_insert_with(Box::default).is_ended = is_over;
        drop(state);
        Self { cell }
    }

    /// The next event; `None` when the connection is over.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn recv(&mut self) -> Option<StreamEvent> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv). The last task that polled is the one that is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamEvent>> {
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let mut state = self.cell.lock();
        let Some(queue) = &mut state.news else { return Poll::Ready(None) };
        if let Some(event) = queue.events.pop_front() {
            coop.made_progress();
            return Poll::Ready(Some(event));
        }
        if queue.is_ended {
            return Poll::Ready(None);
        }
        register(&mut queue.waker, cx);
        Poll::Pending
    }

    /// How many events were forgotten because nobody took them.
    pub fn missed(&self) -> u64 {
        self.cell.lock().news.as_ref().map_or(0, |queue| queue.missed)
    }
}

impl Stream for StreamEvents {
    type Item = StreamEvent;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<StreamEvent>> {
        self.poll_recv(cx)
    }
}

impl EventQueue {
    /// Keeps what of `events` belongs here; returns whom to wake.
    pub(crate) fn note(&mut self, events: Events, connection: &Connection) -> Option<Waker> {
        if events.intersects(Events::SOFT_ERROR)
            && let Some(error) = connection.last_soft_error()
        {
            self.push(StreamEvent::SoftError(error));
        }
        if events.intersects(Events::URGENT) {
            let octets_left = connection.info().urgent_left;
            self.push(StreamEvent::Urgent { octets_left });
        }
        if events.intersects(Events::CLOSED) {
            self.is_ended = true;
        }
        if self.events.is_empty() && !self.is_ended { None } else { self.waker.take() }
    }

    /// Nothing more will happen; returns whom to wake.
    pub(crate) fn end(&mut self) -> Option<Waker> {
        self.is_ended = true;
        self.waker.take()
    }

    fn push(&mut self, event: StreamEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
            self.missed += 1;
        }
        self.events.push_back(event);
    }
}

/// Events that wait for the application; an attacker's ICMP errors fill no more.
const EVENTS_MAX: usize = 16;
