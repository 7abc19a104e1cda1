//! The counters of both sides, one against the other and against worked numbers.
//! Numbers of RFC 9768 §3.2 and its appendix A; random streams of marks, and of lost ACKs.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const MSS: u32 = 1_460;

fn flags(ace: u8) -> Flags {
    let mut flags = Flags::NONE;
    for (bit, flag) in [(1, Flags::ECE), (2, Flags::CWR), (4, Flags::AE)] {
        if ace & bit != 0 {
            flags |= flag;
        }
    }
    flags
}

fn heard(field: Ecn, octets: u32) -> Heard {
    Heard { field, segments: 1, octets, has_unacked: false }
}

/// So many packets acknowledged, without an option.
fn packets(ace: u8, packets: u32) -> Feedback {
    Feedback { control: flags(ace), option: None, delivered: packets * MSS, mss: MSS }
}

fn with_octets(feedback: Feedback, ce: u32) -> Feedback {
    let option = AccurateEcnCounters { ect0: Some(1), ce: Some(ce), ..Default::default() };
    Feedback { option: Some(option), ..feedback }
}

#[test]
fn accecn_8_accecn_9_the_field_is_the_count_of_marked_packets_from_five_on() {
    let mut accurate = AccurateEcn::new();
    for ace in [5, 6, 7, 0, 1, 2] {
        assert_eq!(accurate.ace(), flags(ace));
        let _ = accurate.on_packet(heard(Ecn::Ce, MSS));
        let before = accurate.ace();
        let _ = accurate.on_packet(heard(Ecn::Ect0, MSS));
        assert_eq!(accurate.ace(), before, "ECT is no mark");
    }
    let _ = accurate.on_packet(Heard { segments: 4, ..heard(Ecn::Ce, 4 * MSS) });
    assert_eq!(accurate.ace(), flags(7), "a super-segment is as many packets as it is made of");
}

#[test]
fn accecn_10_accecn_12_the_field_of_the_syn_ack_is_told_and_its_mark_counted_once() {
    for (field, told, counted) in
        [(Ecn::NotEct, 2, 5), (Ecn::Ect1, 3, 5), (Ecn::Ect0, 4, 5), (Ecn::Ce, 6, 6)]
    {
        let mut accurate = AccurateEcn::new();
        accurate.on_syn_ack(field);
        assert!(accurate.owes_pure_ack());
        assert_eq!(accurate.take_handshake_ace(), Some(flags(told)), "{field:?}");
        assert_eq!(accurate.take_handshake_ace(), None);
        accurate.on_syn_ack(field);
        assert_eq!(accurate.ace(), flags(counted), "not once more");
    }
}

#[test]
fn accecn_11_what_a_server_takes_from_the_first_ack() {
    for (ace, meaning, counted) in [
        (0, HandshakeAck::Silent, 5),
        (1, HandshakeAck::Sound, 5),
        (2, HandshakeAck::Sound, 5),
        (3, HandshakeAck::Mangled, 5),
        (4, HandshakeAck::Mangled, 5),
        (5, HandshakeAck::Sound, 5),
        (6, HandshakeAck::Marked, 6),
        (7, HandshakeAck::Sound, 5),
    ] {
        let mut accurate = AccurateEcn::new();
        assert_eq!(accurate.on_handshake_ack(flags(ace)), meaning, "{ace:03b}");
        assert_eq!(accurate.counted, counted, "{ace:03b}");
        let marks = accurate.on_feedback(packets((counted as u8 + 1) % 8, 1));
        let believed = if ace == 0 { 0 } else { 1 };
        assert_eq!(marks, Marks::Packets(believed), "{ace:03b}");
    }
}

#[test]
fn accecn_13_the_numbers_of_appendix_a() {
    for (case, ace, acked, octets, marks) in [
        ("A.2.1: two of nine", 7, 9, None, 2),
        ("A.2.1: two of ten may be ten", 7, 10, None, 10),
        ("more marks than packets: packets were smaller", 0, 1, None, 3),
        ("none of seven", 5, 7, None, 0),
        ("none of eight may be eight", 5, 8, None, 8),
        ("A.2.2: eight marked octets make no packet larger than a segment", 5, 8, Some(1_460), 8),
        ("A.2.2: two, as ten would be too small", 7, 10, Some(1_460), 2),
        ("A.2.2: seven, likewise", 4, 15, Some(10_200), 7),
        ("the octets say none", 5, 40, Some(0), 0),
        ("fifteen of fifteen full ones", 4, 15, Some(15 * 1_460), 15),
    ] {
        let mut accurate = AccurateEcn::new();
        let feedback = packets(ace, acked);
        let feedback = octets.map_or(feedback, |octets| with_octets(feedback, octets));
        assert_eq!(accurate.on_feedback(feedback), Marks::Packets(marks), "{case}");
        assert_eq!(accurate.counted, 5 + marks, "{case}");
    }
}

