//! Our TCP at an end: a stack of this process, on one thread, over a cable.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use synack::{
    BufferPool, Capabilities, ConnectionConfig, Device, IpNet, Outgoing, Received, Stack,
};
use synack_sim::Controller;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};

use super::end::{BUFFER_OCTETS, Flow};
use super::port::{MTU, Packets};
use crate::protocol::BULK_OCTETS;
use crate::stacks::Workers;

pub(super) fn send(
    packets: Packets,
    address: Ipv4Addr,
    controller: Controller,
    flow: &Flow<'_>,
) -> anyhow::Result<()> {
    Workers::One.runtime()?.block_on(async {
        let stack = stack(packets, address, controller)?;
        flow.begin();
        unless_over(flow, async {
            let mut stream = stack.connect(flow.receiver.into()).await.context("connecting")?;
            let octets = vec![7; BULK_OCTETS];
            loop {
                stream.write_all(&octets).await?;
            }
        })
        .await
    })
}

pub(super) fn receive(
    packets: Packets,
    address: Ipv4Addr,
    controller: Controller,
    flow: &Flow<'_>,
) -> anyhow::Result<()> {
    Workers::One.runtime()?.block_on(async {
        let stack = stack(packets, address, controller)?;
        let listener = stack.listen(flow.receiver.into()).await?;
        flow.begin();
        unless_over(flow, async {
            let (mut stream, _) = listener.accept().await?;
            let mut octets = vec![0; BULK_OCTETS];
            loop {
                flow.count(stream.read(&mut octets).await?);
            }
        })
        .await
    })
}

fn stack(packets: Packets, address: Ipv4Addr, controller: Controller) -> io::Result<Stack> {
    let config = ConnectionConfig {
        send_buffer: BUFFER_OCTETS.into(),
        receive_buffer: BUFFER_OCTETS.into(),
        congestion: controller.factory(),
        ..ConnectionConfig::default()
    };
    let address = IpNet::new(IpAddr::V4(address), 16).map_err(io::Error::other)?;
    let device = Cable::new(packets)?;
    Stack::builder().device(device).address(address).connection_config(config).spawn()
}

/// Runs `transfer`, which ends only with an error, until the flow is over.
async fn unless_over(
    flow: &Flow<'_>,
    transfer: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut transfer = pin!(transfer);
    while !flow.is_over() {
        if let Ok(failed) = tokio::time::timeout(LOOK_UP, transfer.as_mut()).await {
            return failed;
        }
    }
    Ok(())
}

/// A cable to the emulator as a device.
struct Cable {
    packets: AsyncFd<Packets>,
}

impl Cable {
    fn new(packets: Packets) -> io::Result<Self> {
        // SAFETY: `Packets` owns its descriptor, never replaces it, and closes it when it is
        // dropped, which `AsyncFd` does only after it has deregistered it.
        Ok(Self { packets: unsafe { AsyncFd::register(packets) }? })
    }
}

impl Device for Cable {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        let mut block = pool.take();
        loop {
            let Poll::Ready(mut ready) = self.packets.poll_read_ready(cx)? else {
                pool.put_back(block);
                return Poll::Pending;
            };
            if let Ok(length) = ready.try_io(|it| it.get_ref().receive(block.octets())) {
                return Poll::Ready(length.map(|it| Received::unverified(pool.give(block, it))));
            }
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.packets.poll_write_ready(cx))?.retain_ready();
        Poll::Ready(Ok(()))
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let octets = packet.contiguous()?;
        self.packets.try_io(Interest::WRITABLE, |packets| packets.send(octets))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(u32::from(MTU))
    }
}

/// How often it looks whether the flow is over.
const LOOK_UP: Duration = Duration::from_millis(20);
