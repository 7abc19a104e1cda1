//! Shows that a stack of several shards is one stack: connections both ways, listeners, ports.
//! The devices spread packets over their queues at random; tokio's clock is paused.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use synack::{ImpairedDevice, IpNet, MemoryDevice, Stack, StackBuilder, TcpListener, TcpStream};
use synack_netem::{Excess, LinkConfig, Mtu};
use synack_tcb::{FourTuple, ShardMap};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::settle;
use crate::pair::Family;

/// Two stacks with so many shards each.
pub(crate) struct Sharded {
    pub(crate) client: Stack,
    pub(crate) server: Stack,
    family: Family,
}

impl Sharded {
    pub(crate) fn new(shards: [usize; 2]) -> Self {
        Self::of(Family::V4, shards)
    }

    fn of(family: Family, shards: [usize; 2]) -> Self {
        Self::with(family, shards, |builder| builder)
    }

    fn with(
        family: Family,
        shards: [usize; 2],
        change: impl Fn(StackBuilder) -> StackBuilder,
    ) -> Self {
        let (left, right) = MemoryDevice::pair_of_queues(1_500, shards);
        let spawn = |queues: Vec<MemoryDevice>, address: IpNet, secret| {
            let builder = Stack::builder().queues(queues).address(address).secret(secret);
            change(builder).spawn().unwrap()
        };
        let client = spawn(left, family.client(), CLIENT_SECRET);
        let server = spawn(right, family.server(), [2; 32]);
        Self { client, server, family }
    }

    /// A socket of the server.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.family.server().addr(), port)
    }

    /// So many connections, both ends of each.
    pub(crate) async fn connect(&self, count: usize) -> Vec<(TcpStream, TcpStream)> {
        let listener = self.server.listen(self.at(0)).await.unwrap();
        let remote = listener.local_addr().unwrap();
        let mut ends = Vec::new();
        for _ in 0..count {
            ends.push(connect(&self.client, remote, &listener).await);
        }
        ends
    }
}

async fn connect(
    client: &Stack,
    remote: SocketAddr,
    listener: &TcpListener,
) -> (TcpStream, TcpStream) {
    let (opened, accepted) = tokio::join!(client.connect(remote), listener.accept());
    let (opened, (accepted, peer)) = (opened.unwrap(), accepted.unwrap());
    assert_eq!(peer, opened.local_addr().unwrap());
    (opened, accepted)
}

/// A stream that no other is like, one way.
async fn transfer(mut from: TcpStream, mut to: TcpStream, number: usize) {
    let sent: Vec<u8> = (0..60_000 + number).map(|at| (at * (number + 3) % 251) as u8).collect();
    let mut arrived = Vec::new();
    let write = async {
        from.write_all(&sent).await.unwrap();
        from.shutdown().await.unwrap();
    };
    let (read, ()) = tokio::join!(to.read_to_end(&mut arrived), write);
    read.unwrap();
    assert!(arrived == sent, "connection {number}");
}

/// The shards of these streams.
fn used<'a>(streams: impl Iterator<Item = &'a TcpStream>) -> HashSet<usize> {
    streams.map(TcpStream::shard).collect()
}

async fn every_octet_arrives_whatever_queue_it_comes_by(family: Family, shards: [usize; 2]) {
    let pair = Sharded::of(family, shards);
    assert_eq!([pair.client.shards(), pair.server.shards()], shards);
    let ends = pair.connect(40).await;
    assert_eq!(used(ends.iter().map(|(opened, _)| opened)).len(), shards[0]);
    assert_eq!(used(ends.iter().map(|(_, accepted)| accepted)).len(), shards[1]);
    for stack in [&pair.client, &pair.server] {
        assert_eq!(stack.connections().await.open.len(), 40);
    }
    let mut transfers = tokio::task::JoinSet::new();
    for (number, (opened, accepted)) in ends.into_iter().enumerate() {
        let (from, to) = if number % 2 == 0 { (opened, accepted) } else { (accepted, opened) };
        transfers.spawn(transfer(from, to, number));
    }
    transfers.join_all().await;
    let (client, server) = (pair.client.stats(), pair.server.stats());
    assert_eq!([client.forwarded > 200, server.forwarded > 200], shards.map(|it| it > 1));
    assert_eq!((client.opened, client.endpoint.connects), (40, 40));
    assert_eq!((server.accepted, server.endpoint.accepts), (40, 40));
}

