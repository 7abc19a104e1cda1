//! Step 8.7: text into the receive buffer, or aside until the gap before it is filled.

use synack_wire::{Payload, SeqRange};

use super::{Arrival, Connection};
use crate::Instant;
use crate::drop_reason::DropReason;
use crate::error::CloseReason;
use crate::event::{Events, Release};
use crate::recv::{CopyRoom, Inserted, Place};

impl Connection {
    /// Takes the text of a segment that was trimmed to the window.
    ///
    /// Source: RFC 9293 §3.10.7.4 (SM-TEXT-1 to SM-TEXT-6).
    pub(super) fn process_text(
        &mut self,
        now: Instant,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), DropReason> {
        let payload_len = arrival.seg.payload.len();
        let has_fin = arrival.seg.is_fin();
        if payload_len == 0 && !has_fin {
            return Ok(());
        }
        if !self.state.takes_text() {
            return Err(DropReason::TextIgnored);
        }
        if self.user.detached && payload_len > 0 {
            // SM-TEXT-5: no one will read it, and the peer must learn that it is lost.
            self.due.reset = true;
            self.endpoint_events.release = Release::AfterReset;
            self.end(CloseReason::Aborted);
            return Err(DropReason::TextAfterClose);
        }
        if arrival.seg.seq == self.rcv.nxt {
            self.take_in_order(arrival);
            self.time_text(now, arrival, payload_len);
            return Ok(());
        }
        self.take_out_of_order(arrival)
    }

    /// SM-TEXT-1, SM-TEXT-3: appends, then everything that became contiguous.
    fn take_in_order(&mut self, arrival: &mut Arrival<'_>) {
        let (payload, segments) = (&mut arrival.seg.payload, arrival.segments);
        if payload.is_empty() {
            return;
        }
        let len = payload.len();
        if self.reassembly.is_empty() {
            while let Some(slice) = payload.pop_first() {
                self.recv_buffer.push(slice, self.config.copy_below, CopyRoom::Block);
            }
            self.advance(len);
        } else {
            // Through reassembly, where the octets that came first stay.
            let payload = core::mem::take(payload);
            self.fill_gap(arrival, payload);
            self.acks.owe_now();
        }
        self.acks.on_text(len, segments);
        self.hurry_ack();
        if let Some(report) = self.sack_report.inside() {
            report.on_advance(self.rcv.nxt);
        }
        self.events |= Events::READABLE;
    }

    fn fill_gap(&mut self, arrival: &Arrival<'_>, payload: Payload) {
        let place = Place { seq: self.rcv.nxt, nxt: self.rcv.nxt, offset: self.received };
        let inserted = self.reassembly.insert(place, payload.clone(), self.config.copy_below);
        match inserted {
            // RFC 2883 §4.2: one part is reported, the first; what lay below RCV.NXT was.
            Inserted::New { held: Some(held), .. } if arrival.seq == arrival.seg.seq => {
                self.sack_report.on_duplicate(held);
            }
            Inserted::New { .. } | Inserted::Duplicate(_) => {}
            Inserted::Full => {
                // What is in order is taken however many ranges wait (robustness C2).
                for slice in payload {
                    self.advance(slice.len() as u32);
                    self.recv_buffer.push(slice, self.config.copy_below, CopyRoom::Block);
                }
            }
        }
        while let Some(octets) = self.reassembly.take(self.received) {
            self.advance(octets.len() as u32);
            self.recv_buffer.append(octets, CopyRoom::Block);
        }
    }

    /// SM-TEXT-2: keeps it aside, and says at once what is missing (CC-11, SHLD-31).
    fn take_out_of_order(&mut self, arrival: &mut Arrival<'_>) -> Result<(), DropReason> {
        let payload = core::mem::take(&mut arrival.seg.payload);
        self.acks.owe_duplicate(self.negotiated.sack);
        if payload.is_empty() {
            return Ok(());
        }
        let text = SeqRange::with_len(arrival.seg.seq, payload.len());
        let place = Place { seq: text.start, nxt: self.rcv.nxt, offset: self.received };
        match self.reassembly.insert(place, payload, self.config.copy_below) {
            Inserted::New { range, held } => {
                self.sack_report.on_range(range);
                if let Some(held) = held {
                    // RFC 2883 §4.2: of a segment that is new in part, the part that is not.
                    self.sack_report.on_duplicate(held);
                }
            }
            Inserted::Duplicate(range) => {
                self.tally.rare.duplicates_in = self.tally.rare.duplicates_in.wrapping_add(1);
                self.sack_report.on_range(range);
                self.sack_report.on_duplicate(text);
            }
            Inserted::Full => return Err(DropReason::ReassemblyFull),
        }
        Ok(())
    }

    /// Moves RCV.NXT over text that was taken.
    fn advance(&mut self, octets: u32) {
        self.rcv.nxt += octets;
        self.received += u64::from(octets);
    }
}
