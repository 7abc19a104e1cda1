//! SYN cookies: when they answer, what they bring back, and that they keep nothing.
//! A listener with room for one handshake, or for none, is sent SYNs and last ACKs by hand.

use std::time::Duration;

use synack_tcb::{ConnectionId, DropReason, ListenerConfig, State, SynCookies};
use synack_wire::{Flags, Options, SeqNum, TcpPacket};

use crate::support::{Change, Host, Peer, Received, Seen, control};

fn host(syn_cookies: SynCookies, half_open_max: u32) -> (Host, Peer) {
    let mut host = Host::new("10.0.0.2");
    host.listen_with(
        80,
        ListenerConfig { half_open_max, syn_cookies, ..ListenerConfig::default() },
    );
    (host, Peer::new("10.0.0.1:4000", "10.0.0.2:80"))
}

fn syn_ack(host: &mut Host, syn: TcpPacket) -> TcpPacket {
    assert_eq!(host.receive(syn), Received::Replied);
    host.only_sent()
}

fn full_options() -> Options {
    Options { mss: Some(1_400), window_scale: Some(7), sack_permitted: true, ..Options::default() }
}

#[test]
fn sync_1_sync_2_with_the_queue_full_a_cookie_answers_and_nothing_is_kept() {
    let (mut host, peer) = host(SynCookies::WhenFull, 1);
    syn_ack(&mut host, peer.syn(100));
    assert_eq!((host.endpoint.half_open(), host.endpoint.counters().cookies_sent), (1, 0));
    for port in 1..=1_000 {
        syn_ack(&mut host, peer.with_port(port).syn(100));
    }
    assert_eq!((host.endpoint.half_open(), host.endpoint.counters().cookies_sent), (1, 1_000));
    assert_eq!(host.seen(&peer.with_port(1)), Seen::Listen);
}

#[test]
fn sync_10_the_last_ack_opens_the_connection_and_its_text_is_inside() {
    for irs in [100, u32::MAX, u32::MAX - 3] {
        let (mut host, peer) = host(SynCookies::Always, 1);
        let answer = syn_ack(&mut host, peer.syn(irs)).segment;
        let next = SeqNum::new(irs) + 1;
        assert_eq!(answer.ack, Some(next));
        let id = host.accept(peer.text(next, answer.seq + 1, b"request"));
        assert_eq!(host.read(id), b"request");
        assert_eq!(
            control(&host.only_sent()),
            format!("<SEQ={}><ACK={}><CTL=ACK>", answer.seq + 1, next + 7)
        );
        let counters = host.endpoint.counters();
        assert_eq!((counters.cookies_valid, counters.accepts), (1, 1));
    }
}

/// Opens by cookie, with a SYN of `options`; the connection and what it agreed on.
fn open(host: &mut Host, peer: &Peer, options: Options) -> ConnectionId {
    let stamped = options.timestamps;
    let answer = syn_ack(host, peer.syn(100).with_options(options)).segment;
    let mut last = peer.ack(101, answer.seq + 1);
    if let Some(theirs) = stamped {
        let ours = answer.options.timestamps.expect("agreed on").value;
        last = last.with_timestamps(theirs.value + 1, ours);
    }
    host.accept(last)
}

#[test]
fn sync_8_scale_and_sack_come_back_in_the_timestamp_or_are_off() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    let stamped = peer.syn(100).with_options(full_options()).with_timestamps(5, 0).segment.options;
    let with = open(&mut host, &peer, stamped);
    let info = host.connection(with).info();
    assert_eq!((info.timestamps, info.sack, info.mss), (true, true, 1_380 - 12));
    assert_eq!(info.window_scale.map(|(_, theirs)| theirs), Some(7));
    assert_eq!(info.snd_wnd, 65_535 << 7);
    let without = open(&mut host, &peer.with_port(4_001), full_options());
    let info = host.connection(without).info();
    assert_eq!((info.timestamps, info.sack, info.mss), (false, false, 1_380));
    assert_eq!((info.window_scale, info.snd_wnd), (None, 65_535));
}

#[test]
fn sync_8_what_is_not_kept_is_not_offered() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    let answer = syn_ack(&mut host, peer.syn(100).with_options(full_options())).segment;
    assert_eq!(answer.options, Options { mss: Some(1_460), ..Options::default() });
}

