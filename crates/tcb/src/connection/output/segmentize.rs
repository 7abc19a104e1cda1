//! Text into segments: what is lost first, then what is new, the FIN on the last.

use core::num::NonZeroU16;

use synack_wire::{Flags, Options, SeqRange, TcpPacket};

use super::super::Connection;
use super::super::loss_timers::Left;
use super::TransmitLimits;
use super::hold::{Held, HoldInputs};
use crate::Instant;
use crate::recovery::Sent;
use crate::timers::Timer;

/// What the next segment of new text would be. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextPlan {
    /// Text in it.
    pub(super) len: u32,
    /// Text in each segment of it.
    pub(super) mss: u32,
    /// Whether the FIN rides on it.
    pub(super) fin: bool,
    /// Why it must wait, if it must.
    pub(super) held: Option<Wait>,
}

/// Why new text must wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// cwnd is used up.
    Cwnd,
    /// The peer's window is used up.
    Window,
    /// The segment would be too small.
    Small(Held),
}

impl Connection {
    /// The lowest range that is to be sent again, as far as cwnd and the peer's window allow.
    ///
    /// The first retransmission of a recovery, or of a timeout, leaves whatever they say
    /// (RFC 5681 §3.2 step 3; RFC 6298 §5.4; ZWP-12). Otherwise: RFC 9293 §3.8.6 (SHLD-16);
    /// RFC 7323 §2.4 (WS-12).
    pub(super) fn plan_retransmission(&mut self, limits: TransmitLimits) -> Option<SeqRange> {
        if self.recovery.lost() == 0 {
            self.due.retransmit = false;
            return None;
        }
        if !self.snd.is_syn_acked() {
            // TRAP-61: while the SYN is unacknowledged it is what is sent again.
            return None;
        }
        let forced = core::mem::take(&mut self.due.retransmit);
        let mss = self.smss();
        let range = self.recovery.next_lost(limits.super_segment_max.max(mss))?;
        let room = if forced { range.len().min(mss) } else { self.room_to_retransmit(range, mss)? };
        Some(SeqRange::new(range.start, range.end.min(range.start + room)))
    }

    /// Sends a lost range again.
    pub(super) fn retransmission(&mut self, now: Instant, lost: SeqRange) -> TcpPacket {
        let options = self.segment_options(now);
        let mss = self.effective_mss(options.encoded_len() as u32);
        let mut range = lost;
        if mss < self.smss() {
            range.end = range.end.min(range.start + mss);
        }
        let counted = range.len().div_ceil(mss);
        self.tally.rare.retransmissions = self.tally.rare.retransmissions.wrapping_add(counted);
        self.tell_sent(now, range.len());
        self.recovery.on_retransmitted(now, range, mss);
        self.start_send_timers(now, Left::Again);
        self.text_packet(range, mss, options)
    }

    /// How much of a lost range cwnd and the window allow, `None` for nothing.
    fn room_to_retransmit(&mut self, range: SeqRange, mss: u32) -> Option<u32> {
        // WS-12: the edge that a shifted field says may lie lower than it was by its granularity;
        // and what was sent only once was in the window then, and may be taken still.
        let granularity = (1u32 << self.snd.shift) - 1;
        let edge = self.snd.una + self.snd.wnd + granularity;
        let edge = edge.max(self.recovery.sent_once_to(range));
        let window = if self.snd.wnd == 0 { 0 } else { edge.saturating_since(range.start) };
        let cwnd = self.cwnd_room();
        if cwnd < range.len().min(mss) {
            self.recovery.on_cwnd_limited(self.snd.nxt);
            return None;
        }
        let room = whole_segments(window.min(cwnd), range.len(), mss);
        (room > 0).then_some(room)
    }

    /// New text that may leave now, and the FIN behind the last of it (SM-OUT-3, CLOSE-2).
    pub(super) fn plan_new_text(
        &mut self,
        now: Instant,
        limits: TransmitLimits,
    ) -> Option<TextPlan> {
        if self.unsent() == 0 && !self.wants_fin() {
            return None;
        }
        self.restart_after_idle(now);
        let plan = self.plan_text(limits)?;
        if plan.held == Some(Wait::Cwnd) {
            self.recovery.on_cwnd_limited(self.snd.nxt);
        }
        plan.held.is_none().then_some(plan)
    }

