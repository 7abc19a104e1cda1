//! One line a packet, as tcpdump prints it.

use core::fmt;

use crate::{IcmpError, IcmpErrorKind, Options, TcpPacket};

/// As tcpdump: `IP 192.0.2.1.4321 > 198.51.100.2.80: Flags [P.], seq 1:11, ack 5, win 502, length
/// 10`.
///
/// Numbers are absolute and the window unscaled; payload is never shown.
impl fmt::Display for TcpPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segment = &self.segment;
        let version = if self.is_ipv6() { "IP6" } else { "IP" };
        let (source, destination) = (self.source, self.destination);
        write!(f, "{version} {}.{} > ", source.ip(), source.port())?;
        write!(f, "{}.{}: ", destination.ip(), destination.port())?;
        write!(f, "Flags [{}], seq {}", segment.flags(), segment.seq)?;
        let len = segment.payload.len();
        if len > 0 {
            write!(f, ":{}", segment.seq + len)?;
        }
        if let Some(ack) = segment.ack {
            write!(f, ", ack {ack}")?;
        }
        write!(f, ", win {}", segment.window)?;
        if let Some(urgent) = segment.urgent {
            write!(f, ", urg {urgent}")?;
        }
        if segment.options != Options::default() {
            write!(f, ", options [{}]", segment.options)?;
        }
        write!(f, ", length {len}")?;
        match self.segment_size {
            Some(size) => write!(f, " in segments of {size}"),
            None => Ok(()),
        }
    }
}

/// As tcpdump, without padding: `mss 1460,sackOK,TS val 1 ecr 0,wscale 7`.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = List { f, separator: "" };
        if let Some(mss) = self.mss {
            list.item(format_args!("mss {mss}"))?;
        }
        if self.sack_permitted {
            list.item(format_args!("sackOK"))?;
        }
        if let Some(timestamps) = self.timestamps {
            list.item(format_args!("TS val {} ecr {}", timestamps.value, timestamps.echo))?;
        }
        if let Some(shift) = self.window_scale {
            list.item(format_args!("wscale {shift}"))?;
        }
        if let Some(timeout) = self.user_timeout {
            list.item(format_args!("uto {} s", timeout.duration().as_secs()))?;
        }
        if !self.sack.is_empty() {
            list.item(format_args!("sack {} ", self.sack.len()))?;
            for block in &self.sack {
                write!(list.f, "{{{block}}}")?;
            }
        }
        if let Some(counters) = self.accurate_ecn {
            list.item(format_args!("acc-ecn"))?;
            let counters = [("e0b", counters.ect0), ("ceb", counters.ce), ("e1b", counters.ect1)];
            for (name, counter) in counters {
                if let Some(counter) = counter {
                    write!(list.f, " {name} {counter}")?;
                }
            }
        }
        match &self.fast_open {
            Some(cookie) if cookie.is_empty() => list.item(format_args!("tfo cookiereq")),
            Some(cookie) => {
                list.item(format_args!("tfo cookie "))?;
                cookie.iter().try_for_each(|octet| write!(list.f, "{octet:02x}"))
            }
            None => Ok(()),
        }
    }
}

/// Writes items with commas between them.
struct List<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    separator: &'static str,
}

impl List<'_, '_> {
    fn item(&mut self, item: fmt::Arguments<'_>) -> fmt::Result {
        self.f.write_str(self.separator)?;
        self.separator = ",";
        self.f.write_fmt(item)
    }
}

/// `ICMP 198.51.100.9: port unreachable, about 192.0.2.1.4321 > 198.51.100.2.80: seq 1, length 10`.
impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source, self.destination);
        let version = if source.is_ipv6() { "ICMP6" } else { "ICMP" };
        write!(f, "{version} {}: {}, about ", self.reporter, self.kind)?;
        write!(f, "{}.{} > ", source.ip(), source.port())?;
        write!(f, "{}.{}: seq {}", destination.ip(), destination.port(), self.seq)?;
        match self.payload_len {
            Some(len) => write!(f, ", length {len}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for IcmpErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetUnreachable => "net unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::FragmentationNeeded { mtu } => {
                return write!(f, "fragmentation needed, mtu {mtu}");
            }
            Self::PacketTooBig { mtu } => return write!(f, "packet too big, mtu {mtu}"),
            Self::SourceRouteFailed => "source route failed",
            Self::NetUnknown => "net unknown",
            Self::HostUnknown => "host unknown",
            Self::SourceHostIsolated => "source host isolated",
            Self::NetProhibited => "net prohibited",
            Self::HostProhibited => "host prohibited",
            Self::NetUnreachableForService => "net unreachable for service",
            Self::HostUnreachableForService => "host unreachable for service",
            Self::AdminProhibited => "admin prohibited",
            Self::HostPrecedenceViolation => "host precedence violation",
            Self::PrecedenceCutoff => "precedence cutoff",
            Self::BeyondScope => "beyond scope of source address",
            Self::SourcePolicyFailed => "source address failed policy",
            Self::RejectRoute => "reject route",
            Self::Unreachable { code } => return write!(f, "unreachable, code {code}"),
            Self::TimeExceeded => "time exceeded in transit",
            Self::ReassemblyTimeExceeded => "reassembly time exceeded",
            Self::ParameterProblem { code, pointer } => {
                return write!(f, "parameter problem, code {code}, octet {pointer}");
            }
            Self::SourceQuench => "source quench",
        })
    }
}
