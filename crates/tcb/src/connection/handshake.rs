//! Opening: the SYN and SYN-ACK we send, simultaneous open, and the folded form of SYN-RECEIVED.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use synack_wire::{Ecn, Flags, IpFields, Segment, SeqNum, TcpPacket};

use super::accurate_ecn::AccurateEcn;
use super::ecn::EcnState;
use super::ecn_agreement::{EcnOffer, EcnUse};
use super::keep_alive::KeepAliveState;
use super::loss_timers::LossDeadlines;
use super::negotiate::{Offer, answer, offer};
use super::path_mtu::PathMtu;
use super::timestamps::{Echo, TimestampState};
use super::user::UserSide;
use super::{
    Connection, EndpointEvents, Hold, Negotiated, Obligations, Opened, State, StateEvent, Tally,
    Waiting, mtu,
};
use crate::config::ConnectionConfig;
use crate::congestion::Unopened;
use crate::congestion::pacing::Pacer;
use crate::event::Events;
use crate::recovery::{Handshaken, LossRecovery};
use crate::recv::{AckPolicy, ChallengeLimit, RecvBuffer, RecvSequence, RecvTuning};
use crate::room::{Room, Vacant};
use crate::send::{SendBuffer, SendSequence};
use crate::timers::{Timer, TimerTable};
use crate::{FourTuple, Instant};

/// What the endpoint decides for a connection before it exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) path: FourTuple,
    /// ISS, by RFC 6528.
    pub(crate) iss: SeqNum,
    /// What the timestamp clock adds (TS-14).
    pub(crate) timestamp_offset: u32,
    /// IPv6's flow label (IP-2).
    pub(crate) flow_label: u32,
    /// What one packet to the peer may take. Units: octets.
    pub(crate) mtu: u32,
}

/// The timing of our SYN or SYN-ACK.
#[derive(Clone, Debug, Default)]
pub(super) struct Handshake {
    /// When the connection was opened, until it is established: R2 of the SYN counts from here.
    opened_at: Option<Instant>,
    /// When the SYN was sent last.
    pub(super) syn_sent_at: Option<Instant>,
    /// How often it was sent again.
    pub(super) retransmissions: u32,
    /// Whether its timer ever expired (RTO-16); a repeated SYN of the peer draws a copy too.
    pub(super) timed_out: bool,
    /// What it says, once that is settled.
    offer: Option<Offer>,
    /// What it said of ECN.
    pub(super) ecn_offer: EcnOffer,
    /// Text and FIN that came with the SYN of a simultaneous open: kept until ESTABLISHED
    /// (SM-SYNSENT-8).
    pub(super) pending: Option<Box<Segment>>,
}

/// A half-open connection that a SYN to a listener began: SYN-RECEIVED, folded small.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SynRecord {
    pub(crate) identity: Identity,
    /// IRS.
    pub(crate) irs: SeqNum,
    /// The peer's window, which a SYN never scales (WS-4).
    pub(crate) window: u16,
    pub(crate) negotiated: Negotiated,
    /// TS.Recent: the TSval of the SYN.
    pub(crate) ts_recent: u32,
    /// When the SYN arrived.
    pub(crate) received_at: Instant,
    /// When the SYN-ACK was sent last.
    pub(crate) sent_at: Option<Instant>,
    /// How often it was sent again.
    pub(crate) retransmissions: u8,
    /// Whether the SYN-ACK left more than once for another reason.
    is_ambiguous: bool,
    /// How many challenge ACKs may still leave.
    challenges: ChallengeLimit,
}

impl Vacant for Handshake {
    const VACANT: &'static Self = &Self {
        opened_at: None,
        syn_sent_at: None,
        retransmissions: 0,
        timed_out: false,
        offer: None,
        ecn_offer: EcnOffer::None,
        pending: None,
    };
}

