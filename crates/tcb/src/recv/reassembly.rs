//! Text that arrived above RCV.NXT, as ranges that do not touch.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use bytes::Bytes;
use synack_wire::{Payload, SeqNum, SeqRange};

use super::{CopyRoom, RecvBuffer};
use crate::room::Vacant;

/// The out-of-order ranges of a connection (RFC 9293 §3.10.7.4, SHLD-31).
///
/// Ranges are kept by offset from the first octet of the stream, so they compare without wrap.
/// Where two arrivals overlap, the octets that came first stay (SM-TEXT-2, robustness C3). Their
/// number is bounded, as each has a price of its own whatever it holds (robustness C1, C2).
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    ranges: BTreeMap<u64, Range>,
    len: usize,
}

/// One range; it begins at its key and holds `octets.len()`.
#[derive(Debug, Default)]
struct Range {
    octets: RecvBuffer,
}

/// What an insertion did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inserted {
    /// Something of it was new.
    New {
        /// The range that now holds it.
        range: SeqRange,
        /// The first part of it that was held already, if any was.
        held: Option<SeqRange>,
    },
    /// All of it was held already; the range that holds it.
    Duplicate(SeqRange),
    /// It would have begun a range too many.
    Full,
}

/// The most ranges held at once; Linux bounds by memory, FreeBSD at about this number.
pub(crate) const RANGES_MAX: usize = 1_024;

impl Vacant for Reassembly {
    const VACANT: &'static Self = &Self { ranges: BTreeMap::new(), len: 0 };
}

impl Reassembly {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Ranges held.
    pub(crate) fn count(&self) -> usize {
        self.ranges.len()
    }

    /// Octets held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Holds `payload`, which begins at `seq`. `nxt` is RCV.NXT, at stream offset `offset`, and
    /// lies at or below `seq`.
    pub(crate) fn insert(&mut self, at: Place, payload: Payload, copy_below: usize) -> Inserted {
        let start = at.offset_of_seq();
        let end = start + u64::from(payload.len());
        let held_before = self.len;
        if !self.touches(start, end) && self.ranges.len() >= RANGES_MAX {
            return Inserted::Full;
        }
        let held = self
            .first_held(start, end)
            .map(|(from, to)| SeqRange::new(at.seq_of_offset(from), at.seq_of_offset(to)));
        let mut position = start;
        for slice in payload {
            let len = slice.len() as u64;
            self.insert_slice(position, slice, copy_below);
            position += len;
        }
        let range = self.range_of(start).map_or_else(SeqRange::default, |(from, to)| {
            SeqRange::new(at.seq_of_offset(from), at.seq_of_offset(to))
        });
        if self.len > held_before {
            Inserted::New { range, held }
        } else {
            Inserted::Duplicate(range)
        }
    }

    /// Takes out the range that begins at or below `offset`, without what lies below `offset`, if
    /// there is one that goes beyond it.
    pub(crate) fn take(&mut self, offset: u64) -> Option<RecvBuffer> {
        while let Some(entry) = self.ranges.first_entry() {
            if *entry.key() > offset {
                return None;
            }
            let (start, mut range) = entry.remove_entry();
            self.len -= range.octets.len();
            let old = (offset - start) as usize;
            if old < range.octets.len() {
                skip(&mut range.octets, old);
                return Some(range.octets);
            }
        }
        None
    }

    /// The ranges, lowest first.
    pub(crate) fn ranges(&self, nxt: SeqNum, offset: u64) -> impl Iterator<Item = SeqRange> {
        let place = Place { seq: nxt, nxt, offset };
        self.ranges.iter().map(move |(start, range)| {
            SeqRange::with_len(place.seq_of_offset(*start), range.octets.len() as u32)
        })
    }

    /// Whether a range shares an octet with, or lies against, `start..end`.
    fn touches(&self, start: u64, end: u64) -> bool {
        let below = self.ranges.range(..=end).next_back();
        below.is_some_and(|(from, range)| from + range.octets.len() as u64 >= start)
    }

    /// The first part of `start..end` that is held.
    fn first_held(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let around = self.range_of(start).filter(|(_, range_end)| *range_end > start);
        let within = || {
            let (from, range) = self.ranges.range(start..end).next()?;
            Some((*from, from + range.octets.len() as u64))
        };
        let (from, to) = around.or_else(within)?;
        Some((from.max(start), to.min(end)))
    }

    /// The range that holds `offset`, as offsets.
    fn range_of(&self, offset: u64) -> Option<(u64, u64)> {
        let (start, range) = self.ranges.range(..=offset).next_back()?;
        Some((*start, start + range.octets.len() as u64))
    }

    /// Holds one slice: fills the gaps that it covers, from the left.
    fn insert_slice(&mut self, start: u64, mut slice: Bytes, copy_below: usize) {
        let mut position = start;
        while !slice.is_empty() {
            if let Some((_, end)) = self.range_of(position).filter(|(_, end)| *end > position) {
                let held = slice.len().min((end - position) as usize);
                drop(slice.split_to(held));
                position += held as u64;
                continue;
            }
            let next = self.ranges.range(position..).next().map(|(start, _)| *start);
            let gap = next.map_or(slice.len(), |next| slice.len().min((next - position) as usize));
            let fill = slice.split_to(gap);
            self.len += gap;
            self.fill_gap(position, fill, copy_below);
            position += gap as u64;
        }
    }

    /// Puts `fill` where nothing is held, and joins it with the ranges it touches.
    fn fill_gap(&mut self, start: u64, fill: Bytes, copy_below: usize) {
        let end = start + fill.len() as u64;
        let left = self.range_of(start).filter(|(_, left_end)| *left_end == start);
        let right = self.ranges.remove(&end);
        let key = left.map_or(start, |(left_start, _)| left_start);
        match (self.ranges.entry(key), right) {
            (Entry::Occupied(mut left), right) => {
                let octets = &mut left.get_mut().octets;
                octets.push(fill, copy_below, CopyRoom::Tight);
                if let Some(right) = right {
                    octets.append(right.octets, CopyRoom::Tight);
                }
            }
            (Entry::Vacant(place), Some(mut right)) => {
                right.octets.push_front(fill, copy_below);
                place.insert(right);
            }
            (Entry::Vacant(place), None) => {
                let octets = &mut place.insert(Range::default()).octets;
                octets.push(fill, copy_below, CopyRoom::Tight);
            }
        }
    }
}

/// Where an arrival lies: its number, and RCV.NXT with its offset in the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The number of the first octet of the arrival, at or above `nxt`.
    pub(crate) seq: SeqNum,
    /// RCV.NXT.
    pub(crate) nxt: SeqNum,
    /// The offset of RCV.NXT: octets received in order so far.
    pub(crate) offset: u64,
}

impl Place {
    fn offset_of_seq(self) -> u64 {
        self.offset + u64::from(self.seq.saturating_since(self.nxt))
    }

    fn seq_of_offset(self, offset: u64) -> SeqNum {
        // Offsets differ by less than a window, so the low 32 bits name the number.
        self.nxt + (offset.wrapping_sub(self.offset) as u32)
    }
}

/// Drops the first `count` octets.
fn skip(octets: &mut RecvBuffer, count: usize) {
    let mut left = count;
    while left > 0 {
        let skipped = octets.read_bytes(left).len();
        if skipped == 0 {
            return;
        }
        left -= skipped;
    }
}

#[cfg(test)]
mod tests;
