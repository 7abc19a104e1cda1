//! Packets in and out: to whom they go, and what the endpoint and its connections send.

use bytes::Bytes;
use synack_tcb::{Events, Route};
use synack_wire::{ChecksumTrust, Parsed, TcpPacket, parse};

use super::{Host, LINK, Sent};
use crate::errno::Errno;
use crate::segmentation::{LIMITS, burst_len, segments_of};
use crate::socket::Role;

impl Host {
    /// A packet arrives, from its IP header on. What is no packet is dropped, as from a network.
    pub fn inject(&mut self, octets: Bytes) {
        match parse(octets, ChecksumTrust::Verify) {
            Ok(Parsed::Tcp { packet, option_fault: _ }) => self.arrive(packet),
            Ok(Parsed::IcmpError(error)) => {
                let now = self.instant();
                if let Some(id) = self.endpoint.handle_icmp(now, &error)
                    && let Some(connection) = self.connection_mut(id)
                {
                    let _refused = connection.handle_icmp(now, &error);
                }
                self.drain();
            }
            Ok(Parsed::Echo(request)) => self.send(request.into_reply()),
            Ok(Parsed::Other(_)) | Err(_) => {}
        }
    }

    fn arrive(&mut self, mut packet: TcpPacket) {
        let now = self.instant();
        match self.endpoint.route(now, LINK, &mut packet) {
            Route::Deliver(id) => {
                if let Some(connection) = self.connection_mut(id) {
                    // Why a segment was not used concerns counters only.
                    let _ = connection.handle_packet(now, &mut packet);
                }
            }
            Route::Accept { listener, id, connection } => {
                self.insert(id, connection);
                for socket in self.descriptors.iter_mut() {
                    match &mut socket.role {
                        Role::Listening { id: own, waiting } if *own == listener => {
                            waiting.push_back(id);
                        }
                        Role::Idle | Role::Listening { .. } | Role::Connected { .. } => {}
                    }
                }
            }
            Route::Reply(reply) => self.send_packet(reply),
            Route::Drop(_) | Route::Elsewhere(_) => {}
        }
        self.drain();
    }

    /// Carries events and takes every packet there is, until nothing is left.
    pub(crate) fn drain(&mut self) {
        let now = self.instant();
        let mut packets = Vec::new();
        let mut errors = Vec::new();
        let Self { connections, endpoint, settings, .. } = self;
        for (id, live) in connections.iter_mut() {
            let connection = &mut live.connection;
            while let Some(event) = connection.poll_endpoint_event() {
                endpoint.handle_event(now, *id, event);
            }
            let mut burst = Vec::new();
            while let Some(packet) = connection.poll_transmit(now, LIMITS) {
                burst.extend(segments_of(&packet));
            }
            let burst_len = burst_len(&connection.info(), settings.burst_min);
            live.bursts.mark(&mut burst, burst_len);
            packets.extend(burst);
            while let Some(event) = connection.poll_endpoint_event() {
                endpoint.handle_event(now, *id, event);
            }
            live.is_released = connection.is_released();
            if connection.poll_events().contains(Events::CLOSED)
                && let Some(error) = connection.take_failure().and_then(Errno::of_close)
            {
                errors.push((*id, error));
            }
        }
        while let Some((id, mtu)) = endpoint.poll_path_mtu() {
            if let Some(live) = connections.get_mut(&id) {
                live.connection.handle_path_mtu(now, mtu);
            }
        }
        connections.retain(|_, live| !(live.is_released && live.is_detached));
        while let Some((_link, packet)) = endpoint.poll_transmit(now) {
            packets.push(packet);
        }
        for (id, error) in errors {
            self.report(id, error);
        }
        for packet in packets {
            self.send_packet(packet);
        }
    }

    /// A connection failed: its socket keeps the error until a call tells it.
    fn report(&mut self, failed: synack_tcb::ConnectionId, error: Errno) {
        for socket in self.descriptors.iter_mut() {
            match socket.role {
                Role::Connected { id, .. } if id == failed => socket.error = Some(error),
                Role::Idle | Role::Listening { .. } | Role::Connected { .. } => {}
            }
        }
    }

    fn send_packet(&mut self, packet: TcpPacket) {
        let octets = packet.to_bytes().expect("the state machine builds packets that fit");
        self.send(octets);
    }

    fn send(&mut self, octets: Bytes) {
        let at_us = self.now();
        self.egress.push_back(Sent { at_us, octets });
    }
}
