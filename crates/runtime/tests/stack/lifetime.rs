//! Shows how long a stack lives and what is told when it ends: handles, shutdown, device, runtime.
//! Stacks are joined in memory, on tokio's paused clock.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::task::AtomicWaker;
use synack::{
    BufferPool, Capabilities, ConnectionConfig, Device, EndpointConfig, MemoryDevice, Outgoing,
    Received, Stack, StackError,
};
use synack_tcb::congestion::{Beginning, CongestionController, CongestionFactory};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::far_end::{FarEnd, settle};
use crate::pair::{Family, Pair};

#[tokio::test(start_paused = true)]
async fn streams_live_on_when_the_handles_are_gone() {
    let pair = Pair::v4();
    let (mut client, mut server) = pair.connect().await;
    drop(pair);
    tokio::time::sleep(Duration::from_secs(5)).await;
    client.write_all(b"alive").await.unwrap();
    let mut text = [0; 5];
    server.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"alive");
}

#[tokio::test(start_paused = true)]
async fn a_listener_keeps_its_stack() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    let (client, at) = (pair.client.clone(), pair.at(80));
    drop(pair);
    let (client, server) = tokio::join!(client.connect(at), listener.accept());
    client.unwrap();
    server.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_driver_ends_with_the_last_connection_and_lets_go_of_the_device() {
    let (left, right) = MemoryDevice::pair(1_500);
    let device = Arc::new(left);
    let builder = Stack::builder().device(Arc::clone(&device));
    let client = builder.address("10.0.0.1/24".parse().unwrap()).spawn().unwrap();
    let builder = Stack::builder().device(right);
    let server = builder.address("10.0.0.2/24".parse().unwrap()).spawn().unwrap();
    let remote = "10.0.0.2:80".parse().unwrap();
    let listener = server.listen(remote).await.unwrap();
    let (mut stream, accepted) =
        tokio::join!(async { client.connect(remote).await.unwrap() }, async {
            listener.accept().await.unwrap()
        });
    drop(client);
    stream.write_all(b"the end").await.unwrap();
    drop(stream);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(Arc::strong_count(&device), 2, "the peer has not closed yet");
    let (mut accepted, _) = accepted;
    let mut text = String::new();
    accepted.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "the end");
    drop(accepted);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&device), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_delivers_what_was_written_and_refuses_what_is_new() {
    let pair = Pair::v4();
    let listener = pair.server.listen(pair.at(80)).await.unwrap();
    let (mut client, mut server) = pair.connect().await;
    let sent = vec![4; 300_000];
    client.write_all(&sent).await.unwrap();
    let stack = pair.client.clone();
    let shutdown =
        tokio::spawn(async move { stack.shutdown(Instant::now() + Duration::from_secs(30)).await });
    let mut read = Vec::new();
    server.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, sent);
    let late = pair.client.connect(pair.at(80)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NetworkUnreachable);
    server.write_all(b"and back").await.unwrap();
    drop(server);
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "and back");
    assert_eq!(shutdown.await.unwrap(), 0, "nothing had to be reset");
    let gone = pair.client.connect(pair.at(80)).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NetworkDown);
    assert!(matches!(source_of(&gone), StackError::Stopped));
    assert_eq!(pair.client.shutdown(Instant::now()).await, 0, "there is nothing to shut down");
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_of_a_shutdown_the_rest_is_reset() {
    let pair = Pair::v4();
    let (_client, mut server) = pair.connect().await;
    let (_other, mut other) = pair.connect().await;
    let waiting = pair.client.listen("10.0.0.1:80".parse().unwrap()).await.unwrap();
    let before = Instant::now();
    let aborted = pair.client.shutdown(before + Duration::from_secs(20)).await;
    assert_eq!(aborted, 2, "the peer never closed");
    assert_eq!(before.elapsed(), Duration::from_secs(20));
    for server in [&mut server, &mut other] {
        assert_eq!(server.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(waiting.accept().await.unwrap_err().kind(), ErrorKind::NetworkDown);
}

#[tokio::test(start_paused = true)]
async fn sm_close_10_a_stack_that_ends_resets_every_handshake_first() {
    let (stack, mut far) = FarEnd::new(Family::V4).await;
    let listener = stack.listen(far.host).await.unwrap();
    for port in 5_000..5_100 {
        far.socket.set_port(port);
        assert!(far.answer_to(&far.syn()).await.segment().is_syn());
    }
    drop((listener, stack));
    settle().await;
    let resets = far.sent().iter().filter(|sent| sent.segment().is_rst()).count();
    assert_eq!(resets, 100, "more than one turn sends");
}

#[tokio::test(start_paused = true)]
async fn a_failed_device_fails_everything_with_an_error_of_its_kind() {
    let (left, right) = MemoryDevice::pair(1_500);
    let device = Arc::new(Fragile::new(left));
    let address = "10.0.0.1/24".parse().unwrap();
    let stack = Stack::builder().device(Arc::clone(&device)).address(address).spawn().unwrap();
    let other = Stack::builder().device(right).address("10.0.0.2/24".parse().unwrap());
    let other = other.spawn().unwrap();
    let remote = "10.0.0.2:80".parse().unwrap();
    let far = other.listen(remote).await.unwrap();
    let (stream, _far_end) = tokio::join!(stack.connect(remote), far.accept());
    let mut stream = stream.unwrap();
    let mut packets = stack.other_packets().unwrap();
    let listener = stack.listen("10.0.0.1:90".parse().unwrap()).await.unwrap();
    let accept = tokio::spawn(async move { listener.accept().await.map(drop) });
    let connect = tokio::spawn(stack.connect("10.0.0.77:80".parse().unwrap()));
    let receive = tokio::spawn(async move { packets.recv().await.map(drop) });
    let mut news = stream.events();
    tokio::time::sleep(Duration::from_millis(1)).await;

    device.break_down();
    let errors = [
        stream.read(&mut [0; 1]).await.unwrap_err(),
        stream.write(b"x").await.unwrap_err(),
        stream.readable().await.and_then(|()| stream.try_read(&mut [0; 1])).unwrap_err(),
        stream.shutdown().await.unwrap_err(),
        stream.info().unwrap_err(),
        accept.await.unwrap().unwrap_err(),
        connect.await.unwrap().map(drop).unwrap_err(),
        receive.await.unwrap().unwrap_err(),
        stack.connect(remote).await.map(drop).unwrap_err(),
        stack.listen("10.0.0.1:91".parse().unwrap()).await.map(drop).unwrap_err(),
    ];
    for (index, error) in errors.iter().enumerate() {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "call {index}: {error}");
        assert!(matches!(source_of(error), StackError::Device(_)), "call {index}");
    }
    assert_eq!(news.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn of_two_devices_one_may_fail() {
    let (left, near) = MemoryDevice::pair(1_500);
    let (right, far) = MemoryDevice::pair(1_500);
    let device = Arc::new(Fragile::new(left));
    let stack = Stack::builder()
        .device(Arc::clone(&device))
        .address("10.0.0.1/24".parse().unwrap())
        .device(right)
        .address("10.1.0.1/24".parse().unwrap())
        .spawn()
        .unwrap();
    let spawn = |device, address: &str| {
        Stack::builder().device(device).address(address.parse().unwrap()).spawn().unwrap()
    };
    let (near, far) = (spawn(near, "10.0.0.2/24"), spawn(far, "10.1.0.2/24"));
    let (near_at, far_at) = ("10.0.0.2:80".parse().unwrap(), "10.1.0.2:80".parse().unwrap());
    let near_listener = near.listen(near_at).await.unwrap();
    let far_listener = far.listen(far_at).await.unwrap();
    let (to_near, _a) = tokio::join!(stack.connect(near_at), near_listener.accept());
    let (to_far, b) = tokio::join!(stack.connect(far_at), far_listener.accept());
    let (mut to_near, mut to_far, (mut b, _)) = (to_near.unwrap(), to_far.unwrap(), b.unwrap());
    assert_eq!(to_near.local_addr().unwrap().ip().to_string(), "10.0.0.1");
    assert_eq!(to_far.local_addr().unwrap().ip().to_string(), "10.1.0.1");
    device.break_down();
    assert_eq!(to_near.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    to_far.write_all(b"goes on").await.unwrap();
    let mut text = [0; 7];
    b.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"goes on");
    let unreachable = stack.connect(near_at).await.unwrap_err();
    assert_eq!(unreachable.kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn streams_outlive_their_runtime_without_hanging() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runtime = build();
    let (mut client, _server) = runtime.block_on(async { Pair::v4().connect().await });
    drop(runtime);
    let error = build().block_on(client.read(&mut [0; 1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkDown);
}

#[test]
fn a_stack_needs_a_runtime() {
    let (device, _other) = MemoryDevice::pair(1_500);
    let builder = Stack::builder().device(device).address("10.0.0.1/24".parse().unwrap());
    assert_eq!(builder.spawn().unwrap_err().kind(), ErrorKind::Other);
}

#[tokio::test]
async fn what_makes_no_stack_is_refused() {
    let device = |mtu| MemoryDevice::pair(mtu).0;
    let v4 = "10.0.0.1/24".parse().unwrap();
    let v6 = "fd00::1/64".parse().unwrap();
    for builder in [
        Stack::builder().address(v4),
        Stack::builder().device(device(1_500)),
        Stack::builder().device(device(1_279)).address(v6),
        Stack::builder().device(device(1_500)).address(v6).mtu(1_000),
        Stack::builder().device(device(67)).address(v4),
    ] {
        assert_eq!(builder.spawn().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test(start_paused = true)]
async fn what_connections_get_does_not_depend_on_the_order_of_the_calls() {
    let of_all = || EndpointConfig { connections_max: 1, ..EndpointConfig::default() };
    let of_each = || ConnectionConfig { hop_limit: 9, ..ConnectionConfig::default() };
    for order in 0..2 {
        let pair = Pair::with(Family::V4, |builder| match order {
            0 => builder.config(of_all()).connection_config(of_each()),
            _ => builder.connection_config(of_each()).config(of_all()),
        });
        let (client, server) = pair.connect().await;
        assert_eq!((client.ttl().unwrap(), server.ttl().unwrap()), (9, 9), "order {order}");
        let full = pair.client.connect(pair.at(80)).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::QuotaExceeded, "order {order}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_connection_ends_that_one_alone() {
    let pair = Pair::v4();
    let (victim, mut peer) = pair.connect().await;
    let (mut other, mut other_peer) = pair.connect().await;
    let victim = Arc::new(victim);
    let bug = Arc::clone(&victim);
    // Panics while the connection is locked, as a bug in its code would.
    let panicked = tokio::spawn(async move { bug.configure(|_| panic!("a bug")) }).await;
    assert!(panicked.unwrap_err().is_panic());
    let error = victim.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert!(matches!(source_of(&error), StackError::Panicked));
    // Its peer learns of it when it next says something.
    peer.write_all(b"hello?").await.unwrap();
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    other.write_all(b"fine").await.unwrap();
    let mut text = [0; 4];
    other_peer.read_exact(&mut text).await.unwrap();
    assert_eq!(pair.client.stats().panics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_handshake_ends_that_one_alone() {
    let pair = Pair::v4();
    let (mut other, mut other_peer) = pair.connect().await;
    let faulty = ConnectionConfig { congestion: Arc::new(Faulty), ..ConnectionConfig::default() };
    let listen = pair.server.listen(pair.at(80));
    let listen = listen.configure(|config| config.connection = Some(Arc::new(faulty.clone())));
    let _listener = listen.await.unwrap();
    // The peer's side is complete with the SYN-ACK; ours panics at the ACK of that.
    let mut victim = pair.client.connect(pair.at(80)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pair.server.stats().panics, 1);
    assert_eq!(pair.server.connections().await.half_open, 0);
    victim.write_all(b"hello?").await.unwrap();
    assert_eq!(victim.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);

    let opened = pair.client.connect(pair.at(80)).configure(|config| *config = faulty).await;
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert!(matches!(source_of(&error), StackError::Panicked));
    assert_eq!(pair.client.stats().panics, 1);

    other.write_all(b"fine").await.unwrap();
    let mut text = [0; 4];
    other_peer.read_exact(&mut text).await.unwrap();
}

/// A congestion controller of an application's own, with a bug.
#[derive(Debug)]
struct Faulty;

impl CongestionFactory for Faulty {
    fn build(&self, _beginning: &Beginning) -> Box<dyn CongestionController> {
        panic!("a bug")
    }
}

fn source_of(error: &io::Error) -> &StackError {
    error.get_ref().and_then(|source| source.downcast_ref()).expect("the stack is the source")
}

/// A device that breaks down when it is told to.
struct Fragile {
    device: MemoryDevice,
    is_broken: AtomicBool,
    driver: AtomicWaker,
}

impl Fragile {
    fn new(device: MemoryDevice) -> Self {
        Self { device, is_broken: AtomicBool::new(false), driver: AtomicWaker::new() }
    }

    fn break_down(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
        self.driver.take().into_iter().for_each(Waker::wake);
    }
}

impl Device for Fragile {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.driver.register(cx.waker());
        if self.is_broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::new(ErrorKind::BrokenPipe, "unplugged")));
        }
        self.device.poll_receive(cx, pool)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.device.poll_writable(cx)
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        self.device.try_send(packet)
    }

    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }
}
