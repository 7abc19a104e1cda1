//! ICMP errors about a connection (RFC 9293 §3.9.2.2, RFC 5927).

use synack_wire::{IcmpError, IcmpErrorKind};

use super::{Connection, State};
use crate::Instant;
use crate::connection::mtu_discovery::reported_mtu;
use crate::drop_reason::DropReason;
use crate::error::CloseReason;
use crate::event::SoftError;

impl Connection {
    /// Takes an ICMP error that quotes a segment of this connection.
    ///
    /// One that quotes a number that is not outstanding is a forgery, or too late, and ignored. A
    /// hard error ends an opening; in a synchronized state every error is soft (DEC-6). None makes
    /// TCP send a RST (ICMP-9).
    ///
    /// One about the size of a packet is path MTU discovery's, and no error at all (PMTU-2).
    ///
    /// # Errors
    /// Why it was not used.
    ///
    /// Source: RFC 5927 §4.1 (ICMP-2), §5.2 (ICMP-6); RFC 9293 §3.9.2.2 (ICMP-4, ICMP-5, ICMP-7).
    pub fn handle_icmp(&mut self, now: Instant, error: &IcmpError) -> Result<(), DropReason> {
        if matches!(self.state, State::Closed | State::TimeWait) {
            return Err(DropReason::Closed);
        }
        let quoted = error.seq;
        if !(self.snd.una <= quoted && quoted < self.snd.nxt) {
            return Err(DropReason::IcmpNotInFlight);
        }
        if error.kind == IcmpErrorKind::SourceQuench {
            // RFC 6633: never acted on.
            return Err(DropReason::SourceQuench);
        }
        if let Some(mtu) = reported_mtu(error) {
            return self.take_mtu_report(now, error, mtu);
        }
        if is_hard(error) && !self.state.is_synchronized() {
            self.end(CloseReason::Unreachable(error.kind));
            return Ok(());
        }
        self.report(SoftError::Icmp(error.kind));
        Ok(())
    }
}

/// Whether an error says that trying again is of no use.
///
/// Source: RFC 9293 §3.9.2.2 (SHLD-26), without code 4, which is path MTU discovery's (PMTU-2); for
/// ICMPv6, RFC 5461 §2 (ICMP-8).
fn is_hard(error: &IcmpError) -> bool {
    // The kinds are wire's; whatever is added there is soft until it is named here.
    let is_prohibited = error.kind == IcmpErrorKind::AdminProhibited && error.source.is_ipv6();
    let hard =
        matches!(error.kind, IcmpErrorKind::ProtocolUnreachable | IcmpErrorKind::PortUnreachable);
    hard || is_prohibited
}
