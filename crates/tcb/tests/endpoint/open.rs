//! Connections open: actively, passively, simultaneously, and with oneself.
//! A host is driven by packets of a far end that is played by hand, or by another host.

use synack_tcb::State;

use crate::support::{pair, settle};

#[test]
fn sm_seqn_1_two_hosts_open_exchange_and_close() {
    let (mut client, mut server) = pair();
    let id = client.connect("10.0.0.2:80");
    settle(&mut client, &mut server);
    assert_eq!(client.state(id), State::Established);
    let accepted = server.take_accepted().unwrap();
    client.write(id, b"request");
    settle(&mut client, &mut server);
    assert_eq!(server.read(accepted), b"request");
    server.write(accepted, b"answer");
    settle(&mut client, &mut server);
    assert_eq!(client.read(id), b"answer");
    client.close(id);
    settle(&mut client, &mut server);
    server.close(accepted);
    settle(&mut client, &mut server);
    assert_eq!((client.endpoint.connections(), client.endpoint.time_waits()), (0, 1));
    assert_eq!((server.endpoint.connections(), server.endpoint.time_waits()), (0, 0));
}
