//! What a connection can tell of itself: STATUS of RFC 9293 §3.10.6, and more like the kernel's
//! TCP_INFO; and what an endpoint counts.

use core::net::SocketAddr;
use core::ops::AddAssign;
use core::time::Duration;

use crate::State;
use crate::congestion::BytesPerSecond;

/// The state of a connection at one moment (RFC 9293 §3.9.1.5, API-7). Units: octets.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Our socket.
    pub local: SocketAddr,
    /// The peer's socket.
    pub remote: SocketAddr,
    /// The state.
    pub state: State,
    /// SND.WND: the peer's window.
    pub snd_wnd: u32,
    /// RCV.WND: our window.
    pub rcv_wnd: u32,
    /// Sent and not acknowledged, SYN and FIN counted.
    pub unacked: u32,
    /// Written and not yet sent.
    pub unsent: usize,
    /// Received in order and not yet read.
    pub unread: usize,
    /// Received out of order.
    pub out_of_order: usize,
    /// What may be received and not yet read now: RCV.BUFF.
    pub receive_limit: usize,
    /// What may be written and not yet acknowledged now.
    pub send_limit: usize,
    /// Urgent octets still to be read (RFC 9293 §3.8.5, MUST-33).
    pub urgent_left: u32,
    /// The effective send MSS less the options of a data segment (MUST-16).
    pub mss: u32,
    /// The MSS that we advertised.
    pub advertised_mss: u16,
    /// The largest text of one segment that the peer sent.
    pub received_segment_max: u32,
    /// The largest packet that is sent, as far as the path takes it: RFC 4821's eff_pmtu. IP
    /// header included.
    pub path_mtu: u32,
    /// What the congestion controller is called; `none` until the handshake is complete.
    pub congestion: &'static str,
    /// Congestion window.
    pub cwnd: u32,
    /// Slow start threshold.
    pub ssthresh: u32,
    /// The rate that packets are paced at, if they are.
    pub pacing_rate: Option<BytesPerSecond>,
    /// Octets believed to be in the network (RFC 6675 §2).
    pub pipe: u32,
    /// What is being repaired, or slowed down.
    pub recovery: RecoveryPhase,
    /// Taken for lost and not sent again since.
    pub lost: u32,
    /// Sent, and received by the peer out of order, as it says (RFC 2018).
    pub sacked: u32,
    /// Sent again, and neither acknowledged nor taken for lost since.
    pub retransmitted: u32,
    /// Expiries of the retransmission timer since the peer acknowledged anything new.
    pub backoff: u32,
    /// Probes of a closed window that were not answered yet.
    pub window_probes: u32,
    /// Smoothed round-trip time, if it was ever measured.
    pub srtt: Option<Duration>,
    /// Round-trip time variation.
    pub rttvar: Duration,
    /// The smallest round-trip time of late, if it was ever measured.
    pub min_rtt: Option<Duration>,
    /// Retransmission timeout, back-off included.
    pub rto: Duration,
    /// Both shifts, ours (for the windows we send) first, if window scaling is in use.
    pub window_scale: Option<(u8, u8)>,
    /// Whether timestamps are in use.
    pub timestamps: bool,
    /// Whether SACK is in use.
    pub sack: bool,
    /// Whether ECN is in use.
    pub ecn: bool,
    /// Whether it is accurate ECN.
    pub accurate_ecn: bool,
    /// Differentiated services code point.
    pub dscp: u8,
    /// User timeout in force.
    pub user_timeout: Duration,
    /// What was counted so far.
    pub counters: Counters,
}

/// What the sender is doing about losses and marks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryPhase {
    /// Nothing.
    None,
    /// Routers marked what was sent: the window comes down, and nothing is lost (RFC 3168 §6.1.2).
    Marked,
    /// Fast recovery (RFC 5681 §3.2, RFC 6675 §5).
    Fast,
    /// Recovery after a timeout (RFC 5681 §3.1).
    Timeout,
}

