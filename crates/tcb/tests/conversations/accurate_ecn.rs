//! Accurate ECN (ACCECN-*) of RFC 9768, on both sides of a connection.
//! Routers are played by hand: they change the ECN field of a packet between the two ends.

use std::sync::Arc;
use std::time::Duration;

use synack_tcb::congestion::NewReno;
use synack_tcb::{
    ConnectionConfig, ConnectionId, EcnPolicy, EndpointConfig, ListenerConfig, SynCookies,
};
use synack_wire::{AccurateEcnCounters, Ecn, Flags, SeqNum, TcpPacket};

use crate::support::{Change, Conversation, Host, Peer, Setup};

/// AE, CWR and ECE, as RFC 9768 writes them.
fn flags(number: u32) -> Flags {
    let all = [(4, Flags::AE), (2, Flags::CWR), (1, Flags::ECE)];
    let set = all.into_iter().filter(|(bit, _)| number & bit != 0);
    set.fold(Flags::NONE, |flags, (_, flag)| flags | flag)
}

/// Likewise, of a packet.
fn number(packet: &TcpPacket) -> u32 {
    let has = |flag, bit| if packet.segment.control.contains(flag) { bit } else { 0 };
    has(Flags::AE, 4) | has(Flags::CWR, 2) | has(Flags::ECE, 1)
}

fn config(ecn: EcnPolicy) -> ConnectionConfig {
    let congestion = Arc::new(NewReno::FACTORY);
    let (accurate_ecn, nodelay) = (true, true);
    ConnectionConfig { ecn, accurate_ecn, congestion, nodelay, ..ConnectionConfig::default() }
}

/// A far end that asks for accurate ECN, gets it, and says that the SYN-ACK came Not-ECT.
fn setup() -> Setup {
    let setup = Setup { syn_control: flags(0b111), ack_control: flags(0b010), ..Setup::default() };
    setup.configured(|all| *all = config(EcnPolicy::WhenAsked))
}

fn open() -> Conversation {
    setup().open()
}

/// A host that opens connections, and asks.
fn asking() -> (Host, Peer, ConnectionId, TcpPacket) {
    let connection = Arc::new(config(EcnPolicy::Ask));
    let mut host =
        Host::with("10.0.0.2", EndpointConfig { connection, ..EndpointConfig::default() });
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let id = host.connect_to(&peer);
    let syn = host.only_sent();
    (host, peer, id, syn)
}

/// A host that listens.
fn listening(syn_cookies: SynCookies) -> (Host, Peer) {
    let connection = Some(Arc::new(config(EcnPolicy::WhenAsked)));
    let mut host = Host::new("10.0.0.2");
    host.listen_with(80, ListenerConfig { connection, syn_cookies, ..ListenerConfig::default() });
    (host, Peer::new("10.0.0.1:4000", "10.0.0.2:80"))
}

fn with_field(mut packet: TcpPacket, field: Ecn) -> TcpPacket {
    packet.ip.ecn = field;
    packet
}

/// The far end acknowledges everything below `ack` and says that so many packets came marked.
fn feed_back(c: &mut Conversation, ack: u32, marked: u32) {
    c.acked = ack;
    let packet = c.template().with_control(flags((5 + marked) % 8));
    c.receive(packet);
}

/// `len` octets of the far end's text, as they come through routers.
fn text(c: &mut Conversation, len: u32, field: Ecn) {
    let packet = c.text_at(c.next, len).with_control(flags(5));
    c.next += len;
    c.receive(with_field(packet, field));
}

/// The number of all that left since the last look.
fn numbers(c: &mut Conversation) -> Vec<u32> {
    c.packets().iter().map(number).collect()
}

