//! Virtual time: it moves when told to, and timers fire on the way, in order.

use synack_tcb::Instant;

use super::{Host, Sent};

impl Host {
    /// What the clock reads. Units: microseconds.
    pub fn now(&self) -> u64 {
        self.now_us
    }

    /// Moves the clock to `at_us`, unless it is there already. Every timer on the way fires at its
    /// own time, and what it sends is stamped with that.
    pub fn advance_to(&mut self, at_us: u64) {
        while let Some(deadline) = self.next_deadline().filter(|deadline| *deadline <= at_us) {
            self.fire(deadline);
        }
        self.now_us = self.now_us.max(at_us);
    }

    /// When the next timer fires, if any runs. Units: microseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        let connections = self.connections.values();
        let deadlines = connections.filter_map(|live| live.connection.deadline());
        deadlines.chain(self.endpoint.deadline()).min().map(microseconds)
    }

    /// The next packet that left. If there is none yet, the clock moves from timer to timer, as far
    /// as `limit_us`, until there is. `None`: nothing will leave by then.
    pub fn next_egress(&mut self, limit_us: u64) -> Option<Sent> {
        while self.egress.is_empty() {
            let deadline = self.next_deadline().filter(|deadline| *deadline <= limit_us)?;
            self.fire(deadline);
        }
        self.egress.pop_front()
    }

    /// Whether a packet left that nobody took yet.
    pub fn has_egress(&self) -> bool {
        !self.egress.is_empty()
    }

    /// Everything that is due at `at_us` happens.
    fn fire(&mut self, at_us: u64) {
        self.now_us = self.now_us.max(at_us);
        let now = self.instant();
        for live in self.connections.values_mut() {
            if live.connection.deadline().is_some_and(|deadline| deadline <= now) {
                live.connection.handle_timeout(now);
            }
        }
        if self.endpoint.deadline().is_some_and(|deadline| deadline <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.drain();
    }
}

/// The first microsecond at which a moment is over.
fn microseconds(at: Instant) -> u64 {
    at.as_nanos().div_ceil(1_000)
}
