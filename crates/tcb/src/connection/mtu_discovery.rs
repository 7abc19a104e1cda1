//! Path MTU discovery: what routers report, what silence means, and what probes find (RFC 1191,
//! RFC 8201, RFC 4821, RFC 5927 §7).

use core::num::NonZeroU32;

use synack_wire::{IcmpError, IcmpErrorKind};

use super::path_mtu::{Found, Pending};
use super::{Connection, State, mtu};
use crate::Instant;
use crate::config::MtuProbing;
use crate::drop_reason::DropReason;
use crate::recovery::{MtuVerdict, Resized};

impl Connection {
    /// Another connection to the same destination found out that the path takes no more than `mtu`
    /// octets: what is sent from now on is no larger. What was sent is not sent again before a
    /// router says that it was dropped.
    ///
    /// Source: RFC 1191 §6.4; RFC 8201 §5.2, §5.4 (PMTU-14).
    pub fn handle_path_mtu(&mut self, now: Instant, mtu: u32) {
        let is_over = matches!(self.state, State::TimeWait | State::Closed);
        if is_over || mtu >= self.path_mtu.used() {
            return;
        }
        self.path_mtu.lower_to(now, mtu);
        self.path_mtu.note_cut_by_others();
        self.note_reduction();
    }

    /// The path to the destination is known to take no more than `mtu` octets, of a connection that
    /// is just made (PMTU-14).
    pub(crate) fn begin_with_path_mtu(&mut self, now: Instant, mtu: u32) {
        if mtu < self.path_mtu.used() {
            self.path_mtu.lower_to(now, mtu);
            self.tell_segment_size();
        }
    }

    /// A router says that a packet was too large for it, which quotes a number in flight.
    ///
    /// While packets of the present size arrive, the report may well be forged: it counts when
    /// something is found to be lost, and not at all when what it is about arrives.
    ///
    /// # Errors
    /// Why it is not believed.
    ///
    /// Source: RFC 1191 §4 to §6.4; RFC 8201 §4; RFC 5927 §7.2 (PMTU-2 to PMTU-8, PMTU-11).
    pub(super) fn take_mtu_report(
        &mut self,
        now: Instant,
        error: &IcmpError,
        reported: u32,
    ) -> Result<(), DropReason> {
        if reported < mtu::least_reported(self.path.is_ipv6()) {
            return Err(DropReason::MtuTooSmall);
        }
        if error.packet_len <= reported {
            return Err(DropReason::MtuNotExceeded);
        }
        let was_probe = self.take_report_of_probe(now, error, reported);
        if reported >= self.packet_max() {
            let is_of_use = was_probe || self.send_what_others_cut();
            return if is_of_use { Ok(()) } else { Err(DropReason::MtuNotLower) };
        }
        if self.path_mtu.is_confirmed() {
            self.path_mtu.put_off(Pending { mtu: reported, seq: error.seq });
            return Ok(());
        }
        self.believe(now, reported);
        Ok(())
    }

    /// The retransmission timer is about to be acted on: counts it, unless segments arrive as large
    /// as the one that does not. A peer that refuses text for want of room is not silent.
    pub(super) fn note_full_stop(&mut self) {
        if self.snd.wnd > 0 {
            self.path_mtu.on_timeout(self.recovery.sacked_as_large_as_first());
        }
    }

