//! ipstack over tokio-tun.

use std::time::Duration;

use ipstack::{IpStack, IpStackConfig, IpStackStream, IpStackTcpStream, TcpConfig};
use tokio::io::AsyncWriteExt;

use super::{Place, Workers};
use crate::protocol::{self, Service};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_enum, default_value = "many")]
    workers: Workers,
    /// Octets of buffer, each way [default: what the crate chooses, 16 KiB]
    #[arg(long)]
    buffer: Option<u32>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    arguments.workers.runtime()?.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let tun = tokio_tun::Tun::builder().name(&arguments.place.tun).build()?.remove(0);
    let mut config = IpStackConfig::default();
    config.mtu(arguments.place.mtu)?;
    config.with_tcp_config(tcp_config(arguments.buffer));
    let mut stack = IpStack::new(config, tun);
    loop {
        if let IpStackStream::Tcp(stream) = stack.accept().await? {
            tokio::spawn(serve_stream(stream));
        }
    }
}

fn tcp_config(buffer: Option<u32>) -> TcpConfig {
    let mut config = TcpConfig::default();
    // By default it gives up on a connection that is idle for a minute, as in the memory test.
    config.timeout = Duration::from_secs(600);
    if let Some(octets) = buffer {
        config.max_unacked_bytes = octets;
        config.read_buffer_size = octets as usize;
    }
    config
}

async fn serve_stream(mut stream: IpStackTcpStream) -> std::io::Result<()> {
    // Its streams call the destination of the first packet their peer.
    let Some(service) = Service::of_port(stream.peer_addr().port()) else { return Ok(()) };
    protocol::serve(&mut stream, service).await?;
    stream.shutdown().await
}
