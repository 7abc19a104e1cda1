//! Super-segments: joining segments as a device does on receipt.

use core::num::NonZeroU16;

use bytes::Bytes;
use synack_wire::{Flags, Payload, TcpPacket};

/// Joins packets that continue each other, as a device with receive offload does: same addresses,
/// same ACK, window and options, each but the last of the same length.
pub(crate) fn join(packets: Vec<TcpPacket>) -> Vec<TcpPacket> {
    let mut joined: Vec<TcpPacket> = Vec::new();
    for packet in packets {
        match joined.last_mut() {
            Some(last) if continues(last, &packet) => append(last, &packet),
            Some(_) | None => joined.push(packet),
        }
    }
    joined
}

fn continues(last: &TcpPacket, next: &TcpPacket) -> bool {
    let (a, b) = (&last.segment, &next.segment);
    let size = last.segment_size.map_or(a.payload.len(), |size| u32::from(size.get()));
    // A short segment, a FIN or a PSH ends a super-segment.
    let is_open = a.payload.len().is_multiple_of(size.max(1)) && a.control == Flags::NONE;
    let is_plain = b.control.without(Flags::FIN | Flags::PSH) == Flags::NONE;
    let is_text = !a.payload.is_empty() && !b.payload.is_empty() && b.payload.len() <= size;
    last.source == next.source
        && last.destination == next.destination
        && last.ip == next.ip
        && a.end() == b.seq
        && (a.ack, a.window, a.urgent, &a.options) == (b.ack, b.window, None, &b.options)
        && is_open
        && is_plain
        && is_text
        && a.payload.len() + b.payload.len() <= SUPER_SEGMENT_MAX
}

fn append(last: &mut TcpPacket, next: &TcpPacket) {
    let size = last
        .segment_size
        .or_else(|| u16::try_from(last.segment.payload.len()).ok().and_then(NonZeroU16::new));
    let mut octets = last.segment.payload.to_vec();
    octets.extend(next.segment.payload.to_vec());
    last.segment.payload = Payload::from(Bytes::from(octets));
    last.segment.control = next.segment.control;
    last.segment_size = size;
}

/// The longest text that an IP packet with the longest headers can carry. Units: octets.
const SUPER_SEGMENT_MAX: u32 = 65_535 - 120;

#[cfg(test)]
mod tests {
    use super::*;
    use synack_wire::{Cut, IpFields, Segment, SeqNum};

    fn packet(seq: u32, text: &[u8]) -> TcpPacket {
        TcpPacket {
            source: "10.0.0.1:1".parse().unwrap(),
            destination: "10.0.0.2:2".parse().unwrap(),
            ip: IpFields::default(),
            segment_size: None,
            segment: Segment {
                seq: SeqNum::new(seq),
                ack: Some(SeqNum::new(7)),
                payload: Payload::from(Bytes::copy_from_slice(text)),
                ..Segment::default()
            },
        }
    }

    #[test]
    fn what_is_cut_can_be_joined_again() {
        let mut whole = packet(u32::MAX - 3, b"abcdefghij");
        whole.segment_size = NonZeroU16::new(4);
        whole.segment.control = Flags::FIN | Flags::PSH;
        let cut: Vec<_> = whole.cut_up().map(Cut::to_packet).collect();
        let texts: Vec<_> = cut.iter().map(|part| part.segment.payload.to_vec()).collect();
        assert_eq!(texts, [&b"abcd"[..], b"efgh", b"ij"]);
        assert!(cut.iter().take(2).all(|part| part.segment.control == Flags::NONE));
        assert_eq!(join(cut), [whole]);
    }

    #[test]
    fn only_what_continues_is_joined() {
        let first = packet(1, b"abcd");
        let gap = packet(6, b"efgh");
        let longer = packet(5, b"efghi");
        let other_ack = TcpPacket {
            segment: Segment { ack: None, ..packet(5, b"e").segment },
            ..packet(5, b"e")
        };
        for next in [gap, longer, other_ack] {
            assert_eq!(join(vec![first.clone(), next]).len(), 2);
        }
        let short = packet(5, b"e");
        assert_eq!(join(vec![first, short, packet(6, b"f")]).len(), 2, "a short one is the last");
    }
}
