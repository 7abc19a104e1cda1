//! Explicit congestion notification (ECN-*) of RFC 3168, on both sides of a connection.
//! Routers are played by hand: they change the ECN field of a packet between the two ends.

use std::sync::Arc;
use std::time::Duration;

use synack_tcb::congestion::{
    CongestionFactory, CubicFactory, CubicOptions, NewReno, NewRenoFactory, WindowOptions,
};
use synack_tcb::{ConnectionConfig, EcnPolicy, EndpointConfig};
use synack_wire::{Ecn, Flags, TcpPacket};

use crate::support::{Change, Conversation, Host, Opener, Peer, Setup};

/// A far end that asks for ECN, and a host that goes by NewReno.
fn setup() -> Setup {
    let reno = Arc::new(NewReno::FACTORY);
    Setup { syn_control: Flags::ECE | Flags::CWR, ..Setup::sack() }
        .configured(|config| config.congestion = reno)
}

fn open() -> Conversation {
    setup().open()
}

/// A host that opens connections.
fn host(ecn: EcnPolicy) -> Host {
    let connection = Arc::new(ConnectionConfig { ecn, ..ConnectionConfig::default() });
    Host::with("10.0.0.2", EndpointConfig { connection, ..EndpointConfig::default() })
}

/// The ECN field and the flags ECE and CWR of everything that left since the last look.
fn marks(c: &mut Conversation) -> Vec<(Ecn, Flags)> {
    c.packets().iter().map(|packet| (packet.ip.ecn, flags(packet))).collect()
}

fn flags(packet: &TcpPacket) -> Flags {
    let both = (Flags::ECE | Flags::CWR).bits();
    Flags::from_bits(packet.segment.control.bits() & both)
}

/// The packet as a router changed it.
fn marked(mut packet: TcpPacket) -> TcpPacket {
    packet.ip.ecn = Ecn::Ce;
    packet
}

/// The far end acknowledges everything below `ack`, and echoes a mark.
fn echo(c: &mut Conversation, ack: u32) {
    c.acked = ack;
    let packet = c.template().with_control(Flags::ECE);
    c.receive(packet);
}

/// `len` octets of the far end's text, marked by a router.
fn marked_text(c: &mut Conversation, len: u32) {
    let packet = marked(c.text_at(c.next, len));
    c.next += len;
    c.receive(packet);
}

const ECT: (Ecn, Flags) = (Ecn::Ect0, Flags::NONE);
const PLAIN: (Ecn, Flags) = (Ecn::NotEct, Flags::NONE);

#[test]
fn ecn_1_ecn_4_ecn_19_a_syn_asks_for_it_if_configured_and_a_syn_ack_agrees() {
    for (policy, asked, answered, in_use) in [
        (EcnPolicy::Off, Flags::NONE, Flags::NONE, false),
        (EcnPolicy::WhenAsked, Flags::NONE, Flags::NONE, false),
        (EcnPolicy::Ask, Flags::ECE | Flags::CWR, Flags::ECE, true),
        (EcnPolicy::Ask, Flags::ECE | Flags::CWR, Flags::NONE, false),
        (EcnPolicy::Ask, Flags::ECE | Flags::CWR, Flags::ECE | Flags::CWR, false),
    ] {
        let mut host = host(policy);
        let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
        let id = host.connect_to(&peer);
        let syn = host.only_sent();
        assert_eq!((syn.ip.ecn, flags(&syn)), (Ecn::NotEct, asked), "{policy:?}");
        let answer = peer.syn_ack(300, syn.segment.seq + 1);
        host.receive(answer.with(|segment| segment.control |= answered));
        assert_eq!(host.connection(id).info().ecn, in_use, "{policy:?} {answered:?}");
    }
}

#[test]
fn ecn_1_ecn_4_ecn_19_a_syn_that_asks_is_answered_as_configured() {
    for (policy, asked, answered) in [
        (EcnPolicy::Off, Flags::ECE | Flags::CWR, Flags::NONE),
        (EcnPolicy::WhenAsked, Flags::ECE | Flags::CWR, Flags::ECE),
        (EcnPolicy::Ask, Flags::ECE | Flags::CWR, Flags::ECE),
        (EcnPolicy::WhenAsked, Flags::ECE, Flags::NONE),
        (EcnPolicy::WhenAsked, Flags::CWR, Flags::NONE),
        (EcnPolicy::WhenAsked, Flags::NONE, Flags::NONE),
    ] {
        let setup = Setup { syn_control: asked, ..Setup::default() };
        let setup = setup.configured(|config| config.ecn = policy);
        let mut host = setup.host();
        let syn_ack = setup.begin(&mut host);
        assert_eq!(flags(&syn_ack), answered, "{policy:?} {asked:?}");
    }
}

