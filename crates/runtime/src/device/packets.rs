//! Any stream and sink of packets as a device: a channel, a framed socket, a tunnel of one's own.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;

use super::{Capabilities, Device, Outgoing, Received};
use crate::buffer_pool::BufferPool;
use crate::sync::{Mutex, lock};

/// Carries packets by whatever gives and takes them as [`Bytes`].
///
/// The end of the stream, or an error of either, is the end of the device.
pub struct PacketsDevice<P> {
    /// Absent while it is called, so that no lock is held over code that is not ours. Only the
    /// driver calls it.
    packets: Mutex<Option<P>>,
    outbox: Mutex<Outbox>,
    mtu: u32,
}

/// What was sent and the sink did not take yet.
#[derive(Debug, Default)]
struct Outbox {
    packets: VecDeque<Bytes>,
    /// The driver's, so that it comes round to call the sink.
    driver: Option<Waker>,
}

impl<P, E> PacketsDevice<P>
where
    P: Stream<Item = Result<Bytes, E>> + Sink<Bytes, Error = E> + Unpin + Send + 'static,
    E: Into<io::Error> + 'static,
{
    /// A device that carries packets of up to `mtu` octets by `packets`.
    pub fn new(packets: P, mtu: u32) -> Self {
        Self { packets: Mutex::new(Some(packets)), outbox: Mutex::default(), mtu }
    }

    /// Calls the stream and sink without holding a lock.
    fn call<T>(
        &self,
        call: impl FnOnce(Pin<&mut P>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let packets = lock(&self.packets).take();
        let Some(mut packets) = packets else {
            return Poll::Ready(Err(io::Error::other("the stream of packets panicked")));
        };
        let result = call(Pin::new(&mut packets));
        *lock(&self.packets) = Some(packets);
        result
    }

    /// Gives the sink what it takes of the outbox. Ready when the outbox is empty and flushed.
    fn poll_outbox(&self, cx: &mut Context<'_>, mut sink: Pin<&mut P>) -> Poll<io::Result<()>> {
        lock(&self.outbox).driver = Some(cx.waker().clone());
        // Ends: nobody else sends while the driver is here, and each turn takes a packet.
        loop {
            ready!(sink.as_mut().poll_ready(cx)).map_err(Into::into)?;
            let Some(packet) = lock(&self.outbox).packets.pop_front() else { break };
            sink.as_mut().start_send(packet).map_err(Into::into)?;
        }
        sink.poll_flush(cx).map_err(Into::into)
    }
}

impl<P, E> Device for PacketsDevice<P>
where
    P: Stream<Item = Result<Bytes, E>> + Sink<Bytes, Error = E> + Unpin + Send + 'static,
    E: Into<io::Error> + 'static,
{
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        _pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.call(|mut packets| {
            if let Poll::Ready(Err(error)) = self.poll_outbox(cx, packets.as_mut()) {
                return Poll::Ready(Err(error));
            }
            Poll::Ready(match ready!(packets.poll_next(cx)) {
                Some(Ok(packet)) => Ok(Received::unverified(packet)),
                Some(Err(error)) => Err(error.into()),
                None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no more packets")),
            })
        })
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outbox = self.call(|packets| self.poll_outbox(cx, packets));
        match outbox {
            Poll::Pending if lock(&self.outbox).packets.len() < OUTBOX_MAX => Poll::Ready(Ok(())),
            Poll::Ready(_) | Poll::Pending => outbox,
        }
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let mut outbox = lock(&self.outbox);
        if outbox.packets.len() >= OUTBOX_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        outbox.packets.push_back(packet.to_bytes()?);
        let driver = outbox.driver.take();
        drop(outbox);
        driver.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.mtu)
    }
}

impl<P> fmt::Debug for PacketsDevice<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketsDevice").field("mtu", &self.mtu).finish_non_exhaustive()
    }
}

/// Packets that wait for the sink: a batch of the driver's.
const OUTBOX_MAX: usize = 64;
