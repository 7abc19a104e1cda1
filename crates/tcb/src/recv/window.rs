//! The window to advertise: silly-window avoidance, and a right edge that never goes back.

use super::RecvSequence;

/// What decides the next window. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowInputs {
    /// RCV.BUFF: the size of the receive buffer.
    pub(crate) buffer: usize,
    /// RCV.USER: received in order and not yet read.
    pub(crate) unread: usize,
    /// The largest segment the peer sends.
    pub(crate) mss: u32,
}

impl WindowInputs {
    /// What the buffer still takes.
    fn room(self) -> u32 {
        let room = self.buffer.saturating_sub(self.unread);
        u32::try_from(room).unwrap_or(u32::MAX)
    }
}

/// RCV.WND as the next segment should offer it, at least what is offered already.
///
/// The right edge stays until it can move by half the buffer or by a full segment, whichever is
/// less.
///
/// Source: RFC 9293 §3.8.6.2.2 (MUST-39, SWS-6); §3.8.6 (SHLD-14, SWS-8); RFC 7323 §2.3 (WS-8).
pub(crate) fn next_window(rcv: &RecvSequence, inputs: WindowInputs) -> u32 {
    let offered = rcv.wnd();
    let most = u32::from(u16::MAX) << rcv.shift;
    let room = inputs.room().min(most);
    let half = u32::try_from(inputs.buffer / 2).unwrap_or(u32::MAX);
    if room.saturating_sub(offered) >= half.min(inputs.mss).max(1) { room } else { offered }
}

/// Whether reading opened the window by so much that the peer should know at once.
///
/// From closed, or from less than a segment, as soon as silly-window avoidance allows; otherwise by
/// half the buffer, since the ACKs of arriving text tell the rest. Source: RFC 9293 §3.8.6.2.2
/// (SWS-6, SWS-7).
pub(crate) fn is_update_due(rcv: &RecvSequence, inputs: WindowInputs) -> bool {
    let offered = rcv.wnd();
    let grown = next_window(rcv, inputs).saturating_sub(offered);
    let half = u32::try_from(inputs.buffer / 2).unwrap_or(u32::MAX).max(1);
    grown > 0 && (offered < inputs.mss || grown >= half)
}

/// The window field that says `wnd` octets, and the octets it really says.
///
/// A shifted field can say less than `wnd` by up to its granularity; where that would move the
/// right edge back it says more (TRAP-5), which the receive buffer must then take. That happens
/// once, and not with each segment: else small segments would push the edge on for ever, past any
/// buffer (robustness C4). From then on the field says less than is offered, and what was offered
/// before is still taken, as RFC 7323 has it.
///
/// Source: RFC 7323 §2.3 (WS-5), §2.4 (WS-12, WS-13).
pub(crate) fn window_field(rcv: &RecvSequence, wnd: u32, inputs: WindowInputs) -> (u16, u32) {
    let granularity = 1 << rcv.shift;
    let down = wnd / granularity;
    let says_too_little = down * granularity < rcv.wnd() || (down == 0 && wnd > 0);
    let fits = (down + 1) * granularity < inputs.room().saturating_add(granularity);
    let field = if says_too_little && fits { down + 1 } else { down };
    let field = u16::try_from(field).unwrap_or(u16::MAX);
    (field, u32::from(field) * granularity)
}

/// The least shift with which a window field can say `buffer` octets, at most 14.
///
/// Source: RFC 7323 §2.3 (WS-6, WS-7).
pub(crate) fn shift_for(buffer: usize) -> u8 {
    (0..14).find(|shift| buffer <= usize::from(u16::MAX) << shift).unwrap_or(14)
}

#[cfg(test)]
mod tests {
    use super::*;
    use synack_wire::SeqNum;

    fn receiver(wnd: u32, shift: u8) -> RecvSequence {
        let mut rcv = RecvSequence::unknown();
        rcv.synchronize(SeqNum::new(u32::MAX - 5), wnd);
        rcv.shift = shift;
        rcv
    }

