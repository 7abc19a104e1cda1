//! `TCP_INFO` as Linux lays it out.

use core::time::Duration;

use synack_tcb::{Connection, ConnectionInfo, Instant, RecoveryPhase, State};

/// `TCP_LISTEN`.
pub(crate) const LISTEN: u8 = 10;
/// `TCP_CLOSE`.
pub(crate) const CLOSE: u8 = 7;

/// What is told of a socket without a connection.
pub(crate) fn of_state(state: u8) -> Vec<u8> {
    let mut table = Table::default();
    table.octet(state);
    table.finish()
}

/// What is told of a connection. What it does not know is zero.
pub(crate) fn of_connection(connection: &Connection, _now: Instant) -> Vec<u8> {
    let info = connection.info();
    let segments = |octets: u32| octets.div_ceil(info.mss.max(1));
    let mut table = Table::default();
    table.octet(state_number(info.state));
    table.octet(phase_number(&info));
    let small = |count: u32| u8::try_from(count).unwrap_or(u8::MAX);
    table.octets(&[small(info.backoff), small(info.window_probes), small(info.backoff)]);
    table.octet(options(&info));
    let (ours, theirs) = info.window_scale.unwrap_or((0, 0));
    table.octet(theirs & 0xf | ours << 4);
    table.octet(0);
    for number in [
        micros(info.rto),
        0, // ato
        info.mss,
        info.received_segment_max,
        segments(info.unacked),
        segments(info.sacked),
        segments(info.lost + info.retransmitted),
        segments(info.retransmitted),
        0, // fackets
        0, // last_data_sent
        0, // last_ack_sent
        0, // last_data_recv
        0, // last_ack_recv
        info.path_mtu,
        0, // rcv_ssthresh
        info.srtt.map_or(0, micros),
        micros(info.rttvar),
        threshold(&info),
        info.cwnd / info.mss.max(1),
        u32::from(info.advertised_mss),
        3, // reordering
        0, // rcv_rtt
        0, // rcv_space
        info.counters.retransmissions,
    ] {
        table.number(number);
    }
    table.long(info.pacing_rate.map_or(u64::MAX, |rate| rate.get()));
    table.long(u64::MAX); // max_pacing_rate
    table.long(info.counters.octets_acked);
    table.long(info.counters.octets_received);
    table.number(info.counters.segments_out as u32);
    table.number(info.counters.segments_in as u32);
    table.number(info.unsent as u32);
    table.number(info.min_rtt.map_or(u32::MAX, micros));
    table.finish()
}

/// `enum tcp_ca_state`: with something received out of order, and nothing taken for lost, it is
/// disorder.
fn phase_number(info: &ConnectionInfo) -> u8 {
    match info.recovery {
        RecoveryPhase::None if info.sacked > 0 => 1,
        RecoveryPhase::None => 0,
        RecoveryPhase::Marked => 2,
        RecoveryPhase::Fast => 3,
        RecoveryPhase::Timeout => 4,
    }
}

/// A threshold that was never set is what Linux calls infinite.
fn threshold(info: &ConnectionInfo) -> u32 {
    match info.ssthresh {
        u32::MAX => 0x7fff_ffff,
        octets => octets / info.mss.max(1),
    }
}

fn options(info: &ConnectionInfo) -> u8 {
    u8::from(info.timestamps)
        | u8::from(info.sack) << 1
        | u8::from(info.window_scale.is_some()) << 2
        | u8::from(info.ecn) << 3
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

const fn state_number(state: State) -> u8 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => CLOSE,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Closing => 11,
    }
}

/// The octets of the structure, one field after the other.
#[derive(Debug, Default)]
struct Table(Vec<u8>);

impl Table {
    fn octet(&mut self, octet: u8) {
        self.0.push(octet);
    }

    fn octets(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    fn number(&mut self, number: u32) {
        self.octets(&number.to_ne_bytes());
    }

    fn long(&mut self, long: u64) {
        self.octets(&long.to_ne_bytes());
    }

    /// The whole, zeros behind what was told.
    fn finish(mut self) -> Vec<u8> {
        self.0.resize(LEN, 0);
        self.0
    }
}

/// `sizeof(struct tcp_info)` of Linux 6.18. Units: octets.
const LEN: usize = 280;