    /// What the next segment of new text would be, `None` if there is none.
    pub(super) fn plan_text(&self, limits: TransmitLimits) -> Option<TextPlan> {
        let unsent = self.unsent();
        let wants_fin = self.wants_fin();
        if unsent == 0 && !wants_fin {
            return None;
        }
        let mss = self.smss();
        let window = self.snd.usable_window();
        let mut plan = TextPlan { len: 0, mss, fin: wants_fin && unsent == 0, held: None };
        if !self.snd.is_syn_acked() && (unsent > 0 || self.due.syn) || window == 0 {
            plan.held = Some(Wait::Window);
            return Some(plan);
        }
        let sendable = u32::try_from(unsent).unwrap_or(u32::MAX).min(window);
        let len = sendable.min(limits.super_segment_max.max(mss));
        let cwnd = self.cwnd_room();
        if unsent == 0 && cwnd > 0 {
            return Some(plan);
        }
        // A FIN takes a number, and so a place in cwnd, as text does (RFC 5681 §2).
        if cwnd < len.clamp(1, mss) {
            plan.held = Some(Wait::Cwnd);
            return Some(plan);
        }
        plan.len = whole_segments(cwnd, len, mss);
        let tail = plan.len % mss;
        let is_last = u64::from(plan.len) == unsent;
        if tail > 0 && plan.len > mss && !is_last {
            plan.len -= tail;
        }
        plan.fin = wants_fin && is_last && plan.len < window;
        plan.held = self.held(plan.len, unsent).map(Wait::Small);
        Some(plan)
    }

    fn held(&self, len: u32, unsent: u64) -> Option<Held> {
        self.hold.holds(&HoldInputs {
            len,
            unsent,
            mss: self.smss(),
            wnd_max: self.snd.wnd_max,
            una: self.snd.una,
            has_unacked: self.snd.una != self.snd.nxt,
            closing: self.wants_fin(),
            nodelay: self.config.nodelay,
            nagle: self.config.nagle,
        })
    }

    /// Sends new text as planned.
    pub(super) fn new_text(&mut self, now: Instant, plan: TextPlan) -> TcpPacket {
        let options = self.segment_options(now);
        let mss = self.effective_mss(options.encoded_len() as u32);
        let mut plan = plan;
        if mss < plan.mss {
            // SACK blocks take room that the plan did not count on (MSS-2).
            plan.fin &= plan.len <= mss;
            plan.len = plan.len.min(mss);
            plan.mss = mss;
        }
        let mut range = SeqRange::with_len(self.snd.nxt, plan.len);
        if plan.fin {
            self.snd.fin = Some(range.end);
            range.end += 1;
        }
        self.snd.nxt = range.end;
        if plan.len >= plan.mss && self.path_mtu.awaits_full() {
            self.path_mtu.on_full_sent(range.end);
        }
        self.hold.on_sent(plan.len, plan.mss, range.end);
        self.tell_sent(now, range.len());
        self.recovery.on_sent(now, range, plan.mss, Sent::Segment);
        if self.cwnd_room() < plan.mss {
            // All of cwnd is in use, whether or not more waits (CC-23).
            self.recovery.on_cwnd_limited(self.snd.nxt);
        }
        self.start_send_timers(now, Left::New);
        let mut packet = self.text_packet(range, plan.mss, options);
        self.mark_new_text(&mut packet);
        packet
    }

    /// The packet with the text of a range, its FIN if that is in it, and PSH if it empties the
    /// send buffer.
    ///
    /// Source: RFC 9293 §3.9.1.2 (MUST-61, SHLD-27).
    pub(super) fn text_packet(&mut self, range: SeqRange, mss: u32, options: Options) -> TcpPacket {
        let mut control = Flags::NONE;
        let fin = self.snd.fin.filter(|fin| range.contains(*fin));
        if fin.is_some() {
            control |= Flags::FIN;
        }
        let len = range.len() - u32::from(fin.is_some());
        let offset = self.offset_of(range.start);
        if len > 0 && offset + u64::from(len) == self.send_buffer.end() {
            control |= Flags::PSH;
        }
        let mut packet = self.segment_packet(range.start, control, options);
        self.send_buffer.slice(offset, len, &mut packet.segment.payload);
        if len > mss {
            packet.segment_size = u16::try_from(mss).ok().and_then(NonZeroU16::new);
        }
        self.count_sent(&packet);
        packet
    }

    /// Text leaves: the retransmission timer runs, and neither persist nor override does
    /// (RFC 6298 §5.1, RTO-12; ZWP-10).
    pub(super) fn start_send_timers(&mut self, now: Instant, left: Left) {
        self.waiting.sent_at = now;
        self.timers.stop(Timer::Persist);
        self.timers.stop(Timer::SendOverride);
        self.on_left(now, left);
    }
}

/// As much of `len` as `room` takes: all of it, or whole segments, or what there is room for if
/// that is less than a segment.
fn whole_segments(room: u32, len: u32, mss: u32) -> u32 {
    if room >= len {
        return len;
    }
    if room < mss { room } else { room - room % mss }
}
