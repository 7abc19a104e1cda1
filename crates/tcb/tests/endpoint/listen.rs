//! LISTEN: what each segment does there, how many handshakes it takes on, and how it ends.
//! A far end played by hand sends templates with one changed field.

use std::net::SocketAddr;
use std::time::Duration;

use synack_tcb::{
    ConnectionConfig, DropReason, EndpointConfig, LinkAddress, LinkId, ListenError, ListenOn,
    ListenerConfig, State, SynCookies,
};
use synack_wire::{Flags, Options};

use crate::support::{
    Change, Host, Peer, Received, Seen, control, half_open, listening, listening_in_both_families,
    shake,
};

fn socket(text: &str) -> ListenOn {
    ListenOn::Socket(text.parse().unwrap())
}

#[test]
fn sm_listen_1_to_7_each_segment_in_its_order() {
    let (_, peer) = listening();
    let with = |control| peer.syn(100).with_control(control);
    let acked = |control| peer.ack(100, 301).with_control(control);
    for (case, packet, received, answer) in [
        ("sm_listen_1 RST", peer.rst(100), Received::Dropped(DropReason::ResetForListener), None),
        ("rst_5 RST,ACK", acked(Flags::RST), Received::Dropped(DropReason::ResetForListener), None),
        ("sm_listen_2 ACK", peer.ack(100, 301), Received::Replied, Some("<SEQ=301><CTL=RST>")),
        ("rst_4 SYN,ACK", peer.syn_ack(100, 301), Received::Replied, Some("<SEQ=301><CTL=RST>")),
        ("FIN,ACK", peer.fin(100, 301), Received::Replied, Some("<SEQ=301><CTL=RST>")),
        ("a12 text", peer.text(100, 301, b"x"), Received::Replied, Some("<SEQ=301><CTL=RST>")),
        (
            "sm_listen_6 SYN,RST",
            with(Flags::SYN | Flags::RST),
            Received::Dropped(DropReason::ResetForListener),
            None,
        ),
        (
            "sm_listen_7 nothing",
            with(Flags::NONE),
            Received::Dropped(DropReason::NoSynForListener),
            None,
        ),
        (
            "sm_listen_7 FIN alone",
            with(Flags::FIN),
            Received::Dropped(DropReason::NoSynForListener),
            None,
        ),
    ] {
        let (mut host, _) = listening();
        assert_eq!(host.receive(packet), received, "{case}");
        let sent: Vec<_> = host.sent().iter().map(control).collect();
        assert_eq!(sent, Vec::from_iter(answer), "{case}");
        assert_eq!(host.seen(&peer), Seen::Listen, "{case}: the listener is unaffected");
    }
}

#[test]
fn open_2_sm_listen_3_a_syn_is_answered_with_what_was_agreed_on() {
    for irs in [100, u32::MAX] {
        let (mut host, peer) = listening();
        let options = Options {
            mss: Some(1_000),
            window_scale: Some(3),
            sack_permitted: true,
            ..Options::default()
        };
        host.receive(peer.syn(irs).with_options(options).with_timestamps(77, 0));
        let answer = host.only_sent();
        let iss = answer.segment.seq;
        assert_eq!(
            control(&answer),
            format!("<SEQ={iss}><ACK={}><CTL=SYN,ACK>", irs.wrapping_add(1))
        );
        let agreed = &answer.segment.options;
        assert_eq!((agreed.mss, agreed.sack_permitted), (Some(1_460), true));
        assert!(agreed.window_scale.is_some());
        assert_eq!(agreed.timestamps.unwrap().echo, 77);
        assert_eq!(host.seen(&peer), Seen::SynReceived);
        assert_eq!(host.endpoint.connections(), 0, "a handshake is no connection yet");
    }
}

#[test]
fn ws_1_ts_1_a_plain_syn_is_answered_without_options_but_mss() {
    let (mut host, peer) = listening();
    host.receive(peer.syn(100));
    let answer = host.only_sent().segment;
    assert_eq!(answer.options, Options { mss: Some(1_460), ..Options::default() });
}

