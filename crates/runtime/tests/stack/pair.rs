//! Two stacks, joined by a cable in memory.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;

use synack::{IpNet, MemoryDevice, Stack, StackBuilder, TcpListener, TcpStream};

/// Which IP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

/// A client's and a server's stack.
pub(crate) struct Pair {
    pub(crate) client: Stack,
    pub(crate) server: Stack,
    family: Family,
}

impl Family {
    pub(crate) fn client(self) -> IpNet {
        match self {
            Self::V4 => "10.0.0.1/24",
            Self::V6 => "fd00::1/64",
        }
        .parse()
        .unwrap()
    }

    pub(crate) fn server(self) -> IpNet {
        match self {
            Self::V4 => "10.0.0.2/24",
            Self::V6 => "fd00::2/64",
        }
        .parse()
        .unwrap()
    }
}

impl Pair {
    pub(crate) fn new(family: Family) -> Self {
        Self::with(family, |builder| builder)
    }

    pub(crate) fn v4() -> Self {
        Self::new(Family::V4)
    }

    /// Both stacks with something changed.
    pub(crate) fn with(family: Family, change: impl Fn(StackBuilder) -> StackBuilder) -> Self {
        let (left, right) = MemoryDevice::pair(1_500);
        let stack = |device: MemoryDevice, address, secret| {
            let builder = Stack::builder().device(device).address(address).secret([secret; 32]);
            change(builder).spawn().unwrap()
        };
        Self {
            client: stack(left, family.client(), 1),
            server: stack(right, family.server(), 2),
            family,
        }
    }

    /// A socket of the server's.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.family.server().addr(), port)
    }

    pub(crate) async fn listen(&self, port: u16) -> TcpListener {
        self.server.listen(self.at(port)).await.unwrap()
    }

    /// A connection on port 80: the client's end, and the server's.
    pub(crate) async fn connect(&self) -> (TcpStream, TcpStream) {
        let listener = self.listen(0).await;
        let remote = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(self.client.connect(remote), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }
}
