//! The states of a connection and the one table of their transitions (RFC 9293 §3.3.2, figure 5).

use core::fmt;

/// The state of a connection.
///
/// There is no LISTEN here: a listener is a `Listener`. `Closed` is the connection whose four-tuple
/// is free again, and that stays only until the application has read what it received.
///
/// Source: RFC 9293 §3.3.2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// An active open sent its SYN and awaits the peer's.
    SynSent,
    /// Both SYNs are known, ours is not acknowledged.
    SynReceived,
    /// Both directions are open.
    Established,
    /// We closed; the FIN is not acknowledged.
    FinWait1,
    /// We closed and the peer acknowledged that; its direction is open.
    FinWait2,
    /// The peer closed; our direction is open.
    CloseWait,
    /// Both closed at once; our FIN is not acknowledged.
    Closing,
    /// The peer closed first, then we did; our FIN is not acknowledged.
    LastAck,
    /// Both closed; the endpoint waits 2 MSL for what may still be in the network.
    TimeWait,
    /// Over.
    Closed,
}

impl State {
    /// Every state, in the order of RFC 9293 §3.3.2.
    pub const ALL: [Self; 10] = [
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
        Self::Closed,
    ];

    /// The state after `event`, or `None` where the event cannot happen.
    ///
    /// The only place where states change. Source: RFC 9293 §3.3.2 figure 5, §3.10.
    pub(crate) const fn on(self, event: StateEvent) -> Option<Self> {
        use State::{
            CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived,
            SynSent, TimeWait,
        };
        use StateEvent::{Ended, FinAcked, PeerFin, PeerSyn, SynAcked, UserClose};
        match (self, event) {
            (SynSent, PeerSyn) => Some(SynReceived),
            (SynSent | SynReceived, SynAcked) => Some(Established),
            (SynReceived | Established, UserClose) => Some(FinWait1),
            (CloseWait, UserClose) => Some(LastAck),
            (Established, PeerFin) => Some(CloseWait),
            (FinWait1, PeerFin) => Some(Closing),
            (FinWait2, PeerFin) | (Closing, FinAcked) => Some(TimeWait),
            (FinWait1, FinAcked) => Some(FinWait2),
            (LastAck, FinAcked) => Some(Closed),
            // A CLOSE in SYN-RECEIVED: our SYN is acknowledged in a state that goes on (TRAP-61).
            (FinWait1, SynAcked) => Some(FinWait1),
            (_, Ended) => Some(Closed),
            (
                SynSent | SynReceived | Established | FinWait1 | FinWait2 | CloseWait | Closing
                | LastAck | TimeWait | Closed,
                PeerSyn | SynAcked | UserClose | PeerFin | FinAcked,
            ) => None,
        }
    }

    /// ESTABLISHED and everything after it (RFC 9293 §3.5.2).
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Self::SynSent | Self::SynReceived | Self::Closed)
    }

    /// Whether text from the peer is taken: ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 (SM-TEXT-1).
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }

    /// Whether the application may write, or queue for later: up to its CLOSE.
    pub const fn takes_writes(self) -> bool {
        matches!(self, Self::SynSent | Self::SynReceived | Self::Established | Self::CloseWait)
    }

    /// Whether text and FIN may be sent, or sent again (SM-TIMER-4).
    pub(crate) const fn sends_text(self) -> bool {
        matches!(
            self,
            Self::Established | Self::FinWait1 | Self::CloseWait | Self::Closing | Self::LastAck
        )
    }

    /// Whether our FIN was asked for and is not yet acknowledged (SM-OUT-3).
    pub(crate) const fn owes_fin(self) -> bool {
        matches!(self, Self::FinWait1 | Self::Closing | Self::LastAck)
    }

    /// Whether the peer's FIN has been taken.
    pub(crate) const fn has_peer_fin(self) -> bool {
        matches!(self, Self::CloseWait | Self::Closing | Self::LastAck | Self::TimeWait)
    }
}

/// The name as RFC 9293 writes it.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        })
    }
}

/// What moves a connection from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StateEvent {
    /// A SYN without an ACK of ours arrived in SYN-SENT: simultaneous open.
    PeerSyn,
    /// Our SYN was acknowledged.
    SynAcked,
    /// The application closed its direction.
    UserClose,
    /// The peer's FIN was taken in order.
    PeerFin,
    /// Our FIN was acknowledged.
    FinAcked,
    /// Reset, abort, timeout, or a close in SYN-SENT.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [StateEvent; 6] = [
        StateEvent::PeerSyn,
        StateEvent::SynAcked,
        StateEvent::UserClose,
        StateEvent::PeerFin,
        StateEvent::FinAcked,
        StateEvent::Ended,
    ];

    /// Rows are states, columns events, as figure 5 of RFC 9293 draws the arrows.
    #[test]
    fn every_arrow_of_the_state_diagram_and_no_other() {
        use State::*;
        let table = [
            // After: PeerSyn, SynAcked, UserClose, PeerFin, FinAcked.
            (SynSent, [Some(SynReceived), Some(Established), None, None, None]),
            (SynReceived, [None, Some(Established), Some(FinWait1), None, None]),
            (Established, [None, None, Some(FinWait1), Some(CloseWait), None]),
            (FinWait1, [None, Some(FinWait1), None, Some(Closing), Some(FinWait2)]),
            (FinWait2, [None, None, None, Some(TimeWait), None]),
            (CloseWait, [None, None, Some(LastAck), None, None]),
            (Closing, [None, None, None, None, Some(TimeWait)]),
            (LastAck, [None, None, None, None, Some(Closed)]),
            (TimeWait, [None, None, None, None, None]),
            (Closed, [None, None, None, None, None]),
        ];
        assert_eq!(table.map(|(state, _)| state), State::ALL);
        for (state, after) in table {
            let after = after.into_iter().chain([Some(Closed)]);
            for (event, after) in EVENTS.into_iter().zip(after) {
                assert_eq!(state.on(event), after, "{state} on {event:?}");
            }
        }
    }
}