#[test]
fn open_7_sm_listen_4_attack_a7_text_and_fin_of_a_syn_come_again_later() {
    for (mut host, peer) in listening_in_both_families() {
        let syn = peer.syn(100).with_control(Flags::SYN | Flags::FIN).with_text(b"early");
        host.receive(syn);
        let answer = host.only_sent();
        let nxt = answer.segment.seq + 1;
        assert_eq!(
            answer.segment.ack,
            Some(peer.syn(101).segment.seq),
            "the SYN alone is acknowledged"
        );
        let id = host.accept(peer.ack(101, nxt));
        assert_eq!((host.state(id), host.read(id)), (State::Established, vec![]));
        host.receive(peer.text(101, nxt, b"early").with_control(Flags::FIN));
        assert_eq!((host.state(id), host.read(id)), (State::CloseWait, b"early".to_vec()));
    }
}

#[test]
fn sm_seqn_16_text_and_fin_of_the_last_ack_are_inside_the_connection() {
    for irs in [100, u32::MAX - 2] {
        let (mut host, peer, nxt) = half_open(irs);
        let last = peer.text(irs.wrapping_add(1), nxt, b"all of it").with_control(Flags::FIN);
        let id = host.accept(last);
        assert_eq!((host.state(id), host.read(id)), (State::CloseWait, b"all of it".to_vec()));
        let ack = host.only_sent();
        assert_eq!(control(&ack), format!("<SEQ={nxt}><ACK={}><CTL=ACK>", irs.wrapping_add(11)));
    }
}

#[test]
fn sm_seqn_3_an_old_duplicate_syn_is_reset_and_the_real_one_works() {
    let (mut host, peer) = listening();
    let nxt = shake(&mut host, &peer.syn(90));
    // The far end, in SYN-SENT with ISS 100, refuses the ACK of 91.
    assert_eq!(host.receive(peer.rst(91)), Received::Dropped(DropReason::Reset));
    host.silent();
    assert_eq!(host.seen(&peer), Seen::Listen);
    host.advance(Duration::from_millis(1));
    let new = shake(&mut host, &peer.syn(100));
    assert_eq!(new - nxt, 250, "a new number, by the clock");
    host.accept(peer.ack(101, new));
}

#[test]
fn sm_seqn_6_an_old_syn_between_two_listeners_comes_to_nothing() {
    let (mut a, mut b) = (Host::new("10.0.0.1"), Host::new("10.0.0.2"));
    a.listen(4_000);
    b.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    b.receive(peer.syn(90));
    a.receive(b.only_sent());
    let reset = a.only_sent();
    assert_eq!(control(&reset), "<SEQ=91><CTL=RST>");
    b.receive(reset);
    b.silent();
    assert_eq!(b.seen(&peer), Seen::Listen);
    assert_eq!(a.seen(&Peer::new("10.0.0.2:80", "10.0.0.1:4000")), Seen::Listen);
}

#[test]
fn sm_open_1_sm_open_2_must_41_a_listen_that_fails_changes_nothing() {
    let mut host = Host::new("10.0.0.2");
    let mut listen = |on| host.endpoint.listen(on, ListenerConfig::default());
    let first = listen(socket("10.0.0.2:80")).unwrap();
    assert_eq!(listen(socket("10.0.0.2:80")), Err(ListenError::AlreadyExists));
    assert_eq!(listen(socket("10.0.0.3:80")), Err(ListenError::AddressNotAvailable));
    assert_eq!(listen(socket("224.0.0.1:80")), Err(ListenError::AddressNotAvailable));
    let all = listen(socket("0.0.0.0:80")).unwrap();
    assert_eq!(listen(socket("0.0.0.0:80")), Err(ListenError::AlreadyExists));
    let found = |local: &str| host.endpoint.listener_for(local.parse().unwrap());
    assert_eq!(found("10.0.0.2:80"), Some(first), "the exact address comes first");
    assert_ne!(first, all);
}

