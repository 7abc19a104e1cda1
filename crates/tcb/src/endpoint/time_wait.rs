//! TIME-WAIT: what is kept of a connection for 2 MSL, and how segments are answered meanwhile.
//!
//! A record knows its addresses, SND.NXT, RCV.NXT, the last window, TS.Recent and its time (TW-13);
//! buffers and timers are gone. There are at most so many; the oldest gives way (robustness F3).

use core::time::Duration;

use synack_wire::{Flags, IpFields, Options, Segment, SeqNum, SeqRange, TcpPacket, Timestamps};

use super::expiry_table::{ExpiryTable, Inserted};
use crate::config::EndpointConfig;
use crate::connection::{is_timestamp_before, paws, timestamp_clock};
use crate::drop_reason::DropReason;
use crate::event::{TimeWait, TimeWaitTimestamps};
use crate::keyed_hash::KeyedHash;
use crate::recv::{ChallengeLimit, is_acceptable};
use crate::send::check_ack_range;
use crate::{FourTuple, Instant};

/// The connections in TIME-WAIT.
#[derive(Clone, Debug)]
pub(super) struct TimeWaitTable {
    records: ExpiryTable<Record>,
    /// 2 MSL.
    lifetime: Duration,
    on_reset: OnReset,
}

/// What is kept of one connection, without its addresses and its time.
#[derive(Clone, Copy, Debug)]
struct Record {
    snd_nxt: SeqNum,
    ack_lowest: SeqNum,
    rcv_nxt: SeqNum,
    rcv_wnd: u32,
    window: u16,
    timestamps: Option<TimeWaitTimestamps>,
    ip: IpFields,
    challenges: ChallengeLimit,
}

/// What a RST at RCV.NXT does (DEC-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OnReset {
    /// Nothing (RFC 1337 §3, TW-4).
    Ignore,
    /// It ends TIME-WAIT (RFC 9293 §3.10.7.4).
    End,
}

/// What a segment does to a connection in TIME-WAIT.
#[allow(clippy::large_enum_variant, reason = "a box would cost an allocation a packet")]
#[derive(Debug)]
pub(super) enum Outcome {
    /// This is to be sent.
    Reply(TcpPacket),
    /// Nothing is.
    Drop(DropReason),
    /// A SYN that may open the next connection, with an ISS above `last` (TW-5 to TW-9, TW-11).
    Reopen { last: SeqNum },
}

/// What a record makes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// ACK!, and the time starts anew: the peer's FIN came again (SM-SEQ-10).
    RepeatedFin,
    /// CHALLENGE.
    Challenge(DropReason),
    /// Drop.
    Drop(DropReason),
    /// A RST exactly at RCV.NXT.
    Reset,
    /// A SYN that RFC 6191 lets in.
    Reopen,
}

impl TimeWaitTable {
    pub(super) fn new(config: &EndpointConfig, hash: KeyedHash) -> Self {
        Self {
            records: ExpiryTable::new(hash, config.time_wait_max),
            lifetime: config.msl.saturating_mul(2),
            on_reset: if config.reset_ends_time_wait { OnReset::End } else { OnReset::Ignore },
        }
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether `path` is in TIME-WAIT.
    pub(super) fn contains(&self, path: &FourTuple) -> bool {
        self.records.get(path).is_some()
    }

    /// Carries on for a connection, 2 MSL from when it entered TIME-WAIT (TW-1, MUST-13).
    pub(super) fn insert(&mut self, time_wait: TimeWait) -> Inserted {
        let TimeWait {
            path,
            entered,
            snd_nxt,
            ack_lowest,
            rcv_nxt,
            window,
            rcv_wnd,
            timestamps,
            ip,
        } = time_wait;
        let record = Record {
            snd_nxt,
            ack_lowest,
            rcv_nxt,
            rcv_wnd,
            window,
            timestamps,
            ip,
            challenges: ChallengeLimit::default(),
        };
        self.records.insert(path, entered + self.lifetime, record)
    }

    /// The next connection on `path` is open, or the application wants it gone.
    pub(super) fn remove(&mut self, path: &FourTuple) {
        self.records.remove(path);
    }

    /// SM-TIMER-9: forgets whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.records.expire(now);
    }

    /// When the next time is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.records.next_expiry()
    }

    /// SEGMENT ARRIVES in TIME-WAIT; `None` if `path` is not there.
    ///
    /// Source: RFC 9293 §3.10.7.4, RFC 6191 §2, RFC 1337 §3 (SM-TWSYN-1 to SM-ACK-16).
    pub(super) fn handle(
        &mut self,
        now: Instant,
        path: &FourTuple,
        segment: &Segment,
    ) -> Option<Outcome> {
        // A time that is over may not have been acted on yet.
        self.records.expire_one(now, path);
        let renewed = now + self.lifetime;
        let record = self.records.get_mut(path)?;
        Some(match record.judge(now, segment) {
            Verdict::Reopen => Outcome::Reopen { last: record.snd_nxt },
            Verdict::Challenge(reason) => record.challenge(now, path, reason),
            Verdict::Drop(reason) => Outcome::Drop(reason),
            Verdict::RepeatedFin => {
                // It lies below the window, so TS.Recent stays (SM-PAWS-5).
                let reply = record.ack(now, path);
                self.records.renew(path, renewed);
                Outcome::Reply(reply)
            }
            Verdict::Reset if self.on_reset == OnReset::End => {
                self.records.remove(path);
                Outcome::Drop(DropReason::Reset)
            }
            Verdict::Reset => Outcome::Drop(DropReason::TimeWait),
        })
    }

    /// The answer to a SYN that would have been let in, had anyone taken it (SM-TWSYN-6).
    pub(super) fn refuse(&mut self, now: Instant, path: &FourTuple) -> Outcome {
        match self.records.get_mut(path) {
            Some(record) => record.challenge(now, path, DropReason::TimeWait),
            None => Outcome::Drop(DropReason::TimeWait),
        }
    }
}

