//! Which connections want a visit, and what the application asks of the driver.
//!
//! A stream rings after it unlocked its cell; the driver sleeps until someone does. A connection is
//! on the list at most once: whoever sets its [`Queued`] mark pushes it, and the driver clears the
//! mark *before* it takes the cell's lock. So what a call changes after that visit puts the
//! connection on the list again, and what it changed before is seen by the visit.

use std::mem;
use std::task::{Context, Waker};

use crate::sync::{AtomicBool, Mutex, Ordering};

/// The list, its lock, and the driver's waker.
///
/// Generic in what a connection is called and in what may be asked, so that it can be tested alone.
#[derive(Debug)]
pub(crate) struct Doorbell<Id, Request> {
    rung: Mutex<Rung<Id, Request>>,
}

/// What the driver finds at the door.
#[derive(Debug)]
pub(crate) struct Visits<Id, Request> {
    /// Connections, each at most once.
    pub(crate) connections: Vec<Id>,
    /// What was asked, in order.
    pub(crate) requests: Vec<Request>,
}

#[derive(Debug)]
struct Rung<Id, Request> {
    visits: Visits<Id, Request>,
    /// The driver's, while it sleeps.
    waker: Option<Waker>,
    /// Whether anyone will answer.
    answered: Answered,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answered {
    Yes,
    NoLonger,
}

/// Whether a connection is on the list. One for each, outside of its lock.
#[derive(Debug)]
pub(crate) struct Queued(AtomicBool);

impl Queued {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The driver is about to visit: from here on, whoever rings puts the connection on the list.
    ///
    /// Call it before the cell is locked.
    pub(crate) fn clear(&self) {
        // Pairs with the swap in `set`: a ring that finds the mark still set came before this
        // store in the order of the mark, so the lock taken after it sees what the ringer did.
        self.0.swap(false, Ordering::AcqRel);
    }

    /// Whether the caller must put the connection on the list.
    fn set(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl<Id, Request> Doorbell<Id, Request> {
    pub(crate) fn new() -> Self {
        let visits = Visits::new();
        Self { rung: Mutex::new(Rung { visits, waker: None, answered: Answered::Yes }) }
    }

    /// Asks for a visit to the connection `id`, whose mark is `queued`.
    ///
    /// Call it after the cell was unlocked. Only the first ring after a visit wakes the driver.
    pub(crate) fn ring(&self, queued: &Queued, id: Id) {
        if queued.set() {
            self.push(|visits| visits.connections.push(id));
        }
    }

    /// Asks something else of the driver.
    ///
    /// # Errors
    /// The request, if the driver is gone.
    pub(crate) fn ask(&self, request: Request) -> Result<(), Request> {
        let mut request = Some(request);
        self.push(|visits| visits.requests.extend(request.take()));
        request.map_or(Ok(()), Err)
    }

    /// Takes what was rung for, into `visits`, which is empty. From here on, the driver is woken by
    /// the next ring.
    pub(crate) fn take_visits(&self, cx: &mut Context<'_>, visits: &mut Visits<Id, Request>) {
        debug_assert!(visits.is_empty(), "what was taken before has been seen to");
        let mut rung = self.lock();
        mem::swap(&mut rung.visits, visits);
        match &mut rung.waker {
            // Does not clone it for the same task again.
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// The driver comes anyway, so until it has [taken](Self::take_visits) what was rung for, no
    /// ring wakes it.
    pub(crate) fn let_ring(&self) {
        self.lock().waker = None;
    }

    /// No one will answer any more. Returns what was still asked.
    pub(crate) fn close(&self) -> Vec<Request> {
        let mut rung = self.lock();
        rung.answered = Answered::NoLonger;
        rung.waker = None;
        rung.visits.connections = Vec::new();
        mem::take(&mut rung.visits.requests)
    }

    fn push(&self, add: impl FnOnce(&mut Visits<Id, Request>)) {
        let mut rung = self.lock();
        if rung.answered == Answered::NoLonger {
            return;
        }
        let is_first = rung.visits.is_empty();
        add(&mut rung.visits);
        let waker = if is_first { rung.waker.take() } else { None };
        drop(rung);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> crate::sync::MutexGuard<'_, Rung<Id, Request>> {
        // Nothing that can panic runs under this lock but an allocation, and a list that could not
        // grow is as it was.
        crate::sync::lock(&self.rung)
    }
}

impl<Id, Request> Visits<Id, Request> {
    pub(crate) const fn new() -> Self {
        Self { connections: Vec::new(), requests: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.requests.is_empty()
    }
}
