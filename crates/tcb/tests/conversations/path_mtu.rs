//! Path MTU discovery by what routers report (PMTU-*, ICMP-2, CC-21, MSS-6): which reports count,
//! and what they do. Each quotes a segment of the host, or pretends to; the far end takes 1460.

use synack_tcb::{ConnectionInfo, DropReason};
use synack_wire::{IcmpError, IcmpErrorKind as Kind};

use crate::support::{Conversation, Setup};

/// Text is written that takes more than a window of 1460 octets each.
fn sending(setup: &Setup) -> Conversation {
    let mut c = setup.open();
    c.write(40_000);
    c
}

/// A far end that takes whatever the link does.
pub(crate) fn wide() -> Setup {
    Setup::sack().offering(|options| options.mss = Some(1_460))
}

pub(crate) fn wide_over_ipv6() -> Setup {
    let setup = wide().offering(|options| options.mss = Some(1_440));
    Setup { addresses: ("fd00::1", "fd00::2"), ..setup }
}

/// A router's word about the segment of the host at `seq`, a packet of 1500.
pub(crate) fn report(c: &Conversation, kind: Kind, seq: u32) -> IcmpError {
    IcmpError {
        kind,
        reporter: "10.0.0.254".parse().unwrap(),
        source: c.peer.host,
        destination: c.peer.socket,
        seq: c.iss + seq,
        packet_len: 1_500,
        payload_len: None,
    }
}

fn needed(mtu: u16) -> Kind {
    Kind::FragmentationNeeded { mtu }
}

/// What became of a report.
fn hears(c: &mut Conversation, error: &IcmpError) -> Result<(), DropReason> {
    let taken = c.host.receive_icmp(error).expect("it names the connection");
    c.drain();
    taken
}

/// Likewise, of one about the segment at `seq`, a packet of 1500.
pub(crate) fn told(c: &mut Conversation, kind: Kind, seq: u32) -> Result<(), DropReason> {
    let error = report(c, kind, seq);
    hears(c, &error)
}

/// The lengths of the packets that left since the last look.
pub(crate) fn lengths(c: &mut Conversation) -> Vec<usize> {
    let packets = c.packets();
    assert!(packets.iter().all(|packet| packet.ip.dont_fragment), "PMTU-1");
    packets.iter().map(|packet| packet.len()).collect()
}

/// What the window of a connection is made of.
fn windows(info: &ConnectionInfo) -> (u32, u32) {
    (info.cwnd, info.ssthresh)
}

#[test]
fn pmtu_2_pmtu_3_mss_6_a_report_lowers_the_path_mtu_and_ends_nothing() {
    for (setup, kind, mss) in [
        (wide(), needed(1_400), 1_360),
        (wide_over_ipv6(), Kind::PacketTooBig { mtu: 1_400 }, 1_340),
    ] {
        let mut c = sending(&setup);
        assert!(lengths(&mut c).iter().all(|length| *length == 1_500));
        assert_eq!(told(&mut c, kind, 1), Ok(()));
        let info = c.info();
        assert_eq!((info.path_mtu, info.mss, info.counters.mtu_reductions), (1_400, mss, 1));
        assert_eq!(c.host.connection(c.id).last_soft_error(), None, "it is no error");
        assert_eq!(lengths(&mut c), [1_400], "PMTU-8: one goes first, cut to size");
    }
}

#[test]
fn pmtu_8_what_was_too_large_leaves_again_as_acks_come_and_is_no_loss() {
    let mut c = sending(&wide());
    let before = c.info();
    assert_eq!(c.packets().len(), 10);
    let first = report(&c, needed(1_400), 1);
    assert_eq!(hears(&mut c, &first), Ok(()));
    // One segment, then two for each that is acknowledged: as slow start would have it.
    c.expect(&["[.] 1:1361 ack 1"]);
    c.ack(1_361);
    c.expect(&["[.] 1361:2721 ack 1", "[.] 2721:4081 ack 1"]);
    c.ack(4_081);
    assert_eq!(c.packets().len(), 3, "two for what it delivers, and one more");
    let info = c.info();
    assert_eq!(info.ssthresh, before.ssthresh, "no congestion");
    assert_eq!((info.counters.timeouts, info.counters.recoveries), (0, 0));
    assert_eq!(info.rto, before.rto, "no back-off, and no sample of what was sent again");
    // All the rest follows, every octet once more or for the first time.
    let mut turns = 0;
    while c.acked < 40_001 {
        c.run(10);
        c.acked += c.info().unacked;
        c.ack(c.acked);
        turns += 1;
        assert!(turns < 20, "{}", c.acked);
    }
    assert_eq!(c.info().counters.timeouts, 0);
}

#[test]
fn pmtu_8_trap_49_without_sack_likewise() {
    let setup = wide().offering(|options| options.sack_permitted = false);
    let mut c = sending(&setup);
    c.packets();
    assert_eq!(told(&mut c, needed(1_400), 1), Ok(()));
    c.expect(&["[.] 1:1361 ack 1"]);
    c.ack(1_361);
    c.expect(&["[.] 1361:2721 ack 1", "[.] 2721:4081 ack 1"]);
    c.ack(4_081);
    assert_eq!(c.packets().len(), 3);
    assert_eq!((c.info().counters.timeouts, c.info().counters.recoveries), (0, 0));
}

