//! tokio-smoltcp over a TUN device in an `AsyncFd`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use tokio::io::AsyncWriteExt;
use tokio::io::unix::AsyncFd;
use tokio_smoltcp::device::{AsyncDevice, DeviceCapabilities};
use tokio_smoltcp::smoltcp::iface::Config;
use tokio_smoltcp::smoltcp::phy::Medium;
use tokio_smoltcp::smoltcp::wire::{HardwareAddress, IpCidr};
use tokio_smoltcp::{BufferSize, Net, NetConfig};

use super::{Place, Workers};
use crate::protocol::{self, Service};
use crate::tun::{Framing, Tun};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_enum, default_value = "many")]
    workers: Workers,
    /// Octets of buffer of a connection, each way
    #[arg(long, default_value_t = 1 << 20)]
    buffer: usize,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    arguments.workers.runtime()?.block_on(async {
        let ip = arguments.place.ip;
        let address = IpCidr::new(IpAddr::V4(ip).into(), 16);
        let mut config = NetConfig::new(Config::new(HardwareAddress::Ip), address, Vec::new());
        config.buffer_size = BufferSize {
            tcp_rx_size: arguments.buffer,
            tcp_tx_size: arguments.buffer,
            ..BufferSize::default()
        };
        let net = Arc::new(Net::new(Device::open(&arguments.place)?, config));
        let mut tasks = tokio::task::JoinSet::new();
        for service in Service::ALL {
            tasks.spawn(accept(Arc::clone(&net), ip, service));
        }
        tasks.join_all().await.into_iter().collect::<io::Result<()>>()?;
        Ok(())
    })
}

async fn accept(net: Arc<Net>, ip: Ipv4Addr, service: Service) -> io::Result<()> {
    let mut listener = net.tcp_bind(SocketAddr::from((ip, service.port()))).await?;
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            protocol::serve(&mut stream, service).await?;
            // Dropped without this, the connection is forgotten, and its peer gets no FIN.
            stream.shutdown().await
        });
    }
}

/// A TUN device as the crate wants it: a stream and a sink of packets.
struct Device {
    tun: AsyncFd<Tun>,
    capabilities: DeviceCapabilities,
}

impl Device {
    fn open(place: &Place) -> io::Result<Self> {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(place.mtu);
        let tun = Tun::open(&place.tun, Framing::Plain)?.watch()?;
        Ok(Self { tun, capabilities })
    }
}

impl AsyncDevice for Device {
    fn capabilities(&self) -> &DeviceCapabilities {
        &self.capabilities
    }
}

impl Stream for Device {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut packet = vec![0; self.capabilities.max_transmission_unit];
        loop {
            let mut ready = ready!(self.tun.poll_read_ready(cx))?;
            if let Ok(received) = ready.try_io(|tun| tun.get_ref().receive(&mut packet)) {
                packet.truncate(received?);
                return Poll::Ready(Some(Ok(packet)));
            }
        }
    }
}

/// A packet that the device refuses is lost, as on any link.
impl Sink<Vec<u8>> for Device {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, packet: Vec<u8>) -> io::Result<()> {
        let _ = self.tun.get_ref().send(&packet);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
