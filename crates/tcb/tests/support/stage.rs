//! A host in any state of the table, brought there by packets and calls alone, and the numbers that
//! its far end knows.

use std::sync::Arc;
use std::time::Duration;

use synack_tcb::{
    BufferSize, Connection, ConnectionConfig, ConnectionId, EndpointConfig, Events, Instant,
    ListenerConfig, Open, Push, ReadError, WriteError,
};
use synack_wire::{IpFields, Options, SeqNum, Timestamps};

use super::{Change, Host, Opened, Peer, Place, Received, Seen, Setting};

/// How a conversation begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) setting: Setting,
    /// The options of the far end's SYN.
    pub(crate) offer: Options,
    /// The window field of everything from the far end.
    pub(crate) window: u16,
    /// What the host writes as soon as it may. It is in flight where text can be.
    pub(crate) text: &'static [u8],
    /// What arrives as soon as it is open, is acknowledged, and stays unread.
    pub(crate) unread: &'static [u8],
    pub(crate) config: ConnectionConfig,
    pub(crate) endpoint: EndpointConfig,
}

/// The defaults, with buffers that stay as they are: what is offered is then known beforehand.
pub(crate) fn fixed_buffers() -> ConnectionConfig {
    ConnectionConfig {
        receive_buffer: BufferSize::Fixed(1 << 20),
        send_buffer: BufferSize::Fixed(512 << 10),
        ..ConnectionConfig::default()
    }
}

impl Plan {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            setting,
            offer: Options::default(),
            window: u16::MAX,
            text: b"",
            unread: b"",
            config: fixed_buffers(),
            endpoint: EndpointConfig {
                connection: Arc::new(fixed_buffers()),
                ..EndpointConfig::default()
            },
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The far end offers timestamps: its clock stands at 2^32 - 2.
    pub(crate) fn with_timestamps(self) -> Self {
        let timestamps = Some(Timestamps { value: u32::MAX - 1, echo: 0 });
        self.with(|plan| plan.offer.timestamps = timestamps)
    }

    /// A host in this state.
    pub(crate) fn stage(self, place: Place) -> Stage {
        let mut stage = Stage::begin(self, place);
        stage.go_to(place);
        stage
    }
}

/// A host in a state, and what the far end knows of it: the numbers of the *host* are `snd_*` and
/// `rcv_*`, as RFC 9293 names them from its side.
pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) peer: Peer,
    pub(crate) plan: Plan,
    pub(crate) iss: SeqNum,
    pub(crate) irs: SeqNum,
    pub(crate) snd_una: SeqNum,
    pub(crate) snd_nxt: SeqNum,
    pub(crate) rcv_nxt: SeqNum,
    /// The right edge that the host offered.
    pub(crate) rcv_adv: SeqNum,
    /// The far end's timestamp clock.
    pub(crate) peer_clock: u32,
    /// TS.Recent of the host.
    pub(crate) ts_recent: u32,
    pub(crate) id: Option<ConnectionId>,
    /// What the host's timestamp clock said when.
    pub(super) clock: Option<(Instant, u32)>,
    /// The IP header fields of what the host sent.
    pub(super) ip: IpFields,
}

impl Stage {
    /// A host before the conversation, at a time at which its next ISS is as planned.
    pub(crate) fn begin(mut plan: Plan, place: Place) -> Self {
        plan.setting.opened = place.opened().unwrap_or(plan.setting.opened);
        let (address, peer) = if plan.setting.is_ipv6 {
            ("fd00::2", Peer::new("[fd00::1]:4000", "[fd00::2]:80"))
        } else {
            ("10.0.0.2", Peer::new("10.0.0.1:4000", "10.0.0.2:80"))
        };
        let iss = SeqNum::new(plan.setting.iss);
        let mut probe = Host::new(address);
        probe.connect_to(&peer);
        let probed = probe.only_sent();
        let mut host = Host::with(address, plan.endpoint.clone());
        host.now = time_of_iss(address, &peer, iss);
        let irs = SeqNum::new(plan.setting.irs);
        Self {
            host,
            peer,
            iss,
            irs,
            snd_una: iss,
            snd_nxt: iss,
            rcv_nxt: irs,
            rcv_adv: irs,
            peer_clock: plan.offer.timestamps.map_or(0, |timestamps| timestamps.value),
            ts_recent: 0,
            id: None,
            clock: None,
            ip: IpFields { dscp: plan.config.dscp, ..probed.ip },
            plan,
        }
    }