#[test]
fn accecn_13_where_an_ack_is_usually_of_many_packets_none_was_lost() {
    let mut accurate = AccurateEcn::new();
    let first = accurate.on_feedback(packets(5, 44));
    assert_eq!(first, Marks::Packets(40), "of the first it is not known");
    for _ in 0..10 {
        assert_eq!(accurate.on_feedback(packets(5, 44)), Marks::Packets(0));
    }
    assert_eq!(accurate.on_feedback(packets(6, 44)), Marks::Packets(1));
}

#[test]
fn accecn_14_accecn_15_when_marks_are_acknowledged_at_once() {
    let (ect, mark, bare) = (heard(Ecn::Ect0, MSS), heard(Ecn::Ce, MSS), heard(Ecn::Ce, 0));
    for (case, arrivals, due) in [
        ("text without a mark", &[ect][..], &[false][..]),
        ("the first mark, and every second after it", &[mark, mark, mark], &[true, true, true]),
        ("after text without", &[ect, mark, ect, mark], &[false, true, false, true]),
        ("three packets without text", &[bare, bare, bare], &[false, false, true]),
    ] {
        let mut accurate = AccurateEcn::new();
        let found: Vec<_> = arrivals.iter().map(|it| accurate.on_packet(*it)).collect();
        assert_eq!(found, due, "{case}");
    }
    let mut accurate = AccurateEcn::new();
    assert!(accurate.on_packet(mark));
    accurate.on_told();
    assert!(!accurate.on_packet(mark), "one since the last ACK");
    assert!(accurate.on_packet(mark), "two");
    accurate.on_told();
    let waiting = Heard { has_unacked: true, ..bare };
    let found = [waiting, waiting].map(|it| accurate.on_packet(it));
    assert_eq!(found, [false, true], "two while text waits for its ACK");
}

#[test]
fn accecn_16_the_option_has_the_counters_that_ever_changed() {
    let option = |order_1, ect0, ce, ect1| Some(AccurateEcnCounters { order_1, ect0, ce, ect1 });
    for (case, arrivals, expected) in [
        ("nothing", &[][..], None),
        ("nothing new", &[(Ecn::NotEct, 10), (Ecn::Ce, 0)], None),
        ("ECT(0)", &[(Ecn::Ect0, 10)], option(false, Some(11), None, None)),
        ("ECT(1)", &[(Ecn::Ect1, 10)], option(true, None, None, Some(11))),
        ("CE", &[(Ecn::Ce, 10)], option(false, Some(1), Some(10), None)),
        ("ECT(1), CE", &[(Ecn::Ect1, 9), (Ecn::Ce, 7)], option(true, None, Some(7), Some(10))),
        ("both", &[(Ecn::Ect0, 1), (Ecn::Ect1, 2)], option(false, Some(2), Some(0), Some(3))),
    ] {
        let mut accurate = AccurateEcn::new();
        for (field, octets) in arrivals {
            let _ = accurate.on_packet(heard(*field, *octets));
        }
        assert_eq!(accurate.take_option(40), expected, "{case}");
        assert_eq!(accurate.take_option(40), None, "{case}: told");
    }
}

#[test]
fn accecn_18_accecn_19_in_little_room_what_changed_comes_first_or_nothing() {
    let mut accurate = AccurateEcn::new();
    accurate.try_option(2);
    assert_eq!(accurate.take_option(40), Some(AccurateEcn::first_option()));
    assert_eq!(accurate.take_option(3), None);
    assert_eq!(accurate.take_option(4), Some(AccurateEcnCounters::default()), "empty");
    assert_eq!(accurate.take_option(40), None, "that were both trials");
    let _ = accurate.on_packet(heard(Ecn::Ce, 5));
    for room in 0..8 {
        assert_eq!(accurate.take_option(room), None, "CE is the second field");
    }
    assert_eq!(accurate.take_option(8).and_then(|option| option.ce), Some(5));
    let _ = accurate.on_packet(heard(Ecn::Ect0, 5));
    let only = AccurateEcnCounters { ect0: Some(6), ..AccurateEcnCounters::default() };
    assert_eq!(accurate.take_option(7).map(|option| option.encoded_len()), None);
    assert_eq!(option_len(1), 8);
    assert_eq!(accurate.take_option(8).map(|o| (o.ect0, o.ce)), Some((only.ect0, Some(5))));
    accurate.give_option_up();
    let _ = accurate.on_packet(heard(Ecn::Ect0, 5));
    assert_eq!(accurate.take_option(40), None);
}

