//! The sequence check: whether a segment lies in the window.

use synack_wire::{SeqNum, SeqRange};

/// The four cases of the sequence check. Source: RFC 9293 §3.4, §3.10.7.4 (SM-SEQ-1 to SM-SEQ-4).
pub(crate) fn is_acceptable(seq: SeqNum, len: u32, window: SeqRange) -> bool {
    match (len, window.is_empty()) {
        (0, true) => seq == window.start,
        (0, false) => window.contains(seq),
        (_, true) => false,
        (_, false) => window.contains(seq) || window.contains(seq + (len - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sm_seq_1_to_4_the_four_cases_at_every_edge() {
        for nxt in [0, 1, u32::MAX, u32::MAX - 99, 0x7fff_ffff, 0x8000_0000].map(SeqNum::new) {
            let open = SeqRange::with_len(nxt, 100);
            let closed = SeqRange::with_len(nxt, 0);
            for (case, seq, len, window, acceptable) in [
                ("sm_seq_1", nxt, 0, closed, true),
                ("sm_seq_1", nxt - 1, 0, closed, false),
                ("sm_seq_1", nxt + 1, 0, closed, false),
                ("sm_seq_2", nxt, 0, open, true),
                ("sm_seq_2", nxt + 99, 0, open, true),
                ("sm_seq_2", nxt + 100, 0, open, false),
                ("sm_seq_2", nxt - 1, 0, open, false),
                ("sm_seq_3", nxt, 1, closed, false),
                ("sm_seq_4 first octet in", nxt + 99, 500, open, true),
                ("sm_seq_4 last octet in", nxt - 10, 11, open, true),
                ("sm_seq_4 ends below", nxt - 10, 10, open, false),
                ("sm_seq_4 begins above", nxt + 100, 1, open, false),
                // Both ends lie outside: RFC 9293 has it so, though the window lies within.
                ("sm_seq_4 around the window", nxt - 1, 102, open, false),
            ] {
                assert_eq!(is_acceptable(seq, len, window), acceptable, "{case}, RCV.NXT {nxt}");
            }
        }
    }
}
