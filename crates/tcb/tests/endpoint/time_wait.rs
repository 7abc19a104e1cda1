//! TIME-WAIT as its peers see it: how long, what is answered, and when a SYN opens anew.
//! A connection is closed from the host's side; then the far end goes on by hand.

use std::time::Duration;

use synack_tcb::{DropReason, EndpointConfig, LinkId, ListenerConfig, Route, State, SynCookies};
use synack_wire::{Flags, SeqNum};

use crate::support::{
    Change, Host, Peer, Received, Seen, control, established, pair, settle, shake, time_wait,
};

#[test]
fn tw_1_i_10_time_wait_lasts_twice_the_msl_to_the_nanosecond() {
    let (mut host, peer, _) = time_wait(100);
    host.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    assert_eq!(host.seen(&peer), Seen::TimeWait);
    host.advance(Duration::from_nanos(1));
    assert_eq!((host.seen(&peer), host.endpoint.time_waits()), (Seen::Listen, 0));
    assert_eq!(host.deadline(), None, "nothing is left to wait for");
}

#[test]
fn tw_2_sm_seqn_10_a_lost_last_ack_is_repeated_and_the_time_starts_anew() {
    for irs in [100, u32::MAX - 1, 0x7fff_fffe] {
        let (mut host, peer, nxt) = time_wait(irs);
        let fin = peer.fin(SeqNum::new(irs) + 1, nxt);
        for _ in 0..3 {
            host.advance(Duration::from_secs(59));
            host.receive(fin.clone());
            let ack = format!("<SEQ={nxt}><ACK={}><CTL=ACK>", SeqNum::new(irs) + 2);
            assert_eq!(control(&host.only_sent()), ack);
        }
        host.advance(Duration::from_secs(59));
        assert_eq!(host.seen(&peer), Seen::TimeWait);
        host.advance(Duration::from_secs(1));
        assert_eq!(host.seen(&peer), Seen::Listen);
        // If it comes later still, there is no one: the peer in LAST-ACK is done all the same.
        host.receive(fin);
        assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><CTL=RST>"));
    }
}

#[test]
fn attack_b12_rst_5_resets_and_old_text_do_not_end_time_wait() {
    let (mut host, peer, nxt) = time_wait(100);
    // RFC 1337 §2: an old duplicate draws an ACK, and a peer that has forgotten resets.
    host.receive(peer.text(50, nxt - 1, b"old"));
    let ack = host.only_sent().segment;
    assert_eq!(host.receive(peer.rst(ack.ack.unwrap())), Received::Dropped(DropReason::TimeWait));
    for seq in [0, 101, 103, 60_000] {
        host.receive(peer.rst(seq));
    }
    host.silent();
    host.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    assert_eq!(host.seen(&peer), Seen::TimeWait);
}

#[test]
fn tw_3_trap_12_two_ends_in_time_wait_fall_silent() {
    // Both close at once, so both wait.
    let (mut a, mut b) = pair();
    let id = a.connect("10.0.0.2:80");
    settle(&mut a, &mut b);
    let accepted = b.take_accepted().unwrap();
    a.close(id);
    b.close(accepted);
    let packets = settle(&mut a, &mut b);
    assert_eq!((a.endpoint.time_waits(), b.endpoint.time_waits()), (1, 1));
    // Everything comes once more, in any order; settle ends only when both are silent.
    for packet in packets.into_iter().rev() {
        if packet.destination.port() == 80 {
            b.receive(packet)
        } else {
            a.receive(packet)
        };
    }
    assert!(settle(&mut a, &mut b).len() <= 8);
}

