//! What a device with segmentation offload makes of a packet: the segments it stands for.

use std::collections::VecDeque;

use synack_tcb::{ConnectionInfo, TransmitLimits};
use synack_wire::{Cut, Flags, SeqNum, SeqRange, TcpPacket};

/// What the device takes: a super-segment as long as an IP packet with the longest headers.
pub(crate) const LIMITS: TransmitLimits = TransmitLimits { super_segment_max: 65_535 - 120 };

/// What a connection handed to its device at once: a packet of several segments has PSH at its end.
///
/// So does Linux, as the peer should not wait for more of it (RFC 9293 §3.9.1.2 leaves that to the
/// sender). Scripts that were written for it tell such ends, so the host's device has them too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bursts {
    /// The number behind all that was sent.
    sent_to: Option<SeqNum>,
    /// Those of several segments, the newest last.
    bursts: VecDeque<SeqRange>,
}

impl Bursts {
    /// Marks the segments that left together, of which those with new text are handed to the device
    /// `segments_max` at a time. A burst that is sent again has its end if all of it is.
    pub(crate) fn mark(&mut self, segments: &mut [TcpPacket], segments_max: u32) {
        self.remember_new(segments, segments_max);
        let mut run: Option<SeqRange> = None;
        for packet in segments {
            let segment = &mut packet.segment;
            let (start, end) = (segment.seq, segment.end());
            if segment.payload.is_empty() {
                continue;
            }
            let goes_on = run.filter(|run| run.end == start);
            let from = goes_on.map_or(start, |run| run.start);
            run = Some(SeqRange::new(from, end));
            let ends_here = |burst: &SeqRange| burst.end == end && from <= burst.start;
            if self.bursts.iter().any(ends_here) {
                segment.control |= Flags::PSH;
            }
        }
    }

    /// Cuts what is new into bursts: at their greatest length, at the end of a write, at the last.
    fn remember_new(&mut self, segments: &[TcpPacket], segments_max: u32) {
        let sent_to = self.sent_to;
        let is_new = |packet: &&TcpPacket| {
            let segment = &packet.segment;
            !segment.payload.is_empty() && sent_to.is_none_or(|sent_to| segment.seq >= sent_to)
        };
        let mut burst: Option<(SeqRange, u32)> = None;
        for segment in segments.iter().filter(is_new).map(|packet| &packet.segment) {
            let (start, count) =
                burst.map_or((segment.seq, 0), |(range, count)| (range.start, count));
            let (range, count) = (SeqRange::new(start, segment.end()), count + 1);
            burst = Some((range, count));
            if count == segments_max || segment.control.contains(Flags::PSH) {
                self.remember(range, count);
                burst = None;
            }
        }
        if let Some((range, count)) = burst {
            self.remember(range, count);
        }
        for end in segments.iter().map(|packet| packet.segment.end()) {
            self.sent_to = Some(self.sent_to.map_or(end, |sent_to| sent_to.max(end)));
        }
    }

    fn remember(&mut self, burst: SeqRange, count: u32) {
        if count < 2 {
            return;
        }
        if self.bursts.len() == BURSTS_MAX {
            self.bursts.pop_front();
        }
        self.bursts.push_back(burst);
    }
}

/// How many segments Linux hands to a device at once: what is paced out in a millisecond, or at
/// least `segments_min`, and no more than half of cwnd.
pub(crate) fn burst_len(info: &ConnectionInfo, segments_min: u32) -> u32 {
    let mss = u64::from(info.mss.max(1));
    let cwnd = u64::from(info.cwnd);
    let srtt_us = info.srtt.map_or(0, |srtt| srtt.as_micros() as u64).max(1);
    let gain_percent = if info.cwnd < info.ssthresh / 2 { 200 } else { 120 };
    let rate = cwnd * 1_000_000 / srtt_us * gain_percent / 100;
    let min_rtt_us = info.min_rtt.map_or(u64::MAX, |rtt| rtt.as_micros() as u64);
    let near = u32::try_from(min_rtt_us >> 9).ok().and_then(|shift| 65_536u64.checked_shr(shift));
    let paced = (rate / 1_024 + near.unwrap_or(0)) / mss;
    let half = (cwnd / mss / 2).max(1);
    let len = paced.max(u64::from(segments_min)).min(half);
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The segments of a packet, in order.
pub(crate) fn segments_of(packet: &TcpPacket) -> Vec<TcpPacket> {
    packet.cut_up().map(Cut::to_packet).collect()
}

/// How many bursts are remembered: more than are in flight.
const BURSTS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use core::num::NonZeroU16;
    use synack_wire::{IpFields, Payload, Segment};

    #[test]
    fn a_burst_is_cut_into_segments_and_its_end_is_marked() {
        let whole = TcpPacket {
            source: "10.0.0.1:1".parse().unwrap(),
            destination: "10.0.0.2:2".parse().unwrap(),
            ip: IpFields::default(),
            segment_size: NonZeroU16::new(4),
            segment: Segment {
                seq: SeqNum::new(u32::MAX),
                ack: Some(SeqNum::new(7)),
                payload: Payload::from(Bytes::from_static(b"abcdefghij")),
                ..Segment::default()
            },
        };
        let mut bursts = Bursts::default();
        let mut cut = segments_of(&whole);
        bursts.mark(&mut cut, 2);
        let seen: Vec<_> = cut
            .iter()
            .map(|cut| (cut.segment.seq, cut.segment.payload.to_vec(), cut.segment.control))
            .collect();
        let expected = [
            (SeqNum::new(u32::MAX), b"abcd".to_vec(), Flags::NONE),
            (SeqNum::new(3), b"efgh".to_vec(), Flags::PSH),
            (SeqNum::new(7), b"ij".to_vec(), Flags::NONE),
        ];
        let mut short = Bursts::default();
        let mut all = segments_of(&whole);
        short.mark(&mut all, 9);
        assert_eq!(all[2].segment.control, Flags::PSH, "what cwnd ends is a burst too");
        assert_eq!(seen, expected);
        let mut again = segments_of(&whole);
        bursts.mark(&mut again, 3);
        assert_eq!(again, cut, "sent again, the ends are where they were");
        let mut half = vec![again.remove(1)];
        half[0].segment.control = Flags::NONE;
        bursts.mark(&mut half, 3);
        assert_eq!(half[0].segment.control, Flags::NONE, "half of a burst is no burst");
    }
}