#[test]
fn accecn_21_marked_octets_without_marked_packets_are_mangled() {
    let mut accurate = AccurateEcn::new();
    assert_eq!(accurate.on_feedback(with_octets(packets(5, 2), 100)), Marks::Mangled);
    assert_eq!(accurate.on_feedback(with_octets(packets(5, 2), 100)), Marks::Packets(0));
}

#[test]
fn a_first_option_with_counters_of_zero_is_not_to_be_trusted() {
    let zero = AccurateEcnCounters { ect0: Some(0), ce: Some(0), ..Default::default() };
    let mut accurate = AccurateEcn::new();
    let feedback = Feedback { option: Some(zero), ..packets(5, 8) };
    assert_eq!(accurate.on_feedback(feedback), Marks::Packets(8), "as if there were none");
    let mut accurate = AccurateEcn::new();
    accurate.on_feedback(with_octets(packets(5, 1), 0));
    assert_eq!(accurate.on_feedback(feedback), Marks::Packets(0), "later it may wrap to that");
}

#[test]
fn appendix_a_1_octets_wrap_at_24_bits() {
    let mut accurate = AccurateEcn::new();
    accurate.counted_octets = Some(1);
    let option = AccurateEcnCounters { ect0: Some(1), ce: Some(1_461), ..Default::default() };
    assert_eq!(accurate.take_octets(Some(option)), Some(1_460));
    accurate.counted_octets = Some(0xff_ff00);
    assert_eq!(accurate.take_octets(Some(option)), Some(0x100 + 1_461));
}

proptest! {
    /// ACCECN-13, ACCECN-20: as long as no eight packets pass without an ACK that arrives, every
    /// mark is counted; with options, even if more do.
    #[test]
    fn accecn_13_accecn_20_the_sender_counts_what_the_receiver_counted(
        marks in proptest::collection::vec(any::<bool>(), 1..400),
        gaps in proptest::collection::vec(1..30u32, 400),
        has_option in any::<bool>(),
    ) {
        let (mut sender, mut receiver) = (AccurateEcn::new(), AccurateEcn::new());
        let (mut unheard, mut counted, mut marked, mut gaps) = (0, 0, 0, gaps.into_iter());
        let mut gap = gaps.next().unwrap();
        for is_marked in marks {
            let field = if is_marked { Ecn::Ce } else { Ecn::Ect0 };
            marked += u32::from(is_marked);
            unheard += 1;
            let _ = receiver.on_packet(heard(field, MSS));
            let option = receiver.take_option(40);
            let gap_max = if has_option { gap } else { gap.min(7) };
            if unheard < gap_max {
                continue;
            }
            let option = option.filter(|_| has_option);
            let delivered = unheard * MSS;
            let feedback = Feedback { control: receiver.ace(), option, delivered, mss: MSS };
            match sender.on_feedback(feedback) {
                Marks::Packets(packets) => counted += packets,
                Marks::Mangled => prop_assert!(false, "nothing is"),
            }
            prop_assert_eq!(counted, marked);
            (unheard, gap) = (0, gaps.next().unwrap_or(1));
        }
    }

    /// Whatever a peer feeds back, it is no more marks than an ACK may stand for.
    #[test]
    fn attack_d13_no_feedback_counts_more_than_was_delivered_or_three_bits_say(
        acks in proptest::collection::vec(
            (0..8u8, proptest::option::of((any::<u32>(), any::<u32>())), any::<u32>()), 1..100,
        ),
        mss in 1..70_000u32,
    ) {
        let mut accurate = AccurateEcn::new();
        for (ace, octets, delivered) in acks {
            let option = octets.map(|(ect0, ce)| AccurateEcnCounters {
                ect0: Some(ect0), ce: Some(ce), ..Default::default()
            });
            let feedback = Feedback { control: flags(ace), option, delivered, mss };
            if let Marks::Packets(marks) = accurate.on_feedback(feedback) {
                prop_assert!(marks <= 7 || marks <= delivered / mss);
            }
        }
    }
}
