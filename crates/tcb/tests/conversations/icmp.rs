//! ICMP errors (ICMP-*, MUST-54 to -56, SHLD-25, SHLD-26): which are believed, and what they do.
//! Each quotes a segment of the host, or pretends to; text goes on to flow.

use synack_tcb::{CloseReason, Events, SoftError, State};
use synack_wire::{IcmpError, IcmpErrorKind as Kind, SeqNum};

use crate::support::{Conversation, Host, Opener, Peer, Seen, Setup};

/// An error about the segment of the host at `seq`.
fn error(peer: &Peer, kind: Kind, seq: SeqNum) -> IcmpError {
    IcmpError {
        kind,
        reporter: "10.0.0.254".parse().unwrap(),
        source: peer.host,
        destination: peer.socket,
        seq,
        packet_len: 1_040,
        payload_len: None,
    }
}

/// 2000 octets are in flight.
fn in_flight() -> Conversation {
    let mut c = Setup::default().open();
    c.write(3_000);
    c.run_to(100);
    c.ack(1_001);
    c.packets();
    let _ = c.events();
    c
}

fn quotes(c: &mut Conversation, kind: Kind, seq: u32) {
    let error = error(&c.peer, kind, c.iss + seq);
    c.host.receive_icmp(&error);
    let sent = c.host.sent();
    assert!(sent.is_empty(), "ICMP-9, RST-8: {sent:?}");
}

/// An opening of the host, and what becomes of it.
fn opening() -> (Host, Peer, SeqNum) {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let mut host = setup.host();
    let iss = setup.begin(&mut host).segment.seq;
    (host, setup.peer(), iss)
}

const SOFT: [Kind; 8] = [
    Kind::NetUnreachable,
    Kind::HostUnreachable,
    Kind::SourceRouteFailed,
    Kind::TimeExceeded,
    Kind::ReassemblyTimeExceeded,
    Kind::ParameterProblem { code: 0, pointer: 20 },
    Kind::HostProhibited,
    Kind::Unreachable { code: 99 },
];
const HARD: [Kind; 2] = [Kind::ProtocolUnreachable, Kind::PortUnreachable];

#[test]
fn must_54_icmp_1_an_error_reaches_the_connection_that_its_quote_names() {
    let mut c = in_flight();
    let kind = Kind::HostUnreachable;
    for (source, destination) in [
        (c.peer.host, c.peer.with_port(4_001).socket),
        (c.peer.socket, c.peer.host),
        ("10.0.0.3:80".parse().unwrap(), c.peer.socket),
    ] {
        let error = IcmpError { source, destination, ..error(&c.peer, kind, c.iss + 1_001) };
        c.host.receive_icmp(&error);
        assert!(!c.events().contains(Events::SOFT_ERROR));
    }
    quotes(&mut c, kind, 1_001);
    assert!(c.events().contains(Events::SOFT_ERROR));
    assert_eq!(c.host.connection(c.id).last_soft_error(), Some(SoftError::Icmp(kind)));
}

#[test]
fn icmp_2_attack_b9_only_a_number_that_is_in_flight_is_believed() {
    for (seq, believed) in
        [(1_001, true), (3_000, true), (1_000, false), (3_001, false), (1, false), (1 << 31, false)]
    {
        for kind in [Kind::HostUnreachable, Kind::PortUnreachable] {
            let mut c = in_flight();
            quotes(&mut c, kind, seq);
            assert_eq!(c.events().contains(Events::SOFT_ERROR), believed, "{seq}");
            assert_eq!(c.state(), State::Established);
        }
    }
}

#[test]
fn must_56_shld_25_icmp_6_dec_6_no_error_ends_a_synchronized_connection() {
    for kind in SOFT.into_iter().chain(HARD) {
        let mut c = in_flight();
        quotes(&mut c, kind, 1_001);
        assert_eq!(c.state(), State::Established);
        assert_eq!(c.host.connection(c.id).last_soft_error(), Some(SoftError::Icmp(kind)));
        // And text goes on.
        c.run_to(200);
        c.ack(3_001);
        c.write(500);
        c.expect(&["[P.] 3001:3501 ack 1"]);
    }
}

