//! One connection: its parts, and the families of its methods.

mod accurate_ecn;
mod buffers;
mod congestion;
mod ecn;
mod ecn_agreement;
mod handshake;
mod input;
mod internals;
mod keep_alive;
mod loss_timers;
mod mtu;
mod mtu_discovery;
mod negotiate;
mod output;
mod path_mtu;
mod paws;
mod quiet;
mod state;
mod tally;
mod timeout;
mod timestamps;
mod user;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::num::NonZeroU32;

use ecn::EcnState;
pub(crate) use ecn_agreement::{EcnTerms, EcnUse};
use handshake::Handshake;
pub(crate) use handshake::{Identity, SynRecord};
pub use internals::Internals;
use keep_alive::KeepAliveState;
use loss_timers::LossDeadlines;
pub(crate) use mtu::SEND_MSS_MIN;
pub(crate) use negotiate::{Negotiated, Offer};
pub use output::TransmitLimits;
use output::{Hold, Probe};
use path_mtu::PathMtu;
pub(crate) use path_mtu::REST as PATH_MTU_REST;
pub use paws::TsRecent;
pub(crate) use paws::{is_before as is_timestamp_before, paws};
pub use state::State;
use state::StateEvent;
use synack_wire::SeqNum;
use tally::Tally;
use timestamps::TimestampState;
pub(crate) use timestamps::clock as timestamp_clock;
pub use user::{Push, Unread};

use crate::config::ConnectionConfig;
use crate::congestion::CongestionController;
use crate::congestion::pacing::Pacer;
use crate::error::CloseReason;
use crate::event::{EndpointEvent, Events, Release, SoftError, TimeWait, TimeWaitTimestamps};
use crate::recovery::{LossRecovery, RtoBounds};
use crate::recv::{AckPolicy, Reassembly, RecvBuffer, RecvSequence, RecvTuning, SackReport};
use crate::room::Room;
use crate::send::{SendBuffer, SendSequence};
use crate::timers::{Timer, TimerTable};
use crate::{FourTuple, Instant};

/// A TCP connection as a state machine without I/O (RFC 9293).
///
/// Its methods come in four families, told by the name:
///
/// - **Events in**: [`handle_packet`](Self::handle_packet), [`handle_icmp`](Self::handle_icmp),
///   [`handle_path_mtu`](Self::handle_path_mtu), [`handle_timeout`](Self::handle_timeout),
///   [`handle_stall`](Self::handle_stall).
/// - **User calls** (RFC 9293 §3.10.2 to §3.10.6): [`write`](Self::write), [`read`](Self::read),
///   [`close`](Self::close), [`detach`](Self::detach), [`abort`](Self::abort),
///   [`configure`](Self::configure), [`info`](Self::info).
/// - **Actions out**: [`poll_events`](Self::poll_events),
///   [`poll_transmit`](Self::poll_transmit), [`poll_endpoint_event`](Self::poll_endpoint_event),
///   [`deadline`](Self::deadline).
/// - Everything else is a question.
///
/// After any event or user call, drain the actions in this order: `poll_events`;
/// `poll_endpoint_event` until `None`, each carried to the
/// [`Endpoint`](crate::Endpoint) before the next packet is routed; `poll_transmit` until `None` or
/// until the device is full; `poll_endpoint_event` again; then read `deadline`. `poll_transmit` may
/// be put off as long as the caller likes: nothing is built before it is asked for, so what leaves
/// carries the newest ACK and window, and the ACKs owed for a batch of packets become one
/// (RFC 9293 §3.10.7.4, MUST-58, MUST-59).
///
/// `now` may stand still but should not go back; if it does, nothing panics (API-12).
#[derive(Debug)]
pub struct Connection {
    state: State,
    /// Whether it was opened by the peer: what SYN-RECEIVED returns to (MUST-11).
    opened: Opened,
    path: FourTuple,
    flow_label: u32,
    /// What one packet to the peer may take.
    path_mtu: PathMtu,
    negotiated: Negotiated,
    timestamps: TimestampState,
    snd: SendSequence,
    send_buffer: SendBuffer,
    /// What the send buffer should hold, for the widest cwnd there was (RBUF-8).
    send_wanted: u32,
    rcv: RecvSequence,
    /// Octets of text received in order since the connection began: the offset of RCV.NXT.
    received: u64,
    recv_buffer: RecvBuffer,
    tuning: RecvTuning,
    reassembly: Room<Reassembly>,
    acks: AckPolicy,
    sack_report: Room<SackReport>,
    recovery: LossRecovery,
    congestion: Box<dyn CongestionController>,
    pacer: Pacer,
    ecn: EcnState,
    timers: TimerTable,
    loss: LossDeadlines,
    due: Obligations,
    hold: Hold,
    waiting: Waiting,
    keep_alive: KeepAliveState,
    /// There until our SYN is acknowledged.
    handshake: Room<Handshake>,
    user: user::UserSide,
    events: Events,
    endpoint_events: EndpointEvents,
    soft_error: Option<SoftError>,
    tally: Tally,
    config: Arc<ConnectionConfig>,
}

