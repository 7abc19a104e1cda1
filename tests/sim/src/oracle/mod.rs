//! The oracle: judges a connection after every event, from what it shows and what it sends.
//!
//! It knows the rules of the RFCs and nothing of how the connection keeps them. One [`Watch`]
//! stands beside each connection; each of its parts judges one group of invariants.

mod acknowledgment;
mod amplification;
mod congestion;
mod sequence;
mod time_wait;
mod timers;
mod transitions;

use core::time::Duration;
use std::sync::Arc;

use acknowledgment::AcknowledgmentWatch;
use amplification::AmplificationWatch;
use congestion::CongestionWatch;
use sequence::SequenceWatch;
use synack_tcb::{Connection, ConnectionConfig, Instant, Internals};
use synack_wire::{Flags, SeqNum, TcpPacket};
pub(crate) use time_wait::TimeWaitWatch;
use timers::TimerWatch;

use crate::violation::{Invariant, Violation, ensure};

/// What happened to a connection.
#[derive(Debug)]
pub(crate) enum Cause<'a> {
    /// A packet arrived.
    Packet(&'a Arrived),
    /// An ICMP error arrived.
    Icmp,
    /// `handle_timeout` was called.
    Timeout,
    /// `handle_stall` was called.
    Stall,
    /// The application wrote.
    Write,
    /// The application read.
    Read,
    /// The application closed its direction.
    Close,
    /// The application let go.
    Detach,
    /// The application aborted.
    Abort,
    /// The application changed the configuration.
    Configure,
    /// It gave a packet to send.
    Transmit(&'a TcpPacket),
    /// It was asked for a packet and had none.
    Polled,
}

/// What the oracle needs of a packet that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) seq: SeqNum,
    pub(crate) ack: Option<SeqNum>,
    pub(crate) flags: Flags,
    /// SEG.LEN.
    pub(crate) len: u32,
    /// Octets of text.
    pub(crate) text: u32,
    /// Octets of text in each segment, for a super-segment.
    pub(crate) segment: u32,
    /// Whether `handle_packet` used it.
    pub(crate) used: bool,
}

impl Arrived {
    /// Of a packet that has not been handled yet.
    pub(crate) fn of(packet: &TcpPacket) -> Self {
        let segment = &packet.segment;
        let text = segment.payload.len();
        Self {
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags(),
            len: segment.len(),
            text,
            segment: packet.segment_size.map_or(text, |size| u32::from(size.get())),
            used: false,
        }
    }

    pub(crate) fn is(&self, flag: Flags) -> bool {
        self.flags.contains(flag)
    }
}

/// How exactly the caller drives the connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Punctuality {
    /// How late a timer, or a visit that sends, may come.
    pub(crate) late_max: Duration,
    /// The clock of the host runs on: it was not put forward or back, and did not stand still.
    pub(crate) is_clock_steady: bool,
}

/// How often a connection is asked to check itself, which takes as long as its queues are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thoroughness {
    /// After every event.
    EveryEvent,
    /// After as many events as the queues are long, so that it costs about the same for each.
    Amortized,
}

/// The judge of one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    thoroughness: Thoroughness,
    /// Events before the connection checks itself again.
    unchecked_events: usize,
    last: Internals,
    config: Arc<ConnectionConfig>,
    is_detached: bool,
    sequence: SequenceWatch,
    congestion: CongestionWatch,
    acknowledgment: AcknowledgmentWatch,
    amplification: AmplificationWatch,
    timers: TimerWatch,
}

/// Two looks at a connection: before an event and after it.
#[derive(Clone, Copy, Debug)]
struct Change<'a> {
    now: Instant,
    old: &'a Internals,
    new: &'a Internals,
    config: &'a ConnectionConfig,
}

impl Watch {
    /// The judge of a connection that has just come to be.
    pub(crate) fn new(
        now: Instant,
        connection: &Connection,
        punctuality: Punctuality,
        thoroughness: Thoroughness,
    ) -> Self {
        let last = connection.internals();
        Self {
            thoroughness,
            unchecked_events: 0,
            last,
            config: Arc::new(connection.config().clone()),
            is_detached: false,
            sequence: SequenceWatch::default(),
            congestion: CongestionWatch::default(),
            acknowledgment: AcknowledgmentWatch::new(&last, punctuality),
            amplification: AmplificationWatch::new(),
            timers: TimerWatch::new(now, punctuality),
        }
    }

    /// The connection as it was when it was last judged.
    pub(crate) fn last(&self) -> &Internals {
        &self.last
    }

    /// Takes note of the packet that the connection came with.
    pub(crate) fn on_consumed(&mut self, arrived: &Arrived) {
        self.acknowledgment.on_arrived(arrived);
    }

    /// Judges what `cause` did.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        connection: &Connection,
        cause: &Cause<'_>,
    ) -> Result<(), Violation> {
        let new = connection.internals();
        self.let_it_check_itself(connection, &new);
        if matches!(cause, Cause::Configure) {
            self.config = Arc::new(connection.config().clone());
        }
        self.is_detached |= matches!(cause, Cause::Detach);
        let change = Change { now, old: &self.last, new: &new, config: &self.config };
        self.sequence.judge(change, cause)?;
        transitions::judge(change, cause, self.is_detached, connection.close_reason())?;
        self.congestion.judge(change, cause)?;
        self.acknowledgment.judge(change, cause);
        self.amplification.judge(cause)?;
        self.timers.judge(change, cause, connection.close_reason())?;
        memory(change)?;
        self.last = new;
        Ok(())
    }

    fn let_it_check_itself(&mut self, connection: &Connection, new: &Internals) {
        if let Some(left) = self.unchecked_events.checked_sub(1) {
            self.unchecked_events = left;
            return;
        }
        connection.check_invariants();
        self.unchecked_events = match self.thoroughness {
            Thoroughness::EveryEvent => 0,
            Thoroughness::Amortized => new.records + new.ranges,
        };
    }

    /// Judges a connection that has sent everything that it wants to send for now.
    pub(crate) fn judge_drained(&mut self, now: Instant) -> Result<(), Violation> {
        self.acknowledgment.judge_drained(now, &self.last, &self.config)?;
        self.amplification.judge_drained()?;
        self.timers.judge_drained(now, &self.last, self.is_detached)
    }

    /// The clock of the host was put forward or back, or stood still: times prove nothing any more.
    pub(crate) fn on_clock_changed(&mut self) {
        self.acknowledgment.on_clock_changed();
        self.timers.on_clock_changed();
    }
}

/// I-11: buffers hold no more than they are allowed to.
fn memory(change: Change<'_>) -> Result<(), Violation> {
    let Change { new, config, .. } = change;
    // A window field says more than the buffer by less than its granularity (TRAP-5).
    let received_max = config.receive_buffer.max() + (1 << new.rcv_shift);
    let received = new.unread + new.out_of_order;
    ensure(received <= received_max, Invariant::Memory, || {
        format!("{received} octets received are held, at most {received_max}")
    })?;
    // SYN and FIN have numbers and take no room.
    let sent = u64::from(new.snd_nxt - new.snd_una) + new.unsent;
    ensure(sent <= config.send_buffer.max() as u64 + 2, Invariant::Memory, || {
        format!("{sent} octets sent are held, at most {}", config.send_buffer.max())
    })?;
    ensure(new.ranges <= RANGES_MAX, Invariant::Memory, || {
        format!("{} ranges out of order are held", new.ranges)
    })
}

/// The bound of robustness C1.
const RANGES_MAX: usize = 1_024;

#[cfg(test)]
mod tests;
