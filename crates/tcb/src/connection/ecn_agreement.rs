//! What the SYNs say of ECN, and what they agree on: classic (RFC 3168), accurate (RFC 9768), none.
//!
//! ```text
//!  flags AE CWR ECE     classic            accurate, with what came on the SYN
//!  SYN                  0 1 1              1 1 1
//!  SYN-ACK              0 0 1              0 1 0  Not-ECT    0 1 1  ECT(1)
//!                                          1 0 0  ECT(0)     1 1 0  CE
//! ```

use synack_wire::{Ecn, Flags};

use crate::config::{ConnectionConfig, EcnPolicy};

/// What the configuration allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EcnTerms {
    pub(crate) policy: EcnPolicy,
    /// Whether accurate ECN comes first.
    pub(crate) accurate: bool,
}

/// What both SYNs agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum EcnUse {
    /// ECN is not in use.
    #[default]
    Off,
    /// The peer's packets may be marked, and that is echoed; ours are not to be marked, as a SYN
    /// that says so left, or came, later (ECN-3).
    EchoOnly,
    /// Packets of both sides may be marked.
    Both,
    /// Every mark is counted, and the count fed back (RFC 9768).
    Accurate(AccurateUse),
}

/// Accurate ECN as the handshake left it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AccurateUse {
    /// The ECN field of the latest SYN, or SYN-ACK, of the peer: it is told of it.
    pub(crate) heard: Ecn,
    /// Whether our packets may be marked. The peer's always may (ACCECN-11).
    pub(crate) may_mark: bool,
}

/// What our SYNs said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum EcnOffer {
    /// Nothing.
    #[default]
    None,
    /// They asked for classic ECN.
    Classic(Standing),
    /// They asked for accurate ECN.
    Accurate(Standing),
}

/// Whether an offer still stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Every SYN made it.
    Made,
    /// Later ones made it no more.
    Withdrawn,
}

impl EcnTerms {
    pub(crate) fn of(config: &ConnectionConfig) -> Self {
        Self { policy: config.ecn, accurate: config.accurate_ecn }
    }

    /// What the first SYN asks for.
    pub(crate) fn offer(self) -> EcnOffer {
        match (self.policy, self.accurate) {
            (EcnPolicy::Off | EcnPolicy::WhenAsked, _) => EcnOffer::None,
            (EcnPolicy::Ask, false) => EcnOffer::Classic(Standing::Made),
            (EcnPolicy::Ask, true) => EcnOffer::Accurate(Standing::Made),
        }
    }
}

impl EcnUse {
    /// What a SYN to us, which came with `field`, asks for and gets.
    ///
    /// Combinations that mean nothing yet ask for accurate ECN; a host that knows only the classic
    /// one sees no more than its own flags. Source: RFC 3168 §6.1.1 (ECN-1); RFC 9768 §3.1.1 to
    /// §3.1.3 (ACCECN-2, ACCECN-4).
    pub(crate) fn of_syn(terms: EcnTerms, syn: Flags, field: Ecn) -> Self {
        match terms.policy {
            EcnPolicy::Off => return Self::Off,
            EcnPolicy::WhenAsked | EcnPolicy::Ask => {}
        }
        let asked = ecn_flags(syn);
        if terms.accurate && asked != Flags::NONE && asked != SETUP {
            return Self::Accurate(AccurateUse { heard: field, may_mark: true });
        }
        if asked.contains(SETUP) { Self::Both } else { Self::Off }
    }

    /// What the last ACK of a handshake without state says: 2 to 7 where only a client with
    /// accurate ECN has a number. Source: RFC 9768 §5.1.
    pub(crate) fn of_last_ack(terms: EcnTerms, control: Flags) -> Self {
        let number = ecn_flags(control);
        if !terms.accurate || number == Flags::NONE || number == Flags::ECE {
            return Self::Off;
        }
        Self::Accurate(AccurateUse { heard: Ecn::NotEct, may_mark: true })
    }

