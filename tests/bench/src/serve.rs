//! synack itself behind a TUN device: the services of the protocol, for any driver.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;
use synack::{IpNet, OffloadTunDevice, Stack, TunDevice};
use tokio::task::JoinSet;

use crate::protocol::{self, Service};
use crate::stacks::Workers;

/// What `serve` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The TUN device; made, and set up by whoever wants to reach it, if there is none
    #[arg(long, default_value = "t0")]
    tun: String,
    /// The IPv4 address of the stack
    #[arg(long, default_value = "10.77.0.2")]
    ip: Ipv4Addr,
    /// An IPv6 address of the stack
    #[arg(long)]
    ip6: Option<Ipv6Addr>,
    /// Octets in a packet, IP header included
    #[arg(long, default_value_t = 1500)]
    mtu: u32,
    /// Open the device with virtio-net headers: super-segments both ways, no checksums
    #[arg(long)]
    offload: bool,
    /// How many queues the device is opened with; each is served by a shard
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Threads that run the tasks
    #[arg(long, value_enum, default_value = "many")]
    workers: Workers,
}

/// Serves until it is ended from outside.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    arguments.workers.runtime()?.block_on(async {
        let (name, shards) = (&arguments.tun, arguments.shards);
        let builder = Stack::builder();
        let opening = "opening the TUN device";
        let builder = if arguments.offload {
            builder.queues(OffloadTunDevice::open_queues(name, shards).context(opening)?)
        } else {
            builder.queues(TunDevice::open_queues(name, shards).context(opening)?)
        };
        let mut builder = builder.mtu(arguments.mtu);
        builder = builder.address(IpNet::new(IpAddr::V4(arguments.ip), 16)?);
        if let Some(ip6) = arguments.ip6 {
            builder = builder.address(IpNet::new(IpAddr::V6(ip6), 64)?);
        }
        let stack = builder.spawn()?;
        let mut tasks = JoinSet::new();
        for service in Service::ALL {
            tasks.spawn(accept(stack.clone(), service));
        }
        tasks.join_all().await.into_iter().collect::<io::Result<()>>()?;
        Ok(())
    })
}

async fn accept(stack: Stack, service: Service) -> io::Result<()> {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, service.port()));
    let listener = stack.listen(any).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move { protocol::serve(&mut stream, service).await });
    }
}