    /// The retransmission timer expired: a report that waited for that is believed; and after the
    /// third full stop in a row, packets of this size are taken to vanish without a report.
    ///
    /// Only if what is unacknowledged is larger than what would be sent instead, so that silence of
    /// another kind changes nothing for small segments.
    ///
    /// Source: RFC 5927 §7.2 (PMTU-11); RFC 4821 §7.7; RFC 8899 §4.3 (PLPMTUD-7); RFC 2923 §2.1.
    pub(super) fn doubt_path_mtu(&mut self, now: Instant) {
        self.take_mtu_verdict(now);
        if let Some(pending) = self.path_mtu.take_pending() {
            self.believe(now, pending.mtu);
            return;
        }
        let is_ipv6 = self.path.is_ipv6();
        let (used, base) = (self.packet_max(), mtu::search_base(is_ipv6));
        let (next, stops) = if used > base {
            (base, FULL_STOPS)
        } else {
            ((used / 2).max(mtu::least_of_all(is_ipv6)), FULL_STOPS_BELOW_BASE)
        };
        let beyond = self.path_mtu.full_stops().checked_sub(stops);
        let is_suspect = beyond.is_some_and(|beyond| beyond.is_multiple_of(2));
        if !is_suspect || self.config.mtu_probing == MtuProbing::Off {
            return;
        }
        let options_len = self.negotiated.options_len();
        let text_max = mtu::effective_mss(u16::MAX, next, is_ipv6, options_len);
        if next >= used || self.recovery.first_segment_len() <= text_max {
            return;
        }
        self.path_mtu.fall_to(next, self.packet_limit());
        self.resize();
    }

    /// The handshake is over: if it is to be so, begins with what nearly every path takes.
    ///
    /// Source: RFC 4821 §7.2 (PLPMTUD-1).
    pub(super) fn begin_mtu_probing(&mut self) {
        let base = mtu::search_base(self.path.is_ipv6());
        let is_wanted = self.config.mtu_probing == MtuProbing::Always;
        if is_wanted && !self.path_mtu.is_discovering() && base < self.packet_limit() {
            self.path_mtu.fall_to(base, self.packet_limit());
        }
    }

    /// What became of a probe, if that was settled just now.
    ///
    /// Source: RFC 4821 §7.6 (PLPMTUD-3 to PLPMTUD-6).
    pub(super) fn take_mtu_verdict(&mut self, now: Instant) {
        let Some(verdict) = self.recovery.take_mtu_verdict() else { return };
        let wait = self.recovery.rto(self.rto_bounds()).saturating_mul(TIMEOUTS_TO_WAIT);
        let Some(search) = self.path_mtu.search_mut() else { return };
        let mut found = Found::Nothing;
        match verdict {
            MtuVerdict::Delivered => found = search.on_delivered(),
            MtuVerdict::Lost => {
                search.on_lost();
                self.tally.rare.mtu_probes_lost = self.tally.rare.mtu_probes_lost.wrapping_add(1);
                self.due.retransmit = true;
            }
            MtuVerdict::Unknown => search.on_unknown(None),
            MtuVerdict::TimedOut => search.on_unknown(Some(now + wait)),
        }
        if let Found::Larger(mtu) = found {
            self.path_mtu.adopt(mtu);
            self.tell_segment_size();
        }
        self.end_search_if_over(now);
    }

    /// If the time of rest is over, larger packets are tried again: by probes, or without them by
    /// sending what the link takes until a router objects.
    ///
    /// It is asked when there is something to send; nothing is to be done while there is not.
    ///
    /// Source: RFC 1191 §6.3; RFC 8201 §4; RFC 8899 §5.1.1 (PMTU-12, PMTU-13, PLPMTUD-8).
    pub(super) fn go_on_after_rest(&mut self, now: Instant) {
        if !self.path_mtu.is_rested(now) {
            return;
        }
        let limit = self.packet_limit();
        match self.config.mtu_probing {
            MtuProbing::Off => {
                self.path_mtu.raise_to(limit);
                self.tell_segment_size();
            }
            MtuProbing::OnBlackHole | MtuProbing::Always => {
                self.path_mtu.begin_search(limit);
                self.end_search_if_over(now);
            }
        }
    }

    /// Probing was switched off: what was found stays, and rests.
    pub(super) fn stop_search_if_unwanted(&mut self, now: Instant) {
        let is_off = self.config.mtu_probing == MtuProbing::Off;
        if is_off && self.path_mtu.search().is_some() {
            self.path_mtu.end_search(now, self.packet_limit());
        }
    }

    /// The largest packet that is sent, IP header included: what the path and the peer take.
    pub(super) fn packet_max(&self) -> u32 {
        self.path_mtu.used().min(self.packet_limit())
    }

