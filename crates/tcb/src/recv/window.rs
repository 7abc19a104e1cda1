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

/// RCV.WND as the next segment should offer it, at least what is offered already.
///
/// The right edge stays until it can move by half the buffer or by a full segment, whichever is
/// less.
///
/// Source: RFC 9293 §3.8.6.2.2 (MUST-39, SWS-6); §3.8.6 (SHLD-14, SWS-8); RFC 7323 §2.3 (WS-8).
pub(crate) fn next_window(rcv: &RecvSequence, inputs: WindowInputs) -> u32 {
    let offered = rcv.wnd();
    let room = inputs.buffer.saturating_sub(inputs.unread);
    let most = u32::from(u16::MAX) << rcv.shift;
    let room = u32::try_from(room).unwrap_or(u32::MAX).min(most);
    let half = u32::try_from(inputs.buffer / 2).unwrap_or(u32::MAX);
    if room.saturating_sub(offered) >= half.min(inputs.mss).max(1) { room } else { offered }
}

/// The window field that says `wnd` octets, and the octets it really says.
///
/// A shifted field can say less than `wnd` by up to its granularity; where that would move the
/// right edge back it says more (TRAP-5), which the receive buffer must then take.
///
/// Source: RFC 7323 §2.3 (WS-5), §2.4 (WS-13).
pub(crate) fn window_field(rcv: &RecvSequence, wnd: u32) -> (u16, u32) {
    let offered = rcv.wnd();
    let down = wnd >> rcv.shift;
    let field = if down << rcv.shift < offered { down + 1 } else { down };
    let field = u16::try_from(field).unwrap_or(u16::MAX);
    (field, u32::from(field) << rcv.shift)
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
    fn trap_5_a_scaled_field_never_says_less_than_was_offered() {
        for shift in 0..=14 {
            for offered in [0, 1, 127, 128, 129, 65_535, 1 << 20] {
                let rcv = receiver(offered, shift);
                let (field, says) = window_field(&rcv, offered);
                assert_eq!(says, u32::from(field) << shift);
                let most = u32::from(u16::MAX) << shift;
                assert!(says >= offered.min(most), "shift {shift}, offered {offered}");
                assert!(says < offered + (1 << shift));
            }
        }
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
