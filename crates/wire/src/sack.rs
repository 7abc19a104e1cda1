//! The blocks of a SACK option.

use arrayvec::ArrayVec;

use crate::SeqRange;

/// Blocks that fit an option when no other option is present (RFC 2018 §3).
pub const SACK_BLOCKS_MAX: usize = 4;

/// Up to four blocks, in the order of the option: the first is the newest (RFC 2018 §4).
///
/// A block is held as received; whether it makes sense is for the receiver to judge (SACK-11).
pub type SackBlocks = ArrayVec<SeqRange, SACK_BLOCKS_MAX>;
