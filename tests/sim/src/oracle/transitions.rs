//! Which state may follow which, and for what: I-17.
//!
//! The tables of RFC 9293 §3.10 as the project has them (calls, segments, timers), written a
//! second time: each row says what an event must be like for a state to be left for another.

use synack_tcb::{CloseReason, Internals, State};
use synack_wire::{Flags, SeqNum};

use super::{Arrived, Cause, Change};
use crate::violation::{Invariant, Violation, ensure};

pub(super) fn judge(
    change: Change<'_>,
    cause: &Cause<'_>,
    is_detached: bool,
    reason: Option<CloseReason>,
) -> Result<(), Violation> {
    let Change { old, new, .. } = change;
    let (from, to) = (old.state, new.state);
    let is_allowed = match cause {
        Cause::Packet(arrived) => {
            by_packet(old, arrived, is_detached).contains(&to) && is_obliged(old, arrived, to)
        }
        Cause::Close => by_close(from).contains(&to),
        Cause::Detach => by_close(from).contains(&to) || to == State::Closed,
        // SM-ABORT-4: there the application's part is over, and the endpoint goes on.
        Cause::Abort if from == State::TimeWait => to == from,
        Cause::Abort => to == State::Closed,
        Cause::Timeout | Cause::Icmp => to == from || to == State::Closed,
        Cause::Stall
        | Cause::Write
        | Cause::Read
        | Cause::Configure
        | Cause::Transmit(_)
        | Cause::Polled => to == from,
    };
    ensure(is_allowed, Invariant::Transition, || {
        format!("{from} to {to} ({reason:?}) on {cause:?}, {old:?}")
    })?;
    let has_ended = from != State::Closed && to == State::Closed;
    ensure(!has_ended || is_fitting(old, cause, reason), Invariant::Transition, || {
        format!("{from} ended by {reason:?} on {cause:?}")
    })
}

/// Sections 3.4: CLOSE.
fn by_close(from: State) -> &'static [State] {
    match from {
        State::SynSent => &[State::Closed],
        // SM-CLOSE-4, or SM-CLOSE-5 with text queued.
        State::SynReceived => &[State::FinWait1, State::SynReceived],
        State::Established => &[State::FinWait1],
        State::CloseWait => &[State::LastAck],
        State::FinWait1 => &[State::FinWait1],
        State::FinWait2 => &[State::FinWait2],
        State::Closing => &[State::Closing],
        State::LastAck => &[State::LastAck],
        State::TimeWait => &[State::TimeWait],
        State::Closed => &[State::Closed],
    }
}

/// What a segment says, as far as states are concerned.
struct Said {
    /// RST with SEG.SEQ = RCV.NXT.
    exact_reset: bool,
    syn: bool,
    /// SND.UNA < SEG.ACK <= SND.NXT.
    acks_new: bool,
    /// The same, beyond our FIN.
    acks_fin: bool,
    /// It has a FIN, or one arrived before it out of order.
    fin: bool,
    text: bool,
}

impl Said {
    fn of(old: &Internals, arrived: &Arrived) -> Self {
        let ack = arrived.ack.filter(|ack| old.snd_una < *ack && *ack <= old.snd_nxt);
        let plain = !arrived.is(Flags::RST);
        Self {
            exact_reset: arrived.is(Flags::RST) && arrived.seq == old.rcv_nxt,
            syn: plain && arrived.is(Flags::SYN),
            acks_new: plain && ack.is_some(),
            acks_fin: plain && ack.zip(old.snd_fin).is_some_and(|(ack, fin)| fin < ack),
            fin: plain && (arrived.is(Flags::FIN) || old.rcv_fin.is_some()),
            text: plain && arrived.text > 0,
        }
    }
}

