//! Taking back a recovery that proved needless.

use super::ack::AckArrival;
use super::deliveries::Deliveries;
use super::episode::Episode;
use super::frto::{Frto, NEW_SEGMENTS_MAX};
use super::record::Fate;
use super::{Detector, LossRecovery};
use crate::congestion::CongestionSignal;

/// What F-RTO lets leave (RFC 5682 §2.1 step 2b).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trial {
    /// It is not under way: anything.
    None,
    /// New text, which it waits for; if there is none, it is over.
    Begins,
    /// New text, one segment more.
    GoesOn,
    /// Nothing before the next ACK.
    Waits,
}

impl LossRecovery {
    /// What F-RTO lets leave.
    pub(crate) fn trial(&self) -> Trial {
        let Episode::Timeout(timeout) = &self.episode else { return Trial::None };
        match timeout.frto {
            Frto::Conventional | Frto::FirstAck { .. } | Frto::Spurious => Trial::None,
            Frto::SecondAck { new_segments: 0 } => Trial::Waits,
            Frto::SecondAck { new_segments: NEW_SEGMENTS_MAX.. } => Trial::Begins,
            Frto::SecondAck { .. } => Trial::GoesOn,
        }
    }

    /// There is no new text that could leave: conventional recovery.
    ///
    /// Source: RFC 5682 §2.1 step 2b (FRTO-3).
    pub(crate) fn end_trial(&mut self) {
        if let Episode::Timeout(timeout) = &mut self.episode {
            timeout.frto = Frto::Conventional;
        }
    }

    /// What was taken for congestion is not to be undone, whatever it proves to be.
    pub(crate) fn forget_undo(&mut self) {
        self.undo = None;
        self.end_trial();
    }

    /// Whether an ACK proves the last episode needless. If so, it is over, as if nothing had been
    /// taken for lost; returns what it had begun with.
    ///
    /// Source: RFC 5682 §4 (FRTO-7); RFC 3522 §3.2; RFC 8985 §6.2 step 3.
    pub(super) fn undo_needless(
        &mut self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
    ) -> Option<CongestionSignal> {
        let signal = self.needless(arrival, delivered)?;
        self.undo = None;
        match core::mem::replace(&mut self.episode, Episode::Open) {
            Episode::Open | Episode::Fast(_) => match &mut self.detector {
                Detector::Rack { rack, .. } => rack.on_reordering(),
                Detector::Duplicates(duplicates) => duplicates.reset(),
            },
            Episode::Timeout(timeout) => {
                if let Detector::Rack { rack, .. } = &mut self.detector {
                    rack.go_back_to(timeout.rack);
                }
                self.delayed_at = Some(arrival.now);
                self.sent.judge_all(|record| match record.fate {
                    Fate::InFlight | Fate::Lost => Fate::InFlight,
                    Fate::Sacked => Fate::Sacked,
                });
            }
        }
        Some(signal)
    }

    /// What the last episode had begun with, if this ACK proves it needless.
    fn needless(
        &mut self,
        arrival: &AckArrival<'_>,
        delivered: &Deliveries,
    ) -> Option<CongestionSignal> {
        if let Some(undo) = &mut self.undo {
            undo.on_ack(arrival, delivered.acked > 0);
            if undo.is_proved(self.sent.lost()) {
                return Some(undo.signal());
            }
        }
        let Episode::Timeout(timeout) = &mut self.episode else { return None };
        let before = timeout.frto;
        timeout.frto = before.on_ack(arrival, delivered, timeout.point);
        match (timeout.frto, before, &self.detector) {
            (Frto::Spurious, _, _) => Some(CongestionSignal::Timeout),
            (Frto::Conventional, Frto::SecondAck { .. }, Detector::Duplicates(_)) => {
                // What was new is sent again in its turn, if it is not acknowledged by then: only
                // so is there room in cwnd for what is missing.
                self.sent.judge_all(|_| Fate::Lost);
                None
            }
            (Frto::Conventional | Frto::FirstAck { .. } | Frto::SecondAck { .. }, _, _) => None,
        }
    }
}
