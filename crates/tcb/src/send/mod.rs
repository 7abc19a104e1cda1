//! The send sequence space: the variables of RFC 9293 §3.3.1 that begin with SND.
//!
//! ```text
//!        1         2          3          4
//!   ----------|----------|----------|----------
//!          snd.una    snd.nxt    snd.una + snd.wnd
//!
//!   1 acknowledged   2 sent   3 may be sent   4 may not be sent yet
//! ```

mod buffer;

pub(crate) use buffer::SendBuffer;
use synack_wire::SeqNum;

use crate::drop_reason::DropReason;

/// The SND variables.
///
/// `nxt` never goes back, so it is SND.MAX too: what is sent again is marked in the queue of what
/// was sent, and the octet of a window probe moves `nxt` like any other.
#[derive(Clone, Debug)]
pub(crate) struct SendSequence {
    /// ISS.
    pub(crate) iss: SeqNum,
    /// SND.UNA: the oldest unacknowledged number.
    pub(crate) una: SeqNum,
    /// SND.NXT and SND.MAX: the number after the highest ever sent.
    pub(crate) nxt: SeqNum,
    /// SND.WND: the peer's window, scaled, as an offset from `una`.
    pub(crate) wnd: u32,
    /// SND.WL1: SEG.SEQ of the segment that last set the window.
    pub(crate) wl1: SeqNum,
    /// SND.WL2: SEG.ACK of that segment.
    pub(crate) wl2: SeqNum,
    /// MAX.SND.WND: the largest window ever received (RFC 5961 §5.2, BLIND-7).
    pub(crate) wnd_max: u32,
    /// SND.UP: the number after the last urgent octet, while there is one.
    pub(crate) up: Option<SeqNum>,
    /// FIN.SEQ: our FIN's number, once it was sent (TRAP-18).
    pub(crate) fin: Option<SeqNum>,
    /// Snd.Wind.Shift: how far the peer's window fields are shifted (RFC 7323 §2.3).
    pub(crate) shift: u8,
    /// Whether our SYN is acknowledged. `una` does not say: 4 GiB later it is ISS again.
    syn_acked: bool,
}

impl SendSequence {
    /// Before the SYN is sent.
    pub(crate) const fn new(iss: SeqNum) -> Self {
        Self {
            iss,
            una: iss,
            nxt: iss,
            wnd: 0,
            wl1: iss,
            wl2: iss,
            wnd_max: 0,
            up: None,
            fin: None,
            shift: 0,
            syn_acked: false,
        }
    }

    /// Our SYN is acknowledged.
    pub(crate) fn on_syn_acked(&mut self) {
        self.syn_acked = true;
        self.una = self.iss + 1;
    }

    /// Whether our SYN is acknowledged.
    pub(crate) fn is_syn_acked(&self) -> bool {
        self.syn_acked
    }

    /// The number of the first octet of text that is not acknowledged.
    pub(crate) fn text_una(&self) -> SeqNum {
        if self.syn_acked { self.una } else { self.iss + 1 }
    }

    /// Whether our FIN is acknowledged.
    pub(crate) fn is_fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.una > fin)
    }

    /// FlightSize: everything sent and unacknowledged. Units: sequence numbers.
    pub(crate) fn flight_size(&self) -> u32 {
        self.nxt - self.una
    }

    /// U, the usable window; zero when the peer shrank it below what was sent (MUST-34, TRAP-3).
    pub(crate) fn usable_window(&self) -> u32 {
        (self.una + self.wnd).saturating_since(self.nxt)
    }

    /// Whether a segment is new enough to set the window.
    ///
    /// Source: RFC 9293 §3.10.7.4 (SM-ACK-8); equality of `wl2` counts (TRAP-7).
    pub(crate) fn is_window_update(&self, seq: SeqNum, ack: SeqNum) -> bool {
        self.una <= ack
            && ack <= self.nxt
            && (self.wl1 < seq || (self.wl1 == seq && self.wl2 <= ack))
    }

    /// Takes the peer's window from a segment. `wnd` is scaled already.
    pub(crate) fn set_window(&mut self, seq: SeqNum, ack: SeqNum, wnd: u32) {
        self.wnd = wnd;
        self.wnd_max = self.wnd_max.max(wnd);
        self.wl1 = seq;
        self.wl2 = ack;
    }

    /// SEG.SEQ of a segment without text, SYN or FIN.
    ///
    /// `nxt`, unless that lies so far beyond the peer's window that it would refuse the segment and
    /// the ACK in it: then the window's edge. Source: SM-OUT-6 (TRAP-63).
    pub(crate) fn bare_seq(&self) -> SeqNum {
        // The window of a SYN begins behind our SYN, acknowledged or not.
        let edge = self.text_una() + self.wnd;
        let beyond = self.nxt.saturating_since(edge);
        let tolerated = if self.wnd == 0 { 0 } else { (1 << self.shift) - 1 };
        if beyond > tolerated { edge } else { self.nxt }
    }
}