impl SynRecord {
    /// The record of a SYN that arrived with `field`. Source: RFC 9293 §3.10.7.2 (OPEN-2,
    /// SM-LISTEN-3).
    pub(crate) fn from_syn(
        now: Instant,
        identity: Identity,
        syn: &Segment,
        field: Ecn,
        config: &ConnectionConfig,
    ) -> Self {
        let (offer, is_ipv6) = (Offer::of(config), identity.path.is_ipv6());
        let mut negotiated = Negotiated::from_syn(&offer, &syn.options, is_ipv6);
        negotiated.ecn = EcnUse::of_syn(offer.ecn, syn.control, field);
        Self {
            identity,
            irs: syn.seq,
            window: syn.window,
            negotiated,
            ts_recent: syn.options.timestamps.map_or(0, |timestamps| timestamps.value),
            received_at: now,
            sent_at: None,
            retransmissions: 0,
            is_ambiguous: false,
            challenges: ChallengeLimit::default(),
        }
    }

    /// The SYN-ACK leaves once more because the peer's SYN came again, with these flags and `field`
    /// (OPEN-15). No answer to it times the round trip any more (RTO-8).
    pub(crate) fn sent_again(&mut self, now: Instant, syn: Flags, field: Ecn) {
        self.negotiated.ecn = self.negotiated.ecn.after_syn_again(syn, field);
        self.sent_at = Some(now);
        self.is_ambiguous = true;
    }

    /// Whether the SYN-ACK left more than once.
    fn was_sent_again(&self) -> bool {
        self.is_ambiguous || self.retransmissions > 0
    }

    /// Takes back what the connection, unfolded from this record and still in SYN-RECEIVED, did.
    pub(crate) fn fold(&mut self, connection: &mut Connection) {
        self.challenges = *connection.acks.challenges();
    }

    /// The record of a handshake that left no state: what its last ACK brought back (SYNC-10).
    pub(crate) fn from_cookie(
        now: Instant,
        identity: Identity,
        irs: SeqNum,
        negotiated: Negotiated,
        ack: &Segment,
    ) -> Self {
        Self {
            identity,
            irs,
            window: ack.window,
            negotiated,
            ts_recent: ack.options.timestamps.map_or(0, |timestamps| timestamps.value),
            received_at: now,
            sent_at: None,
            retransmissions: 0,
            is_ambiguous: false,
            challenges: ChallengeLimit::default(),
        }
    }

    /// The SYN-ACK: `<SEQ=ISS><ACK=IRS+1><CTL=SYN,ACK>` with the options agreed on.
    pub(crate) fn syn_ack(&self, now: Instant, config: &ConnectionConfig) -> TcpPacket {
        let Identity { path, iss, timestamp_offset, flow_label, mtu } = self.identity;
        let mut timestamps = TimestampState::new(now, timestamp_offset);
        timestamps.on_syn(now, self.ts_recent);
        let mss = mtu::advertised_mss(mtu, path.is_ipv6());
        let offer = Offer::of(config);
        let timestamps = || timestamps.option(now, Echo::Recent);
        let mut options = answer(&self.negotiated, &offer, mss, timestamps);
        if self.negotiated.ecn.is_accurate() && !self.was_sent_again() {
            options.accurate_ecn = Some(AccurateEcn::first_option());
        }
        let segment = Segment {
            seq: iss,
            ack: Some(self.irs + 1),
            control: Flags::SYN | self.negotiated.ecn.answer(self.retransmissions),
            window: offer.window,
            options,
            ..Segment::default()
        };
        TcpPacket {
            source: path.local(),
            destination: path.remote(),
            ip: ip_fields(config, flow_label),
            segment_size: None,
            segment,
        }
    }
}

impl Connection {
    /// Active OPEN: SYN-SENT, the SYN is polled next.
    ///
    /// Source: RFC 9293 §3.10.1 (OPEN-1, SM-OPEN-5).
    pub(crate) fn active(now: Instant, identity: Identity, config: Arc<ConnectionConfig>) -> Self {
        let unknown = Negotiated::unknown(identity.path.is_ipv6());
        let mut connection = Self::new(now, identity, unknown, config, Opened::Active);
        connection.due.syn = true;
        connection.start_user_timeout(now);
        connection
    }

