//! Segments of new text that are larger than the others, to learn whether the path takes such
//! packets (RFC 4821 §7).

use synack_wire::{SeqRange, TcpPacket};

use super::super::loss_timers::Left;
use super::super::{Connection, mtu};
use crate::Instant;
use crate::config::MtuProbing;
use crate::recovery::Sent;

/// Whether a probe is to leave instead of new text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ProbeStep {
    /// None: there is nothing to search for, or a loss could not be made good soon.
    None,
    /// It is to be the next, once cwnd and the window have room for it; until then new text waits.
    Wait,
    /// A packet of so many octets.
    Send(u32),
}

impl Connection {
    /// What probes want before new text leaves. For nearly every connection one look.
    pub(super) fn plan_mtu_probe(&mut self, now: Instant) -> ProbeStep {
        if !self.path_mtu.is_discovering() {
            return ProbeStep::None;
        }
        self.go_on_after_rest(now);
        let Some(search) = self.path_mtu.search_mut() else { return ProbeStep::None };
        if search.not_before().is_some_and(|at| now < at) {
            return ProbeStep::None;
        }
        search.stop_waiting();
        self.restart_after_idle(now);
        self.mtu_probe_step()
    }

    /// Whether new text is held back for a probe that there is no room for yet.
    pub(super) fn waits_for_mtu_probe(&self) -> bool {
        self.path_mtu.is_discovering()
            && self.path_mtu.search().is_some_and(|search| search.not_before().is_none())
            && self.mtu_probe_step() == ProbeStep::Wait
    }

    /// A probe leaves only if its loss would be seen at once, and for what it is: nothing is lost
    /// or late, and so much text follows, and may follow, that fast retransmission repairs it.
    ///
    /// Source: RFC 4821 §7.4, §7.5 (PLPMTUD-2, PLPMTUD-6).
    fn mtu_probe_step(&self) -> ProbeStep {
        let size = self.path_mtu.search().and_then(|search| search.next_size());
        let Some(size) = size.filter(|_| self.config.mtu_probing != MtuProbing::Off) else {
            return ProbeStep::None;
        };
        if !self.recovery.is_undisturbed() || !self.snd.is_syn_acked() {
            return ProbeStep::None;
        }
        let headers_len = mtu::headers_len(self.path.is_ipv6()) + self.negotiated.options_len();
        let len = size.saturating_sub(headers_len);
        let needed = len.saturating_add(FOLLOWING * self.smss());
        if u64::from(needed) > self.unsent() || needed > self.snd.wnd.min(self.cwnd()) {
            return ProbeStep::None;
        }
        if needed <= self.snd.usable_window() && len <= self.cwnd_room() {
            return ProbeStep::Send(size);
        }
        // With nothing in flight both have room, or else no ACK would come that makes some.
        if self.recovery.is_awaiting_ack() { ProbeStep::Wait } else { ProbeStep::None }
    }

    /// Sends new text in one packet of `size` octets.
    pub(super) fn mtu_probe(&mut self, now: Instant, size: u32) -> TcpPacket {
        let options = self.segment_options(now);
        let headers_len = mtu::headers_len(self.path.is_ipv6()) + options.encoded_len() as u32;
        let len = size.saturating_sub(headers_len);
        let range = SeqRange::with_len(self.snd.nxt, len);
        self.snd.nxt = range.end;
        self.hold.on_sent(len, len, range.end);
        self.tell_sent(now, len);
        self.recovery.on_sent(now, range, len, Sent::Segment);
        self.recovery.on_mtu_probe_sent(range);
        if let Some(search) = self.path_mtu.search_mut() {
            search.on_sent(size);
        }
        self.tally.rare.mtu_probes = self.tally.rare.mtu_probes.wrapping_add(1);
        self.start_send_timers(now, Left::New);
        let mut packet = self.text_packet(range, len, options);
        self.mark_new_text(&mut packet);
        packet
    }
}

/// Segments that must be ready to follow a probe: three that tell of its loss, and one for good
/// measure.
const FOLLOWING: u32 = 4;
