//! SYN-RECEIVED after a passive open: its record unfolds into a connection, which alone knows the
//! rules, and is folded again unless the handshake is over.

use alloc::boxed::Box;
use alloc::sync::Arc;

use synack_wire::{IcmpError, TcpPacket};

use crate::Instant;
use crate::config::ConnectionConfig;
use crate::connection::{Connection, EcnTerms, State, SynRecord, TransmitLimits};
use crate::drop_reason::DropReason;

/// What became of a half-open handshake.
#[allow(clippy::large_enum_variant, reason = "a box would cost an allocation a packet")]
#[derive(Debug)]
pub(crate) enum Unfolded {
    /// The handshake is complete; what the segment carried beyond its ACK is inside.
    Open(Box<Connection>),
    /// It is over: back to LISTEN, silently (SM-RST-1, SM-SYN-1).
    Gone(DropReason),
    /// It is over, and the segment is to be answered by a RST.
    Refused,
    /// It goes on, and this is to be sent.
    Reply(TcpPacket),
    /// It goes on, and nothing is to be sent.
    Dropped(DropReason),
}

/// SEGMENT ARRIVES in SYN-RECEIVED (RFC 9293 §3.10.7.4).
///
/// `admit` is asked only when the handshake is complete, and gives the reason if there is no place
/// for the connection; then the record stays as it was, and the peer, or our SYN-ACK, tries again
/// (robustness A2).
pub(crate) fn unfold(
    now: Instant,
    record: &mut SynRecord,
    config: &Arc<ConnectionConfig>,
    packet: &mut TcpPacket,
    admit: impl FnOnce() -> Result<(), DropReason>,
) -> Unfolded {
    let segment = &packet.segment;
    // The common case of a lost SYN-ACK needs no connection (OPEN-15, SM-SEQ-9).
    let is_plain_syn = segment.is_syn() && segment.ack.is_none() && !segment.is_rst();
    if is_plain_syn && segment.seq == record.irs {
        if record.negotiated.ecn.is_contradicted(EcnTerms::of(config), segment.control) {
            return Unfolded::Refused;
        }
        record.sent_again(now, segment.control, packet.ip.ecn);
        return Unfolded::Reply(record.syn_ack(now, config));
    }
    // Nor does the reset of a SYN that was an old duplicate (SM-RST-1).
    if segment.is_rst() && segment.seq == record.irs + 1 {
        return Unfolded::Gone(DropReason::Reset);
    }
    let mut connection = Connection::passive(now, record, config.clone());
    let used = connection.handle_packet(now, packet);
    let reason = used.err().unwrap_or(DropReason::Closed);
    match connection.state() {
        State::Closed => Unfolded::Gone(reason),
        State::SynSent | State::SynReceived => fold(now, record, connection, reason),
        State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => match admit() {
            Ok(()) => Unfolded::Open(Box::new(connection)),
            Err(full) => Unfolded::Dropped(full),
        },
    }
}

/// An ICMP error about a half-open handshake; returns whether that is over (ICMP-5).
pub(crate) fn unfold_icmp(
    now: Instant,
    record: &SynRecord,
    config: &Arc<ConnectionConfig>,
    error: &IcmpError,
) -> bool {
    let mut connection = Connection::passive(now, record, config.clone());
    let _refused = connection.handle_icmp(now, error);
    connection.state() == State::Closed
}

/// The handshake goes on: what the connection would have kept is kept in the record.
fn fold(
    now: Instant,
    record: &mut SynRecord,
    mut connection: Connection,
    reason: DropReason,
) -> Unfolded {
    let reply = connection.poll_transmit(now, TransmitLimits::SINGLE);
    record.fold(&mut connection);
    reply.map_or(Unfolded::Dropped(reason), Unfolded::Reply)
}