    /// What is left of it after the peer's SYN came again. The kind stays as it is (ACCECN-5); who
    /// is not sure that the peer takes part has none of its own packets marked.
    ///
    /// Source: RFC 3168 §6.1.1 (ECN-3); RFC 9768 §3.1.5.
    pub(crate) fn after_syn_again(self, syn: Flags, field: Ecn) -> Self {
        match self {
            Self::Both if !syn.contains(SETUP) => Self::EchoOnly,
            Self::Off | Self::EchoOnly | Self::Both => self,
            Self::Accurate(agreed) => {
                let may_mark = agreed.may_mark && ecn_flags(syn) != Flags::NONE;
                Self::Accurate(AccurateUse { heard: field, may_mark })
            }
        }
    }

    /// Whether the peer's SYN, which came again, asks for the other kind: nobody could tell then
    /// what it believes (RFC 9768 §3.1.5, ACCECN-6).
    pub(crate) fn is_contradicted(self, terms: EcnTerms, syn: Flags) -> bool {
        match self {
            Self::Off => false,
            Self::EchoOnly | Self::Both => terms.accurate && ecn_flags(syn) == ACCURATE_SETUP,
            Self::Accurate(_) => ecn_flags(syn) == SETUP,
        }
    }

    /// Whether it is in use at all.
    pub(crate) fn is_on(self) -> bool {
        self != Self::Off
    }

    /// Whether marks are counted.
    pub(crate) fn is_accurate(self) -> bool {
        matches!(self, Self::Accurate(_))
    }

    /// Whether our packets may be marked.
    pub(crate) fn may_mark(self) -> bool {
        match self {
            Self::Off | Self::EchoOnly => false,
            Self::Both => true,
            Self::Accurate(agreed) => agreed.may_mark,
        }
    }

    /// The same, but our packets are not to be marked any more.
    pub(crate) fn without_marks(self) -> Self {
        match self {
            Self::Off | Self::EchoOnly => self,
            Self::Both => Self::EchoOnly,
            Self::Accurate(agreed) => Self::Accurate(AccurateUse { may_mark: false, ..agreed }),
        }
    }

    /// What a SYN-ACK adds to its flags, after its timer expired so many times.
    ///
    /// In case that was what kept it from arriving, the third says nothing of accurate ECN
    /// (RFC 9768 §3.2.3.2.2).
    pub(crate) fn answer(self, timeouts: u8) -> Flags {
        match self {
            Self::Off => Flags::NONE,
            Self::EchoOnly | Self::Both => Flags::ECE,
            Self::Accurate(_) if timeouts >= SILENT_AFTER => Flags::NONE,
            Self::Accurate(agreed) => handshake_encoding(agreed.heard),
        }
    }

    /// What is left of it when the SYN-ACK is acknowledged after so many timeouts: one that said
    /// nothing may be what the peer goes by (RFC 9768 §3.1.5).
    pub(crate) fn after_timeouts(self, timeouts: u8) -> Self {
        match self {
            Self::Accurate(_) if timeouts >= SILENT_AFTER => self.without_marks(),
            Self::Off | Self::EchoOnly | Self::Both | Self::Accurate(_) => self,
        }
    }
}

impl EcnOffer {
    /// The flags of a SYN.
    pub(crate) fn flags(self) -> Flags {
        match self {
            Self::Classic(Standing::Made) => SETUP,
            Self::Accurate(Standing::Made) => ACCURATE_SETUP,
            Self::None | Self::Classic(Standing::Withdrawn) => Flags::NONE,
            Self::Accurate(Standing::Withdrawn) => Flags::NONE,
        }
    }

