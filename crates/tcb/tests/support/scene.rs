//! Where conversations begin: an open connection with a far end played by hand, or with another host.

use synack_tcb::ConnectionId;
use synack_wire::SeqNum;

use super::{Host, Peer};

/// A host that listens on port 80, the far end of its one connection, and that connection,
/// ESTABLISHED. The far end's next number is `irs + 1`; the host's is returned.
pub(crate) fn established(irs: u32) -> (Host, Peer, ConnectionId, SeqNum) {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    host.listen(80);
    host.receive(peer.syn(irs));
    let nxt = host.only_sent().segment.seq + 1;
    let id = host.accept(peer.ack(irs.wrapping_add(1), nxt));
    host.silent();
    (host, peer, id, nxt)
}

/// Two hosts: a client at 10.0.0.1 and a server at 10.0.0.2 that listens on port 80.
pub(crate) fn pair() -> (Host, Host) {
    let (client, mut server) = (Host::new("10.0.0.1"), Host::new("10.0.0.2"));
    server.listen(80);
    (client, server)
}

/// Carries packets between two hosts until both are silent, and returns all of them.
pub(crate) fn settle(a: &mut Host, b: &mut Host) -> Vec<synack_wire::TcpPacket> {
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
