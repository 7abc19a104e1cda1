//! What SYNs and their answers agree on, for every combination of the three flags.
//! Tables: of RFC 3168 §6.1.1, and table 2 of RFC 9768 §3.1.2.

use super::*;

const NONE: Flags = Flags::NONE;
const TERMS: EcnTerms = EcnTerms { policy: EcnPolicy::WhenAsked, accurate: false };
const ACCURATE: EcnTerms = EcnTerms { policy: EcnPolicy::WhenAsked, accurate: true };

/// The flags of a number as RFC 9768 writes them: AE, CWR, ECE.
fn flags(ae_cwr_ece: u8) -> Flags {
    let all = [(4, Flags::AE), (2, Flags::CWR), (1, Flags::ECE)];
    let set = all.into_iter().filter(|(bit, _)| ae_cwr_ece & bit != 0);
    set.fold(Flags::NONE, |flags, (_, flag)| flags | flag)
}

fn accurate(heard: Ecn, may_mark: bool) -> EcnUse {
    EcnUse::Accurate(AccurateUse { heard, may_mark })
}

#[test]
fn ecn_1_and_ecn_19_what_a_syn_asks_for_and_what_it_gets() {
    for (policy, syn, used) in [
        (EcnPolicy::Off, SETUP, EcnUse::Off),
        (EcnPolicy::WhenAsked, SETUP, EcnUse::Both),
        (EcnPolicy::Ask, SETUP, EcnUse::Both),
        (EcnPolicy::Ask, Flags::ECE, EcnUse::Off),
        (EcnPolicy::Ask, Flags::CWR, EcnUse::Off),
        (EcnPolicy::Ask, NONE, EcnUse::Off),
        // accecn_4: a host that knows no more takes an offer of more for its own.
        (EcnPolicy::WhenAsked, ACCURATE_SETUP, EcnUse::Both),
        (EcnPolicy::WhenAsked, Flags::AE, EcnUse::Off),
    ] {
        let terms = EcnTerms { policy, ..TERMS };
        let syn = Flags::SYN | syn;
        assert_eq!(EcnUse::of_syn(terms, syn, Ecn::NotEct), used, "{policy:?} {syn:?}");
    }
    assert_eq!(EcnUse::Both.answer(0), Flags::ECE);
    assert_eq!(EcnUse::Off.answer(0), NONE);
}

#[test]
fn ecn_1_to_ecn_3_what_an_answer_agrees_to() {
    let (ece, cwr) = (Flags::ECE, Flags::CWR);
    let standing = EcnOffer::Classic(Standing::Made);
    for (offer, answer, used) in [
        (EcnOffer::None, ece, EcnUse::Off),
        (standing, ece, EcnUse::Both),
        (standing, NONE, EcnUse::Off),
        (standing, cwr, EcnUse::Off),
        // ecn_2: mirrored.
        (standing, ece | cwr, EcnUse::Off),
        // ecn_3: a SYN without it left too.
        (EcnOffer::Classic(Standing::Withdrawn), ece, EcnUse::EchoOnly),
    ] {
        assert_eq!(offer.agreed(answer, Ecn::NotEct), used, "{offer:?} {answer:?}");
    }
    for (offer, syn, used) in [
        (standing, ece | cwr, EcnUse::Both),
        (standing, ece, EcnUse::Off),
        (EcnOffer::None, ece | cwr, EcnUse::Off),
        (EcnOffer::Classic(Standing::Withdrawn), ece | cwr, EcnUse::Off),
    ] {
        let agreed = offer.agreed_by_crossing(TERMS, syn, Ecn::NotEct);
        assert_eq!(agreed, used, "crossing: {offer:?} {syn:?}");
    }
}

#[test]
fn ecn_3_a_repeated_syn_without_it_takes_marks_away() {
    let again = |used: EcnUse, syn| used.after_syn_again(Flags::SYN | syn, Ecn::NotEct);
    assert_eq!(again(EcnUse::Both, NONE), EcnUse::EchoOnly);
    assert_eq!(again(EcnUse::Both, SETUP), EcnUse::Both);
    assert_eq!(again(EcnUse::Off, SETUP), EcnUse::Off);
}

#[test]
fn accecn_1_accecn_7_what_syns_offer() {
    let ask = EcnTerms { policy: EcnPolicy::Ask, accurate: true };
    assert_eq!(ask.offer().flags(), flags(0b111));
    assert_eq!(ask.offer().withdrawn().flags(), NONE);
    assert_eq!(EcnTerms { accurate: false, ..ask }.offer().flags(), flags(0b011));
    assert_eq!(ACCURATE.offer().flags(), NONE, "only if asked");
    assert_eq!(EcnTerms { policy: EcnPolicy::Off, ..ask }.offer().flags(), NONE);
}

