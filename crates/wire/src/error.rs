//! Why octets are not a packet, and why a packet cannot become octets.

use core::fmt;

/// Why received octets were not used. The peer's or the network's fault, never an application
/// error.
///
/// Nothing answers such a packet (SM-PRE-1); it is counted by reason, see [`ALL`](Self::ALL).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ParseError {
    /// Neither version 4 nor version 6, or no octet at all.
    IpVersion,
    /// An IPv4 header that is cut, or says that it is shorter than 20 octets.
    Ipv4HeaderLength,
    /// An IPv4 total length below the header's or beyond the octets received.
    Ipv4TotalLength,
    /// An IPv4 header checksum that does not match (IP-9).
    Ipv4Checksum,
    /// An IPv4 option with an illegal length.
    Ipv4Option,
    /// An IPv4 source-route option (DEC-12).
    SourceRoute,
    /// A fragment: fragments are dropped whole (IP-10).
    Fragment,
    /// An IPv6 header that is cut.
    Ipv6HeaderLength,
    /// An IPv6 payload length beyond the octets received.
    Ipv6PayloadLength,
    /// An IPv6 extension header that is cut, misplaced, or holds an option of illegal length.
    Ipv6Extension,
    /// More IPv6 extension headers, or octets of them, than we walk (E10).
    Ipv6ExtensionLimit,
    /// An IPv6 option that asks nodes which do not know it to discard the packet; jumbograms too.
    Ipv6Option,
    /// An IPv6 routing header with segments left: we are no router.
    RoutingHeader,
    /// Fewer octets than a TCP header (WIRE-21).
    TcpHeaderLength,
    /// A TCP data offset below 5 or beyond the segment (WIRE-2).
    TcpDataOffset,
    /// A TCP checksum that does not match (MUST-3).
    TcpChecksum,
    /// Fewer octets than an ICMP header.
    IcmpHeaderLength,
    /// An ICMP checksum that does not match.
    IcmpChecksum,
    /// An ICMP error whose quote is no packet or has less than 8 octets of TCP (ICMP-3).
    IcmpQuote,
}

impl ParseError {
    /// Every reason, in the order of [`index`](Self::index), to keep one counter for each.
    pub const ALL: [Self; 19] = [
        Self::IpVersion,
        Self::Ipv4HeaderLength,
        Self::Ipv4TotalLength,
        Self::Ipv4Checksum,
        Self::Ipv4Option,
        Self::SourceRoute,
        Self::Fragment,
        Self::Ipv6HeaderLength,
        Self::Ipv6PayloadLength,
        Self::Ipv6Extension,
        Self::Ipv6ExtensionLimit,
        Self::Ipv6Option,
        Self::RoutingHeader,
        Self::TcpHeaderLength,
        Self::TcpDataOffset,
        Self::TcpChecksum,
        Self::IcmpHeaderLength,
        Self::IcmpChecksum,
        Self::IcmpQuote,
    ];

    /// The place of this reason in [`ALL`](Self::ALL), below `ALL.len()`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IpVersion => "not an IPv4 or IPv6 packet",
            Self::Ipv4HeaderLength => "IPv4 header cut or of illegal length",
            Self::Ipv4TotalLength => "IPv4 total length does not fit the packet",
            Self::Ipv4Checksum => "IPv4 header checksum does not match",
            Self::Ipv4Option => "IPv4 option of illegal length",
            Self::SourceRoute => "IPv4 source-route option",
            Self::Fragment => "fragment",
            Self::Ipv6HeaderLength => "IPv6 header cut",
            Self::Ipv6PayloadLength => "IPv6 payload length does not fit the packet",
            Self::Ipv6Extension => "IPv6 extension header malformed",
            Self::Ipv6ExtensionLimit => "too many IPv6 extension headers",
            Self::Ipv6Option => "IPv6 option that asks for discarding",
            Self::RoutingHeader => "IPv6 routing header with segments left",
            Self::TcpHeaderLength => "TCP header cut",
            Self::TcpDataOffset => "TCP data offset does not fit the segment",
            Self::TcpChecksum => "TCP checksum does not match",
            Self::IcmpHeaderLength => "ICMP header cut",
            Self::IcmpChecksum => "ICMP checksum does not match",
            Self::IcmpQuote => "ICMP error with an unusable quote",
        })
    }
}

