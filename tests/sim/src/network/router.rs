//! Routers on the way: what they say of packets that are too large, and what hosts make of it.

use synack_netem::LinkConfig;
use synack_wire::{IcmpError, IcmpErrorKind, emit_icmp_error};

use super::Network;
use crate::datagram::Datagram;
use crate::host::HostId;
use crate::oracle::Cause;
use crate::violation::{Invariant, Violation};

/// A packet that was too large for a link which says so.
#[derive(Debug)]
pub(super) struct TooBig {
    /// Who sent it, and to whom.
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) octets: bytes::Bytes,
    pub(super) mtu_bytes: usize,
}

impl Network {
    /// Changes one direction between two hosts, in the order in which they were joined.
    pub fn set_link(&mut self, index: usize, config: LinkConfig) {
        if let Some(wire) = self.wires.get_mut(index) {
            wire.link.set_config(self.time, config);
        }
    }

    /// The router at the narrow place answers, by the way back (RFC 1191 §4, RFC 8201 §4).
    ///
    /// # Errors
    /// If the packet cannot be quoted.
    pub(super) fn report_too_big(&mut self, dropped: &TooBig) -> Result<(), Violation> {
        let TooBig { from, to, octets, mtu_bytes } = dropped;
        let reporter = self.hosts[to.0].config.address;
        let mtu = u16::try_from(*mtu_bytes).unwrap_or(u16::MAX);
        let kind = if reporter.is_ipv6() {
            IcmpErrorKind::PacketTooBig { mtu: u32::from(mtu) }
        } else {
            IcmpErrorKind::FragmentationNeeded { mtu }
        };
        let error = emit_icmp_error(kind, reporter, octets)
            .map_err(|error| Violation::new(Invariant::Emission, format!("a router: {error}")))?;
        let back = self.wires.iter_mut().find(|wire| (wire.from, wire.to) == (*to, *from));
        if let Some(wire) = back {
            wire.link.send(self.time, Datagram::new(error.into()));
        }
        self.counts.reports += 1;
        Ok(())
    }

    /// An ICMP error arrives.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub(crate) fn take_icmp(&mut self, host: HostId, error: &IcmpError) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        let Some(id) = at.endpoint.handle_icmp(now, error) else { return Ok(()) };
        let Some(index) = at.find(id) else { return Ok(()) };
        let slot = &mut at.slots[index];
        if let Err(reason) = slot.connection.handle_icmp(now, error) {
            self.trace.say(self.time, host, format_args!("        drops it: {reason}"));
        }
        slot.watch.judge(now, &slot.connection, &Cause::Icmp)?;
        self.visit(host, index)
    }

    /// Tells connections what others found out of the path.
    pub(super) fn share_path_mtu(&mut self, host: HostId) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        while let Some((id, mtu)) = at.endpoint.poll_path_mtu() {
            let Some(index) = at.find(id) else { continue };
            let slot = &mut at.slots[index];
            slot.connection.handle_path_mtu(now, mtu);
            slot.watch.judge(now, &slot.connection, &Cause::Icmp)?;
        }
        Ok(())
    }
}
