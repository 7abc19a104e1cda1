//! Application: one end of a conversation. It follows its script, wakes only when it is told to,
//! and checks what it reads.

use core::time::Duration;

use synack_tcb::{CloseReason, Events, Push, ReadError, WriteError};

use crate::conversation::{Conversation, ConversationId, Outcome};
use crate::handle::Handle;
use crate::script::{Ending, PushStyle, Script, Start};
use crate::violation::ensure;
use crate::{Dice, Invariant, Violation};

/// An application at one end of a connection.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) conversation: ConversationId,
    pub(crate) side: usize,
    script: Script,
    dice: Dice,
    is_connected: bool,
    /// It was told that a read may succeed, and none was refused since.
    may_read: bool,
    may_write: bool,
    reads_after: Option<Duration>,
    writes_after: Option<Duration>,
    has_stalled: bool,
    has_ended: bool,
    is_write_failed: bool,
    /// No rests any more: the network is healed, and everything is to end.
    is_hurried: bool,
    outcome: Option<Outcome>,
    /// What is read into and written from, kept for the next time.
    buffer: Vec<u8>,
}

impl Application {
    /// An application that opens a connection.
    pub(crate) fn opening(
        conversation: ConversationId,
        side: usize,
        script: Script,
        dice: Dice,
    ) -> Self {
        let may_write = script.start == Start::Opened;
        Self {
            conversation,
            side,
            script,
            dice,
            is_connected: false,
            may_read: false,
            may_write,
            reads_after: None,
            writes_after: None,
            has_stalled: false,
            has_ended: false,
            is_write_failed: false,
            is_hurried: false,
            outcome: None,
            buffer: Vec::new(),
        }
    }

    /// An application that is given a connection.
    pub(crate) fn accepting(
        conversation: ConversationId,
        side: usize,
        script: Script,
        dice: Dice,
    ) -> Self {
        let opening = Self::opening(conversation, side, script, dice);
        Self { is_connected: true, may_read: true, may_write: true, ..opening }
    }

