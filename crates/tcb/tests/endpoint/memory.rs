//! What a connection takes: a kibibyte at rest, with everything that hangs on it, and buffers only
//! while there is traffic. A counting allocator watches; the far end is played by hand.

use std::time::Duration;

use allocation_counter::measure;
use synack_tcb::Connection;
use synack_wire::SeqNum;

use crate::support::{Host, Peer, established};

/// What an exchange of one octet each way leaves; the numbers to go on with.
fn exchange(host: &mut Host, peer: &Peer, (seq, nxt): (u32, SeqNum)) -> (u32, SeqNum) {
    let id = *host.connections.keys().next().unwrap();
    host.receive(peer.text(seq, nxt, b"?"));
    assert_eq!(host.read(id), b"?");
    host.write(id, b"!");
    host.receive(peer.ack(seq + 1, nxt + 1));
    (seq + 1, nxt + 1)
}

/// Octets that `connection` takes with all that hangs on it.
fn octets_of(connection: Box<Connection>) -> i64 {
    -measure(|| drop(connection)).bytes_current
}

#[test]
fn a_connection_at_rest_takes_a_kibibyte_with_everything_that_hangs_on_it() {
    let (mut host, peer, id, nxt) = established(100);
    exchange(&mut host, &peer, (101, nxt));
    let quiet_at = host.connection(id).quiet_at().expect("buffers are kept while there is traffic");
    host.connection(id).handle_timeout(quiet_at);
    assert_eq!(host.connection(id).quiet_at(), None, "nothing is left to give back");
    let octets = octets_of(host.connections.remove(&id).unwrap());
    assert!((512..=1 << 10).contains(&octets), "{octets} octets");
}

#[test]
fn buffers_are_kept_while_there_is_traffic_and_given_back_once() {
    let (mut host, peer, id, nxt) = established(100);
    let at_first = host.connection(id).quiet_at();
    assert_eq!(at_first, None, "no buffer before the first octet");
    let mut at = exchange(&mut host, &peer, (101, nxt));
    for _ in 0..100 {
        host.advance(Duration::from_millis(900));
        let now = host.now;
        host.connection(id).handle_timeout(now);
        let quiet_at = host.connection(id).quiet_at().expect("it is not quiet yet");
        assert!(quiet_at > now);
        at = exchange(&mut host, &peer, at);
    }
    let quiet_at = host.connection(id).quiet_at().unwrap();
    let given_back = measure(|| host.connection(id).handle_timeout(quiet_at));
    assert!(given_back.bytes_current < -2_000, "{} octets", given_back.bytes_current);
    assert_eq!(host.connection(id).quiet_at(), None);
    let (seq, nxt) = at;
    host.receive(peer.text(seq, nxt, b"again"));
    assert_eq!(host.read(id), b"again");
}

#[test]
fn what_waits_for_the_reader_or_for_an_ack_is_nothing_to_give_back() {
    let (mut host, peer, id, nxt) = established(100);
    host.receive(peer.text(101, nxt, b"unread"));
    host.write(id, b"in flight");
    assert_eq!(host.connection(id).quiet_at(), None);
    let later = host.now + Duration::from_secs(60);
    assert_eq!(host.connection(id).read(later, &mut [0; 8]).unwrap(), Some(6));
    assert!(host.connection(id).quiet_at().unwrap() < later, "what was read late goes at once");
}
