//! A segment larger than others, sent to learn whether the path takes it: its loss alone is no
//! congestion (RFC 4821 §7.6).

use synack_wire::{SeqNum, SeqRange};

use super::record::Fate;
use super::{Detector, LossRecovery};
use crate::Instant;

/// The probe on its way, or what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum MtuProbe {
    #[default]
    None,
    InFlight(SeqRange),
    Settled(MtuVerdict),
}

/// What became of a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MtuVerdict {
    /// It arrived.
    Delivered,
    /// It was lost, and nothing else that was sent beside it.
    Lost,
    /// It was lost among others, or nobody knows.
    Unknown,
    /// The retransmission timer expired first.
    TimedOut,
}

impl LossRecovery {
    /// Whether nothing is lost, late or being repaired, so that the loss of a probe would be seen
    /// for what it is (RFC 4821 §7.5, PLPMTUD-2).
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.episode.is_open() && self.sent.lost() == 0 && self.sent.sacked() == 0
    }

    /// What was sent last, `range`, is a probe.
    pub(crate) fn on_mtu_probe_sent(&mut self, range: SeqRange) {
        self.mtu_probe = MtuProbe::InFlight(range);
    }

    /// What became of the probe, once that is settled.
    pub(crate) fn take_mtu_verdict(&mut self) -> Option<MtuVerdict> {
        let MtuProbe::Settled(verdict) = self.mtu_probe else { return None };
        self.mtu_probe = MtuProbe::None;
        Some(verdict)
    }

    /// A router says that it dropped the probe, if that begins at `seq`: it is sent again as
    /// ordinary segments. Returns whether it was so.
    pub(crate) fn withdraw_mtu_probe(&mut self, seq: SeqNum) -> bool {
        let MtuProbe::InFlight(range) = self.mtu_probe else { return false };
        if range.start != seq {
            return false;
        }
        self.mtu_probe = MtuProbe::None;
        self.sent.withdraw(range);
        true
    }

    /// Octets of the probe on its way.
    pub(super) fn mtu_probe_len(&self) -> u32 {
        match self.mtu_probe {
            MtuProbe::InFlight(range) => range.len(),
            MtuProbe::None | MtuProbe::Settled(_) => 0,
        }
    }

    /// Whether a probe, and nothing beside it, was found to be lost.
    pub(super) fn is_mtu_probe_lost(&self) -> bool {
        self.mtu_probe == MtuProbe::Settled(MtuVerdict::Lost)
    }

    /// SND.UNA advances to `ack`. As long as the probe was not sent again in parts, it is what
    /// arrived (PLPMTUD-3).
    pub(super) fn on_mtu_probe_acked(&mut self, ack: SeqNum) {
        if let MtuProbe::InFlight(range) = self.mtu_probe
            && range.end <= ack
        {
            self.mtu_probe = MtuProbe::Settled(MtuVerdict::Delivered);
        }
    }

    /// Takes the probe for lost when time says so, before anything else is: by itself that is no
    /// congestion, and no controller is told. Within a recovery nothing can be learnt from it.
    ///
    /// Source: RFC 4821 §7.6.2, §7.6.4 (PLPMTUD-4).
    pub(super) fn lose_mtu_probe(&mut self, now: Instant) {
        let MtuProbe::InFlight(range) = self.mtu_probe else { return };
        let Detector::Rack { rack, .. } = &self.detector else { return };
        let window = rack.window(self.window_inputs());
        let is_lost = self.sent.records_from(range.start).next().is_some_and(|record| {
            record.fate == Fate::InFlight
                && rack.is_older(record)
                && rack.lost_at(record, window) <= now
        });
        if !is_lost {
            return;
        }
        let verdict = if self.episode.is_open() && self.sent.lost() == 0 {
            self.sent.withdraw(range);
            MtuVerdict::Lost
        } else {
            MtuVerdict::Unknown
        };
        self.mtu_probe = MtuProbe::Settled(verdict);
    }

    /// Other losses were found: those of a probe that was found to be lost with them prove nothing
    /// (RFC 4821 §7.6.4, PLPMTUD-5).
    pub(super) fn doubt_mtu_probe(&mut self) {
        if self.mtu_probe == MtuProbe::Settled(MtuVerdict::Lost) {
            self.mtu_probe = MtuProbe::Settled(MtuVerdict::Unknown);
        }
    }

    /// Without SACK: duplicate ACKs say that the first segment is lost. If that is the probe, they
    /// say nothing of congestion, nor do those that follow until all that was sent is
    /// acknowledged. `nxt` is SND.NXT. Returns whether it was so.
    pub(super) fn takes_duplicates_for_probe(&mut self, nxt: SeqNum) -> bool {
        let first = self.sent.first().map(|record| record.range.start);
        let MtuProbe::InFlight(range) = self.mtu_probe else { return false };
        let Detector::Duplicates(duplicates) = &mut self.detector else { return false };
        if first != Some(range.start) {
            return false;
        }
        duplicates.reset();
        self.recover = nxt;
        self.sent.withdraw(range);
        self.mtu_probe = MtuProbe::Settled(MtuVerdict::Lost);
        true
    }

    /// The retransmission timer expired.
    pub(super) fn give_mtu_probe_up(&mut self) {
        if let MtuProbe::InFlight(_) = self.mtu_probe {
            self.mtu_probe = MtuProbe::Settled(MtuVerdict::TimedOut);
        }
    }
}