#[test]
fn a_listener_on_port_0_gets_one_that_is_free() {
    let config = EndpointConfig { ephemeral_ports: (50_000, 50_001), ..EndpointConfig::default() };
    let mut host = Host::with("10.0.0.2", config);
    let mut listen = || host.endpoint.listen(socket("0.0.0.0:0"), ListenerConfig::default());
    let (first, second) = (listen().unwrap(), listen().unwrap());
    assert_eq!(listen(), Err(ListenError::NoPort));
    let port = |id| match host.endpoint.listens_on(id) {
        Some(ListenOn::Socket(socket)) => socket.port(),
        other => panic!("{other:?}"),
    };
    assert_eq!(u32::from(port(first)) + u32::from(port(second)), 100_001);
}

#[test]
fn sm_pre_3_a_listener_on_all_ipv6_addresses_takes_ipv4_unless_someone_else_does() {
    let on =
        |prefix: &str| LinkAddress { prefix: prefix.parse().unwrap(), link: LinkId(0), mtu: 1_500 };
    let addresses = [on("10.0.0.2/24"), on("fd00::2/64")];
    let mut host = Host::on(&addresses, EndpointConfig::default());
    let dual = host.endpoint.listen(socket("[::]:80"), ListenerConfig::default()).unwrap();
    let (v4, v6): (SocketAddr, SocketAddr) =
        ("10.0.0.2:80".parse().unwrap(), "[fd00::2]:80".parse().unwrap());
    assert_eq!(host.endpoint.listener_for(v4), Some(dual));
    assert_eq!(host.endpoint.listener_for(v6), Some(dual));
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let nxt = shake(&mut host, &peer.syn(100));
    host.accept(peer.ack(101, nxt));
    let only_v4 = host.endpoint.listen(socket("0.0.0.0:80"), ListenerConfig::default()).unwrap();
    assert_eq!(host.endpoint.listener_for(v4), Some(only_v4));
    assert_eq!(host.endpoint.listener_for(v6), Some(dual));
}

#[test]
fn open_11_sm_listen_5_at_the_bound_a_syn_is_dropped_and_never_reset() {
    let mut host = Host::new("10.0.0.2");
    let syn_cookies = SynCookies::Never;
    host.listen_with(
        80,
        ListenerConfig { half_open_max: 2, syn_cookies, ..ListenerConfig::default() },
    );
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let nxt = shake(&mut host, &peer.syn(100));
    shake(&mut host, &peer.with_port(4_001).syn(100));
    let third = peer.with_port(4_002);
    assert_eq!(host.receive(third.syn(100)), Received::Dropped(DropReason::SynQueueFull));
    host.silent();
    // A place is free as soon as one handshake is complete.
    host.accept(peer.ack(101, nxt));
    shake(&mut host, &third.syn(100));
    assert_eq!(host.endpoint.half_open(), 2);
}

#[test]
fn attack_a2_a_full_accept_queue_drops_the_last_ack_and_keeps_the_handshake() {
    for (mut host, peer) in listening_in_both_families() {
        let listener =
            host.listen_with(81, ListenerConfig { backlog: 1, ..ListenerConfig::default() });
        let at_81 = |port| {
            let host = SocketAddr::new(peer.host.ip(), 81);
            Peer { host, ..peer }.with_port(port)
        };
        let (first, second) = (at_81(1), at_81(2));
        let nxt = [first, second].map(|peer| shake(&mut host, &peer.syn(100)));
        assert!(matches!(host.receive(first.ack(101, nxt[0])), Received::Accepted(_)));
        let full = Received::Dropped(DropReason::AcceptQueueFull);
        assert_eq!(host.receive(second.ack(101, nxt[1])), full);
        assert_eq!(host.receive(second.text(101, nxt[1], b"request")), full);
        host.silent();
        assert_eq!(host.seen(&second), Seen::SynReceived);
        assert_eq!(host.endpoint.counters().accept_queue_full, 2);
        // Another listener is not affected.
        let other = shake(&mut host, &peer.syn(100));
        host.receive(peer.ack(101, other));
        assert_eq!(host.seen(&peer), Seen::In(State::Established));
        // The SYN-ACK comes again, and when the application has taken one, so does the connection.
        host.advance(Duration::from_secs(1));
        assert!(host.only_sent().segment.is_syn());
        host.endpoint.handle_accepted(listener, 1);
        assert!(matches!(host.receive(second.ack(101, nxt[1])), Received::Accepted(_)));
    }
}

