//! Segment arrival in LISTEN (RFC 9293 §3.10.7.2): what comes of the listener's verdict.

use synack_wire::{SeqNum, TcpPacket};

use super::Endpoint;
use super::demux::Target;
use super::route::Route;
use crate::connection::{EcnUse, Negotiated, Offer, SynRecord};
use crate::drop_reason::DropReason;
use crate::link::LinkId;
use crate::listener::{ListenerId, Unfolded, Verdict, cookie_timestamp, keepable, unfold};
use crate::{FourTuple, Instant};

impl Endpoint {
    /// LISTEN.
    pub(super) fn route_to_listener(
        &mut self,
        now: Instant,
        link: LinkId,
        id: ListenerId,
        packet: &mut TcpPacket,
    ) -> Route {
        let path = FourTuple::of_arriving(packet);
        let Some(listener) = self.listeners.get_mut(id) else {
            return self.refuse(now, &path, packet);
        };
        match listener.judge(now, &packet.segment) {
            Verdict::Open => {
                let iss = self.numbers.isn(now, &path);
                self.open_half(now, link, id, iss, packet)
            }
            Verdict::Cookie => self.answer_with_cookie(now, path, id, packet),
            Verdict::CheckCookie => self.take_cookie(now, path, id, packet),
            Verdict::Reset => self.refuse(now, &path, packet),
            Verdict::Drop(reason) => Route::Drop(reason),
        }
    }

    /// SM-LISTEN-3: SYN-RECEIVED, and the SYN-ACK. Nothing is allocated but the place in the queue.
    fn open_half(
        &mut self,
        now: Instant,
        link: LinkId,
        id: ListenerId,
        iss: SeqNum,
        packet: &TcpPacket,
    ) -> Route {
        let path = FourTuple::of_arriving(packet);
        let identity = self.identity(path, iss);
        let Some(listener) = self.listeners.get_mut(id) else {
            return Route::Drop(DropReason::NoConnection);
        };
        let config = listener.connection_config();
        let record = SynRecord::from_syn(now, identity, &packet.segment, packet.ip.ecn, config);
        let syn_ack = record.syn_ack(now, config);
        let (retries_max, config) = (listener.retries_max(), config.clone());
        listener.on_half_open();
        let key = self.syn_queue.insert(now, record, (id, link), retries_max, config);
        self.demux.insert(path, Target::HalfOpen(key));
        self.counters.syns_queued += 1;
        self.reply(now, syn_ack)
    }

    /// A SYN lets the next connection begin before 2 MSL are over. The record of the last one stays
    /// until the handshake is complete: should the SYN be an old duplicate, TIME-WAIT goes on
    /// (MAY-2).
    pub(super) fn reopen(
        &mut self,
        now: Instant,
        link: LinkId,
        id: ListenerId,
        last: SeqNum,
        packet: &TcpPacket,
    ) -> Route {
        let has_room = self.listeners.get_mut(id).is_some_and(|l| l.has_half_open_room());
        if !has_room {
            return Route::Drop(DropReason::SynQueueFull);
        }
        self.counters.time_wait_reused += 1;
        let iss = self.numbers.isn_above(now, &FourTuple::of_arriving(packet), last);
        self.open_half(now, link, id, iss, packet)
    }

    /// SM-LISTEN-5 (SYNC-1, SYNC-2, SYNC-11, SYNC-13): the SYN-ACK says it all, once.
    fn answer_with_cookie(
        &mut self,
        now: Instant,
        path: FourTuple,
        id: ListenerId,
        packet: &TcpPacket,
    ) -> Route {
        let Some(listener) = self.listeners.get_mut(id) else {
            return Route::Drop(DropReason::NoConnection);
        };
        listener.on_cookie_sent(now);
        let config = listener.connection_config().clone();
        let syn = &packet.segment;
        let ours = Offer::of(&config);
        let mut offered = Negotiated::from_syn(&ours, &syn.options, path.is_ipv6());
        offered.ecn = EcnUse::of_syn(ours.ecn, syn.control, packet.ip.ecn);
        let negotiated = keepable(offered, &syn.options);
        let iss = self.cookies.make(now, &path, syn.seq, &negotiated);
        let identity = self.identity(path, iss);
        let mut record = SynRecord::from_syn(now, identity, syn, packet.ip.ecn, &config);
        record.negotiated = negotiated;
        let mut syn_ack = record.syn_ack(now, &config);
        if let Some(timestamps) = &mut syn_ack.segment.options.timestamps {
            timestamps.value = cookie_timestamp(now, identity.timestamp_offset, &negotiated);
        }
        self.counters.cookies_sent += 1;
        self.reply(now, syn_ack)
    }

    /// SM-LISTEN-2: an ACK with a valid cookie opens a connection (SYNC-5, SYNC-6, SYNC-10).
    fn take_cookie(
        &mut self,
        now: Instant,
        path: FourTuple,
        id: ListenerId,
        packet: &mut TcpPacket,
    ) -> Route {
        let Some(listener) = self.listeners.get_mut(id) else {
            return Route::Drop(DropReason::NoConnection);
        };
        let (config, has_room) =
            (listener.connection_config().clone(), listener.has_backlog_room());
        let offset = self.numbers.timestamp_offset(&path);
        let Some(syn) = self.cookies.check(now, &path, &packet.segment, offset, &config) else {
            self.counters.cookies_invalid += 1;
            return self.refuse(now, &path, packet);
        };
        if !has_room {
            self.counters.accept_queue_full += 1;
            return Route::Drop(DropReason::AcceptQueueFull);
        }
        if self.ids.is_full() {
            return Route::Drop(DropReason::TooManyConnections);
        }
        let identity = self.identity(path, syn.iss);
        let mut record =
            SynRecord::from_cookie(now, identity, syn.irs, syn.negotiated, &packet.segment);
        match unfold(now, &mut record, &config, packet, || Ok(())) {
            Unfolded::Open(connection) => {
                self.counters.cookies_valid += 1;
                self.accept(now, id, connection)
            }
            Unfolded::Gone(reason) | Unfolded::Dropped(reason) => Route::Drop(reason),
            Unfolded::Reply(reply) => self.reply(now, reply),
            Unfolded::Refused => self.refuse(now, &path, packet),
        }
    }
}
