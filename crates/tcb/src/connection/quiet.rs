//! Memory that is kept while there is traffic, and given back when there is none.

use core::time::Duration;

use super::{Connection, State};
use crate::Instant;

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) gives back memory that nothing is in any more,
    /// if there is any: when neither end said anything for a second. No rule of TCP hangs on it, so
    /// it is apart from [`deadline`](Self::deadline).
    ///
    /// It moves with every segment and is no timer: traffic pays for it with a few comparisons, and
    /// a connection that holds nothing with no call.
    pub fn quiet_at(&self) -> Option<Instant> {
        let is_over = matches!(self.state, State::TimeWait | State::Closed);
        let said_at = self.keep_alive.heard_at.max(self.waiting.sent_at);
        (!is_over && self.has_spare()).then(|| said_at + QUIET)
    }

    /// Gives back what nothing is in, if the connection is quiet.
    pub(super) fn shrink_if_quiet(&mut self, now: Instant) {
        if self.quiet_at().is_some_and(|at| at <= now) {
            self.send_buffer.shrink();
            self.recv_buffer.shrink();
            self.recovery.shrink();
            if self.has_spare_report() {
                self.reassembly.vacate();
                self.sack_report.vacate();
            }
        }
    }

    /// Whether memory is held that nothing is in.
    fn has_spare(&self) -> bool {
        self.send_buffer.has_spare()
            || self.recv_buffer.has_spare()
            || self.recovery.has_spare()
            || self.has_spare_report()
    }

    /// Whether what is for text out of order is there, and none is.
    fn has_spare_report(&self) -> bool {
        let is_open = self.reassembly.is_open() || self.sack_report.is_open();
        is_open && self.reassembly.is_empty() && !self.sack_report.is_due()
    }
}

/// Several round trips of a long path, and longer than what is retransmitted takes to be.
const QUIET: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::Cubic;

    /// Half of the 2 KiB that an idle connection may take in all (docs/architecture.md §4).
    const BUDGET: usize = 1 << 10;

    #[test]
    fn a_connection_and_its_controller_fit_a_kibibyte() {
        let (connection, controller) = (size_of::<Connection>(), size_of::<Cubic>());
        assert!(connection + controller <= BUDGET, "{connection} and {controller} octets");
    }
}