#[tokio::test(start_paused = true)]
async fn two_shards_speak_with_two() {
    every_octet_arrives_whatever_queue_it_comes_by(Family::V4, [2, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn four_shards_speak_with_one_and_with_three() {
    every_octet_arrives_whatever_queue_it_comes_by(Family::V6, [4, 1]).await;
    every_octet_arrives_whatever_queue_it_comes_by(Family::V4, [3, 4]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shards_run_on_many_threads() {
    every_octet_arrives_whatever_queue_it_comes_by(Family::V4, [4, 4]).await;
}

#[tokio::test(start_paused = true)]
async fn an_opener_draws_ports_that_are_its_own_and_the_shards_open_by_turns() {
    let pair = Sharded::new([4, 1]);
    let map = ShardMap::new(&CLIENT_SECRET, NonZeroU16::new(4).unwrap());
    let ends = pair.connect(40).await;
    for (number, (opened, _)) in ends.iter().enumerate() {
        let (local, remote) = (opened.local_addr().unwrap(), opened.peer_addr().unwrap());
        assert_eq!(map.owner(&FourTuple::new(local, remote)), opened.shard());
        assert_eq!(opened.shard(), number % 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_the_application_chose_opens_in_the_shard_that_it_belongs_to() {
    let pair = Sharded::new([4, 2]);
    let map = ShardMap::new(&CLIENT_SECRET, NonZeroU16::new(4).unwrap());
    let listener = pair.server.listen(pair.at(80)).await.unwrap();
    let mut opened = Vec::new();
    for port in 2_000..2_032 {
        let local: SocketAddr = ([0, 0, 0, 0], port).into();
        let (stream, accepted) =
            tokio::join!(pair.client.connect(pair.at(80)).bind(local), listener.accept());
        let (stream, (accepted, peer)) = (stream.unwrap(), accepted.unwrap());
        assert_eq!(peer.port(), port);
        assert_eq!(map.owner(&FourTuple::new(peer, pair.at(80))), stream.shard());
        let again = pair.client.connect(pair.at(80)).bind(local).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
        opened.push((stream, accepted));
    }
    assert_eq!(used(opened.iter().map(|(stream, _)| stream)).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn when_one_shard_has_no_port_left_another_opens() {
    let few = |builder: StackBuilder| {
        let ephemeral_ports = (40_000, 40_011);
        builder.config(synack::EndpointConfig { ephemeral_ports, ..Default::default() })
    };
    let pair = Sharded::with(Family::V4, [4, 1], few);
    let listener = pair.server.listen(pair.at(80)).await.unwrap();
    let mut ends = Vec::new();
    for _ in 0..12 {
        ends.push(connect(&pair.client, pair.at(80), &listener).await);
    }
    let none_left = pair.client.connect(pair.at(80)).await.unwrap_err();
    assert_eq!(none_left.kind(), ErrorKind::AddrNotAvailable);
    let per_shard: Vec<_> =
        (0..4).map(|shard| ends.iter().filter(|(it, _)| it.shard() == shard).count()).collect();
    assert_eq!(per_shard.iter().sum::<usize>(), 12);
    assert!(per_shard.iter().any(|count| *count != 3), "some must have opened for others");
}

#[tokio::test(start_paused = true)]
async fn a_stack_connects_to_itself_within_one_shard() {
    let pair = Sharded::new([1, 4]);
    let listener = pair.server.listen(pair.at(80)).await.unwrap();
    let mut ends = Vec::new();
    for number in 0..16 {
        let (opened, accepted) = connect(&pair.server, pair.at(80), &listener).await;
        assert_eq!(opened.shard(), accepted.shard());
        ends.push(opened.shard());
        transfer(opened, accepted, number).await;
    }
    assert_eq!(ends.into_iter().collect::<HashSet<_>>().len(), 4);
    let stats = pair.server.stats();
    assert!(stats.packets_looped > 100);
    assert_eq!((stats.forwarded, stats.packets_in), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_listener_listens_in_every_shard_and_holds_its_port_in_all_of_them() {
    let pair = Sharded::new([1, 4]);
    for _ in 0..3 {
        let listener = pair.server.listen(pair.at(0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        assert_eq!(pair.server.listen(at).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        let any = pair.server.listen(SocketAddr::new([0; 4].into(), at.port())).await.unwrap();
        for _ in 0..16 {
            connect(&pair.client, at, &listener).await;
        }
        // Some that nobody accepts.
        let mut waiting = Vec::new();
        for _ in 0..8 {
            waiting.push(pair.client.connect(at).await.unwrap());
        }
        drop((any, listener));
        for stream in &mut waiting {
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        for _ in 0..16 {
            let refused = pair.client.connect(at).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a2_the_backlog_is_divided_among_the_shards_and_comes_free_in_each() {
    let pair = Sharded::new([1, 4]);
    let listener = pair.server.listen(pair.at(80)).backlog(8).await.unwrap();
    let mut opened = Vec::new();
    for _ in 0..64 {
        let mut stream = pair.client.connect(pair.at(80)).await.unwrap();
        stream.write_u8(7).await.unwrap();
        opened.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let counted = pair.server.stats().endpoint;
    assert_eq!(counted.accepts, 8, "two in each");
    assert!(counted.accept_queue_full >= 56, "{counted:?}");
    let mut shards = Vec::new();
    for _ in 0..64 {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 7);
        shards.push(stream.shard());
    }
    for shard in 0..4 {
        let first = shards[..8].iter().filter(|it| **it == shard).count();
        assert_eq!(first, 2, "shard {shard}: {shards:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listen_that_is_given_up_leaves_no_shard_listening() {
    let pair = Sharded::new([1, 4]);
    for _ in 0..3 {
        let mut listening = Box::pin(pair.server.listen(pair.at(80)));
        assert!(futures::poll!(&mut listening).is_pending());
        drop(listening);
        // The next one would find the port in use.
        settle().await;
    }
    drop(pair.server.listen(pair.at(80)).await.unwrap());
    settle().await;
    for _ in 0..16 {
        let refused = pair.client.connect(pair.at(80)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}

#[tokio::test(start_paused = true)]
async fn pmtu_14_what_one_connection_finds_out_of_a_path_every_shard_goes_by() {
    let (left, right) = MemoryDevice::pair_of_queues(1_500, [4, 1]);
    let swallows = Some(Mtu { bytes: 1_400, excess: Excess::Silent });
    let narrow = LinkConfig { mtu: swallows, ..LinkConfig::default() };
    let narrow = |queue| ImpairedDevice::new(queue, LinkConfig::default(), narrow.clone(), 1);
    let family = Family::V4;
    let client = Stack::builder().queues(left.into_iter().map(narrow)).address(family.client());
    let server = Stack::builder().queues(right).address(family.server());
    let (client, server) = (client.spawn().unwrap(), server.spawn().unwrap());
    let pair = Sharded { client, server, family };
    let mut ends = pair.connect(12).await;
    let sizes = |ends: &[(TcpStream, TcpStream)]| -> Vec<u32> {
        ends.iter().map(|(opened, _)| opened.info().unwrap().path_mtu).collect()
    };
    assert_eq!(sizes(&ends), [1_500; 12]);
    let (opened, accepted) = &mut ends[5];
    let mut arrived = vec![0; 1_000_000];
    let sent = vec![3; arrived.len()];
    let (written, read) = tokio::join!(opened.write_all(&sent), accepted.read_exact(&mut arrived));
    written.unwrap();
    read.unwrap();
    settle().await;
    let found = ends[5].0.info().unwrap().path_mtu;
    assert!((1_300..=1_400).contains(&found), "{found}");
    assert_eq!(sizes(&ends), [found; 12], "most of them sent nothing");
}

#[tokio::test(start_paused = true)]
async fn tw_14_time_wait_is_kept_and_found_in_the_shard_of_the_connection() {
    let pair = Sharded::new([4, 4]);
    let listener = pair.server.listen(pair.at(80)).await.unwrap();
    let open = |port: u16| {
        let local = SocketAddr::new(pair.family.client().addr(), port);
        pair.client.connect(pair.at(80)).bind(local)
    };
    for port in 3_000..3_016 {
        let (opened, accepted) = tokio::join!(open(port), listener.accept());
        let (opened, (mut accepted, _)) = (opened.unwrap(), accepted.unwrap());
        drop(opened);
        assert_eq!(accepted.read(&mut [0]).await.unwrap(), 0);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (client, server) = (pair.client.connections().await, pair.server.connections().await);
    assert_eq!((client.time_wait, client.open.len()), (16, 0));
    assert_eq!((server.time_wait, server.open.len()), (0, 0));
    for port in 3_000..3_016 {
        assert_eq!(open(port).await.unwrap_err().kind(), ErrorKind::AddrInUse);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(pair.client.connections().await.time_wait, 0);
    assert_eq!(pair.client.stats().endpoint.time_waits, 16);
}

const CLIENT_SECRET: [u8; 32] = [1; 32];
