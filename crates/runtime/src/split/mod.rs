//! The halves of a stream: borrowed by `split`, owned by `into_split`.

mod borrowed;
mod owned;

use std::io;
use std::task::{Context, Poll, ready};

pub use borrowed::{ReadHalf, WriteHalf};
use bytes::{Buf, Bytes};
pub(crate) use owned::split_owned;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};

use crate::cell::ConnectionCell;

/// What `poll_fill_buf` shows of a connection; it stays there until it is consumed.
#[derive(Debug, Default)]
struct Shown(Bytes);

impl Shown {
    fn poll_fill(
        &mut self,
        cell: &ConnectionCell,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<&[u8]>> {
        self.0 = ready!(cell.poll_fill(cx))?;
        Poll::Ready(Ok(&self.0))
    }

    fn consume(&mut self, cell: &ConnectionCell, amount: usize) {
        let amount = amount.min(self.0.len());
        self.0.advance(amount);
        cell.consume(amount);
    }
}
