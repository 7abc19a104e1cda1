//! ICMP errors about a connection (RFC 9293 §3.9.2.2, RFC 5927).

use synack_wire::{IcmpError, IcmpErrorKind};

use super::{Connection, State};
use crate::Instant;
use crate::error::CloseReason;
use crate::event::SoftError;

impl Connection {
    /// Takes an ICMP error that quotes a segment of this connection.
    ///
    /// One that quotes a number that is not outstanding is a forgery, or too late, and ignored. A
    /// hard error ends an opening; in a synchronized state every error is soft (DEC-6). None makes
    /// TCP send a RST (ICMP-9).
    ///
    /// Source: RFC 5927 §4.1 (ICMP-2), §5.2 (ICMP-6); RFC 9293 §3.9.2.2 (ICMP-4, ICMP-5, ICMP-7).
    pub fn handle_icmp(&mut self, _now: Instant, error: &IcmpError) {
        let over = matches!(self.state, State::Closed | State::TimeWait);
        let quoted = error.seq;
        if over || !(self.snd.una <= quoted && quoted < self.snd.nxt) {
            return;
        }
        if error.kind == IcmpErrorKind::SourceQuench {
            // RFC 6633: never acted on.
            return;
        }
        if is_hard(error) && !self.state.is_synchronized() {
            self.end(CloseReason::Unreachable(error.kind));
            return;
        }
        self.report(SoftError::Icmp(error.kind));
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
