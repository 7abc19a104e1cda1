//! A stack and the kernel at the two ends of a TUN device, in a private network.

pub mod programs;
pub mod stream;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use synack::{IpNet, Stack, StackBuilder, TunDevice};
use synack_netns::Interface;
use tokio_tun::Tun;

/// The two ends of a link.
pub struct Link {
    /// Our end.
    pub stack: Stack,
    /// The kernel's end.
    pub interface: Interface,
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
    synack_netns::test(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread").block_on(async {
            let link = Link::open(mtu, configure);
            let stack = link.stack.clone();
            body(link).await;
            drop(stack);
        });
    });
}

impl Link {
    fn open(mtu: u16, configure: impl FnOnce(StackBuilder) -> StackBuilder) -> Self {
        let builder = Tun::builder().name("synack0").mtu(i32::from(mtu).max(1_280));
        let mut queues = builder.up().build().expect("a TUN device in a private network");
        let device = TunDevice::new(queues.remove(0)).expect("a device that was just made");
        let interface = Interface::named("synack0").expect("a device that was just made");
        let mut builder = Stack::builder().device(device);
        for family in Family::ALL {
            let length = if family == Family::V4 { 24 } else { 64 };
            let prefix = |ip: IpAddr| IpNet::new(ip, length).expect("a length that fits");
            builder = builder.address(prefix(family.stack(0).ip()));
            let kernel = prefix(family.kernel(0).ip()).to_string();
            interface.add_address(kernel.parse().expect("a prefix")).expect("an address");
        }
        let stack = configure(builder).spawn().expect("a stack");
        Self { stack, interface }
    }
}
