//! End: a TCP with a congestion controller, which can be put at either end of the emulator.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use synack_netns::Namespace;
use synack_sim::Controller;

use super::port::{Packets, Port};
#[cfg(feature = "peers")]
use super::smoltcp;
use super::{kernel, synack};

/// A TCP and its congestion controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The kernel's, with the controller of this name, which it may or may not have.
    Kernel(&'static str),
    /// Ours.
    Synack(Controller),
    /// smoltcp's, with CUBIC.
    #[cfg(feature = "peers")]
    Smoltcp,
}

/// An end in its place.
pub(super) enum Host {
    Kernel {
        controller: &'static str,
        network: Namespace,
    },
    Synack {
        controller: Controller,
        packets: Packets,
        address: Ipv4Addr,
    },
    #[cfg(feature = "peers")]
    Smoltcp {
        packets: Packets,
        address: Ipv4Addr,
    },
}

/// Whether ends that can do so ask for ECN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ecn {
    Asked,
    NotAsked,
}

/// What the two applications of a flow share with who measures it.
pub(super) struct Flow<'a> {
    /// Where the receiver listens.
    pub(super) receiver: SocketAddrV4,
    /// Octets that the receiving application has read.
    pub(super) received: &'a AtomicU64,
    /// Everyone waits here before the first packet.
    begin: &'a Barrier,
    has_begun: AtomicBool,
    is_over: &'a AtomicBool,
}

impl<'a> Flow<'a> {
    /// A flow to `receiver` that begins when everyone waits at `begin`, and lasts until `is_over`.
    pub(super) fn new(
        receiver: SocketAddrV4,
        received: &'a AtomicU64,
        begin: &'a Barrier,
        is_over: &'a AtomicBool,
    ) -> Self {
        Self { receiver, received, begin, has_begun: AtomicBool::new(false), is_over }
    }

    /// Lets an end act: it prepares, calls [`begin`](Self::begin), and goes on until the flow is
    /// over. That it fails then is the other end's leaving.
    pub(super) fn run(&self, act: impl FnOnce(&Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let result = act(self);
        if !self.has_begun.load(Ordering::Relaxed) {
            // Who could not prepare must not keep the others waiting.
            self.begin();
        }
        result.or_else(|error| if self.is_over() { Ok(()) } else { Err(error) })
    }

    /// Waits until everyone is prepared.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
        self.begin.wait();
    }

    pub(super) fn count(&self, octets: usize) {
        self.received.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl End {
    /// All that there are.
    pub(super) fn all() -> Vec<Self> {
        let kernels = KERNELS.iter().map(|name| Self::Kernel(name));
        let ours = Controller::ALL.iter().map(|controller| Self::Synack(*controller));
        let others = [
            #[cfg(feature = "peers")]
            Self::Smoltcp,
        ];
        kernels.chain(ours).chain(others).collect()
    }

    /// Puts the end behind a port.
    ///
    /// # Errors
    /// When the kernel refuses the network or the device, or has no controller of this name.
    pub(super) fn settle(self, address: Ipv4Addr, ecn: Ecn) -> anyhow::Result<(Port, Host)> {
        match self {
            Self::Kernel(controller) => {
                let network = Namespace::new()?;
                let port = network.run(|| kernel::settle(controller, address, ecn))?;
                Ok((port, Host::Kernel { controller, network }))
            }
            Self::Synack(controller) => {
                let (port, packets) = Port::to_stack(address)?;
                Ok((port, Host::Synack { controller, packets, address }))
            }
            #[cfg(feature = "peers")]
            Self::Smoltcp => {
                let (port, packets) = Port::to_stack(address)?;
                Ok((port, Host::Smoltcp { packets, address }))
            }
        }
    }
}

impl Host {
    /// Sends as much as it can until the flow is over.
    ///
    /// # Errors
    /// When it cannot start, or the connection fails.
    pub(super) fn send(self, flow: &Flow<'_>) -> anyhow::Result<()> {
        match self {
            Self::Kernel { controller, network } => network.run(|| kernel::send(controller, flow)),
            Self::Synack { controller, packets, address } => {
                synack::send(packets, address, controller, flow)
            }
            #[cfg(feature = "peers")]
            Self::Smoltcp { packets, address } => smoltcp::send(packets, address, flow),
        }
    }

    /// Accepts a connection and reads what comes until the flow is over.
    ///
    /// # Errors
    /// When it cannot start, or the connection fails.
    pub(super) fn receive(self, flow: &Flow<'_>) -> anyhow::Result<()> {
        match self {
            Self::Kernel { network, .. } => network.run(|| kernel::receive(flow)),
            Self::Synack { controller, packets, address } => {
                synack::receive(packets, address, controller, flow)
            }
            #[cfg(feature = "peers")]
            Self::Smoltcp { packets, address } => smoltcp::receive(packets, address, flow),
        }
    }
}

/// For instance `kernel-cubic`.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(name) => write!(f, "kernel-{name}"),
            Self::Synack(controller) => write!(f, "synack-{}", controller.name),
            #[cfg(feature = "peers")]
            Self::Smoltcp => f.write_str("smoltcp-cubic"),
        }
    }
}

impl FromStr for End {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().into_iter().find(|end| end.to_string() == name).ok_or_else(|| {
            let names: Vec<String> = Self::all().iter().map(Self::to_string).collect();
            format!("no such end; there are {}", names.join(", "))
        })
    }
}

/// Octets of each buffer of a stack that does not size them itself: several times what any path of
/// the matrix holds with its queue.
pub(super) const BUFFER_OCTETS: usize = 8 << 20;
/// Who receives in comparisons, whoever sends. Its controller governs nothing.
pub(super) const RECEIVER: End = End::Kernel("cubic");
/// What the TCP of Linux may have.
const KERNELS: [&str; 3] = ["cubic", "bbr", "reno"];