#[test]
fn ecn_16_the_third_syn_asks_no_more_and_then_nothing_is_ect() {
    let mut host = host(EcnPolicy::Ask);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let id = host.connect_to(&peer);
    let mut syns = vec![host.only_sent()];
    for wait in [1, 2] {
        host.advance(Duration::from_secs(wait));
        syns.push(host.only_sent());
    }
    let asked = Flags::ECE | Flags::CWR;
    assert_eq!(syns.iter().map(flags).collect::<Vec<_>>(), [asked, asked, Flags::NONE]);
    // ecn_3: the answer to an earlier one agrees all the same; what is received may be marked.
    let nxt = syns[0].segment.seq + 1;
    host.receive(peer.syn_ack(300, nxt).with(|segment| segment.control |= Flags::ECE));
    host.sent();
    host.write(id, b"text");
    assert_eq!(host.only_sent().ip.ecn, Ecn::NotEct);
    host.receive(marked(peer.text(301, nxt, b"x")));
    assert_eq!(flags(&host.only_sent()), Flags::ECE);
}

#[test]
fn ecn_3_a_peer_whose_repeated_syn_asks_no_more_gets_nothing_that_is_ect() {
    let setup = setup();
    let mut host = setup.host();
    let syn_ack = setup.begin(&mut host);
    host.receive(setup.syn().with_control(Flags::SYN));
    host.only_sent();
    let mut c = setup.finish(host, setup.peer(), &syn_ack);
    c.write(1_000);
    assert_eq!(marks(&mut c), [PLAIN]);
}

#[test]
fn shld_8_ecn_5_ecn_8_text_is_ect_0_and_an_ack_is_not() {
    for opened_by in [Opener::FarEnd, Opener::Host] {
        let mut c = match opened_by {
            Opener::FarEnd => open(),
            Opener::Host => Setup { opened_by, syn_control: Flags::ECE, ..setup() }
                .configured(|config| config.ecn = EcnPolicy::Ask)
                .open(),
        };
        c.write(2_000);
        assert_eq!(marks(&mut c), [ECT, ECT]);
        c.text(1_000);
        assert_eq!(marks(&mut c), [PLAIN]);
        c.close();
        assert_eq!(marks(&mut c), [PLAIN], "a FIN without text");
    }
}

#[test]
fn ecn_18_without_agreement_nothing_is_ect_and_marks_are_not_echoed() {
    let mut c = Setup::default().open();
    let mut ect = c.text_at(1, 500);
    ect.ip.ecn = Ecn::Ect0;
    c.next = 501;
    c.receive(ect);
    assert_eq!(marks(&mut c), [PLAIN]);
    marked_text(&mut c, 500);
    c.write(100);
    assert_eq!(marks(&mut c), [PLAIN, PLAIN]);
    echo(&mut c, 101);
    assert_eq!(c.info().counters.mark_reductions, 0);
}

#[test]
fn ecn_6_text_that_is_sent_again_is_not_ect() {
    let mut c = open();
    c.write(4_000);
    c.packets();
    c.sack(&[(1_001, 4_001)]);
    c.run(50);
    assert_eq!(marks(&mut c), [PLAIN]);
    c.run(400);
    assert!(marks(&mut c).iter().all(|mark| *mark == PLAIN), "nor after a timeout");
}

#[test]
fn ecn_7_trap_58_a_window_probe_is_neither_ect_nor_says_cwr() {
    let mut c = open();
    c.write(3_000);
    c.packets();
    // The window was reduced, but there is no room to say so.
    c.window = 0;
    echo(&mut c, 3_001);
    c.write(3_000);
    c.run(400);
    assert_eq!(marks(&mut c), [PLAIN]);
    c.offer(u16::MAX);
    assert_eq!(marks(&mut c), [PLAIN, (Ecn::Ect0, Flags::CWR)], "its octet again, and new text");
}