/// How a connection came to SYN-RECEIVED (RFC 9293 §3.5, MUST-11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opened {
    Active,
    Passive,
}

/// What `poll_transmit` owes beside text and ACKs.
#[derive(Clone, Copy, Debug, Default)]
struct Obligations {
    /// The SYN, or SYN-ACK, is to be sent, or sent again.
    syn: bool,
    /// RST(own): the connection was aborted.
    reset: bool,
    /// RST(ack): the answer, at this number, to an unacceptable ACK of the handshake.
    reset_at: Option<SeqNum>,
    /// A probe is to be sent.
    probe: Option<Probe>,
    /// Reading opened the window by so much that the peer should know at once.
    window_update: bool,
    /// One segment is to be sent again whatever cwnd and the window say: a recovery began, or the
    /// timer expired.
    retransmit: bool,
}

/// Since when an answer of the peer is awaited.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When SND.UNA advanced last, or something became unacknowledged after nothing was.
    progress_at: Instant,
    /// Likewise, or when the peer answered with a closed window: R2 and the default user timeout
    /// count from here (ZWP-4, ZWP-12).
    answered_at: Instant,
    /// When something was sent last (RFC 5681 §4.1).
    sent_at: Instant,
    /// Zero-window probes since the window closed.
    probes: u8,
}

/// What is to be told to the endpoint.
#[derive(Clone, Debug, Default)]
struct EndpointEvents {
    /// TIME-WAIT was entered then.
    time_wait: Option<Instant>,
    /// So much the path takes.
    path_mtu: Option<NonZeroU32>,
    released: bool,
    release: Release,
}

impl Connection {
    /// The state (RFC 9293 §3.3.2).
    pub fn state(&self) -> State {
        self.state
    }

    /// Addresses and ports.
    pub fn path(&self) -> FourTuple {
        self.path
    }

    /// The configuration in force.
    pub fn config(&self) -> &ConnectionConfig {
        &self.config
    }

    /// Takes what happened since the last call.
    pub fn poll_events(&mut self) -> Events {
        core::mem::take(&mut self.events)
    }

    /// Takes the next thing to carry to the endpoint. `Released` comes when nothing is left to
    /// send, not even a RST, and is the last.
    pub fn poll_endpoint_event(&mut self) -> Option<EndpointEvent> {
        if let Some(entered) = self.endpoint_events.time_wait.take() {
            return Some(EndpointEvent::TimeWait(self.time_wait(entered)));
        }
        if let Some(mtu) = self.endpoint_events.path_mtu.take() {
            return Some(EndpointEvent::PathMtu(mtu.get()));
        }
        let over = matches!(self.state, State::TimeWait | State::Closed);
        if !over || self.endpoint_events.released || self.owes_last_segment() {
            return None;
        }
        self.endpoint_events.released = true;
        Some(EndpointEvent::Released(self.endpoint_events.release))
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Why the connection is over, once it is.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.user.close_reason
    }

    /// The last problem that did not end the connection (RFC 9293 §3.9.1.8, ICMP-4).
    pub fn last_soft_error(&self) -> Option<SoftError> {
        self.soft_error
    }

    /// Whether the handshake is complete.
    pub fn is_connected(&self) -> bool {
        self.snd.is_syn_acked()
    }

    /// Whether nothing more of this connection concerns the endpoint.
    pub fn is_released(&self) -> bool {
        self.endpoint_events.released
    }

    /// Whether SYN-RECEIVED, if this is it, was reached from LISTEN.
    fn is_passive(&self) -> bool {
        self.opened == Opened::Passive
    }

    /// Moves to another state that is not the end; `event` must be one that the state allows.
    fn transition(&mut self, now: Instant, event: StateEvent) {
        self.follow(event);
        if self.state == State::TimeWait {
            // SM-ACK-11, SM-FIN-4, SM-FIN-6: the endpoint carries on.
            self.timers.stop_all();
            self.endpoint_events.time_wait = Some(now);
        }
    }

    fn follow(&mut self, event: StateEvent) {
        let next = self.state.on(event);
        debug_assert!(next.is_some(), "{} does not know {event:?}", self.state);
        self.state = next.unwrap_or(self.state);
    }

    /// "Delete": cancels all timers, empties the queues, tells the application.
    fn end(&mut self, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        self.follow(StateEvent::Ended);
        self.acks.clear();
        self.forget(reason);
    }

    /// All that is left of the connection is why it is over, and a last segment that it may owe.
    fn forget(&mut self, reason: CloseReason) {
        self.timers.stop_all();
        self.recovery.clear();
        self.send_buffer.clear();
        self.reassembly.vacate();
        self.sack_report.vacate();
        self.due = Obligations { reset: self.due.reset, ..Obligations::default() };
        self.user.close_reason = Some(reason);
        self.events |= Events::CLOSED | Events::READABLE | Events::WRITABLE;
    }

