//! netstack-smoltcp over tokio-tun, wired as in its README.

use std::sync::Arc;

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use netstack_smoltcp::StackBuilder;
use tokio_tun::Tun;

use super::{Place, Workers};
use crate::protocol::{self, Service};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_enum, default_value = "many")]
    workers: Workers,
    /// Octets of buffer of a connection, each way
    #[arg(long, default_value_t = 1 << 20)]
    buffer: u32,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    arguments.workers.runtime()?.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let mtu = usize::from(arguments.place.mtu);
    let tun = Arc::new(Tun::builder().name(&arguments.place.tun).build()?.remove(0));
    let (stack, runner, _, listener) = StackBuilder::default()
        .stack_buffer_size(PACKETS_QUEUED_MAX)
        .tcp_recv_buffer_size(arguments.buffer)
        .tcp_send_buffer_size(arguments.buffer)
        .enable_tcp(true)
        .mtu(mtu)
        .build()?;
    tokio::spawn(runner.context("a stack with TCP has a runner")?);
    let (mut packets_in, mut packets_out) = stack.split();
    let device = Arc::clone(&tun);
    tokio::spawn(async move {
        while let Some(Ok(packet)) = packets_out.next().await {
            // A packet that the device refuses is lost, as on any link.
            let _ = device.send(&packet).await;
        }
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; mtu];
        while let Ok(length) = tun.recv(&mut buffer).await {
            let _ = packets_in.send(buffer[..length].to_vec()).await;
        }
    });
    let mut listener = listener.context("a stack with TCP has a listener")?;
    while let Some((mut stream, _, local)) = listener.next().await {
        let Some(service) = Service::of_port(local.port()) else { continue };
        tokio::spawn(async move { protocol::serve(&mut stream, service).await });
    }
    Ok(())
}

/// Between the device and the stack, each way.
const PACKETS_QUEUED_MAX: usize = 1024;
