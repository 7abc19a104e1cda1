//! The segment of a tail loss probe (RFC 8985 §7.3).

use synack_wire::TcpPacket;

use super::super::Connection;
use super::super::loss_timers::Left;
use super::segmentize::TextPlan;
use crate::Instant;

impl Connection {
    /// One segment of new text, beyond cwnd if need be, or else the last one again; `None` if an
    /// ACK came that made it needless.
    ///
    /// Source: RFC 8985 §7.3 (TLP-7 to TLP-10, TLP-14).
    pub(super) fn tail_probe(&mut self, now: Instant) -> Option<TcpPacket> {
        if !self.recovery.may_probe() {
            return None;
        }
        let packet = match self.plan_tail_probe() {
            Some(plan) => {
                let packet = self.new_text(now, plan);
                self.recovery.on_probed_with_new(self.snd.nxt);
                packet
            }
            None => self.last_segment_again(now)?,
        };
        self.restart_loss_timer(now);
        Some(packet)
    }

    /// New text for a probe, if there is any and the peer's window takes it. Neither cwnd nor what
    /// avoids small segments holds it back.
    fn plan_tail_probe(&self) -> Option<TextPlan> {
        let mss = self.smss();
        let window = self.snd.usable_window();
        let unsent = self.unsent();
        let len = u32::try_from(unsent).unwrap_or(u32::MAX).min(mss);
        let fin = self.wants_fin() && u64::from(len) == unsent && len < window;
        let fits = len <= window && (len > 0 || fin);
        fits.then_some(TextPlan { len, mss, fin, held: None })
    }

    /// The last segment that was sent, once more, and what fits it.
    fn last_segment_again(&mut self, now: Instant) -> Option<TcpPacket> {
        let options = self.segment_options(now);
        let mss = self.effective_mss(options.encoded_len() as u32);
        // A FIN takes no room.
        let fin = u32::from(self.snd.fin.is_some());
        let range = self.recovery.tail(mss + fin)?;
        self.tally.rare.retransmissions = self.tally.rare.retransmissions.wrapping_add(1);
        self.tell_sent(now, range.len());
        self.recovery.on_probed_again(now, range);
        self.start_send_timers(now, Left::Again);
        Some(self.text_packet(range, mss, options))
    }
}
