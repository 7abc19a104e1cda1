//! What happens to a segment before any state is asked (RFC 9293 §3.10.7).
//! Damaged, forged and scaled packets reach a host in each state, which is compared afterwards.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use synack_tcb::{DropReason, KeepAlive, ListenOn, ListenerConfig, Occupant, State};
use synack_wire::{ChecksumTrust, Parsed, TcpPacket, parse};

use crate::support::{Change, Fate, Opened, Place, Plan, Received, Said, Seen, each, each_planned};

#[test]
fn sm_pre_1_rst_8_what_is_damaged_never_arrives() {
    each(Place::ALL, |s, _| {
        let packet = s.text(b"text");
        let octets = packet.to_bytes().unwrap().to_vec();
        let tcp = octets.len() - 24;
        let (checksum, offset) = (tcp + 16, tcp + 12);
        for (case, at, value) in [
            ("the checksum", checksum, octets[checksum] ^ 1),
            ("text", octets.len() - 1, b'?'),
            ("a header of 16 octets", offset, 4 << 4),
            ("a header beyond the segment", offset, 15 << 4),
        ] {
            let mut damaged = octets.clone();
            damaged[at] = value;
            assert!(parse(damaged.into(), ChecksumTrust::Verify).is_err(), "{case}");
        }
        let short = Bytes::copy_from_slice(&octets[..tcp + 19]);
        assert!(parse(short, ChecksumTrust::Verify).is_err(), "a truncated header");
        let whole = parse(octets.into(), ChecksumTrust::Verify);
        assert!(matches!(whole, Ok(Parsed::Tcp { packet: same, .. }) if same == packet));
    });
}

#[test]
fn sm_pre_2_must_57_must_63_rst_8_no_answer_to_what_names_more_than_one_host() {
    each(Place::ALL, |s, _| {
        let (sources, destinations): (&[&str], &[&str]) = if s.plan.setting.is_ipv6 {
            (&["::", "ff02::1", "::1"], &["ff02::1", "ff0e::1"])
        } else {
            (
                &["0.0.0.0", "255.255.255.255", "10.0.0.255", "224.0.0.1", "127.0.0.1"],
                &["255.255.255.255", "10.0.0.255", "224.0.0.1"],
            )
        };
        let templates = [s.ack(), s.syn(s.irs), s.rst(s.rcv_nxt), s.text(b"text")];
        let from = |packet: &TcpPacket, address| TcpPacket {
            source: with_address(packet.source, address),
            ..packet.clone()
        };
        let to = |packet: &TcpPacket, address| TcpPacket {
            destination: with_address(packet.destination, address),
            ..packet.clone()
        };
        for packet in templates {
            for address in sources {
                let _said = Said(format!("{packet} from {address}"));
                s.refuses(from(&packet, address), DropReason::InvalidAddress, []);
            }
            for address in destinations {
                let _said = Said(format!("{packet} to {address}"));
                s.refuses(to(&packet, address), DropReason::InvalidAddress, []);
            }
        }
    });
}

#[test]
fn sm_pre_3_a_connection_comes_before_a_listener() {
    each(Place::ALL[2..].iter().copied(), |s, place| {
        if s.gone() == Seen::Closed {
            s.listen();
        }
        s.is(place.seen());
        let half_open = s.host.endpoint.half_open();
        // Only a listener would open a new handshake.
        s.host.receive(s.text(b"text").at(s.rcv_nxt - 5).acking(s.iss + 99));
        s.host.sent();
        s.is(place.seen());
        assert_eq!(s.host.endpoint.half_open(), half_open);
        // Another port of the far end is the listener's.
        s.host.receive(s.peer.with_port(4_001).syn(s.irs));
        assert!(s.host.only_sent().segment.is_syn());
        assert_eq!(s.host.endpoint.half_open(), half_open + 1);
    });
}

#[test]
fn sm_pre_3_the_listener_on_the_address_comes_before_the_one_on_any() {
    each([Place::Listen], |s, _| {
        let any = s.host.endpoint.listener_for(s.peer.host).unwrap();
        let on = ListenOn::Socket(s.peer.host);
        let exact = s.host.endpoint.listen(on, ListenerConfig::default()).unwrap();
        let path = synack_tcb::FourTuple::new(s.peer.host, s.peer.socket);
        s.take_syn();
        assert_eq!(s.host.endpoint.occupant(path), Some(Occupant::HalfOpen(exact)));
        s.user_closes_listener();
        s.sent([s.host_rst_own()]);
        s.host.receive(s.syn(s.irs));
        assert_eq!(s.host.endpoint.occupant(path), Some(Occupant::HalfOpen(any)));
        s.user_closes_listener();
        s.host.sent();
        let syn = s.syn(s.irs);
        s.refuses(syn.clone(), DropReason::NoConnection, [s.nobodys_rst(&syn)]);
    });
}

#[test]
fn sm_pre_4_trap_9_trap_64_windows_are_scaled_but_those_of_syns() {
    let scaled = |setting| {
        Plan::new(setting).with(|plan| {
            plan.offer.window_scale = Some(4);
            plan.window = 500;
        })
    };
    // The host's own windows are compared with every packet it sends.
    each_planned(Place::CONNECTED, scaled, |s, place| {
        // Opened actively, the only window so far was that of the SYN,ACK.
        let early = matches!(place, Place::Established | Place::FinWait1);
        let untouched = early && s.plan.setting.opened == Opened::Actively;
        let by_syn = if untouched { 500 } else { 500 << 4 };
        assert_eq!(s.connection().internals().snd_wnd, by_syn);
        s.takes(s.ack().acking(s.snd_una), Fate::Used, []);
        assert_eq!(s.connection().internals().snd_wnd, 500 << 4);
    });
    each_planned([Place::SynReceivedActive], scaled, |s, _| {
        assert_eq!(s.connection().internals().snd_wnd, 500);
        s.takes(s.ack(), Fate::Used, []);
        assert_eq!(s.connection().internals().snd_wnd, 500 << 4);
    });
    each_planned([Place::SynReceivedActive], scaled, |s, _| {
        // The crossing SYN,ACK is stripped of its SYN, and its window still is that of a SYN.
        s.host.receive(s.syn_ack(s.irs).with_options(s.plan.offer.clone()));
        s.is(Seen::In(State::Established));
        assert_eq!(s.connection().internals().snd_wnd, 500);
    });
}

#[test]
fn sm_pre_5_an_acceptable_segment_begins_the_idle_time_anew() {
    let idle = KeepAlive::default().idle;
    let heard = Duration::from_secs(7_000);
    for acceptable in [true, false] {
        let probing = |setting| {
            Plan::new(setting).with(|plan| plan.config.keep_alive = Some(KeepAlive::default()))
        };
        each_planned([Place::Established, Place::CloseWait, Place::FinWait2], probing, |s, _| {
            s.host.advance(heard);
            s.sent([]);
            let seq = if acceptable { s.rcv_nxt } else { s.rcv_adv };
            let received = s.host.receive(s.ack().at(seq));
            assert_eq!(matches!(received, Received::Used(_)), acceptable);
            s.host.sent();
            let silent = if acceptable { idle } else { idle - heard };
            s.host.advance(silent - Duration::from_millis(1));
            s.sent([]);
            s.host.advance(Duration::from_millis(1));
            s.sent([s.host_ack().at(s.snd_nxt - 1)]);
        });
    }
}

fn with_address(socket: SocketAddr, address: &str) -> SocketAddr {
    SocketAddr::new(address.parse::<IpAddr>().unwrap(), socket.port())
}
