//! What a packet to the peer may hold, and how far the search for more has come.
//!
//! ```text
//!   search_low           eff_pmtu = used       search_high            link
//!  ────┴───────────────────────┴───────────────────┴────────────────────┴──▶ octets
//!      known to pass           what is sent         above it: known not to pass
//! ```
//!
//! Most connections never learn anything: what they use is what their link takes, and nothing else
//! is kept.

use alloc::boxed::Box;

use synack_wire::SeqNum;

use super::mtu;
use crate::Instant;

/// The path MTU of one connection. Units: octets, IP header included.
#[derive(Clone, Debug)]
pub(super) struct PathMtu {
    /// What the link takes: what the MSS that we advertise says, whatever the path (PMTU-10).
    link: u32,
    /// What is sent (eff_pmtu), at most `link`.
    used: u32,
    progress: Progress,
    /// Expiries of the retransmission timer in a row between which nothing of full size arrived.
    full_stops: u8,
    /// What of such size the peer had reported at the last of them.
    reported: u32,
    discovery: Option<Box<Discovery>>,
}

/// Whether a packet as large as may be sent now is known to have arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// None was sent since the size changed.
    None,
    /// One was, up to here.
    Sent { end: SeqNum },
    /// It is.
    Made,
}

/// What is known beyond the size in use.
#[derive(Clone, Debug, Default)]
struct Discovery {
    course: Course,
    /// A report that is not acted on before something is found to be lost (PMTU-11).
    pending: Option<Pending>,
    /// The size was lowered by what another connection found: what is in flight may be too large.
    is_cut_by_others: bool,
}

/// What is done about a path MTU below that of the link.
#[derive(Clone, Copy, Debug, Default)]
enum Course {
    /// Nothing: it is that of the link.
    #[default]
    None,
    /// Nothing before then (PMTU-12, PLPMTUD-8).
    Rest { until: Instant },
    /// Larger packets are tried.
    Search(Search),
}

/// A report that waits for a sign of loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    /// What it says.
    pub(super) mtu: u32,
    /// The number that it quotes.
    pub(super) seq: SeqNum,
}

/// The search for the largest packet that passes. Units: octets, IP header included.
///
/// Source: RFC 4821 §7.1 to §7.3; RFC 8899 §5.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Search {
    /// search_low: passes, as far as is known.
    low: u32,
    /// search_high: nothing larger passes.
    high: u32,
    /// Whether `high` itself may well pass, and is worth the first probe.
    is_high_likely: bool,
    /// The size of the probe on its way (PLPMTUD-6).
    probe: Option<u32>,
    /// Probes of one size lost in a row (PROBE_COUNT of RFC 8899 §5.1.3).
    failures: u8,
    /// No probe before then.
    not_before: Option<Instant>,
}

/// What became of a probe, or of a report about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// The search goes on.
    Nothing,
    /// Packets of this size pass.
    Larger(u32),
}

impl PathMtu {
    /// On a link that takes `link` octets; nothing else is known.
    pub(super) fn new(link: u32) -> Self {
        let (progress, full_stops, reported) = (Progress::None, 0, 0);
        Self { link, used: link, progress, full_stops, reported, discovery: None }
    }

    /// What the link takes.
    pub(super) fn link(&self) -> u32 {
        self.link
    }

    /// What may be sent.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Whether anything but the link decides, or may decide.
    pub(super) fn is_discovering(&self) -> bool {
        self.discovery.is_some()
    }

    /// Whether the next packet of full size is to be noted by [`on_full_sent`](Self::on_full_sent).
    pub(super) fn awaits_full(&self) -> bool {
        self.progress == Progress::None
    }

    /// A packet as large as may be sent left, with text up to `end`.
    pub(super) fn on_full_sent(&mut self, end: SeqNum) {
        self.progress = Progress::Sent { end };
    }

    /// Everything below `ack` arrived. A report about any of it is no longer worth anything
    /// (RFC 5927 §7.2, PMTU-11).
    pub(super) fn on_acked(&mut self, ack: SeqNum) {
        (self.full_stops, self.reported) = (0, 0);
        if let Progress::Sent { end } = self.progress
            && end <= ack
        {
            self.progress = Progress::Made;
        }
        if let Some(discovery) = &mut self.discovery {
            discovery.pending = discovery.pending.filter(|pending| ack <= pending.seq);
            self.forget_if_idle();
        }
    }