#[test]
fn accecn_1_accecn_3_what_a_client_offers_and_what_it_takes() {
    for (answer, ecn, accurate) in [
        (0b000, false, false),
        (0b001, true, false),
        (0b010, true, true),
        (0b011, true, true),
        (0b100, true, true),
        (0b101, true, true),
        (0b110, true, true),
        (0b111, false, false),
    ] {
        let (mut host, peer, id, syn) = asking();
        assert_eq!((number(&syn), syn.ip.ecn), (0b111, Ecn::NotEct));
        assert_eq!(syn.segment.options.accurate_ecn, None, "accecn_17");
        let syn_ack = peer.syn_ack(300, syn.segment.seq + 1);
        host.receive(syn_ack.with(|segment| segment.control |= flags(answer)));
        let info = host.connection(id).info();
        assert_eq!((info.ecn, info.accurate_ecn), (ecn, accurate), "{answer:03b}");
        host.sent();
        host.write(id, b"text");
        // A SYN that left Not-ECT and came otherwise says that ECN fields are not safe here.
        let is_safe = [0b001, 0b010, 0b101].contains(&answer);
        let field = if is_safe { Ecn::Ect0 } else { Ecn::NotEct };
        assert_eq!(host.only_sent().ip.ecn, field, "{answer:03b}");
    }
}

#[test]
fn accecn_7_the_third_syn_asks_no_more() {
    let (mut host, _, _, syn) = asking();
    let mut syns = vec![syn];
    for wait in [1, 2, 4] {
        host.advance(Duration::from_secs(wait));
        syns.push(host.only_sent());
    }
    assert_eq!(syns.iter().map(number).collect::<Vec<_>>(), [0b111, 0b111, 0b000, 0b000]);
    assert!(syns.iter().all(|again| again.segment.seq == syns[0].segment.seq));
}

#[test]
fn accecn_10_accecn_12_a_pure_ack_tells_of_the_syn_ack_before_text_leaves() {
    for (field, told, counted) in
        [(Ecn::NotEct, 2, 5), (Ecn::Ect1, 3, 5), (Ecn::Ect0, 4, 5), (Ecn::Ce, 6, 6)]
    {
        let (mut host, peer, id, syn) = asking();
        host.write(id, b"text");
        let syn_ack = peer.syn_ack(300, syn.segment.seq + 1);
        let syn_ack = with_field(syn_ack.with(|s| s.control |= flags(0b010)), field);
        host.receive(syn_ack.clone());
        let sent = host.sent();
        let seen: Vec<_> = sent.iter().map(|p| (number(p), p.segment.payload.len())).collect();
        assert_eq!(seen, [(told, 0), (counted, 4)], "{field:?}");
        assert!(sent.iter().all(|p| p.segment.options.accurate_ecn.is_some()), "accecn_18");
        // The SYN-ACK once more: told once more, and not counted again.
        host.receive(syn_ack);
        assert_eq!(number(&host.only_sent()), told, "{field:?}");
        host.write(id, b"more");
        assert_eq!(number(&host.only_sent()), counted, "{field:?}");
    }
}

#[test]
fn accecn_2_accecn_17_accecn_18_a_server_tells_of_the_latest_syn() {
    let (mut host, peer) = listening(SynCookies::WhenFull);
    for (field, answer, has_option) in [
        (Ecn::NotEct, 0b010, true),
        (Ecn::Ect1, 0b011, false),
        (Ecn::Ect0, 0b100, false),
        (Ecn::Ce, 0b110, false),
    ] {
        let mut syn = with_field(peer.syn(300).with_control(Flags::SYN | flags(0b111)), field);
        syn.segment.options.accurate_ecn = Some(AccurateEcnCounters::default());
        host.receive(syn);
        let syn_ack = host.only_sent();
        assert_eq!((number(&syn_ack), syn_ack.ip.ecn), (answer, Ecn::NotEct), "{field:?}");
        let option = syn_ack.segment.options.accurate_ecn;
        assert_eq!(option.is_some(), has_option, "only the first may be lost for it");
        let first = (Some(1), Some(0), Some(1));
        assert!(option.is_none_or(|o| (o.ect0, o.ce, o.ect1) == first), "accecn_8");
    }
}

