//! Steps 8.3 and 8.4: RST and SYN on a connection (RFC 9293 §3.10.7.4; RFC 5961 §3, §4).

use super::{Arrival, Connection, State};
use crate::Instant;
use crate::drop_reason::DropReason;
use crate::error::CloseReason;

impl Connection {
    /// A RST ends the connection only exactly at RCV.NXT; elsewhere in the window it is challenged,
    /// and a true peer answers the challenge with a RST that is exact.
    ///
    /// Its ACK field, timestamps, text and window are not looked at. Source: RFC 5961 §3.2; RFC
    /// 9293 §3.10.7.4 (SM-RST-1 to SM-RST-4, BLIND-2, BLIND-3, BLIND-10).
    pub(super) fn check_reset(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
    ) -> Result<(), DropReason> {
        if !arrival.seg.is_rst() {
            return Ok(());
        }
        if arrival.seq != self.rcv.nxt {
            self.challenge(now);
            return Err(DropReason::ResetNotExact);
        }
        let reason = match self.state {
            // SM-RST-1: back to LISTEN, silently; SM-RST-2.
            State::SynReceived if self.is_passive() => CloseReason::Finished,
            State::SynReceived => CloseReason::Refused,
            // A peer that had closed too: it is over as far as both can tell (SM-RST-4).
            State::Closing | State::LastAck if self.user.detached => CloseReason::Finished,
            State::SynSent
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => CloseReason::ResetByPeer,
        };
        self.end(reason);
        Err(DropReason::Reset)
    }

    /// A SYN on a connection is challenged, whatever its number; in SYN-RECEIVED after a passive
    /// open it returns the handshake to LISTEN.
    ///
    /// Source: RFC 5961 §4.2; RFC 9293 §3.10.7.4 (SM-SYN-1 to SM-SYN-3, BLIND-4, DEC-1).
    pub(super) fn check_syn(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
    ) -> Result<(), DropReason> {
        if !arrival.seg.is_syn() {
            return Ok(());
        }
        if self.state == State::SynReceived && self.is_passive() {
            self.end(CloseReason::Finished);
            return Err(DropReason::ReturnToListen);
        }
        self.challenge(now);
        Err(DropReason::UnexpectedSyn)
    }
}
