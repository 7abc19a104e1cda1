//! Device: what a host sends through; at times it is full, as a network card or a TUN can be.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;
use synack_tcb::{ConnectionId, Instant};
use synack_wire::TcpPacket;

use crate::Dice;

/// How a device and what drives it differ from ideal ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceFaults {
    /// How often it is full when a packet comes. Units: times in a thousand.
    pub full_permille: u32,
    /// The longest that it stays full.
    pub full_time_max: Duration,
    /// How often a visit puts off what there is to send. Units: times in a thousand.
    pub lazy_permille: u32,
    /// The longest that it is put off.
    pub lazy_time_max: Duration,
    /// Timers fire only at multiples of this time, so up to as much late; zero for none.
    pub tick: Duration,
    /// How often a timer is looked at too early. Units: times in a thousand.
    pub early_permille: u32,
    /// Whether packets that arrive at the same time are all handled before anything is sent, and
    /// joined into super-segments where that is possible.
    pub batching: Batching,
    /// The longest super-segment that it cuts into segments by itself; 0 for none. Units: octets.
    pub super_segment_max: u32,
}

/// What is done with packets that arrive at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Batching {
    /// Each is handled, and answered, by itself.
    #[default]
    None,
    /// All are handled, then answered.
    Batched,
    /// Likewise, and those that continue each other are joined first.
    Coalesced,
}

/// A packet that the device has not taken yet.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The connection that it is of; `None` for the endpoint's own.
    pub(crate) id: Option<ConnectionId>,
    pub(crate) packet: TcpPacket,
    pub(crate) octets: Bytes,
}

/// The device of one host.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) faults: DeviceFaults,
    dice: Dice,
    full_until: Option<Duration>,
    full_since: Option<Instant>,
    backlog: VecDeque<Waiting>,
    /// How often it was full.
    pub(crate) refusals: u64,
}

impl Device {
    pub(crate) fn new(faults: DeviceFaults, dice: Dice) -> Self {
        Self {
            faults,
            dice,
            full_until: None,
            full_since: None,
            backlog: VecDeque::new(),
            refusals: 0,
        }
    }

    /// Whether nothing is to be polled until [`writable_at`](Self::writable_at).
    pub(crate) fn is_full(&self) -> bool {
        self.full_until.is_some()
    }

    /// When it takes packets again, if it does not now.
    pub(crate) fn writable_at(&self) -> Option<Duration> {
        self.full_until
    }

    /// Takes a packet, or keeps it until it is not full any more. `now` is the host's own time.
    pub(crate) fn send(
        &mut self,
        time: Duration,
        now: Instant,
        packet: Waiting,
    ) -> Option<Waiting> {
        if !self.is_full() && !self.dice.chance(self.faults.full_permille) {
            return Some(packet);
        }
        if !self.is_full() {
            let wait = self.dice.time(Duration::from_nanos(1), self.faults.full_time_max);
            self.full_until = Some(time + wait);
            self.full_since = Some(now);
            self.refusals += 1;
        }
        self.backlog.push_back(packet);
        None
    }

    /// It is not full any more: what waited, and since when.
    pub(crate) fn drain(&mut self) -> Option<(Instant, VecDeque<Waiting>)> {
        self.full_until = None;
        let since = self.full_since.take()?;
        Some((since, core::mem::take(&mut self.backlog)))
    }

    /// How long to put off sending, if at all.
    pub(crate) fn puts_off(&mut self) -> Option<Duration> {
        let DeviceFaults { lazy_permille, lazy_time_max, .. } = self.faults;
        self.dice
            .chance(lazy_permille)
            .then(|| self.dice.time(Duration::from_nanos(1), lazy_time_max))
    }

    /// Whether to look at a timer before it is due.
    pub(crate) fn looks_early(&mut self) -> bool {
        self.dice.chance(self.faults.early_permille)
    }

    /// When a timer that is due at `time` fires.
    pub(crate) fn fires_at(&self, time: Duration) -> Duration {
        let tick = self.faults.tick.as_nanos();
        if tick == 0 {
            return time;
        }
        let ticks = time.as_nanos().div_ceil(tick) * tick;
        Duration::from_nanos(u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    /// How late a timer or a visit may be.
    pub(crate) fn late_max(&self) -> Duration {
        let DeviceFaults { full_permille, full_time_max, lazy_permille, lazy_time_max, .. } =
            self.faults;
        let full = if full_permille > 0 { full_time_max } else { Duration::ZERO };
        let lazy = if lazy_permille > 0 { lazy_time_max } else { Duration::ZERO };
        // A packet may be put off, then find the device full, and a clock may run fast.
        2 * (self.faults.tick + full + lazy)
    }

    /// Works without fault from now on, but for what already waits.
    pub(crate) fn heal(&mut self) {
        let DeviceFaults { tick, batching, super_segment_max, .. } = self.faults;
        self.faults = DeviceFaults { tick, batching, super_segment_max, ..DeviceFaults::default() };
    }
}