    /// The connection, where the host has one.
    #[track_caller]
    pub(crate) fn id(&self) -> ConnectionId {
        self.id.expect("the host has a connection")
    }

    #[track_caller]
    pub(crate) fn connection(&mut self) -> &mut Connection {
        let id = self.id();
        self.host.connection(id)
    }

    /// What is left of a four-tuple whose connection is gone.
    pub(crate) fn gone(&self) -> Seen {
        match self.plan.setting.opened {
            Opened::Actively => Seen::Closed,
            Opened::Passively => Seen::Listen,
        }
    }

    fn go_to(&mut self, place: Place) {
        match place {
            Place::Closed => {}
            Place::Listen => self.listen(),
            Place::SynSent => {
                self.connect();
                self.write_planned();
            }
            Place::SynReceivedPassive => {
                self.listen();
                self.take_syn();
            }
            Place::SynReceivedActive => {
                self.connect();
                self.write_planned();
                self.take_syn();
            }
            Place::Established => self.establish(),
            Place::FinWait1 => {
                self.establish();
                self.close();
            }
            Place::FinWait2 => {
                self.go_to(Place::FinWait1);
                self.acknowledge();
            }
            Place::CloseWait => {
                self.establish();
                self.take_fin();
            }
            Place::Closing => {
                self.go_to(Place::FinWait1);
                self.take_fin();
            }
            Place::LastAck => {
                self.go_to(Place::CloseWait);
                self.close();
            }
            Place::TimeWait => {
                self.go_to(Place::FinWait2);
                self.take_fin();
            }
        }
        assert_eq!(self.host.seen(&self.peer), place.seen(), "on the way");
        self.events();
    }

    pub(crate) fn listen(&mut self) {
        let connection = Some(Arc::new(self.plan.config.clone()));
        self.host.listen_with(80, ListenerConfig { connection, ..ListenerConfig::default() });
    }

    pub(crate) fn connect(&mut self) {
        let config = Some(Arc::new(self.plan.config.clone()));
        let open = Open { local: Some(self.peer.host), config, ..Open::to(self.peer.socket) };
        self.id = Some(self.host.try_connect(open).unwrap());
        let syn = self.host.only_sent();
        self.note_clock(&syn.segment.options);
        assert_eq!(syn, self.host_syn(), "on the way");
        self.snd_nxt = self.iss + 1;
    }

    /// The far end's SYN: a passive open, or a simultaneous one.
    pub(crate) fn take_syn(&mut self) {
        let offer = self.plan.offer.clone();
        let syn = self.peer.syn(self.irs).with_window(self.plan.window).with_options(offer);
        self.host.receive(syn);
        let syn_ack = self.host.only_sent();
        self.note_syn();
        self.note_clock(&syn_ack.segment.options);
        self.snd_nxt = self.iss + 1;
        assert_eq!(syn_ack, self.host_syn_ack(), "on the way");
    }

    pub(crate) fn establish(&mut self) {
        match self.plan.setting.opened {
            Opened::Actively => {
                self.connect();
                let offer = self.plan.offer.clone();
                let syn_ack = self.peer.syn_ack(self.irs, self.snd_nxt);
                self.note_syn();
                self.snd_una = self.snd_nxt;
                self.host.receive(syn_ack.with_window(self.plan.window).with_options(offer));
                let ack = self.host_ack();
                self.note_edge();
                assert_eq!(self.host.only_sent(), ack, "on the way");
            }
            Opened::Passively => {
                self.listen();
                self.take_syn();
                self.snd_una = self.snd_nxt;
                let ack = self.ack();
                self.id = Some(self.host.accept(ack));
                self.host.silent();
            }
        }
        self.take_planned();
        self.write_planned();
    }

    fn take_planned(&mut self) {
        let text = self.plan.unread;
        if text.is_empty() {
            return;
        }
        let id = self.id();
        assert_eq!(self.host.receive(self.text(text)), Received::Used(id));
        self.rcv_nxt += text.len() as u32;
        assert_eq!(self.host.only_sent(), self.host_ack(), "on the way");
        self.note_edge();
    }

