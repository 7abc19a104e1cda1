//! Options are read with bounds kept, and written in Linux's order and alignment.
//! Octet tables for layout and faults; every cut, every two octets, and random sets and octets.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const TS: Timestamps = Timestamps { value: 0x0102_0304, echo: 0x0506_0708 };
const TS_OCTETS: [u8; 10] = [8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

/// The first block ends behind the wrap.
fn blocks(count: u32) -> SackBlocks {
    let first = SeqNum::new(u32::MAX);
    (0..count).map(|n| SeqRange::with_len(first + n * 1000, 100)).collect()
}

fn round_trip(options: &Options) -> Vec<u8> {
    let octets = options.encode().unwrap();
    assert_eq!(octets.len(), options.encoded_len());
    assert_eq!(octets.len() % 4, 0);
    assert_eq!(Options::parse(&octets), (options.clone(), None));
    octets.to_vec()
}

#[test]
fn wire_12_the_options_of_a_syn_are_laid_out_as_linux_does() {
    let syn = Options {
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some(TS),
        window_scale: Some(7),
        ..Options::default()
    };
    let want = [&[2, 4, 5, 0xb4, 4, 2][..], &TS_OCTETS, &[1, 3, 3, 7]].concat();
    assert_eq!(round_trip(&syn), want);
    let without_timestamps = Options { timestamps: None, ..syn };
    let want = [2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7];
    assert_eq!(round_trip(&without_timestamps), want);
}

#[test]
fn wire_17_timestamps_and_sack_are_aligned_by_two_nops_each() {
    let ack = Options { timestamps: Some(TS), ..Options::default() };
    let want = [&[1, 1][..], &TS_OCTETS].concat();
    assert_eq!(round_trip(&ack), want);
    let ack = Options { sack: blocks(1), ..ack };
    let sack = [1, 1, 5, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 99];
    assert_eq!(round_trip(&ack), [&want[..], &sack].concat());
}

#[test]
fn wire_16_every_known_kind_goes_there_and_back() {
    let base = Options::default();
    let cookie = |len: u8| FastOpenCookie::from_iter(1..=len);
    let counters = |order_1, counters: [Option<u32>; 3]| {
        let [ect0, ce, ect1] = counters;
        Some(AccurateEcnCounters { order_1, ect0, ce, ect1 })
    };
    let cases: [(Options, &[u8]); 13] = [
        (Options { mss: Some(0xffff), ..base.clone() }, &[2, 4, 0xff, 0xff]),
        (Options { window_scale: Some(255), ..base.clone() }, &[1, 3, 3, 255]),
        (Options { sack_permitted: true, ..base.clone() }, &[1, 1, 4, 2]),
        (
            Options { user_timeout: Some(UserTimeout::from_bits(0x8005)), ..base.clone() },
            &[28, 4, 0x80, 5],
        ),
        (Options { fast_open: Some(cookie(0)), ..base.clone() }, &[34, 2, 1, 1]),
        (Options { fast_open: Some(cookie(4)), ..base.clone() }, &[34, 6, 1, 2, 3, 4, 1, 1]),
        (Options { fast_open: Some(cookie(6)), ..base.clone() }, &[34, 8, 1, 2, 3, 4, 5, 6]),
        (Options { accurate_ecn: counters(false, [None; 3]), ..base.clone() }, &[172, 2, 1, 1]),
        (Options { accurate_ecn: counters(true, [None; 3]), ..base.clone() }, &[174, 2, 1, 1]),
        (
            Options { accurate_ecn: counters(false, [Some(7), None, None]), ..base.clone() },
            &[172, 5, 0, 0, 7, 1, 1, 1],
        ),
        (
            Options { accurate_ecn: counters(true, [None, Some(8), Some(9)]), ..base.clone() },
            &[174, 8, 0, 0, 9, 0, 0, 8],
        ),
        (
            Options {
                accurate_ecn: counters(false, [Some(1), Some(0xff_ffff), Some(0x01_0203)]),
                ..base.clone()
            },
            &[172, 11, 0, 0, 1, 0xff, 0xff, 0xff, 1, 2, 3, 1],
        ),
        (base, &[]),
    ];
    for (options, octets) in cases {
        assert_eq!(round_trip(&options), octets, "{options}");
    }
}

#[test]
fn wire_11_what_does_not_fit_is_refused_and_not_truncated() {
    let fits = Options { timestamps: Some(TS), sack: blocks(3), ..Options::default() };
    assert_eq!(round_trip(&fits).len(), OPTIONS_LEN_MAX);
    let sack_4 = Options { sack: blocks(4), ..Options::default() };
    assert_eq!(round_trip(&sack_4).len(), 36);
    let too_long = [
        Options { mss: Some(1), ..fits.clone() },
        Options { sack: blocks(4), ..fits },
        Options { fast_open: Some([0; 16].into()), mss: Some(1), ..sack_4.clone() },
        Options {
            accurate_ecn: Some(AccurateEcnCounters::default()),
            timestamps: Some(TS),
            ..sack_4
        },
    ];
    for options in too_long {
        assert!(options.encoded_len() > OPTIONS_LEN_MAX);
        assert_eq!(options.encode(), Err(EmitError::OptionsLength), "{options}");
    }
}

#[test]
fn values_that_an_option_cannot_say_are_refused() {
    for len in 0..=16 {
        let cookie = FastOpenCookie::from_iter((0..16).take(len));
        let options = Options { fast_open: Some(cookie), ..Options::default() };
        let is_legal = [0, 4, 6, 8, 10, 12, 14, 16].contains(&len);
        assert_eq!(options.encode().is_ok(), is_legal, "tfo_2: a cookie of {len} octets");
    }
    let gaps = [[None, Some(1), None], [None, None, Some(1)], [Some(1), None, Some(1)]];
    for order_1 in [false, true] {
        for [first, ce, last] in gaps {
            let (ect0, ect1) = if order_1 { (last, first) } else { (first, last) };
            let accurate_ecn = Some(AccurateEcnCounters { order_1, ect0, ce, ect1 });
            let options = Options { accurate_ecn, ..Options::default() };
            assert_eq!(options.encode(), Err(EmitError::AccurateEcnCounters));
        }
    }
    let beyond = AccurateEcnCounters { ect0: Some(0x0100_0005), ..AccurateEcnCounters::default() };
    let options = Options { accurate_ecn: Some(beyond), ..Options::default() };
    assert_eq!(options.encode().unwrap()[..5], [172, 5, 0, 0, 5], "counted modulo 2^24");
}

#[test]
fn must_4_wire_13_octets_after_the_end_of_the_list_are_ignored() {
    let mss = [2, 4, 0, 9];
    for end in 0..8 {
        let octets = [&[1; 8][..end], &[0], &mss].concat();
        assert_eq!(Options::parse(&octets), (Options::default(), None));
        let octets = [&mss[..], &[1; 8][..end], &[0, 2, 1, 99, 8]].concat();
        assert_eq!(Options::parse(&octets), (Options { mss: Some(9), ..Options::default() }, None));
    }
}

#[test]
fn must_6_must_64_must_68_unknown_kinds_are_skipped_by_their_length() {
    let known = [0, 1, 2, 3, 4, 5, 8, 28, 34, 172, 174];
    for kind in (0..=255).filter(|kind| !known.contains(kind)) {
        for len in 2..=36_u8 {
            let mut octets = alloc::vec![kind, len];
            octets.resize(usize::from(len), 0);
            octets.extend([2, 4, 0, 9]);
            let want = Options { mss: Some(9), ..Options::default() };
            assert_eq!(Options::parse(&octets), (want, None), "kind {kind} of {len} octets");
        }
    }
}

#[test]
fn must_7_dec_11_attack_e1_a_length_of_0_or_1_stops_the_walk_and_is_counted() {
    for kind in 2..=255 {
        for length in [0, 1] {
            let octets = [2, 4, 0, 9, 1, kind, length, 3, 3, 7];
            let want = Options { mss: Some(9), ..Options::default() };
            assert_eq!(Options::parse(&octets), (want, Some(OptionFault::IllegalLength)));
        }
    }
}

#[test]
fn must_7_attack_e1_every_two_octets_end_in_options_or_a_fault() {
    for kind in 0..=255 {
        for length in 0..=255 {
            let (options, fault) = Options::parse(&[kind, length]);
            let want = match (kind, length) {
                (0, _) | (1, 0 | 1) => None,
                (1, _) => Some(OptionFault::PastHeader),
                (_, 0 | 1) => Some(OptionFault::IllegalLength),
                (2 | 3 | 5 | 8 | 28, 2) => Some(OptionFault::WrongLength),
                (_, 2) => None,
                (_, 3..) => Some(OptionFault::PastHeader),
            };
            assert_eq!(fault, want, "kind {kind}, length {length}");
            let empty_ones =
                (kind, length) == (4, 2) || length == 2 && [34, 172, 174].contains(&kind);
            assert_eq!(options == Options::default(), !empty_ones);
        }
    }
}

#[test]
fn attack_e2_an_option_cut_at_any_octet_is_absent_and_those_before_it_stand() {
    let all: [&[u8]; 7] = [
        &[2, 4, 5, 0xb4],
        &[3, 3, 7],
        &[5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4],
        &TS_OCTETS,
        &[28, 4, 0, 9],
        &[34, 6, 1, 2, 3, 4],
        &[174, 8, 0, 0, 1, 0, 0, 2],
    ];
    for option in all {
        for cut in 1..option.len() {
            let octets = [&[4, 2], &option[..cut]].concat();
            let want = Options { sack_permitted: true, ..Options::default() };
            let fault = Some(OptionFault::PastHeader);
            assert_eq!(Options::parse(&octets), (want, fault), "{option:?} cut at {cut}");
        }
    }
}

#[test]
fn attack_e3_a_known_kind_of_wrong_length_is_absent_and_the_rest_is_read() {
    let legal = |kind: u8, len: u8| match kind {
        2 | 28 => len == 4,
        3 => len == 3,
        4 => len == 2,
        5 => [10, 18, 26, 34].contains(&len),
        8 => len == 10,
        34 => len == 2 || [6, 8, 10, 12, 14, 16, 18].contains(&len),
        172 | 174 => true,
        _ => unreachable!("the kinds below"),
    };
    for kind in [2, 3, 4, 5, 8, 28, 34, 172, 174] {
        for len in 2..=36 {
            let mut octets = alloc::vec![kind, len];
            octets.resize(usize::from(len), 0);
            // A kind other than the one tried, so that it is not taken for a duplicate.
            let (after, want) = if kind == 2 {
                ([1, 3, 3, 7], Options { window_scale: Some(7), ..Options::default() })
            } else {
                ([2, 4, 0, 9], Options { mss: Some(9), ..Options::default() })
            };
            octets.extend(after);
            let (options, fault) = Options::parse(&octets);
            assert_eq!(fault.is_none(), legal(kind, len), "wire_15: kind {kind} of {len} octets");
            if fault.is_some() {
                assert_eq!((options, fault), (want, Some(OptionFault::WrongLength)));
            } else {
                assert_ne!(options, want);
            }
        }
    }
}

#[test]
fn accecn_16_of_an_option_of_another_length_the_counters_that_fit_are_read() {
    let octets = [0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4];
    for (len, counters) in [
        (2, [None; 3]),
        (4, [None; 3]),
        (5, [Some(1), None, None]),
        (7, [Some(1), None, None]),
        (10, [Some(1), Some(2), None]),
        (11, [Some(1), Some(2), Some(3)]),
        (14, [Some(1), Some(2), Some(3)]),
    ] {
        let option = [&[172, len], &octets[..usize::from(len) - 2]].concat();
        let (options, fault) = Options::parse(&option);
        let read = options.accurate_ecn.map(|it| [it.ect0, it.ce, it.ect1]);
        assert_eq!((read, fault), (Some(counters), None), "{len} octets");
    }
}

#[test]
fn attack_e4_of_duplicates_the_first_is_used() {
    let pairs: [(&[u8], &[u8]); 7] = [
        (&[2, 4, 0, 1], &[2, 4, 0, 2]),
        (&[3, 3, 1], &[3, 3, 2]),
        (&[5, 10, 0, 0, 0, 1, 0, 0, 0, 2], &[5, 10, 0, 0, 0, 3, 0, 0, 0, 4]),
        (&TS_OCTETS, &[8, 10, 0, 0, 0, 0, 0, 0, 0, 0]),
        (&[28, 4, 0, 1], &[28, 4, 0, 2]),
        (&[34, 6, 1, 2, 3, 4], &[34, 2]),
        (&[172, 5, 0, 0, 1], &[174, 5, 0, 0, 2]),
    ];
    for (first, second) in pairs {
        let alone = Options::parse(first);
        assert_eq!(alone.1, None);
        assert_eq!(Options::parse(&[first, second].concat()), alone, "wire_14: {first:?}");
        assert_ne!(Options::parse(&[second, first].concat()), alone);
    }
    // A duplicate of wrong length is no option at all, so the other one is the first.
    let (options, fault) = Options::parse(&[3, 4, 9, 9, 3, 3, 7, 0]);
    assert_eq!((options.window_scale, fault), (Some(7), Some(OptionFault::WrongLength)));
}

#[test]
fn attack_e4_forty_nops_are_no_options() {
    assert_eq!(Options::parse(&[1; 40]), (Options::default(), None));
}

#[test]
fn uto_3_a_user_timeout_says_seconds_or_minutes_and_never_less_than_asked() {
    let seconds = Duration::from_secs;
    let cases = [
        (seconds(0), 0),
        (Duration::from_millis(1), 1),
        (seconds(300), 300),
        (seconds(0x7fff), 0x7fff),
        (seconds(0x7fff) + Duration::from_nanos(1), 0x8000 | 547),
        (seconds(0x8000), 0x8000 | 547),
        (seconds(60 * 0x7fff), 0xffff),
        (Duration::MAX, 0xffff),
    ];
    for (timeout, bits) in cases {
        let option = UserTimeout::from_duration(timeout);
        assert_eq!(option.bits(), bits, "{timeout:?}");
        assert!(option.duration() >= timeout || bits == 0xffff);
    }
}

pub(crate) fn any_options() -> impl Strategy<Value = Options> {
    let timestamps = any::<(u32, u32)>().prop_map(|(value, echo)| Timestamps { value, echo });
    let block = any::<(u32, u32)>()
        .prop_map(|(start, end)| SeqRange::new(SeqNum::new(start), SeqNum::new(end)));
    let sack = prop::collection::vec(block, 0..=4).prop_map(SackBlocks::from_iter);
    let cookie = prop::sample::select(&[0_usize, 4, 6, 8, 10, 12, 14, 16][..])
        .prop_flat_map(|len| prop::collection::vec(any::<u8>(), len))
        .prop_map(FastOpenCookie::from_iter);
    let counters = (any::<bool>(), prop::collection::vec(0..1_u32 << 24, 0..=3)).prop_map(
        |(order_1, counters)| {
            let [first, ce, last] = [0, 1, 2].map(|place| counters.get(place).copied());
            let (ect0, ect1) = if order_1 { (last, first) } else { (first, last) };
            AccurateEcnCounters { order_1, ect0, ce, ect1 }
        },
    );
    let small = (any::<Option<u16>>(), any::<Option<u8>>(), any::<bool>(), any::<Option<u16>>());
    let large = (
        prop::option::weighted(0.4, timestamps),
        prop_oneof![Just(SackBlocks::new()), sack],
        prop::option::weighted(0.2, cookie),
        prop::option::weighted(0.2, counters),
    );
    (small, large).prop_map(|(small, large)| {
        let (mss, window_scale, sack_permitted, user_timeout) = small;
        let (timestamps, sack, fast_open, accurate_ecn) = large;
        let user_timeout = user_timeout.map(UserTimeout::from_bits);
        Options {
            mss,
            window_scale,
            sack_permitted,
            timestamps,
            sack,
            user_timeout,
            fast_open,
            accurate_ecn,
        }
    })
}

proptest! {
    #[test]
    fn wire_8_options_that_fit_come_back_as_they_were(options in any_options()) {
        match options.encode() {
            Ok(octets) => {
                prop_assert_eq!(octets.len(), options.encoded_len());
                prop_assert_eq!(Options::parse(&octets), (options, None));
            }
            Err(error) => {
                prop_assert_eq!(error, EmitError::OptionsLength);
                prop_assert!(options.encoded_len() > OPTIONS_LEN_MAX);
            }
        }
    }

    #[test]
    fn must_69_nothing_but_zeros_follows_an_end_of_options_that_we_send(options in any_options()) {
        let Ok(octets) = options.encode() else { return Ok(()) };
        let mut rest = &octets[..];
        while let [kind, behind @ ..] = rest {
            rest = match kind {
                0 => {
                    prop_assert!(behind.iter().all(|octet| *octet == 0), "{:?}", octets);
                    &[]
                }
                1 => behind,
                2.. => &rest[usize::from(behind[0])..],
            };
        }
    }

    #[test]
    fn wire_9_any_octets_end_in_options_that_can_be_said_again(
        octets in prop::collection::vec(prop_oneof![any::<u8>(), 0..12_u8], 0..=40)
    ) {
        let (options, _) = Options::parse(&octets);
        // Padding may make them longer than the octets they came in, but never change them.
        if let Ok(again) = options.encode() {
            prop_assert_eq!(Options::parse(&again), (options, None));
        }
    }

    #[test]
    fn attack_e4_of_two_sets_each_option_is_the_first_of_its_kind(
        first in any_options(),
        second in any_options(),
    ) {
        let (Ok(one), Ok(two)) = (first.encode(), second.encode()) else { return Ok(()) };
        prop_assume!(one.len() + two.len() <= OPTIONS_LEN_MAX);
        let octets = [&one[..], &two].concat();
        let want = Options {
            mss: first.mss.or(second.mss),
            window_scale: first.window_scale.or(second.window_scale),
            sack_permitted: first.sack_permitted || second.sack_permitted,
            timestamps: first.timestamps.or(second.timestamps),
            sack: if first.sack.is_empty() { second.sack } else { first.sack },
            user_timeout: first.user_timeout.or(second.user_timeout),
            fast_open: first.fast_open.or(second.fast_open),
            accurate_ecn: first.accurate_ecn.or(second.accurate_ecn),
        };
        prop_assert_eq!(Options::parse(&octets), (want, None));
    }
}