#[test]
fn sm_seqn_14_tw_9_tw_11_tw_12_a_new_syn_opens_anew_with_a_number_above_the_old_ones() {
    for irs in [100, u32::MAX - 1] {
        let (mut host, peer, last) = time_wait(irs);
        let syn = SeqNum::new(irs) + 3;
        // TW-12: what the new SYN offers counts, not what the old one did.
        let offer = peer.syn(syn).with(|segment| segment.options.sack_permitted = true);
        let nxt = shake(&mut host, &offer);
        assert!(nxt > last, "TW-11: {nxt} above {last}");
        assert_eq!(host.endpoint.counters().time_wait_reused, 1);
        let id = host.accept(peer.ack(syn + 1, nxt));
        assert_eq!(host.endpoint.time_waits(), 0);
        assert!(host.connection(id).info().sack);
        // Old duplicates find the new connection, which refuses them.
        host.receive(peer.text(SeqNum::new(irs) + 1, last, b"old text"));
        host.receive(peer.fin(SeqNum::new(irs) + 1, last));
        assert_eq!((host.read(id), host.state(id)), (vec![], State::Established));
    }
}

#[test]
fn tw_11_also_after_more_octets_than_the_clock_has_ticks() {
    let (mut host, peer, id, mut nxt) = established(100);
    // In no time at all, 300,000 octets: the clock of ISNs stands still meanwhile.
    for _ in 0..10 {
        host.write(id, &[0; 30_000]);
        for packet in host.sent() {
            nxt = nxt.max(packet.segment.end());
        }
        while nxt != SeqNum::new(0) {
            host.receive(peer.ack(101, nxt));
            let sent = host.sent();
            let Some(end) = sent.iter().map(|packet| packet.segment.end()).last() else { break };
            nxt = nxt.max(end);
        }
    }
    host.close(id);
    let fin = host.only_sent().segment;
    host.receive(peer.fin(101, fin.end()));
    host.sent();
    assert_eq!(host.seen(&peer), Seen::TimeWait);
    let new = shake(&mut host, &peer.syn(102));
    assert!(new > fin.end(), "{new} above {}", fin.end());
}

#[test]
fn tw_10_dec_3_a_syn_that_does_not_qualify_is_challenged() {
    let (mut host, peer, nxt) = time_wait(100);
    let challenge = format!("<SEQ={nxt}><ACK=102><CTL=ACK>");
    host.receive(peer.syn(101));
    assert_eq!(control(&host.only_sent()), challenge);
    // SM-TWSYN-6: nor does one that nobody listens for.
    let listener = host.endpoint.listener_for(peer.host).unwrap();
    let now = host.now;
    host.endpoint.close_listener(now, listener);
    host.receive(peer.syn(5_000));
    assert_eq!(control(&host.only_sent()), challenge);
    assert_eq!(host.seen(&peer), Seen::TimeWait);
}

#[test]
fn may_2_time_wait_goes_on_when_the_syn_was_an_old_duplicate() {
    let (mut host, peer, last) = time_wait(100);
    host.advance(Duration::from_secs(10));
    let nxt = shake(&mut host, &peer.syn(5_000));
    assert_eq!(host.seen(&peer), Seen::SynReceived);
    // The far end did not send it, and says so.
    host.receive(peer.rst(5_001));
    host.silent();
    assert_eq!(host.seen(&peer), Seen::TimeWait);
    host.receive(peer.fin(101, last));
    assert_eq!(control(&host.only_sent()), format!("<SEQ={last}><ACK=102><CTL=ACK>"));
    assert_ne!(nxt, last);
    host.advance(Duration::from_secs(60));
    assert_eq!(host.seen(&peer), Seen::Listen);
}

#[test]
fn may_2_time_wait_may_end_while_a_handshake_is_open_above_it() {
    let (mut host, peer, _) = time_wait(100);
    host.advance(Duration::from_secs(59));
    let nxt = shake(&mut host, &peer.syn(5_000));
    host.advance(Duration::from_secs(2));
    host.sent();
    assert_eq!((host.seen(&peer), host.endpoint.time_waits()), (Seen::SynReceived, 0));
    host.accept(peer.ack(5_001, nxt));
}

#[test]
fn tw_11_no_cookie_answers_for_a_four_tuple_in_time_wait() {
    let (mut host, peer, _) = time_wait(100);
    let listener = host.endpoint.listener_for(peer.host).unwrap();
    let now = host.now;
    host.endpoint.close_listener(now, listener);
    let config = ListenerConfig { half_open_max: 0, ..ListenerConfig::default() };
    assert_eq!(config.syn_cookies, SynCookies::WhenFull);
    host.listen_with(80, config);
    assert_eq!(host.receive(peer.syn(5_000)), Received::Dropped(DropReason::SynQueueFull));
    assert_eq!(host.endpoint.counters().cookies_sent, 0);
}