#[test]
fn accecn_4_a_server_answers_a_classic_offer_as_before() {
    let (mut host, peer) = listening(SynCookies::WhenFull);
    host.receive(peer.syn(300).with_control(Flags::SYN | flags(0b011)));
    assert_eq!(number(&host.only_sent()), 0b001);
}

#[test]
fn accecn_2_accecn_11_a_syn_ack_that_is_not_answered_says_less_each_time() {
    let (mut host, peer) = listening(SynCookies::WhenFull);
    host.receive(peer.syn(300).with_control(Flags::SYN | flags(0b111)));
    let mut sent = vec![host.only_sent()];
    for wait in [1, 2] {
        host.advance(Duration::from_secs(wait));
        sent.push(host.only_sent());
    }
    let seen: Vec<_> =
        sent.iter().map(|p| (number(p), p.segment.options.accurate_ecn.is_some())).collect();
    assert_eq!(seen, [(0b010, true), (0b010, false), (0b000, false)]);
    // The client may go by any of them; so marks are counted, and nothing may be marked.
    let iss = sent[0].segment.seq;
    let id = host.accept(peer.ack(301, iss + 1).with_control(flags(0b010)));
    assert!(host.connection(id).info().accurate_ecn);
    host.write(id, b"text");
    let text = host.only_sent();
    assert_eq!((text.ip.ecn, number(&text)), (Ecn::NotEct, 5));
}

#[test]
fn accecn_6_a_client_that_mixes_both_kinds_is_reset() {
    for (first, second) in [(0b111, 0b011), (0b011, 0b111)] {
        let (mut host, peer) = listening(SynCookies::WhenFull);
        host.receive(peer.syn(300).with_control(Flags::SYN | flags(first)));
        let syn_ack = host.only_sent();
        host.receive(peer.syn(300).with_control(Flags::SYN | flags(second)));
        let reset = host.only_sent();
        assert!(reset.segment.is_rst() && reset.segment.ack == Some(SeqNum::new(301)));
        host.receive(peer.ack(301, syn_ack.segment.seq + 1));
        assert!(host.only_sent().segment.is_rst(), "it is forgotten");
    }
}

#[test]
fn accecn_5_a_syn_that_asks_no_more_changes_nothing_but_what_may_be_marked() {
    let (mut host, peer) = listening(SynCookies::WhenFull);
    host.receive(peer.syn(300).with_control(Flags::SYN | flags(0b111)));
    let iss = host.only_sent().segment.seq;
    host.receive(peer.syn(300));
    assert_eq!(number(&host.only_sent()), 0b010);
    let id = host.accept(peer.ack(301, iss + 1).with_control(flags(0b010)));
    assert!(host.connection(id).info().accurate_ecn);
    host.write(id, b"text");
    assert_eq!(host.only_sent().ip.ecn, Ecn::NotEct);
}

#[test]
fn accecn_10_sync_8_a_handshake_without_state_is_one_of_accurate_ecn_by_its_last_ack() {
    for has_timestamps in [false, true] {
        for (ace, accurate) in [(0, false), (1, false), (2, true), (3, true), (6, true)] {
            let (mut host, peer) = listening(SynCookies::Always);
            let mut syn = peer.syn(300).with_control(Flags::SYN | flags(0b111));
            if has_timestamps {
                syn = syn.with_timestamps(7, 0);
            }
            host.receive(syn);
            let syn_ack = host.only_sent();
            assert_eq!(number(&syn_ack), 0b010);
            let mut ack = peer.ack(301, syn_ack.segment.seq + 1).with_control(flags(ace));
            if let Some(timestamps) = syn_ack.segment.options.timestamps {
                ack = ack.with_timestamps(8, timestamps.value);
            }
            let id = host.accept(ack);
            assert_eq!(host.connection(id).info().accurate_ecn, accurate, "{ace:03b}");
        }
    }
}