#[test]
fn ecn_9_every_ack_echoes_a_mark_until_cwr_comes() {
    let mut c = open();
    c.text(1_000);
    assert_eq!(marks(&mut c), [PLAIN]);
    marked_text(&mut c, 1_000);
    c.text(1_000);
    c.write(100);
    let echoes = marks(&mut c);
    assert_eq!(
        echoes,
        [(Ecn::NotEct, Flags::ECE), (Ecn::NotEct, Flags::ECE), (Ecn::Ect0, Flags::ECE)]
    );
    let reduced = c.text_at(c.next, 1_000).with_control(Flags::CWR);
    c.next += 1_000;
    c.receive(reduced);
    c.text(1_000);
    assert_eq!(marks(&mut c), [PLAIN, PLAIN]);
    // A mark on the segment with CWR itself is of new congestion.
    let both = marked(c.text_at(c.next, 1_000).with_control(Flags::CWR));
    c.next += 1_000;
    c.receive(both);
    assert_eq!(marks(&mut c), [(Ecn::NotEct, Flags::ECE)]);
    assert_eq!(c.info().counters.marks_in, 2);
}

#[test]
fn ecn_10_a_delayed_ack_echoes_the_mark_of_any_segment_it_covers() {
    let mut c = setup().configured(|config| config.quick_acks = 0).open();
    marked_text(&mut c, 100);
    c.text(50);
    c.run(60);
    assert_eq!(marks(&mut c), [(Ecn::NotEct, Flags::ECE)]);
}

#[test]
fn ecn_11_marks_outside_of_the_window_are_ignored() {
    let mut c = open();
    c.text(1_000);
    c.packets();
    let old = marked(c.text_at(1, 1_000));
    let beyond = marked(c.text_at(2_000_000, 1_000));
    c.receive(old);
    c.receive(beyond);
    c.text(1_000);
    assert!(marks(&mut c).iter().all(|mark| *mark == PLAIN));
    assert_eq!(c.info().counters.marks_in, 0);
}

#[test]
fn ecn_12_ecn_13_ecn_15_prr_11_an_echo_halves_the_window_once_and_is_answered_with_cwr() {
    let mut c = open();
    c.write(100_000);
    assert_eq!((c.packets().len(), c.info().cwnd), (10, 10_000));
    echo(&mut c, 1_001);
    assert_eq!(c.info().ssthresh, 5_000);
    assert_eq!(marks(&mut c), [(Ecn::Ect0, Flags::CWR)], "new text, and nothing again");
    // No other echo of this window counts. For two segments that are delivered one leaves, until
    // five are in flight.
    for (delivered, leaving) in (2..10).zip([0, 0, 1, 0, 1, 0, 0, 1]) {
        echo(&mut c, delivered * 1_000 + 1);
        assert_eq!(marks(&mut c), vec![ECT; leaving], "{delivered} delivered");
    }
    c.ack(10_001);
    assert_eq!((c.info().cwnd, c.info().ssthresh, c.info().unacked), (5_000, 5_000, 5_000));
    let counters = c.info().counters;
    assert_eq!((counters.mark_reductions, counters.retransmissions), (1, 0));
    echo(&mut c, 11_001);
    assert_eq!(c.info().ssthresh, 2_500, "what was sent since is another window");
}

#[test]
fn ecn_12_a_loss_in_a_window_that_a_mark_reduced_does_not_reduce_it_again() {
    let mut c = open();
    c.write(10_000);
    c.packets();
    echo(&mut c, 1_001);
    let ssthresh = c.info().ssthresh;
    c.sack(&[(2_001, 6_001)]);
    c.run(50);
    let info = c.info();
    assert_eq!((info.ssthresh, info.counters.recoveries), (ssthresh, 1));
}

#[test]
fn ecn_12_an_echo_in_a_recovery_does_not_reduce_again() {
    let mut c = open();
    c.write(10_000);
    c.packets();
    c.sack(&[(1_001, 5_001)]);
    c.run(50);
    let ssthresh = c.info().ssthresh;
    echo(&mut c, 1_001);
    echo(&mut c, 10_001);
    assert_eq!((c.info().ssthresh, c.info().counters.mark_reductions), (ssthresh, 0));
}

#[test]
fn ecn_13_cwr_tells_of_losses_and_timeouts_too() {
    let mut lost = open();
    lost.write(10_000);
    lost.packets();
    lost.sack(&[(1_001, 5_001)]);
    lost.run(50);
    lost.ack(10_001);
    lost.packets();
    lost.write(2_000);
    assert_eq!(marks(&mut lost), [(Ecn::Ect0, Flags::CWR), ECT]);

    let mut timed_out = open();
    timed_out.write(1_000);
    timed_out.run(1_000); // the loss probe, and the timeout
    timed_out.ack(1_001);
    timed_out.packets();
    timed_out.write(1_000);
    assert_eq!(marks(&mut timed_out), [(Ecn::Ect0, Flags::CWR)]);
}

