//! Accurate ECN (RFC 9768): how many packets, and octets, came marked is counted and fed back, so
//! that the sender learns of each mark and not only that there was one.
//!
//! ```text
//!  sender ── ECT(0) text ──▶ router ── CE text ──▶ receiver: r.cep, r.ceb, r.e0b, r.e1b
//!    ▲ s.cep, s.ceb                                   │
//!    └── every segment: AE CWR ECE = r.cep mod 8; ◀───┘ option: the octets
//! ```
//!
//! It never says CWR (ACCECN-23): counts need no confirmation.

use synack_wire::{AccurateEcnCounters, Ecn, Flags};

use super::ecn_agreement::handshake_encoding;

/// The counters of one connection. Octets are counted modulo 2^24, as they are fed back.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccurateEcn {
    /// r.cep: packets that came with CE.
    received: u32,
    /// r.e0b, r.ceb, r.e1b, as they are and as an option told of them last.
    octets: Octets,
    told: Octets,
    /// Packets that came with CE since an ACK left.
    untold: u32,
    /// Whether the packet before came with CE.
    was_ce: bool,
    /// The ECN field of a SYN-ACK, which the next pure ACK tells of.
    syn_ack: Option<Ecn>,
    /// Whether a CE on a SYN-ACK was counted: only one is (ACCECN-12).
    counted_syn_ack: bool,
    /// Segments that have the option in any case, to test whether it passes (ACCECN-18).
    trials: u8,
    /// Whether the option is sent at all.
    sends_option: bool,
    /// s.cep: packets of ours that came with CE.
    counted: u32,
    /// s.ceb, modulo 2^24; `None` if the peer's options are not to be trusted.
    counted_octets: Option<u32>,
    /// Whether it had one.
    had_option: bool,
    /// Packets that an ACK acknowledges, on the average. Units: sixteenths of a packet.
    packets_per_ack: u32,
    /// Whether the peer's counts are believed (ACCECN-11).
    is_believed: bool,
}

/// Octets of text by the ECN field that they came with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Octets {
    ect0: u32,
    ce: u32,
    ect1: u32,
    /// Which of them ever changed, for they may wrap.
    changed: Changed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Changed {
    ect0: bool,
    ce: bool,
    ect1: bool,
}

/// A packet that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) field: Ecn,
    /// How many segments it stands for.
    pub(super) segments: u32,
    /// Text in it.
    pub(super) octets: u32,
    /// Whether text waits for a delayed ACK.
    pub(super) has_unacked: bool,
}

/// What an ACK feeds back, and how much it delivers. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feedback {
    pub(super) control: Flags,
    pub(super) option: Option<AccurateEcnCounters>,
    pub(super) delivered: u32,
    pub(super) mss: u32,
}

/// What an ACK feeds back, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Marks {
    /// That so many more of our packets were marked.
    Packets(u32),
    /// Octets that were in no packet: something on the path changes fields (ACCECN-21).
    Mangled,
}

impl AccurateEcn {
    /// At the start of a connection: RFC 9768 §3.2.1 (ACCECN-8).
    pub(super) const fn new() -> Self {
        Self {
            received: PACKETS_FIRST,
            octets: Octets::FIRST,
            told: Octets::FIRST,
            untold: 0,
            was_ce: false,
            syn_ack: None,
            counted_syn_ack: false,
            trials: 0,
            sends_option: true,
            counted: PACKETS_FIRST,
            counted_octets: Some(Octets::FIRST.ce),
            had_option: false,
            packets_per_ack: 0,
            is_believed: true,
        }
    }

    // What the peer is told.

    /// A SYN-ACK came to a client: the next pure ACK, and the first text, test whether feedback
    /// passes.
    ///
    /// Source: RFC 9768 §3.2.2.1, §3.2.2.2, §3.2.3.1 (ACCECN-10, ACCECN-12, ACCECN-18).
    pub(super) fn on_syn_ack(&mut self, field: Ecn) {
        if field == Ecn::Ce && !self.counted_syn_ack {
            self.counted_syn_ack = true;
            self.received = self.received.wrapping_add(1);
        }
        self.syn_ack = Some(field);
    }

    /// The next `segments` have the option.
    pub(super) fn try_option(&mut self, segments: u8) {
        self.trials = segments;
    }

    /// It seems that the option does not pass (RFC 9768 §3.2.3.2.2).
    pub(super) fn give_option_up(&mut self) {
        self.sends_option = false;
    }