#[test]
fn dec_2_the_switch_lets_a_reset_end_time_wait() {
    let config = EndpointConfig { reset_ends_time_wait: true, ..EndpointConfig::default() };
    let mut host = Host::with("10.0.0.2", config);
    host.listen(80);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let nxt = shake(&mut host, &peer.syn(100));
    let id = host.accept(peer.ack(101, nxt));
    host.close(id);
    host.receive(peer.fin(101, nxt + 1));
    host.sent();
    host.receive(peer.rst(103));
    assert_eq!(host.seen(&peer), Seen::TimeWait, "not exactly RCV.NXT");
    host.receive(peer.rst(102));
    host.silent();
    assert_eq!(host.seen(&peer), Seen::Listen);
}

#[test]
fn time_wait_answers_before_the_connection_has_sent_its_last_ack() {
    let (mut host, peer, id, nxt) = established(100);
    host.close(id);
    host.sent();
    // The FIN arrives, and again before the device takes anything.
    let now = host.now;
    let mut fin = peer.fin(101, nxt + 1);
    let mut again = fin.clone();
    let Route::Deliver(to) = host.endpoint.route(now, LinkId(0), &mut fin) else {
        panic!("not delivered")
    };
    assert_eq!(to, id);
    assert_eq!(host.connection(id).handle_packet(now, &mut fin), Ok(()));
    let event = host.connection(id).poll_endpoint_event().unwrap();
    host.endpoint.handle_event(now, id, event);
    assert_eq!(host.connection(id).poll_endpoint_event(), None, "it owes an ACK");
    let Route::Reply(ack) = host.endpoint.route(now, LinkId(0), &mut again) else {
        panic!("no answer")
    };
    assert_eq!(control(&ack), format!("<SEQ={}><ACK=102><CTL=ACK>", nxt + 1));
    host.drain();
    assert_eq!(host.only_sent().segment, ack.segment, "the connection says the same");
    assert_eq!(host.endpoint.connections(), 0);
}

#[test]
fn tw_13_the_reader_still_gets_what_came_before_time_wait() {
    let (mut host, peer, id, nxt) = established(100);
    host.close(id);
    host.sent();
    host.receive(peer.text(101, nxt + 1, b"last words").with_control(Flags::FIN));
    assert_eq!(control(&host.only_sent()), format!("<SEQ={}><ACK=112><CTL=ACK>", nxt + 1));
    assert_eq!((host.seen(&peer), host.endpoint.connections()), (Seen::TimeWait, 0));
    assert_eq!(host.read(id), b"last words");
    host.silent();
}

#[test]
fn attack_f3_a_million_closes_stay_within_the_bound_and_accept_nothing_old() {
    let config = EndpointConfig { time_wait_max: 1_000, ..EndpointConfig::default() };
    let mut host = Host::with("10.0.0.2", config);
    let backlog = u32::MAX;
    host.listen_with(80, ListenerConfig { backlog, ..ListenerConfig::default() });
    let first = Peer::new("10.0.0.1:1", "10.0.0.2:80");
    for index in 0..20_000u32 {
        let peer = first.with_port(1 + index as u16);
        let nxt = shake(&mut host, &peer.syn(100));
        let id = host.accept(peer.ack(101, nxt));
        host.close(id);
        host.receive(peer.fin(101, nxt + 1));
        assert_eq!(host.sent().len(), 2);
        host.connections.remove(&id);
    }
    let counters = host.endpoint.counters();
    assert_eq!((host.endpoint.time_waits(), host.endpoint.connections()), (1_000, 0));
    assert_eq!((counters.time_waits, counters.time_wait_evicted), (20_000, 19_000));
    // Text of a connection whose record was dropped finds a listener, and is reset.
    host.receive(first.text(101, 500, b"old"));
    assert_eq!(control(&host.only_sent()), "<SEQ=500><CTL=RST>");
}
