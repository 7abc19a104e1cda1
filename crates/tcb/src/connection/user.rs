//! The calls of the application: SEND, RECEIVE, CLOSE, ABORT, STATUS (RFC 9293 §3.10.2 to §3.10.6).

use alloc::sync::Arc;

use bytes::Bytes;

use super::{Connection, State, StateEvent};
use crate::Instant;
use crate::config::ConnectionConfig;
use crate::error::{CloseReason, ReadError, WriteError};
use crate::event::{Events, Release};
use crate::info::ConnectionInfo;
use crate::recv::AckDue;
use crate::recv::is_update_due;
use crate::timers::Timer;

/// How urgently what is written should leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Push {
    /// At the end of a write (RFC 9293 §3.9.1.2, MUST-60, MUST-61).
    #[default]
    Now,
    /// More will follow at once: hold a partial segment for up to 200 ms (NAGLE-5).
    More,
    /// The last octet written is urgent. Legacy: new applications should not use it (SHLD-13).
    Urgent,
}

/// Whether the application leaves received text unread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unread {
    /// It took text out of the connection and did not use it.
    Yes,
    /// Not that it knows; what the connection still holds counts by itself.
    No,
}

/// What the application did, and what it was told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserSide {
    /// The last handle is gone: no one will read, no one will call (CLOSE-13).
    pub(super) detached: bool,
    /// A CLOSE in SYN-RECEIVED with text queued: performed in ESTABLISHED (SM-CLOSE-5).
    pub(super) close_remembered: bool,
    /// Why the connection is over.
    pub(super) close_reason: Option<CloseReason>,
    /// The reader was told so (API-2).
    pub(super) reader_told: bool,
}

impl Connection {
    /// SEND: queues a copy of as much of `data` as there is room for, and returns how much that
    /// was. It never waits for an ACK (API-5). An empty one with [`Push::Now`] ends what
    /// [`Push::More`] began.
    ///
    /// # Errors
    /// [`WriteError::Blocked`] when there is no room; [`WriteError::Closing`] after
    /// [`close`](Self::close); [`WriteError::Closed`] when the connection is over.
    ///
    /// Source: RFC 9293 §3.10.2 (SM-SEND-1 to SM-SEND-5).
    pub fn write(&mut self, now: Instant, data: &[u8], push: Push) -> Result<usize, WriteError> {
        self.check_writable(data.is_empty())?;
        self.begin_waiting(now);
        let taken = self.send_buffer.write(data, self.send_limit());
        self.written(now, taken, push);
        Ok(taken)
    }

