//! ICMP errors about TCP segments: read with what they quote, and written for link emulators.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use crate::address_pair::AddressPair;
use crate::checksum::Sum;
use crate::parse::{IpHeader, TCP};
use crate::{EmitError, IpFields, ParseError, SeqNum, ipv4, ipv6};

/// An ICMP error about a TCP segment that we seem to have sent.
///
/// Anyone can forge one: it counts only if the quote names a connection and a sequence number in
/// flight (ICMP-1, ICMP-2).
///
/// Source: RFC 792; RFC 4443; RFC 5927 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// What went wrong.
    pub kind: IcmpErrorKind,
    /// Who says so.
    pub reporter: IpAddr,
    /// The quoted source: our end, as we sent it.
    pub source: SocketAddr,
    /// The quoted destination: the peer.
    pub destination: SocketAddr,
    /// The quoted sequence number.
    pub seq: SeqNum,
    /// Octets of the whole packet that the quote is of, by its IP header.
    pub packet_len: u32,
    /// Octets of text in the quoted segment, if the quote is long enough to tell.
    pub payload_len: Option<u32>,
}

/// The kinds of ICMP error, with the numbers of ICMPv4 and ICMPv6 where both have one.
///
/// Source: RFC 792; RFC 1122 §3.2.2; RFC 1191 §4; RFC 1812 §5.2.7.1; RFC 4443 §3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum IcmpErrorKind {
    /// Net unreachable (v4 3/0), no route to destination (v6 1/0).
    NetUnreachable,
    /// Host unreachable (v4 3/1), address unreachable (v6 1/3).
    HostUnreachable,
    /// Protocol unreachable (v4 3/2).
    ProtocolUnreachable,
    /// Port unreachable (v4 3/3, v6 1/4).
    PortUnreachable,
    /// Fragmentation needed and DF set (v4 3/4).
    FragmentationNeeded {
        /// The MTU of the next hop in octets; 0 from routers before RFC 1191 (PMTU-7).
        mtu: u16,
    },
    /// Packet too big (v6 2).
    PacketTooBig {
        /// The MTU of the next hop in octets.
        mtu: u32,
    },
    /// Source route failed (v4 3/5).
    SourceRouteFailed,
    /// Destination network unknown (v4 3/6).
    NetUnknown,
    /// Destination host unknown (v4 3/7).
    HostUnknown,
    /// Source host isolated (v4 3/8).
    SourceHostIsolated,
    /// Network administratively prohibited (v4 3/9).
    NetProhibited,
    /// Host administratively prohibited (v4 3/10).
    HostProhibited,
    /// Network unreachable for the type of service (v4 3/11).
    NetUnreachableForService,
    /// Host unreachable for the type of service (v4 3/12).
    HostUnreachableForService,
    /// Communication administratively prohibited (v4 3/13, v6 1/1).
    AdminProhibited,
    /// Host precedence violation (v4 3/14).
    HostPrecedenceViolation,
    /// Precedence cutoff in effect (v4 3/15).
    PrecedenceCutoff,
    /// Beyond the scope of the source address (v6 1/2).
    BeyondScope,
    /// Source address failed ingress or egress policy (v6 1/5).
    SourcePolicyFailed,
    /// Reject route to destination (v6 1/6).
    RejectRoute,
    /// Unreachable with a code that has no name here.
    Unreachable {
        /// The code as received.
        code: u8,
    },
    /// Hop limit exceeded in transit (v4 11/0, v6 3/0).
    TimeExceeded,
    /// Fragment reassembly time exceeded (v4 11/1, v6 3/1), or another code of that type.
    ReassemblyTimeExceeded,
    /// Parameter problem (v4 12, v6 4).
    ParameterProblem {
        /// The code as received.
        code: u8,
        /// Which octet of our packet is at fault.
        pointer: u32,
    },
    /// Source quench (v4 4): deprecated, never acted on (ICMP-7, RFC 6633).
    SourceQuench,
}

/// What an ICMP message turned out to be.
pub(crate) enum Message {
    Error(IcmpError),
    EchoRequest,
    /// For the application: another type, or an error about another protocol.
    Other,
}

