//! F-RTO: whether a timeout was needless, by what the two ACKs after it are for (RFC 5682).
//!
//! After the timeout one segment is sent again. If its ACK advances SND.UNA, up to two new segments
//! follow instead of more old ones; and if the next ACK is for something that was sent only before
//! the timeout, that was on its way all the time.

use synack_wire::{SeqNum, SeqRange};

use super::ack::AckArrival;
use super::deliveries::Deliveries;

/// How far the decision is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frto {
    /// It is made, or not to be made: conventional recovery.
    Conventional,
    /// The segment was sent again, up to here; the next ACK that advances SND.UNA is awaited.
    FirstAck { end: Option<SeqNum> },
    /// So many new segments may leave, and nothing else; the next ACK decides.
    SecondAck { new_segments: u32 },
    /// The timeout was needless.
    Spurious,
}

impl Frto {
    /// Takes an ACK of an episode that lasts until `point` is acknowledged.
    ///
    /// Source: RFC 5682 §2.1 steps 2 and 3, §3.1 (FRTO-2 to FRTO-6, FRTO-11).
    pub(super) fn on_ack(
        self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
        point: SeqNum,
    ) -> Self {
        match self {
            Self::Conventional | Self::Spurious => self,
            Self::FirstAck { end } => Self::first_ack(end, arrival, delivered, point),
            Self::SecondAck { .. } => self.second_ack(arrival, delivered, point),
        }
    }

    fn first_ack(
        end: Option<SeqNum>,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
        point: SeqNum,
    ) -> Self {
        if delivered.acked == 0 {
            // With SACK it only updates the scoreboard; without, it is a duplicate, or nothing.
            let is_sign = arrival.sack.is_none() && arrival.is_duplicate;
            return if is_sign { Self::Conventional } else { Self::FirstAck { end } };
        }
        let covers_segment = end.is_some_and(|end| arrival.ack >= end);
        if arrival.ack >= point || !covers_segment {
            return Self::Conventional;
        }
        Self::SecondAck { new_segments: NEW_SEGMENTS_MAX }
    }

    fn second_ack(self, arrival: &AckArrival<'_>, delivered: &Deliveries, point: SeqNum) -> Self {
        if delivered.newly == 0 {
            return if arrival.is_duplicate { Self::Conventional } else { self };
        }
        let is_beyond = delivered.highest.is_some_and(|highest| highest > point);
        // Without SACK an ACK beyond says no less of what is below.
        let tells = arrival.sack.is_none() || !is_beyond;
        if delivered.has_original && tells { Self::Spurious } else { Self::Conventional }
    }

    /// `range` was sent again.
    pub(super) fn on_retransmitted(&mut self, range: SeqRange) {
        *self = match *self {
            Self::FirstAck { end } if end.is_none_or(|end| end == range.start) => {
                Self::FirstAck { end: Some(range.end) }
            }
            // More than the first segment: what an ACK is for can no longer be told.
            Self::FirstAck { .. } | Self::SecondAck { .. } => Self::Conventional,
            Self::Conventional | Self::Spurious => *self,
        };
    }

    /// New text left, in so many segments.
    pub(super) fn on_sent(&mut self, segments: u32) {
        if let Self::SecondAck { new_segments } = self {
            *new_segments = new_segments.saturating_sub(segments);
        }
    }
}

/// RFC 5682 §2.1 step 2b (FRTO-3).
pub(super) const NEW_SEGMENTS_MAX: u32 = 2;

#[cfg(test)]
mod tests;