#[test]
fn paws_7_the_timestamps_of_a_cookie_connection_go_on_from_those_of_its_syn_ack() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    for millis in 0..70 {
        let peer = peer.with_port(5_000 + millis);
        host.advance(Duration::from_millis(1));
        let answer = syn_ack(&mut host, peer.syn(100).with_timestamps(5, 0)).segment;
        let first = answer.options.timestamps.unwrap();
        assert_eq!(first.echo, 5);
        let last = peer.text(101, answer.seq + 1, b"x").with_timestamps(9, first.value);
        host.accept(last);
        let second = host.only_sent().segment.options.timestamps.unwrap();
        assert!(second.value.wrapping_sub(first.value) < 64, "never older, and hardly newer");
        assert_eq!(second.echo, 9);
    }
}

#[test]
fn sync_6_attack_a3_an_ack_without_a_valid_cookie_is_reset() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    let iss = syn_ack(&mut host, peer.syn(100)).segment.seq;
    for (case, packet) in [
        ("another ACK", peer.ack(101, iss + 2)),
        ("another number", peer.ack(102, iss + 1)),
        ("another port", peer.with_port(4_001).ack(101, iss + 1)),
        ("with SYN", peer.syn_ack(101, iss + 1)),
    ] {
        let ack = packet.segment.ack.unwrap();
        host.receive(packet);
        assert_eq!(control(&host.only_sent()), format!("<SEQ={ack}><CTL=RST>"), "{case}");
    }
    // With RST it is not looked at; and the true one is still good.
    let reset = peer.ack(101, iss + 1).with_control(Flags::RST);
    assert_eq!(host.receive(reset), Received::Dropped(DropReason::ResetForListener));
    host.accept(peer.ack(101, iss + 1));
}

#[test]
fn sync_5_sync_7_a_cookie_is_good_for_two_minutes_and_not_looked_for_afterwards() {
    for (seconds, good) in [(63, true), (129, false), (10_000, false)] {
        let (mut host, peer) = host(SynCookies::Always, 1);
        let iss = syn_ack(&mut host, peer.syn(100)).segment.seq;
        host.advance(Duration::from_secs(seconds));
        let received = host.receive(peer.ack(101, iss + 1));
        assert_eq!(matches!(received, Received::Accepted(_)), good, "{seconds} s");
        // Beyond its time not even a hash is taken.
        assert_eq!(host.endpoint.counters().cookies_invalid, 0, "{seconds} s");
    }
    let (mut host, peer) = host(SynCookies::WhenFull, 1_000);
    host.receive(peer.ack(101, 301));
    assert_eq!(host.endpoint.counters().cookies_invalid, 0, "no cookie was ever sent");
}

#[test]
fn sync_11_attack_a10_a_cookie_is_sent_once_for_each_syn() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    syn_ack(&mut host, peer.syn(100));
    host.advance(Duration::from_secs(120));
    host.silent();
    assert_eq!(host.endpoint.deadline(), None);
}

#[test]
fn sync_13_the_answer_is_no_longer_than_the_syn_but_for_the_mss() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    let stamped = peer.syn(100).with_options(full_options()).with_timestamps(5, 0);
    for (syn, more) in
        [(peer.syn(100), 4), (peer.syn(100).with_options(full_options()), 0), (stamped, 0)]
    {
        let answer = syn_ack(&mut host, syn.clone());
        assert!(answer.len() <= syn.len() + more, "{answer} for {syn}");
    }
}

#[test]
fn attack_a2_a_full_accept_queue_holds_for_cookies_too() {
    let mut host = Host::new("10.0.0.2");
    let config =
        ListenerConfig { backlog: 1, syn_cookies: SynCookies::Always, ..ListenerConfig::default() };
    let listener = host.listen_with(80, config);
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let other = peer.with_port(4_001);
    let iss = [peer, other].map(|peer| syn_ack(&mut host, peer.syn(100)).segment.seq);
    assert!(matches!(host.receive(peer.ack(101, iss[0] + 1)), Received::Accepted(_)));
    let last = other.text(101, iss[1] + 1, b"request");
    assert_eq!(host.receive(last.clone()), Received::Dropped(DropReason::AcceptQueueFull));
    // The cookie is still good when there is room, and the text that it came with too.
    host.endpoint.handle_accepted(listener, 1);
    let Received::Accepted(id) = host.receive(last) else { panic!("not accepted") };
    assert_eq!((host.state(id), host.read(id)), (State::Established, b"request".to_vec()));
}

#[test]
fn isn_5_cookies_of_different_peers_look_unrelated() {
    let (mut host, peer) = host(SynCookies::Always, 1);
    let mut hashes: Vec<u32> = (1..=10_000)
        .map(|port| syn_ack(&mut host, peer.with_port(port).syn(100)).segment.seq.get() & 0xff_ffff)
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    // Of 10,000 out of 2^24 about three pairs are the same.
    assert!(hashes.len() > 9_980, "{}", hashes.len());
}