/// Reads the ICMP `message` that the packet of header `ip` carries.
///
/// # Errors
/// `IcmpHeaderLength`; for messages that are ours to handle also `IcmpChecksum` and `IcmpQuote`.
pub(crate) fn parse(ip: &IpHeader, message: &[u8]) -> Result<Message, ParseError> {
    let (header, quote) = message.split_first_chunk::<8>().ok_or(ParseError::IcmpHeaderLength)?;
    let family = Family::of(ip.addresses);
    let is_echo = header[0] == family.echo_request();
    let kind = family.error_kind(header);
    if !is_echo && kind.is_none() {
        return Ok(Message::Other);
    }
    if !sum_of(ip.addresses, message).is_some_and(Sum::is_intact) {
        return Err(ParseError::IcmpChecksum);
    }
    match kind {
        Some(kind) => parse_quote(kind, ip.addresses.source(), quote),
        None => Ok(Message::EchoRequest),
    }
}

/// Reads what an error quotes: IP header and at least 8 octets of TCP (ICMP-3).
fn parse_quote(kind: IcmpErrorKind, reporter: IpAddr, quote: &[u8]) -> Result<Message, ParseError> {
    let quoted = match reporter {
        IpAddr::V4(_) => ipv4::parse_quoted(quote),
        IpAddr::V6(_) => ipv6::parse_quoted(quote),
    };
    let quoted = quoted.ok_or(ParseError::IcmpQuote)?;
    if quoted.protocol != TCP {
        return Ok(Message::Other);
    }
    let tcp = quote.get(quoted.start..).unwrap_or_default();
    let ports_and_seq: &[u8; 8] = tcp.first_chunk().ok_or(ParseError::IcmpQuote)?;
    let [a, b, c, d, e, f, g, h] = *ports_and_seq;
    let payload_len = tcp.get(12).and_then(|offset| {
        let headers_len = quoted.start.checked_add(usize::from(offset >> 4) << 2)?;
        u32::try_from(quoted.end.checked_sub(headers_len)?).ok()
    });
    Ok(Message::Error(IcmpError {
        kind,
        reporter,
        source: SocketAddr::new(quoted.addresses.source(), u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(quoted.addresses.destination(), u16::from_be_bytes([c, d])),
        seq: SeqNum::new(u32::from_be_bytes([e, f, g, h])),
        packet_len: u32::try_from(quoted.end).unwrap_or(u32::MAX),
        payload_len,
    }))
}

/// Builds the ICMP error of `kind` that `reporter` sends about `packet`, back to its source.
///
/// For emulators and tests; a host that only ends connections sends none. Quotes as much of
/// `packet` as fits 576 octets (IPv4) or 1280 (IPv6).
///
/// # Errors
/// `IcmpNotAllowed` if `packet` is no sane IP packet of `reporter`'s family, is a later fragment or
/// an ICMP error itself, has a source or destination that is not a single host, or if the family
/// has no such error.
///
/// Source: RFC 1122 §3.2.2; RFC 1812 §4.3.2; RFC 4443 §2.4.
pub fn emit_icmp_error(
    kind: IcmpErrorKind,
    reporter: IpAddr,
    packet: &[u8],
) -> Result<Vec<u8>, EmitError> {
    let quoted = match reporter {
        IpAddr::V4(_) => ipv4::parse_quoted(packet),
        IpAddr::V6(_) => ipv6::parse_quoted(packet),
    };
    let quoted = quoted.ok_or(EmitError::IcmpNotAllowed)?;
    let destination = quoted.addresses.source();
    let way = AddressPair::new(reporter, destination).ok_or(EmitError::AddressFamily)?;
    let family = Family::of(way);
    let is_error = quoted.protocol == protocol(way)
        && packet.get(quoted.start).is_some_and(|kind| family.is_error_type(*kind));
    if is_error || !is_host(destination) || !is_host(quoted.addresses.destination()) {
        return Err(EmitError::IcmpNotAllowed);
    }
    let [kind, code, _, _, rest @ ..] =
        family.error_header(kind).ok_or(EmitError::IcmpNotAllowed)?;

    let len_max = family.error_len_max().saturating_sub(family.headers_len());
    let quote = packet.get(..len_max).unwrap_or(packet);
    let mut error = Vec::with_capacity(family.error_len_max());
    error.extend_from_slice(&[kind, code, 0, 0]);
    error.extend_from_slice(&rest);
    error.extend_from_slice(quote);
    let len = u16::try_from(error.len()).map_err(|_| EmitError::PacketLength)?;
    let [high, low] = sum_of(way, &error).ok_or(EmitError::PacketLength)?.checksum().to_be_bytes();
    error.splice(..4, [kind, code, high, low]);
    let fields = IpFields::default();
    match way {
        AddressPair::V4 { source, destination } => {
            let total_len = len.checked_add(20).ok_or(EmitError::PacketLength)?;
            let addresses = [source, destination];
            error.splice(..0, ipv4::emit(addresses, PROTOCOL_V4, total_len, 0, &fields));
        }
        AddressPair::V6 { source, destination } => {
            error.splice(..0, ipv6::emit([source, destination], PROTOCOL_V6, len, &fields));
        }
    }
    Ok(error)
}

/// The sum of an ICMP message, with the pseudo-header that only ICMPv6 has (RFC 4443 §2.3).
fn sum_of(addresses: AddressPair, message: &[u8]) -> Option<Sum> {
    let mut sum = match addresses {
        AddressPair::V4 { .. } => Sum::new(),
        AddressPair::V6 { .. } => {
            addresses.pseudo_header(PROTOCOL_V6, u16::try_from(message.len()).ok()?)
        }
    };
    sum.add(message);
    Some(sum)
}

/// The protocol number of the ICMP that belongs to a family.
pub(crate) fn protocol(addresses: AddressPair) -> u8 {
    match addresses {
        AddressPair::V4 { .. } => PROTOCOL_V4,
        AddressPair::V6 { .. } => PROTOCOL_V6,
    }
}

/// Whether an address can be that of one host (RFC 1122 §3.2.2).
fn is_host(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_multicast() || address.is_unspecified() || is_broadcast)
}

