//! What is held back to avoid small segments: Nagle and sender silly-window avoidance
//! (RFC 9293 §3.7.4, §3.8.6.2.1).

use core::time::Duration;

use synack_wire::SeqNum;

use super::super::Push;
use crate::config::Nagle;

/// What the sender remembers to decide whether a small segment may leave.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::connection) struct Hold {
    /// The number after the last small segment sent (Minshall).
    small_end: Option<SeqNum>,
    /// The last write said that more will follow.
    corked: bool,
    /// The override timer fired: what fits leaves.
    overridden: bool,
}

/// What decides about the next segment of new text. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct HoldInputs {
    /// How much of it fits one segment, the usable window and cwnd: `min(D, U, MSS)`.
    pub(super) len: u32,
    /// D: written and not sent.
    pub(super) unsent: u64,
    /// The effective send MSS.
    pub(super) mss: u32,
    /// MAX.SND.WND.
    pub(super) wnd_max: u32,
    /// SND.UNA.
    pub(super) una: SeqNum,
    /// Whether anything sent is unacknowledged.
    pub(super) has_unacked: bool,
    /// Whether our FIN follows.
    pub(super) closing: bool,
    pub(super) nodelay: bool,
    pub(super) nagle: Nagle,
}

/// Why a segment may not leave yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    /// An ACK will release it.
    ByNagle,
    /// The window is small, or the application corked it: the override timer will release it.
    UntilOverride,
}

impl Hold {
    /// The application wrote, and said whether more follows (NAGLE-5).
    pub(in crate::connection) fn on_written(&mut self, push: Push) {
        self.corked = push == Push::More;
    }

    /// The override timer fired (SWS-5).
    pub(in crate::connection) fn override_now(&mut self) {
        self.overridden = true;
    }

    /// A segment of `len` octets of new text left, up to `end`.
    pub(super) fn on_sent(&mut self, len: u32, mss: u32, end: SeqNum) {
        self.overridden = false;
        if !len.is_multiple_of(mss) {
            self.small_end = Some(end);
        }
    }

    /// SND.UNA advanced to `una`: a small segment below it is no small one outstanding.
    pub(in crate::connection) fn on_acked(&mut self, una: SeqNum) {
        self.small_end = self.small_end.filter(|end| una < *end);
    }

    /// Whether the next segment must wait; `None` lets it go.
    ///
    /// Source: RFC 9293 §3.8.6.2.1 (SWS-1 to SWS-5), §3.7.4 (NAGLE-1), App. A.3 (NAGLE-3).
    pub(super) fn holds(&self, inputs: &HoldInputs) -> Option<Held> {
        let all = u64::from(inputs.len) == inputs.unsent;
        // SWS-2; NAGLE-4; SWS-5.
        if inputs.len >= inputs.mss || (all && inputs.closing) || self.overridden {
            return None;
        }
        if all && self.corked {
            return Some(Held::UntilOverride);
        }
        // SWS-3, SWS-4: everything written, or half the largest window there ever was.
        let worth_it = all || inputs.len >= inputs.wnd_max / 2;
        if !worth_it {
            return Some(Held::UntilOverride);
        }
        let waits = match inputs.nagle {
            Nagle::Classic => inputs.has_unacked,
            Nagle::Minshall => self.small_end.is_some_and(|end| inputs.una < end),
        };
        (waits && !inputs.nodelay).then_some(Held::ByNagle)
    }
}

/// The override timer of sender silly-window avoidance, and how long a cork holds (SWS-5, NAGLE-5).
pub(super) const OVERRIDE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const UNA: SeqNum = SeqNum::new(u32::MAX - 5);

    fn inputs() -> HoldInputs {
        HoldInputs {
            len: 100,
            unsent: 100,
            mss: 1_000,
            wnd_max: 60_000,
            una: UNA,
            has_unacked: true,
            closing: false,
            nodelay: false,
            nagle: Nagle::Classic,
        }
    }

    #[test]
    fn sws_2_to_4_and_nagle_1_what_leaves_and_what_waits() {
        let small = inputs();
        for (case, inputs, held) in [
            ("a full segment", HoldInputs { len: 1_000, unsent: 5_000, ..small }, None),
            ("small, nothing unacknowledged", HoldInputs { has_unacked: false, ..small }, None),
            ("small, something unacknowledged", small, Some(Held::ByNagle)),
            ("small, Nagle off", HoldInputs { nodelay: true, ..small }, None),
            ("nagle_4: a FIN follows", HoldInputs { closing: true, ..small }, None),
            (
                "the window takes only part of it",
                HoldInputs { unsent: 200, has_unacked: false, ..small },
                Some(Held::UntilOverride),
            ),
            (
                "part of it, but half the largest window",
                HoldInputs { unsent: 200, has_unacked: false, wnd_max: 200, ..small },
                None,
            ),
            (
                "likewise, with something unacknowledged",
                HoldInputs { unsent: 200, wnd_max: 200, ..small },
                Some(Held::ByNagle),
            ),
        ] {
            assert_eq!(Hold::default().holds(&inputs), held, "{case}");
        }
    }

    #[test]
    fn nagle_3_only_a_second_small_segment_waits() {
        let minshall = HoldInputs { nagle: Nagle::Minshall, ..inputs() };
        let mut hold = Hold::default();
        assert_eq!(hold.holds(&minshall), None, "only full segments are unacknowledged");
        hold.on_sent(100, 1_000, UNA + 100);
        assert_eq!(hold.holds(&minshall), Some(Held::ByNagle));
        assert_eq!(hold.holds(&HoldInputs { una: UNA + 100, ..minshall }), None);
    }

    #[test]
    fn sws_5_and_nagle_5_the_override_releases_what_was_corked_or_small() {
        let mut hold = Hold::default();
        hold.on_written(Push::More);
        let idle = HoldInputs { has_unacked: false, ..inputs() };
        assert_eq!(hold.holds(&idle), Some(Held::UntilOverride));
        hold.override_now();
        assert_eq!(hold.holds(&idle), None);
        hold.on_sent(100, 1_000, UNA + 100);
        assert_eq!(hold.holds(&idle), Some(Held::UntilOverride), "once");
        hold.on_written(Push::Now);
        assert_eq!(hold.holds(&idle), None);
    }
}
