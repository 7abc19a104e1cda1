//! Losses: the text that links did not take, for who wants to know how soon it was repaired.

use core::time::Duration;

use synack_wire::{SeqNum, TcpPacket};

use super::Network;
use crate::host::HostId;

/// Text that a link lost, or found no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Loss {
    pub(crate) time: Duration,
    pub(crate) from: HostId,
    /// The sequence number after its last octet.
    pub(crate) end: SeqNum,
}

/// Losses since someone last asked, if anyone wants to know.
#[derive(Debug, Default)]
pub(super) struct Losses(Option<Vec<Loss>>);

impl Losses {
    pub(super) fn note(&mut self, time: Duration, from: HostId, packet: &TcpPacket) {
        if let Some(noted) = &mut self.0
            && !packet.segment.payload.is_empty()
        {
            noted.push(Loss { time, from, end: packet.segment.end() });
        }
    }
}

impl Network {
    /// Takes note of losses from now on, for [`take_losses`](Self::take_losses).
    pub(crate) fn note_losses(&mut self) {
        self.losses = Losses(Some(Vec::new()));
    }

    /// What was lost since this was last asked.
    pub(crate) fn take_losses(&mut self) -> Vec<Loss> {
        self.losses.0.as_mut().map(core::mem::take).unwrap_or_default()
    }
}