/// What a connection counts. Each wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Segments sent, a super-segment as what it stands for.
    pub segments_out: u64,
    /// Segments received, likewise.
    pub segments_in: u64,
    /// Octets of text acknowledged by the peer.
    pub octets_acked: u64,
    /// Octets of text received in order.
    pub octets_received: u64,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Expiries of the retransmission timer.
    pub timeouts: u32,
    /// Episodes of fast recovery.
    pub recoveries: u32,
    /// Episodes of fast recovery, and timeouts, that proved needless.
    pub spurious: u32,
    /// Duplicate segments received.
    pub duplicates_in: u32,
    /// Challenge ACKs sent.
    pub challenge_acks: u32,
    /// Zero-window and keep-alive probes sent.
    pub probes: u32,
    /// Tail loss probes sent, of new text or again.
    pub loss_probes: u32,
    /// Segments of text that routers marked on their way to us (RFC 3168).
    pub marks_in: u32,
    /// Packets of ours that routers marked, as the peer counts them (RFC 9768).
    pub marks_out: u32,
    /// Reductions of the window because routers marked what we sent.
    pub mark_reductions: u32,
    /// Times at which the path MTU was lowered.
    pub mtu_reductions: u32,
    /// Segments sent to learn whether the path takes larger ones.
    pub mtu_probes: u32,
    /// Those of them that were lost.
    pub mtu_probes_lost: u32,
}

impl Counters {
    /// Nothing yet.
    pub(crate) const NONE: Self = Self {
        segments_out: 0,
        segments_in: 0,
        octets_acked: 0,
        octets_received: 0,
        retransmissions: 0,
        timeouts: 0,
        recoveries: 0,
        spurious: 0,
        duplicates_in: 0,
        challenge_acks: 0,
        probes: 0,
        loss_probes: 0,
        marks_in: 0,
        marks_out: 0,
        mark_reductions: 0,
        mtu_reductions: 0,
        mtu_probes: 0,
        mtu_probes_lost: 0,
    };
}

/// What an endpoint counts beside its connections. Each wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct EndpointCounters {
    /// Active opens.
    pub connects: u64,
    /// Connections that passive opens led to.
    pub accepts: u64,
    /// SYNs answered with a SYN-ACK and kept half open.
    pub syns_queued: u64,
    /// SYN-ACKs sent, those sent again and those with a cookie included.
    pub syn_acks_sent: u64,
    /// SYN-ACKs sent again because no answer came in time.
    pub syn_acks_retransmitted: u64,
    /// Half-open handshakes given up because no answer came.
    pub half_open_expired: u64,
    /// SYN-ACKs with a cookie.
    pub cookies_sent: u64,
    /// Handshakes that a cookie completed.
    pub cookies_valid: u64,
    /// ACKs without a valid cookie, while cookies were about.
    pub cookies_invalid: u64,
    /// Handshakes not completed because the accept queue was full.
    pub accept_queue_full: u64,
    /// Resets sent for segments that belong to no connection, or to a handshake not complete.
    pub resets_sent: u64,
    /// Resets not sent because of the limit (RST-15).
    pub resets_limited: u64,
    /// Connections that entered TIME-WAIT.
    pub time_waits: u64,
    /// TIME-WAIT records dropped before their time, at the bound.
    pub time_wait_evicted: u64,
    /// Connections in TIME-WAIT that a SYN opened anew (RFC 6191).
    pub time_wait_reused: u64,
}

/// Of several shards that are one stack, together.
impl AddAssign for EndpointCounters {
    fn add_assign(&mut self, other: Self) {
        let Self {
            connects,
            accepts,
            syns_queued,
            syn_acks_sent,
            syn_acks_retransmitted,
            half_open_expired,
            cookies_sent,
            cookies_valid,
            cookies_invalid,
            accept_queue_full,
            resets_sent,
            resets_limited,
            time_waits,
            time_wait_evicted,
            time_wait_reused,
        } = self;
        for (sum, more) in [
            (connects, other.connects),
            (accepts, other.accepts),
            (syns_queued, other.syns_queued),
            (syn_acks_sent, other.syn_acks_sent),
            (syn_acks_retransmitted, other.syn_acks_retransmitted),
            (half_open_expired, other.half_open_expired),
            (cookies_sent, other.cookies_sent),
            (cookies_valid, other.cookies_valid),
            (cookies_invalid, other.cookies_invalid),
            (accept_queue_full, other.accept_queue_full),
            (resets_sent, other.resets_sent),
            (resets_limited, other.resets_limited),
            (time_waits, other.time_waits),
            (time_wait_evicted, other.time_wait_evicted),
            (time_wait_reused, other.time_wait_reused),
        ] {
            *sum = sum.wrapping_add(more);
        }
    }
}
