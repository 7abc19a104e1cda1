//! What the driver counts, and a snapshot of it.

use std::sync::atomic::{AtomicU64, Ordering};

use synack_tcb::{DropReason, EndpointCounters};
use synack_wire::{OptionFault, ParseError};

use crate::sync::{Mutex, lock};

/// Written by the driver alone, read by anyone.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) packets_in: Counter,
    pub(crate) octets_in: Counter,
    pub(crate) packets_out: Counter,
    pub(crate) octets_out: Counter,
    pub(crate) packets_looped: Counter,
    pub(crate) drops: [Counter; DropReason::ALL.len()],
    pub(crate) parse_errors: [Counter; ParseError::ALL.len()],
    pub(crate) option_faults: [Counter; OptionFault::ALL.len()],
    pub(crate) icmp_errors: Counter,
    pub(crate) echo_replies: Counter,
    pub(crate) other_in: Counter,
    pub(crate) other_out: Counter,
    pub(crate) other_dropped: Counter,
    pub(crate) replies_dropped: Counter,
    pub(crate) send_errors: Counter,
    pub(crate) device_full: Counter,
    pub(crate) wakeups: Counter,
    pub(crate) turns: Counter,
    pub(crate) visits: Counter,
    pub(crate) timers: Counter,
    pub(crate) accepted: Counter,
    pub(crate) opened: Counter,
    pub(crate) released: Counter,
    pub(crate) panics: Counter,
    /// What the endpoint counted by the end of a turn. None of it is counted for each packet.
    endpoint: Mutex<EndpointCounters>,
}

/// A number with one writer: no locked instruction a packet.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`. Only one thread at a time may.
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a stack counted since it was spawned, from [`Stack::stats`](crate::Stack::stats).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StackStats {
    /// Packets that the devices delivered.
    pub packets_in: u64,
    /// Octets of them, IP headers included.
    pub octets_in: u64,
    /// Packets that the devices took.
    pub packets_out: u64,
    /// Octets of them, IP headers included.
    pub octets_out: u64,
    /// Packets from the stack to itself.
    pub packets_looped: u64,
    /// ICMP errors about TCP.
    pub icmp_errors: u64,
    /// Pings answered.
    pub echo_replies: u64,
    /// Packets of other protocols that the application got.
    pub other_in: u64,
    /// Packets of other protocols that the application sent.
    pub other_out: u64,
    /// Packets of other protocols that were dropped, either way: nobody took them, or too slowly.
    pub other_dropped: u64,
    /// Answers of the stack that a full device cost: resets, SYN-ACKs, echo replies.
    pub replies_dropped: u64,
    /// Packets that a device refused for another reason than being full.
    pub send_errors: u64,
    /// How often a device was full.
    pub device_full: u64,
    /// How often the driver was woken.
    pub wakeups: u64,
    /// Turns that the driver made.
    pub turns: u64,
    /// Visits of the driver to a connection, to send or to tell.
    pub visits: u64,
    /// Timers of connections that came up.
    pub timers: u64,
    /// Connections that came in.
    pub accepted: u64,
    /// Connections opened by the application, successfully or not.
    pub opened: u64,
    /// Connections that are over.
    pub released: u64,
    /// Connections given up after a panic in their code: bugs.
    pub panics: u64,
    /// Opens, handshakes, SYN cookies, resets for nobody, TIME-WAIT.
    pub endpoint: EndpointCounters,
    drops: Box<[u64]>,
    parse_errors: Box<[u64]>,
    option_faults: Box<[u64]>,
}

impl StackStats {
    /// Segments dropped for `reason`.
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or_default()
    }

    /// All segments dropped, with the reason, where there were any.
    pub fn all_drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        let counted = DropReason::ALL.iter().copied().zip(self.drops.iter().copied());
        counted.filter(|(_, count)| *count > 0)
    }

    /// Packets that could not be read for the reason `error`.
    pub fn parse_errors(&self, error: ParseError) -> u64 {
        self.parse_errors.get(error.index()).copied().unwrap_or_default()
    }

    /// All packets that could not be read, with the reason, where there were any.
    pub fn all_parse_errors(&self) -> impl Iterator<Item = (ParseError, u64)> {
        let counted = ParseError::ALL.into_iter().zip(self.parse_errors.iter().copied());
        counted.filter(|(_, count)| *count > 0)
    }

    /// Segments used without their options, which were faulty in this way.
    pub fn option_faults(&self, fault: OptionFault) -> u64 {
        self.option_faults.get(fault.index()).copied().unwrap_or_default()
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            packets_in: Counter::default(),
            octets_in: Counter::default(),
            packets_out: Counter::default(),
            octets_out: Counter::default(),
            packets_looped: Counter::default(),
            drops: [const { Counter(AtomicU64::new(0)) }; DropReason::ALL.len()],
            parse_errors: [const { Counter(AtomicU64::new(0)) }; ParseError::ALL.len()],
            option_faults: [const { Counter(AtomicU64::new(0)) }; OptionFault::ALL.len()],
            icmp_errors: Counter::default(),
            echo_replies: Counter::default(),
            other_in: Counter::default(),
            other_out: Counter::default(),
            other_dropped: Counter::default(),
            replies_dropped: Counter::default(),
            send_errors: Counter::default(),
            device_full: Counter::default(),
            wakeups: Counter::default(),
            turns: Counter::default(),
            visits: Counter::default(),
            timers: Counter::default(),
            accepted: Counter::default(),
            opened: Counter::default(),
            released: Counter::default(),
            panics: Counter::default(),
            endpoint: Mutex::default(),
        }
    }

    /// Shows what the endpoint counted.
    pub(crate) fn show_endpoint(&self, counters: EndpointCounters) {
        *lock(&self.endpoint) = counters;
    }

    /// Counts a segment that was not used.
    pub(crate) fn dropped(&self, reason: DropReason) {
        if let Some(counter) = self.drops.get(reason as usize) {
            counter.add(1);
        }
    }

    /// The numbers as they are now; each by itself, so they may be of slightly different moments.
    pub(crate) fn snapshot(&self) -> StackStats {
        let all = |counters: &[Counter]| counters.iter().map(Counter::get).collect();
        StackStats {
            packets_in: self.packets_in.get(),
            octets_in: self.octets_in.get(),
            packets_out: self.packets_out.get(),
            octets_out: self.octets_out.get(),
            packets_looped: self.packets_looped.get(),
            icmp_errors: self.icmp_errors.get(),
            echo_replies: self.echo_replies.get(),
            other_in: self.other_in.get(),
            other_out: self.other_out.get(),
            other_dropped: self.other_dropped.get(),
            replies_dropped: self.replies_dropped.get(),
            send_errors: self.send_errors.get(),
            device_full: self.device_full.get(),
            wakeups: self.wakeups.get(),
            turns: self.turns.get(),
            visits: self.visits.get(),
            timers: self.timers.get(),
            accepted: self.accepted.get(),
            opened: self.opened.get(),
            released: self.released.get(),
            panics: self.panics.get(),
            endpoint: *lock(&self.endpoint),
            drops: all(&self.drops),
            parse_errors: all(&self.parse_errors),
            option_faults: all(&self.option_faults),
        }
    }
}
