//! The driver: the one task that owns a stack's devices, its endpoint, its timers and its table of
//! connections.
//!
//! ```text
//! each turn: receive ─▶ doorbell ─▶ wheel ─▶ tell of path MTUs ─▶ visit the ready
//!            ─▶ send what the endpoint says
//!            sleeps on: a device, the doorbell, the first deadline
//! ```
//!
//! Nobody else touches what it owns, so nothing of it has a lock but the cells. It makes no system
//! call, wakes no one and awaits nothing while it holds one.

mod backlog;
mod bell;
mod control;
mod receive;
mod send;
mod shards;
mod shutdown;
mod table;

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

pub(crate) use backlog::Backlog;
pub(crate) use bell::{Bell, Request};
pub(crate) use shards::{Place, Shards};
use shutdown::Shutdown;
use synack_tcb::{
    ConnectionId, Endpoint, EndpointConfig, EndpointCounters, EndpointEvent, Instant,
};
use synack_wire::TcpPacket;
use table::{Entry, Table};
use tokio::time::Sleep;

use crate::doorbell::Visits;
use crate::error::StackError;
use crate::flush::Outbox;
use crate::interfaces::Interfaces;
use crate::listener::ListenerShared;
use crate::observe::Counters;
use crate::other_packets::OtherQueue;
use crate::wheel::Wheel;

/// The driver of one stack, or of one of its shards: a future that ends with the stack.
pub(crate) struct Driver {
    endpoint: Endpoint,
    interfaces: Interfaces,
    table: Table,
    listeners: Vec<Option<Arc<ListenerShared>>>,
    /// Packets of the stack to itself.
    loopback: VecDeque<TcpPacket>,
    wheel: Wheel,
    alarm: Alarm,
    bell: Arc<Bell>,
    place: Place,
    other: Arc<OtherQueue>,
    counters: Arc<Counters>,
    /// What the endpoint had counted when that was shown last.
    shown: EndpointCounters,
    /// Payloads shorter than this are copied: half of a receive block.
    copy_below: usize,
    /// Whether anyone can still ask for more than there is.
    has_handles: bool,
    shutdown: Option<Shutdown>,
    /// Each connection is visited once more, and then the driver ends.
    is_last_turn: bool,
    /// Why the stack ends, if not in order.
    failure: Option<StackError>,
    visits: Visits<ConnectionId, Request>,
    /// Tasks that this turn woke.
    woken: usize,
    outbox: Outbox,
    scratch: Vec<u8>,
}

/// Tokio's timer, as lazy as the wheel: it is moved to an earlier time only.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// When it rings, if it is set.
    set_for: Option<Instant>,
}

/// Whether there is something to do at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    More,
    Idle,
}

