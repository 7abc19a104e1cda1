//! Half-open handshakes: SYN-RECEIVED folded small, and when each SYN-ACK leaves again.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use synack_wire::TcpPacket;

use super::ListenerId;
use crate::config::ConnectionConfig;
use crate::connection::{Connection, SynRecord, TransmitLimits};
use crate::link::LinkId;
use crate::linked_slab::{Key, LinkedSlab, List};
use crate::{FourTuple, Instant};

/// A half-open handshake in the queue.
#[derive(Clone, Debug)]
pub(crate) struct HalfOpen {
    /// What its connection will be.
    pub(crate) record: SynRecord,
    /// The listener whose place it takes.
    pub(crate) listener: ListenerId,
    /// The link that its SYN came by, and that everything of it leaves by.
    link: LinkId,
    /// What its connection will be configured with.
    pub(crate) config: Arc<ConnectionConfig>,
    retries_max: u8,
    /// When the SYN-ACK is due again, or the handshake is over.
    due_at: Instant,
    stage: Stage,
}

/// What a handshake waits for: which list it is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// For the last ACK, for the time of this step of the back-off.
    Waiting(u8),
    /// For the next visit: its SYN-ACK is to be sent again.
    Owed,
    /// For the next visit: its listener is closed, and the peer is to be told.
    Aborted,
}

/// The half-open handshakes of all listeners. Each listener bounds its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct SynQueue {
    entries: LinkedSlab<HalfOpen>,
    /// One list for each step of the back-off: those on one all wait the same time.
    waiting: [List; STEPS],
    owed: List,
    aborted: List,
}

impl SynQueue {
    /// How many handshakes there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The handshake at `key`.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut HalfOpen> {
        self.entries.get_mut(key)
    }

    /// The handshake at `key`.
    pub(crate) fn get(&self, key: Key) -> Option<&HalfOpen> {
        self.entries.get(key)
    }

    /// The handshakes that are not aborted, for assertions.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn keys_waiting(&self) -> impl Iterator<Item = (Key, FourTuple)> {
        let entries = self.entries.keys().filter_map(|key| Some((key, self.entries.get(key)?)));
        let waiting = entries.filter(|(_, entry)| entry.stage != Stage::Aborted);
        waiting.map(|(key, entry)| (key, entry.record.identity.path))
    }

    /// How many handshakes of `listener` are not aborted, for assertions.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn count_of(&self, listener: ListenerId) -> u32 {
        let its = |key: &Key| self.entries.get(*key).is_some_and(|e| e.listener == listener);
        self.keys_waiting().filter(|(key, _)| its(key)).count() as u32
    }

    /// Keeps a handshake whose first SYN-ACK leaves now.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        mut record: SynRecord,
        (listener, link): (ListenerId, LinkId),
        retries_max: u8,
        config: Arc<ConnectionConfig>,
    ) -> Key {
        record.sent_at = Some(now);
        let stage = Stage::Waiting(0);
        let due_at = now + interval(0);
        let entry = HalfOpen { record, listener, link, config, retries_max, due_at, stage };
        self.entries.push_back(&mut self.waiting[0], entry)
    }

    /// Takes the handshake at `key` out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<HalfOpen> {
        let stage = self.entries.get(key)?.stage;
        self.with_list(stage, |entries, list| entries.remove(list, key))
    }

    /// The listener is closed: each of its handshakes is aborted, and owes a RST. Their four-tuples
    /// are returned with their keys: they are free.
    ///
    /// Source: SM-CLOSE-10, SM-ABORT-3.
    pub(crate) fn abort_all(&mut self, listener: ListenerId) -> Vec<(FourTuple, Key)> {
        let entries = &self.entries;
        let its = entries.keys().filter_map(|key| Some((key, entries.get(key)?)));
        let its = its.filter(|(_, entry)| entry.listener == listener);
        let aborted: Vec<_> = its.map(|(key, entry)| (entry.record.identity.path, key)).collect();
        for (_, key) in &aborted {
            self.move_to(*key, Stage::Aborted);
        }
        aborted
    }

    /// Lets what is due happen: a SYN-ACK becomes owed, or the handshake is over; then its key is
    /// returned, for the caller to remove it and to call again.
    ///
    /// Source: RFC 9293 §3.10.8 (SM-TIMER-3); DEC-18 (robustness A5).
    pub(crate) fn first_expired(&mut self, now: Instant) -> Option<Key> {
        for step in 0..STEPS {
            while let Some(key) = self.waiting[step].front() {
                let entry = self.entries.get_mut(key)?;
                if entry.due_at > now {
                    break;
                }
                if entry.record.retransmissions >= entry.retries_max {
                    return Some(key);
                }
                self.move_to(key, Stage::Owed);
            }
        }
        None
    }

    /// The next SYN-ACK that leaves again. Its time runs from now: a device that was full costs one
    /// step of the back-off at most.
    pub(crate) fn poll_syn_ack(&mut self, now: Instant) -> Option<(LinkId, TcpPacket)> {
        let key = self.owed.front()?;
        let entry = self.entries.get_mut(key)?;
        let record = &mut entry.record;
        record.sent_at = Some(now);
        record.retransmissions = record.retransmissions.saturating_add(1);
        let step = record.retransmissions.min(LAST_STEP);
        entry.due_at = now + interval(step);
        let packet = (entry.link, entry.record.syn_ack(now, &entry.config));
        self.move_to(key, Stage::Waiting(step));
        Some(packet)
    }

    /// The next RST of an aborted handshake, which is gone then.
    pub(crate) fn poll_reset(&mut self, now: Instant) -> Option<(LinkId, TcpPacket)> {
        let key = self.aborted.front()?;
        let HalfOpen { record, config, link, .. } = self.remove(key)?;
        let mut connection = Connection::passive(now, &record, config);
        connection.abort(now);
        connection.poll_transmit(now, TransmitLimits::SINGLE).map(|reset| (link, reset))
    }

    /// When [`first_expired`](Self::first_expired) has something to do; not while only SYN-ACKs are
    /// owed.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let fronts = self.waiting.iter().filter_map(List::front);
        fronts.filter_map(|key| self.entries.get(key)).map(|entry| entry.due_at).min()
    }

    /// Whether a packet is owed.
    pub(crate) fn wants_transmit(&self) -> bool {
        self.owed.front().is_some() || self.aborted.front().is_some()
    }

    fn move_to(&mut self, key: Key, stage: Stage) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = core::mem::replace(&mut entry.stage, stage);
        self.with_list(before, |entries, list| entries.unlink(list, key));
        self.with_list(stage, |entries, list| entries.link_back(list, key));
    }

    fn with_list<R>(
        &mut self,
        stage: Stage,
        act: impl FnOnce(&mut LinkedSlab<HalfOpen>, &mut List) -> R,
    ) -> R {
        let list = match stage {
            Stage::Waiting(step) => &mut self.waiting[usize::from(step.min(LAST_STEP))],
            Stage::Owed => &mut self.owed,
            Stage::Aborted => &mut self.aborted,
        };
        act(&mut self.entries, list)
    }
}

/// How long the SYN-ACK of this step is waited for: 1 s, then double, at most 128 s.
///
/// Source: RFC 6298 §2.1, §5.5 (RTO-1); DEC-18.
fn interval(step: u8) -> Duration {
    Duration::from_secs(1 << step.min(LAST_STEP))
}

/// The back-off stops doubling here.
const LAST_STEP: u8 = 7;
const STEPS: usize = LAST_STEP as usize + 1;

#[cfg(test)]
mod tests;
