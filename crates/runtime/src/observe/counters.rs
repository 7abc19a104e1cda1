//! What the driver counts, and a snapshot of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use synack_tcb::{DropReason, EndpointCounters};
use synack_wire::{OptionFault, ParseError};

use crate::sync::{Mutex, lock};

/// Of one shard: written by its driver alone, read by anyone.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) packets_in: Counter,
    pub(crate) octets_in: Counter,
    pub(crate) packets_out: Counter,
    pub(crate) octets_out: Counter,
    pub(crate) packets_looped: Counter,
    pub(crate) forwarded: Counter,
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
    /// Packets that came to one shard and were for another.
    pub forwarded: u64,
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
            forwarded: Counter::default(),
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

    /// The numbers of all shards as they are now; each by itself, so they may be of slightly
    /// different moments.
    pub(crate) fn snapshot(shards: &[Arc<Self>]) -> StackStats {
        let sum = |counter: fn(&Self) -> &Counter| sum_of(shards.iter().map(|it| counter(it)));
        let sum_all = |counters: fn(&Self) -> &[Counter]| {
            let len = shards.first().map_or(0, |first| counters(first).len());
            (0..len).map(|index| sum_of(shards.iter().map(|it| &counters(it)[index]))).collect()
        };
        let mut endpoint = EndpointCounters::default();
        shards.iter().for_each(|shard| endpoint += *lock(&shard.endpoint));
        StackStats {
            packets_in: sum(|it| &it.packets_in),
            octets_in: sum(|it| &it.octets_in),
            packets_out: sum(|it| &it.packets_out),
            octets_out: sum(|it| &it.octets_out),
            packets_looped: sum(|it| &it.packets_looped),
            forwarded: sum(|it| &it.forwarded),
            icmp_errors: sum(|it| &it.icmp_errors),
            echo_replies: sum(|it| &it.echo_replies),
            other_in: sum(|it| &it.other_in),
            other_out: sum(|it| &it.other_out),
            other_dropped: sum(|it| &it.other_dropped),
            replies_dropped: sum(|it| &it.replies_dropped),
            send_errors: sum(|it| &it.send_errors),
            device_full: sum(|it| &it.device_full),
            wakeups: sum(|it| &it.wakeups),
            turns: sum(|it| &it.turns),
            visits: sum(|it| &it.visits),
            timers: sum(|it| &it.timers),
            accepted: sum(|it| &it.accepted),
            opened: sum(|it| &it.opened),
            released: sum(|it| &it.released),
            panics: sum(|it| &it.panics),
            endpoint,
            drops: sum_all(|it| &it.drops),
            parse_errors: sum_all(|it| &it.parse_errors),
            option_faults: sum_all(|it| &it.option_faults),
        }
    }
}

fn sum_of<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    counters.fold(0, |sum, counter| sum.wrapping_add(counter.get()))
}
