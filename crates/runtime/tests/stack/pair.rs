//! Two stacks, joined by a cable in memory that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use synack::{ImpairedDevice, IpNet, MemoryDevice, Stack, StackBuilder, TcpListener, TcpStream};
use synack_netem::{LinkConfig, Probability};

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

/// The client's end of the cable.
#[derive(Clone)]
pub(crate) struct Cable(Arc<ImpairedDevice<MemoryDevice>>);

impl Cable {
    /// Loses everything from now on.
    pub(crate) fn cut(&self) {
        let cut = LinkConfig { loss: Probability::ALWAYS, ..LinkConfig::default() };
        self.0.set_config(cut.clone(), cut);
    }

    /// Carries everything again.
    pub(crate) fn join(&self) {
        self.0.set_config(LinkConfig::default(), LinkConfig::default());
    }
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

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
        Self::with_each(family, &change, &change)
    }

    /// Each stack with something changed: the client's, then the server's.
    pub(crate) fn with_each(
        family: Family,
        client: impl FnOnce(StackBuilder) -> StackBuilder,
        server: impl FnOnce(StackBuilder) -> StackBuilder,
    ) -> Self {
        let (left, right) = MemoryDevice::pair(1_500);
        let builder = |device, address, secret| {
            Stack::builder().device(device).address(address).secret([secret; 32])
        };
        let client = client(builder(left, family.client(), 1));
        let server = server(builder(right, family.server(), 2));
        Self { client: client.spawn().unwrap(), server: server.spawn().unwrap(), family }
    }

    /// A pair whose cable can be cut.
    pub(crate) fn with_cable(family: Family) -> (Self, Cable) {
        let (left, right) = MemoryDevice::pair(1_500);
        let clean = LinkConfig::default;
        let cable = Cable(Arc::new(ImpairedDevice::new(left, clean(), clean(), 1)));
        let client = Stack::builder().device(Arc::clone(&cable.0)).address(family.client());
        let server = Stack::builder().device(right).address(family.server());
        let pair = Self {
            client: client.secret([1; 32]).spawn().unwrap(),
            server: server.secret([2; 32]).spawn().unwrap(),
            family,
        };
        (pair, cable)
    }

    /// A connection over a cable that can be cut: the client's end, and the server's.
    pub(crate) async fn v4_with_cable() -> (TcpStream, TcpStream, Cable) {
        let (pair, cable) = Self::with_cable(Family::V4);
        let (client, server) = pair.connect().await;
        (client, server, cable)
    }

    /// A socket of the server's.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.family.server().addr(), port)
    }

    pub(crate) async fn listen(&self, port: u16) -> TcpListener {
        self.server.listen(self.at(port)).await.unwrap()
    }

    /// A connection: the client's end, and the server's.
    pub(crate) async fn connect(&self) -> (TcpStream, TcpStream) {
        let listener = self.listen(0).await;
        let remote = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(self.client.connect(remote), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }
}