    /// The largest that may ever be: what the link and the peer take.
    fn packet_limit(&self) -> u32 {
        let peer = u32::from(self.negotiated.send_mss) + mtu::headers_len(self.path.is_ipv6());
        self.path_mtu.link().min(peer)
    }

    /// A report is about the probe on its way: the search need not find out by itself.
    fn take_report_of_probe(&mut self, now: Instant, error: &IcmpError, reported: u32) -> bool {
        let Some(search) = self.path_mtu.search_mut() else { return false };
        let is_exceeded = search.probe().is_some_and(|size| reported < size);
        if !is_exceeded || !self.recovery.withdraw_mtu_probe(error.seq) {
            return false;
        }
        self.tally.rare.mtu_probes_lost = self.tally.rare.mtu_probes_lost.wrapping_add(1);
        search.on_reported(reported);
        self.end_search_if_over(now);
        self.due.retransmit = true;
        true
    }

    /// A router says that something was dropped that was sent before another connection's finding
    /// made segments smaller. Returns whether there was any.
    fn send_what_others_cut(&mut self) -> bool {
        self.path_mtu.take_cut_by_others() && self.withdraw_too_large()
    }

    /// No packet larger than `mtu` passes, as a router said who should know.
    fn believe(&mut self, now: Instant, mtu: u32) {
        if mtu >= self.packet_max() {
            return;
        }
        self.path_mtu.lower_to(now, mtu);
        self.endpoint_events.path_mtu = NonZeroU32::new(mtu);
        self.resize();
    }

    /// The size in use fell: what is too large for it is sent again at once, in smaller segments.
    fn resize(&mut self) {
        self.note_reduction();
        if self.withdraw_too_large() {
            self.arm_loss_timer();
        }
    }

    fn note_reduction(&mut self) {
        self.tally.rare.mtu_reductions = self.tally.rare.mtu_reductions.wrapping_add(1);
        self.tell_segment_size();
    }

    /// Returns whether there was any.
    fn withdraw_too_large(&mut self) -> bool {
        let (mss, cwnd, nxt) = (self.smss(), self.cwnd(), self.snd.nxt);
        let is_any = self.recovery.withdraw_larger(Resized { mss, cwnd, nxt });
        self.due.retransmit |= is_any;
        is_any
    }

    /// SMSS changed. cwnd shrinks with it in octets and never grows, and ssthresh stays
    /// (PMTU-9, CC-21, MSS-6).
    fn tell_segment_size(&mut self) {
        let mss = self.smss();
        self.congestion.on_mss(mss);
    }

    fn end_search_if_over(&mut self, now: Instant) {
        if self.path_mtu.search().is_some_and(|search| search.is_over()) {
            self.path_mtu.end_search(now, self.packet_limit());
            // Found out, and not only suspected: others may go by it.
            self.endpoint_events.path_mtu = NonZeroU32::new(self.path_mtu.used());
        }
    }
}

/// The MTU that an error reports; `None` if it is about something else.
pub(super) fn reported_mtu(error: &IcmpError) -> Option<u32> {
    if let IcmpErrorKind::PacketTooBig { mtu } = error.kind {
        return Some(mtu);
    }
    let IcmpErrorKind::FragmentationNeeded { mtu } = error.kind else { return None };
    let names_one = mtu > 0;
    Some(if names_one { u32::from(mtu) } else { mtu::plateau_below(error.packet_len) })
}

/// Full stops that make the size of a segment suspect: as many as R1 has at the least, after which
/// the way of a segment is to be doubted (RFC 9293 §3.8.3, SHLD-10). Fewer happen by chance where
/// every tenth packet is lost.
const FULL_STOPS: u8 = 3;
/// And of one that nearly every path takes: then, and with every second one after that, its size is
/// halved. It is much more likely that nothing passes at all, and small segments would outlast
/// that.
const FULL_STOPS_BELOW_BASE: u8 = 7;
/// RTOs between a probe whose answer a timeout took the place of, and the next (RFC 4821 §7.6.3).
const TIMEOUTS_TO_WAIT: u32 = 5;
