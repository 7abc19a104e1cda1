//! The states of the table, and the settings that each of its rows is repeated in.

use synack_tcb::{DropReason, State};

use super::Seen;

/// A row of the state table (RFC 9293 §3.3.2): SYN-RECEIVED is two, as it is left in two ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Closed,
    Listen,
    SynSent,
    SynReceivedPassive,
    SynReceivedActive,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl Place {
    pub(crate) const ALL: [Self; 12] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceivedPassive,
        Self::SynReceivedActive,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];
    /// ESTABLISHED and everything after it but TIME-WAIT.
    pub(crate) const CONNECTED: [Self; 6] = [
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
    ];
    /// ESTABLISHED and everything after it.
    pub(crate) const SYNCHRONIZED: [Self; 7] = [
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];
    /// Where the eight steps of section 8 apply.
    pub(crate) const AFTER_SYN_SENT: [Self; 9] = [
        Self::SynReceivedPassive,
        Self::SynReceivedActive,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];
    /// Where text from the far end is taken.
    pub(crate) const TAKES_TEXT: [Self; 3] = [Self::Established, Self::FinWait1, Self::FinWait2];
    /// Where the far end's FIN was taken.
    pub(crate) const HAS_PEER_FIN: [Self; 4] =
        [Self::CloseWait, Self::Closing, Self::LastAck, Self::TimeWait];
    /// Where text and FIN of the host may be unacknowledged.
    pub(crate) const SENDS: [Self; 5] =
        [Self::Established, Self::FinWait1, Self::CloseWait, Self::Closing, Self::LastAck];
    /// Where the host's FIN is sent and unacknowledged.
    pub(crate) const OWES_FIN: [Self; 3] = [Self::FinWait1, Self::Closing, Self::LastAck];

    /// How it looks from outside.
    pub(crate) fn seen(self) -> Seen {
        match self {
            Self::Closed => Seen::Closed,
            Self::Listen => Seen::Listen,
            Self::SynSent => Seen::In(State::SynSent),
            Self::SynReceivedPassive => Seen::SynReceived,
            Self::SynReceivedActive => Seen::In(State::SynReceived),
            Self::Established => Seen::In(State::Established),
            Self::FinWait1 => Seen::In(State::FinWait1),
            Self::FinWait2 => Seen::In(State::FinWait2),
            Self::CloseWait => Seen::In(State::CloseWait),
            Self::Closing => Seen::In(State::Closing),
            Self::LastAck => Seen::In(State::LastAck),
            Self::TimeWait => Seen::TimeWait,
        }
    }

    /// Where the far end's FIN leads, if it does not acknowledge ours.
    pub(crate) fn after_fin(self) -> Seen {
        if self == Self::Established {
            return Seen::In(State::CloseWait);
        }
        if self == Self::FinWait1 { Seen::In(State::Closing) } else { Seen::TimeWait }
    }

    /// From where the far end's FIN leads here, or, for LAST-ACK, to CLOSE-WAIT before it.
    pub(crate) fn before_fin(self) -> Self {
        match self {
            Self::CloseWait | Self::LastAck => Self::Established,
            Self::Closing => Self::FinWait1,
            Self::TimeWait => Self::FinWait2,
            Self::Closed
            | Self::Listen
            | Self::SynSent
            | Self::SynReceivedPassive
            | Self::SynReceivedActive
            | Self::Established
            | Self::FinWait1
            | Self::FinWait2 => panic!("no FIN came before {self:?}"),
        }
    }

    /// Where the ACK of our FIN leads; `None` if it ends the connection.
    pub(crate) fn after_ack_of_fin(self) -> Option<Seen> {
        if self == Self::FinWait1 {
            return Some(Seen::In(State::FinWait2));
        }
        (self == Self::Closing).then_some(Seen::TimeWait)
    }

    /// Why text is not used after the far end's FIN.
    pub(crate) fn refuses_text(self) -> DropReason {
        if self == Self::TimeWait { DropReason::TimeWait } else { DropReason::TextIgnored }
    }

    /// How it must have been opened, if that makes a difference.
    pub(super) fn opened(self) -> Option<Opened> {
        match self {
            Self::Listen | Self::SynReceivedPassive => Some(Opened::Passively),
            Self::Closed | Self::SynSent | Self::SynReceivedActive => Some(Opened::Actively),
            Self::Established
            | Self::FinWait1
            | Self::FinWait2
            | Self::CloseWait
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => None,
        }
    }
}

/// Who sent the first SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opened {
    Actively,
    Passively,
}

/// What every row is repeated with: both families; numbers far from any edge, around 2^32 and
/// around 2^31; both ways to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    pub(crate) is_ipv6: bool,
    pub(crate) iss: u32,
    pub(crate) irs: u32,
    pub(crate) opened: Opened,
}

pub(crate) const SETTINGS: [Setting; 6] = [
    Setting { is_ipv6: false, iss: 100, irs: 300, opened: Opened::Actively },
    Setting { is_ipv6: false, iss: u32::MAX - 2, irs: u32::MAX - 1, opened: Opened::Passively },
    Setting { is_ipv6: false, iss: 0x7fff_fffe, irs: 0x7fff_fffd, opened: Opened::Actively },
    Setting { is_ipv6: true, iss: 100, irs: 300, opened: Opened::Passively },
    Setting { is_ipv6: true, iss: u32::MAX, irs: u32::MAX - 3, opened: Opened::Actively },
    Setting { is_ipv6: true, iss: 0x7fff_fffd, irs: 0x7fff_ffff, opened: Opened::Passively },
];