    /// How it ended, if it did.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// When it wakes by itself.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let reads = self.reads_after.filter(|_| self.may_read);
        let writes = self.writes_after.filter(|_| self.may_write);
        let earliest = match (reads, writes) {
            (Some(reads), Some(writes)) => Some(reads.min(writes)),
            (reads, writes) => reads.or(writes),
        };
        earliest.filter(|_| self.outcome.is_none())
    }

    /// Rests no more.
    pub(crate) fn hurry(&mut self) {
        self.is_hurried = true;
        self.reads_after = None;
        self.writes_after = None;
    }

    /// Aborts at the next visit, whatever the script says.
    pub(crate) fn give_up(&mut self) {
        self.is_connected = true;
        self.script.ending = Ending::AbortAfter { bytes: 0 };
    }

    /// Takes what the connection says.
    pub(crate) fn on_events(&mut self, events: Events) {
        self.is_connected |= events.contains(Events::CONNECTED);
        self.may_read |= events.intersects(Events::READABLE);
        self.may_write |= events.intersects(Events::WRITABLE);
    }

    /// Does all that it can do now.
    pub(crate) fn run(
        &mut self,
        time: Duration,
        handle: &mut Handle<'_>,
        conversation: &mut Conversation,
    ) -> Result<(), Violation> {
        if self.outcome.is_some() {
            return Ok(());
        }
        self.reads_after = self.reads_after.filter(|until| *until > time);
        self.writes_after = self.writes_after.filter(|until| *until > time);
        self.read(time, handle, conversation)?;
        self.write(time, handle, conversation)?;
        self.end(handle, conversation)?;
        if self.outcome.is_some() {
            conversation.sides[self.side].outcome = self.outcome;
            self.check_nothing_follows(handle)?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        time: Duration,
        handle: &mut Handle<'_>,
        conversation: &mut Conversation,
    ) -> Result<(), Violation> {
        let mut buffer = core::mem::take(&mut self.buffer);
        while self.may_read && self.reads_after.is_none() && self.outcome.is_none() {
            let size = self.script.read_sizes.draw(&mut self.dice);
            buffer.resize(size, 0);
            match handle.read(&mut buffer)? {
                Ok(Some(count)) => {
                    self.take(&buffer[..count], conversation)?;
                    self.rest_from_reading(time, conversation);
                }
                Ok(None) => {
                    self.may_read = false;
                    self.take_end(conversation)?;
                }
                Err(ReadError::Blocked) => self.may_read = false,
                Err(ReadError::Closed(reason)) => self.outcome = Some(Outcome::Failed(reason)),
                Err(error) => return Err(Violation::new(Invariant::Transition, error.to_string())),
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// I-1, I-2: what is read is what the other side wrote, in its place.
    fn take(&mut self, octets: &[u8], conversation: &mut Conversation) -> Result<(), Violation> {
        let pattern = conversation.pattern(1 - self.side);
        let sent = conversation.sides[1 - self.side].sent;
        let is_poisoned = conversation.is_poisoned;
        let side = &mut conversation.sides[self.side];
        ensure(!octets.is_empty(), Invariant::Prefix, || "a read returned no octets".into())?;
        ensure(!self.has_ended, Invariant::EndOfStream, || "text after the end".into())?;
        let from = side.received;
        side.received += octets.len() as u64;
        if is_poisoned {
            return Ok(());
        }
        let difference = pattern.difference(from, octets);
        ensure(difference.is_none(), Invariant::Prefix, || {
            let at = from + difference.unwrap_or_default() as u64;
            format!("side {} read another octet than was sent at offset {at}", self.side)
        })?;
        ensure(side.received <= sent, Invariant::Prefix, || {
            format!("side {} read {} octets of {sent} sent", self.side, side.received)
        })
    }

    /// I-2: the end comes once, and after everything.
    fn take_end(&mut self, conversation: &Conversation) -> Result<(), Violation> {
        let again = core::mem::replace(&mut self.has_ended, true);
        ensure(!again, Invariant::EndOfStream, || "the end of the stream came twice".into())?;
        if conversation.is_poisoned {
            return Ok(());
        }
        let received = conversation.sides[self.side].received;
        let other = &conversation.sides[1 - self.side];
        ensure(other.closed && other.sent == received, Invariant::EndOfStream, || {
            let Self { side, .. } = self;
            format!("side {side} saw the end after {received} octets, the other is at {other:?}")
        })
    }

    fn rest_from_reading(&mut self, time: Duration, conversation: &Conversation) {
        if self.is_hurried {
            return;
        }
        let received = conversation.sides[self.side].received;
        let stall = self.script.stall.filter(|stall| received >= stall.after_bytes);
        if let Some(stall) = stall.filter(|_| !self.has_stalled) {
            self.has_stalled = true;
            self.reads_after = Some(time + stall.time);
            return;
        }
        let pause = self.script.read_pause.and_then(|pause| pause.draw(&mut self.dice));
        self.reads_after = pause.map(|pause| time + pause);
    }

    fn write(
        &mut self,
        time: Duration,
        handle: &mut Handle<'_>,
        conversation: &mut Conversation,
    ) -> Result<(), Violation> {
        let pattern = conversation.pattern(self.side);
        let side = &mut conversation.sides[self.side];
        let mut buffer = core::mem::take(&mut self.buffer);
        while self.may_write && self.writes_after.is_none() && self.outcome.is_none() {
            let left = self.script.send_bytes - side.sent;
            if left == 0 || side.closed {
                break;
            }
            let size = self.script.write_sizes.draw(&mut self.dice);
            let size = size.min(usize::try_from(left).unwrap_or(usize::MAX));
            let push = push(&mut self.dice, self.script.push, size as u64 == left);
            buffer.resize(size, 0);
            pattern.fill(side.sent, &mut buffer);
            match handle.write(&buffer, push)? {
                Ok(count) => side.sent += count as u64,
                Err(WriteError::Blocked) => self.may_write = false,
                Err(WriteError::Closed(_)) => {
                    // The reader is told too, after what was received before.
                    self.may_write = false;
                    self.is_write_failed = true;
                }
                Err(error) => return Err(Violation::new(Invariant::Transition, error.to_string())),
            }
            if !self.is_hurried {
                let pause = self.script.write_pause.and_then(|pause| pause.draw(&mut self.dice));
                self.writes_after = pause.map(|pause| time + pause);
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Ends as the script has it.
    fn end(
        &mut self,
        handle: &mut Handle<'_>,
        conversation: &mut Conversation,
    ) -> Result<(), Violation> {
        let side = &mut conversation.sides[self.side];
        let has_sent = side.sent == self.script.send_bytes;
        if self.outcome.is_some() || !self.is_connected || self.is_write_failed {
            return Ok(());
        }
        let closes = match self.script.ending {
            Ending::AbortAfter { bytes } if side.sent + side.received >= bytes => {
                handle.abort()?;
                self.outcome = Some(Outcome::Aborted);
                return Ok(());
            }
            Ending::DropAfterSending if has_sent => {
                side.closed = true;
                self.outcome = Some(Outcome::Dropped);
                return Ok(());
            }
            Ending::CloseAfterSending | Ending::AbortAfter { .. } => has_sent,
            Ending::CloseAfterReceiving => has_sent && self.has_ended,
            Ending::DropAfterSending => false,
        };
        if closes && !side.closed {
            side.closed = true;
            handle.close()?;
        }
        if side.closed && self.has_ended {
            self.outcome = Some(Outcome::Completed);
        }
        Ok(())
    }

    /// I-3: after a failure was told there is no text, and nothing can be written.
    fn check_nothing_follows(&self, handle: &mut Handle<'_>) -> Result<(), Violation> {
        let Some(Outcome::Failed(_) | Outcome::Aborted) = self.outcome else { return Ok(()) };
        for _ in 0..2 {
            let read = handle.read(&mut [0; 8])?;
            let is_silent = match read {
                Ok(Some(_)) | Err(ReadError::Blocked) => false,
                Ok(None) => true,
                Err(ReadError::Closed(reason)) => reason == CloseReason::Aborted,
                Err(_) => false,
            };
            ensure(is_silent, Invariant::AfterFailure, || format!("a later read gave {read:?}"))?;
        }
        let write = handle.write(&[1], Push::Now)?;
        let is_refused = matches!(write, Err(WriteError::Closed(_)));
        ensure(is_refused, Invariant::AfterFailure, || format!("a later write gave {write:?}"))
    }
}

/// How a write is pushed.
fn push(dice: &mut Dice, style: PushStyle, is_last: bool) -> Push {
    match style {
        PushStyle::Corked if !is_last && dice.chance(500) => Push::More,
        PushStyle::Urgent if dice.chance(100) => Push::Urgent,
        PushStyle::Always | PushStyle::Corked | PushStyle::Urgent => Push::Now,
    }
}
