//! Packets that are not TCP: given to the application, and taken from it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;

use crate::driver::Request;
use crate::error::StackError;
use crate::stack::Handle;
use crate::sync::{Mutex, lock, register};

/// The packets that arrive and are neither TCP nor a ping to the stack, from
/// [`Stack::other_packets`](crate::Stack::other_packets): UDP, for example.
///
/// There is one such handle at a time. Up to 256 packets wait for it; what exceeds that is dropped
/// and counted, as is everything while there is no handle. It keeps the stack alive.
#[derive(Debug)]
pub struct OtherPackets {
    stack: Arc<Handle>,
}

/// What the driver and the handle share.
#[derive(Debug, Default)]
pub(crate) struct OtherQueue {
    waiting: Mutex<Waiting>,
    leaving: Mutex<Leaving>,
}

/// What the application sent and the driver has not taken yet.
#[derive(Debug, Default)]
struct Leaving {
    packets: Vec<Bytes>,
    /// How many there were beside those that wait.
    dropped: u64,
    failure: Option<StackError>,
}

#[derive(Debug, Default)]
struct Waiting {
    packets: VecDeque<Bytes>,
    waker: Option<Waker>,
    is_taken: bool,
    failure: Option<StackError>,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    Waits,
    /// The queue is full, or nobody takes packets.
    Dropped,
}

impl OtherPackets {
    /// The one handle, unless it is taken.
    pub(crate) fn take(stack: &Arc<Handle>) -> Option<Self> {
        let mut waiting = lock(&stack.other.waiting);
        let was_taken = std::mem::replace(&mut waiting.is_taken, true);
        drop(waiting);
        (!was_taken).then(|| Self { stack: Arc::clone(stack) })
    }

    /// The next packet, from its IP header on, which was checked.
    ///
    /// # Errors
    /// A [`StackError`] when the stack is gone, after every packet that came in before.
    ///
    /// # Cancel safety
    /// Dropping the future loses no packet.
    pub async fn recv(&mut self) -> io::Result<Bytes> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv).
    ///
    /// # Errors
    /// As there.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let mut waiting = lock(&self.stack.other.waiting);
        if let Some(packet) = waiting.packets.pop_front() {
            coop.made_progress();
            return Poll::Ready(Ok(packet));
        }
        if let Some(failure) = waiting.failure.clone() {
            return Poll::Ready(Err(failure.into()));
        }
        register(&mut waiting.waker, cx);
        Poll::Pending
    }

    /// Sends an IP packet of the application's by the link that leads to its destination.
    ///
    /// It goes as it is. A full device drops it, and so does the stack when 256 wait already; both
    /// are counted.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no IP packet; a [`StackError`]
    /// when the stack is gone.
    pub fn send(&self, packet: Bytes) -> io::Result<()> {
        if destination(&packet).is_none() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        match self.stack.other.send(packet)? {
            MustTell::Yes => self.stack.shards.first().ask(Request::SendOthers).map_err(Into::into),
            MustTell::No => Ok(()),
        }
    }
}

/// Whether the driver does not know yet that packets wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum MustTell {
    Yes,
    No,
}

impl Drop for OtherPackets {
    fn drop(&mut self) {
        let mut waiting = lock(&self.stack.other.waiting);
        waiting.is_taken = false;
        waiting.waker = None;
        // Freed when the lock is released.
        let _left = std::mem::take(&mut waiting.packets);
    }
}

impl OtherQueue {
    pub(crate) fn push(&self, packet: Bytes) -> Pushed {
        let mut waiting = lock(&self.waiting);
        if !waiting.is_taken || waiting.packets.len() >= PACKETS_MAX {
            return Pushed::Dropped;
        }
        waiting.packets.push_back(packet);
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(Waker::wake);
        Pushed::Waits
    }

    fn send(&self, packet: Bytes) -> Result<MustTell, StackError> {
        let mut leaving = lock(&self.leaving);
        if let Some(failure) = &leaving.failure {
            return Err(failure.clone());
        }
        if leaving.packets.len() >= PACKETS_MAX {
            leaving.dropped += 1;
            return Ok(MustTell::No);
        }
        leaving.packets.push(packet);
        Ok(if leaving.packets.len() == 1 { MustTell::Yes } else { MustTell::No })
    }

    /// What the application sent since this was asked last, and how much of it was dropped.
    pub(crate) fn take_leaving(&self) -> (Vec<Bytes>, u64) {
        let mut leaving = lock(&self.leaving);
        (std::mem::take(&mut leaving.packets), std::mem::take(&mut leaving.dropped))
    }

    pub(crate) fn fail(&self, failure: StackError) {
        *lock(&self.leaving) = Leaving { failure: Some(failure.clone()), ..Leaving::default() };
        let mut waiting = lock(&self.waiting);
        waiting.failure = Some(failure);
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Where an IP packet goes to.
pub(crate) fn destination(packet: &[u8]) -> Option<std::net::IpAddr> {
    match packet.first()? >> 4 {
        4 => packet.get(16..20)?.first_chunk::<4>().map(|octets| (*octets).into()),
        6 => packet.get(24..40)?.first_chunk::<16>().map(|octets| (*octets).into()),
        _ => None,
    }
}

/// Packets that wait for the application, and as many that wait for the driver.
const PACKETS_MAX: usize = 256;