    fn write_planned(&mut self) {
        let text = self.plan.text;
        if text.is_empty() {
            return;
        }
        let seq = self.snd_nxt;
        self.write(text);
        if self.connection().is_connected() {
            let packet = self.host_text(seq, text);
            assert_eq!(self.host.only_sent(), packet, "on the way");
            self.snd_nxt = packet.segment.end();
            self.note_edge();
        } else {
            self.host.silent();
        }
    }

    /// The host closes; its FIN leaves.
    pub(crate) fn close(&mut self) {
        let id = self.id();
        self.host.close(id);
        let fin = self.host_fin(self.snd_nxt);
        assert_eq!(self.host.only_sent(), fin, "on the way");
        self.snd_nxt = fin.segment.end();
        self.note_edge();
    }

    /// The far end acknowledges everything.
    pub(crate) fn acknowledge(&mut self) {
        let id = self.id();
        self.snd_una = self.snd_nxt;
        let ack = self.ack();
        assert_eq!(self.host.receive(ack), Received::Used(id));
        self.host.silent();
    }

    /// The far end's FIN, with an ACK of what it had acknowledged before.
    pub(crate) fn take_fin(&mut self) {
        let id = self.id();
        let fin = self.fin().acking(self.snd_una);
        assert_eq!(self.host.receive(fin), Received::Used(id));
        self.rcv_nxt += 1;
        let ack = self.host_ack();
        self.note_edge();
        assert_eq!(self.host.only_sent(), ack, "on the way");
    }

    pub(crate) fn write(&mut self, text: &[u8]) {
        let (id, now) = (self.id(), self.host.now);
        assert_eq!(self.host.connection(id).write(now, text, Push::Now), Ok(text.len()));
        self.host.drain();
    }

    /// SEND.
    pub(crate) fn user_writes(&mut self, text: &[u8], push: Push) -> Result<usize, WriteError> {
        let (id, now) = (self.id(), self.host.now);
        let written = self.host.connection(id).write(now, text, push);
        self.host.drain();
        written
    }

    /// RECEIVE: one read, into a buffer larger than anything there is.
    pub(crate) fn user_reads(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        self.user_reads_at_most(1 << 20)
    }

    pub(crate) fn user_reads_at_most(&mut self, len: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let (id, now) = (self.id(), self.host.now);
        let mut text = vec![0; len];
        let read = self.host.connection(id).read(now, &mut text);
        self.host.drain();
        read.map(|count| {
            text.truncate(count?);
            Some(text)
        })
    }

    /// CLOSE.
    pub(crate) fn user_closes(&mut self) {
        let id = self.id();
        self.host.close(id);
    }

    /// ABORT.
    pub(crate) fn user_aborts(&mut self) {
        let id = self.id();
        self.host.abort(id);
    }

    /// CLOSE of the listener.
    pub(crate) fn user_closes_listener(&mut self) {
        let listener = self.host.endpoint.listener_for(self.peer.host).expect("a listener");
        let now = self.host.now;
        self.host.endpoint.close_listener(now, listener);
        self.host.drain();
    }

    /// What the application was told since the last call.
    pub(crate) fn events(&mut self) -> Events {
        match self.id {
            Some(id) => self.host.connection(id).poll_events(),
            None => Events::NONE,
        }
    }

    /// The far end's SYN has arrived.
    pub(crate) fn note_syn(&mut self) {
        self.rcv_nxt = self.irs + 1;
        let window = self.plan.config.receive_buffer.initial().min(usize::from(u16::MAX));
        self.rcv_adv = self.rcv_nxt + window as u32;
        self.ts_recent = self.peer_clock;
    }

    /// The host's clock of timestamps, from what it said first.
    pub(crate) fn note_clock(&mut self, options: &Options) {
        if let Some(timestamps) = options.timestamps {
            self.clock = Some((self.host.now, timestamps.value));
        }
    }
}

/// When a new host at `address` would open to `peer`, or answer it, with this ISS.
pub(crate) fn time_of_iss(address: &str, peer: &Peer, iss: SeqNum) -> Instant {
    let mut probe = Host::new(address);
    probe.connect_to(peer);
    // RFC 9293 §3.4.1: the clock of ISNs ticks every 4 microseconds.
    let ticks = u64::from(iss - probe.only_sent().segment.seq);
    probe.now + Duration::from_micros(4 * ticks)
}
