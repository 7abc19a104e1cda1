//! IP packets inside of UDP datagrams: a link between two processes that needs no privilege.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::net::{ToSocketAddrs, UdpSocket};

use super::{Capabilities, Device, Outgoing, Received};
use crate::buffer_pool::BufferPool;

/// One end of a tunnel: each IP packet is the text of one UDP datagram.
///
/// It hides and protects nothing, and a datagram from anyone but the other end is not received. Let
/// the MTU leave room for the headers of UDP and of the outer IP, 48 octets at most, or the outer
/// packets will be cut into fragments.
#[derive(Debug)]
pub struct UdpDevice {
    socket: UdpSocket,
    mtu: u32,
}

impl UdpDevice {
    /// An MTU that fits any path that carries packets of 1500 octets.
    pub const MTU_DEFAULT: u32 = 1_452;

    /// A tunnel from the UDP address `local` to `remote`, with the default MTU.
    ///
    /// # Errors
    /// As [`UdpSocket::bind`] and [`UdpSocket::connect`].
    pub async fn connect(
        local: impl ToSocketAddrs,
        remote: impl ToSocketAddrs,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(local).await?;
        socket.connect(remote).await?;
        Ok(Self::new(socket, Self::MTU_DEFAULT))
    }

    /// A tunnel over a connected socket, for packets of up to `mtu` octets.
    pub const fn new(socket: UdpSocket, mtu: u32) -> Self {
        Self { socket, mtu }
    }

    /// The next datagram, whatever became of those before.
    fn poll_recv(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        // Ends: each turn takes a datagram or an error off the socket, or finds it empty.
        loop {
            ready!(self.socket.poll_recv_ready(cx))?;
            match self.socket.try_recv(into) {
                Err(error) if is_passing(&error) => {}
                received => return Poll::Ready(received),
            }
        }
    }
}

impl Device for UdpDevice {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        pool.poll_fill(|octets| self.poll_recv(cx, octets)).map_ok(Received::unverified)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.socket.poll_send_ready(cx))?;
        Poll::Ready(Ok(()))
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        self.socket.try_send(packet.contiguous()?).map(drop)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.mtu)
    }
}

/// Whether the socket goes on after this error: the other end is not there yet, or not any more,
/// and its host said so.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_packet_goes_through_as_one_datagram() {
        let left = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let right = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        left.connect(right.local_addr().unwrap()).await.unwrap();
        right.connect(left.local_addr().unwrap()).await.unwrap();
        let [left, right] = [left, right].map(|socket| UdpDevice::new(socket, 1_400));

        poll_fn(|cx| left.poll_writable(cx)).await.unwrap();
        left.try_send(Outgoing::octets(b"a packet", &mut Vec::new())).unwrap();
        let mut pool = BufferPool::new(1_400);
        let received = poll_fn(|cx| right.poll_receive(cx, &mut pool)).await.unwrap();
        assert_eq!(received.packet, b"a packet"[..]);
    }

    #[tokio::test]
    async fn the_absence_of_the_other_end_is_no_failure_of_the_device() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = gone.local_addr().unwrap();
        let device = UdpDevice::connect("127.0.0.1:0", address).await.unwrap();
        drop(gone);
        poll_fn(|cx| device.poll_writable(cx)).await.unwrap();
        device.try_send(Outgoing::octets(b"into the void", &mut Vec::new())).unwrap();
        // The kernel has put the refusal on the socket before the send returned.
        let back = UdpSocket::bind(address).await.unwrap();
        back.connect(device.socket.local_addr().unwrap()).await.unwrap();
        back.send(b"here I am").await.unwrap();
        let mut pool = BufferPool::new(1_400);
        let received = poll_fn(|cx| device.poll_receive(cx, &mut pool)).await.unwrap();
        assert_eq!(received.packet, b"here I am"[..]);
    }
}