impl Record {
    /// The steps of segment arrival, as far as TIME-WAIT goes through them.
    fn judge(&self, now: Instant, segment: &Segment) -> Verdict {
        if segment.is_syn() && segment.ack.is_none() && !segment.is_rst() {
            let lets_in = self.lets_in(segment);
            return if lets_in {
                Verdict::Reopen
            } else {
                Verdict::Challenge(DropReason::TimeWait)
            };
        }
        if let Some(verdict) = self.check_timestamp(now, segment) {
            return verdict;
        }
        let window = SeqRange::with_len(self.rcv_nxt, self.rcv_wnd);
        if !is_acceptable(segment.seq, segment.len(), window) {
            return self.judge_unacceptable(segment);
        }
        if segment.is_rst() {
            let exact = segment.seq == self.rcv_nxt;
            return if exact { Verdict::Reset } else { Verdict::Drop(DropReason::TimeWait) };
        }
        if segment.is_syn() {
            return Verdict::Challenge(DropReason::UnexpectedSyn);
        }
        self.check_ack(segment)
    }

    /// Whether a SYN may open the next connection (SM-TWSYN-1 to SM-TWSYN-5, TW-5 to TW-9).
    fn lets_in(&self, syn: &Segment) -> bool {
        let last = self.rcv_nxt - 1;
        let theirs = syn.options.timestamps.map(|timestamps| timestamps.value);
        match (self.timestamps.map(|timestamps| timestamps.recent.value), theirs) {
            (Some(recent), Some(value)) if value == recent => syn.seq > last,
            (Some(recent), Some(value)) => is_timestamp_before(recent, value),
            (None, Some(_)) => true,
            (Some(_) | None, None) => syn.seq > last,
        }
    }

    /// SM-PAWS-1 to SM-PAWS-4.
    fn check_timestamp(&self, now: Instant, segment: &Segment) -> Option<Verdict> {
        let reason = paws(now, self.timestamps?.recent, segment).err()?;
        let is_old = reason == DropReason::Paws;
        Some(if is_old { Verdict::Challenge(reason) } else { Verdict::Drop(reason) })
    }

    /// SM-SEQ-7, SM-SEQ-8, SM-SEQ-10. Nothing of ours is unacknowledged, so SM-SEQ-11 has no part.
    fn judge_unacceptable(&self, segment: &Segment) -> Verdict {
        if segment.is_rst() {
            return Verdict::Drop(DropReason::OutOfWindow);
        }
        let is_fin = segment.is_fin() && !segment.is_syn();
        if is_fin && segment.end() == self.rcv_nxt {
            return Verdict::RepeatedFin;
        }
        // Under the limit whether it has text or not: two ends in TIME-WAIT must not acknowledge
        // each other for ever (TW-3, TRAP-12).
        Verdict::Challenge(DropReason::OutOfWindow)
    }

    /// SM-ACK-1, SM-ACK-4, SM-ACK-5, SM-ACK-16.
    fn check_ack(&self, segment: &Segment) -> Verdict {
        let Some(ack) = segment.ack else { return Verdict::Drop(DropReason::NoAck) };
        match check_ack_range(ack, self.ack_lowest, self.snd_nxt) {
            Ok(()) => Verdict::Drop(DropReason::TimeWait),
            Err(reason) => Verdict::Challenge(reason),
        }
    }

    fn challenge(&mut self, now: Instant, path: &FourTuple, reason: DropReason) -> Outcome {
        if !self.challenges.allows(now) {
            return Outcome::Drop(reason);
        }
        Outcome::Reply(self.ack(now, path))
    }

    /// ACK!: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
    fn ack(&self, now: Instant, path: &FourTuple) -> TcpPacket {
        let timestamps = self.timestamps.map(|timestamps| Timestamps {
            value: timestamp_clock(now, timestamps.offset),
            echo: timestamps.recent.value,
        });
        TcpPacket {
            source: path.local(),
            destination: path.remote(),
            ip: self.ip,
            segment_size: None,
            segment: Segment {
                seq: self.snd_nxt,
                ack: Some(self.rcv_nxt),
                control: Flags::NONE,
                window: self.window,
                options: Options { timestamps, ..Options::default() },
                ..Segment::default()
            },
        }
    }
}

#[cfg(test)]
mod tests;