/// Sections 7 and 8: the states that a segment may lead to, the one it came in included.
fn by_packet(old: &Internals, arrived: &Arrived, is_detached: bool) -> Vec<State> {
    let said = Said::of(old, arrived);
    let mut to = vec![old.state];
    let mut may = |state: State, condition: bool| to.extend(condition.then_some(state));
    match old.state {
        State::SynSent => {
            may(State::Established, said.syn && said.acks_new);
            may(State::CloseWait, said.syn && said.acks_new && said.fin);
            may(State::SynReceived, said.syn && arrived.ack.is_none());
            let acks = arrived.ack.is_some_and(|ack| old.snd_una < ack && ack <= old.snd_nxt);
            may(State::Closed, arrived.is(Flags::RST) && acks);
        }
        State::SynReceived => {
            // A FIN may have come with the SYN of a simultaneous open (SM-SYNSENT-8), and a CLOSE
            // may be remembered (SM-CLOSE-5).
            may(State::Established, said.acks_new);
            may(State::CloseWait, said.acks_new);
            may(State::FinWait1, said.acks_new);
            may(State::Closing, said.acks_new);
            may(State::Closed, said.exact_reset || (said.syn && old.is_passive));
        }
        State::Established => {
            may(State::CloseWait, said.fin);
            may(State::Closed, said.exact_reset);
        }
        State::FinWait1 => {
            may(State::FinWait2, said.acks_fin);
            may(State::Closing, said.fin);
            may(State::TimeWait, said.fin && said.acks_fin);
            may(State::Closed, said.exact_reset || (said.text && is_detached));
        }
        State::FinWait2 => {
            may(State::TimeWait, said.fin);
            may(State::Closed, said.exact_reset || (said.text && is_detached));
        }
        State::CloseWait => may(State::Closed, said.exact_reset),
        State::Closing => {
            may(State::TimeWait, said.acks_fin);
            may(State::Closed, said.exact_reset);
        }
        State::LastAck => may(State::Closed, said.acks_fin || said.exact_reset),
        State::TimeWait | State::Closed => {}
    }
    to
}

/// Where a segment leaves no choice: a RST at RCV.NXT ends a connection, and a FIN at RCV.NXT that
/// was used is taken.
fn is_obliged(old: &Internals, arrived: &Arrived, to: State) -> bool {
    let is_synchronized =
        !matches!(old.state, State::SynSent | State::SynReceived | State::TimeWait | State::Closed);
    // With text or FIN it is not acceptable to a closed window, and dropped (SM-SEQ-13).
    let is_acceptable = arrived.len == 0 || old.rcv_nxt < old.rcv_adv;
    if is_synchronized && is_acceptable && arrived.is(Flags::RST) && arrived.seq == old.rcv_nxt {
        return to == State::Closed;
    }
    let end: SeqNum = arrived.seq + arrived.len;
    let fin_in_order = arrived.used
        && arrived.is(Flags::FIN)
        && old.rcv_fin.is_none_or(|fin| fin + 1 == end)
        // An attacker may have put text beyond the FIN, and what came first stays.
        && old.out_of_order == 0
        && arrived.seq <= old.rcv_nxt
        && old.rcv_nxt < end
        && end <= old.rcv_adv;
    let takes_fin = matches!(old.state, State::Established | State::FinWait1 | State::FinWait2);
    !(fin_in_order && takes_fin) || to != old.state
}

/// Whether the reason that the application is told is one that the event can have.
fn is_fitting(old: &Internals, cause: &Cause<'_>, reason: Option<CloseReason>) -> bool {
    let Some(reason) = reason else { return false };
    match cause {
        Cause::Packet(arrived) if arrived.is(Flags::RST) => match old.state {
            State::SynSent => reason == CloseReason::Refused,
            State::SynReceived if old.is_passive => reason == CloseReason::Finished,
            State::SynReceived => reason == CloseReason::Refused,
            State::Closing | State::LastAck => {
                matches!(reason, CloseReason::ResetByPeer | CloseReason::Finished)
            }
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::TimeWait
            | State::Closed => reason == CloseReason::ResetByPeer,
        },
        Cause::Packet(_) => matches!(reason, CloseReason::Finished | CloseReason::Aborted),
        Cause::Close => reason == CloseReason::Finished,
        Cause::Detach => matches!(reason, CloseReason::Finished | CloseReason::Aborted),
        Cause::Abort => reason == CloseReason::Aborted,
        Cause::Timeout => match old.state {
            State::FinWait2 => {
                matches!(reason, CloseReason::Finished | CloseReason::TimedOut)
            }
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => matches!(reason, CloseReason::TimedOut | CloseReason::UserTimeout),
        },
        Cause::Icmp => matches!(reason, CloseReason::Unreachable(_)),
        Cause::Stall
        | Cause::Write
        | Cause::Read
        | Cause::Configure
        | Cause::Transmit(_)
        | Cause::Polled => false,
    }
}
