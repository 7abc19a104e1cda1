//! Whole ways through two stacks of crate `synack`, with its tasks, locks and wake-ups.

use std::fmt;

use synack::{MemoryDevice, Stack, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::{Operation, TIMES};
use crate::Family;

/// Two stacks in one thread, joined by a cable in memory, and a connection between them.
struct Joined {
    runtime: Runtime,
    client: TcpStream,
    server: TcpStream,
}

impl Joined {
    fn new(family: Family, runtime: Runtime) -> Self {
        let (client, server) = runtime.block_on(connect(family));
        Self { runtime, client, server }
    }

    /// One octet there and back, so often.
    fn exchange(&mut self, times: usize) {
        let Self { runtime, client, server } = self;
        runtime.block_on(async {
            let mut octet = [1];
            for _ in 0..times {
                client.write_all(&octet).await.expect("the connection is open");
                server.read_exact(&mut octet).await.expect("the connection is open");
                server.write_all(&octet).await.expect("the connection is open");
                client.read_exact(&mut octet).await.expect("the connection is open");
            }
        });
    }

    /// `text` from the client to the server.
    fn transfer(&mut self, text: &[u8], into: &mut [u8]) {
        let Self { runtime, client, server } = self;
        runtime.block_on(async {
            let (written, read) = tokio::join!(client.write_all(text), server.read_exact(into));
            written.expect("the connection is open");
            read.expect("the connection is open");
        });
    }
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").finish_non_exhaustive()
    }
}

async fn connect(family: Family) -> (TcpStream, TcpStream) {
    let (left, right) = MemoryDevice::pair(1_500);
    let [client, server] = match family {
        Family::V4 => ["10.0.0.1/24", "10.0.0.2/24"],
        Family::V6 => ["fd00::1/64", "fd00::2/64"],
    };
    let stack = |device, address: &str, secret| {
        let address = address.parse().expect("an address with its prefix length");
        let builder = Stack::builder().device(device).address(address).secret([secret; 32]);
        builder.spawn().expect("a stack in a runtime")
    };
    let (client, server) = (stack(left, client, 1), stack(right, server, 2));
    let local = match family {
        Family::V4 => "10.0.0.2:80",
        Family::V6 => "[fd00::2]:80",
    };
    let local = local.parse().expect("a socket");
    let listener = server.listen(local).await.expect("nobody else listens");
    let (client, server) = tokio::join!(client.connect(local), listener.accept());
    let (client, (server, _)) = (client.expect("it listens"), server.expect("it connects"));
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("the connection is open");
    }
    (client, server)
}

/// A segment of a bulk transfer, from the writer to the reader, and its share of an ACK.
#[derive(Debug)]
pub struct StackBulk {
    joined: Joined,
    text: Vec<u8>,
    into: Vec<u8>,
}

impl StackBulk {
    /// In the midst of a transfer. With `runtime`'s clock paused, timers come up at the same point
    /// each time.
    ///
    /// # Panics
    /// When the stacks cannot be joined: a bug, as everywhere here.
    pub fn new(family: Family, runtime: Runtime) -> Self {
        let mut joined = Joined::new(family, runtime);
        let warm = vec![7; WARM];
        joined.transfer(&warm, &mut vec![0; WARM]);
        let mss = match family {
            Family::V4 => 1_448,
            Family::V6 => 1_428,
        };
        Self { joined, text: vec![7; TIMES * mss], into: vec![0; TIMES * mss] }
    }
}

impl Operation for StackBulk {
    fn run(&mut self) {
        self.joined.transfer(&self.text, &mut self.into);
    }
}

/// An octet to the server and one back.
#[derive(Debug)]
pub struct StackExchange(Joined);

impl StackExchange {
    /// After a thousand others.
    ///
    /// # Panics
    /// As [`StackBulk::new`].
    pub fn new(family: Family, runtime: Runtime) -> Self {
        let mut joined = Joined::new(family, runtime);
        joined.exchange(1_000);
        Self(joined)
    }
}

impl Operation for StackExchange {
    fn run(&mut self) {
        self.0.exchange(TIMES);
    }
}

/// What is moved before. Units: octets.
const WARM: usize = 8 << 20;
