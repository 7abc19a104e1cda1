//! One visit of the driver to a connection: what it tells, and what it wants to send.
//!
//! This is the only caller of `poll_transmit`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use synack_tcb::{EndpointEvent, Instant, TransmitLimits};
use synack_wire::TcpPacket;

use crate::cell::{CellState, ConnectionCell, Wakes};
use crate::error::StackError;

/// What a visit found, beside packets and events.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    /// Whom to wake.
    pub(crate) wakes: Wakes,
    /// Whether there may be more to send than was taken.
    pub(crate) has_more: bool,
    /// When to come again, if that is earlier than the driver would.
    pub(crate) deadline: Option<Instant>,
}

/// How much a visit may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sending {
    /// So many segments.
    UpTo(usize),
    /// None: the device is full.
    Nothing,
}

/// What visits fill: kept by the driver, so that a visit allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) packets: Vec<TcpPacket>,
    pub(crate) events: Vec<EndpointEvent>,
}

impl ConnectionCell {
    /// Takes what the connection tells and sends, in the order that `Connection` asks for.
    ///
    /// # Errors
    /// The connection's code panicked, now or before.
    pub(crate) fn visit(
        &self,
        now: Instant,
        sending: Sending,
        outbox: &mut Outbox,
    ) -> Result<Visit, StackError> {
        self.queued.clear();
        self.guarded(|state| {
            let connection = state.connection()?;
            let events = connection.poll_events();
            poll_endpoint_events(connection, outbox);
            let wakes = state.take_wakes(events);
            // Someone is about to read: the reader that wakes, or whoever accepts the connection.
            let may_answer = wakes.reader.is_some() || !state.is_taken;
            let connection = state.connection()?;
            let has_more = match sending {
                Sending::UpTo(_) if may_answer && connection.await_answer(now) => false,
                Sending::UpTo(segments) => poll_packets(connection, now, segments, outbox),
                Sending::Nothing => connection.wants_transmit(),
            };
            poll_endpoint_events(connection, outbox);
            state.trace_state();
            Ok(Visit { wakes, has_more, deadline: state.rearm() })
        })
    }

    /// Calls into the connection as the driver does: a panic ends this connection and no other.
    ///
    /// # Errors
    /// What `call` returns, or [`StackError::Panicked`].
    pub(crate) fn guarded<T>(
        &self,
        call: impl FnOnce(&mut CellState) -> Result<T, StackError>,
    ) -> Result<T, StackError> {
        // The lock is taken inside: a panic poisons it, so no one sees the connection half changed.
        let guarded = catch_unwind(AssertUnwindSafe(|| call(&mut self.lock())));
        guarded.unwrap_or(Err(StackError::Panicked))
    }
}

impl CellState {
    /// The deadline, if the driver would come later; it is noted that it comes then.
    fn rearm(&mut self) -> Option<Instant> {
        let deadline = self.deadline()?;
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return None;
        }
        self.armed = Some(deadline);
        Some(deadline)
    }
}

/// Takes packets until there is none or they stand for `segments_max`, give or take a
/// super-segment. Says whether there may be more.
fn poll_packets(
    connection: &mut synack_tcb::Connection,
    now: Instant,
    segments_max: usize,
    outbox: &mut Outbox,
) -> bool {
    let mut left = segments_max;
    while left > 0 {
        let Some(packet) = connection.poll_transmit(now, LIMITS) else { return false };
        left = left.saturating_sub(packet.segments() as usize);
        outbox.packets.push(packet);
    }
    true
}

pub(crate) fn poll_endpoint_events(connection: &mut synack_tcb::Connection, outbox: &mut Outbox) {
    // Two at most: TIME-WAIT, and the release.
    while let Some(event) = connection.poll_endpoint_event() {
        outbox.events.push(event);
    }
}

/// Every device is given super-segments, one plan and one look at the timers for many segments; for
/// one that cannot cut them up the driver does.
const LIMITS: TransmitLimits = TransmitLimits { super_segment_max: SUPER_SEGMENT_MAX };
/// What the length field of IP leaves beside the longest headers. Units: octets.
const SUPER_SEGMENT_MAX: u32 = 65_535 - 100;