    /// Reports a problem that does not end the connection (RFC 9293 §3.9.1.8, SHLD-20).
    fn report(&mut self, error: SoftError) {
        self.soft_error = Some(error);
        if self.config.soft_errors {
            self.events |= Events::SOFT_ERROR;
        }
    }

    /// Whether a segment must still leave though the connection is over.
    fn owes_last_segment(&self) -> bool {
        self.due.reset
            || (self.state == State::TimeWait && self.acks.due() >= crate::recv::AckDue::Soon)
    }

    /// What TIME-WAIT takes over (TW-13).
    fn time_wait(&self, entered: Instant) -> TimeWait {
        let timestamps =
            TimeWaitTimestamps { recent: self.timestamps.recent, offset: self.timestamps.offset };
        TimeWait {
            path: self.path,
            entered,
            snd_nxt: self.snd.nxt,
            ack_lowest: self.ack_lowest(),
            rcv_nxt: self.rcv.nxt,
            window: u16::try_from(self.rcv.wnd() >> self.rcv.shift).unwrap_or(u16::MAX),
            rcv_wnd: self.rcv.wnd(),
            timestamps: self.negotiated.timestamps.then_some(timestamps),
            ip: self.ip_fields(),
        }
    }

    /// Octets of text written and not yet sent.
    fn unsent(&self) -> u64 {
        self.send_buffer.end() - self.offset_of(self.snd.nxt)
    }

    /// The offset in the send buffer of a number that was, or is next to be, sent.
    fn offset_of(&self, seq: SeqNum) -> u64 {
        let text_una = self.snd.text_una();
        let past_fin = u64::from(self.snd.fin.is_some_and(|fin| seq > fin));
        let distance = u64::from(seq.saturating_since(text_una));
        (self.send_buffer.start() + distance.saturating_sub(past_fin)).min(self.send_buffer.end())
    }

    /// Whether our FIN is wanted and was not sent.
    fn wants_fin(&self) -> bool {
        self.state.owes_fin() && self.snd.fin.is_none()
    }

    /// Whether anything sent or written is unacknowledged.
    fn has_outstanding(&self) -> bool {
        self.snd.una != self.snd.nxt || self.unsent() > 0 || self.wants_fin()
    }

    /// SMSS: the effective send MSS of a segment with the usual options.
    fn smss(&self) -> u32 {
        self.effective_mss(self.negotiated.options_len())
    }

    fn effective_mss(&self, options_len: u32) -> u32 {
        let path_mtu = self.path_mtu.used();
        mtu::effective_mss(self.negotiated.send_mss, path_mtu, self.path.is_ipv6(), options_len)
    }

    /// How many SACK blocks a segment may have.
    fn sack_blocks_max(&self) -> usize {
        let options_len = self.negotiated.options_len();
        mtu::sack_blocks_max(self.path_mtu.used(), self.path.is_ipv6(), options_len)
    }

    /// RMSS: the MSS that we advertised, whatever the path takes (PMTU-10).
    fn advertised_mss(&self) -> u16 {
        mtu::advertised_mss(self.path_mtu.link(), self.path.is_ipv6())
    }

    fn rto_bounds(&self) -> RtoBounds {
        RtoBounds { min: self.config.rto_min, max: self.config.rto_max }
    }

    /// Asserts what must hold between any two calls (robustness I-4, I-5, I-9, I-15).
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        let snd = &self.snd;
        assert!(snd.una <= snd.nxt, "SND.UNA <= SND.NXT");
        assert!(self.rcv.nxt <= self.rcv.adv + 1, "a FIN may take the number at the right edge");
        assert!(self.congestion.cwnd() >= self.smss(), "cwnd is at least a segment");
        // What a loss probe sent again counts twice (TLP-14).
        assert!(self.recovery.in_flight() <= 2 * snd.flight_size(), "pipe is what was sent");
        assert!(self.timers.running() <= 5, "at most five timers run");
        let send_timers = [Timer::Retransmit, Timer::Reorder, Timer::Persist, Timer::SendOverride];
        let running = send_timers.into_iter().filter(|timer| self.timers.is_set(*timer)).count();
        assert!(running <= 1, "the send side waits for one thing at a time (RACK-18, ZWP-10)");
        if self.state == State::Closed || self.state == State::TimeWait {
            assert_eq!(self.timers.running(), 0, "nothing is awaited any more");
            return;
        }
        self.recovery.check();
        let mut below = self.rcv.nxt;
        for range in self.reassembly.ranges(self.rcv.nxt, self.received) {
            assert!(below < range.start && range.start < range.end, "ranges do not touch");
            assert!(range.end <= self.rcv.adv, "nothing beyond the window is held");
            below = range.end;
        }
        let text = u64::from(snd.flight_size())
            .saturating_sub(u64::from(!snd.is_syn_acked() && snd.nxt != snd.iss))
            .saturating_sub(u64::from(snd.fin.is_some() && !snd.is_fin_acked()));
        assert_eq!(text + self.unsent(), self.send_buffer.len() as u64, "all text is somewhere");
    }
}
