//! Where the two hosts meet: a TUN device in a private network, or a cable in memory.

use std::time::Duration;

use anyhow::{Context, Result};
use synack::{Device, IpNet, MemoryDevice, Stack, TunDevice};
use synack_netns::Interface;
use tokio::time::Instant;

use crate::host::Host;

/// Two hosts and the link between them.
pub(crate) struct World {
    pub(crate) stack: Host,
    /// The kernel, or a second stack.
    pub(crate) peer: Host,
    pub(crate) link: &'static str,
}

/// The MTU of either link. Units: octets.
pub(crate) const MTU: u32 = 1_500;
const STACK: [&str; 2] = ["10.9.0.2/24", "fd09::2/64"];
const PEER: [&str; 2] = ["10.9.0.1/24", "fd09::1/64"];

impl World {
    /// The kernel at one end of a TUN device, a stack at the other. The network is a private one.
    pub(crate) fn with_kernel() -> Result<Self> {
        let device = TunDevice::open("synack0").context("opening a TUN device")?;
        let interface = Interface::named(device.name())?;
        for address in PEER {
            interface.add_address(address.parse()?)?;
        }
        interface.set_up()?;
        let peer = Host::kernel(addresses(PEER)?);
        let stack = Host::stack("synack", spawn(device, STACK)?, addresses(STACK)?);
        Ok(Self { stack, peer, link: "a TUN device" })
    }

    /// Two stacks in this process.
    pub(crate) fn in_memory() -> Result<Self> {
        let (left, right) = MemoryDevice::pair(MTU);
        let peer = Host::stack("synack 2", spawn(left, PEER)?, addresses(PEER)?);
        let stack = Host::stack("synack", spawn(right, STACK)?, addresses(STACK)?);
        Ok(Self { stack, peer, link: "a cable in memory" })
    }

    /// Closes everything; returns how many connections had to be reset, which is none if all is
    /// well.
    pub(crate) async fn shut_down(&self, patience: Duration) -> usize {
        let mut reset = 0;
        for stack in [&self.stack, &self.peer].into_iter().filter_map(Host::as_stack) {
            reset += stack.shutdown(Instant::now() + patience).await;
        }
        reset
    }
}

fn spawn(device: impl Device, addresses: [&str; 2]) -> Result<Stack> {
    let mut builder = Stack::builder().device(device);
    for address in addresses {
        builder = builder.address(address.parse()?);
    }
    Ok(builder.spawn()?)
}

fn addresses(with_prefix: [&str; 2]) -> Result<Vec<std::net::IpAddr>> {
    with_prefix.into_iter().map(|text| Ok(text.parse::<IpNet>()?.addr())).collect()
}
