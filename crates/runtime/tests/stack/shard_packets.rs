//! Shows what shards do with packets that are nobody's connection, or came to the wrong shard.
//! The far end of every queue is the test itself, on tokio's paused clock.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use synack::{Device, DropReason, IpNet, MemoryDevice, Outgoing, Stack, StackBuilder};
use synack_tcb::{FourTuple, ShardMap};
use synack_wire::{Flags, IcmpErrorKind, IpFields, Segment, SeqNum, TcpPacket, emit_icmp_error};
use tokio::runtime;

use crate::far_end::settle;
use crate::other::{ping, receive, send};

/// A stack at 10.0.0.2 and fe80::2 with `count` shards, each of its queues a cable of its own, and
/// the other ends of these.
fn cables(count: usize) -> (StackBuilder, Vec<MemoryDevice>) {
    let (near, far): (Vec<_>, Vec<_>) = (0..count).map(|_| MemoryDevice::pair(1_500)).unzip();
    let prefix = |text: &str| text.parse::<IpNet>().unwrap();
    let builder = Stack::builder().queues(near).secret(SECRET);
    (builder.address(prefix("10.0.0.2/24")).address(prefix("fe80::2/64")), far)
}

fn owner(local: SocketAddr, remote: SocketAddr, shards: u16) -> usize {
    let map = ShardMap::new(&SECRET, NonZeroU16::new(shards).unwrap());
    map.owner(&FourTuple::new(local, remote))
}

fn syn(source: SocketAddr, destination: SocketAddr) -> TcpPacket {
    let seq = SeqNum::new(1_000);
    let segment = Segment { seq, control: Flags::SYN, ..Segment::default() };
    TcpPacket { source, destination, ip: IpFields::default(), segment_size: None, segment }
}

fn put(device: &MemoryDevice, packet: &TcpPacket) {
    device.try_send(Outgoing::tcp(packet, &mut Vec::new())).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_by_the_queue_that_it_comes_by() {
    let (builder, queues) = cables(4);
    let stack = builder.spawn().unwrap();
    for queue in &queues {
        send(queue, &ping([10, 0, 0, 1], [10, 0, 0, 2]));
        let reply = receive(queue).await;
        assert_eq!(reply[20], 0, "an echo reply");
    }
    let stats = stack.stats();
    assert_eq!((stats.echo_replies, stats.forwarded), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn other_packets_come_from_every_queue_and_leave() {
    let (builder, queues) = cables(4);
    let stack = builder.spawn().unwrap();
    let mut others = stack.other_packets().unwrap();
    assert!(stack.other_packets().is_none(), "there is one for all shards");
    for queue in &queues {
        let packet = ping([10, 0, 0, 1], [10, 0, 0, 77]);
        send(queue, &packet);
        assert_eq!(others.recv().await.unwrap(), packet);
    }
    others.send(ping([10, 0, 0, 2], [10, 0, 0, 1]).into()).unwrap();
    assert_eq!(receive(&queues[0]).await[20], 8, "an echo request");
    assert_eq!(stack.stats().other_in, 4);
}

#[tokio::test(start_paused = true)]
async fn icmp_1_an_error_reaches_the_connection_whose_shard_it_did_not_come_to() {
    for remote in ["10.0.0.1:80", "[fe80::1%1]:80"] {
        let (builder, queues) = cables(4);
        let stack = builder.spawn().unwrap();
        let remote: SocketAddr = remote.parse().unwrap();
        let mut forwarded = 0;
        for number in 0..16 {
            let connecting = tokio::spawn(stack.connect(remote));
            // Shards open by turns.
            let sent = receive(&queues[number % 4]).await;
            let kind = IcmpErrorKind::PortUnreachable;
            let error = emit_icmp_error(kind, remote.ip(), &sent).unwrap();
            send(&queues[number / 4], &error);
            forwarded += u64::from(number % 4 != number / 4);
            let refused = connecting.await.unwrap().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
        let stats = stack.stats();
        assert_eq!((stats.icmp_errors, stats.forwarded), (16, forwarded));
    }
}

#[tokio::test(start_paused = true)]
async fn a_syn_is_answered_by_the_shard_that_it_is_for() {
    let (builder, queues) = cables(3);
    let stack = builder.spawn().unwrap();
    let listener = stack.listen("10.0.0.2:80".parse().unwrap()).await.unwrap();
    let at = listener.local_addr().unwrap();
    for port in 1_000..1_100 {
        let from = ([10, 0, 0, 1], port).into();
        let arrives_at = usize::from(port) % 3;
        put(&queues[arrives_at], &syn(from, at));
        let answer = receive(&queues[owner(at, from, 3)]).await;
        assert_eq!(answer[22..24], port.to_be_bytes());
        assert_eq!(answer[33], 0x12, "SYN and ACK");
    }
    assert_eq!(stack.connections().await.half_open, 100);
    // One at the wrong shard three times is the same one.
    let from = ([10, 0, 0, 1], 1_000).into();
    queues.iter().for_each(|queue| put(queue, &syn(from, at)));
    settle().await;
    assert_eq!(stack.connections().await.half_open, 100);
}

#[tokio::test(start_paused = true)]
async fn rst_15_the_limit_of_resets_is_divided_among_the_shards() {
    let (builder, queues) = cables(4);
    let config = synack::EndpointConfig { resets_per_second_max: 40, ..Default::default() };
    let stack = builder.config(config).spawn().unwrap();
    for port in 1..2_000 {
        let nobody = syn(([10, 0, 0, 1], port).into(), "10.0.0.2:9".parse().unwrap());
        put(&queues[usize::from(port) % 4], &nobody);
        if port % 100 == 0 {
            settle().await;
        }
    }
    settle().await;
    let counted = stack.stats().endpoint;
    assert!((20..=40).contains(&counted.resets_sent), "{counted:?}");
    assert_eq!(counted.resets_sent + counted.resets_limited, 1_999);
}

#[test]
fn a_shard_that_stands_still_holds_up_no_other_and_what_it_does_not_take_is_counted() {
    let build =
        || runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (runs, stands) = (build(), build());
    runs.block_on(async {
        let (builder, queues) = cables(2);
        let runtimes = [runs.handle().clone(), stands.handle().clone()];
        let stack = builder.spawn_on(&runtimes).unwrap();
        let at = "10.0.0.2:9".parse().unwrap();
        let mut for_the_other = 0;
        for port in 1..3_000 {
            let from = ([10, 0, 0, 1], port).into();
            put(&queues[0], &syn(from, at));
            for_the_other += u64::from(owner(at, from, 2) == 1);
            if port % 100 == 0 {
                settle().await;
            }
        }
        settle().await;
        let stats = stack.stats();
        let (taken, lost) = (stats.forwarded, stats.drops(DropReason::ShardQueueFull));
        assert_eq!((taken, taken + lost), (500, for_the_other));
        assert!(lost > 500);
        let answered = stats.endpoint.resets_sent + stats.endpoint.resets_limited;
        assert_eq!(answered, 2_999 - for_the_other, "all that are this shard's");
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
}

const SECRET: [u8; 32] = [6; 32];
