//! The private network of one run: what client and stack are joined by, and nothing else.

use std::io;
use std::net::Ipv4Addr;

use anyhow::Context;
use synack_netns::{Interface, Namespace};

use super::subject::Link;
use crate::kernel_tcp::{self, join};
use crate::tun::{Framing, Tun};

/// The device that a stack is given.
pub(super) const TUN: &str = "t0";

/// The namespaces of a client and a stack. What is in them vanishes with the run, so no device, no
/// offload and no closing connection is left over for the next.
pub(super) struct Network {
    client: Namespace,
    /// A namespace of its own, for a stack that is a kernel's.
    stack: Option<Namespace>,
    address: Ipv4Addr,
}

impl Network {
    /// Makes the namespaces and joins them.
    ///
    /// # Errors
    /// When the kernel refuses a namespace, a device or a setting.
    pub(super) fn new(link: Link, mtu: u16) -> anyhow::Result<Self> {
        let client = Namespace::new()?;
        client.run(kernel_tcp::tune)?;
        let stack = match link {
            Link::Tun => {
                client.run(|| make_tun(mtu)).context("cannot make the TUN device")?;
                None
            }
            Link::Veth => {
                let stack = Namespace::new()?;
                client.run(|| make_veth(mtu, &stack)).context("cannot make the veth devices")?;
                Some(stack)
            }
            Link::Loopback => None,
        };
        let address = match link {
            Link::Tun | Link::Veth => STACK,
            Link::Loopback => Ipv4Addr::LOCALHOST,
        };
        Ok(Self { client, stack, address })
    }

    /// Where the client runs.
    pub(super) fn client(&self) -> &Namespace {
        &self.client
    }

    /// Where the stack runs.
    pub(super) fn stack(&self) -> &Namespace {
        self.stack.as_ref().unwrap_or(&self.client)
    }

    /// The address of the stack.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }
}

/// Makes a device that waits for a stack to open it.
fn make_tun(mtu: u16) -> io::Result<()> {
    Tun::open(TUN, Framing::Plain)?.persist()?;
    let device = Interface::named(TUN)?;
    device.set_queue_len(QUEUE_PACKETS)?;
    join(&device, mtu, CLIENT)
}

fn make_veth(mtu: u16, stack: &Namespace) -> io::Result<()> {
    let ours = Interface::create_veth("v0", "v1", Some(stack))?;
    stack.run(|| join(&Interface::named("v1")?, mtu, STACK))?;
    join(&ours, mtu, CLIENT)
}

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const STACK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// What Linux gives a TUN device.
const QUEUE_PACKETS: u32 = 500;