impl Driver {
    pub(crate) fn new(
        mut config: EndpointConfig,
        secret: [u8; 32],
        interfaces: Interfaces,
        place: Place,
        other: Arc<OtherQueue>,
        counters: Arc<Counters>,
    ) -> Self {
        let copy_below = interfaces.block_len_max() / 2;
        Arc::make_mut(&mut config.connection).copy_below = copy_below;
        let bell = Arc::clone(place.own());
        let mut endpoint = Endpoint::of_shard(config, secret, bell.shard());
        endpoint.set_addresses(&interfaces.addresses());
        Self {
            endpoint,
            interfaces,
            table: Table::default(),
            listeners: Vec::new(),
            loopback: VecDeque::new(),
            wheel: Wheel::new(),
            alarm: Alarm::new(),
            bell,
            place,
            other,
            counters,
            shown: EndpointCounters::default(),
            copy_below,
            has_handles: true,
            shutdown: None,
            is_last_turn: false,
            failure: None,
            visits: Visits::new(),
            woken: 0,
            outbox: Outbox::default(),
            scratch: Vec::new(),
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Turn {
        self.counters.turns.add(1);
        self.woken = 0;
        let mut has_more = self.receive(cx, now);
        if self.failure.is_some() {
            return Turn::Idle;
        }
        self.hand_over();
        self.answer_bell(cx, now);
        self.advance_wheel(now);
        has_more |= self.tell_path_mtus(now);
        has_more |= self.visit_ready(cx, now);
        has_more |= self.send_for_endpoint(now);
        // Last: what came in, the visits and what was sent all move its deadline.
        if let Some(deadline) = self.endpoint.deadline() {
            self.wheel.arm(ENDPOINT_KEY, deadline);
        }
        self.show_counters();
        if has_more || !self.loopback.is_empty() { Turn::More } else { Turn::Idle }
    }

    /// Does what was rung for.
    fn answer_bell(&mut self, cx: &mut Context<'_>, now: Instant) {
        let mut visits = mem::replace(&mut self.visits, Visits::new());
        self.bell.take_visits(cx, &mut visits);
        for id in visits.connections.drain(..) {
            self.table.mark_ready(id);
        }
        for request in visits.requests.drain(..) {
            self.answer(now, request);
        }
        self.visits = visits;
    }

    /// Shows what the endpoint counted, if that is more than was shown.
    fn show_counters(&mut self) {
        let counters = self.endpoint.counters();
        if counters != self.shown {
            self.shown = counters;
            self.counters.show_endpoint(counters);
        }
    }

    /// Calls everyone whose time has come.
    fn advance_wheel(&mut self, now: Instant) {
        while let Some(key) = self.wheel.poll(now) {
            match key {
                ENDPOINT_KEY => self.endpoint.handle_timeout(now),
                SHUTDOWN_KEY => self.handle_shutdown_timeout(now),
                _ => self.handle_timer(now, (key - FIRST_CONNECTION_KEY) as usize),
            }
        }
    }

    fn handle_timer(&mut self, now: Instant, index: usize) {
        let Some(entry) = self.table.at(index) else { return };
        let id = entry.cell.id;
        // The visit that follows arms it again.
        entry.cell.lock().armed = None;
        self.counters.timers.add(1);
        self.deliver(now, id, |connection| connection.handle_timeout(now));
    }

    /// Carries to the endpoint what the connection `id` said.
    fn carry_events(&mut self, now: Instant, id: ConnectionId) {
        let mut is_released = false;
        for event in self.outbox.events.drain(..) {
            match &event {
                EndpointEvent::Released(_) => is_released = true,
                EndpointEvent::PathMtu(mtu) => {
                    if let Some(entry) = self.table.get(id) {
                        self.place.tell_path_mtu(entry.cell.path(), *mtu);
                    }
                }
                EndpointEvent::TimeWait(_) => {}
            }
            self.endpoint.handle_event(now, id, event);
        }
        if is_released {
            self.release(id);
        }
    }

    /// Tells connections what others to the same destination found out of the path. Says whether
    /// there may be more.
    fn tell_path_mtus(&mut self, now: Instant) -> bool {
        for _ in 0..TOLD_MAX {
            let Some((id, mtu)) = self.endpoint.poll_path_mtu() else { return false };
            let Some(entry) = self.table.get(id) else { continue };
            let told = entry.cell.guarded(|state| {
                state.connection()?.handle_path_mtu(now, mtu);
                Ok(())
            });
            match told {
                Ok(()) => self.table.mark_ready(id),
                Err(failure) => self.give_up(now, id, failure),
            }
        }
        true
    }

    /// A connection concerns the driver no more: tells its application the last, and forgets it.
    fn release(&mut self, id: ConnectionId) {
        let Some(entry) = self.forget(id) else { return };
        let last_words = entry.cell.guarded(|state| {
            let events = state.connection()?.poll_events();
            Ok(state.take_wakes(events))
        });
        match last_words {
            Ok(wakes) => wakes.wake(),
            Err(failure) => entry.cell.fail(failure),
        }
    }

    /// Takes a connection out of everything that leads to it.
    fn forget(&mut self, id: ConnectionId) -> Option<Entry> {
        let entry = self.table.remove(id)?;
        self.wheel.disarm(wheel_key(id));
        self.counters.released.add(1);
        if self.table.is_empty() {
            self.interfaces.shrink();
        }
        Some(entry)
    }

    /// Calls the endpoint where it may run the code of a connection: a panic there, after which it
    /// is `None`, ends one handshake and no more.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut Endpoint) -> T) -> Option<T> {
        let endpoint = &mut self.endpoint;
        // Unwind safe: see `handle_panic`.
        let guarded = catch_unwind(AssertUnwindSafe(|| call(endpoint)));
        if guarded.is_err() {
            self.counters.panics.add(1);
            tracing::error!("a handshake panicked and was given up");
            self.endpoint.handle_panic();
        }
        guarded.ok()
    }

    /// A connection ends without a word to its peer: its device is gone, or its code panicked.
    fn give_up(&mut self, now: Instant, id: ConnectionId, failure: StackError) {
        if matches!(failure, StackError::Panicked) {
            self.counters.panics.add(1);
            tracing::error!(?id, "a connection panicked and was given up");
        }
        let Some(entry) = self.forget(id) else { return };
        self.outbox.events.clear();
        let released = EndpointEvent::Released(synack_tcb::Release::Orderly);
        self.endpoint.handle_event(now, id, released);
        entry.cell.fail(failure);
    }

    /// Whether nothing is left to be done, ever, by any shard.
    fn is_over(&mut self) -> bool {
        self.failure.is_some() || (self.is_done() && self.place.finish())
    }

    /// Whether nothing is left to be done here.
    fn is_done(&self) -> bool {
        if self.is_last_turn {
            return self.table.ready_len() == 0;
        }
        let is_wanted = self.has_handles && self.shutdown.is_none();
        let is_empty = self.table.is_empty() && self.listeners.iter().all(Option::is_none);
        // The last words of what is gone: a RST, or the ACK of a FIN.
        let has_to_send = self.interfaces.has_backlog() || self.endpoint.wants_transmit();
        !is_wanted && is_empty && !has_to_send
    }

    /// Those whom this turn woke run next, while what they wait for is in the cache of this core;
    /// then the driver does, once for all of them.
    ///
    /// A task that wakes itself calls an idle worker, which takes the driver from this one and
    /// leaves the readers here. To yield calls nobody: tokio wakes the task when this worker has no
    /// other, and until then the bell need not.
    fn let_others_run(&self, cx: &mut Context<'_>) {
        self.bell.let_ring();
        let yielded = pin!(tokio::task::yield_now()).poll(cx);
        debug_assert!(yielded.is_pending(), "the first poll keeps the waker for later");
    }

    /// Ready when the next deadline has come already.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let Some(deadline) = self.wheel.deadline() else { return Poll::Pending };
        if self.alarm.set_for.is_some_and(|set_for| now < set_for && set_for <= deadline) {
            return Poll::Pending;
        }
        self.alarm.poll_until(cx, &self.bell, deadline)
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.counters.wakeups.add(1);
        let now = this.bell.clock.now();
        let turn = this.turn(cx, now);
        if this.is_over() {
            this.end_shutdown();
            return Poll::Ready(());
        }
        if turn == Turn::More || this.woken > 1 || this.poll_alarm(cx, now).is_ready() {
            this.let_others_run(cx);
        }
        Poll::Pending
    }
}

