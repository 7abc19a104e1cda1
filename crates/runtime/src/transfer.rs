//! Reading from and writing to a connection: what a stream and its halves share.

use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use synack_tcb::{Connection, Instant, Push, ReadError, WriteError};
use tokio::io::{Interest, ReadBuf, Ready};
use tokio::task::coop::poll_proceed;

use crate::cell::{CellState, ConnectionCell};
use crate::error;

impl ConnectionCell {
    /// Fills `buf` with what there is; nothing at the end of the stream.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_reader(cx, |connection, now| {
            let is_initialized = buf.initialized().len() == buf.capacity();
            if is_initialized || !has_text(connection) {
                // Without text it says how the stream ended, and touches nothing.
                let into = if is_initialized { buf.initialize_unfilled() } else { &mut [] };
                let count = connection.read(now, into)?.unwrap_or(0);
                buf.advance(count);
                return Ok(());
            }
            fill(connection, now, buf);
            Ok(())
        })
    }

    /// Copies what there is without taking it.
    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_reader(cx, |connection, _| {
            let count = connection.peek_copy(buf.initialize_unfilled())?.unwrap_or(0);
            buf.advance(count);
            Ok(count)
        })
    }

    /// Takes at most `bytes_max` octets that lie together, without a copy; none at the end.
    pub(crate) fn poll_read_bytes(
        &self,
        cx: &mut Context<'_>,
        bytes_max: usize,
    ) -> Poll<io::Result<Bytes>> {
        self.poll_reader(cx, |connection, now| {
            Ok(connection.read_bytes(now, bytes_max)?.unwrap_or_default())
        })
    }

    /// Shows the first octets that lie together; none at the end of the stream.
    pub(crate) fn poll_fill(&self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.poll_reader(cx, |connection, _| Ok(connection.peek_bytes()?.unwrap_or_default()))
    }

    /// Takes `count` octets that [`poll_fill`](Self::poll_fill) showed.
    pub(crate) fn consume(&self, count: usize) {
        self.call(|state, now| {
            if let Ok(connection) = state.connection() {
                connection.consume(now, count);
            }
        });
    }

    pub(crate) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.call(|state, now| {
            state
                .connection()?
                .read(now, into)
                .map(Option::unwrap_or_default)
                .map_err(error::of_read)
        })
    }

    pub(crate) fn try_read_vectored(&self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.call(|state, now| {
            read_vectored(state.connection()?, now, into).map_err(error::of_read)
        })
    }

    pub(crate) fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        if !buf.has_remaining_mut() {
            return Ok(0);
        }
        self.call(|state, now| {
            let connection = state.connection()?;
            let Some(bytes) =
                connection.read_bytes(now, buf.remaining_mut()).map_err(error::of_read)?
            else {
                return Ok(0);
            };
            buf.put_slice(&bytes);
            Ok(bytes.len())
        })
    }

    /// Queues as much of `data` as there is room for.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        push: Push,
    ) -> Poll<io::Result<usize>> {
        self.poll_writer(cx, |connection, now| connection.write(now, data, push))
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writer(cx, |connection, now| write_vectored(connection, now, slices))
    }

    /// Queues as much of `data` as there is room for, without a copy.
    pub(crate) fn poll_write_bytes(
        &self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
    ) -> Poll<io::Result<usize>> {
        self.poll_writer(cx, |connection, now| connection.write_bytes(now, data, Push::Now))
    }

    pub(crate) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        self.call(|state, now| {
            state.connection()?.write(now, data, Push::Now).map_err(error::of_write)
        })
    }

    pub(crate) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.call(|state, now| {
            write_vectored(state.connection()?, now, slices).map_err(error::of_write)
        })
    }

    /// Closes our direction: the FIN is queued behind what was written.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.call_and_ring(|state, now| {
            state.connection()?.close(now);
            Ok(())
        })
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.is_readable() {
            return Poll::Ready(Ok(()));
        }
        state.register_reader(cx);
        Poll::Pending
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.is_writable() {
            return Poll::Ready(Ok(()));
        }
        state.register_writer(cx);
        Poll::Pending
    }

    /// Waits until one of `interest` is there, and says which.
    pub(crate) async fn ready(&self, interest: Interest) -> Ready {
        self.wait_until(|state| !state.readiness(interest).is_empty()).await;
        self.lock().readiness(interest)
    }

    fn poll_reader<T>(
        &self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Connection, Instant) -> Result<T, ReadError>,
    ) -> Poll<io::Result<T>> {
        let coop = ready!(poll_proceed(cx));
        self.call(|state, now| match read(state.connection()?, now) {
            Err(ReadError::Blocked) => {
                state.register_reader(cx);
                Poll::Pending
            }
            result => {
                coop.made_progress();
                Poll::Ready(result.map_err(error::of_read))
            }
        })
    }

    fn poll_writer(
        &self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Connection, Instant) -> Result<usize, WriteError>,
    ) -> Poll<io::Result<usize>> {
        let coop = ready!(poll_proceed(cx));
        self.call(|state, now| match write(state.connection()?, now) {
            Err(WriteError::Blocked) => {
                state.register_writer(cx);
                Poll::Pending
            }
            result => {
                coop.made_progress();
                Poll::Ready(result.map_err(error::of_write))
            }
        })
    }
}