#[test]
fn accecn_2_accecn_4_what_a_server_answers() {
    for (field, answer) in
        [(Ecn::NotEct, 0b010), (Ecn::Ect1, 0b011), (Ecn::Ect0, 0b100), (Ecn::Ce, 0b110)]
    {
        let used = EcnUse::of_syn(ACCURATE, Flags::SYN | flags(0b111), field);
        assert_eq!((used, used.answer(0)), (accurate(field, true), flags(answer)), "{field:?}");
        let again = used.after_syn_again(flags(0b111), Ecn::Ce);
        assert_eq!(again.answer(0), flags(0b110), "of the latest SYN");
    }
    for syn in 0..8 {
        let used = EcnUse::of_syn(ACCURATE, Flags::SYN | flags(syn), Ecn::NotEct);
        let expected = match syn {
            0b000 => EcnUse::Off,
            0b011 => EcnUse::Both,
            // What is reserved asks for it too (RFC 9768 §3.1.3).
            _ => accurate(Ecn::NotEct, true),
        };
        assert_eq!(used, expected, "{syn:03b}");
        let off = EcnTerms { policy: EcnPolicy::Off, ..ACCURATE };
        assert_eq!(EcnUse::of_syn(off, flags(syn), Ecn::NotEct), EcnUse::Off);
    }
}

#[test]
fn accecn_3_what_a_client_takes_from_an_answer() {
    let offer = EcnOffer::Accurate(Standing::Made);
    for (answer, used) in [
        (0b000, EcnUse::Off),
        (0b001, EcnUse::Both),
        (0b010, accurate(Ecn::Ect0, true)),
        // A SYN that was Not-ECT and came with another field: not sound (RFC 9768 §3.2.2.3).
        (0b011, accurate(Ecn::Ect0, false)),
        (0b100, accurate(Ecn::Ect0, false)),
        (0b101, accurate(Ecn::Ect0, true)),
        (0b110, accurate(Ecn::Ect0, false)),
        (0b111, EcnUse::Off),
    ] {
        assert_eq!(offer.agreed(Flags::SYN | flags(answer), Ecn::Ect0), used, "{answer:03b}");
    }
    let withdrawn = offer.withdrawn();
    assert_eq!(withdrawn.agreed(flags(0b001), Ecn::NotEct), EcnUse::EchoOnly, "ecn_3");
    // Who is sure that the other side counts may have its packets marked (RFC 9768 §3.1.4.1).
    assert_eq!(withdrawn.agreed(flags(0b010), Ecn::NotEct), accurate(Ecn::NotEct, true));
}

#[test]
fn accecn_3_crossing_syns_find_the_same() {
    let ask = EcnTerms { policy: EcnPolicy::Ask, accurate: true };
    let used = ask.offer().agreed_by_crossing(ask, flags(0b111), Ecn::NotEct);
    assert_eq!((used, used.answer(0)), (accurate(Ecn::NotEct, true), flags(0b010)));
    let used = ask.offer().agreed_by_crossing(ask, flags(0b011), Ecn::NotEct);
    assert_eq!(used, EcnUse::Both);
    let used = ask.offer().withdrawn().agreed_by_crossing(ask, flags(0b111), Ecn::NotEct);
    assert_eq!(used, accurate(Ecn::NotEct, false), "it may believe our SYN without");
}

#[test]
fn accecn_5_accecn_6_the_kind_stays_and_a_peer_that_mixes_them_is_found() {
    let counting = accurate(Ecn::NotEct, true);
    let after = counting.after_syn_again(Flags::SYN, Ecn::Ect0);
    assert_eq!(after, accurate(Ecn::Ect0, false), "it stays, but nothing of ours is marked");
    let back = after.after_syn_again(Flags::SYN | flags(0b111), Ecn::NotEct);
    assert_eq!(back, accurate(Ecn::NotEct, false), "nor later");
    for (used, terms, syn, is_mixed) in [
        (counting, ACCURATE, 0b111, false),
        (counting, ACCURATE, 0b000, false),
        (counting, ACCURATE, 0b011, true),
        (EcnUse::Both, ACCURATE, 0b011, false),
        (EcnUse::Both, ACCURATE, 0b000, false),
        (EcnUse::Both, ACCURATE, 0b111, true),
        // Without accurate ECN there is only one kind.
        (EcnUse::Both, TERMS, 0b111, false),
        (EcnUse::Off, ACCURATE, 0b111, false),
    ] {
        assert_eq!(used.is_contradicted(terms, flags(syn)), is_mixed, "{used:?} {syn:03b}");
    }
}

#[test]
fn accecn_2_the_third_syn_ack_says_nothing_and_then_nothing_of_ours_is_marked() {
    let counting = accurate(Ecn::NotEct, true);
    assert_eq!([0, 1, 2].map(|n| counting.answer(n)), [flags(0b010), flags(0b010), NONE]);
    assert_eq!([1, 2].map(|n| counting.after_timeouts(n).may_mark()), [true, false]);
    assert!(counting.after_timeouts(2).is_accurate());
    assert_eq!(EcnUse::Both.after_timeouts(2), EcnUse::Both);
}

#[test]
fn accecn_10_the_last_ack_of_a_handshake_without_state_says_that_the_client_counts() {
    for number in 0..8 {
        let used = EcnUse::of_last_ack(ACCURATE, flags(number));
        assert_eq!(used.is_accurate(), number >= 2, "{number}");
        assert_eq!(EcnUse::of_last_ack(TERMS, flags(number)), EcnUse::Off);
    }
}