    #[test]
    fn sws_6_the_right_edge_moves_by_a_segment_or_half_the_buffer() {
        for (case, buffer, unread, offered, wnd) in [
            ("nothing changed", 10_000, 0, 10_000, 10_000),
            ("less than a segment was read", 10_000, 9_000, 0, 0),
            ("a segment was read", 10_000, 8_540, 0, 1_460),
            ("a small buffer opens at its half", 1_000, 501, 0, 0),
            ("a small buffer opens at its half", 1_000, 500, 0, 500),
            ("the buffer was made smaller: the edge stays", 100, 50, 5_000, 5_000),
            ("no more than a field can say", 100_000, 0, 0, 65_535),
        ] {
            let inputs = WindowInputs { buffer, unread, mss: 1_460 };
            assert_eq!(next_window(&receiver(offered, 0), inputs), wnd, "{case}");
        }
    }

    #[test]
    fn sws_7_the_peer_is_told_of_what_it_waits_for_and_of_half_the_buffer() {
        for (case, unread, offered, is_due) in [
            ("nothing was read", 10_000, 0, false),
            ("less than a segment was read of a full buffer", 9_000, 0, false),
            ("a segment was read of a full buffer", 8_540, 0, true),
            ("a segment was read, and less than one was offered", 7_081, 1_459, true),
            ("a segment was read, and one was offered", 7_080, 1_460, false),
            ("half the buffer was read", 3_540, 1_460, true),
        ] {
            let inputs = WindowInputs { buffer: 10_000, unread, mss: 1_460 };
            assert_eq!(is_update_due(&receiver(offered, 0), inputs), is_due, "{case}");
        }
    }

    #[test]
    fn trap_5_a_scaled_field_never_says_less_than_was_offered() {
        for shift in 0..=14 {
            for offered in [0, 1, 127, 128, 129, 65_535, 1 << 20] {
                let rcv = receiver(offered, shift);
                let inputs = WindowInputs { buffer: offered as usize, unread: 0, mss: 1_460 };
                let (field, says) = window_field(&rcv, offered, inputs);
                assert_eq!(says, u32::from(field) << shift);
                let most = u32::from(u16::MAX) << shift;
                assert!(says >= offered.min(most), "shift {shift}, offered {offered}");
                assert!(says < offered + (1 << shift));
            }
        }
    }

    #[test]
    fn attack_c4_small_segments_do_not_push_the_right_edge_past_the_buffer() {
        for shift in 0..=14 {
            let buffer = 40_000_usize << shift;
            let mut rcv = receiver(buffer as u32, shift);
            let (mut unread, mut edge) = (0, rcv.adv);
            for octets in [1, 1, 1, 30, 7].into_iter().cycle().take(2_000) {
                rcv.nxt += octets;
                unread += octets as usize;
                let inputs = WindowInputs { buffer, unread, mss: 1_460 };
                let (_, says) = window_field(&rcv, next_window(&rcv, inputs), inputs);
                rcv.advertise(says);
                let told = rcv.nxt + says;
                assert!(told + ((1 << shift) - 1) >= edge, "the edge goes back by a granule");
                edge = edge.max(told);
                assert!(unread + (rcv.wnd() as usize) < buffer + (1 << shift), "shift {shift}");
            }
        }
    }

    #[test]
    fn a_window_smaller_than_the_granularity_is_not_zero() {
        let mut rcv = receiver(0, 5);
        let inputs = WindowInputs { buffer: 1, unread: 0, mss: 1_460 };
        let (field, says) = window_field(&rcv, next_window(&rcv, inputs), inputs);
        assert_eq!((field, says), (1, 32));
        rcv.advertise(says);
        rcv.nxt += 32;
        let full = WindowInputs { unread: 32, ..inputs };
        assert_eq!(window_field(&rcv, next_window(&rcv, full), full), (0, 0));
    }

    #[test]
    fn ws_7_the_shift_is_large_enough_for_the_buffer_and_at_most_14() {
        for (buffer, shift) in [
            (1, 0),
            (65_535, 0),
            (65_536, 1),
            (1 << 20, 5),
            (6 << 20, 7),
            (65_535 << 14, 14),
            (usize::MAX, 14),
        ] {
            assert_eq!(shift_for(buffer), shift, "{buffer}");
        }
    }
}
