//! Which blocks to report in a SACK option: the newest first, and duplicates once.

use synack_wire::{SACK_BLOCKS_MAX, SackBlocks, SeqNum, SeqRange};

use crate::room::Vacant;

/// What the next SACK option should say (RFC 2018 §4, RFC 2883 §4).
#[derive(Clone, Debug, Default)]
pub(crate) struct SackReport {
    /// Ranges that grew lately, the newest first; each lies above RCV.NXT.
    recent: SackBlocks,
    /// Text that arrived again, to be reported once (DSACK-1).
    duplicate: Option<SeqRange>,
}

impl Vacant for SackReport {
    const VACANT: &'static Self = &Self { recent: SackBlocks::new_const(), duplicate: None };
}

impl SackReport {
    /// Records that an arrival grew, or lies in, `range`.
    ///
    /// Source: RFC 2018 §4 (SACK-5, SACK-7).
    pub(crate) fn on_range(&mut self, range: SeqRange) {
        self.recent.retain(|old| !range.overlaps(*old) && range.end != old.start);
        if self.recent.is_full() {
            self.recent.pop();
        }
        self.recent.insert(0, range);
    }

    /// Records that all of `duplicate` had arrived before.
    ///
    /// Source: RFC 2883 §4 (DSACK-1, DSACK-2).
    pub(crate) fn on_duplicate(&mut self, duplicate: SeqRange) {
        self.duplicate = Some(duplicate);
    }

    /// Forgets what lies below the new RCV.NXT.
    pub(crate) fn on_advance(&mut self, nxt: SeqNum) {
        self.recent.retain(|range| range.start > nxt);
    }

    /// Whether an ACK should carry the option (RFC 2018 §4, SACK-4).
    pub(crate) fn is_due(&self) -> bool {
        !self.recent.is_empty() || self.duplicate.is_some()
    }

    /// The blocks of the next option, at most `blocks_max`: a duplicate, then the ranges as they
    /// grew, then as many of `all` as fit (SACK-6). The duplicate is forgotten: it is reported
    /// once.
    pub(crate) fn take_blocks(
        &mut self,
        blocks_max: usize,
        all: impl Iterator<Item = SeqRange>,
    ) -> SackBlocks {
        let blocks_max = blocks_max.min(SACK_BLOCKS_MAX);
        let mut blocks = SackBlocks::new();
        blocks.extend(self.duplicate.take().into_iter().take(blocks_max));
        let left = blocks_max - blocks.len();
        blocks.extend(self.recent.iter().copied().take(left));
        let left = blocks_max - blocks.len();
        // No more than `recent` can hold are looked at, so this is short however many there are.
        let others = all.take(2 * SACK_BLOCKS_MAX).filter(|range| !self.recent.contains(range));
        blocks.extend(others.take(left));
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    const NXT: SeqNum = SeqNum::new(u32::MAX - 10);

    fn range(start: u32, end: u32) -> SeqRange {
        SeqRange::new(NXT + start, NXT + end)
    }

    fn blocks(report: &mut SackReport, blocks_max: usize, all: &[SeqRange]) -> Vec<(u32, u32)> {
        let blocks = report.take_blocks(blocks_max, all.iter().copied());
        blocks.iter().map(|block| (block.start - NXT, block.end - NXT)).collect()
    }

    #[test]
    fn sack_5_and_7_the_newest_block_comes_first_and_older_ones_repeat() {
        let mut report = SackReport::default();
        for index in [1, 3, 5, 7, 9] {
            report.on_range(range(index * 10, index * 10 + 5));
        }
        assert_eq!(blocks(&mut report, 3, &[]), [(90, 95), (70, 75), (50, 55)]);
        report.on_range(range(50, 60));
        assert_eq!(blocks(&mut report, 4, &[]), [(50, 60), (90, 95), (70, 75), (30, 35)]);
    }

    #[test]
    fn a_range_that_joined_two_replaces_both() {
        let mut report = SackReport::default();
        report.on_range(range(10, 20));
        report.on_range(range(30, 40));
        report.on_range(range(10, 40));
        assert_eq!(blocks(&mut report, 4, &[]), [(10, 40)]);
    }

    #[test]
    fn sack_6_room_is_filled_with_ranges_that_fell_out_of_the_list() {
        let all: Vec<_> = (1..7).map(|index| range(index * 10, index * 10 + 5)).collect();
        let mut report = SackReport::default();
        report.on_range(all[2]);
        assert_eq!(blocks(&mut report, 3, &all), [(30, 35), (10, 15), (20, 25)]);
    }

    #[test]
    fn dsack_1_a_duplicate_comes_first_and_once() {
        let mut report = SackReport::default();
        report.on_range(range(10, 20));
        report.on_duplicate(range(12, 14));
        assert!(report.is_due());
        assert_eq!(blocks(&mut report, 3, &[]), [(12, 14), (10, 20)]);
        assert_eq!(blocks(&mut report, 3, &[]), [(10, 20)]);
        report.on_advance(NXT + 20);
        assert!(!report.is_due());
        assert_eq!(blocks(&mut report, 3, &[]), vec![]);
    }
}