impl CellState {
    /// Which of `interest` would not block.
    fn readiness(&self, interest: Interest) -> Ready {
        let mut ready = Ready::EMPTY;
        if interest.is_readable() && self.is_readable() {
            ready |= Ready::READABLE;
        }
        if interest.is_writable() && self.is_writable() {
            ready |= Ready::WRITABLE;
        }
        ready
    }
}

fn has_text(connection: &Connection) -> bool {
    matches!(connection.peek(), Ok(Some(_)))
}

/// Fills memory that nobody initialised: chunk by chunk, so that nothing is written twice.
fn fill(connection: &mut Connection, now: Instant, buf: &mut ReadBuf<'_>) {
    // Asked once: the chunks are one read, which stops at the end of urgent text (SM-RECV-6).
    let mut left = buf.remaining().min(connection.readable_max());
    while left > 0 {
        // An end or an error waits for the next read.
        let Ok(Some(chunk)) = connection.peek() else { return };
        let count = chunk.len().min(left);
        buf.put_slice(&chunk[..count]);
        connection.consume(now, count);
        left -= count;
    }
}

/// Fills the slices in order as one read, which stops at the end of urgent text (SM-RECV-6).
fn read_vectored(
    connection: &mut Connection,
    now: Instant,
    into: &mut [IoSliceMut<'_>],
) -> Result<usize, ReadError> {
    let readable = connection.readable_max();
    let mut total = 0;
    for slice in into.iter_mut().filter(|slice| !slice.is_empty()) {
        let count = slice.len().min(readable - total);
        // With nothing to read, it says how the stream ended, or that it did not.
        total += connection.read(now, &mut slice[..count])?.unwrap_or(0);
        if total == readable {
            break;
        }
    }
    Ok(total)
}

/// Writes the slices in order until one does not fit; an error after the first is told by the next
/// write.
fn write_vectored(
    connection: &mut Connection,
    now: Instant,
    slices: &[IoSlice<'_>],
) -> Result<usize, WriteError> {
    let mut total = 0;
    for slice in slices.iter().filter(|slice| !slice.is_empty()) {
        match connection.write(now, slice, Push::Now) {
            Ok(count) if count == slice.len() => total += count,
            Ok(count) => return Ok(total + count),
            Err(_) if total > 0 => return Ok(total),
            Err(error) => return Err(error),
        }
    }
    if total == 0 { connection.write(now, &[], Push::Now) } else { Ok(total) }
}
