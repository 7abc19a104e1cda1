//! What an application may choose, for the endpoint, for a listener, for a connection.

use alloc::sync::Arc;
use core::time::Duration;

pub use crate::buffer_size::{BUFFER_LEN_MAX, BufferSize};
use crate::congestion::{CongestionFactory, Cubic};
use crate::connection::SEND_MSS_MIN;

/// What holds for every connection and listener of one endpoint.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Maximum segment lifetime; TIME-WAIT lasts twice as long. 30 s by default, where RFC 9293
    /// says 120 s (DEC-17).
    pub msl: Duration,
    /// Connections at once, half-open ones and TIME-WAIT records not counted. 1,048,576 by default.
    pub connections_max: usize,
    /// TIME-WAIT records at once; the oldest gives way (robustness F3). 131,072 by default.
    pub time_wait_max: usize,
    /// Destinations at once of which the path MTU is remembered; the oldest gives way (PMTU-14).
    /// 4,096 by default.
    pub path_mtus_max: usize,
    /// Resets for nobody's segments, per second (RST-15). 200 by default.
    pub resets_per_second_max: u32,
    /// Whether a RST ends TIME-WAIT, as RFC 9293 §3.10.7.4 has it; off by default (RFC 1337,
    /// DEC-2).
    pub reset_ends_time_wait: bool,
    /// Ports drawn for active opens, both ends included. 32768 to 60999 by default.
    pub ephemeral_ports: (u16, u16),
    /// What connections get that are opened without a configuration of their own.
    pub connection: Arc<ConnectionConfig>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            msl: Duration::from_secs(30),
            connections_max: 1 << 20,
            time_wait_max: 1 << 17,
            path_mtus_max: 4_096,
            resets_per_second_max: 200,
            reset_ends_time_wait: false,
            ephemeral_ports: (32_768, 60_999),
            connection: Arc::default(),
        }
    }
}

/// What holds for one listener.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Established connections that wait to be accepted; at the bound the last ACK of a handshake
    /// is dropped and its half-open record stays. 1,024 by default.
    pub backlog: u32,
    /// Half-open handshakes at once; at the bound SYN cookies answer (OPEN-11). 1,024 by default.
    pub half_open_max: u32,
    /// How often a SYN-ACK is sent again; 5 by default, 63 s in all (DEC-18).
    pub syn_ack_retries_max: u8,
    /// When SYN cookies answer. Only with the queue full by default (SYNC-1).
    pub syn_cookies: SynCookies,
    /// What its connections get; the endpoint's if `None`.
    pub connection: Option<Arc<ConnectionConfig>>,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            backlog: 1_024,
            half_open_max: 1_024,
            syn_ack_retries_max: 5,
            syn_cookies: SynCookies::WhenFull,
            connection: None,
        }
    }
}

/// When a listener answers with SYN cookies (RFC 4987 §3.6, SYNC-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SynCookies {
    /// Never: at the bound a SYN is dropped.
    Never,
    /// While the half-open queue is full.
    #[default]
    WhenFull,
    /// Always: no handshake keeps state.
    Always,
}

/// Whether routers may mark packets instead of dropping them (RFC 3168, ECN-19).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EcnPolicy {
    /// Never.
    Off,
    /// If the peer asks for it.
    #[default]
    WhenAsked,
    /// Opening connections, it is asked for; and as above.
    Ask,
}

/// Whether packets of different sizes are tried on the path (RFC 4821, RFC 8899), as the kernel's
/// `tcp_mtu_probing` says by number. What routers report is believed, after it was checked,
/// whatever is chosen here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MtuProbing {
    /// Never (0): a path that swallows large packets in silence stops the connection.
    Off,
    /// When large packets seem to vanish (1): smaller ones are sent, then the largest that passes
    /// is searched for. Likewise ten minutes after a router said that packets were too large. The
    /// kernel's own default is never; ours is this, as RFC 8899 §4.3 has it (PLPMTUD-7).
    #[default]
    OnBlackHole,
    /// From the beginning (2): a connection begins with packets that nearly every path takes, and
    /// searches for the largest that passes. For those opened later, if it is changed.
    Always,
}

