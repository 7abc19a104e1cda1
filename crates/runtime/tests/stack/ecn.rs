//! Explicit congestion notification end to end: through wire, devices and a queue that marks.
//! A slow line whose queue CoDel governs, once with ECN and once without, over IPv4 and IPv6.

use std::time::Duration;

use synack::{
    ConnectionConfig, ConnectionInfo, EcnPolicy, ImpairedDevice, MemoryDevice, Stack, StackBuilder,
};
use synack_netem::{Bottleneck, Capacity, EcnUse, LinkConfig, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair::Family;

/// Sends 4 MB over 20 Mbit/s and 20 ms; returns what the sender and the receiver know of it.
async fn transfer(family: Family, ecn: EcnPolicy) -> (ConnectionInfo, ConnectionInfo) {
    let (left, right) = MemoryDevice::pair(1_500);
    let delay = Duration::from_millis(10);
    let queue = Bottleneck::codel(Rate::mbit(20), Capacity::packets(1_000), EcnUse::Mark);
    let there = LinkConfig { delay, bottleneck: Some(queue), ..LinkConfig::default() };
    let back = LinkConfig { delay, ..LinkConfig::default() };
    let left = ImpairedDevice::new(left, back, there, 1);
    let config = |builder: StackBuilder| {
        builder.connection_config(ConnectionConfig { ecn, ..ConnectionConfig::default() })
    };
    let client = Stack::builder().device(left).address(family.client()).secret([1; 32]);
    let server = Stack::builder().device(right).address(family.server()).secret([2; 32]);
    let (client, server) = (config(client).spawn().unwrap(), config(server).spawn().unwrap());
    let socket = (family.server().addr(), 80).into();
    let listener = server.listen(socket).await.unwrap();
    let (sender, accepted) = tokio::join!(client.connect(socket), listener.accept());
    let (mut sender, mut receiver) = (sender.unwrap(), accepted.unwrap().0);
    let text = vec![3; 4_000_000];
    let (written, read) = tokio::join!(async { sender.write_all(&text).await }, async {
        receiver.read_exact(&mut vec![0; 4_000_000]).await
    },);
    written.unwrap();
    read.unwrap();
    (sender.info().unwrap(), receiver.info().unwrap())
}

#[tokio::test(start_paused = true)]
async fn ecn_12_marks_take_the_place_of_losses() {
    for family in Family::BOTH {
        let (sender, receiver) = transfer(family, EcnPolicy::Ask).await;
        assert!(sender.ecn && receiver.ecn);
        assert!(receiver.counters.marks_in > 0, "{family:?}");
        assert!(sender.counters.mark_reductions > 0, "{family:?}");
        assert_eq!(sender.counters.retransmissions, 0, "{family:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ecn_19_without_it_the_same_queue_drops() {
    let (sender, receiver) = transfer(Family::V4, EcnPolicy::WhenAsked).await;
    assert!(!sender.ecn && !receiver.ecn, "nobody asked");
    assert_eq!((receiver.counters.marks_in, sender.counters.mark_reductions), (0, 0));
    assert!(sender.counters.retransmissions > 0);
}
