//! Probes for larger packets (PLPMTUD-1 to -6, -8): when they leave, what their loss means, and
//! where the search ends. The far end receives what the path carries; see `black_hole.rs`.

use synack_tcb::{DropReason, MtuProbing};
use synack_wire::IcmpErrorKind;

use super::black_hole::{FarEnd, RTT_MS};
use super::path_mtu::{lengths, told, wide, wide_over_ipv6};
use crate::support::{Conversation, Setup};

/// With probing from the beginning, and windows that let it.
fn probing(setup: Setup) -> Setup {
    setup.configured(|config| config.mtu_probing = MtuProbing::Always)
}

/// The search on a path that carries `limit` octets, to its end.
fn searched(setup: &Setup, limit: usize) -> (Conversation, FarEnd) {
    let mut c = setup.open();
    let mut far = FarEnd::behind(limit, setup);
    far.settle(&mut c);
    (c, far)
}

#[test]
fn plpmtud_1_plpmtud_3_it_begins_small_and_one_probe_finds_what_the_link_takes() {
    for (setup, base) in [(wide(), 1_024), (wide_over_ipv6(), 1_280)] {
        let setup = probing(setup);
        let mut c = setup.open();
        assert_eq!(c.info().path_mtu, base);
        c.write(100_000);
        let first = lengths(&mut c);
        assert_eq!(first[0], 1_500, "a probe");
        assert!(first[1..].iter().all(|length| *length == base as usize), "{first:?}");
        c.run(RTT_MS);
        c.ack(1_461);
        assert_eq!(c.info().path_mtu, 1_500);
        let info = c.info();
        assert_eq!((info.counters.mtu_probes, info.counters.mtu_probes_lost), (1, 0));
        assert!(lengths(&mut c).iter().all(|length| *length == 1_500));
    }
}

#[test]
fn plpmtud_4_plpmtud_6_plpmtud_8_probes_that_are_lost_alone_are_no_congestion() {
    for sack in [true, false] {
        for limit in [1_024, 1_100, 1_280, 1_399, 1_400, 1_492, 1_499] {
            let setup = probing(wide()).offering(|options| options.sack_permitted = sack);
            let (mut c, _) = searched(&setup, limit);
            let info = c.info();
            let found = info.path_mtu as usize;
            assert!(found <= limit && limit < found + 8, "{found} of {limit}, {sack}");
            let counters = info.counters;
            assert!(counters.mtu_probes_lost > 0);
            assert_eq!((counters.timeouts, counters.recoveries), (0, 0), "{limit}, {sack}");
            assert_eq!(info.ssthresh, u32::MAX, "{limit}, {sack}");
            // Every size is tried three times, and the range halved each time.
            assert!(counters.mtu_probes_lost <= 3 * 8, "{counters:?}");
        }
    }
}

#[test]
fn plpmtud_6_only_one_probe_is_in_flight_and_a_size_is_given_up_after_three() {
    let setup = probing(wide());
    let mut c = setup.open();
    let mut far = FarEnd::behind(1_200, &setup);
    c.write(500_000);
    let mut probes = Vec::new();
    while far.nxt < 300_000 {
        let used = c.info().path_mtu as usize;
        let packets = c.packets();
        let larger: Vec<usize> =
            packets.iter().map(|packet| packet.len()).filter(|len| *len > used).collect();
        assert!(larger.len() <= 1, "{larger:?}");
        probes.extend(larger);
        // They are looked at once, and go on their way.
        c.requeue(packets);
        far.round(&mut c);
    }
    assert_eq!(probes[..4], [1_500, 1_500, 1_500, 1_262], "{probes:?}");
}

#[test]
fn plpmtud_4_what_a_lost_probe_carried_leaves_again_in_ordinary_segments() {
    let mut c = probing(wide()).open();
    c.write(100_000);
    let sent = lengths(&mut c);
    assert_eq!(sent[..2], [1_500, 1_024]);
    let before = c.info();
    // The probe was 1:1461; three that followed arrive.
    c.run(RTT_MS);
    let end = 1_461 + 3 * 984;
    for index in 1..=3 {
        c.sack(&[(1_461, 1_461 + index * 984)]);
    }
    let again: Vec<_> =
        c.packets().into_iter().filter(|it| it.segment.seq - c.iss < 1_461).collect();
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|packet| packet.len() <= 1_024));
    let after = c.info();
    assert_eq!((after.counters.recoveries, after.counters.mtu_probes_lost), (0, 1));
    assert!(after.cwnd >= before.cwnd && after.ssthresh == before.ssthresh);
    c.ack(end);
    assert_eq!(c.info().path_mtu, 1_024);
}

#[test]
fn plpmtud_5_other_losses_beside_a_probe_are_congestion_and_prove_nothing_of_it() {
    let mut c = probing(wide()).open();
    c.write(100_000);
    lengths(&mut c);
    c.run(RTT_MS);
    // The probe is 1:1461, and 1461:2445 is missing as well.
    for index in 1..=3 {
        c.sack(&[(2_445, 2_445 + index * 984)]);
    }
    let counters = c.info().counters;
    assert_eq!((counters.recoveries, counters.mtu_probes_lost), (1, 0));
    assert!(c.info().ssthresh < 100_000, "congestion as usual");
}

