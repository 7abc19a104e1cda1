//! OPEN in every state (RFC 9293 §3.10.1).
//! Each call is made on a host in the state; what it returns, sends and leaves is compared.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use synack_tcb::{
    CloseReason, ConnectError, DropReason, EndpointConfig, ListenError, ListenOn, ListenerConfig,
    Open, State,
};

use crate::support::{Fate, Place, Plan, Said, Seen, Stage, each, each_setting};

#[test]
fn sm_open_1_a_passive_open_listens_and_sends_nothing() {
    each([Place::Closed], |s, _| {
        let on = ListenOn::Socket(s.peer.host);
        let listener = s.host.endpoint.listen(on, ListenerConfig::default()).unwrap();
        s.host.drain();
        s.sent([]);
        s.is(Seen::Listen);
        assert_eq!(s.host.endpoint.listens_on(listener), Some(on), "its name");
        assert_eq!(s.host.deadline(), None);
    });
}

#[test]
fn sm_open_2_must_41_a_second_passive_open_fails_and_changes_nothing() {
    each([Place::Listen], |s, _| {
        let before = s.picture();
        let first = s.host.endpoint.listener_for(s.peer.host);
        let on = s.host.endpoint.listens_on(first.unwrap()).unwrap();
        let again = s.host.endpoint.listen(on, ListenerConfig::default());
        assert_eq!(again, Err(ListenError::AlreadyExists));
        let not_ours = ListenOn::Socket(s.peer.socket);
        let foreign = s.host.endpoint.listen(not_ours, ListenerConfig::default());
        assert_eq!(foreign, Err(ListenError::AddressNotAvailable));
        s.unchanged(&before);
        assert_eq!(s.host.endpoint.listener_for(s.peer.host), first);
        s.take_syn();
    });
}

#[test]
fn sm_open_3_an_active_open_needs_a_remote_socket() {
    each([Place::Closed], |s, _| {
        let (address, port) = (s.peer.socket.ip(), s.peer.socket.port());
        for remote in [SocketAddr::new(unspecified(address), port), SocketAddr::new(address, 0)] {
            opens_nothing(s, Open::to(remote), ConnectError::RemoteUnspecified);
        }
    });
}

#[test]
fn sm_open_4_must_46_no_open_to_a_broadcast_or_multicast_address() {
    each([Place::Closed], |s, _| {
        let remotes: &[&str] = if s.plan.setting.is_ipv6 {
            &["ff02::1", "ff0e::42"]
        } else {
            &["255.255.255.255", "10.0.0.255", "224.0.0.1", "239.1.2.3"]
        };
        for remote in remotes {
            let _said = Said(format!("to {remote}"));
            let remote = SocketAddr::new(remote.parse().unwrap(), 4_000);
            opens_nothing(s, Open::to(remote), ConnectError::RemoteInvalid);
        }
    });
}

#[test]
fn sm_open_5_an_active_open_sends_a_syn_and_waits_a_second_for_the_answer() {
    each([Place::Closed], |s, _| {
        // That the SYN is `<SEQ=ISS><CTL=SYN>`, with every option, is asserted in there.
        s.connect();
        s.is(Seen::In(State::SynSent));
        let info = s.connection().internals();
        assert_eq!((info.snd_una, info.snd_nxt), (s.iss, s.iss + 1));
        assert_eq!(s.host.deadline(), Some(s.host.now + Duration::from_secs(1)));
        s.host.advance(Duration::from_secs(1));
        s.sent([s.host_syn()]);
        s.is(Seen::In(State::SynSent));
    });
}

#[test]
fn sm_open_5_must_44_the_local_socket_is_chosen_if_none_is_given() {
    each([Place::Closed], |s, _| {
        let unspecified = SocketAddr::new(unspecified(s.peer.host.ip()), 0);
        for local in [None, Some(unspecified)] {
            let id = s.host.try_connect(Open { local, ..Open::to(s.peer.socket) }).unwrap();
            let syn = s.host.only_sent();
            assert_eq!(syn.source.ip(), s.peer.host.ip());
            assert!((32_768..=60_999).contains(&syn.source.port()), "{}", syn.source);
            assert_eq!(syn.destination, s.peer.socket);
            assert_eq!(s.host.connection(id).path().local(), syn.source);
        }
    });
}

#[test]
fn sm_open_6_an_open_without_room_fails() {
    each_setting(|setting| {
        let full = |plan: &mut Plan| {
            plan.endpoint = EndpointConfig { connections_max: 1, ..EndpointConfig::default() };
        };
        let mut s = Plan::new(setting).with(full).stage(Place::Established);
        let before = s.picture();
        let other = s.peer.with_port(4_001).socket;
        let refused = s.host.try_connect(Open::to(other));
        assert_eq!(refused, Err(ConnectError::TooManyConnections));
        s.sent([]);
        s.unchanged(&before);
    });
}

#[test]
fn sm_open_7_trap_60_an_active_open_turns_a_listener_which_does_not_come_back() {
    each([Place::Listen], |s, _| {
        let from = s.host.endpoint.listener_for(s.peer.host);
        s.id = Some(s.host.try_connect(Open { from, ..Open::to(s.peer.socket) }).unwrap());
        let syn = s.host.only_sent();
        s.note_clock(&syn.segment.options);
        assert_eq!(syn, s.host_syn());
        s.snd_nxt = s.iss + 1;
        s.is(Seen::In(State::SynSent));
        assert_eq!(s.host.endpoint.listener_for(s.peer.host), None);
        // MUST-11: it is an active one now, though a SYN comes.
        s.take_syn();
        s.is(Seen::In(State::SynReceived));
        s.takes(s.rst(s.rcv_nxt), Fate::Refused(DropReason::Reset), []);
        assert_eq!(s.connection().close_reason(), Some(CloseReason::Refused));
        s.is(Seen::Closed);
    });
}

#[test]
fn sm_open_8_a_listener_is_not_turned_without_a_remote_socket() {
    each([Place::Listen], |s, _| {
        let from = s.host.endpoint.listener_for(s.peer.host);
        let remote = SocketAddr::new(unspecified(s.peer.socket.ip()), 4_000);
        let open = Open { from, ..Open::to(remote) };
        opens_nothing(s, open, ConnectError::RemoteUnspecified);
        assert_eq!(s.host.endpoint.listener_for(s.peer.host), from);
    });
}

#[test]
fn sm_open_9_an_open_of_what_exists_fails_and_changes_nothing() {
    let others = &Place::ALL[2..];
    each(others.iter().copied(), |s, _| {
        let open = Open { local: Some(s.peer.host), ..Open::to(s.peer.socket) };
        opens_nothing(s, open, ConnectError::AlreadyExists);
    });
}

#[track_caller]
fn opens_nothing(s: &mut Stage, open: Open, error: ConnectError) {
    let before = s.picture();
    assert_eq!(s.host.try_connect(open), Err(error));
    s.sent([]);
    s.unchanged(&before);
}

fn unspecified(like: IpAddr) -> IpAddr {
    let text = if like.is_ipv4() { "0.0.0.0" } else { "::" };
    text.parse().unwrap()
}
