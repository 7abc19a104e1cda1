//! The byte counts of RFC 9937, worked by hand, and the bounds that it promises.
//! Segments have 1000 octets unless a row says otherwise.
use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

const MSS: u32 = 1_000;

fn ack(delivered: u32, in_flight: u32, progress: Progress) -> PrrAck {
    PrrAck { delivered, in_flight, progress, mss: MSS }
}

/// One lost of 20 in flight, of which two were reported before recovery began; each ACK reports one
/// more, and all that is allowed is sent, in whole segments. Returns what left at each ACK.
fn one_lost_of_twenty(ssthresh: u32) -> Vec<u32> {
    let mut prr = Prr::new(ssthresh, 18 * MSS);
    // The third is reported, the first is lost.
    let mut in_flight = 17 * MSS;
    let mut sent = Vec::new();
    for _ in 0..17 {
        in_flight -= MSS;
        prr.on_ack(ack(MSS, in_flight, Progress::Unsafe));
        let whole = prr.cwnd().saturating_sub(in_flight) / MSS;
        prr.on_sent(whole * MSS);
        in_flight += whole * MSS;
        sent.push(whole);
    }
    assert_eq!(in_flight, ssthresh);
    sent
}

#[test]
fn prr_5_half_of_what_is_delivered_leaves_until_ssthresh_is_reached() {
    // ceil(1000 n * 10000 / 20000) - out: a half of a segment at the first ACK is none, but the
    // fast retransmit always leaves.
    let mut prr = Prr::new(10 * MSS, 20 * MSS);
    for (delivered, in_flight, out, cwnd) in [
        (1_000, 16_000, 0, 17_000),
        (1_000, 15_000, 1_000, 15_000),
        (1_000, 14_000, 0, 14_500),
        (1_000, 13_000, 0, 14_000),
        (1, 12_999, 1_000, 13_000),
    ] {
        prr.on_sent(out);
        prr.on_ack(ack(delivered, in_flight, Progress::Unsafe));
        assert_eq!(prr.cwnd(), cwnd, "{prr:?}");
    }
}

#[test]
fn prr_5_an_episode_ends_at_ssthresh_without_a_burst_or_a_pause() {
    // ceil(10000 n / 18) octets after n reports, and from the 13th on, at ssthresh, one for one.
    let sent = one_lost_of_twenty(10 * MSS);
    assert_eq!(sent, [1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1]);
    // CUBIC's 0.7.
    let sent = one_lost_of_twenty(14 * MSS);
    assert_eq!(sent, [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn prr_5_the_product_does_not_overflow() {
    let mut prr = Prr::new(1 << 29, 1 << 30);
    prr.on_ack(ack(1 << 30, u32::MAX >> 1, Progress::Safe));
    assert_eq!(prr.cwnd(), (u32::MAX >> 1) + (1 << 29));
}

#[test]
fn prr_6_prr_7_dec_9_below_ssthresh_only_a_safe_ack_adds_a_segment() {
    for (case, progress, delivered, out, in_flight, cwnd) in [
        ("conservation", Progress::Unsafe, 2_000, 2_000, 4_000, 6_000),
        ("and one more", Progress::Safe, 2_000, 2_000, 4_000, 7_000),
        ("no more than ssthresh", Progress::Safe, 2_000, 2_000, 8_500, 10_000),
        ("what was not sent before may leave now", Progress::Unsafe, 2_000, 500, 4_000, 7_500),
        ("at ssthresh nothing", Progress::Safe, 2_000, 2_000, 10_000, 10_000),
    ] {
        let mut prr = Prr::new(10 * MSS, 20 * MSS);
        prr.on_ack(ack(2_000, 12_000, Progress::Unsafe));
        prr.on_sent(out);
        prr.on_ack(ack(delivered, in_flight, progress));
        assert_eq!(prr.cwnd(), cwnd, "{case}");
    }
}

#[test]
fn prr_8_the_first_retransmission_leaves_though_nothing_is_allowed() {
    let mut prr = Prr::new(2 * MSS, 4 * MSS);
    prr.on_ack(ack(1, 2_000, Progress::Unsafe));
    assert_eq!(prr.cwnd(), 3_000);
    // Not a second one.
    prr.on_sent(1_000);
    prr.on_ack(ack(1, 2_000, Progress::Unsafe));
    assert_eq!(prr.cwnd(), 2_000);
}

#[test]
fn prr_4_an_ack_that_delivers_nothing_changes_nothing() {
    let mut prr = Prr::new(10 * MSS, 20 * MSS);
    prr.on_ack(ack(2_000, 16_000, Progress::Unsafe));
    let before = prr;
    prr.on_ack(ack(0, 15_000, Progress::Safe));
    assert_eq!(prr, before);
}

#[test]
fn losses_that_a_timer_finds_make_no_burst() {
    let mut prr = Prr::new(10 * MSS, 20 * MSS);
    prr.on_ack(ack(2_000, 16_000, Progress::Unsafe));
    assert_eq!(prr.cwnd(), 17_000);
    prr.on_sent(1_000);
    prr.on_lost(17_000, 3_000, MSS);
    assert_eq!(prr.cwnd(), 4_000);
}

proptest! {
    /// PRR-5, PRR-6: what leaves is bounded by what is delivered, and a segment for each ACK.
    #[test]
    fn no_more_leaves_than_is_delivered_and_a_segment_an_ack(
        ssthresh in 2u32..60,
        flight in 2u32..80,
        acks in prop::collection::vec((0..4u32, 0..3u32, any::<bool>()), 1..200),
    ) {
        let mut prr = Prr::new(ssthresh * MSS, flight * MSS);
        let mut in_flight = flight * MSS;
        let (mut delivered, mut out) = (0, 0);
        for (count, (reported, lost, safe)) in (1..).zip(acks) {
            let before = in_flight;
            let reported = (reported * MSS).min(in_flight);
            in_flight -= reported;
            in_flight -= (lost * MSS).min(in_flight);
            delivered += reported;
            let progress = if safe { Progress::Safe } else { Progress::Unsafe };
            if reported > 0 {
                prr.on_ack(ack(reported, in_flight, progress));
            } else if in_flight < before {
                prr.on_lost(before, in_flight, MSS);
            }
            let room = prr.cwnd().saturating_sub(in_flight);
            if reported > 0 && in_flight <= ssthresh * MSS {
                prop_assert!(prr.cwnd() <= (ssthresh * MSS).max(in_flight + MSS));
            }
            prr.on_sent(room);
            out += room;
            in_flight += room;
            prop_assert!(out <= delivered + count * MSS, "{out} of {delivered} after {count}");
        }
    }
}
