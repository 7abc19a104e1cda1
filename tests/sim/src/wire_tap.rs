//! What a packet must be like to leave a host: I-16.

use bytes::Bytes;
use synack_wire::{ChecksumTrust, Parsed, TcpPacket, parse};

use crate::violation::{Invariant, Violation, ensure};

/// The octets of `packet`, which is read again to see that they say the same.
pub(crate) fn octets_of(packet: &TcpPacket, mtu: u32) -> Result<Bytes, Violation> {
    let fail = |what: String| Violation::new(Invariant::Emission, format!("{what}: {packet}"));
    let octets = packet.to_bytes().map_err(|error| fail(error.to_string()))?;
    ensure(octets.len() <= mtu as usize, Invariant::Emission, || {
        format!("{} octets exceed the MTU of {mtu}: {packet}", octets.len())
    })?;
    let read = parse(octets.clone(), ChecksumTrust::Verify);
    let said = Parsed::Tcp { packet: packet.clone(), option_fault: None };
    ensure(read.as_ref() == Ok(&said), Invariant::Emission, || {
        format!("{packet} is read as {read:?}")
    })?;
    legal(packet).map_err(fail)?;
    Ok(octets)
}

/// What no TCP sends: RFC 9293 §3.1, §3.2; RFC 7323 §1.3; RFC 2018 §2.
fn legal(packet: &TcpPacket) -> Result<(), String> {
    let segment = &packet.segment;
    let options = &segment.options;
    let has_syn_options =
        options.mss.is_some() || options.window_scale.is_some() || options.sack_permitted;
    for (holds, what) in [
        (segment.is_syn() || !has_syn_options, "an option of SYNs on another segment"),
        (!segment.is_syn() || options.sack.is_empty(), "SACK blocks on a SYN"),
        (!segment.is_syn() || !segment.is_rst(), "SYN and RST"),
        (!segment.is_syn() || !segment.is_fin(), "SYN and FIN"),
        (!segment.is_rst() || segment.payload.is_empty(), "text on a RST"),
        (segment.is_syn() || segment.is_rst() || segment.ack.is_some(), "no ACK"),
        (options.window_scale.is_none_or(|shift| shift <= 14), "a shift above 14"),
        (segment.urgent != Some(0), "an urgent pointer that points nowhere"),
        (packet.ip.dont_fragment, "fragmentation allowed"),
    ] {
        if !holds {
            return Err(what.into());
        }
    }
    if options.sack.iter().any(|block| block.is_empty() || block.end < block.start) {
        return Err("an empty SACK block".into());
    }
    Ok(())
}