    /// The connection that a half-open record stands for: SYN-RECEIVED, with the SYN-ACK sent.
    pub(crate) fn passive(now: Instant, record: &SynRecord, config: Arc<ConnectionConfig>) -> Self {
        let mut connection =
            Self::new(now, record.identity, record.negotiated, config, Opened::Passive);
        // The SYN-ACK, whose echo may time the handshake, left before now.
        connection.timestamps =
            TimestampState::new(record.received_at, record.identity.timestamp_offset);
        *connection.acks.challenges() = record.challenges;
        connection.snd.nxt = connection.snd.iss + 1;
        connection.snd.set_window(record.irs, record.identity.iss, u32::from(record.window));
        connection.synchronize(now, record.irs, Some(record.ts_recent));
        let handshake = &mut *connection.handshake;
        handshake.opened_at = Some(record.received_at);
        handshake.syn_sent_at = record.sent_at;
        handshake.retransmissions =
            u32::from(record.retransmissions) + u32::from(record.is_ambiguous);
        handshake.timed_out = record.retransmissions > 0;
        connection.negotiated.ecn = record.negotiated.ecn.after_timeouts(record.retransmissions);
        connection.begin_accurate_ecn();
        if record.was_sent_again() {
            connection.give_accurate_option_up();
        }
        connection
    }

    fn new(
        now: Instant,
        identity: Identity,
        negotiated: Negotiated,
        config: Arc<ConnectionConfig>,
        opened: Opened,
    ) -> Self {
        let Identity { path, iss, timestamp_offset, flow_label, mtu } = identity;
        let state = match opened {
            Opened::Active => State::SynSent,
            Opened::Passive => State::SynReceived,
        };
        Self {
            state,
            opened,
            path,
            flow_label,
            path_mtu: PathMtu::new(mtu),
            negotiated,
            timestamps: TimestampState::new(now, timestamp_offset),
            snd: SendSequence::new(iss),
            send_buffer: SendBuffer::default(),
            send_wanted: 0,
            rcv: RecvSequence::unknown(),
            received: 0,
            recv_buffer: RecvBuffer::default(),
            tuning: RecvTuning::new(now),
            reassembly: Room::default(),
            acks: AckPolicy::new(config.quick_acks),
            sack_report: Room::default(),
            recovery: LossRecovery::new(iss),
            congestion: Unopened::boxed(),
            pacer: Pacer::default(),
            ecn: EcnState::default(),
            timers: TimerTable::default(),
            loss: LossDeadlines::default(),
            due: Obligations::default(),
            hold: Hold::default(),
            waiting: Waiting { progress_at: now, answered_at: now, sent_at: now, probes: 0 },
            keep_alive: KeepAliveState::new(now),
            handshake: Room::of(Handshake { opened_at: Some(now), ..Handshake::default() }),
            user: UserSide::default(),
            events: Events::NONE,
            endpoint_events: EndpointEvents::default(),
            soft_error: None,
            tally: Tally::default(),
            config,
        }
    }

    /// Takes the peer's SYN: IRS, RCV.NXT, the window we offer, TS.Recent. No segment but the first
    /// behind it may move that before we acknowledge something (TS-10).
    ///
    /// Source: RFC 9293 §3.10.7.2, §3.10.7.3 (SM-LISTEN-3, SM-SYNSENT-6); RFC 7323 §5.2 (PAWS-7).
    pub(super) fn synchronize(&mut self, now: Instant, irs: SeqNum, ts_recent: Option<u32>) {
        let offer = self.offer();
        self.rcv.synchronize(irs, u32::from(offer.window));
        if let Some((snd_shift, rcv_shift)) = self.negotiated.snd_shift.zip(offer.rcv_shift) {
            self.snd.shift = snd_shift;
            self.rcv.shift = rcv_shift;
        }
        self.timestamps.last_ack_sent = self.rcv.nxt;
        if let Some(recent) = ts_recent.filter(|_| self.negotiated.timestamps) {
            self.timestamps.on_syn(now, recent);
        }
    }

    /// What our SYN says, settled when it is first asked for (TRAP-59).
    pub(super) fn offer(&mut self) -> Offer {
        *self.handshake.offer.get_or_insert_with(|| Offer::of(&self.config))
    }

