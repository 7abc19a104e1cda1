//! When each connection wants to be called: a hierarchical wheel with one entry for each of them.
//!
//! ```text
//! level 0: 64 slots of 1 ms │ level 1: 64 slots of 64 ms │ level 2: 64 of 4.1 s │ ... level 7
//! ```
//!
//! An entry lies on the level of the highest group of six bits in which its tick differs from the
//! present one, and moves down as that group becomes the same. Lists are linked by key, so an entry
//! costs no allocation and is found without a search.
//!
//! A wheel never looks at a clock.

mod level;

use level::{Level, NONE, SLOT_BITS, SLOTS, slot_of, slot_start, slot_ticks};
use synack_tcb::Instant;

/// Deadlines by key, a small number such as the index of a connection.
///
/// A key has at most one. It comes out of [`poll`](Self::poll) not before its deadline and, if
/// called then, not later than a tick of 1 ms after it.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// Every deadline before this tick has come out.
    now: u64,
    levels: [Level; LEVELS],
    nodes: Vec<Node>,
    /// Nothing has to be done before this tick, so that most polls look at nothing else.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// When it is due, [`UNARMED`] if it is on no list.
    tick: u64,
    next: u32,
    previous: u32,
    level: u8,
    slot: u8,
}

impl Wheel {
    pub(crate) const fn new() -> Self {
        let levels = [const { Level::new() }; LEVELS];
        Self { now: 0, levels, nodes: Vec::new(), next: UNARMED }
    }

    /// Sees to it that `key` comes out at `deadline` or before.
    ///
    /// An entry that is armed for an earlier time stays: its owner finds nothing due then and arms
    /// it again, which is cheaper than moving it for every packet.
    pub(crate) fn arm(&mut self, key: u32, deadline: Instant) {
        let index = key as usize;
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, Node::UNARMED);
        }
        let tick = tick_at_or_after(deadline).max(self.now);
        let armed_for = self.nodes[index].tick;
        if armed_for <= tick {
            return;
        }
        if armed_for != UNARMED {
            self.unlink(key);
        }
        self.link(key, tick);
    }

    /// Forgets the deadline of `key`.
    pub(crate) fn disarm(&mut self, key: u32) {
        if self.nodes.get(key as usize).is_some_and(|node| node.tick != UNARMED) {
            self.unlink(key);
        }
    }

    /// Whether no key has a deadline.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.nodes.iter().all(|node| node.tick == UNARMED)
    }

    /// A key whose deadline has come, which has none from then on.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<u32> {
        let now = now.as_millis();
        while self.next <= now {
            let turn = self.next_turn();
            self.next = turn.tick;
            if turn.tick > now {
                break;
            }
            self.now = self.now.max(turn.tick);
            let key = self.levels[turn.level].head(turn.slot);
            let tick = self.unlink(key);
            if tick <= self.now {
                return Some(key);
            }
            self.link(key, tick);
        }
        self.now = self.now.max(now);
        None
    }

    /// When to call [`poll`](Self::poll) next.
    ///
    /// Never later than the first deadline. It may be earlier, by which time entries move to lower
    /// levels and nothing comes out, at most seven times for one deadline; or what was due then was
    /// disarmed, once.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.next != UNARMED).then(|| Instant::from_millis(self.next))
    }

    /// The slot in use whose time comes first; on equal terms that of the highest level, so that
    /// what is due at one time is on level 0 before any of it comes out.
    fn next_turn(&self) -> Turn {
        let mut first = Turn { tick: UNARMED, level: 0, slot: 0 };
        for (level, slots) in self.levels.iter().enumerate().rev() {
            let here = slot_of(level, self.now);
            let Some(slot) = slots.next_occupied(here) else { continue };
            let ahead = (u64::from(slot) + SLOTS - u64::from(here)) % SLOTS;
            let tick = slot_start(level, self.now) + ahead * slot_ticks(level);
            if tick < first.tick {
                first = Turn { tick, level, slot };
            }
        }
        first
    }

    fn link(&mut self, key: u32, tick: u64) {
        let level = level_of(self.now, tick);
        let slot = slot_of(level, tick);
        let next = self.levels[level].head(slot);
        self.nodes[key as usize] = Node { tick, next, previous: NONE, level: level as u8, slot };
        if next != NONE {
            self.nodes[next as usize].previous = key;
        }
        self.levels[level].set_head(slot, key);
        self.next = self.next.min(slot_start(level, tick));
    }

    /// Takes `key`, which is armed, off its list; returns when it was due.
    fn unlink(&mut self, key: u32) -> u64 {
        let node = &mut self.nodes[key as usize];
        let Node { tick, next, previous, level, slot } = std::mem::replace(node, Node::UNARMED);
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if previous == NONE {
            self.levels[usize::from(level)].set_head(slot, next);
        } else {
            self.nodes[previous as usize].next = next;
        }
        tick
    }
}

/// A slot, and the tick at which its time comes; [`UNARMED`] if there is none.
#[derive(Clone, Copy, Debug)]
struct Turn {
    tick: u64,
    level: usize,
    slot: u8,
}

impl Node {
    const UNARMED: Self = Self { tick: UNARMED, next: NONE, previous: NONE, level: 0, slot: 0 };
}

/// The level on which an entry for `tick` lies while it is `now`.
fn level_of(now: u64, tick: u64) -> usize {
    (((now ^ tick) | (SLOTS - 1)).ilog2() / SLOT_BITS) as usize
}

/// The first tick that does not come before `deadline`.
fn tick_at_or_after(deadline: Instant) -> u64 {
    deadline.as_nanos().div_ceil(NANOS_PER_TICK)
}

/// Levels enough for every tick that an [`Instant`] can name: 2^64 ns are less than 2^45 ms, and
/// eight levels reach 2^48.
const LEVELS: usize = 8;
/// A tick lasts 1 ms: tokio's timers are no finer.
const NANOS_PER_TICK: u64 = 1_000_000;
/// The tick of an entry that is on no list.
const UNARMED: u64 = u64::MAX;

#[cfg(test)]
mod tests;