impl core::error::Error for ParseError {}

/// What was wrong with the options of a segment that was used all the same (DEC-11).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OptionFault {
    /// A length of 0 or 1: the walk stopped there (MUST-7).
    IllegalLength,
    /// An option that runs past the header: the walk stopped there.
    PastHeader,
    /// A known kind with a length that it cannot have: that option counts as absent (WIRE-15).
    WrongLength,
}

impl OptionFault {
    /// Every fault, in the order of [`index`](Self::index), to keep one counter for each.
    pub const ALL: [Self; 3] = [Self::IllegalLength, Self::PastHeader, Self::WrongLength];

    /// The place of this fault in [`ALL`](Self::ALL), below `ALL.len()`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for OptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IllegalLength => "TCP option of length 0 or 1",
            Self::PastHeader => "TCP option runs past the header",
            Self::WrongLength => "TCP option of a known kind with a wrong length",
        })
    }
}

/// Why a packet cannot be written. The caller's fault: such a packet is never built by `tcb`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// Source and destination are of different address families.
    AddressFamily,
    /// The options take more than 40 octets; nothing is truncated (WIRE-11).
    OptionsLength,
    /// A Fast Open cookie of a length that the option cannot have (TFO-2).
    FastOpenCookie,
    /// An Accurate ECN counter after one that is left out (RFC 9768 §3.2.3).
    AccurateEcnCounters,
    /// More octets than an IP length field can say.
    PacketLength,
    /// The buffer is shorter than the packet.
    BufferLength,
    /// An ICMP error that must not be sent, or does not exist for the family of the packet quoted.
    IcmpNotAllowed,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressFamily => "source and destination are of different families",
            Self::OptionsLength => "TCP options take more than 40 octets",
            Self::FastOpenCookie => "Fast Open cookie of an illegal length",
            Self::AccurateEcnCounters => "Accurate ECN counter after one that is left out",
            Self::PacketLength => "packet longer than an IP length field can say",
            Self::BufferLength => "buffer shorter than the packet",
            Self::IcmpNotAllowed => "ICMP error that must not be sent about this packet",
        })
    }
}

impl core::error::Error for EmitError {}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_reason_has_its_own_index_and_its_own_words() {
        for (index, reason) in ParseError::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index, "{reason}");
        }
        for (index, fault) in OptionFault::ALL.into_iter().enumerate() {
            assert_eq!(fault.index(), index, "{fault}");
        }
        let words: BTreeSet<_> = ParseError::ALL.map(|reason| reason.to_string()).into();
        assert_eq!(words.len(), ParseError::ALL.len());
        assert_eq!(ParseError::IcmpQuote.index() + 1, ParseError::ALL.len(), "the last is in ALL");
        assert_eq!(OptionFault::WrongLength.index() + 1, OptionFault::ALL.len());
    }

    #[test]
    fn words_are_clauses_without_a_full_stop() {
        let emit = [
            EmitError::AddressFamily,
            EmitError::OptionsLength,
            EmitError::FastOpenCookie,
            EmitError::AccurateEcnCounters,
            EmitError::PacketLength,
            EmitError::BufferLength,
            EmitError::IcmpNotAllowed,
        ];
        let all = ParseError::ALL.map(|e| e.to_string()).into_iter();
        let all = all.chain(OptionFault::ALL.map(|e| e.to_string()));
        for words in all.chain(emit.map(|e| e.to_string())) {
            assert!(!words.ends_with('.') && !words.is_empty(), "{words}");
        }
    }
}
