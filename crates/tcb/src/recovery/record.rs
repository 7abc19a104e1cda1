//! What is remembered of a range that was sent: when, how often, and what became of it.

use synack_wire::{SeqNum, SeqRange};

use super::delivery_rate::Departure;
use crate::Instant;
use crate::linked_slab::Key;

/// One range that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SentRecord {
    /// The numbers it covers, a FIN included.
    pub(crate) range: SeqRange,
    /// When it was sent last (Segment.xmit_ts of RFC 8985 §5.2).
    pub(crate) sent_at: Instant,
    /// How things stood when it was sent last.
    pub(super) departure: Departure,
    /// The how manieth packet it was sent in: tells apart what left at the same time. Wraps.
    pub(super) nth: u32,
    /// If it is [`Fate::Sacked`]: at least up to here everything is.
    pub(super) sacked_to: SeqNum,
    /// Octets in each segment of it: it may have left as a super-segment.
    pub(super) segment_len: u16,
    /// What is believed to have become of it.
    pub(crate) fate: Fate,
    /// Whether SACK had reported it before the last timeout, which took that back (FRTO-11).
    pub(crate) was_sacked: bool,
    /// Whether it was sent more than once, so that its ACK times nothing (RFC 6298 §3, Karn).
    pub(crate) again: Again,
    /// The record with the next higher numbers.
    pub(super) above: Option<Key>,
}

/// What is believed to have become of what was sent last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It is on its way, or its ACK is.
    InFlight,
    /// It is lost, and was not sent again since.
    Lost,
    /// The peer reported that it has it, above the cumulative ACK.
    Sacked,
}

/// Whether a range was sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Again {
    /// It was sent once.
    No,
    /// It was taken for lost, and then sent again.
    Retransmitted,
    /// A loss probe sent it again though it was not taken for lost: both copies are in flight
    /// (RFC 8985 §7.3, TLP-14).
    Probed,
}

/// Why a range is in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// It was sent and should arrive.
    Segment,
    /// It probed a closed window: the peer is free to drop it (ZWP-3), so it is not in flight, and
    /// is sent again when the window opens.
    Probe,
}

/// Sums over the records. Units: octets, but for the segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Totals {
    pub(super) sacked: u32,
    pub(super) sacked_segments: u32,
    pub(super) lost: u32,
    pub(super) probed: u32,
}

impl SentRecord {
    /// Decides what became of it. Of two copies that are lost, or of which one arrived, none is
    /// counted any more.
    pub(super) fn judge(&mut self, fate: Fate) {
        self.fate = fate;
        self.sacked_to = self.range.end;
        if self.again == Again::Probed && fate != Fate::InFlight {
            self.again = Again::Retransmitted;
        }
    }

    /// Where the first of its segments begins that lies at or above `seq`; its end if none does.
    pub(super) fn segment_from(&self, seq: SeqNum) -> SeqNum {
        let segment = u32::from(self.segment_len);
        let from = seq.saturating_since(self.range.start).next_multiple_of(segment);
        self.range.start + from.min(self.range.len())
    }

    /// How many segments it stands for.
    pub(super) fn segments(&self) -> u32 {
        self.range.len().div_ceil(u32::from(self.segment_len))
    }
}

impl Totals {
    /// Of no records.
    pub(super) const NONE: Self = Self { sacked: 0, sacked_segments: 0, lost: 0, probed: 0 };

    /// Counts a record in.
    pub(super) fn add(&mut self, record: &SentRecord) {
        let len = record.range.len();
        match record.fate {
            Fate::InFlight if record.again == Again::Probed => self.probed += len,
            Fate::InFlight => {}
            Fate::Lost => self.lost += len,
            Fate::Sacked => {
                self.sacked += len;
                self.sacked_segments += record.segments();
            }
        }
    }

    /// Counts a record out, as it was counted in.
    pub(super) fn remove(&mut self, record: &SentRecord) {
        let len = record.range.len();
        match record.fate {
            Fate::InFlight if record.again == Again::Probed => self.probed -= len,
            Fate::InFlight => {}
            Fate::Lost => self.lost -= len,
            Fate::Sacked => {
                self.sacked -= len;
                self.sacked_segments -= record.segments();
            }
        }
    }
}

/// No segment is longer than an IP packet.
pub(super) fn segment_len_of(segment_len: u32) -> u16 {
    u16::try_from(segment_len.max(1)).unwrap_or(u16::MAX)
}
