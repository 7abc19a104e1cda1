//! Sequence variables and windows: I-4 and I-5.

use synack_tcb::State;
use synack_wire::{SeqNum, TcpPacket};

use super::{Cause, Change};
use crate::violation::{Invariant, Violation, ensure};

/// What was promised to the peer so far.
#[derive(Debug, Default)]
pub(super) struct SequenceWatch {
    /// The right edge of the window as told by the packets that left.
    edge: Option<SeqNum>,
}

impl SequenceWatch {
    pub(super) fn judge(&mut self, change: Change<'_>, cause: &Cause<'_>) -> Result<(), Violation> {
        order(change)?;
        let Cause::Transmit(packet) = cause else {
            return ensure(
                change.old.snd_nxt == change.new.snd_nxt,
                Invariant::SequenceOrder,
                || format!("SND.NXT moved on {cause:?}"),
            );
        };
        within_window(change, packet)?;
        self.edge_stays(change, packet)
    }

    /// I-5, SHLD-14: what is offered is never taken back.
    fn edge_stays(&mut self, change: Change<'_>, packet: &TcpPacket) -> Result<(), Violation> {
        let segment = &packet.segment;
        // The window of a SYN has no scale, so it may say less than an ACK before it (WS-4).
        let is_plain = !segment.is_rst() && !segment.is_syn();
        let Some(ack) = segment.ack.filter(|_| is_plain) else { return Ok(()) };
        let edge = ack + (u32::from(segment.window) << change.new.rcv_shift);
        // A shifted field cannot say every window (RFC 7323 §2.4, WS-13).
        let told = edge + ((1 << change.new.rcv_shift) - 1);
        let before = self.edge.filter(|before| edge < *before);
        self.edge = before.or(Some(edge));
        ensure(before.is_none_or(|before| before <= told), Invariant::Windows, || {
            format!("the right edge went back from {before:?} to {edge} in {packet}")
        })
    }
}

/// I-4.
fn order(change: Change<'_>) -> Result<(), Violation> {
    let Change { old, new, .. } = change;
    let ensure = |holds: bool, what: &str| {
        ensure(holds, Invariant::SequenceOrder, || format!("{what}: {old:?} then {new:?}"))
    };
    ensure(new.snd_una <= new.snd_nxt, "SND.UNA is beyond SND.NXT")?;
    ensure(old.snd_una <= new.snd_una, "SND.UNA went back")?;
    ensure(old.snd_nxt <= new.snd_nxt, "SND.NXT went back")?;
    ensure(old.iss == new.iss, "ISS changed")?;
    ensure(old.snd_fin.is_none() || old.snd_fin == new.snd_fin, "our FIN's number changed")?;
    if old.state == State::SynSent {
        // RCV.NXT is not known before the peer's SYN.
        return Ok(());
    }
    ensure(old.irs == new.irs, "IRS changed")?;
    ensure(old.rcv_nxt <= new.rcv_nxt, "RCV.NXT went back")?;
    ensure(old.rcv_adv <= new.rcv_adv, "RCV.ADV went back")?;
    ensure(new.rcv_nxt <= new.rcv_adv, "RCV.NXT is beyond the window")
}

/// I-5: new text stays within the peer's window, but for a probe of one octet or of the FIN.
fn within_window(change: Change<'_>, packet: &TcpPacket) -> Result<(), Violation> {
    let Change { old, new, .. } = change;
    let segment = &packet.segment;
    let is_new = new.snd_nxt != old.snd_nxt;
    if is_new {
        ensure(segment.end() == new.snd_nxt, Invariant::SequenceOrder, || {
            format!("SND.NXT moved from {} to {} by {packet}", old.snd_nxt, new.snd_nxt)
        })?;
    }
    if !is_new || segment.is_syn() || segment.len() <= 1 {
        return Ok(());
    }
    let edge = old.snd_una + old.snd_wnd;
    ensure(segment.end() <= edge, Invariant::Windows, || {
        format!("new text beyond the window's edge {edge}: {packet}")
    })
}
