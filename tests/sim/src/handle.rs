//! Handle: the calls of an application, each followed by the judgment of the oracle.

use synack_tcb::{Connection, Instant, Push, ReadError, Unread, WriteError};

use crate::Violation;
use crate::oracle::{Cause, Watch};

/// A connection as an application sees it.
#[derive(Debug)]
pub(crate) struct Handle<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) watch: &'a mut Watch,
    pub(crate) now: Instant,
}

impl Handle<'_> {
    pub(crate) fn write(
        &mut self,
        data: &[u8],
        push: Push,
    ) -> Result<Result<usize, WriteError>, Violation> {
        let result = self.connection.write(self.now, data, push);
        self.judge(Cause::Write)?;
        Ok(result)
    }

    pub(crate) fn read(
        &mut self,
        into: &mut [u8],
    ) -> Result<Result<Option<usize>, ReadError>, Violation> {
        let result = self.connection.read(self.now, into);
        self.judge(Cause::Read)?;
        Ok(result)
    }

    pub(crate) fn close(&mut self) -> Result<(), Violation> {
        self.connection.close(self.now);
        self.judge(Cause::Close)
    }

    pub(crate) fn abort(&mut self) -> Result<(), Violation> {
        self.connection.abort(self.now);
        self.judge(Cause::Abort)
    }

    pub(crate) fn detach(&mut self) -> Result<(), Violation> {
        self.connection.detach(self.now, Unread::No);
        self.judge(Cause::Detach)
    }

    fn judge(&mut self, cause: Cause<'_>) -> Result<(), Violation> {
        self.watch.judge(self.now, self.connection, &cause)
    }
}