    /// The retransmission timer expired, and by now the peer has reported so many octets above the
    /// segment that it misses, in segments as large: more than last time, and such do pass.
    pub(super) fn on_timeout(&mut self, reported: u32) {
        let passes = reported > self.reported;
        self.full_stops = if passes { 1 } else { self.full_stops.saturating_add(1) };
        self.reported = reported;
    }

    /// Expiries of the retransmission timer in a row between which nothing of that size arrived.
    pub(super) fn full_stops(&self) -> u8 {
        self.full_stops
    }

    /// Whether packets of the size in use are known to arrive.
    pub(super) fn is_confirmed(&self) -> bool {
        self.progress == Progress::Made
    }

    /// Keeps a report until something is found to be lost, or what it is about arrived. The first
    /// stays: it is about what will be known first.
    pub(super) fn put_off(&mut self, pending: Pending) {
        self.discovery().pending.get_or_insert(pending);
    }

    /// The report that waits for a sign of loss, if one does.
    pub(super) fn take_pending(&mut self) -> Option<Pending> {
        let pending = self.discovery.as_mut()?.pending.take();
        self.forget_if_idle();
        pending
    }

    /// A report, or another connection, says that no more than `mtu` passes: nothing larger is
    /// tried for a while.
    ///
    /// Source: RFC 1191 §6.3; RFC 8201 §4 (PMTU-4, PMTU-12, PMTU-13).
    pub(super) fn lower_to(&mut self, now: Instant, mtu: u32) {
        self.set_used(mtu.min(self.used));
        self.discovery().course = Course::Rest { until: now + REST };
    }

    /// Packets of the size in use are taken to vanish: no more than `mtu` is sent, and at most
    /// `max` is tried as soon as something is acknowledged again.
    ///
    /// Source: RFC 4821 §7.7 (PLPMTUD-7).
    pub(super) fn fall_to(&mut self, mtu: u32, max: u32) {
        let discovery = self.discovery.as_deref();
        let high = match discovery.map_or(Course::None, |discovery| discovery.course) {
            Course::None => max,
            // What a report said holds for its time (PMTU-12).
            Course::Rest { .. } => self.used.min(max),
            Course::Search(search) => search.high.min(max),
        };
        self.set_used(mtu);
        self.discovery().course = Course::Search(Search::new(self.used, high));
    }

    /// Larger packets up to `max` are tried from now on.
    pub(super) fn begin_search(&mut self, max: u32) {
        let used = self.used;
        self.discovery().course = Course::Search(Search::new(used, max));
    }

    /// The size in use is the largest that `max` allows, at the next packet.
    pub(super) fn raise_to(&mut self, max: u32) {
        self.set_used(max.min(self.link));
        self.discovery = None;
    }

    /// Whether the time of rest is over.
    pub(super) fn is_rested(&self, now: Instant) -> bool {
        match self.discovery.as_ref().map(|discovery| discovery.course) {
            Some(Course::Rest { until }) => until <= now,
            Some(Course::None | Course::Search(_)) | None => false,
        }
    }

    /// The search under way.
    pub(super) fn search(&self) -> Option<&Search> {
        match &self.discovery.as_ref()?.course {
            Course::Search(search) => Some(search),
            Course::None | Course::Rest { .. } => None,
        }
    }

    /// The search under way.
    pub(super) fn search_mut(&mut self) -> Option<&mut Search> {
        match &mut self.discovery.as_mut()?.course {
            Course::Search(search) => Some(search),
            Course::None | Course::Rest { .. } => None,
        }
    }

    /// The search found what it could, or is given up: the next one begins after a rest.
    ///
    /// Source: RFC 8899 §5.1.1 (PMTU_RAISE_TIMER; PLPMTUD-8).
    pub(super) fn end_search(&mut self, now: Instant, max: u32) {
        let has_all = self.used.saturating_add(CONVERGED) > max;
        let course = if has_all { Course::None } else { Course::Rest { until: now + REST } };
        self.discovery().course = course;
        self.forget_if_idle();
    }

    /// A probe arrived: packets of its size are sent from now on (PLPMTUD-3).
    pub(super) fn adopt(&mut self, mtu: u32) {
        self.set_used(mtu);
        // The probe was one of them.
        self.progress = Progress::Made;
    }

    /// What is in flight was sent before another connection found it to be too large.
    pub(super) fn note_cut_by_others(&mut self) {
        self.discovery().is_cut_by_others = true;
    }

    /// Whether that is so; it is asked once.
    pub(super) fn take_cut_by_others(&mut self) -> bool {
        let discovery = self.discovery.as_mut();
        discovery.is_some_and(|it| core::mem::take(&mut it.is_cut_by_others))
    }