#[test]
fn pmtu_8_further_reports_of_the_same_size_cause_no_retransmission() {
    let mut c = sending(&wide());
    c.packets();
    for (index, seq) in (0..10).map(|index| (index, 1 + index * 1_460)) {
        let taken = told(&mut c, needed(1_400), seq);
        assert_eq!(taken, if index == 0 { Ok(()) } else { Err(DropReason::MtuNotLower) });
    }
    c.expect(&["[.] 1:1361 ack 1"]);
    assert_eq!(c.info().counters.mtu_reductions, 1);
}

#[test]
fn pmtu_9_cc_21_cwnd_shrinks_with_the_segments_and_ssthresh_stays() {
    let mut c = sending(&wide());
    let before = c.info();
    assert_eq!(told(&mut c, needed(770), 1), Ok(()));
    c.ack(1);
    c.packets();
    // Until what was too large has left again, what may be in flight is less than cwnd.
    for _ in 0..8 {
        c.acked += c.info().unacked.min(1_460);
        c.ack(c.acked);
    }
    let (cwnd, ssthresh) = windows(&c.info());
    assert!(cwnd < before.cwnd, "{cwnd} of {}", before.cwnd);
    assert_eq!(ssthresh, before.ssthresh);
}

#[test]
fn pmtu_4_a_report_never_raises_the_path_mtu() {
    let mut c = sending(&wide());
    assert_eq!(told(&mut c, needed(1_300), 1), Ok(()));
    for mtu in [1_300, 1_301, 1_400, 1_499] {
        assert_eq!(told(&mut c, needed(mtu), 1), Err(DropReason::MtuNotLower));
        assert_eq!(c.info().path_mtu, 1_300);
    }
    assert_eq!(told(&mut c, needed(1_299), 1), Ok(()));
    assert_eq!(c.info().path_mtu, 1_299);
}

#[test]
fn pmtu_5_attack_b10_what_is_below_every_path_is_not_believed() {
    let too_small = [68, 296, 551];
    for mtu in too_small {
        let mut c = sending(&wide());
        c.packets();
        let taken = told(&mut c, needed(mtu), 1);
        assert_eq!(taken, Err(DropReason::MtuTooSmall), "{mtu}");
        assert_eq!((c.info().path_mtu, c.packets().len()), (1_500, 0));
    }
    let mut c = sending(&wide());
    assert_eq!(told(&mut c, needed(552), 1), Ok(()));
    assert_eq!(c.info().path_mtu, 552);
    for (mtu, taken) in
        [(0, Err(DropReason::MtuTooSmall)), (1_279, Err(DropReason::MtuTooSmall)), (1_280, Ok(()))]
    {
        let mut c = sending(&wide_over_ipv6());
        assert_eq!(told(&mut c, Kind::PacketTooBig { mtu }, 1), taken, "{mtu}");
    }
}

#[test]
fn pmtu_6_icmp_2_attack_b10_a_report_must_quote_a_number_in_flight() {
    for (seq, taken) in [
        (2_921, Ok(())),
        (14_600, Ok(())),
        (2_920, Err(DropReason::IcmpNotInFlight)),
        (14_601, Err(DropReason::IcmpNotInFlight)),
        (1 << 31, Err(DropReason::IcmpNotInFlight)),
    ] {
        let mut c = Setup { ..wide() }.open();
        c.write(14_600);
        c.packets();
        let small = IcmpError { packet_len: 1_500, ..report(&c, needed(1_400), seq) };
        c.acked = 2_921;
        // What was acknowledged was sent in parts, so nothing of full size is known to arrive.
        let progress = c.info().path_mtu;
        assert_eq!(progress, 1_500);
        c.ack(2_921);
        c.packets();
        let taken_now = hears(&mut c, &small);
        assert_eq!(taken_now, taken, "{seq}");
    }
}

#[test]
fn pmtu_6_a_packet_that_fits_was_not_dropped_for_its_size() {
    let mut c = sending(&wide());
    for packet_len in [40, 576, 1_400] {
        let error = IcmpError { packet_len, ..report(&c, needed(1_400), 1) };
        assert_eq!(hears(&mut c, &error), Err(DropReason::MtuNotExceeded));
    }
    // Likewise a SYN, whatever is said of it.
    let setup = Setup { opened_by: crate::support::Opener::Host, ..wide() };
    let mut host = setup.host();
    let syn = setup.begin(&mut host);
    let error = IcmpError {
        kind: needed(576),
        reporter: "10.0.0.254".parse().unwrap(),
        source: syn.source,
        destination: syn.destination,
        seq: syn.segment.seq,
        packet_len: syn.len() as u32,
        payload_len: Some(0),
    };
    assert_eq!(host.receive_icmp(&error), Some(Err(DropReason::MtuNotExceeded)));
}

