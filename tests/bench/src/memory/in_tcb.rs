//! Connections by themselves, without a stack around them.

use anyhow::{Context, ensure};
use synack_tcb::{
    Connection, Endpoint, EndpointConfig, Instant, LinkAddress, LinkId, Open, Push, TransmitLimits,
};

use super::{heap, stub};

/// What a connection takes after one octet there and back, with everything that hangs on it.
pub(super) fn octets_each(count: usize) -> anyhow::Result<f64> {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), [7; 32]);
    endpoint.set_addresses(&[LinkAddress {
        prefix: "10.0.0.1/8".parse()?,
        link: LinkId(0),
        mtu: 1_500,
    }]);
    let mut connections = Vec::with_capacity(count);
    for number in 0..count {
        connections.push(open(&mut endpoint, number)?);
    }
    let held = heap::allocated();
    connections.clear();
    Ok((held - heap::allocated()) / count as f64)
}

fn open(endpoint: &mut Endpoint, number: usize) -> anyhow::Result<Box<Connection>> {
    let now = Instant::from_millis(1);
    let open = Open::to(stub::socket(number));
    let (_, mut connection) = endpoint.connect(now, open).context("no connection")?;
    exchange(&mut connection, Instant::from_millis(2));
    connection.write(now, b"?", Push::Now).context("the handshake failed")?;
    exchange(&mut connection, Instant::from_millis(3));
    let read = connection.read(now, &mut [0; 8]).context("nothing to read")?;
    ensure!(read == Some(1), "the octet did not come back");
    exchange(&mut connection, Instant::from_millis(4));
    if let Some(quiet_at) = connection.quiet_at() {
        connection.handle_timeout(quiet_at);
    }
    Ok(connection)
}

/// Everything that the connection has to say, and the answers to it.
fn exchange(connection: &mut Connection, now: Instant) {
    let limits = TransmitLimits { super_segment_max: 1_500 };
    while let Some(packet) = connection.poll_transmit(now, limits) {
        if let Some(mut answer) = stub::answer(&packet) {
            // A stub is not always right; whether the octet came back is looked at in the end.
            let _ = connection.handle_packet(now, &mut answer);
        }
    }
    connection.poll_events();
}