/// What holds for one connection; any of it may be changed while it lives.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// The largest MSS to advertise and to use, as `TCP_MAXSEG` of a kernel's socket; `None` leaves
    /// it to the link. It is fixed by the SYN. At least 88 octets (MSS-3).
    ///
    /// Source: RFC 9293 §3.7.1 (MUST-14, MUST-16).
    pub mss_max: Option<u16>,
    /// Octets received and not yet read that the connection may hold: RCV.BUFF. By default it
    /// grows with what the application reads, from 1 MiB to 6 MiB (RBUF-3).
    ///
    /// The window scale is fixed at the SYN for the most that it may become by then, so a larger
    /// one set later shows only as far as the shift reaches (WS-7, WS-9).
    pub receive_buffer: BufferSize,
    /// Octets written and not yet acknowledged that the connection may hold. By default it grows
    /// with the congestion window, from 512 KiB to 4 MiB (RBUF-8).
    pub send_buffer: BufferSize,
    /// An arriving payload shorter than this is copied, so that it does not hold a whole receive
    /// block; a longer one is kept as it came. Half the length of the caller's blocks is right.
    pub copy_below: usize,
    /// Whether the Nagle algorithm is off (RFC 9293 §3.7.4, MUST-17). It is on by default.
    pub nodelay: bool,
    /// Which Nagle algorithm: Minshall's variant by default (RFC 9293 App. A.3, NAGLE-3).
    pub nagle: Nagle,
    /// The longest an acknowledgment waits, below 500 ms (MUST-40). 40 ms by default (DACK-2).
    pub ack_delay: Duration,
    /// Segments acknowledged at once when a connection is new (DACK-6). 16 by default.
    pub quick_acks: u8,
    /// Whether every segment with text is acknowledged at once, as with `TCP_QUICKACK`. Off: every
    /// second full-sized one is (RFC 9293 §3.8.6.3, SHLD-18, SHLD-19).
    pub quick_ack: bool,
    /// Keep-alive; off by default (RFC 9293 §3.8.4, MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// The user timeout the application set; `None` is the default of five minutes, which does not
    /// run while the peer answers zero-window probes (RFC 9293 §3.9.1.1, UTO-1).
    pub user_timeout: Option<Duration>,
    /// R1: retransmissions of one segment after which the application is told; at least 3
    /// (SHLD-10).
    pub retransmissions_r1: u32,
    /// R2: how long one segment is retransmitted before the connection is given up; `None` is never
    /// (MUST-21). 15 minutes by default, of which the user timeout leaves five.
    pub retransmission_r2: Option<Duration>,
    /// R2 for a SYN; at least three minutes (MUST-23). Three minutes by default.
    pub syn_r2: Duration,
    /// The least RTO (DEC-4): 200 ms by default, where RFC 6298 says 1 s.
    pub rto_min: Duration,
    /// The greatest RTO; at least 60 s (RTO-7). 120 s by default.
    pub rto_max: Duration,
    /// The greatest interval between zero-window probes, if that is at least an RTO (ZWP-2). 60 s
    /// by default.
    pub persist_max: Duration,
    /// How long FIN-WAIT-2 lasts when no one will read (CLOSE-12). 60 s by default.
    pub fin_wait_2_timeout: Duration,
    /// Whether the last handle resets instead of closing, as a linger time of zero does. Off.
    pub zero_linger: bool,
    /// Whether timestamps are offered and accepted (RFC 7323 §3). On.
    pub timestamps: bool,
    /// Whether window scaling is offered and accepted (RFC 7323 §2). On.
    pub window_scaling: bool,
    /// Whether SACK is offered and accepted (RFC 2018 §2). On.
    pub sack: bool,
    /// Whether ECN is asked for and agreed to (RFC 3168). If the peer asks for it, by default
    /// (DEC-14).
    pub ecn: EcnPolicy,
    /// Whether ECN, where it is asked for or agreed to, is accurate ECN (RFC 9768) if the peer
    /// knows that. Off.
    pub accurate_ecn: bool,
    /// What is done, beside believing routers, to find out what packets the path takes (RFC 4821).
    /// When they seem to vanish, by default.
    pub mtu_probing: MtuProbing,
    /// Whether soft errors are reported (RFC 9293 §3.9.1.8, SHLD-20). On.
    pub soft_errors: bool,
    /// Differentiated services code point of every packet, 6 bits (MUST-48). 0.
    pub dscp: u8,
    /// Time to live, or hop limit, of every packet (MUST-49). 64.
    pub hop_limit: u8,
    /// What governs how much may be in flight (RFC 9293 §3.8.2). CUBIC with HyStart++ by default
    /// (DEC-14).
    pub congestion: Arc<dyn CongestionFactory>,
    /// Whether packets are spread over the round trip, in quanta of a millisecond (PACE-1). Off;
    /// a controller that needs it, as BBR does, is paced whatever this says.
    pub pacing: bool,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            mss_max: None,
            receive_buffer: BufferSize::RECEIVE_DEFAULT,
            send_buffer: BufferSize::SEND_DEFAULT,
            copy_below: 750,
            nodelay: false,
            nagle: Nagle::Minshall,
            ack_delay: Duration::from_millis(40),
            quick_acks: 16,
            quick_ack: false,
            keep_alive: None,
            user_timeout: None,
            retransmissions_r1: 3,
            retransmission_r2: Some(Duration::from_mins(15)),
            syn_r2: Duration::from_mins(3),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(120),
            persist_max: Duration::from_secs(60),
            fin_wait_2_timeout: Duration::from_secs(60),
            zero_linger: false,
            timestamps: true,
            window_scaling: true,
            sack: true,
            ecn: EcnPolicy::WhenAsked,
            accurate_ecn: false,
            mtu_probing: MtuProbing::OnBlackHole,
            soft_errors: true,
            dscp: 0,
            hop_limit: 64,
            congestion: Arc::new(Cubic::FACTORY),
            pacing: false,
        }
    }
}