/// Which of the two ICMPs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(addresses: AddressPair) -> Self {
        match addresses {
            AddressPair::V4 { .. } => Self::V4,
            AddressPair::V6 { .. } => Self::V6,
        }
    }

    /// Octets of IP and ICMP header before the quote.
    fn headers_len(self) -> usize {
        match self {
            Self::V4 => 20 + 8,
            Self::V6 => 40 + 8,
        }
    }

    /// The longest error, with its IP header (RFC 1812 §4.3.2.3; RFC 4443 §2.4 (c)).
    fn error_len_max(self) -> usize {
        match self {
            Self::V4 => 576,
            Self::V6 => 1280,
        }
    }

    fn echo_request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    /// Whether a message of this type is an error: redirects and unknown ones included.
    fn is_error_type(self, kind: u8) -> bool {
        match self {
            Self::V4 => matches!(kind, 3 | 4 | 5 | 11 | 12),
            Self::V6 => kind < 128,
        }
    }

    /// What the first 8 octets of a message say, if it is an error that may be about TCP.
    fn error_kind(self, header: &[u8; 8]) -> Option<IcmpErrorKind> {
        let [kind, code, _, _, rest @ ..] = *header;
        let last = u32::from_be_bytes(rest);
        match self {
            Self::V4 => match kind {
                3 => Some(unreachable_v4(code, u16::from_be_bytes([rest[2], rest[3]]))),
                4 => Some(IcmpErrorKind::SourceQuench),
                11 => Some(time_exceeded(code)),
                12 => Some(IcmpErrorKind::ParameterProblem { code, pointer: u32::from(rest[0]) }),
                _ => None,
            },
            Self::V6 => match kind {
                1 => Some(unreachable_v6(code)),
                2 => Some(IcmpErrorKind::PacketTooBig { mtu: last }),
                3 => Some(time_exceeded(code)),
                4 => Some(IcmpErrorKind::ParameterProblem { code, pointer: last }),
                _ => None,
            },
        }
    }

    /// The first 8 octets of an error, with a checksum of zero; `None` if this ICMP has no such
    /// one.
    fn error_header(self, kind: IcmpErrorKind) -> Option<[u8; 8]> {
        let (kind, code, rest) = match self {
            Self::V4 => numbers_v4(kind)?,
            Self::V6 => numbers_v6(kind)?,
        };
        let [a, b, c, d] = rest.to_be_bytes();
        Some([kind, code, 0, 0, a, b, c, d])
    }
}

fn unreachable_v4(code: u8, mtu: u16) -> IcmpErrorKind {
    match code {
        0 => IcmpErrorKind::NetUnreachable,
        1 => IcmpErrorKind::HostUnreachable,
        2 => IcmpErrorKind::ProtocolUnreachable,
        3 => IcmpErrorKind::PortUnreachable,
        4 => IcmpErrorKind::FragmentationNeeded { mtu },
        5 => IcmpErrorKind::SourceRouteFailed,
        6 => IcmpErrorKind::NetUnknown,
        7 => IcmpErrorKind::HostUnknown,
        8 => IcmpErrorKind::SourceHostIsolated,
        9 => IcmpErrorKind::NetProhibited,
        10 => IcmpErrorKind::HostProhibited,
        11 => IcmpErrorKind::NetUnreachableForService,
        12 => IcmpErrorKind::HostUnreachableForService,
        13 => IcmpErrorKind::AdminProhibited,
        14 => IcmpErrorKind::HostPrecedenceViolation,
        15 => IcmpErrorKind::PrecedenceCutoff,
        code => IcmpErrorKind::Unreachable { code },
    }
}