    fn set_used(&mut self, mtu: u32) {
        self.used = mtu;
        self.progress = Progress::None;
        if let Some(discovery) = &mut self.discovery {
            discovery.pending = None;
            discovery.is_cut_by_others = false;
        }
    }

    fn discovery(&mut self) -> &mut Discovery {
        self.discovery.get_or_insert_default()
    }

    fn forget_if_idle(&mut self) {
        let is_idle = |discovery: &Discovery| {
            let Discovery { course, pending, is_cut_by_others } = discovery;
            matches!(course, Course::None) && pending.is_none() && !is_cut_by_others
        };
        self.discovery = self.discovery.take().filter(|discovery| !is_idle(discovery));
    }
}

impl Search {
    /// From what passes to what may pass at the most.
    fn new(low: u32, high: u32) -> Self {
        let high = high.max(low);
        Self { low, high, is_high_likely: true, probe: None, failures: 0, not_before: None }
    }

    /// Whether there is nothing left that is worth a probe (RFC 4821 §7.3, PLPMTUD-8).
    pub(super) fn is_over(&self) -> bool {
        self.high - self.low < CONVERGED
    }

    /// The size of the probe on its way.
    pub(super) fn probe(&self) -> Option<u32> {
        self.probe
    }

    /// The size of the next probe, unless one is on its way or there is nothing to find.
    ///
    /// First the largest, since most paths carry what their ends do; then Ethernet's; then half way
    /// (RFC 4821 §7.3).
    pub(super) fn next_size(&self) -> Option<u32> {
        if self.probe.is_some() || self.is_over() {
            return None;
        }
        if self.is_high_likely {
            return Some(self.high);
        }
        if self.low + CONVERGED <= mtu::ETHERNET && mtu::ETHERNET <= self.high {
            return Some(mtu::ETHERNET);
        }
        Some(self.low + (self.high - self.low).div_ceil(2))
    }

    /// Since when a probe may be sent, if that is yet to come.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Forgets what [`not_before`](Self::not_before) said.
    pub(super) fn stop_waiting(&mut self) {
        self.not_before = None;
    }

    /// A probe of `size` left.
    pub(super) fn on_sent(&mut self, size: u32) {
        self.probe = Some(size);
    }

    /// It arrived (RFC 4821 §7.6.1, PLPMTUD-3).
    pub(super) fn on_delivered(&mut self) -> Found {
        let Some(size) = self.probe.take() else { return Found::Nothing };
        self.failures = 0;
        self.low = self.low.max(size);
        self.high = self.high.max(size);
        Found::Larger(size)
    }

    /// It, and nothing else, was lost. Chance may have done that; after some tries it was its size.
    ///
    /// Source: RFC 4821 §7.6.2 (PLPMTUD-4); RFC 8899 §5.1.2 (PLPMTUD-6).
    pub(super) fn on_lost(&mut self) {
        let Some(size) = self.probe.take() else { return };
        self.failures += 1;
        if self.failures >= PROBES_MAX {
            self.limit(size - 1);
        }
    }

    /// What became of it cannot be told: it was lost among others (RFC 4821 §7.6.4), or a timeout
    /// came before an answer (§7.6.3), after which the next one waits until `not_before`.
    pub(super) fn on_unknown(&mut self, not_before: Option<Instant>) {
        self.probe = None;
        self.not_before = not_before;
    }

    /// A router said that no more than `mtu` passes, which it should know.
    pub(super) fn on_reported(&mut self, mtu: u32) {
        self.probe = None;
        self.limit(mtu);
        self.is_high_likely = true;
    }

    /// Nothing larger than `high` passes.
    fn limit(&mut self, high: u32) {
        self.high = self.high.min(high).max(self.low);
        self.is_high_likely = false;
        self.failures = 0;
    }
}

/// How long nothing larger is tried: more than the five minutes that must pass after a decrease,
/// and as long as PMTU_RAISE_TIMER.
///
/// Source: RFC 1191 §3; RFC 8201 §5.3 (PMTU-12, PMTU-13); RFC 8899 §5.1.1 (PLPMTUD-8).
pub(crate) const REST: core::time::Duration = core::time::Duration::from_mins(10);
/// A range smaller than this is not worth a probe (PLPMTUD-8).
const CONVERGED: u32 = 8;
/// MAX_PROBES (RFC 8899 §5.1.2, PLPMTUD-6).
const PROBES_MAX: u8 = 3;

#[cfg(test)]
mod tests;