#[test]
fn must_55_icmp_7_attack_b11_source_quench_is_discarded() {
    let mut c = in_flight();
    let before = c.info();
    quotes(&mut c, Kind::SourceQuench, 1_001);
    assert_eq!(c.info(), before);
    assert!(c.events().is_empty());
    let (mut host, peer, iss) = opening();
    host.receive_icmp(&error(&peer, Kind::SourceQuench, iss));
    assert_eq!(host.seen(&peer), Seen::In(State::SynSent));
}

#[test]
fn icmp_4_api_10_a_soft_error_is_remembered_until_the_connection_fails() {
    let mut c = in_flight();
    quotes(&mut c, Kind::NetUnreachable, 1_001);
    c.run_to(1_000_000);
    assert_eq!(c.state(), State::Closed);
    let connection = c.host.connection(c.id);
    assert_eq!(connection.close_reason(), Some(CloseReason::UserTimeout));
    // R1 came after it; the way there is told as it was.
    let soft_error = connection.last_soft_error();
    assert_eq!(soft_error, Some(SoftError::ExcessiveRetransmission));
}

#[test]
fn icmp_5_shld_26_a_hard_error_ends_an_opening_and_a_soft_one_does_not() {
    for (kinds, state) in [(&HARD[..], Seen::Closed), (&SOFT, Seen::In(State::SynSent))] {
        for kind in kinds {
            let (mut host, peer, iss) = opening();
            host.receive_icmp(&error(&peer, *kind, iss));
            assert_eq!(host.seen(&peer), state, "{kind:?}");
            let connection = host.connections.values().next().unwrap();
            let unreachable = state == Seen::Closed;
            let reason = unreachable.then_some(CloseReason::Unreachable(*kind));
            assert_eq!(connection.close_reason(), reason);
            // ICMP-2 holds here as well.
            let (mut host, peer, iss) = opening();
            host.receive_icmp(&error(&peer, *kind, iss + 1));
            assert_eq!(host.seen(&peer), Seen::In(State::SynSent));
        }
    }
}

#[test]
fn icmp_8_for_ipv6_code_1_is_hard_too() {
    let addresses = ("fd00::1", "fd00::2");
    for (kind, hard) in [
        (Kind::AdminProhibited, true),
        (Kind::PortUnreachable, true),
        (Kind::NetUnreachable, false),
        (Kind::HostUnreachable, false),
        (Kind::TimeExceeded, false),
        (Kind::ParameterProblem { code: 1, pointer: 6 }, false),
    ] {
        let setup = Setup { opened_by: Opener::Host, addresses, ..Setup::default() };
        let mut host = setup.host();
        let iss = setup.begin(&mut host).segment.seq;
        host.receive_icmp(&error(&setup.peer(), kind, iss));
        let over = host.seen(&setup.peer()) == Seen::Closed;
        assert_eq!(over, hard, "{kind:?}");
    }
    let (mut host, peer, iss) = opening();
    host.receive_icmp(&error(&peer, Kind::AdminProhibited, iss));
    assert_eq!(host.seen(&peer), Seen::In(State::SynSent), "over IPv4 it is soft");
}

#[test]
fn icmp_9_rst_8_no_error_draws_a_segment_in_any_state() {
    let closings: [fn(&mut Conversation); 5] = [
        |_| {},
        |c| c.close(),
        |c| {
            c.fin();
        },
        |c| {
            c.fin();
            c.close();
        },
        |c| c.abort(),
    ];
    for closing in closings {
        let size = Kind::FragmentationNeeded { mtu: 1_040 };
        for kind in SOFT.into_iter().chain(HARD).chain([Kind::SourceQuench, size]) {
            let mut c = in_flight();
            closing(&mut c);
            c.packets();
            quotes(&mut c, kind, 1_001);
        }
    }
}

#[test]
fn icmp_10_errors_about_what_is_over_are_ignored() {
    let mut c = Setup::default().open();
    c.close();
    c.ack(2);
    c.fin();
    c.packets();
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    for kind in SOFT.into_iter().chain(HARD) {
        for seq in [0, 1, 2] {
            quotes(&mut c, kind, seq);
        }
    }
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    assert_eq!(c.host.connection(c.id).last_soft_error(), None);
}

#[test]
fn shld_20_errors_that_were_not_asked_for_raise_no_event() {
    let mut c = Setup::default().configured(|config| config.soft_errors = false).open();
    c.write(100);
    let _ = c.events();
    quotes(&mut c, Kind::HostUnreachable, 1);
    assert!(c.events().is_empty());
}
