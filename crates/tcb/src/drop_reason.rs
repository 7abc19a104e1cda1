//! Why a packet was not used.

use core::fmt;

macro_rules! drop_reasons {
    ($($(#[doc = $doc:expr])+ $name:ident = $text:literal,)+) => {
        /// Why a packet, or what was left of it, was not used: a return value, a counter and a
        /// trace field, never an application's error.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum DropReason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl DropReason {
            /// Every reason, in the order of their discriminants: a caller's counters.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The reason in words, a lower-case clause.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

drop_reasons! {
    /// Source or destination is broadcast, multicast or otherwise invalid (SM-PRE-2, MUST-57,
    /// MUST-63).
    InvalidAddress = "invalid address",
    /// The destination is not one of our addresses.
    NotOurs = "not one of our addresses",
    /// Source and destination are the same socket (robustness A4).
    Land = "source is destination",
    /// A RST for nobody (SM-CLOSED-1).
    ResetForNobody = "reset for nobody",
    /// What it was for is gone. A segment for nobody at all is answered with a RST instead
    /// (SM-CLOSED-2, SM-CLOSED-3).
    NoConnection = "no connection",
    /// A RST was due and the limit of RSTs is used up (RST-15).
    ResetLimit = "limit of resets reached",
    /// A RST to a listener (SM-LISTEN-1).
    ResetForListener = "reset for a listener",
    /// A segment without SYN, ACK and RST to a listener (SM-LISTEN-7).
    NoSynForListener = "no SYN for a listener",
    /// A SYN while the half-open queue is full and cookies are off (SM-LISTEN-5).
    SynQueueFull = "half-open queue full",
    /// A handshake completed while the accept queue is full (robustness A2).
    AcceptQueueFull = "accept queue full",
    /// The endpoint has as many connections as it may.
    TooManyConnections = "too many connections",
    /// Dropped in TIME-WAIT (SM-ACK-16, SM-RST-5).
    TimeWait = "connection in TIME-WAIT",
    /// It came to another shard, whose queue to the right one was full.
    ShardQueueFull = "queue to its shard full",
    /// The packet's connection is over.
    Closed = "connection closed",
    /// In SYN-SENT or SYN-RECEIVED an ACK of what was never sent (SM-SYNSENT-1, SM-ACK-3).
    UnacceptableAck = "unacceptable ACK in the handshake",
    /// In SYN-SENT neither SYN nor RST (SM-SYNSENT-9).
    NoSyn = "no SYN in SYN-SENT",
    /// In SYN-SENT a RST without an acceptable ACK (SM-SYNSENT-4).
    BlindReset = "reset without acceptable ACK in SYN-SENT",
    /// Timestamp older than TS.Recent (SM-PAWS-1).
    Paws = "timestamp too old",
    /// Timestamps are in use and the segment has none (SM-PAWS-2).
    TimestampMissing = "timestamp missing",
    /// Not in the window (SM-SEQ-7, SM-SEQ-8).
    OutOfWindow = "outside the window",
    /// Entirely below RCV.NXT: a duplicate, or a keep-alive probe (SM-SEQ-7, SM-SEQ-11).
    Duplicate = "old duplicate",
    /// A retransmitted FIN, acknowledged again (SM-SEQ-10).
    RepeatedFin = "repeated FIN",
    /// A copy of the SYN that opened the connection (SM-SEQ-9, OPEN-15).
    RepeatedSyn = "repeated SYN",
    /// A RST in the window but not at RCV.NXT (SM-RST-1..SM-RST-4, BLIND-3).
    ResetNotExact = "reset not exactly at RCV.NXT",
    /// A RST that ended the connection.
    Reset = "connection reset",
    /// A SYN in a synchronized state (SM-SYN-2, SM-SYN-3, BLIND-4).
    UnexpectedSyn = "SYN on a connection",
    /// A SYN in SYN-RECEIVED that returned it to LISTEN (SM-SYN-1).
    ReturnToListen = "SYN returned the handshake to LISTEN",
    /// No ACK bit (SM-ACK-1).
    NoAck = "no ACK bit",
    /// An ACK below SND.UNA - MAX.SND.WND (SM-ACK-4, BLIND-6).
    AckTooOld = "ACK too old",
    /// An ACK of what was never sent (SM-ACK-5).
    AckOfUnsent = "ACK of unsent text",
    /// Text after the application can no longer read (SM-TEXT-5).
    TextAfterClose = "text after close",
    /// Text or FIN in a state that takes none (SM-TEXT-6, SM-FIN-7).
    TextIgnored = "text ignored in this state",
    /// Out of order, and the bound of out-of-order ranges is reached (robustness C1).
    ReassemblyFull = "too many out-of-order ranges",
    /// An ICMP error about a number that is not outstanding (ICMP-2).
    IcmpNotInFlight = "ICMP error about nothing in flight",
    /// ICMP's source quench, which is never acted on (ICMP-7).
    SourceQuench = "ICMP source quench",
    /// A router reports a path MTU below all that is believed (PMTU-5, robustness B10).
    MtuTooSmall = "reported MTU too small",
    /// A router reports a path MTU that is not below what is sent (PMTU-4, PMTU-8).
    MtuNotLower = "reported MTU not lower",
    /// A router reports a path MTU that the packet it quotes does not exceed.
    MtuNotExceeded = "reported MTU not exceeded",
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_its_place_in_the_list_of_all() {
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }
}
