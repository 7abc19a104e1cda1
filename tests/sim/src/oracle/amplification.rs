//! How much answers a packet: I-12.

use synack_wire::{Flags, TcpPacket};

use super::Cause;
use crate::violation::{Invariant, Violation, ensure};

/// What happened, and what left, since the connection last had nothing to send.
#[derive(Debug, Default)]
pub(super) struct AmplificationWatch {
    /// Packets that may be answered.
    arrived: u32,
    /// RSTs among them, if nothing else happened.
    only_resets: bool,
    /// Timers and calls, each of which may send something by itself.
    stimuli: u32,
    /// Segments without text that left.
    bare: u32,
}

impl AmplificationWatch {
    /// Of a connection that was just opened, or accepted.
    pub(super) fn new() -> Self {
        Self { stimuli: 1, ..Self::default() }
    }

    pub(super) fn judge(&mut self, cause: &Cause<'_>) -> Result<(), Violation> {
        match cause {
            Cause::Packet(arrived) => {
                let is_first = self.arrived == 0 && self.stimuli == 0;
                self.only_resets = arrived.is(Flags::RST) && (is_first || self.only_resets);
                // Each segment of a super-segment may be answered.
                self.arrived += arrived.text.div_ceil(arrived.segment.max(1)).max(1);
            }
            Cause::Transmit(packet) => self.on_transmit(packet)?,
            Cause::Polled => {}
            Cause::Icmp
            | Cause::Timeout
            | Cause::Stall
            | Cause::Write
            | Cause::Read
            | Cause::Close
            | Cause::Detach
            | Cause::Abort
            | Cause::Configure => {
                self.stimuli += 1;
                self.only_resets = false;
            }
        }
        Ok(())
    }

    fn on_transmit(&mut self, packet: &TcpPacket) -> Result<(), Violation> {
        let segment = &packet.segment;
        let answers_reset = segment.is_rst() && self.only_resets;
        ensure(!answers_reset, Invariant::Amplification, || format!("a RST drew {packet}"))?;
        if segment.payload.is_empty() {
            self.bare += 1;
        }
        Ok(())
    }

    /// At most one bare segment for each packet (DACK-5), and for whatever else happened.
    pub(super) fn judge_drained(&mut self) -> Result<(), Violation> {
        let Self { arrived, stimuli, bare, .. } = core::mem::take(self);
        ensure(bare <= arrived + stimuli, Invariant::Amplification, || {
            format!("{bare} bare segments after {arrived} packets and {stimuli} other events")
        })
    }
}
