//! How what is in flight comes down after a router's mark, while nothing is lost: as in fast
//! recovery, in proportion to what is delivered (RFC 9937 §6, PRR-11). What was sent too large
//! leaves again in the same way (`too_large.rs`).

use alloc::boxed::Box;

use synack_wire::SeqNum;

use super::LossRecovery;
use super::ack::AckArrival;
use super::episode::Episode;
use super::prr::{Progress, Prr, PrrAck};

/// A reduction that goes on outside of recovery.
#[derive(Clone, Debug)]
pub(super) struct MarkReduction {
    pub(super) reduction: Prr,
    /// It ends when this is acknowledged, if nobody ends it.
    pub(super) until: Option<SeqNum>,
}

/// A mark that an ACK told of. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked {
    /// cwnd as the controller has it now.
    pub(crate) cwnd: u32,
    /// Outstanding before the ACK.
    pub(crate) flight_size: u32,
    /// What the ACK delivered.
    pub(crate) delivered: u32,
    pub(crate) mss: u32,
}

impl LossRecovery {
    /// The reduction begins. What is in flight comes down to `cwnd` by the time that all of it is
    /// acknowledged, and text goes on leaving meanwhile.
    ///
    /// Source: RFC 9937 §6.1 (PRR-1, PRR-2).
    pub(crate) fn begin_mark_reduction(&mut self, marked: Marked) {
        let Marked { cwnd, flight_size, delivered, mss } = marked;
        let reduction = Prr::new(cwnd, flight_size);
        self.marked = Some(Box::new(MarkReduction { reduction, until: None }));
        self.reduce_outside_recovery(delivered, mss);
    }

    /// It is over, or a loss takes its place.
    pub(crate) fn end_mark_reduction(&mut self) {
        self.marked = None;
    }

    /// An ACK delivered something.
    ///
    /// Source: RFC 9937 §6.2 (PRR-3 to PRR-9).
    pub(super) fn reduce_after_mark(&mut self, arrival: &AckArrival<'_>, delivered: u32) {
        let is_over = |it: &MarkReduction| it.until.is_some_and(|until| until <= arrival.ack);
        if self.marked.as_deref().is_some_and(is_over) {
            self.end_mark_reduction();
        }
        self.reduce_outside_recovery(delivered, arrival.mss);
    }

    fn reduce_outside_recovery(&mut self, delivered: u32, mss: u32) {
        let in_flight = self.in_flight();
        if let Some(marked) = &mut self.marked {
            // Nothing is lost, so each ACK is safe.
            let progress = Progress::Safe;
            marked.reduction.on_ack(PrrAck { delivered, in_flight, progress, mss });
        }
    }

    /// The reduction that is under way, of whatever kind.
    pub(super) fn reduction(&mut self) -> Option<&mut Prr> {
        match &self.episode {
            Episode::Open => self.marked.as_deref_mut().map(|marked| &mut marked.reduction),
            Episode::Fast(_) | Episode::Timeout(_) => self.episode.reduction(),
        }
    }
}
