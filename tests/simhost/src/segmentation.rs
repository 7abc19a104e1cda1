//! What a device with segmentation offload makes of a packet: the segments it stands for.

use synack_tcb::TransmitLimits;
use synack_wire::{Flags, TcpPacket};

/// What the device takes: a super-segment as long as an IP packet with the longest headers.
pub(crate) const LIMITS: TransmitLimits = TransmitLimits { super_segment_max: 65_535 - 120 };

/// The segments of a packet, in order. The last of several has PSH, as a sender that hands over
/// bursts marks the end of each: the peer should not wait for more of it (RFC 9293 §3.9.1.2).
pub(crate) fn segments_of(packet: TcpPacket) -> Vec<TcpPacket> {
    let Some(size) = packet.segment_size else { return vec![packet] };
    let size = u32::from(size.get());
    let total = packet.segment.payload.len();
    let mut segments = Vec::new();
    let mut offset = 0;
    while offset < total {
        let mut segment = packet.clone();
        segment.segment_size = None;
        segment.segment.seq += offset;
        segment.segment.payload.advance(offset);
        segment.segment.payload.truncate(size);
        let ahead = packet.segment.urgent.map(u32::from).and_then(|up| up.checked_sub(offset));
        segment.segment.urgent = ahead.and_then(|up| u16::try_from(up).ok());
        offset += size;
        let control = segment.segment.control;
        segment.segment.control = if offset < total {
            control.without(Flags::FIN | Flags::PSH)
        } else {
            control | Flags::PSH
        };
        segments.push(segment);
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use core::num::NonZeroU16;
    use synack_wire::{IpFields, Payload, Segment, SeqNum};

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
        let cut = segments_of(whole);
        let seen: Vec<_> = cut
            .iter()
            .map(|cut| (cut.segment.seq, cut.segment.payload.to_vec(), cut.segment.control))
            .collect();
        let expected = [
            (SeqNum::new(u32::MAX), b"abcd".to_vec(), Flags::NONE),
            (SeqNum::new(3), b"efgh".to_vec(), Flags::NONE),
            (SeqNum::new(7), b"ij".to_vec(), Flags::PSH),
        ];
        assert_eq!(seen, expected);
    }
}
