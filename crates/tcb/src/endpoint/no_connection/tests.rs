//! Segments for nobody draw at most one reset, no longer than they are, and only so many a second.
//! Each row is a segment and the reset it draws; the limit is driven by stated times.

use super::*;
use crate::Shard;
use crate::keyed_hash::{KeyedHash, Purpose};
use bytes::Bytes;
use proptest::prelude::*;

fn packet(segment: Segment) -> TcpPacket {
    TcpPacket {
        source: "10.0.0.1:4000".parse().unwrap(),
        destination: "10.0.0.2:81".parse().unwrap(),
        ip: IpFields::default(),
        segment_size: None,
        segment,
    }
}

fn segment(seq: u32, ack: Option<u32>, control: Flags, text: &'static [u8]) -> Segment {
    Segment {
        seq: SeqNum::new(seq),
        ack: ack.map(SeqNum::new),
        control,
        payload: Bytes::from_static(text).into(),
        ..Segment::default()
    }
}

#[test]
fn sm_closed_1_to_3_the_reset_has_a_number_that_the_sender_can_check() {
    for (case, arriving, reset) in [
        ("rst_1 SYN", segment(100, None, Flags::SYN, b""), Some((0, Some(101)))),
        ("rst_1 at the wrap", segment(u32::MAX, None, Flags::SYN, b""), Some((0, Some(0)))),
        (
            "rst_1 SYN, FIN and text",
            { segment(100, None, Flags::SYN | Flags::FIN, b"text") },
            Some((0, Some(106))),
        ),
        ("rst_1 no flag at all", segment(100, None, Flags::NONE, b""), Some((0, Some(100)))),
        ("rst_2 ACK", segment(100, Some(301), Flags::NONE, b""), Some((301, None))),
        ("rst_2 SYN,ACK", segment(100, Some(301), Flags::SYN, b""), Some((301, None))),
        ("rst_2 text", segment(100, Some(301), Flags::PSH, b"text"), Some((301, None))),
        ("rst_3 RST", segment(100, None, Flags::RST, b""), None),
        ("rst_3 RST,ACK", segment(100, Some(301), Flags::RST, b""), None),
        ("rst_3 RST,SYN", segment(100, None, Flags::RST | Flags::SYN, b""), None),
    ] {
        let arriving = packet(arriving);
        let answer = reset_for(&arriving, IpFields::default());
        let numbers =
            answer.as_ref().map(|a| (a.segment.seq.get(), a.segment.ack.map(SeqNum::get)));
        assert_eq!(numbers, reset, "{case}");
        if let Some(answer) = answer {
            assert_eq!(answer.segment.control, Flags::RST, "{case}");
            assert_eq!(
                (answer.source, answer.destination),
                (arriving.destination, arriving.source)
            );
        }
    }
}

#[test]
fn ts_4_the_reset_echoes_a_timestamp_and_tells_none() {
    let mut arriving = segment(100, Some(301), Flags::NONE, b"");
    arriving.options.timestamps = Some(Timestamps { value: 77, echo: 5 });
    let reset = reset_for(&packet(arriving), IpFields::default()).unwrap();
    assert_eq!(reset.segment.options.timestamps, Some(Timestamps { value: 0, echo: 77 }));
}

proptest! {
    #[test]
    fn a11_a12_a_reset_is_never_longer_than_what_it_answers(
        bits in any::<u16>(),
        ack in any::<Option<u32>>(),
        text in prop::collection::vec(any::<u8>(), 0..20),
        timestamps in any::<Option<(u32, u32)>>(),
        mss in any::<Option<u16>>(),
    ) {
        let timestamps = timestamps.map(|(value, echo)| Timestamps { value, echo });
        let arriving = packet(Segment {
            ack: ack.map(SeqNum::new),
            control: Flags::from_bits(bits).without(Flags::ACK | Flags::URG),
            payload: Bytes::from(text).into(),
            options: Options { timestamps, mss, ..Options::default() },
            ..Segment::default()
        });
        if let Some(reset) = reset_for(&arriving, IpFields::default()) {
            prop_assert!(reset.len() <= arriving.len());
            prop_assert!(reset.segment.payload.is_empty());
            prop_assert!(reset_for(&reset, IpFields::default()).is_none(), "no reset for a reset");
        }
    }
}

fn limit(per_second_max: u32) -> ResetLimit {
    let draws = Draws::new(KeyedHash::derive(&[5; 32], Purpose::Resets), Shard::ONLY);
    ResetLimit::new(per_second_max, draws)
}

#[test]
fn rst_15_no_more_resets_leave_in_a_second_than_the_limit() {
    let mut limit = limit(200);
    let mut counts = alloc::vec::Vec::new();
    for second in 0..50 {
        let times =
            (0..10_000).map(|index| Instant::from_millis(1_000 + second * 1_000 + index / 10));
        counts.push(times.filter(|now| limit.allows(*now)).count());
    }
    assert!(counts.iter().all(|count| (150..=200).contains(count)), "{counts:?}");
    // Who counts up to the end of a second learns nothing, as the end is drawn anew.
    counts.sort_unstable();
    counts.dedup();
    assert!(counts.len() > 20, "{counts:?}");
}

#[test]
fn a_limit_of_none_allows_none_and_a_limit_of_one_allows_one() {
    let (mut none, mut one) = (limit(0), limit(1));
    let now = Instant::from_millis(1);
    assert!(!none.allows(now));
    assert!(one.allows(now) && !one.allows(now));
    assert!(one.allows(now + SECOND));
}
