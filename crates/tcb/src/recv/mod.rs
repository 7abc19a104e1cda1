//! The receive sequence space: the variables of RFC 9293 §3.3.1 that begin with RCV.
//!
//! ```text
//!        1          2          3
//!   ----------|-----------|----------
//!          rcv.nxt     rcv.adv
//!
//!   1 received   2 may be received: rcv.wnd()   3 may not be received yet
//! ```

mod acceptable;
mod ack_policy;
mod buffer;
mod challenge_limit;
mod reassembly;
mod sack;
mod tuning;
mod window;

pub(crate) use acceptable::is_acceptable;
pub(crate) use ack_policy::{AckDue, AckPolicy};
pub(crate) use buffer::{CopyRoom, RecvBuffer};
pub(crate) use challenge_limit::ChallengeLimit;
pub(crate) use reassembly::{Inserted, Place, Reassembly};
pub(crate) use sack::SackReport;
use synack_wire::{SeqNum, SeqRange};
pub(crate) use tuning::{Reader, RecvTuning};
pub(crate) use window::{WindowInputs, is_update_due, next_window, shift_for, window_field};

/// The RCV variables.
#[derive(Clone, Debug)]
pub(crate) struct RecvSequence {
    /// IRS; 0 until the peer's SYN is known.
    pub(crate) irs: SeqNum,
    /// RCV.NXT: the next number expected.
    pub(crate) nxt: SeqNum,
    /// RCV.ADV, the right edge: RCV.NXT + RCV.WND as ever offered at the highest. Never goes back
    /// (SHLD-14, WS-13).
    pub(crate) adv: SeqNum,
    /// The largest window ever offered.
    pub(crate) wnd_max: u32,
    /// RCV.UP, while the urgent pointer is ahead of the reader.
    pub(crate) up: Option<SeqNum>,
    /// The number of the peer's FIN, once seen in the window.
    pub(crate) fin: Option<SeqNum>,
    /// Rcv.Wind.Shift: how far our window fields are shifted (RFC 7323 §2.3).
    pub(crate) shift: u8,
}

impl RecvSequence {
    /// Before the peer's SYN is known.
    pub(crate) const fn unknown() -> Self {
        let zero = SeqNum::new(0);
        Self { irs: zero, nxt: zero, adv: zero, wnd_max: 0, up: None, fin: None, shift: 0 }
    }

    /// Takes the peer's SYN, whose window we answer with `wnd` octets.
    pub(crate) fn synchronize(&mut self, irs: SeqNum, wnd: u32) {
        self.irs = irs;
        self.nxt = irs + 1;
        self.adv = self.nxt + wnd;
        self.wnd_max = wnd;
    }

    /// RCV.WND.
    pub(crate) fn wnd(&self) -> u32 {
        self.adv.saturating_since(self.nxt)
    }

    /// The window as a range of sequence numbers.
    pub(crate) fn window(&self) -> SeqRange {
        SeqRange::new(self.nxt, self.adv.max(self.nxt))
    }

    /// Moves the right edge so that the window is `wnd`; never to the left.
    pub(crate) fn advertise(&mut self, wnd: u32) {
        self.adv = self.adv.max(self.nxt + wnd);
        self.wnd_max = self.wnd_max.max(self.wnd());
    }
}
