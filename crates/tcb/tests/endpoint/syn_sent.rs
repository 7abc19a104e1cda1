//! SYN-SENT: which answers open the connection, which end it, and which change nothing.
//! A host opens towards a far end played by hand, which sends templates with one changed field.

use std::time::Duration;

use synack_tcb::{CloseReason, ConnectionId, State};
use synack_wire::{Flags, SeqNum};

use crate::support::{Change, Host, Peer, Seen, control};

/// A host in SYN-SENT, and the number after its SYN.
fn syn_sent() -> (Host, Peer, ConnectionId, SeqNum) {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    let id = host.connect_to(&peer);
    let nxt = host.only_sent().segment.end();
    (host, peer, id, nxt)
}

#[test]
fn open_1_sm_open_5_an_active_open_sends_its_syn_alone() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:80", "10.0.0.2:5000");
    let id = host.connect_to(&peer);
    let syn = host.only_sent().segment;
    assert_eq!((syn.flags(), syn.len(), syn.options.window_scale.is_some()), (Flags::SYN, 1, true));
    assert_eq!(syn.window, u16::MAX, "OPEN-10: not scaled");
    let info = host.connection(id).info();
    assert_eq!((info.state, info.unacked), (State::SynSent, 1));
}

#[test]
fn sm_synsent_1_to_9_open_8_rst_9_what_each_segment_does() {
    let (_, peer, _, nxt) = syn_sent();
    let open = Seen::In(State::Established);
    let still = Seen::In(State::SynSent);
    let ack = Some(format!("<SEQ={nxt}><ACK=301><CTL=ACK>"));
    let syn_ack = Some(format!("<SEQ={}><ACK=301><CTL=SYN,ACK>", nxt - 1));
    let reset = |seq: SeqNum| Some(format!("<SEQ={seq}><CTL=RST>"));
    let rst = |ack: SeqNum| peer.ack(0, ack).with_control(Flags::RST);
    for (case, packet, answer, seen) in [
        ("open_3 the SYN,ACK", peer.syn_ack(300, nxt), ack, open),
        ("open_4 a crossing SYN", peer.syn(300), syn_ack, Seen::In(State::SynReceived)),
        ("open_8 ACK of ISS", peer.syn_ack(300, nxt - 1), reset(nxt - 1), still),
        ("rst_6 ACK of unsent", peer.ack(300, nxt + 1), reset(nxt + 1), still),
        ("rst_9 RST with our ACK", rst(nxt), None, Seen::Closed),
        (
            "rst_9 whatever its number",
            peer.ack(9, nxt).with_control(Flags::RST),
            None,
            Seen::Closed,
        ),
        ("rst_3 RST with another ACK", rst(nxt + 1), None, still),
        ("sm_synsent_4 RST without ACK", peer.rst(0), None, still),
        ("sm_synsent_9 ACK alone", peer.ack(300, nxt), None, still),
        ("sm_synsent_9 FIN alone", peer.fin(300, nxt), None, still),
        (
            "SYN,RST with our ACK",
            rst(nxt).with_control(Flags::SYN | Flags::RST),
            None,
            Seen::Closed,
        ),
    ] {
        let (mut host, _, id, _) = syn_sent();
        host.receive(packet);
        let sent: Vec<_> = host.sent().iter().map(control).collect();
        assert_eq!(sent, Vec::from_iter(answer), "{case}");
        assert_eq!(host.seen(&peer), seen, "{case}");
        let refused = (seen == Seen::Closed).then_some(CloseReason::Refused);
        assert_eq!(host.connection(id).close_reason(), refused, "{case}");
    }
}

#[test]
fn open_3_what_was_written_meanwhile_rides_on_the_ack() {
    let (mut host, peer, id, nxt) = syn_sent();
    host.write(id, b"request");
    host.silent();
    host.receive(peer.syn_ack(300, nxt));
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK=301><DATA=7><CTL=ACK>"));
}

#[test]
fn open_6_trap_8_the_window_of_the_syn_ack_is_used_unscaled() {
    let (mut host, peer, id, nxt) = syn_sent();
    let answer = peer.syn_ack(300, nxt).with_window(5_000);
    host.receive(answer.with(|segment| segment.options.window_scale = Some(7)));
    assert_eq!(host.connection(id).info().snd_wnd, 5_000);
    host.sent();
    // An older segment does not set it; a newer one does, scaled.
    host.receive(peer.ack(300, nxt).with_window(1));
    assert_eq!(host.connection(id).info().snd_wnd, 5_000);
    host.receive(peer.ack(301, nxt).with_window(100));
    assert_eq!(host.connection(id).info().snd_wnd, 100 << 7);
}

#[test]
fn sm_synsent_7_text_and_fin_of_the_syn_ack_are_taken() {
    let (mut host, peer, id, nxt) = syn_sent();
    host.receive(peer.syn_ack(300, nxt).with_control(Flags::SYN | Flags::FIN).with_text(b"banner"));
    assert_eq!((host.state(id), host.read(id)), (State::CloseWait, b"banner".to_vec()));
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK=308><CTL=ACK>"));
}

#[test]
fn open_14_must_23_the_syn_is_sent_again_for_more_than_three_minutes() {
    let (mut host, peer, id, nxt) = syn_sent();
    let start = host.now;
    let mut times = vec![];
    while let Some(deadline) = host.deadline() {
        host.advance(deadline.since(host.now));
        for packet in host.sent() {
            assert_eq!(control(&packet), format!("<SEQ={}><CTL=SYN>", nxt - 1));
            times.push(host.now.since(start).as_secs());
        }
    }
    assert_eq!(times, [1, 3, 7, 15, 31, 63, 127]);
    assert!(host.now.since(start) >= Duration::from_secs(180));
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::TimedOut));
    assert_eq!(host.seen(&peer), Seen::Closed);
}