    /// The segment that opens: a SYN, or in SYN-RECEIVED a SYN-ACK. Sent again it is the same
    /// (TRAP-59).
    pub(super) fn poll_syn(&mut self, now: Instant) -> Option<TcpPacket> {
        self.due.syn = false;
        let offered = self.offer();
        let is_answer = self.rcv.nxt != self.rcv.irs;
        let echo = if is_answer { Echo::Recent } else { Echo::None };
        let timestamps = || self.timestamps.option(now, echo);
        let mss = self.advertised_mss();
        let options = if is_answer {
            answer(&self.negotiated, &offered, mss, timestamps)
        } else {
            offer(&offered, mss, timestamps)
        };
        let ecn = if is_answer { self.negotiated.ecn.answer(0) } else { self.ecn_offer() };
        let segment = Segment {
            seq: self.snd.iss,
            ack: is_answer.then_some(self.rcv.nxt),
            control: Flags::SYN | ecn,
            window: offered.window,
            options,
            ..Segment::default()
        };
        if self.snd.nxt == self.snd.iss {
            self.snd.nxt = self.snd.iss + 1;
        }
        if self.handshake.syn_sent_at.replace(now).is_some() {
            self.handshake.retransmissions += 1;
            self.tally.rare.retransmissions = self.tally.rare.retransmissions.wrapping_add(1);
        }
        if is_answer {
            self.timestamps.last_ack_sent = self.rcv.nxt;
            self.acks.on_ack_sent();
        }
        self.timers.set(Timer::Retransmit, now + self.recovery.rto(self.rto_bounds()));
        Some(self.packet(segment))
    }

    /// Our SYN was acknowledged: ESTABLISHED, or one of the states that a remembered CLOSE leads
    /// to.
    ///
    /// Source: RFC 9293 §3.10.7.3, §3.10.7.4 (OPEN-3, OPEN-5, SM-ACK-2, SM-SYNSENT-7).
    pub(super) fn establish(&mut self, now: Instant, echo: Option<u32>) {
        let retransmitted = self.handshake.retransmissions > 0;
        self.snd.on_syn_acked();
        self.transition(now, StateEvent::SynAcked);
        let sent_at = self.handshake.syn_sent_at.filter(|_| !retransmitted);
        let timed = sent_at.map(|sent_at| now.since(sent_at));
        let rtt = timed.or_else(|| self.timestamps.echoed_rtt(now, echo?));
        self.recovery.on_syn_acked();
        let (timed_out, sack) = (self.handshake.timed_out, self.negotiated.sack);
        self.recovery.on_established(now, Handshaken { rtt, timed_out, sack });
        self.begin_mtu_probing();
        self.begin_congestion_control(now, rtt);
        self.tuning.on_established(now, rtt, self.reader());
        if core::mem::take(&mut self.due.syn) {
            // The SYN-ACK that was not polled leaves no more, and the peer's SYN wants an ACK.
            self.acks.owe_now();
        }
        self.timers.stop(Timer::Retransmit);
        if !self.has_outstanding() {
            self.timers.stop(Timer::UserTimeout);
        }
        self.waiting.progress_at = now;
        self.waiting.answered_at = now;
        self.keep_alive.on_heard(now);
        self.start_keep_alive(now);
        self.events |= Events::CONNECTED | Events::WRITABLE;
        if self.handshake.pending.is_none() {
            self.handshake.vacate();
        }
        self.close_if_remembered(now);
    }

    /// How long the handshake's timer has been backing off.
    pub(super) fn handshake_age(&self, now: Instant) -> Duration {
        self.handshake.opened_at.map_or(Duration::ZERO, |opened_at| now.since(opened_at))
    }
}

/// The IP header fields of everything that a connection sends (MUST-48, MUST-49, SHLD-22, IP-6).
pub(super) fn ip_fields(config: &ConnectionConfig, flow_label: u32) -> IpFields {
    IpFields { dscp: config.dscp, hop_limit: config.hop_limit, flow_label, ..IpFields::default() }
}

#[cfg(test)]
mod tests;
