//! How a conversation begins: who opens, with which options, numbers and round-trip time.

use std::sync::Arc;
use std::time::Duration;

use synack_tcb::{ConnectionConfig, EndpointConfig, ListenerConfig, MtuProbing, Open};
use synack_wire::{Flags, Options, SeqNum, TcpPacket, Timestamps};

use super::conversation::FIRST_TSVAL;
use super::{Change, Conversation, Host, Peer, fixed_buffers};

/// The template of a beginning; a test changes what it is about.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The host's first number.
    pub(crate) iss: u32,
    /// The far end's first number.
    pub(crate) irs: u32,
    /// What the far end's SYN carries.
    pub(crate) options: Options,
    /// The flags of the far end's SYN, or SYN-ACK, beside SYN and ACK.
    pub(crate) syn_control: Flags,
    /// Likewise, of its ACK of the host's SYN-ACK.
    pub(crate) ack_control: Flags,
    /// The window field of the far end, in its SYN and later.
    pub(crate) window: u16,
    /// Between the host's SYN-ACK, or SYN, and the answer.
    pub(crate) rtt: Duration,
    /// What the host's connection is configured with.
    pub(crate) config: ConnectionConfig,
    /// Who sends the first SYN.
    pub(crate) opened_by: Opener,
    /// The far end's and the host's address.
    pub(crate) addresses: (&'static str, &'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opener {
    FarEnd,
    Host,
}

impl Default for Setup {
    /// A far end that opens, with an MSS of 1000 and no other option. Text of either direction
    /// crosses the wrap in its second segment. SRTT is 100 ms, RTO 300 ms.
    fn default() -> Self {
        Self {
            iss: 0u32.wrapping_sub(1_501),
            irs: 0u32.wrapping_sub(1_301),
            options: Options { mss: Some(1_000), ..Options::default() },
            syn_control: Flags::NONE,
            ack_control: Flags::NONE,
            window: u16::MAX,
            rtt: Duration::from_millis(100),
            // Silence changes no size here; `path_mtu.rs` and `black_hole.rs` are about that.
            config: ConnectionConfig { mtu_probing: MtuProbing::Off, ..fixed_buffers() },
            opened_by: Opener::FarEnd,
            addresses: ("10.0.0.1", "10.0.0.2"),
        }
    }
}

impl Setup {
    /// With SACK beside.
    pub(crate) fn sack() -> Self {
        Self::default().offering(|options| options.sack_permitted = true)
    }

    /// With timestamps beside; segments still carry 1000 octets.
    pub(crate) fn timestamps() -> Self {
        Self::default().offering(|options| {
            options.mss = Some(1_012);
            options.timestamps = Some(Timestamps { value: FIRST_TSVAL, echo: 0 });
        })
    }

    /// With window scaling beside; the far end's windows are shifted by `shift`.
    pub(crate) fn scaling(shift: u8) -> Self {
        Self::default().offering(|options| options.window_scale = Some(shift))
    }

    pub(crate) fn offering(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    pub(crate) fn configured(mut self, change: impl FnOnce(&mut ConnectionConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Opens the connection.
    pub(crate) fn open(&self) -> Conversation {
        let mut host = self.host();
        let peer = self.peer();
        let answer = self.begin(&mut host);
        self.finish(host, peer, &answer)
    }

    /// The far end: port 4000, towards the host's port 80.
    pub(crate) fn peer(&self) -> Peer {
        let socket = |address: &str, port| {
            format!("{}", std::net::SocketAddr::new(address.parse().unwrap(), port))
        };
        Peer::new(&socket(self.addresses.0, 4_000), &socket(self.addresses.1, 80))
    }

    /// A host at the time at which its first number will be the one that is wanted.
    pub(crate) fn host(&self) -> Host {
        let mut host = self.host_at_any_time();
        let first = self.begin(&mut host).segment.seq;
        // RFC 9293 §3.4.1: the numbers grow by one each 4 microseconds.
        let ticks = SeqNum::new(self.iss) - first;
        let mut host = self.host_at_any_time();
        host.now = host.now + Duration::from_micros(4) * ticks;
        host
    }

    /// The far end's SYN, or SYN-ACK.
    pub(crate) fn syn(&self) -> TcpPacket {
        let syn = self.peer().syn(self.irs).with_options(self.options.clone());
        syn.with_window(self.window).with_control(Flags::SYN | self.syn_control)
    }

    fn host_at_any_time(&self) -> Host {
        let config = Arc::new(self.config.clone());
        let endpoint = EndpointConfig { connection: config.clone(), ..EndpointConfig::default() };
        let mut host = Host::with(self.addresses.1, endpoint);
        if self.opened_by == Opener::FarEnd {
            host.listen_with(
                80,
                ListenerConfig { connection: Some(config), ..ListenerConfig::default() },
            );
        }
        host
    }

    /// The first packet of the host: its SYN-ACK, or its SYN.
    pub(crate) fn begin(&self, host: &mut Host) -> TcpPacket {
        match self.opened_by {
            Opener::FarEnd => drop(host.receive(self.syn())),
            Opener::Host => {
                let Peer { socket, host: local } = self.peer();
                host.try_connect(Open { local: Some(local), ..Open::to(socket) }).unwrap();
            }
        }
        host.only_sent()
    }

    /// Answers the first packet of the host after a round trip: ESTABLISHED.
    pub(crate) fn finish(&self, mut host: Host, peer: Peer, first: &TcpPacket) -> Conversation {
        host.advance(self.rtt);
        host.silent();
        let nxt = first.segment.seq + 1;
        let tsval = first.segment.options.timestamps.map_or(0, |timestamps| timestamps.value);
        let id = match self.opened_by {
            Opener::FarEnd => {
                let mut ack = peer.ack(SeqNum::new(self.irs) + 1, nxt).with_window(self.window);
                ack.segment.control |= self.ack_control;
                if first.segment.options.timestamps.is_some() {
                    ack = ack.with_timestamps(FIRST_TSVAL, tsval);
                }
                host.accept(ack)
            }
            Opener::Host => {
                let mut answer = self.syn().with(|segment| segment.ack = Some(nxt));
                if let Some(timestamps) = &mut answer.segment.options.timestamps {
                    timestamps.echo = tsval;
                }
                host.receive(answer);
                let ack = host.only_sent();
                assert_eq!((ack.segment.seq, ack.segment.len()), (nxt, 0));
                *host.connections.keys().next().unwrap()
            }
        };
        host.silent();
        let mut conversation = Conversation::new(host, peer, id, self, &first.segment);
        let _ = conversation.events();
        conversation
    }
}