    /// A SYN without it leaves: it may be what keeps the others from being answered.
    pub(crate) fn withdrawn(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Classic(_) => Self::Classic(Standing::Withdrawn),
            Self::Accurate(_) => Self::Accurate(Standing::Withdrawn),
        }
    }

    /// What a SYN-ACK, which came with `field`, agrees to. One that mirrors the flags is of a host
    /// that mirrors what it does not know.
    ///
    /// Source: RFC 3168 §6.1.1 (ECN-1 to ECN-3); RFC 9768 §3.1.2, §3.1.3 (ACCECN-3).
    pub(crate) fn agreed(self, syn_ack: Flags, field: Ecn) -> EcnUse {
        let answer = ecn_flags(syn_ack);
        let is_classic = match self {
            Self::None => false,
            // A host that knows only the classic kind has no eye for AE.
            Self::Classic(_) => answer.without(Flags::AE) == Flags::ECE,
            Self::Accurate(_) => answer == Flags::ECE,
        };
        match self {
            Self::Classic(standing) | Self::Accurate(standing) if is_classic => match standing {
                Standing::Made => EcnUse::Both,
                Standing::Withdrawn => EcnUse::EchoOnly,
            },
            Self::None | Self::Classic(_) => EcnUse::Off,
            Self::Accurate(_) if answer == Flags::NONE || answer == ACCURATE_SETUP => EcnUse::Off,
            Self::Accurate(_) => {
                // Our SYN was Not-ECT, and should have arrived so (RFC 9768 §3.2.2.3).
                let is_sound = answer == handshake_encoding(Ecn::NotEct) || answer == RESERVED;
                EcnUse::Accurate(AccurateUse { heard: field, may_mark: is_sound })
            }
        }
    }

    /// What a crossing SYN, which came with `field`, agrees to.
    ///
    /// Accurate ECN goes as if we had not asked, so that both ends find the same (RFC 9768 §3.1.2).
    pub(crate) fn agreed_by_crossing(self, terms: EcnTerms, syn: Flags, field: Ecn) -> EcnUse {
        match self {
            Self::None | Self::Classic(Standing::Withdrawn) => EcnUse::Off,
            Self::Classic(Standing::Made) if ecn_flags(syn).contains(SETUP) => EcnUse::Both,
            Self::Classic(Standing::Made) => EcnUse::Off,
            Self::Accurate(Standing::Made) => EcnUse::of_syn(terms, syn, field),
            Self::Accurate(Standing::Withdrawn) => {
                EcnUse::of_syn(terms, syn, field).without_marks()
            }
        }
    }
}

/// How the ECN field of a SYN, or SYN-ACK, is told to who sent it.
///
/// Source: RFC 9768 §3.1.1 table 2, §3.2.2.1 table 3 (ACCECN-2, ACCECN-10).
pub(crate) fn handshake_encoding(field: Ecn) -> Flags {
    match field {
        Ecn::NotEct => Flags::CWR,
        Ecn::Ect1 => Flags::CWR | Flags::ECE,
        Ecn::Ect0 => Flags::AE,
        Ecn::Ce => Flags::AE | Flags::CWR,
    }
}

/// The flags that ECN uses.
pub(crate) fn ecn_flags(control: Flags) -> Flags {
    Flags::from_bits(control.bits() & ACCURATE_SETUP.bits())
}

/// The flags of a SYN that asks for classic ECN (RFC 3168 §6.1.1).
const SETUP: Flags = Flags::from_bits(Flags::ECE.bits() | Flags::CWR.bits());
/// The flags of a SYN that asks for accurate ECN (RFC 9768 §3.1.1, ACCECN-1).
const ACCURATE_SETUP: Flags =
    Flags::from_bits(Flags::AE.bits() | Flags::ECE.bits() | Flags::CWR.bits());
/// A SYN-ACK that means nothing yet, and agrees all the same (RFC 9768 §3.1.3).
const RESERVED: Flags = Flags::from_bits(Flags::AE.bits() | Flags::ECE.bits());
/// Timeouts of the SYN-ACK after which it says nothing of accurate ECN.
const SILENT_AFTER: u8 = 2;

#[cfg(test)]
mod tests;
