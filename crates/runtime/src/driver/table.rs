//! The connections by their names, and which of them are to be visited.

use std::collections::VecDeque;
use std::sync::Arc;

use synack_tcb::{ConnectionId, LinkId};

use crate::cell::ConnectionCell;

/// Every connection that was not released, in the place that its name says.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: Vec<Option<Entry>>,
    len: usize,
    /// To be visited, each at most once.
    ready: VecDeque<ConnectionId>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) cell: Arc<ConnectionCell>,
    /// Where its packets leave.
    pub(crate) link: LinkId,
    is_ready: bool,
    /// It waits for a full device.
    is_waiting: bool,
}

impl Table {
    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a connection; the place is free, since the endpoint gives it away once.
    pub(crate) fn insert(&mut self, cell: Arc<ConnectionCell>, link: LinkId) {
        let index = cell.id.index();
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || None);
        }
        let before =
            self.entries[index].replace(Entry { cell, link, is_ready: false, is_waiting: false });
        debug_assert!(before.is_none(), "a name is given to one connection at a time");
        self.len += usize::from(before.is_none());
    }

    /// The connection called `id`, if it is here.
    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Entry> {
        self.entries.get(id.index())?.as_ref().filter(|entry| entry.cell.id == id)
    }

    /// The connection at a place.
    pub(crate) fn at(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)?.as_ref()
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Entry> {
        self.get(id)?;
        self.len -= 1;
        self.entries[id.index()].take()
    }

    /// All connections, by place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    /// The names of all connections, by place.
    pub(crate) fn ids(&self) -> Vec<ConnectionId> {
        self.iter().map(|entry| entry.cell.id).collect()
    }

    /// Puts a connection at the back of those to be visited, unless it is there.
    pub(crate) fn mark_ready(&mut self, id: ConnectionId) {
        let entry = self.entries.get_mut(id.index()).and_then(Option::as_mut);
        let Some(entry) = entry.filter(|entry| entry.cell.id == id && !entry.is_ready) else {
            return;
        };
        entry.is_ready = true;
        self.ready.push_back(id);
    }

    /// The next connection to visit; no longer among those then.
    pub(crate) fn pop_ready(&mut self) -> Option<ConnectionId> {
        // Ends: each turn takes one off, and one that is gone is not put back.
        loop {
            let id = self.ready.pop_front()?;
            let entry = self.entries.get_mut(id.index()).and_then(Option::as_mut);
            if let Some(entry) = entry.filter(|entry| entry.cell.id == id) {
                entry.is_ready = false;
                return Some(id);
            }
        }
    }

    /// Notes that a connection waits for its device; says whether it did not before.
    pub(crate) fn mark_waiting(&mut self, id: ConnectionId) -> bool {
        let entry = self.entries.get_mut(id.index()).and_then(Option::as_mut);
        let Some(entry) = entry.filter(|entry| entry.cell.id == id) else { return false };
        !std::mem::replace(&mut entry.is_waiting, true)
    }

    /// The device has room: a connection that waited for it is to be visited.
    pub(crate) fn end_waiting(&mut self, id: ConnectionId) {
        let entry = self.entries.get_mut(id.index()).and_then(Option::as_mut);
        if let Some(entry) = entry.filter(|entry| entry.cell.id == id) {
            entry.is_waiting = false;
        }
        self.mark_ready(id);
    }

    /// How many are to be visited.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.len()
    }
}