/// Whether an ACK is one that a peer may send: of what was sent, and not so old that only a blind
/// sender would choose it.
///
/// # Errors
/// [`DropReason::AckOfUnsent`], [`DropReason::AckTooOld`]; both are challenged.
///
/// Source: RFC 9293 §3.10.7.4 (SM-ACK-4, SM-ACK-5); RFC 5961 §5.2 (BLIND-6).
pub(crate) fn check_ack_range(ack: SeqNum, lowest: SeqNum, nxt: SeqNum) -> Result<(), DropReason> {
    if ack < lowest {
        return Err(DropReason::AckTooOld);
    }
    if ack > nxt { Err(DropReason::AckOfUnsent) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(iss: u32) -> SendSequence {
        let mut snd = SendSequence::new(SeqNum::new(iss));
        snd.on_syn_acked();
        snd.nxt = snd.iss + 1001;
        snd
    }

    #[test]
    fn must_34_a_window_shrunk_below_what_was_sent_is_unusable_and_not_huge() {
        for iss in [0, u32::MAX - 500, 0x7fff_ffff] {
            let mut snd = sequence(iss);
            for (wnd, usable) in [(0, 0), (999, 0), (1000, 0), (1001, 1), (5000, 4000)] {
                snd.wnd = wnd;
                assert_eq!(snd.usable_window(), usable, "iss {iss}, wnd {wnd}");
            }
        }
    }

    #[test]
    fn trap_7_the_window_is_set_only_by_segments_that_are_new_enough() {
        let mut snd = sequence(u32::MAX - 100);
        let (seq, ack) = (SeqNum::new(u32::MAX), snd.una);
        snd.set_window(seq, ack, 100);
        for (case, seq, ack, is_update) in [
            ("same again: a pure window update", seq, ack, true),
            ("a later segment", seq + 1, ack, true),
            ("the same segment with a later ACK", seq, ack + 1, true),
            ("an earlier segment", seq - 1, ack + 1, false),
            ("an ACK below SND.UNA", seq + 1, ack - 1, false),
            ("an ACK of what was not sent", seq + 1, snd.nxt + 1, false),
        ] {
            assert_eq!(snd.is_window_update(seq, ack), is_update, "{case}");
        }
    }

    #[test]
    fn sm_ack_4_sm_ack_5_an_ack_lies_between_the_lowest_and_what_was_sent() {
        for nxt in [0, 1, u32::MAX, 0x7fff_ffff, 0x8000_0000].map(SeqNum::new) {
            let lowest = nxt - 1_000;
            for (ack, verdict) in [
                (nxt, Ok(())),
                (lowest, Ok(())),
                (nxt + 1, Err(DropReason::AckOfUnsent)),
                (lowest - 1, Err(DropReason::AckTooOld)),
                (nxt + (1 << 30), Err(DropReason::AckOfUnsent)),
                (nxt - (1 << 30), Err(DropReason::AckTooOld)),
            ] {
                assert_eq!(check_ack_range(ack, lowest, nxt), verdict, "{ack}, {nxt}");
            }
        }
    }

    #[test]
    fn sm_out_6_a_bare_segment_stays_inside_the_peers_window() {
        let mut snd = sequence(u32::MAX - 3);
        snd.shift = 3;
        for (case, wnd, seq) in [
            ("inside", 2000, snd.nxt),
            ("beyond by less than the granularity", 1000 - 7, snd.nxt),
            ("beyond by the granularity", 1000 - 8, snd.una + 992),
            ("zero window", 0, snd.una),
        ] {
            snd.wnd = wnd;
            assert_eq!(snd.bare_seq(), seq, "{case}");
        }
    }

    #[test]
    fn g4_after_gigabytes_the_syn_is_still_acknowledged() {
        for sent in [0, 1 << 30, 1 << 31, (1 << 31) + 1, u32::MAX, u32::MAX - 1] {
            let mut snd = sequence(u32::MAX - 100);
            snd.una += sent;
            snd.nxt = snd.una;
            assert!(snd.is_syn_acked() && snd.text_una() == snd.una, "{sent} octets later");
            snd.wnd = 1;
            assert_eq!(snd.bare_seq(), snd.nxt, "{sent} octets later");
        }
    }

    #[test]
    fn sm_out_6_while_the_syn_is_unacknowledged_a_bare_segment_follows_it() {
        let mut snd = SendSequence::new(SeqNum::new(u32::MAX));
        snd.nxt = snd.iss + 1;
        for wnd in [0, 1, 65_535] {
            snd.set_window(SeqNum::new(7), snd.iss, wnd);
            assert_eq!(snd.bare_seq(), snd.iss + 1, "window {wnd}");
        }
    }
}