/// Whatever ends the driver, an order, a failure or the end of the runtime: nobody waits in vain.
impl Drop for Driver {
    fn drop(&mut self) {
        let panicked = std::thread::panicking().then_some(StackError::Panicked);
        let failure = self.failure.take().or(panicked).unwrap_or(StackError::Stopped);
        self.bell.close(failure.clone());
        self.place.end_all(&failure);
        self.other.fail(failure.clone());
        for listener in self.listeners.iter().flatten() {
            listener.fail(failure.clone());
        }
        for entry in self.table.iter() {
            entry.cell.fail(failure.clone());
        }
    }
}

impl Alarm {
    fn new() -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(tokio::time::Instant::now()));
        Self { sleep, set_for: None }
    }

    /// Ready when `deadline` has come; else the task is woken then.
    fn poll_until(&mut self, cx: &mut Context<'_>, bell: &Bell, deadline: Instant) -> Poll<()> {
        self.set_for = Some(deadline);
        self.sleep.as_mut().reset(bell.clock.to_tokio(deadline));
        let rung = self.sleep.as_mut().poll(cx);
        if rung.is_ready() {
            self.set_for = None;
        }
        rung
    }
}

/// The place of a connection in the wheel.
fn wheel_key(id: ConnectionId) -> u32 {
    FIRST_CONNECTION_KEY.saturating_add(u32::try_from(id.index()).unwrap_or(u32::MAX))
}

/// Connections that are told of a path in one turn.
const TOLD_MAX: usize = 256;
/// The endpoint's place in the wheel.
const ENDPOINT_KEY: u32 = 0;
/// The shutdown's place in the wheel.
const SHUTDOWN_KEY: u32 = 1;
const FIRST_CONNECTION_KEY: u32 = 2;
