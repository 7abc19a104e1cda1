//! Text from one host to another, with and without each option, over a link that loses packets.
//! Two hosts exchange what they sent every ten milliseconds; each octet is checked when it is read.

use std::sync::Arc;
use std::time::Duration;

use synack_tcb::{ConnectionConfig, ConnectionId, EndpointConfig, Push, State, WriteError};

use crate::support::{Host, octets};

/// How long a packet is under way.
const DELAY: Duration = Duration::from_millis(10);

/// A connection between two hosts.
struct Transfer {
    client: Host,
    server: Host,
    client_id: ConnectionId,
    server_id: ConnectionId,
    /// Says of each packet, by its place among all, whether it is lost.
    lose: fn(usize) -> bool,
    packets: usize,
}

impl Transfer {
    fn open(config: ConnectionConfig) -> Self {
        let connection = Arc::new(config);
        let config = || EndpointConfig { connection: connection.clone(), ..Default::default() };
        let mut client = Host::with("10.0.0.1", config());
        let mut server = Host::with("10.0.0.2", config());
        server.listen(80);
        let client_id = client.connect("10.0.0.2:80");
        for packet in client.sent() {
            server.receive(packet);
        }
        for packet in server.sent() {
            client.receive(packet);
        }
        for packet in client.sent() {
            server.receive(packet);
        }
        let server_id = server.take_accepted().unwrap();
        Self { client, server, client_id, server_id, lose: |_| false, packets: 0 }
    }

    /// What either host sent arrives at the other.
    fn step(&mut self) {
        let Self { client, server, lose, packets, .. } = self;
        let mut arrives = |_: &_| {
            *packets += 1;
            !lose(*packets)
        };
        let [from_client, from_server] = [client.sent(), server.sent()]
            .map(|sent| sent.into_iter().filter(&mut arrives).collect::<Vec<_>>());
        client.advance(DELAY);
        server.advance(DELAY);
        for packet in from_client {
            server.receive(packet);
        }
        for packet in from_server {
            client.receive(packet);
        }
    }

    /// Writes as much of the client's `written` to `len` as there is room for.
    fn write(&mut self, written: &mut usize, len: usize) {
        let text = octets(*written as u64, len - *written);
        let now = self.client.now;
        match self.client.connection(self.client_id).write(now, &text, Push::Now) {
            Ok(count) => *written += count,
            Err(WriteError::Blocked) => {}
            Err(error) => panic!("{error}"),
        }
        self.client.drain();
    }

    /// Moves `len` octets.
    fn run(&mut self, len: usize) {
        let (mut written, mut read) = (0, 0);
        for _ in 0..100_000 {
            self.write(&mut written, len);
            self.step();
            let text = self.server.read(self.server_id);
            assert!(text == octets(read as u64, text.len()), "other octets at {read}");
            read += text.len();
            if read == len {
                return;
            }
        }
        panic!("stuck at {read} of {len}");
    }
}

#[test]
fn text_arrives_whole_with_and_without_each_option() {
    for bits in 0..8 {
        let mut transfer = Transfer::open(ConnectionConfig {
            timestamps: bits & 1 != 0,
            sack: bits & 2 != 0,
            window_scaling: bits & 4 != 0,
            ..ConnectionConfig::default()
        });
        transfer.run(1_000_000);
        let info = transfer.client.connection(transfer.client_id).info();
        assert_eq!((info.timestamps, info.sack), (bits & 1 != 0, bits & 2 != 0));
        assert_eq!(info.window_scale.is_some(), bits & 4 != 0);
        assert_eq!(info.counters.retransmissions, 0, "{bits:03b}");
    }
}

#[test]
fn lost_segments_are_sent_again_and_text_arrives_whole() {
    for bits in 0..4 {
        let mut transfer = Transfer::open(ConnectionConfig {
            timestamps: bits & 1 != 0,
            sack: bits & 2 != 0,
            ..ConnectionConfig::default()
        });
        transfer.lose = |place| place % 29 == 7 || place % 31 == 3;
        transfer.run(500_000);
        let counters = transfer.client.connection(transfer.client_id).info().counters;
        assert!(counters.retransmissions > 5 && counters.recoveries > 0, "{counters:?}");
    }
}

#[test]
fn must_37_a_window_closed_for_an_hour_is_probed_and_then_used() {
    let mut transfer = Transfer::open(ConnectionConfig {
        receive_buffer: 20_000.into(),
        ..ConnectionConfig::default()
    });
    let mut written = 0;
    transfer.write(&mut written, 60_000);
    assert_eq!(written, 60_000);
    for _ in 0..3_600_000 / DELAY.as_millis() {
        transfer.step();
    }
    assert_eq!(transfer.client.state(transfer.client_id), State::Established);
    assert_eq!(transfer.server.connection(transfer.server_id).info().unread, 20_000);
    let probes = transfer.client.connection(transfer.client_id).info().counters.probes;
    assert!(probes > 50, "{probes}");
    let mut read = Vec::new();
    for _ in 0..100 {
        read.extend(transfer.server.read(transfer.server_id));
        transfer.step();
    }
    assert!(read == octets(0, 60_000));
}
