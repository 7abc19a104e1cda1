//! The stacks that `peers` measures beside synack, each a process that serves the bench protocol.

#[cfg(feature = "peers")]
mod ipstack;
mod kernel;
#[cfg(feature = "peers")]
mod netstack_smoltcp;
mod null;
#[cfg(feature = "peers")]
mod smoltcp;
#[cfg(feature = "peers")]
mod tokio_smoltcp;

use std::io;
use std::net::Ipv4Addr;

use nix::sys::prctl;
use nix::sys::signal::Signal;

/// A stack, with what it is told.
#[derive(clap::Subcommand)]
pub(crate) enum Stack {
    /// The least TCP that works: the ceiling of the machine
    Null(null::Arguments),
    /// The TCP of the kernel behind tokio
    Kernel(kernel::Arguments),
    /// smoltcp with its own device and poll loop
    #[cfg(feature = "peers")]
    Smoltcp(smoltcp::Arguments),
    /// tokio-smoltcp over an `AsyncFd`
    #[cfg(feature = "peers")]
    TokioSmoltcp(tokio_smoltcp::Arguments),
    /// netstack-smoltcp over tokio-tun
    #[cfg(feature = "peers")]
    NetstackSmoltcp(netstack_smoltcp::Arguments),
    /// ipstack over tokio-tun
    #[cfg(feature = "peers")]
    Ipstack(ipstack::Arguments),
}

/// Where a stack stands: what every stack behind a TUN device is told.
#[derive(clap::Args)]
struct Place {
    /// The device
    #[arg(long)]
    tun: String,
    /// The address of the stack
    #[arg(long)]
    ip: Ipv4Addr,
    /// The MTU of the device, in octets
    #[arg(long)]
    mtu: u16,
}

/// How many threads tokio gives a stack.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Workers {
    /// One for each core, as with `#[tokio::main]`
    Many,
    /// The thread it is started on
    One,
}

impl Workers {
    pub(crate) fn runtime(self) -> io::Result<tokio::runtime::Runtime> {
        match self {
            Self::Many => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
            Self::One => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        }
    }
}

/// Serves until it is killed.
///
/// # Errors
/// When the stack cannot start, or its device fails.
pub(crate) fn run(stack: Stack) -> anyhow::Result<()> {
    // Whoever started this stack may be killed before it can stop it.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    match stack {
        Stack::Null(arguments) => null::run(&arguments),
        Stack::Kernel(arguments) => kernel::run(&arguments),
        #[cfg(feature = "peers")]
        Stack::Smoltcp(arguments) => smoltcp::run(&arguments),
        #[cfg(feature = "peers")]
        Stack::TokioSmoltcp(arguments) => tokio_smoltcp::run(&arguments),
        #[cfg(feature = "peers")]
        Stack::NetstackSmoltcp(arguments) => netstack_smoltcp::run(&arguments),
        #[cfg(feature = "peers")]
        Stack::Ipstack(arguments) => ipstack::run(&arguments),
    }
}
