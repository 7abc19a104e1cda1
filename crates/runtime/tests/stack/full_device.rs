//! Shows that what a full device refused leaves when it has room, even as the stack ends.
//! Two stacks are joined in memory by a device with a gate, on tokio's paused clock.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::task::AtomicWaker;
use synack::{BufferPool, Capabilities, Device, MemoryDevice, Outgoing, Received, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn a_reset_that_a_full_device_refused_leaves_after_the_last_handle_is_gone() {
    let (client, server, gate) = stacks();
    let (stream, mut far) = connect(&client, &server).await;
    drop(client);
    gate.shut();
    stream.abort();
    drop(stream);
    tokio::time::sleep(MINUTE).await;
    gate.open();
    let told = timeout(MINUTE, far.read(&mut [0; 1])).await.expect("the reset leaves");
    assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(gate.is_let_go().await, "and then the stack ends");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_full_device_until_its_deadline() {
    for (patience, is_shut, told) in
        [(2 * MINUTE, MINUTE, Some(ErrorKind::ConnectionReset)), (MINUTE, 2 * MINUTE, None)]
    {
        let (client, server, gate) = stacks();
        let (stream, mut far) = connect(&client, &server).await;
        gate.shut();
        stream.abort();
        let before = Instant::now();
        let opened = tokio::spawn(async move {
            tokio::time::sleep(is_shut).await;
            gate.open();
        });
        assert_eq!(client.shutdown(before + patience).await, 0, "nothing is open any more");
        assert_eq!(before.elapsed(), patience.min(is_shut));
        opened.await.unwrap();
        let read = timeout(MINUTE, far.read(&mut [0; 1])).await.ok();
        assert_eq!(read.map(|read| read.unwrap_err().kind()), told);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_full_device_refused_comes_in_order_when_it_has_room() {
    let (client, server, gate) = stacks();
    let (mut stream, mut far) = connect(&client, &server).await;
    let sent: Vec<u8> = (0..200_000_u32).map(|index| (index / 7) as u8).collect();
    gate.shut();
    stream.write_all(&sent).await.unwrap();
    stream.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.open();
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, sent);
}

/// A client's stack, whose device has a gate, and a server's.
fn stacks() -> (Stack, Stack, Gate) {
    let (near, far) = MemoryDevice::pair(1_500);
    let gate = Gate::default();
    let spawn = |builder: synack::StackBuilder, address: &str, secret| {
        builder.address(address.parse().unwrap()).secret([secret; 32]).spawn().unwrap()
    };
    let gated = Gated { device: near, gate: gate.clone() };
    let client = spawn(Stack::builder().device(gated), "10.0.0.1/24", 1);
    let server = spawn(Stack::builder().device(far), "10.0.0.2/24", 2);
    (client, server, gate)
}

async fn connect(client: &Stack, server: &Stack) -> (synack::TcpStream, synack::TcpStream) {
    let at = "10.0.0.2:80".parse().unwrap();
    let listener = server.listen(at).await.unwrap();
    let (stream, far) = tokio::join!(client.connect(at), listener.accept());
    (stream.unwrap(), far.unwrap().0)
}

/// Whether a device takes packets.
#[derive(Clone, Default)]
struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    is_shut: AtomicBool,
    driver: AtomicWaker,
}

impl Gate {
    fn shut(&self) {
        self.0.is_shut.store(true, Ordering::Relaxed);
    }

    fn open(&self) {
        self.0.is_shut.store(false, Ordering::Relaxed);
        self.0.driver.take().into_iter().for_each(Waker::wake);
    }

    /// Whether the device is dropped, within a moment.
    async fn is_let_go(&self) -> bool {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Arc::strong_count(&self.0) == 1
    }
}

struct Gated {
    device: MemoryDevice,
    gate: Gate,
}

impl Device for Gated {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.device.poll_receive(cx, pool)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.gate.0.driver.register(cx.waker());
        if self.gate.0.is_shut.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.device.poll_writable(cx)
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        if self.gate.0.is_shut.load(Ordering::Relaxed) {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.device.try_send(packet)
    }

    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }
}
