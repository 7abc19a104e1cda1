//! A listener: segment arrival in LISTEN, and its bounds (RFC 9293 §3.10.7.2).

mod syn_cookie;
mod syn_queue;
mod syn_received;

use alloc::sync::Arc;
use core::time::Duration;

pub(crate) use syn_cookie::{SynCookies, keepable, timestamp as cookie_timestamp};
pub(crate) use syn_queue::SynQueue;
pub(crate) use syn_received::{Unfolded, unfold, unfold_icmp};
use synack_wire::Segment;

use crate::Instant;
use crate::config::{ConnectionConfig, ListenerConfig, SynCookies as WhenCookies};
use crate::drop_reason::DropReason;

/// The name of a listener of one endpoint; it is given away once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId {
    index: u32,
    generation: u32,
}

impl ListenerId {
    pub(crate) const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The place, for a caller's table: small numbers, each used by one listener at a time.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How often the place was given away before.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// LISTEN, and the handshakes that it is answerable for.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    config: ListenerConfig,
    connection: Arc<ConnectionConfig>,
    /// Half-open handshakes in the queue.
    half_open: u32,
    /// Connections that were accepted here and not yet taken by the application.
    waiting: u32,
    /// When a cookie was sent last.
    cookie_sent_at: Option<Instant>,
}

/// What is to be done with a segment in LISTEN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// A SYN, and there is room (SM-LISTEN-3, SM-LISTEN-4).
    Open,
    /// A SYN to be answered with a cookie (SM-LISTEN-5).
    Cookie,
    /// An ACK, while cookies are about: it may complete a handshake (SM-LISTEN-2).
    CheckCookie,
    /// An ACK: RST(ack) (SM-LISTEN-2).
    Reset,
    /// Nothing (SM-LISTEN-1, SM-LISTEN-5, SM-LISTEN-7).
    Drop(DropReason),
}

impl Listener {
    /// A listener whose connections get `connection`.
    pub(crate) fn new(config: ListenerConfig, connection: Arc<ConnectionConfig>) -> Self {
        Self { config, connection, half_open: 0, waiting: 0, cookie_sent_at: None }
    }

    /// What its connections are configured with.
    pub(crate) fn connection_config(&self) -> &Arc<ConnectionConfig> {
        &self.connection
    }

    /// Changes what is configured.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut ListenerConfig)) {
        change(&mut self.config);
        if let Some(connection) = &self.config.connection {
            self.connection = ConnectionConfig::clamped(Arc::clone(connection));
        }
    }

    /// How often a SYN-ACK is sent again.
    pub(crate) fn retries_max(&self) -> u8 {
        self.config.syn_ack_retries_max
    }

    /// SEGMENT ARRIVES in LISTEN: first RST, then ACK, then SYN.
    ///
    /// Text and FIN of a SYN are left unacknowledged, so that the peer sends them again
    /// (SM-LISTEN-4, SM-LISTEN-6).
    ///
    /// Source: RFC 9293 §3.10.7.2 (SM-LISTEN-1 to SM-LISTEN-7); RFC 4987 §3.6 (SYNC-1, SYNC-7).
    pub(crate) fn judge(&self, now: Instant, segment: &Segment) -> Verdict {
        if segment.is_rst() {
            return Verdict::Drop(DropReason::ResetForListener);
        }
        if segment.ack.is_some() {
            let may_be_cookie = !segment.is_syn() && self.checks_cookies(now);
            return if may_be_cookie { Verdict::CheckCookie } else { Verdict::Reset };
        }
        if !segment.is_syn() {
            return Verdict::Drop(DropReason::NoSynForListener);
        }
        let has_room = self.half_open < self.config.half_open_max;
        match self.config.syn_cookies {
            WhenCookies::Always => Verdict::Cookie,
            WhenCookies::Never | WhenCookies::WhenFull if has_room => Verdict::Open,
            WhenCookies::WhenFull => Verdict::Cookie,
            WhenCookies::Never => Verdict::Drop(DropReason::SynQueueFull),
        }
    }

    /// Whether a SYN to a four-tuple in TIME-WAIT may be taken. A cookie is no answer there: its
    /// ISS cannot be above the numbers of the connection before (TW-11).
    pub(crate) fn has_half_open_room(&self) -> bool {
        self.half_open < self.config.half_open_max
    }

    /// Whether a connection that is open may wait here to be taken (robustness A2).
    pub(crate) fn has_backlog_room(&self) -> bool {
        self.waiting < self.config.backlog
    }

    /// How many handshakes it has in the queue, for assertions.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn half_open(&self) -> u32 {
        self.half_open
    }

    /// A handshake joined the queue.
    pub(crate) fn on_half_open(&mut self) {
        self.half_open += 1;
    }

    /// A handshake left the queue.
    pub(crate) fn on_half_open_gone(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// A connection waits to be taken.
    pub(crate) fn on_open(&mut self) {
        self.waiting += 1;
    }

    /// The application took `count` connections.
    pub(crate) fn on_accepted(&mut self, count: u32) {
        self.waiting = self.waiting.saturating_sub(count);
    }

    /// A cookie was sent.
    pub(crate) fn on_cookie_sent(&mut self, now: Instant) {
        self.cookie_sent_at = Some(now);
    }

    /// Whether a cookie of ours may still be on its way back (SYNC-7, robustness A3).
    fn checks_cookies(&self, now: Instant) -> bool {
        self.cookie_sent_at.is_some_and(|at| now.since(at) <= COOKIE_LIFETIME)
    }
}

/// The longest that a cookie is good: two steps of 64 s.
const COOKIE_LIFETIME: Duration = Duration::from_secs(128);