#[test]
fn sm_close_2_sm_close_10_a_closed_listener_resets_its_handshakes_and_no_connection() {
    let (mut host, peer, nxt) = half_open(100);
    let accepted = peer.with_port(4_001);
    let theirs = shake(&mut host, &accepted.syn(100));
    let id = host.accept(accepted.ack(101, theirs));
    let listener = host.endpoint.listener_for(peer.host).unwrap();
    let now = host.now;
    host.endpoint.close_listener(now, listener);
    host.drain();
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK=101><CTL=RST,ACK>"));
    assert_eq!((host.seen(&peer), host.endpoint.half_open()), (Seen::Closed, 0));
    assert_eq!(host.state(id), State::Established, "what was accepted is not the listener's");
    host.receive(peer.syn(500));
    assert!(host.only_sent().segment.is_rst());
    // Closing again, by the old name, does nothing to a new listener.
    host.listen(80);
    host.endpoint.close_listener(now, listener);
    assert_eq!(host.seen(&peer), Seen::Listen);
}

#[test]
fn attack_a5_ten_thousand_lone_syns_leave_nothing_behind() {
    for (mut host, peer) in listening_in_both_families() {
        host.listen_with(81, ListenerConfig { half_open_max: 10_000, ..ListenerConfig::default() });
        let target = Peer { host: SocketAddr::new(peer.host.ip(), 81), ..peer };
        for port in 1..=10_000 {
            host.receive(target.with_port(port).syn(100));
        }
        assert_eq!((host.endpoint.half_open(), host.sent().len()), (10_000, 10_000));
        host.advance(Duration::from_millis(62_999));
        assert_eq!(host.endpoint.half_open(), 10_000);
        host.advance(Duration::from_millis(1));
        assert_eq!((host.endpoint.half_open(), host.sent().len()), (0, 50_000));
        assert_eq!(host.endpoint.counters().half_open_expired, 10_000);
        assert_eq!(host.endpoint.deadline(), None, "nothing is left to wait for");
        shake(&mut host, &target.syn(100));
    }
}

#[test]
fn attack_a9_illegal_sources_draw_nothing() {
    let (mut host, peer) = listening();
    for source in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.0.255", "127.0.0.1", "10.0.0.2"]
    {
        let forged = Peer { socket: SocketAddr::new(source.parse().unwrap(), 4_000), ..peer };
        let dropped = Received::Dropped(DropReason::InvalidAddress);
        assert_eq!(host.receive(forged.syn(100)), dropped, "{source}");
        assert_eq!(host.receive(forged.ack(100, 301)), dropped, "{source}");
        host.silent();
    }
    assert_eq!(host.endpoint.half_open(), 0);
}

#[test]
fn a_listener_is_configured_anew_for_the_syns_that_follow() {
    let mut host = Host::new("10.0.0.2");
    let listener = host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let mss_of_answer = |host: &mut Host, peer: &Peer| {
        assert_eq!(host.receive(peer.syn(100)), Received::Replied);
        host.sent().first().and_then(|answer| answer.segment.options.mss)
    };
    assert_eq!(mss_of_answer(&mut host, &peer), Some(1_460));
    let connection = ConnectionConfig { mss_max: Some(1_100), ..ConnectionConfig::default() };
    let change = |config: &mut ListenerConfig| config.connection = Some(connection.into());
    host.endpoint.configure_listener(listener, change);
    assert_eq!(mss_of_answer(&mut host, &peer.with_port(4_001)), Some(1_100));
}