fn unreachable_v6(code: u8) -> IcmpErrorKind {
    match code {
        0 => IcmpErrorKind::NetUnreachable,
        1 => IcmpErrorKind::AdminProhibited,
        2 => IcmpErrorKind::BeyondScope,
        3 => IcmpErrorKind::HostUnreachable,
        4 => IcmpErrorKind::PortUnreachable,
        5 => IcmpErrorKind::SourcePolicyFailed,
        6 => IcmpErrorKind::RejectRoute,
        code => IcmpErrorKind::Unreachable { code },
    }
}

fn time_exceeded(code: u8) -> IcmpErrorKind {
    match code {
        0 => IcmpErrorKind::TimeExceeded,
        _ => IcmpErrorKind::ReassemblyTimeExceeded,
    }
}

/// Type, code and last four octets of the ICMPv4 error.
fn numbers_v4(kind: IcmpErrorKind) -> Option<(u8, u8, u32)> {
    use IcmpErrorKind as Kind;
    Some(match kind {
        Kind::NetUnreachable => (3, 0, 0),
        Kind::HostUnreachable => (3, 1, 0),
        Kind::ProtocolUnreachable => (3, 2, 0),
        Kind::PortUnreachable => (3, 3, 0),
        Kind::FragmentationNeeded { mtu } => (3, 4, u32::from(mtu)),
        Kind::SourceRouteFailed => (3, 5, 0),
        Kind::NetUnknown => (3, 6, 0),
        Kind::HostUnknown => (3, 7, 0),
        Kind::SourceHostIsolated => (3, 8, 0),
        Kind::NetProhibited => (3, 9, 0),
        Kind::HostProhibited => (3, 10, 0),
        Kind::NetUnreachableForService => (3, 11, 0),
        Kind::HostUnreachableForService => (3, 12, 0),
        Kind::AdminProhibited => (3, 13, 0),
        Kind::HostPrecedenceViolation => (3, 14, 0),
        Kind::PrecedenceCutoff => (3, 15, 0),
        Kind::Unreachable { code } => (3, code, 0),
        Kind::SourceQuench => (4, 0, 0),
        Kind::TimeExceeded => (11, 0, 0),
        Kind::ReassemblyTimeExceeded => (11, 1, 0),
        Kind::ParameterProblem { code, pointer } => {
            (12, code, u32::from(u8::try_from(pointer).ok()?) << 24)
        }
        Kind::PacketTooBig { .. }
        | Kind::BeyondScope
        | Kind::SourcePolicyFailed
        | Kind::RejectRoute => return None,
    })
}

/// Type, code and last four octets of the ICMPv6 error.
fn numbers_v6(kind: IcmpErrorKind) -> Option<(u8, u8, u32)> {
    use IcmpErrorKind as Kind;
    Some(match kind {
        Kind::NetUnreachable => (1, 0, 0),
        Kind::AdminProhibited => (1, 1, 0),
        Kind::BeyondScope => (1, 2, 0),
        Kind::HostUnreachable => (1, 3, 0),
        Kind::PortUnreachable => (1, 4, 0),
        Kind::SourcePolicyFailed => (1, 5, 0),
        Kind::RejectRoute => (1, 6, 0),
        Kind::Unreachable { code } => (1, code, 0),
        Kind::PacketTooBig { mtu } => (2, 0, mtu),
        Kind::TimeExceeded => (3, 0, 0),
        Kind::ReassemblyTimeExceeded => (3, 1, 0),
        Kind::ParameterProblem { code, pointer } => (4, code, pointer),
        Kind::ProtocolUnreachable
        | Kind::FragmentationNeeded { .. }
        | Kind::SourceRouteFailed
        | Kind::NetUnknown
        | Kind::HostUnknown
        | Kind::SourceHostIsolated
        | Kind::NetProhibited
        | Kind::HostProhibited
        | Kind::NetUnreachableForService
        | Kind::HostUnreachableForService
        | Kind::HostPrecedenceViolation
        | Kind::PrecedenceCutoff
        | Kind::SourceQuench => return None,
    })
}

/// ICMP (RFC 792).
pub(crate) const PROTOCOL_V4: u8 = 1;
/// ICMPv6 (RFC 4443 §1).
pub(crate) const PROTOCOL_V6: u8 = 58;