#[test]
fn pmtu_7_a_router_that_names_no_mtu_means_the_next_lower_plateau() {
    let mut c = sending(&wide());
    for (seq, plateau) in [(1, 1_492), (2, 1_006)] {
        let packet_len = c.info().path_mtu;
        let error = IcmpError { packet_len, ..report(&c, needed(0), seq) };
        assert_eq!(hears(&mut c, &error), Ok(()));
        assert_eq!(c.info().path_mtu, plateau);
        // The others of the same flight say nothing new.
        let late = IcmpError { packet_len, ..report(&c, needed(0), seq + 1_500) };
        assert_eq!(hears(&mut c, &late), Err(DropReason::MtuNotLower));
    }
    let error = IcmpError { packet_len: 1_006, ..report(&c, needed(0), 1) };
    assert_eq!(hears(&mut c, &error), Err(DropReason::MtuTooSmall), "508 is not believed");
}

#[test]
fn pmtu_10_must_14_the_mss_that_we_advertise_stays() {
    let mut c = sending(&wide());
    assert_eq!(told(&mut c, needed(600), 1), Ok(()));
    let mut next = c.host.connect("10.0.0.1:4001");
    let syn = c.host.sent().pop().unwrap();
    assert_eq!(syn.segment.options.mss, Some(1_460));
    assert_eq!(c.host.connection(next).info().path_mtu, 600, "though it begins with what is known");
    next = c.host.connect("10.0.0.9:4001");
    assert_eq!(c.host.connection(next).info().path_mtu, 1_500);
}

/// Packets of full size arrived, and more are in flight.
fn progressing() -> Conversation {
    let mut c = wide().open();
    c.write(80_000);
    c.packets();
    c.run(100);
    c.ack(14_601);
    assert!(c.packets().len() > 10);
    c
}

#[test]
fn pmtu_11_attack_b10_while_packets_of_this_size_arrive_a_report_waits() {
    let mut c = progressing();
    assert_eq!(told(&mut c, needed(552), 14_601), Ok(()));
    assert_eq!((c.info().path_mtu, c.packets().len()), (1_500, 0));
    // What it is about arrives: it is forgotten, and silence later brings nothing of it back.
    c.run(100);
    c.ack(29_201);
    c.packets();
    c.run_to(1_500);
    assert!(c.info().counters.timeouts > 0);
    assert_eq!((c.info().path_mtu, c.info().counters.mtu_reductions), (1_500, 0));
}

#[test]
fn pmtu_11_a_timeout_makes_a_report_count_that_waits() {
    let mut c = progressing();
    let rto = c.info().rto.as_millis() as u64;
    assert_eq!(told(&mut c, needed(1_200), 14_601), Ok(()));
    c.run(rto - 1);
    lengths(&mut c);
    assert_eq!(c.info().path_mtu, 1_500);
    c.run(rto);
    assert_eq!((c.info().path_mtu, c.info().counters.timeouts), (1_200, 1));
    assert_eq!(lengths(&mut c), [1_200]);
}

#[test]
fn pmtu_12_pmtu_13_after_ten_minutes_and_no_sooner_the_links_size_is_tried_again() {
    // Without probing: the next packet is as large as the link takes.
    for (wait_ms, path_mtu) in [(599_000, 1_400), (601_000, 1_500)] {
        let mut c = sending(&wide());
        assert_eq!(told(&mut c, needed(1_400), 1), Ok(()));
        while c.acked < 40_001 {
            c.run(10);
            c.acked += c.info().unacked;
            c.ack(c.acked);
        }
        assert_eq!(c.info().unacked, 0);
        c.run(wait_ms);
        c.write(20_000);
        c.packets();
        assert_eq!(c.info().path_mtu, path_mtu, "after {wait_ms} ms");
    }
}

#[test]
fn robustness_i_16_every_order_of_reports_leaves_a_size_between_floor_and_link() {
    use proptest::prelude::*;
    let report_of = (any::<u16>(), any::<u32>(), 0..20_000u32, any::<bool>());
    proptest!(ProptestConfig::with_cases(64), |(
        reports in prop::collection::vec(report_of, 1..40),
        is_ipv6: bool,
    )| {
        let setup = if is_ipv6 { wide_over_ipv6() } else { wide() };
        let floor = if is_ipv6 { 1_280 } else { 552 };
        let mut c = sending(&setup);
        lengths(&mut c);
        let mut used = 1_500;
        for (mtu, packet_len, seq, acks) in reports {
            let too_big = Kind::PacketTooBig { mtu: u32::from(mtu) };
            let kind = if is_ipv6 { too_big } else { needed(mtu) };
            let packet_len = if packet_len % 2 == 0 { packet_len } else { 1_500 };
            let error = IcmpError { packet_len, ..report(&c, kind, seq) };
            let _taken = hears(&mut c, &error);
            let now = c.info().path_mtu;
            prop_assert!((floor..=1_500).contains(&now) && now <= used, "{now} after {used}");
            used = now;
            prop_assert!(lengths(&mut c).iter().all(|length| *length <= used as usize));
            if acks {
                c.acked += c.info().unacked.min(1_000);
                c.ack(c.acked);
                c.packets();
            }
        }
        prop_assert!(c.host.endpoint.path_mtus() <= 1);
    });
}