    /// An acceptable packet came. Returns whether it is to be acknowledged at once: text with CE
    /// after a packet without, or as many marks as may pass unheard.
    ///
    /// Source: RFC 9768 §3.2, §3.2.2.5.1 (ACCECN-12, ACCECN-14, ACCECN-15).
    #[must_use]
    pub(super) fn on_packet(&mut self, heard: Heard) -> bool {
        self.octets.add(heard.field, heard.octets);
        let is_ce = heard.field == Ecn::Ce;
        let has_changed = is_ce && !self.was_ce && heard.octets > 0;
        self.was_ce = is_ce;
        if !is_ce {
            return false;
        }
        self.received = self.received.wrapping_add(heard.segments);
        self.untold = self.untold.saturating_add(heard.segments);
        let untold_max = if heard.has_unacked || heard.octets > 0 { 2 } else { 3 };
        has_changed || self.untold >= untold_max
    }

    /// The flags of a segment without SYN: ACE (ACCECN-9).
    pub(super) fn ace(&self) -> Flags {
        let mut flags = Flags::NONE;
        for (bit, flag) in [(1, Flags::ECE), (2, Flags::CWR), (4, Flags::AE)] {
            if self.received & bit != 0 {
                flags |= flag;
            }
        }
        flags
    }

    /// What the next pure ACK says instead, to tell of the SYN-ACK (ACCECN-10).
    pub(super) fn take_handshake_ace(&mut self) -> Option<Flags> {
        self.syn_ack.take().map(handshake_encoding)
    }

    /// Whether a pure ACK is to leave before text does, to tell of the SYN-ACK.
    pub(super) fn owes_pure_ack(&self) -> bool {
        self.syn_ack.is_some()
    }

    /// A segment with the newest counts leaves.
    pub(super) fn on_told(&mut self) {
        self.untold = 0;
    }

    /// The option of a segment that leaves, if there is something new to tell, or to test, and it
    /// takes no more than `room` octets: the counters that ever changed, or at least those that did
    /// since the last one.
    ///
    /// Source: RFC 9768 §3.2.3.3 (ACCECN-16, ACCECN-18 to ACCECN-20).
    pub(super) fn take_option(&mut self, room: u32) -> Option<AccurateEcnCounters> {
        let news = self.octets.changes_since(&self.told);
        let is_trial = self.trials > 0;
        if !self.sends_option || (!is_trial && news == Changed::default()) {
            return None;
        }
        let changed = self.octets.changed;
        let order_1 = changed.ect1 && !changed.ect0;
        let least = news.fields(order_1);
        let wanted = if is_trial { FIELDS } else { changed.fields(order_1) };
        let mut candidates = (least..=wanted).rev();
        let fields = candidates.find(|fields| option_len(*fields) <= room)?;
        self.trials = self.trials.saturating_sub(1);
        self.told = self.octets;
        Some(self.octets.option(order_1, fields))
    }

    /// The option of a SYN-ACK (ACCECN-18).
    pub(crate) fn first_option() -> AccurateEcnCounters {
        Octets::FIRST.option(false, FIELDS)
    }

    // What the peer tells.

    /// A server's SYN-ACK, which was Not-ECT, is acknowledged by a pure ACK with these flags.
    ///
    /// Source: RFC 9768 §3.2.2.1 table 4 (ACCECN-11, ACCECN-12), §3.2.2.3.
    pub(super) fn on_handshake_ack(&mut self, control: Flags) -> HandshakeAck {
        match ace_of(control) {
            0 => {
                self.is_believed = false;
                HandshakeAck::Silent
            }
            3 | 4 => HandshakeAck::Mangled,
            6 => {
                self.counted = self.counted.wrapping_add(1);
                HandshakeAck::Marked
            }
            _ => HandshakeAck::Sound,
        }
    }

    /// Takes what an ACK that delivers something feeds back.
    ///
    /// Three bits tell of up to seven marks. An ACK that acknowledges more packets may stand for
    /// eight more; it is taken to, unless the octets say otherwise or such ACKs are usual here.
    ///
    /// Source: RFC 9768 §3.2.2.5.2, §3.2.3.2.5, appendix A.2 (ACCECN-13, ACCECN-21).
    pub(super) fn on_feedback(&mut self, feedback: Feedback) -> Marks {
        if !self.is_believed {
            return Marks::Packets(0);
        }
        let least = u32::from(ace_of(feedback.control)).wrapping_sub(self.counted) & ACE_MAX;
        let packets = feedback.delivered / feedback.mss.max(1);
        let most = packets.saturating_sub(least) / (ACE_MAX + 1) * (ACE_MAX + 1) + least;
        let octets = self.take_octets(feedback.option);
        let is_usual = self.packets_per_ack >= USUAL_FROM;
        self.packets_per_ack -= self.packets_per_ack / 8;
        self.packets_per_ack += packets.min(PACKETS_MAX) * 16 / 8;
        let marks = match octets {
            Some(octets) => by_octets(octets, least, most, feedback.mss),
            None if is_usual => least,
            None => most,
        };
        self.counted = self.counted.wrapping_add(marks);
        if marks == 0 && octets.is_some_and(|octets| octets > 0) {
            return Marks::Mangled;
        }
        Marks::Packets(marks)
    }