#[test]
fn accecn_11_a_client_that_counts_nothing_has_nothing_marked_and_is_not_believed() {
    for (ace, field, is_believed) in
        [(0, Ecn::NotEct, false), (1, Ecn::Ect0, true), (3, Ecn::NotEct, true)]
    {
        let mut c = Setup { ack_control: flags(ace), ..setup() }.open();
        c.write(10_000);
        assert!(c.packets().iter().all(|packet| packet.ip.ecn == field), "{ace:03b}");
        feed_back(&mut c, 1_001, 1);
        assert_eq!(c.info().ssthresh < u32::MAX, is_believed, "{ace:03b}");
        c.packets();
        text(&mut c, 10, Ecn::Ce);
        assert_eq!(numbers(&mut c), [6], "{ace:03b}: it is told of its own all the same");
    }
}

#[test]
fn accecn_12_a_mark_on_the_syn_ack_reduces_the_window() {
    let c = setup().open().info().cwnd;
    let mut marked = Setup { ack_control: flags(0b110), ..setup() }.open();
    assert_eq!(marked.info().cwnd, c / 2);
    marked.write(1_000);
    marked.packets();
    feed_back(&mut marked, 1_001, 1);
    assert_eq!(marked.info().counters.marks_out, 0, "that is the one of the SYN-ACK");
}

#[test]
fn accecn_9_every_segment_tells_how_many_packets_came_marked() {
    let mut c = open();
    text(&mut c, 1_000, Ecn::Ect0);
    assert_eq!(numbers(&mut c), [5]);
    for told in [6, 7, 0, 1] {
        text(&mut c, 1_000, Ecn::Ce);
        assert_eq!(numbers(&mut c), [told]);
    }
    c.write(1_000);
    assert_eq!(numbers(&mut c), [1], "text likewise");
    c.run(2_000);
    let again = c.packets();
    assert!(!again.is_empty() && again.iter().all(|p| number(p) == 1 && p.ip.ecn == Ecn::NotEct));
    c.close();
    c.run(2_000);
    assert!(numbers(&mut c).iter().all(|told| *told == 1), "and a FIN");
    assert_eq!(c.info().counters.marks_in, 4);
}

