//! Shows that every device that needs no privilege carries connections, and how a bad one is borne.
//! On tokio's paused clock, but for UDP, which is the kernel's.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Sink, Stream};
use synack::{
    BufferPool, Capabilities, Device, ImpairedDevice, MemoryDevice, MemorySwitch, Outgoing,
    PacketsDevice, Received, Stack, UdpDevice,
};
use synack_netem::{Bottleneck, LinkConfig, Order, Probability, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// Sends `len` octets one way and back, between two stacks on these devices.
async fn echo_over(left: impl Device, right: impl Device, len: usize) -> (Stack, Stack) {
    let spawn = |builder: synack::StackBuilder, address: &str, secret| {
        builder.address(address.parse().unwrap()).secret([secret; 32]).spawn().unwrap()
    };
    let client = spawn(Stack::builder().device(left), "10.0.0.1/24", 1);
    let server = spawn(Stack::builder().device(right), "10.0.0.2/24", 2);
    echo_between(&client, &server, len).await;
    (client, server)
}

async fn echo_between(client: &Stack, server: &Stack, len: usize) {
    let remote = "10.0.0.2:7".parse().unwrap();
    let listener = server.listen(remote).await.unwrap();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut stream = client.connect(remote).await.unwrap();
    let sent: Vec<u8> = (0..len).map(|index| (index % 253) as u8).collect();
    let mut back = Vec::new();
    let (mut read, mut write) = stream.split();
    let (written, read) = tokio::join!(
        async {
            write.write_all(&sent).await?;
            write.shutdown().await
        },
        read.read_to_end(&mut back)
    );
    written.unwrap();
    read.unwrap();
    assert!(back == sent, "what came back is not what was sent");
    echo.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_bad_link_costs_time_and_no_octet() {
    let bad = LinkConfig {
        delay: Duration::from_millis(15),
        loss: Probability::percent(2),
        order: Order::Free,
        bottleneck: Some(Bottleneck::drop_tail(Rate::mbit(50), 100)),
        ..LinkConfig::default()
    };
    for seed in 0..4 {
        let (left, right) = MemoryDevice::pair(1_500);
        let left = Arc::new(ImpairedDevice::new(left, bad.clone(), bad.clone(), seed));
        let before = Instant::now();
        echo_over(Arc::clone(&left), right, 400_000).await;
        assert!(before.elapsed() > Duration::from_millis(60), "two round trips at least");
        let (inward, outward) = left.stats();
        assert!(inward.lost_uniform + outward.lost_uniform > 0, "seed {seed} loses something");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_secrets_and_seed_give_the_same_packets_at_the_same_times() {
    let (first, second) = (recorded_run().await, recorded_run().await);
    assert!(first.len() > 150, "{} packets", first.len());
    assert!(first == second, "the runs differ");
}

/// Every packet that a client sends over a bad link, with the time since the beginning.
async fn recorded_run() -> Vec<(Duration, Bytes)> {
    let bad = LinkConfig {
        delay: Duration::from_micros(3_700),
        loss: Probability::percent(3),
        ..LinkConfig::default()
    };
    let (left, right) = MemoryDevice::pair(1_500);
    let tap = Arc::new(Tap { device: left, began: Instant::now(), log: Mutex::default() });
    let left = ImpairedDevice::new(Arc::clone(&tap), bad.clone(), bad, 99);
    echo_over(left, right, 400_000).await;
    std::mem::take(&mut tap.log.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_switch_joins_many_stacks() {
    let switch = MemorySwitch::new(1_500);
    let stack = |host: u8| {
        let address = format!("10.0.0.{host}/24").parse().unwrap();
        let builder = Stack::builder().device(switch.port()).address(address);
        builder.secret([host; 32]).spawn().unwrap()
    };
    let server = stack(2);
    let clients: Vec<Stack> = (10..15).map(stack).collect();
    for client in &clients {
        echo_between(client, &server, 20_000).await;
    }
    // Once the switch knows the hosts, a third one hears nothing of two others.
    let bystander = stack(99);
    let heard = bystander.stats().packets_in;
    echo_between(&clients[0], &server, 20_000).await;
    assert_eq!(bystander.stats().packets_in, heard);
}

#[tokio::test]
async fn datagrams_carry_connections() {
    let (left, right) = (
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    );
    left.connect(right.local_addr().unwrap()).await.unwrap();
    right.connect(left.local_addr().unwrap()).await.unwrap();
    let mtu = UdpDevice::MTU_DEFAULT;
    echo_over(UdpDevice::new(left, mtu), UdpDevice::new(right, mtu), 500_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_and_a_sink_carry_connections() {
    let (to_right, from_left) = mpsc::channel(4);
    let (to_left, from_right) = mpsc::channel(4);
    let left = PacketsDevice::new(Channel { packets: from_right, sink: to_right }, 1_500);
    let right = PacketsDevice::new(Channel { packets: from_left, sink: to_left }, 1_500);
    let (client, server) = echo_over(left, right, 300_000).await;
    drop(server);
    // With the other end, its half of the channels goes, and with that this device.
    let error = client.connect("10.0.0.2:7".parse().unwrap()).await.unwrap_err();
    assert!(
        matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_often_full_delays_and_loses_nothing() {
    let (left, right) = MemoryDevice::pair(1_500);
    let left = Narrow { device: left, room: Mutex::new(ROOM), refused: Mutex::new(0) };
    let left = Arc::new(left);
    let (client, _server) = echo_over(Arc::clone(&left), right, 300_000).await;
    assert!(*left.refused.lock().unwrap() > 20, "it was full now and then");
    let stats = client.stats();
    assert_eq!((stats.send_errors, stats.replies_dropped), (0, 0));
    assert!(stats.device_full >= *left.refused.lock().unwrap());
}

/// Two channels as a stream and a sink.
pub(crate) struct Channel {
    pub(crate) packets: mpsc::Receiver<Bytes>,
    pub(crate) sink: mpsc::Sender<Bytes>,
}

impl Stream for Channel {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.packets).poll_next(cx).map(|packet| packet.map(Ok))
    }
}

impl Sink<Bytes> for Channel {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_ready(cx).map_err(broken)
    }

    fn start_send(mut self: Pin<&mut Self>, packet: Bytes) -> io::Result<()> {
        self.sink.start_send(packet).map_err(broken)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn broken(error: mpsc::SendError) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}

/// Writes down what is sent.
struct Tap {
    device: MemoryDevice,
    began: Instant,
    log: Mutex<Vec<(Duration, Bytes)>>,
}

impl Device for Tap {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.device.poll_receive(cx, pool)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.device.poll_writable(cx)
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        self.log.lock().unwrap().push((self.began.elapsed(), packet.to_bytes()?));
        self.device.try_send(packet)
    }

    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }
}

/// Takes a few packets, and then none until it is asked whether it would.
struct Narrow {
    device: MemoryDevice,
    room: Mutex<u32>,
    refused: Mutex<u64>,
}

const ROOM: u32 = 5;

impl Device for Narrow {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.device.poll_receive(cx, pool)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = self.room.lock().unwrap();
        if *room == 0 {
            *room = ROOM;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let mut room = self.room.lock().unwrap();
        if *room == 0 {
            *self.refused.lock().unwrap() += 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *room -= 1;
        drop(room);
        self.device.try_send(packet)
    }

    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }
}
