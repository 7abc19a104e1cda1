//! A local address leads to the listener that is most exact about it.
//! Listeners are put on overlapping sockets, and each row asks for one address.

use super::*;
use crate::config::ListenerConfig;

fn socket(text: &str) -> ListenOn {
    ListenOn::Socket(text.parse().unwrap())
}

fn insert(listeners: &mut Listeners, on: ListenOn) -> ListenerId {
    listeners.insert(on, Listener::new(ListenerConfig::default(), alloc::sync::Arc::default()))
}

#[test]
fn sm_pre_3_the_exact_address_then_the_wildcards_then_the_proxies() {
    let mut listeners = Listeners::default();
    let exact = insert(&mut listeners, socket("10.0.0.2:80"));
    let all_v4 = insert(&mut listeners, socket("0.0.0.0:80"));
    let all = insert(&mut listeners, socket("[::]:80"));
    let dual = insert(&mut listeners, socket("[::]:443"));
    let zoned = insert(&mut listeners, socket("[fe80::2%1]:80"));
    let unzoned = insert(&mut listeners, socket("[fe80::2]:80"));
    let any_port = insert(&mut listeners, ListenOn::AnyPort);
    let anything = insert(&mut listeners, ListenOn::Anything);
    for (local, listener) in [
        ("10.0.0.2:80", exact),
        ("10.0.0.3:80", all_v4),
        ("[fd00::2]:80", all),
        ("[fd00::2]:443", dual),
        ("10.0.0.2:443", dual),
        ("[fe80::2%1]:80", zoned),
        ("[fe80::2%2]:80", unzoned),
        ("[fe80::3%2]:80", all),
        ("10.0.0.2:81", any_port),
    ] {
        let found = listeners.find(local.parse().unwrap(), Ownership::Ours);
        assert_eq!(found, Some(listener), "{local}");
        let foreign = listeners.find(local.parse().unwrap(), Ownership::Foreign);
        assert_eq!(foreign, Some(anything), "{local}");
    }
    listeners.remove(any_port);
    let rest = listeners.find("10.0.0.2:81".parse().unwrap(), Ownership::Ours);
    assert_eq!(rest, Some(anything));
}

#[test]
fn a_name_is_never_given_twice_and_leads_nowhere_once_it_is_gone() {
    let mut listeners = Listeners::default();
    let first = insert(&mut listeners, socket("10.0.0.2:80"));
    assert!(listeners.is_taken(socket("10.0.0.2:80")) && !listeners.is_taken(socket("0.0.0.0:80")));
    assert!(listeners.remove(first).is_some());
    assert!(listeners.remove(first).is_none());
    let second = insert(&mut listeners, socket("10.0.0.2:80"));
    assert_eq!(second.index(), first.index());
    assert_ne!(second, first);
    assert!(listeners.get_mut(first).is_none() && listeners.on(first).is_none());
    assert_eq!(listeners.on(second), Some(socket("10.0.0.2:80")));
}

#[test]
fn a_port_is_held_by_a_listener_on_the_address_or_on_all() {
    let mut listeners = Listeners::default();
    insert(&mut listeners, socket("10.0.0.2:80"));
    insert(&mut listeners, socket("[::]:443"));
    for (address, port, held) in [
        ("10.0.0.2", 80, true),
        ("10.0.0.3", 80, false),
        ("10.0.0.3", 443, true),
        ("fd00::2", 443, true),
        ("fd00::2", 80, false),
    ] {
        assert_eq!(listeners.holds_port(address.parse().unwrap(), port), held, "{address} {port}");
    }
}