impl ConnectionConfig {
    /// The default user timeout (RFC 9293 §3.9.1.1, UTO-1).
    pub const USER_TIMEOUT_DEFAULT: Duration = Duration::from_mins(5);

    /// The configuration with every value in its range: the same one if it was.
    pub(crate) fn clamped(config: Arc<Self>) -> Arc<Self> {
        let mut copy = Self::clone(&config);
        copy.clamp();
        if copy.bounded() == config.bounded() { config } else { Arc::new(copy) }
    }

    /// What [`clamp`](Self::clamp) may change.
    fn bounded(&self) -> impl PartialEq + use<> {
        let buffers = (self.receive_buffer, self.send_buffer);
        let times = (self.ack_delay, self.rto_min, self.rto_max, self.syn_r2, self.keep_alive);
        (buffers, times, self.mss_max, self.retransmissions_r1, self.dscp, self.hop_limit)
    }

    /// Moves every value into the range that its rule allows.
    pub(crate) fn clamp(&mut self) {
        self.receive_buffer = self.receive_buffer.clamped();
        self.send_buffer = self.send_buffer.clamped();
        self.mss_max = self.mss_max.map(|mss| mss.max(SEND_MSS_MIN));
        self.ack_delay = self.ack_delay.min(Duration::from_millis(499));
        self.retransmissions_r1 = self.retransmissions_r1.max(3);
        self.syn_r2 = self.syn_r2.max(Duration::from_mins(3));
        self.rto_min = self.rto_min.clamp(Duration::from_millis(1), Duration::from_secs(60));
        self.rto_max = self.rto_max.max(Duration::from_secs(60));
        if let Some(KeepAlive { idle, interval, .. }) = &mut self.keep_alive {
            *idle = (*idle).max(KeepAlive::TIME_MIN);
            *interval = (*interval).max(KeepAlive::TIME_MIN);
        }
        self.dscp &= 0x3f;
        self.hop_limit = self.hop_limit.max(1);
    }
}

/// Keep-alive times (RFC 9293 §3.8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// Idle time before the first probe: 7,200 s by default (KA-2, MUST-28).
    pub idle: Duration,
    /// Time between probes: 75 s by default (KA-3).
    pub interval: Duration,
    /// Unanswered probes after which the connection is dead: 10 by default (KA-4).
    pub probes_max: u32,
}

impl KeepAlive {
    /// The least idle time and the least time between probes: with none, a timer would be due as
    /// soon as it was set, for ever.
    pub const TIME_MIN: Duration = Duration::from_millis(1);
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(7_200), interval: Duration::from_secs(75), probes_max: 10 }
    }
}

/// Which small segments the Nagle algorithm holds back while text is unacknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Nagle {
    /// Any segment below the MSS (RFC 9293 §3.7.4, NAGLE-1).
    Classic,
    /// Only a second small one (RFC 9293 App. A.3, NAGLE-3).
    #[default]
    Minshall,
}
