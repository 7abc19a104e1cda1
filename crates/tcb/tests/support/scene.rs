//! Where conversations begin: an open connection with a far end played by hand, or with another
//! host.

use synack_tcb::ConnectionId;
use synack_wire::{SeqNum, TcpPacket};

use super::{Host, Peer, Seen, control};

/// A host with a listener on port 80, and a far end.
pub(crate) fn listening() -> (Host, Peer) {
    let mut host = Host::new("10.0.0.2");
    host.listen(80);
    (host, Peer::new("10.0.0.1:4000", "10.0.0.2:80"))
}

/// As [`listening`], once for each family.
pub(crate) fn listening_in_both_families() -> [(Host, Peer); 2] {
    let mut host = Host::new("fd00::2");
    host.listen(80);
    [listening(), (host, Peer::new("[fd00::1]:4000", "[fd00::2]:80"))]
}

/// A handshake that waits for its last ACK. The far end's next number is `irs + 1`; the host's is
/// returned.
pub(crate) fn half_open(irs: u32) -> (Host, Peer, SeqNum) {
    let (mut host, peer) = listening();
    let nxt = shake(&mut host, &peer.syn(irs));
    (host, peer, nxt)
}

/// Sends a SYN and takes the SYN-ACK; the host's next number is returned.
#[track_caller]
pub(crate) fn shake(host: &mut Host, syn: &TcpPacket) -> SeqNum {
    host.receive(syn.clone());
    let answer = host.only_sent().segment;
    assert!(answer.is_syn() && answer.ack == Some(syn.segment.seq + 1), "{answer:?}");
    answer.seq + 1
}

/// A connection that the far end opened to port 80, ESTABLISHED. The far end's next number is
/// `irs + 1`; the host's is returned.
pub(crate) fn established(irs: u32) -> (Host, Peer, ConnectionId, SeqNum) {
    let (mut host, peer, nxt) = half_open(irs);
    let id = host.accept(peer.ack(irs.wrapping_add(1), nxt));
    host.silent();
    (host, peer, id, nxt)
}

/// A four-tuple in TIME-WAIT at the host, which closed first: the far end's next number is `irs +
/// 2`, that of the host is returned.
pub(crate) fn time_wait(irs: u32) -> (Host, Peer, SeqNum) {
    let (mut host, peer, id, nxt) = established(irs);
    let (theirs, ours) = (irs.wrapping_add(1), nxt + 1);
    host.close(id);
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK={theirs}><CTL=FIN,ACK>"));
    host.receive(peer.fin(theirs, ours));
    assert_eq!(
        control(&host.only_sent()),
        format!("<SEQ={ours}><ACK={}><CTL=ACK>", theirs.wrapping_add(1))
    );
    assert_eq!(host.seen(&peer), Seen::TimeWait);
    (host, peer, ours)
}

/// Two hosts: a client at 10.0.0.1 and a server at 10.0.0.2 that listens on port 80.
pub(crate) fn pair() -> (Host, Host) {
    let (client, mut server) = (Host::new("10.0.0.1"), Host::new("10.0.0.2"));
    server.listen(80);
    (client, server)
}

/// Carries packets between two hosts until both are silent, and returns all of them.
pub(crate) fn settle(a: &mut Host, b: &mut Host) -> Vec<TcpPacket> {
    let mut all = Vec::new();
    for _ in 0..1_000 {
        let (from_a, from_b) = (a.sent(), b.sent());
        if from_a.is_empty() && from_b.is_empty() {
            return all;
        }
        all.extend(from_a.iter().chain(&from_b).cloned());
        for packet in from_a {
            b.receive(packet);
        }
        for packet in from_b {
            a.receive(packet);
        }
    }
    panic!("the two hosts never fall silent");
}
