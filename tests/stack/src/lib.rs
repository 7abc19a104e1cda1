//! A stack and the kernel at the two ends of a TUN device, in a private network.

pub mod programs;
pub mod stream;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use synack::{Device, IpNet, Stack, StackBuilder, TunDevice};
use synack_netns::Interface;

/// The two ends of a link.
pub struct Link {
    /// Our end.
    pub stack: Stack,
    /// The kernel's end.
    pub interface: Interface,
}

/// The two ends of a connection.
pub struct Ends {
    /// A socket of the kernel.
    pub kernel: tokio::net::TcpStream,
    /// A stream of the stack.
    pub ours: synack::TcpStream,
}

/// Which addresses a test runs over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The stack's address, with a port.
    pub fn stack(self, port: u16) -> SocketAddr {
        match self {
            Self::V4 => (Ipv4Addr::new(10, 9, 0, 2), port).into(),
            Self::V6 => (Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 2), port).into(),
        }
    }

    /// The kernel's address, with a port.
    pub fn kernel(self, port: u16) -> SocketAddr {
        match self {
            Self::V4 => (Ipv4Addr::new(10, 9, 0, 1), port).into(),
            Self::V6 => (Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1), port).into(),
        }
    }
}

/// The device.
const NAME: &str = "synack0";

/// Runs `body` in a private network with a stack behind a TUN device of `mtu`, on a runtime of one
/// thread. Where no TUN device can be had it says so; under `CI=true` that is a failure.
pub fn with_kernel<F: Future<Output = ()>>(mtu: u16, body: impl FnOnce(Link) -> F + Send) {
    with_configured(mtu, |builder| builder, body);
}

/// As [`with_kernel`], with a stack that is built as `configure` says.
pub fn with_configured<F: Future<Output = ()>>(
    mtu: u16,
    configure: impl FnOnce(StackBuilder) -> StackBuilder + Send,
    body: impl FnOnce(Link) -> F + Send,
) {
    with_device(mtu, TunDevice::open, configure, body);
}

/// Likewise, with the device that `open` makes of the name of a TUN device.
pub fn with_device<D: Device, F: Future<Output = ()>>(
    mtu: u16,
    open: impl FnOnce(&str) -> io::Result<D> + Send,
    configure: impl FnOnce(StackBuilder) -> StackBuilder + Send,
    body: impl FnOnce(Link) -> F + Send,
) {
    synack_netns::test(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread").block_on(async {
            let link = Link::open(mtu, open, configure).expect("a device in a private network");
            let stack = link.stack.clone();
            body(link).await;
            drop(stack);
        });
    });
}

impl Link {
    /// Makes a TUN device of `mtu`, in the private network of the calling thread; gives the kernel
    /// its end of it, and the other, as `open` opens it, to a stack that is built as `configure`
    /// says.
    ///
    /// # Errors
    /// What the kernel says of the device or of an address of its own, or the stack of its.
    pub fn open<D: Device>(
        mtu: u16,
        open: impl FnOnce(&str) -> io::Result<D>,
        configure: impl FnOnce(StackBuilder) -> StackBuilder,
    ) -> io::Result<Self> {
        let device = open(NAME)?;
        let interface = Interface::named(NAME)?;
        interface.set_mtu(u32::from(mtu).max(1_280))?;
        interface.set_up()?;
        let mut builder = Stack::builder().device(device);
        for family in Family::ALL {
            let length = if family == Family::V4 { 24 } else { 64 };
            let prefix = |ip: IpAddr| IpNet::new(ip, length).expect("a length that fits");
            builder = builder.address(prefix(family.stack(0).ip()));
            let kernel = prefix(family.kernel(0).ip()).to_string();
            interface.add_address(kernel.parse()?)?;
        }
        let stack = configure(builder).spawn()?;
        Ok(Self { stack, interface })
    }

    /// A connection that the kernel opens to us.
    ///
    /// # Errors
    /// What either end says of it.
    pub async fn opened_by_the_kernel(&self, family: Family) -> io::Result<Ends> {
        let listener = self.stack.listen(family.stack(PORT)).await?;
        let opening = tokio::net::TcpStream::connect(family.stack(PORT));
        let (kernel, (ours, _)) = tokio::try_join!(opening, listener.accept())?;
        Ok(Ends { kernel, ours })
    }

    /// A connection that we open to the kernel.
    ///
    /// # Errors
    /// What either end says of it.
    pub async fn opened_by_us(&self, family: Family) -> io::Result<Ends> {
        let listener = tokio::net::TcpListener::bind(family.kernel(PORT)).await?;
        let opening = self.stack.connect(family.kernel(PORT));
        let (ours, (kernel, _)) = tokio::try_join!(opening, listener.accept())?;
        Ok(Ends { kernel, ours })
    }
}

/// The port of whoever listens.
pub const PORT: u16 = 9_000;