    /// How many octets more came with CE, if the option tells. What it leaves out has not changed.
    fn take_octets(&mut self, option: Option<AccurateEcnCounters>) -> Option<u32> {
        let option = option?;
        let before = self.counted_octets?;
        let is_first = !core::mem::replace(&mut self.had_option, true);
        if is_first && (option.ect0 == Some(0) || option.ect1 == Some(0)) {
            // Neither begins at zero, so something on the path wrote that (RFC 9768 §3.2.3.2.4).
            self.counted_octets = None;
            return None;
        }
        let Some(now) = option.ce else { return Some(0) };
        self.counted_octets = Some(now);
        Some(now.wrapping_sub(before) & OCTETS_MASK)
    }
}

/// What the first pure ACK to a server says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HandshakeAck {
    /// That the SYN-ACK arrived as it was sent.
    Sound,
    /// That something on the path changes ECN fields: ours are better not marked.
    Mangled,
    /// Likewise, and congestion if it was no mistake.
    Marked,
    /// Nothing: the client counts nothing, so ours are not to be marked.
    Silent,
}

impl Octets {
    /// RFC 9768 §3.2.1 (ACCECN-8).
    const FIRST: Self =
        Self { ect0: 1, ce: 0, ect1: 1, changed: Changed { ect0: false, ce: false, ect1: false } };

    fn add(&mut self, field: Ecn, octets: u32) {
        if octets == 0 {
            return;
        }
        let (counter, changed) = match field {
            Ecn::NotEct => return,
            Ecn::Ect0 => (&mut self.ect0, &mut self.changed.ect0),
            Ecn::Ce => (&mut self.ce, &mut self.changed.ce),
            Ecn::Ect1 => (&mut self.ect1, &mut self.changed.ect1),
        };
        *counter = counter.wrapping_add(octets) & OCTETS_MASK;
        *changed = true;
    }

    fn changes_since(&self, told: &Self) -> Changed {
        Changed {
            ect0: self.ect0 != told.ect0,
            ce: self.ce != told.ce,
            ect1: self.ect1 != told.ect1,
        }
    }

    /// The first `fields` of an option.
    fn option(&self, order_1: bool, fields: u32) -> AccurateEcnCounters {
        let (first, last) = if order_1 { (self.ect1, self.ect0) } else { (self.ect0, self.ect1) };
        let first = (fields > 0).then_some(first);
        let ce = (fields > 1).then_some(self.ce);
        let last = (fields > 2).then_some(last);
        let (ect0, ect1) = if order_1 { (last, first) } else { (first, last) };
        AccurateEcnCounters { order_1, ect0, ce, ect1 }
    }
}

impl Changed {
    /// How many fields of an option of this order say it all.
    fn fields(self, order_1: bool) -> u32 {
        let (first, last) = if order_1 { (self.ect1, self.ect0) } else { (self.ect0, self.ect1) };
        if last {
            return 3;
        }
        if self.ce { 2 } else { u32::from(first) }
    }
}

/// ACE, as a number (RFC 9768 §3.2.2).
fn ace_of(control: Flags) -> u8 {
    let bit = |flag, value| if control.contains(flag) { value } else { 0 };
    bit(Flags::AE, 4) | bit(Flags::CWR, 2) | bit(Flags::ECE, 1)
}

/// How many packets were marked, `least` or a multiple of eight more, if they had so many octets:
/// no more than it takes, as most text is in full segments.
///
/// Source: RFC 9768 appendix A.2.2, which only tells `least` from `most`.
fn by_octets(octets: u32, least: u32, most: u32, mss: u32) -> u32 {
    let full = octets.div_ceil(mss.max(1));
    let more = full.saturating_sub(least).next_multiple_of(ACE_MAX + 1);
    least.saturating_add(more).min(most)
}

/// What an option with so many fields takes, padding included.
fn option_len(fields: u32) -> u32 {
    (2 + 3 * fields).next_multiple_of(4)
}

/// r.cep and s.cep at the start (ACCECN-8).
const PACKETS_FIRST: u32 = 5;
/// The largest ACE.
const ACE_MAX: u32 = 7;
/// Counters of octets have 24 bits (ACCECN-16).
const OCTETS_MASK: u32 = 0xff_ffff;
/// Fields of an option.
const FIELDS: u32 = 3;
/// From so many packets an ACK on, ACKs that acknowledge eight and more prove nothing lost: four,
/// "well below 8" (RFC 9768 appendix A.2.1). Units: sixteenths of a packet.
const USUAL_FROM: u32 = 4 * 16;
/// More packets in one ACK count as so many.
const PACKETS_MAX: u32 = 1_000;

#[cfg(test)]
mod tests;
