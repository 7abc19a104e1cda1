//! Loss detection by SACK: IsLost and the last resorts of NextSeg (RFC 6675 §4).

use synack_wire::SeqNum;

use super::duplicate_ack::DUPLICATES_FOR_LOSS;
use super::sent::SentQueue;

/// How far the scoreboard was judged already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SelectiveLoss {
    /// Everything below was marked lost, or SACKed.
    judged: Option<SeqNum>,
    /// RescueRxt, as the number after it: beyond it an ACK allows the rescue retransmission.
    rescue_beyond: Option<SeqNum>,
}

impl SelectiveLoss {
    /// A new episode, or none.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// An episode begins with the retransmission of what lies below `end` (SACK-20).
    pub(crate) fn on_recovery(&mut self, end: Option<SeqNum>) {
        self.rescue_beyond = end;
    }

    /// Marks as lost what IsLost says is lost, and was never sent again.
    ///
    /// IsLost holds below the point above which three discontiguous ranges, or more than two
    /// segments' worth of octets, were SACKed. Source: RFC 6675 §4 (SACK-13, SACK-15).
    pub(crate) fn mark(&mut self, sent: &mut SentQueue, highest_sacked: SeqNum, mss: u32) {
        let Some(point) = loss_point(sent, highest_sacked, mss) else { return };
        let from = self.judged.map_or(0, |judged| sent.index_of(judged));
        let to = sent.index_of(point);
        for index in from..to {
            if sent.get(index).is_some_and(|record| record.retransmitted) {
                sent.confirm_suspect(index);
            } else {
                sent.mark_lost(index);
            }
        }
        self.judged = Some(point);
    }

    /// Marks one more segment for sending when nothing else can be sent: the first of a hole below
    /// what was SACKed; or once an episode, when an ACK went beyond its first retransmission, the
    /// highest that is outstanding. Returns whether it did.
    ///
    /// Source: RFC 6675 §4 NextSeg rules 3 and 4 (SACK-17, SACK-18).
    pub(crate) fn mark_last_resort(
        &mut self,
        sent: &mut SentQueue,
        highest_sacked: SeqNum,
        recovery_point: SeqNum,
    ) -> bool {
        let holes_to = sent.index_of(highest_sacked);
        let hole = (0..holes_to).find(|index| {
            sent.get(*index).is_some_and(|r| !r.sacked && !r.lost && !r.retransmitted)
        });
        if let Some(index) = hole {
            sent.mark_suspect(index);
            return true;
        }
        let una = sent.first().map(|first| first.range.start);
        if !una.zip(self.rescue_beyond).is_some_and(|(una, beyond)| una > beyond) {
            return false;
        }
        self.rescue_beyond = Some(recovery_point);
        let outstanding = |index: &usize| sent.get(*index).is_some_and(|r| !r.sacked && !r.lost);
        let Some(index) = (0..sent.len()).rev().find(outstanding) else { return false };
        sent.mark_last_segment_lost(index);
        true
    }
}

/// The number below which IsLost holds.
fn loss_point(sent: &SentQueue, highest_sacked: SeqNum, mss: u32) -> Option<SeqNum> {
    let (mut octets, mut ranges) = (0u32, 0);
    let mut range_start = None;
    for index in (0..sent.index_of(highest_sacked).min(sent.len())).rev() {
        let record = sent.get(index)?;
        if !record.sacked {
            range_start = None;
            continue;
        }
        if range_start.is_none() {
            ranges += 1;
        }
        range_start = Some(record.range.start);
        octets = octets.saturating_add(record.range.len());
        if ranges >= DUPLICATES_FOR_LOSS || octets > (DUPLICATES_FOR_LOSS - 1) * mss {
            return Some(record.range.start);
        }
    }
    None
}
