//! A line that describes an ICMP error: `icmp unreachable frag_needed mtu 1200 [1:1461(1460)]`.

use synack_wire::IcmpErrorKind;

use super::packet::{number, numbers};

/// The error, and which of our segments it is about; numbers are the script's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IcmpLine {
    pub(super) kind: IcmpErrorKind,
    /// The first number of the segment, and how many octets of text it had.
    pub(super) seq: u32,
    pub(super) len: u32,
}

impl IcmpLine {
    /// Reads what stands behind `icmp`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (head, quoted) = text.split_once('[').ok_or("an ICMP error quotes: [1:1461(1460)]")?;
        let quoted = quoted.trim().strip_suffix(']').ok_or("what is quoted ends with ]")?;
        let (seq, len) = numbers(quoted.trim())?;
        let words: Vec<&str> = head.split_whitespace().collect();
        Ok(Self { kind: kind(&words)?, seq, len })
    }
}

/// The error of this type, code and MTU, as packetdrill names them for either family.
fn kind(words: &[&str]) -> Result<IcmpErrorKind, String> {
    Ok(match words {
        ["unreachable", "frag_needed", "mtu", mtu] => {
            IcmpErrorKind::FragmentationNeeded { mtu: number(mtu)? }
        }
        ["packet_too_big", "mtu", mtu] => IcmpErrorKind::PacketTooBig { mtu: number(mtu)? },
        ["unreachable", "net_unreachable" | "no_route"] => IcmpErrorKind::NetUnreachable,
        ["unreachable", "host_unreachable" | "address_unreachable"] => {
            IcmpErrorKind::HostUnreachable
        }
        ["unreachable", "protocol_unreachable"] => IcmpErrorKind::ProtocolUnreachable,
        ["unreachable", "port_unreachable"] => IcmpErrorKind::PortUnreachable,
        ["unreachable", "admin_prohibited"] => IcmpErrorKind::AdminProhibited,
        ["unreachable", "source_route_failed"] => IcmpErrorKind::SourceRouteFailed,
        ["time_exceeded", "exceeded_hop_limit"] | ["time_exceeded"] => IcmpErrorKind::TimeExceeded,
        ["source_quench"] => IcmpErrorKind::SourceQuench,
        _ => return Err(format!("`{}` is no ICMP error", words.join(" "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_with_what_it_quotes() {
        let kind = IcmpErrorKind::FragmentationNeeded { mtu: 1_200 };
        let expected = IcmpLine { kind, seq: 1, len: 1_460 };
        let text = "unreachable frag_needed mtu 1200 [1:1461(1460)]";
        assert_eq!(IcmpLine::parse(text), Ok(expected));
        for text in ["unreachable", "unreachable [1:1(0)]", "source_quench [1:2(0)]", "x [1:1(0)]"]
        {
            assert!(IcmpLine::parse(text).is_err(), "{text}");
        }
    }
}
