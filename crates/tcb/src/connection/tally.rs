//! What a connection counts, in as little room as it takes.

use crate::info::Counters;
use crate::room::{Room, Vacant};

/// What is counted for every segment, and apart from it what most connections have nothing of.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) segments_out: u64,
    pub(super) segments_in: u64,
    /// Units: octets.
    pub(super) octets_acked: u64,
    /// All the others.
    pub(super) rare: Room<Counters>,
}

impl Tally {
    /// All of it; `octets_received` are counted elsewhere.
    pub(super) fn counters(&self, octets_received: u64) -> Counters {
        let Self { segments_out, segments_in, octets_acked, ref rare } = *self;
        Counters { segments_out, segments_in, octets_acked, octets_received, ..**rare }
    }
}

impl Vacant for Counters {
    const VACANT: &'static Self = &Self::NONE;
}
