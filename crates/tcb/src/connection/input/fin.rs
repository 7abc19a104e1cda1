//! Step 8.8: the FIN, noted when it arrives and taken once everything before it was.

use super::{Arrival, Connection};
use crate::Instant;
use crate::connection::StateEvent;
use crate::event::Events;

impl Connection {
    /// Notes the number of a FIN that arrived, in order or not. The first that is noted stays.
    ///
    /// Source: RFC 9293 §3.10.7.4 (CLOSE-8, TRAP-54).
    pub(super) fn note_fin(&mut self, arrival: &Arrival<'_>) {
        if arrival.seg.is_fin() && self.state.takes_text() && self.rcv.fin.is_none() {
            self.rcv.fin = Some(arrival.seg.seq + arrival.seg.payload.len());
        }
    }

    /// Takes the peer's FIN when RCV.NXT has reached it, however long ago it arrived.
    ///
    /// Source: RFC 9293 §3.10.7.4 (SM-FIN-2 to SM-FIN-6, CLOSE-7, CLOSE-8, TRAP-54). In FIN-WAIT-1
    /// the ACK step came first, so an ACK of our FIN in the same segment has led to FIN-WAIT-2
    /// already (CLOSE-9, TRAP-53).
    pub(super) fn process_fin(&mut self, now: Instant) {
        let Some(fin) = self.rcv.fin.filter(|_| self.state.takes_text()) else { return };
        if fin < self.rcv.nxt {
            // Text was taken beyond it, so it ends nothing; kept, it would in 4 GiB.
            self.rcv.fin = None;
        }
        if fin != self.rcv.nxt {
            return;
        }
        self.rcv.nxt += 1;
        self.rcv.adv = self.rcv.adv.max(self.rcv.nxt);
        // What lies beyond a FIN is no text, and its places are not those of numbers any more.
        self.reassembly.vacate();
        self.sack_report.vacate();
        self.acks.owe_soon();
        self.transition(now, StateEvent::PeerFin);
        self.events |= Events::PEER_CLOSED | Events::READABLE;
    }
}
