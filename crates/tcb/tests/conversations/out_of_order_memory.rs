//! What text out of order costs (ATTACK-C2, ATTACK-C4): tiny pieces in every order, one by one.
//! A counting allocator watches a connection take them; what they lie in was allocated before.

use allocation_counter::measure;
use bytes::Bytes;
use synack_wire::TcpPacket;

use crate::support::{Change, Conversation, Setup};

/// A receive buffer, and the window.
const BUFFER: u32 = 60_000;

/// Octets that are allocated for a range however little it holds.
const RANGE_COST: usize = 256;

/// One octet in each of these places.
fn pieces(c: &Conversation, places: impl IntoIterator<Item = u32>) -> Vec<TcpPacket> {
    let octet = |place| {
        let octet = Bytes::from_static(&[7]);
        c.template().with(|segment| {
            segment.seq = c.irs + 1 + place;
            segment.payload = octet.into();
        })
    };
    places.into_iter().map(octet).collect()
}

#[test]
fn rbuf_9_attack_c2_attack_c4_tiny_pieces_cost_a_few_hundred_octets_a_range() {
    let steps = |from: u32, step: usize| (from..BUFFER).step_by(step);
    let cases: [(&str, Vec<u32>); 7] = [
        ("every second octet", steps(1, 2).take(1_024).collect()),
        ("ranges of two", steps(1, 50).take(1_024).flat_map(|at| [at, at + 1]).collect()),
        (
            "ranges of two, backwards",
            steps(1, 50).take(1_024).flat_map(|at| [at + 1, at]).collect(),
        ),
        ("one range, upwards", steps(1, 1).collect()),
        ("one range, downwards", steps(1, 1).rev().collect()),
        (
            "every second octet, and then those between",
            steps(1, 2_000)
                .flat_map(|at| (at..at + 2_000).step_by(2).chain(at..at + 2_000))
                .collect(),
        ),
        (
            "likewise, downwards",
            steps(1, 2_000)
                .flat_map(|at| (at..at + 2_000).rev().step_by(2).chain((at..at + 2_000).rev()))
                .collect(),
        ),
    ];
    for (case, places) in cases {
        let mut c = Setup::default()
            .configured(|config| config.receive_buffer = (BUFFER as usize).into())
            .open();
        let packets = pieces(&c, places);
        let now = c.host.now;
        let connection = c.host.connection(c.id);
        let taken = measure(|| {
            for packet in &packets {
                let _ = connection.handle_packet(now, &mut packet.clone());
            }
        });
        let (held, ranges) = (connection.info().out_of_order, connection.internals().ranges);
        assert!(held > 1_000, "{case}: {held} octets held");
        let allowed = 2 * held + RANGE_COST * ranges + 8_192;
        let cost = usize::try_from(taken.bytes_current).unwrap();
        assert!(cost <= allowed, "{case}: {cost} for {held} octets in {ranges} ranges");
    }
}
