//! Notes: the text that hosts sent and what became of it, for who measures or draws a transfer.

use core::time::Duration;

use synack_netem::Outcome;
use synack_wire::{SeqNum, SeqRange, TcpPacket};

use super::Network;
use crate::host::HostId;

/// Text that left a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) time: Duration,
    pub(crate) from: HostId,
    pub(crate) text: SeqRange,
    pub(crate) fate: Fate,
}

/// What a link did with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It took it. A queue that drops at its head may lose it later.
    Taken,
    /// It lost it, or had no room.
    Lost,
}

/// What was sent since someone last asked, if anyone wants to know.
#[derive(Debug, Default)]
pub(super) struct Notes(Option<Vec<Sent>>);

impl Notes {
    pub(super) fn add(
        &mut self,
        time: Duration,
        from: HostId,
        packet: &TcpPacket,
        outcome: Outcome,
    ) {
        let Some(notes) = &mut self.0 else { return };
        let segment = &packet.segment;
        if segment.payload.is_empty() {
            return;
        }
        let fate = match outcome {
            Outcome::Taken => Fate::Taken,
            Outcome::Lost | Outcome::QueueFull | Outcome::TooBig { .. } => Fate::Lost,
        };
        // A SYN may carry text, and has a number before it.
        let start: SeqNum = segment.seq + u32::from(segment.is_syn());
        let text = SeqRange::with_len(start, segment.payload.len());
        notes.push(Sent { time, from, text, fate });
    }
}

impl Network {
    /// Takes note of all text from now on, for [`take_notes`](Self::take_notes).
    pub(crate) fn take_note(&mut self) {
        self.notes = Notes(Some(Vec::new()));
    }

    /// The text that was sent since this was last asked.
    pub(crate) fn take_notes(&mut self) -> Vec<Sent> {
        self.notes.0.as_mut().map(core::mem::take).unwrap_or_default()
    }
}