#[test]
fn accecn_14_accecn_15_marks_are_not_kept_for_a_delayed_ack() {
    let mut c = setup().configured(|config| config.quick_acks = 0).open();
    text(&mut c, 10, Ecn::Ect0);
    assert_eq!(numbers(&mut c), []);
    text(&mut c, 10, Ecn::Ce);
    assert_eq!(numbers(&mut c), [6], "a change");
    text(&mut c, 10, Ecn::Ce);
    assert_eq!(numbers(&mut c), []);
    text(&mut c, 10, Ecn::Ce);
    assert_eq!(numbers(&mut c), [0], "two");
    // Three pure ACKs with marks, as a peer of RFC 8311 may send them.
    for told in [None, None, Some(3)] {
        let ack = with_field(c.template().with_control(flags(5)), Ecn::Ce);
        c.receive(ack);
        assert_eq!(numbers(&mut c), told.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn accecn_16_accecn_18_the_option_tells_the_octets_that_came_marked() {
    let mut c = open();
    let option = |c: &mut Conversation| c.packets().pop().unwrap().segment.options.accurate_ecn;
    text(&mut c, 100, Ecn::NotEct);
    assert_eq!(option(&mut c), None);
    text(&mut c, 100, Ecn::Ect0);
    let ect0 = AccurateEcnCounters { ect0: Some(101), ..AccurateEcnCounters::default() };
    assert_eq!(option(&mut c), Some(ect0));
    text(&mut c, 50, Ecn::Ce);
    assert_eq!(option(&mut c), Some(AccurateEcnCounters { ce: Some(50), ..ect0 }));
    c.write(10);
    assert_eq!(option(&mut c), None, "nothing new");
    text(&mut c, 1, Ecn::Ect1);
    let all = AccurateEcnCounters { ce: Some(50), ect1: Some(2), ..ect0 };
    assert_eq!(option(&mut c), Some(all));
}

#[test]
fn accecn_19_beside_sack_there_may_be_no_room_for_it() {
    let mut c =
        Setup { syn_control: flags(0b111), ack_control: flags(0b010), ..Setup::timestamps() }
            .offering(|options| options.sack_permitted = true)
            .configured(|all| *all = config(EcnPolicy::WhenAsked))
            .open();
    for (at, blocks, has_option) in [(1_001, 1, true), (3_001, 2, true), (5_001, 3, false)] {
        let packet = c.text_at(at, 500).with_control(flags(5));
        c.receive(with_field(packet, Ecn::Ce));
        let options = c.packets().pop().unwrap().segment.options;
        assert_eq!((options.sack.len(), options.accurate_ecn.is_some()), (blocks, has_option));
    }
    text(&mut c, 5_500, Ecn::Ect0);
    let told = c.packets().pop().unwrap().segment.options.accurate_ecn.unwrap();
    assert_eq!((told.ect0, told.ce), (Some(5_501), Some(1_500)), "and is told later");
}

#[test]
fn accecn_23_ecn_12_counted_marks_reduce_the_window_once_and_nothing_says_cwr() {
    let mut c = open();
    c.write(100_000);
    assert!(c.packets().iter().all(|p| p.ip.ecn == Ecn::Ect0 && number(p) == 5));
    let cwnd = c.info().cwnd;
    for (ack, marked) in [(1_001, 1), (2_001, 2), (3_001, 3), (4_001, 3)] {
        feed_back(&mut c, ack, marked);
    }
    assert_eq!(c.info().ssthresh, cwnd / 2);
    assert_eq!((c.info().counters.marks_out, c.info().counters.mark_reductions), (3, 1));
    feed_back(&mut c, 10_001, 3);
    let sent = c.packets();
    assert!(!sent.is_empty() && sent.iter().all(|p| number(p) == 5), "ACE, and never CWR");
    feed_back(&mut c, 11_001, 4);
    assert!(c.info().ssthresh < cwnd / 2, "another window");
    // An ACK that came late tells nothing.
    feed_back(&mut c, 9_001, 2);
    assert_eq!(c.info().counters.marks_out, 4);
}

#[test]
fn accecn_21_octets_that_were_in_no_packet_stop_marking() {
    let mut c = open();
    c.write(3_000);
    c.packets();
    c.acked = 1_001;
    let option = AccurateEcnCounters { ect0: Some(1), ce: Some(900), ..Default::default() };
    let packet = c.template().with_control(flags(5));
    c.receive(packet.with(|segment| segment.options.accurate_ecn = Some(option)));
    c.write(1_000);
    let sent = c.packets();
    assert!(!sent.is_empty() && sent.iter().all(|packet| packet.ip.ecn == Ecn::NotEct));
    assert!(c.info().accurate_ecn);
}

#[test]
fn accecn_9_a_super_segment_is_not_made_of_flags_that_devices_change() {
    let mut c = open();
    text(&mut c, 1_000, Ecn::Ce);
    c.packets();
    // ACE is 6, which has the bit of CWR: segmentation clears that but for the first segment.
    c.write(5_000);
    assert!(c.packets().iter().all(|packet| packet.segment_size.is_none()));
}

#[test]
fn accecn_22_duplicates_are_reported_too() {
    let mut c = Setup { syn_control: flags(0b111), ack_control: flags(0b010), ..Setup::sack() }
        .configured(|all| *all = config(EcnPolicy::WhenAsked))
        .open();
    text(&mut c, 1_000, Ecn::Ect0);
    c.packets();
    let again = c.text_at(1, 1_000).with_control(flags(5));
    c.receive(with_field(again, Ecn::Ce));
    let report = c.packets().pop().unwrap();
    assert_eq!(report.segment.options.sack.len(), 1);
    assert_eq!(
        number(&report),
        5,
        "an old duplicate is not acceptable, so its mark is not counted"
    );
}
