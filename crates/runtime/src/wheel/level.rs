//! One level of the wheel: 64 slots, each the head of a list, and a bitmap of those in use.

/// Slots of one level; one word of bitmap.
pub(super) const SLOTS: u64 = 64;
/// Bits of a tick that select a slot: the logarithm of [`SLOTS`].
pub(super) const SLOT_BITS: u32 = 6;

/// The end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// One level. Level `n` has slots of `64^n` ticks.
#[derive(Debug)]
pub(super) struct Level {
    /// Bit `i` is set if slot `i` is not empty.
    occupied: u64,
    /// The first entry of each slot, [`NONE`] if there is none.
    heads: [u32; SLOTS as usize],
}

impl Level {
    pub(super) const fn new() -> Self {
        Self { occupied: 0, heads: [NONE; SLOTS as usize] }
    }

    /// The first entry of `slot`.
    pub(super) fn head(&self, slot: u8) -> u32 {
        self.heads[usize::from(slot)]
    }

    /// Puts `head` at the front of `slot`; [`NONE`] empties it.
    pub(super) fn set_head(&mut self, slot: u8, head: u32) {
        self.heads[usize::from(slot)] = head;
        let bit = 1 << slot;
        if head == NONE {
            self.occupied &= !bit;
        } else {
            self.occupied |= bit;
        }
    }

    /// The slot in use that comes first when one starts at `from` and goes round.
    pub(super) fn next_occupied(&self, from: u8) -> Option<u8> {
        if self.occupied == 0 {
            return None;
        }
        let distance = self.occupied.rotate_right(u32::from(from)).trailing_zeros();
        Some(((u32::from(from) + distance) % SLOTS as u32) as u8)
    }
}

/// The slot of `tick` on `level`.
pub(super) fn slot_of(level: usize, tick: u64) -> u8 {
    ((tick >> (SLOT_BITS * level as u32)) % SLOTS) as u8
}

/// How many ticks a slot of `level` spans.
pub(super) fn slot_ticks(level: usize) -> u64 {
    1 << (SLOT_BITS * level as u32)
}

/// The first tick of the slot of `level` that holds `tick`.
pub(super) fn slot_start(level: usize, tick: u64) -> u64 {
    tick & !(slot_ticks(level) - 1)
}
