//! TcpStream: a connection as the application holds it.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use synack_tcb::{ConnectionInfo, Push, Unread};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use crate::cell::ConnectionCell;
use crate::error;
use crate::events::StreamEvents;
use crate::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};

/// A TCP connection, shaped as [`tokio::net::TcpStream`].
///
/// It comes from [`Stack::connect`](crate::Stack::connect) or
/// [`TcpListener::accept`](crate::TcpListener::accept), and is read and written by the methods of
/// tokio's `AsyncReadExt` and `AsyncWriteExt`, or by its own. Its read halves are buffered readers
/// too, without a copy, for tokio's `AsyncBufReadExt`.
///
/// - A **write** returns when the octets are in the send buffer; it waits when that is full, and
///   never for an acknowledgment.
/// - **`shutdown`** closes our direction and returns when the FIN is queued. Reading goes on. A
///   later write fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
/// - **Dropping** the stream closes the connection as a kernel does: what was written is still
///   delivered, in the background, unless received octets were left unread or
///   [`set_zero_linger`](Self::set_zero_linger) was called; then the peer gets a reset.
/// - After a **reset**, a read first returns what was received in order, then
///   [`ConnectionReset`](io::ErrorKind::ConnectionReset) once, then 0; a write fails at once.
///
/// # Cancel safety
/// Every future of this type, and every one made from its `poll` methods by tokio's extension
/// traits that is itself cancel safe, may be dropped at any time: no octet is lost or sent twice.
pub struct TcpStream {
    cell: Arc<ConnectionCell>,
}

impl TcpStream {
    pub(crate) fn new(cell: Arc<ConnectionCell>) -> Self {
        cell.lock().is_taken = true;
        Self { cell }
    }

    pub(crate) fn cell(&self) -> &Arc<ConnectionCell> {
        &self.cell
    }

    /// The number of the shard that serves the connection: 0, unless the stack has
    /// [several](crate::StackBuilder::queues). A task that reads and writes it does so with the
    /// least ado on the thread of that shard.
    pub fn shard(&self) -> usize {
        self.cell.bell().shard().index()
    }

    /// Our address and port.
    ///
    /// # Errors
    /// None; the signature is that of tokio.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.cell.path().local())
    }

    /// The peer's address and port.
    ///
    /// # Errors
    /// None; the signature is that of tokio.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.cell.path().remote())
    }

    /// Takes the error that the connection failed with, if no read told of it yet, as `SO_ERROR` of
    /// a kernel's socket: later reads find the end of the stream, after what came before.
    ///
    /// # Errors
    /// A [`StackError`](crate::StackError) if the stack is gone.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let failure = self.cell.lock().connection()?.take_failure();
        Ok(failure.map(error::of_failure))
    }

    /// Copies what is to be read next into `buf`, and leaves it to be read. Returns how much that
    /// was: 0 at the end of the stream.
    ///
    /// # Errors
    /// As a read. It does not count as the one time that a failure is told.
    ///
    /// # Cancel safety
    /// Nothing is taken.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        poll_fn(|cx| self.poll_peek(cx, &mut buf)).await
    }

    /// As [`peek`](Self::peek). Of the tasks that poll for reading, the last one is woken.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.cell.poll_peek(cx, buf)
    }

    /// Waits until one of `interest` is there, and says which. It may be gone before it is used, if
    /// others use the stream too.
    ///
    /// # Errors
    /// None; a failed connection is ready for everything.
    ///
    /// # Cancel safety
    /// Nothing is taken. Any number of tasks may wait.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.cell.ready(interest).await)
    }

    /// Waits until a read would not block.
    ///
    /// # Errors
    /// None; as [`ready`](Self::ready).
    ///
    /// # Cancel safety
    /// Nothing is taken. Any number of tasks may wait.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until a write would not block: at least a third of the send buffer is free.
    ///
    /// # Errors
    /// None; as [`ready`](Self::ready).
    ///
    /// # Cancel safety
    /// Nothing is taken. Any number of tasks may wait.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// As [`readable`](Self::readable). Of the tasks that poll for reading, the last one is woken.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cell.poll_read_ready(cx)
    }

    /// As [`writable`](Self::writable). Of the tasks that poll for writing, the last one is woken.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cell.poll_write_ready(cx)
    }

    /// Reads what there is into `buf`; 0 at the end of the stream.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is there yet; as a read.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.cell.try_read(buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers in order.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.cell.try_read_vectored(bufs)
    }

    /// As [`try_read`](Self::try_read), appending to `buf`.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.cell.try_read_buf(buf)
    }

    /// Queues as much of `buf` as there is room for.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the send buffer is full; as a write.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.cell.try_write(buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers in order.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.cell.try_write_vectored(bufs)
    }

    /// Reads at most `bytes_max` octets without a copy; none at the end of the stream.
    ///
    /// The octets may share a receive block with others: hold them for long, and the block is held.
    ///
    /// # Errors
    /// As a read.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing.
    pub async fn read_bytes(&mut self, bytes_max: usize) -> io::Result<Bytes> {
        poll_fn(|cx| self.cell.poll_read_bytes(cx, bytes_max)).await
    }

    /// Queues as much of `data` as there is room for, without a copy; what was taken is split off.
    ///
    /// # Errors
    /// As a write.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing of `data`.
    pub async fn write_bytes(&mut self, data: &mut Bytes) -> io::Result<usize> {
        poll_fn(|cx| self.cell.poll_write_bytes(cx, data)).await
    }

    /// Queues as much of `buf` as there is room for, and marks the last octet of that as urgent, as
    /// a send with `MSG_OOB` does; the octets stay in line (RFC 9293 §3.8.5).
    ///
    /// Legacy: new applications should not use it (RFC 6093 §5).
    ///
    /// # Errors
    /// As a write.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing of `buf`.
    pub async fn write_urgent(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.cell.poll_write(cx, buf, Push::Urgent)).await
    }

    /// Resets the connection: the peer gets a RST, and what was not delivered is lost.
    pub fn abort(&self) {
        self.cell.call_and_ring(|state, now| {
            if let Ok(connection) = state.connection() {
                connection.abort(now);
            }
        });
    }

    /// The connection's state, windows, timers' values and counters, as `TCP_INFO` gives them.
    ///
    /// # Errors
    /// A [`StackError`](crate::StackError) if the stack is gone.
    pub fn info(&self) -> io::Result<ConnectionInfo> {
        Ok(self.cell.lock().look()?.info())
    }

    /// Soft errors and urgent marks from now on: what happens to the connection without ending it.
    ///
    /// There is one queue: if called again, it goes on where the first left off.
    pub fn events(&self) -> StreamEvents {
        StreamEvents::new(Arc::clone(&self.cell))
    }

    /// Splits the stream into halves that borrow it.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Splits the stream into halves that may go to different tasks.
    ///
    /// Dropping the write half shuts our direction down. The connection is closed when both are
    /// gone. [`OwnedReadHalf::reunite`] puts them together again; `tokio::io::join` makes of them
    /// one thing that is a buffered reader and a writer.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        crate::split::split_owned(self)
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cell.poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.cell.poll_write(cx, buf, Push::Now)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.cell.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Ready at once: what was written leaves by itself.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ready when the FIN is queued, not when it is acknowledged.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.cell.shutdown_write())
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.cell.call_and_ring(|state, now| {
            if let Ok(connection) = state.connection() {
                connection.detach(now, Unread::No);
            }
        });
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("local", &self.cell.path().local())
            .field("peer", &self.cell.path().remote())
            .finish_non_exhaustive()
    }
}