#[test]
fn ecn_14_cubic_14_with_one_segment_of_window_an_echo_stops_sending_for_an_rto() {
    let mut c = open();
    c.write(100_000);
    // One segment of window, by marks alone.
    let mut acked = 1;
    while c.info().cwnd > 1_000 {
        acked += c.info().unacked;
        echo(&mut c, acked);
    }
    c.packets();
    for factor in [1, 2, 4] {
        let began = c.clock_ms();
        acked += c.info().unacked;
        echo(&mut c, acked);
        let rto = c.info().rto.as_millis() as u64;
        assert_eq!(c.times(), [] as [u64; 0], "at once");
        c.run(rto * factor - 2);
        assert_eq!(c.times(), [] as [u64; 0]);
        c.run(4);
        assert_eq!(c.times().len(), 1, "after {} ms", c.clock_ms() - began);
    }
    acked += c.info().unacked;
    c.ack(acked);
    assert!(!c.times().is_empty(), "at rest again");
}

#[test]
fn ecn_14_pace_6_a_fin_alone_is_not_held_back() {
    let mut c = open();
    c.write(1_000);
    while c.info().cwnd > 1_000 {
        c.write(1_000);
        let acked = c.acked + c.info().unacked;
        echo(&mut c, acked);
    }
    c.write(1_000);
    let acked = c.acked + c.info().unacked;
    c.packets();
    echo(&mut c, acked);
    let now = c.host.now;
    c.host.connection(c.id).close(now);
    assert!(c.host.connection(c.id).wants_transmit());
    c.drain();
    assert_eq!(marks(&mut c), [PLAIN]);
}

#[test]
fn abe_1_abe_2_and_abe_3_a_mark_reduces_less_than_a_loss_if_so_configured() {
    let abe = WindowOptions { alternative_backoff: true, ..WindowOptions::DEFAULT };
    let options = CubicOptions { window: abe, ..CubicOptions::DEFAULT };
    let factories: [(_, Arc<dyn CongestionFactory>, _); 4] = [
        ("reno", Arc::new(NewReno::FACTORY), 5_000),
        ("reno with abe", Arc::new(NewRenoFactory { options: abe }), 8_000),
        ("cubic", Arc::new(CubicFactory::default()), 7_000),
        ("cubic with abe", Arc::new(CubicFactory { options }), 8_500),
    ];
    for (name, factory, ssthresh) in factories {
        let mut c = setup().configured(|config| config.congestion = factory).open();
        c.write(10_000);
        echo(&mut c, 1_001);
        assert_eq!(c.info().ssthresh, ssthresh, "{name}");
    }
}

#[test]
fn ecn_20_the_bits_of_ecn_leave_the_code_point_alone() {
    let mut c = setup().configured(|config| config.dscp = 0b10_1110).open();
    c.write(1_000);
    let packet = c.packets().remove(0);
    assert_eq!((packet.ip.dscp, packet.ip.ecn), (0b10_1110, Ecn::Ect0));
}

#[test]
fn ecn_17_time_wait_knows_nothing_of_it() {
    let mut c = open();
    marked_text(&mut c, 100);
    c.packets();
    c.close();
    c.ack(2);
    c.fin();
    let fin_ack = marks(&mut c);
    assert_eq!(fin_ack.last().map(|(ecn, _)| *ecn), Some(Ecn::NotEct));
    // A repeated FIN is answered by the endpoint.
    c.next -= 1;
    c.fin();
    assert_eq!(marks(&mut c), [PLAIN]);
}

#[test]
fn attack_d13_a_peer_that_always_echoes_slows_down_itself_alone() {
    let mut c = open();
    c.write(12_000);
    let (mut echoes, mut acked) = (0, 1);
    while acked < 12_001 {
        c.run(100);
        if c.info().unacked > 0 {
            acked += c.info().unacked;
            echoes += 1;
            echo(&mut c, acked);
        }
        let info = c.info();
        assert!(info.cwnd >= 1_000 && info.ssthresh >= 2_000);
        assert!(info.counters.mark_reductions <= echoes, "once a round trip");
        assert!(c.clock_ms() < 300_000, "it comes to an end");
    }
    assert_eq!(c.info().counters.timeouts, 0);
}