    /// As [`write`](Self::write), without a copy: what was taken is split off `data`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_bytes(
        &mut self,
        now: Instant,
        data: &mut Bytes,
        push: Push,
    ) -> Result<usize, WriteError> {
        self.check_writable(data.is_empty())?;
        self.begin_waiting(now);
        let taken = self.send_buffer.write_bytes(data, self.send_limit());
        self.written(now, taken, push);
        Ok(taken)
    }

    /// RECEIVE: fills `into` with what arrived in order and returns how much that was, `None` at
    /// the end of the stream. A read stops at the end of urgent text (SM-RECV-6).
    ///
    /// # Errors
    /// [`ReadError::Blocked`] when nothing is there; [`ReadError::Closed`] once when the connection
    /// failed, after all that was received before.
    ///
    /// Source: RFC 9293 §3.10.3 (SM-RECV-1 to SM-RECV-6); API-2.
    pub fn read(&mut self, now: Instant, into: &mut [u8]) -> Result<Option<usize>, ReadError> {
        if self.recv_buffer.is_empty() {
            return self.end_of_stream().map(|()| None);
        }
        let count = into.len().min(self.readable_max());
        let count = self.recv_buffer.read(&mut into[..count]);
        self.after_read(now);
        Ok(Some(count))
    }

    /// As [`read`](Self::read), without a copy: at most `bytes_max` octets that lie together.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_bytes(
        &mut self,
        now: Instant,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, ReadError> {
        if self.recv_buffer.is_empty() {
            return self.end_of_stream().map(|()| None);
        }
        let bytes = self.recv_buffer.read_bytes(bytes_max.min(self.readable_max()));
        self.after_read(now);
        Ok(Some(bytes))
    }

    /// The first octets to be read that lie together, left where they are; `None` at the end of the
    /// stream.
    ///
    /// # Errors
    /// As [`read`](Self::read); a failure stays to be told by a read.
    pub fn peek(&self) -> Result<Option<&[u8]>, ReadError> {
        if !self.recv_buffer.is_empty() {
            let first = self.recv_buffer.first();
            return Ok(Some(&first[..first.len().min(self.readable_max())]));
        }
        match (self.failure(), self.is_stream_ended()) {
            (Some(reason), _) if !self.user.reader_told => Err(ReadError::Closed(reason)),
            (Some(_), _) | (None, true) => Ok(None),
            (None, false) => Err(ReadError::Blocked),
        }
    }

    /// Copies what is to be read next into `into` and leaves it to be read; returns how much that
    /// was, `None` at the end of the stream. As a read, it stops at the end of urgent text.
    ///
    /// # Errors
    /// As [`read`](Self::read); a failure stays to be told by a read.
    pub fn peek_copy(&self, into: &mut [u8]) -> Result<Option<usize>, ReadError> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        let count = into.len().min(self.readable_max());
        Ok(Some(self.recv_buffer.copy_to(&mut into[..count])))
    }

    /// As [`peek`](Self::peek), as shared octets: they stay as they are when the connection goes
    /// on. [`consume`](Self::consume) takes what of them was used.
    ///
    /// # Errors
    /// As [`read`](Self::read): a failure is told.
    pub fn peek_bytes(&mut self) -> Result<Option<Bytes>, ReadError> {
        if self.recv_buffer.is_empty() {
            return self.end_of_stream().map(|()| None);
        }
        let mut bytes = self.recv_buffer.first_bytes();
        bytes.truncate(self.readable_max());
        Ok(Some(bytes))
    }

    /// Takes the first `count` octets of what is to be read, or all when there are fewer, as a read
    /// does: they were seen by a peek.
    pub fn consume(&mut self, now: Instant, count: usize) {
        self.recv_buffer.discard(count);
        if count > 0 {
            self.after_read(now);
        }
    }

    /// How much one read may take: what is there, up to the end of urgent text if that is ahead.
    ///
    /// Whoever takes a read in several steps asks once, before the first: the step that reaches the
    /// end of urgent text forgets where it was.
    ///
    /// Units: octets. Source: RFC 9293 §3.10.3 (SM-RECV-6).
    pub fn readable_max(&self) -> usize {
        match self.urgent_left() {
            0 => self.recv_buffer.len(),
            urgent => self.recv_buffer.len().min(urgent as usize),
        }
    }

    /// Takes the failure that no read has told yet: a later read finds the end of the stream after
    /// the text before it. `None` while nothing failed.
    ///
    /// Source: API-2; as `SO_ERROR` of a kernel's socket.
    pub fn take_failure(&mut self) -> Option<CloseReason> {
        let failure = self.failure()?;
        let was_told = core::mem::replace(&mut self.user.reader_told, true);
        (!was_told).then_some(failure)
    }

    /// Whether a read would return at once: with text, an end, or an error.
    pub fn is_readable(&self) -> bool {
        !matches!(self.peek(), Err(ReadError::Blocked))
    }

    /// Whether a write would return at once: a third of the send buffer is free, or it would fail.
    pub fn is_writable(&self) -> bool {
        if !self.state.takes_writes() || self.user.close_remembered {
            return true;
        }
        self.is_connected() && self.has_write_room()
    }

    /// CLOSE: no more text from us; the FIN follows what was written. Receiving goes on. A repeated
    /// call is harmless (CLOSE-5).
    ///
    /// Source: RFC 9293 §3.10.4 (CLOSE-1 to CLOSE-5, SM-CLOSE-1 to SM-CLOSE-9).
    pub fn close(&mut self, now: Instant) {
        match self.state {
            State::SynSent => self.end(CloseReason::Finished),
            State::SynReceived if self.send_buffer.len() > 0 => self.user.close_remembered = true,
            State::SynReceived | State::Established | State::CloseWait => {
                self.begin_waiting(now);
                self.transition(now, StateEvent::UserClose);
                self.start_user_timeout(now);
                self.events |= Events::WRITABLE;
            }
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => {}
        }
    }

    /// The last handle is gone: closes, or resets if received text is left unread or the linger
    /// time is zero. The rest happens without the application.
    ///
    /// Source: RFC 9293 §3.6.1 (SHLD-3); RFC 2525 §2.17 (CLOSE-13, DEC-15).
    pub fn detach(&mut self, now: Instant, unread: Unread) {
        self.user.detached = true;
        let text_lost = unread == Unread::Yes || !self.recv_buffer.is_empty();
        if text_lost || self.config.zero_linger {
            self.abort(now);
        } else {
            self.close(now);
            self.start_fin_wait_2_timer(now);
        }
        self.recv_buffer.clear();
    }

    /// ABORT: resets the connection and forgets everything. TIME-WAIT goes on, at the endpoint.
    ///
    /// Source: RFC 9293 §3.10.5 (RST-13, SM-ABORT-1 to SM-ABORT-4, API-9).
    pub fn abort(&mut self, _now: Instant) {
        if self.user.close_reason.is_some() {
            return;
        }
        self.due.reset = matches!(
            self.state,
            State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
        );
        self.recv_buffer.clear();
        if self.state == State::TimeWait {
            // The ACK of the FIN may be owed still, and the rest is the endpoint's.
            self.forget(CloseReason::Aborted);
            return;
        }
        if self.due.reset {
            self.endpoint_events.release = Release::AfterReset;
        }
        self.end(CloseReason::Aborted);
    }

    /// Changes any part of the configuration, at once. A timer whose time stays the same runs on.
    /// Another congestion controller begins with the window of the one before it.
    pub fn configure(&mut self, now: Instant, change: impl FnOnce(&mut ConnectionConfig)) {
        let congestion = Arc::clone(&self.config.congestion);
        let config = Arc::make_mut(&mut self.config);
        let keep_alive = config.keep_alive;
        change(config);
        config.clamp();
        if !Arc::ptr_eq(&congestion, &config.congestion) {
            self.replace_controller(now);
        }
        if self.pacing_rate().is_none() {
            self.timers.stop(Timer::Pacing);
        }
        self.hurry_ack();
        self.stop_search_if_unwanted(now);
        if self.config.keep_alive != keep_alive {
            self.start_keep_alive(now);
        }
        self.timers.stop(Timer::UserTimeout);
        self.start_user_timeout(now);
    }

    /// STATUS (RFC 9293 §3.10.6, API-7). Changes nothing.
    pub fn info(&self) -> ConnectionInfo {
        let scale = self.negotiated.snd_shift.map(|snd_shift| (self.rcv.shift, snd_shift));
        ConnectionInfo {
            local: self.path.local(),
            remote: self.path.remote(),
            state: self.state,
            snd_wnd: self.snd.wnd,
            rcv_wnd: self.rcv.wnd(),
            unacked: self.snd.flight_size(),
            unsent: self.unsent() as usize,
            unread: self.recv_buffer.len(),
            receive_limit: self.receive_limit(),
            send_limit: self.send_limit(),
            out_of_order: self.reassembly.len(),
            urgent_left: self.urgent_left(),
            mss: self.smss(),
            advertised_mss: self.advertised_mss().min(self.config.mss_max.unwrap_or(u16::MAX)),
            received_segment_max: self.acks.segment_max(),
            path_mtu: self.path_mtu.used(),
            congestion: self.congestion.name(),
            cwnd: self.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            pacing_rate: self.pacing_rate(),
            pipe: self.recovery.in_flight(),
            recovery: self.recovery.phase(),
            lost: self.recovery.lost(),
            sacked: self.recovery.sacked(),
            retransmitted: self.recovery.retransmitted(),
            backoff: self.recovery.timeouts(),
            window_probes: u32::from(self.waiting.probes),
            srtt: self.recovery.srtt(),
            rttvar: self.recovery.rttvar(),
            min_rtt: self.recovery.min_rtt(),
            rto: self.recovery.rto(self.rto_bounds()),
            window_scale: scale,
            timestamps: self.negotiated.timestamps,
            sack: self.negotiated.sack,
            ecn: self.negotiated.ecn.is_on(),
            accurate_ecn: self.negotiated.ecn.is_accurate(),
            dscp: self.config.dscp,
            user_timeout: self.user_timeout(),
            counters: self.tally.counters(self.received),
        }
    }

    /// Lets no ACK wait, if the application wants it so.
    pub(super) fn hurry_ack(&mut self) {
        if self.config.quick_ack && self.acks.due() == AckDue::Delayed {
            self.acks.owe_now();
        }
    }

    /// Performs a CLOSE that came too early (SM-CLOSE-5).
    pub(super) fn close_if_remembered(&mut self, now: Instant) {
        if core::mem::take(&mut self.user.close_remembered) {
            self.close(now);
        }
    }

    /// Whether at least a third of the send buffer is free, so that a woken writer has work.
    pub(super) fn has_write_room(&self) -> bool {
        let capacity = self.send_limit();
        self.send_buffer.len() <= capacity - capacity.div_ceil(3)
    }

    /// Urgent octets that the reader has not reached (MUST-33).
    fn urgent_left(&self) -> u32 {
        let Some(up) = self.rcv.up else { return 0 };
        up.saturating_since(self.read_position())
    }

    fn after_read(&mut self, now: Instant) {
        self.acks.on_read();
        if self.urgent_left() == 0 {
            // SM-URG-3: no urgent text is pending, so an old pointer never counts as new.
            self.rcv.up = None;
        }
        self.tune_receive_buffer(now);
        let opens = self.state.takes_text() && is_update_due(&self.rcv, self.window_inputs());
        self.due.window_update |= opens;
    }

    fn check_writable(&self, empty: bool) -> Result<(), WriteError> {
        if let Some(reason) = self.user.close_reason {
            return Err(WriteError::Closed(reason));
        }
        if !self.state.takes_writes() || self.user.close_remembered {
            return Err(WriteError::Closing);
        }
        if !empty && self.send_buffer.len() >= self.send_limit() {
            return Err(WriteError::Blocked);
        }
        Ok(())
    }

    /// Something is about to become outstanding: the times of waiting begin, unless they run.
    fn begin_waiting(&mut self, now: Instant) {
        self.note_app_limited();
        if !self.has_outstanding() {
            self.waiting.progress_at = now;
            self.waiting.answered_at = now;
        }
    }

    fn written(&mut self, now: Instant, taken: usize, push: Push) {
        if taken == 0 && push != Push::Now {
            return;
        }
        // An empty write lets go what a cork holds, and is nothing else.
        self.hold.on_written(push);
        if taken == 0 {
            return;
        }
        if push == Push::Urgent {
            // SM-SEND-4: the number after the last octet of this SEND (MUST-62). A closed window
            // does not keep the news from the peer: an ACK carries it (URG-8).
            self.snd.up = Some(self.snd.nxt + self.unsent() as u32);
            self.acks.owe_now();
        }
        self.start_user_timeout(now);
    }

    /// What a read returns when nothing is held: an end, or an error.
    fn end_of_stream(&mut self) -> Result<(), ReadError> {
        self.acks.on_read();
        if let Some(reason) = self.take_failure() {
            return Err(ReadError::Closed(reason));
        }
        if self.is_stream_ended() { Ok(()) } else { Err(ReadError::Blocked) }
    }

    /// Why the connection failed, if it did and did not just finish.
    fn failure(&self) -> Option<CloseReason> {
        self.user.close_reason.filter(|reason| *reason != CloseReason::Finished)
    }

    fn is_stream_ended(&self) -> bool {
        self.state.has_peer_fin() || self.state == State::Closed
    }
}
