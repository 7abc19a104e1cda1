//! Step 8.6: the urgent pointer. Urgent text stays in the stream (RFC 6093).

use super::{Arrival, Connection};
use crate::event::Events;

impl Connection {
    /// Takes an urgent pointer that is ahead of the reader, and tells the application of every
    /// advance.
    ///
    /// It counts at once also on a segment out of order, and without text or room for any (URG-8).
    /// Source: RFC 9293 §3.8.5, §3.10.7.4 (SM-URG-1 to SM-URG-3, URG-2, URG-5, MUST-32).
    pub(super) fn process_urgent(&mut self, arrival: &Arrival<'_>) {
        let Some(up) = arrival.up.filter(|_| self.state.takes_text()) else { return };
        // As far ahead as the field can point from the right edge; anything else is no pointer.
        let farthest = self.rcv.adv + u32::from(u16::MAX);
        let behind = self.rcv.up.is_some_and(|known| up <= known);
        if behind || up <= self.read_position() || up > farthest {
            return;
        }
        self.rcv.up = Some(up);
        self.events |= Events::URGENT;
    }
}