#[test]
fn plpmtud_2_no_probe_without_text_window_and_cwnd_to_make_its_loss_good() {
    // As much text as a probe has and four segments behind it: 1460 + 4 * 984.
    for (len, window, probes) in
        [(5_396, u16::MAX, 1), (5_395, u16::MAX, 0), (50_000, 5_396, 1), (50_000, 5_395, 0)]
    {
        let setup = Setup { window, ..probing(wide()) };
        let mut c = setup.open();
        c.write(len);
        let sent = lengths(&mut c);
        let larger = sent.iter().filter(|length| **length > 1_024).count();
        assert_eq!(larger, probes, "{len} octets, a window of {window}: {sent:?}");
    }
    // After a timeout cwnd is a segment.
    let mut c = probing(wide()).open();
    c.write(3_000);
    c.run(5_000);
    c.packets();
    c.write(50_000);
    c.ack(985);
    assert!(lengths(&mut c).iter().all(|length| *length <= 1_024));
}

#[test]
fn plpmtud_1_mss_4_the_search_ends_at_what_the_far_end_takes() {
    let setup = probing(wide()).offering(|options| options.mss = Some(1_200));
    let (mut c, _) = searched(&setup, 1_500);
    let info = c.info();
    assert_eq!((info.path_mtu, info.mss, info.counters.mtu_probes), (1_240, 1_200, 1));
    // Nothing to be found for one that takes no more than the base.
    let setup = probing(wide()).offering(|options| options.mss = Some(984));
    let (mut c, _) = searched(&setup, 1_500);
    assert_eq!((c.info().mss, c.info().counters.mtu_probes), (984, 0));
}

#[test]
fn plpmtud_8_pmtu_15_after_ten_minutes_and_no_sooner_the_search_begins_again() {
    let setup = probing(wide());
    let (mut c, mut far) = searched(&setup, 1_300);
    far.finish(&mut c);
    let found = c.info();
    far.limit = 1_500;
    c.run(580_000);
    c.write(100_000);
    far.finish(&mut c);
    let early = c.info();
    assert_eq!(
        (early.path_mtu, early.counters.mtu_probes),
        (found.path_mtu, found.counters.mtu_probes)
    );
    c.run(20_000);
    c.write(100_000);
    far.finish(&mut c);
    let late = c.info();
    assert_eq!((late.path_mtu, late.counters.mtu_probes), (1_500, early.counters.mtu_probes + 1));
}

#[test]
fn pmtu_8_plpmtud_4_a_report_about_a_probe_ends_its_tries_at_once() {
    let setup = probing(wide());
    let mut c = setup.open();
    let mut far = FarEnd::behind(1_400, &setup);
    c.write(200_000);
    let needed = IcmpErrorKind::FragmentationNeeded { mtu: 1_400 };
    assert_eq!(told(&mut c, needed, 1), Ok(()));
    assert_eq!(told(&mut c, needed, 1), Err(DropReason::MtuNotLower), "it is no longer in flight");
    far.receive_to(&mut c, 200_001);
    let info = c.info();
    assert_eq!(
        (info.path_mtu, info.counters.mtu_probes, info.counters.mtu_probes_lost),
        (1_400, 2, 1)
    );
    assert_eq!((info.counters.timeouts, info.counters.recoveries), (0, 0));
}

#[test]
fn plpmtud_6_switched_off_the_search_ends_where_it_is() {
    let setup = probing(wide());
    let mut c = setup.open();
    let mut far = FarEnd::behind(1_400, &setup);
    c.write(200_000);
    far.round(&mut c);
    c.configure(|config| config.mtu_probing = MtuProbing::Off);
    far.receive_to(&mut c, 200_001);
    assert_eq!((c.info().path_mtu, c.info().counters.mtu_probes), (1_024, 1));
}

#[test]
fn plpmtud_9_after_a_timeout_the_next_probe_waits_for_five_rtos() {
    let setup = probing(wide());
    let mut c = setup.open();
    let mut far = FarEnd::behind(1_500, &setup);
    c.write(100_000);
    assert_eq!(lengths(&mut c)[0], 1_500);
    // Nothing of the first flight arrives, nor a probe of its tail.
    while c.info().counters.timeouts == 0 {
        lengths(&mut c);
        c.run(10);
    }
    let timed_out_ms = c.clock_ms();
    let rto_ms = c.info().rto.as_millis() as u64;
    let began = c.info().counters;
    assert_eq!((began.mtu_probes, began.mtu_probes_lost), (1, 0), "it says nothing of sizes");
    while c.info().counters.mtu_probes == 1 {
        if c.info().unsent < 100_000 {
            c.write(100_000);
        }
        far.round(&mut c);
        assert!(c.clock_ms() < 60_000);
    }
    let waited_ms = c.clock_ms() - timed_out_ms;
    assert!(5 * rto_ms <= waited_ms, "{waited_ms} ms, RTO {rto_ms} ms");
    assert!(waited_ms <= 5 * rto_ms + 4 * RTT_MS, "{waited_ms} ms, RTO {rto_ms} ms");
    far.round(&mut c);
    assert_eq!(c.info().path_mtu, 1_500);
}
