//! Segments for nobody: a reset, or silence (RFC 9293 §3.10.7.1); and how many resets may leave.

use core::time::Duration;

use synack_wire::{Flags, IpFields, Options, Segment, SeqNum, TcpPacket, Timestamps};

use crate::Instant;
use crate::keyed_hash::Draws;

/// The reset that a segment for nobody draws, `None` if it is a reset itself.
///
/// It carries no text and is no longer than what it answers (robustness A11, A12).
///
/// Source: RFC 9293 §3.10.7.1 (SM-CLOSED-1 to SM-CLOSED-4, RST-1 to RST-3).
pub(super) fn reset_for(packet: &TcpPacket, ip: IpFields) -> Option<TcpPacket> {
    let segment = &packet.segment;
    if segment.is_rst() {
        return None;
    }
    // RST(ack), or RST(seq): with a number that the sender can check.
    let (seq, ack) = match segment.ack {
        Some(ack) => (ack, None),
        None => (SeqNum::new(0), Some(segment.end())),
    };
    // TS-4: outside any connection there is no clock of ours to tell.
    let echo = |theirs: Timestamps| Timestamps { value: 0, echo: theirs.value };
    let reset = Segment {
        seq,
        ack,
        control: Flags::RST,
        options: Options { timestamps: segment.options.timestamps.map(echo), ..Options::default() },
        ..Segment::default()
    };
    Some(TcpPacket {
        source: packet.destination,
        destination: packet.source,
        ip,
        segment_size: None,
        segment: reset,
    })
}

/// How many resets may leave, for the endpoint as a whole (RST-15).
///
/// Each second has its own allowance, drawn between three quarters of the limit and the limit. With
/// a fixed one, who uses it up to the last could count how many were left and so learn whether
/// someone else's segments drew any (robustness A11; compare erratum 4772 of RFC 5961).
#[derive(Clone, Debug)]
pub(super) struct ResetLimit {
    per_second_max: u32,
    draws: Draws,
    second: Option<Instant>,
    left: u32,
}

impl ResetLimit {
    pub(super) fn new(per_second_max: u32, draws: Draws) -> Self {
        Self { per_second_max, draws, second: None, left: 0 }
    }

    /// Whether a reset may leave now; if so it is counted.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let begun = self.second.is_some_and(|since| now.since(since) < SECOND);
        if !begun {
            self.second = Some(now);
            self.left = self.per_second_max - self.draws.below(self.per_second_max / 4 + 1);
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
