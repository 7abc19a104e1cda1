//! The episode that sending is in, and how one begins and ends.

use alloc::boxed::Box;

use synack_wire::SeqNum;

use super::ack::AckArrival;
use super::frto::Frto;
use super::prr::{Progress, Prr, PrrAck};
use super::rack::RackMark;
use super::undo::Undo;
use super::{Detector, LossRecovery};
use crate::congestion::CongestionSignal;
use crate::info::RecoveryPhase;

/// The episode that sending is in.
#[derive(Clone, Debug)]
pub(super) enum Episode {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery.
    Fast(Box<FastRecovery>),
    /// Recovery after a timeout.
    Timeout(Box<TimeoutRecovery>),
}

/// One fast recovery.
#[derive(Clone, Debug)]
pub(super) struct FastRecovery {
    /// RecoveryPoint, `recover`: it ends when this is acknowledged.
    point: SeqNum,
    /// Whether a partial ACK came already (NR-5).
    has_partial_ack: bool,
    /// What was delivered by the ACK that began it, and what was in flight before. Units: octets.
    begun_with: BegunWith,
    /// How what is in flight comes down, unless the congestion controller sees to that itself.
    reduction: Option<Prr>,
}

/// One recovery after a timeout.
#[derive(Clone, Debug)]
pub(super) struct TimeoutRecovery {
    /// It ends when this is acknowledged.
    pub(super) point: SeqNum,
    /// Whether the timeout was needless.
    pub(super) frto: Frto,
    /// What RACK knew before it.
    pub(super) rack: RackMark,
    /// Whether the peer was seen to drop what it had reported by SACK.
    pub(super) has_reneged: bool,
}

/// How a fast recovery began. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct BegunWith {
    /// RecoverFS of RFC 9937 §6.1: outstanding and not SACKed before it began.
    pub(super) recover_flight: u32,
    /// What the ACK delivered that began it; nothing if a timer did.
    pub(super) delivered: u32,
}

impl Episode {
    /// Whether nothing is known to be lost.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Open => true,
            Self::Fast(_) | Self::Timeout(_) => false,
        }
    }

    /// Whether it is fast recovery.
    pub(super) fn is_fast(&self) -> bool {
        match self {
            Self::Fast(_) => true,
            Self::Open | Self::Timeout(_) => false,
        }
    }

    /// How what is in flight comes down, if that is under way.
    pub(super) fn reduction(&mut self) -> Option<&mut Prr> {
        match self {
            Self::Fast(fast) => fast.reduction.as_mut(),
            Self::Open | Self::Timeout(_) => None,
        }
    }
}

impl LossRecovery {
    /// What is being repaired, or slowed down.
    pub(crate) fn phase(&self) -> RecoveryPhase {
        match &self.episode {
            Episode::Fast(_) => RecoveryPhase::Fast,
            Episode::Timeout(_) => RecoveryPhase::Timeout,
            Episode::Open if self.marked.is_some() => RecoveryPhase::Marked,
            Episode::Open => RecoveryPhase::None,
        }
    }

    /// Whether fast recovery is under way.
    pub(crate) fn is_in_fast_recovery(&self) -> bool {
        self.episode.is_fast()
    }

    /// cwnd while the rate is being reduced; otherwise the controller's holds.
    ///
    /// Source: RFC 9937 §6.2 (PRR-9, PRR-12).
    pub(crate) fn cwnd(&self) -> Option<u32> {
        match &self.episode {
            Episode::Fast(fast) => fast.reduction.as_ref().map(Prr::cwnd),
            Episode::Open => self.marked.as_ref().map(|marked| marked.reduction.cwnd()),
            Episode::Timeout(_) => None,
        }
    }

    /// The controller set `ssthresh` for the fast recovery that began: what is in flight comes down
    /// to it in proportion to what is delivered. Without SACK RFC 6582 says how instead (CC-24).
    ///
    /// Source: RFC 9937 §6.1, §6.2 (PRR-1, PRR-8).
    pub(crate) fn begin_reduction(&mut self, ssthresh: u32, mss: u32) {
        let in_flight = self.in_flight();
        let (Episode::Fast(fast), Detector::Rack { .. }) = (&mut self.episode, &self.detector)
        else {
            return;
        };
        let BegunWith { recover_flight, delivered } = fast.begun_with;
        let mut reduction = Prr::new(ssthresh, recover_flight);
        if delivered == 0 {
            reduction.on_lost(in_flight, in_flight, mss);
        } else {
            let progress = Progress::Unsafe;
            reduction.on_ack(PrrAck { delivered, in_flight, progress, mss });
        }
        fast.reduction = Some(reduction);
    }

    /// Fast recovery begins, until `nxt` is acknowledged.
    ///
    /// Source: RFC 6582 §3.2 step 2 (NR-2); RFC 6675 §5 (SACK-20); RFC 8985 §6.2 (RACK-16).
    pub(super) fn begin_fast(&mut self, nxt: SeqNum, begun_with: BegunWith) {
        self.recover = nxt;
        self.end_mark_reduction();
        if let Detector::Rack { probe, .. } = &mut self.detector {
            probe.reset();
        }
        self.undo = Some(Box::new(Undo::new(CongestionSignal::Loss)));
        self.episode = Episode::Fast(Box::new(FastRecovery {
            point: nxt,
            has_partial_ack: false,
            begun_with,
            reduction: None,
        }));
    }

    /// SND.UNA advanced: ends an episode whose point is acknowledged, and returns what had begun
    /// it.
    pub(super) fn leave_episode(&mut self, arrival: &AckArrival<'_>) -> Option<CongestionSignal> {
        self.timeouts = 0;
        let (point, signal) = match &self.episode {
            Episode::Open => return None,
            Episode::Fast(fast) => (fast.point, CongestionSignal::Loss),
            Episode::Timeout(timeout) => (timeout.point, CongestionSignal::Timeout),
        };
        if arrival.ack < point {
            return None;
        }
        match signal {
            CongestionSignal::Loss | CongestionSignal::Ecn => {
                if let Some(undo) = &mut self.undo {
                    undo.on_recovered(arrival.nxt);
                }
            }
            // The window grew again from one segment: a proof would come too late.
            CongestionSignal::Timeout => self.undo = None,
        }
        self.episode = Episode::Open;
        Some(signal)
    }

    /// Whether an ACK of something new starts the retransmission timer anew: all but the partial
    /// ACKs after the first of a recovery without SACK, so that a long one ends in a timeout
    /// (NR-5).
    pub(super) fn restarts_timer(&mut self, arrival: &AckArrival<'_>) -> bool {
        let Episode::Fast(fast) = &mut self.episode else { return true };
        if arrival.sack.is_some() || arrival.ack >= fast.point {
            return true;
        }
        !core::mem::replace(&mut fast.has_partial_ack, true)
    }
}
