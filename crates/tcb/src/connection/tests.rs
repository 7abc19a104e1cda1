//! Two connections joined back to back, without an endpoint: opening, text, closing, loss.
//! What each polls out is handed to the other after a fixed delay, unless the test drops it.
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use synack_wire::TcpPacket;

use super::*;
use crate::error::{ReadError, WriteError};
use crate::recv::AckDue;
use crate::{Push, Unread};

const DELAY: Duration = Duration::from_millis(10);

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) client: Connection,
    pub(super) server: Option<Connection>,
    server_config: Arc<ConnectionConfig>,
    in_transit: VecDeque<(Instant, TcpPacket)>,
    /// Says of each packet, with its place in the order of all, whether it is lost.
    pub(super) lose: fn(usize, &TcpPacket) -> bool,
    pub(super) log: Vec<TcpPacket>,
}

pub(super) fn identity(iss: u32, path: FourTuple) -> Identity {
    Identity { path, iss: SeqNum::new(iss), timestamp_offset: 77, flow_label: 0, mtu: 1_500 }
}

impl Pair {
    pub(super) fn new(config: ConnectionConfig) -> Self {
        let path = FourTuple::new("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        let now = Instant::from_millis(1_000);
        let config = Arc::new(config);
        Self {
            now,
            client: Connection::active(now, identity(u32::MAX - 2_000, path), config.clone()),
            server: None,
            server_config: config,
            in_transit: VecDeque::new(),
            lose: |_, _| false,
            log: vec![],
        }
    }

    pub(super) fn server(&mut self) -> &mut Connection {
        self.server.as_mut().expect("the SYN arrived")
    }

    fn flush(&mut self) {
        let mut sent = vec![];
        while let Some(packet) = self.client.poll_transmit(self.now, TransmitLimits::SINGLE) {
            sent.push(packet);
        }
        if let Some(server) = &mut self.server {
            while let Some(packet) = server.poll_transmit(self.now, TransmitLimits::SINGLE) {
                sent.push(packet);
            }
        }
        for packet in sent {
            let lost = (self.lose)(self.log.len(), &packet);
            self.log.push(packet.clone());
            if !lost {
                self.in_transit.push_back((self.now + DELAY, packet));
            }
        }
        self.client.check_invariants();
        if let Some(server) = &self.server {
            server.check_invariants();
        }
    }

    fn deliver(&mut self, packet: TcpPacket) {
        if packet.source.port() == 80 {
            let _ = self.client.handle_packet(self.now, packet);
            return;
        }
        if let Some(server) = &mut self.server {
            let _ = server.handle_packet(self.now, packet);
            return;
        }
        let path = FourTuple::of_arriving(&packet);
        let identity = identity(u32::MAX - 500, path);
        let mut record =
            SynRecord::from_syn(self.now, identity, &packet.segment, &self.server_config);
        record.sent_at = Some(self.now);
        let answer = record.syn_ack(self.now, &self.server_config);
        self.log.push(answer.clone());
        self.in_transit.push_back((self.now + DELAY, answer));
        self.server = Some(Connection::passive(self.now, &record, self.server_config.clone()));
    }

    /// Lets one event happen; returns whether there was one before `until`.
    fn step(&mut self, until: Instant) -> bool {
        self.flush();
        let arrival = self.in_transit.front().map(|(at, _)| *at);
        let deadline = [self.client.deadline(), self.server.as_ref().and_then(|s| s.deadline())];
        let next = deadline.into_iter().chain([arrival]).flatten().min();
        let Some(next) = next.filter(|next| *next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        while self.in_transit.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, packet) = self.in_transit.pop_front().unwrap();
            self.deliver(packet);
        }
        self.client.handle_timeout(self.now);
        if let Some(server) = &mut self.server {
            server.handle_timeout(self.now);
        }
        true
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Moves `len` octets from the client to the server and checks each.
    fn transfer(&mut self, len: usize) {
        let text: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        let (mut written, mut received) = (0, vec![]);
        let until = self.now + Duration::from_secs(300);
        while received.len() < len {
            match self.client.write(self.now, &text[written..], Push::Now) {
                Ok(count) => written += count,
                Err(WriteError::Blocked) => {}
                Err(error) => panic!("{error}"),
            }
            let mut into = [0; 10_000];
            let now = self.now;
            while let Ok(Some(count)) = self.server().read(now, &mut into) {
                received.extend_from_slice(&into[..count]);
            }
            if received.len() < len {
                assert!(self.step(until), "stuck at {} of {len}", received.len());
            }
        }
        assert!(received == text);
    }
}

fn open(config: ConnectionConfig) -> Pair {
    let mut pair = Pair::new(config);
    pair.run_for(DELAY * 4);
    assert_eq!(pair.client.state(), State::Established);
    assert_eq!(pair.server().state(), State::Established);
    pair
}

#[test]
fn sm_seqn_1_three_segments_open_a_connection() {
    let pair = open(ConnectionConfig::default());
    assert_eq!(pair.log.len(), 3);
    let [syn, syn_ack, ack] = [0, 1, 2].map(|index| &pair.log[index].segment);
    assert!(syn.is_syn() && syn.ack.is_none());
    assert!(syn_ack.is_syn() && syn_ack.ack == Some(syn.seq + 1));
    assert!(!ack.is_syn() && ack.seq == syn.seq + 1 && ack.ack == Some(syn_ack.seq + 1));
    let info = pair.client.info();
    assert!(info.timestamps && info.sack && info.window_scale == Some((5, 5)));
    assert_eq!(info.srtt, Some(DELAY * 2));
}

#[test]
fn text_arrives_whole_with_and_without_each_option() {
    for bits in 0..8 {
        let config = ConnectionConfig {
            timestamps: bits & 1 != 0,
            sack: bits & 2 != 0,
            window_scaling: bits & 4 != 0,
            ..ConnectionConfig::default()
        };
        let mut pair = open(config);
        pair.transfer(1_000_000);
        assert_eq!(pair.client.info().counters.retransmissions, 0);
    }
}

#[test]
fn lost_segments_are_sent_again_and_text_arrives_whole() {
    for sack in [false, true] {
        for timestamps in [false, true] {
            let config = ConnectionConfig { sack, timestamps, ..ConnectionConfig::default() };
            let mut pair = open(config);
            pair.lose = |index, _| index % 29 == 7 || index % 31 == 3;
            pair.transfer(500_000);
            let counters = pair.client.info().counters;
            assert!(counters.retransmissions > 5, "{counters:?}");
            assert!(counters.recoveries > 0, "{counters:?}");
        }
    }
}

#[test]
fn sm_seqn_7_a_normal_close_ends_in_time_wait_and_closed() {
    let mut pair = open(ConnectionConfig::default());
    let now = pair.now;
    pair.client.close(now);
    pair.run_for(DELAY * 3);
    assert_eq!(pair.client.state(), State::FinWait2);
    assert_eq!(pair.server().state(), State::CloseWait);
    assert_eq!(pair.server().read(now, &mut [0; 10]), Ok(None));
    let now = pair.now;
    pair.server().close(now);
    pair.run_for(DELAY * 3);
    assert_eq!(pair.client.state(), State::TimeWait);
    assert_eq!(pair.server().state(), State::Closed);
    let events: Vec<_> = core::iter::from_fn(|| pair.client.poll_endpoint_event()).collect();
    assert!(matches!(
        events.as_slice(),
        [EndpointEvent::TimeWait(_), EndpointEvent::Released(Release::Orderly)]
    ));
    let released = pair.server().poll_endpoint_event();
    assert_eq!(released, Some(EndpointEvent::Released(Release::Orderly)));
    assert_eq!(pair.server().close_reason(), Some(CloseReason::Finished));
}

#[test]
fn must_37_a_window_closed_for_an_hour_is_probed_and_then_used() {
    let mut pair = open(ConnectionConfig { receive_buffer: 20_000, ..ConnectionConfig::default() });
    let text = [7; 60_000];
    let now = pair.now;
    let written = pair.client.write(now, &text, Push::Now).unwrap();
    pair.run_for(Duration::from_secs(3_600));
    assert_eq!(pair.client.state(), State::Established);
    assert_eq!(pair.server().info().unread, 20_000);
    assert!(pair.client.info().counters.probes > 50);
    let mut received = 0;
    for _ in 0..100 {
        let now = pair.now;
        if let Ok(Some(count)) = pair.server().read(now, &mut [0; 5_000]) {
            received += count;
        }
        pair.run_for(DELAY * 3);
    }
    assert_eq!(received, written);
}

#[test]
fn rst_13_an_abort_resets_the_peer_after_what_it_received() {
    let mut pair = open(ConnectionConfig::default());
    let now = pair.now;
    pair.client.write(now, b"last words", Push::Now).unwrap();
    pair.run_for(DELAY * 3);
    let now = pair.now;
    pair.client.abort(now);
    pair.run_for(DELAY * 3);
    assert_eq!(
        pair.client.poll_endpoint_event(),
        Some(EndpointEvent::Released(Release::AfterReset))
    );
    let now = pair.now;
    let server = pair.server();
    let mut into = [0; 20];
    assert_eq!(server.read(now, &mut into), Ok(Some(10)));
    assert_eq!(&into[..10], b"last words");
    let reset = ReadError::Closed(CloseReason::ResetByPeer);
    assert_eq!(server.read(now, &mut into), Err(reset));
    assert_eq!(server.read(now, &mut into), Ok(None));
    assert_eq!(
        server.write(now, b"x", Push::Now),
        Err(WriteError::Closed(CloseReason::ResetByPeer))
    );
}

#[test]
fn close_13_a_stream_dropped_with_text_unread_resets() {
    for (unread, reset) in [(Unread::No, false), (Unread::Yes, true)] {
        let mut pair = open(ConnectionConfig::default());
        let now = pair.now;
        pair.client.detach(now, unread);
        pair.run_for(DELAY * 3);
        let is_reset = pair.server().close_reason() == Some(CloseReason::ResetByPeer);
        assert_eq!(is_reset, reset);
    }
}

#[test]
fn ka_4_a_vanished_peer_is_found_dead_after_7950_seconds() {
    let keep_alive = Some(crate::KeepAlive::default());
    let mut pair = open(ConnectionConfig { keep_alive, ..ConnectionConfig::default() });
    pair.run_for(Duration::from_secs(20_000));
    assert_eq!(pair.client.state(), State::Established, "an answering peer lives");
    pair.lose = |_, _| true;
    let heard = pair.client.deadline();
    assert!(heard.is_some());
    pair.run_for(Duration::from_secs(20_000));
    assert_eq!(pair.client.close_reason(), Some(CloseReason::TimedOut));
}

#[test]
fn open_14_a_syn_is_sent_again_for_more_than_three_minutes() {
    let mut pair = Pair::new(ConnectionConfig::default());
    let start = pair.now;
    pair.lose = |_, _| true;
    pair.run_for(Duration::from_secs(1_000));
    assert_eq!(pair.client.close_reason(), Some(CloseReason::TimedOut));
    // 1 + 2 + 4 + ... + 64 + 120: the eighth expiry is the first after three minutes.
    assert_eq!(pair.log.len(), 8);
    assert!(pair.now.since(start) >= Duration::from_secs(180));
}

#[test]
fn dack_7_an_answer_carries_the_acknowledgment() {
    let mut pair = open(ConnectionConfig { quick_acks: 0, ..ConnectionConfig::default() });
    let before = pair.log.len();
    for _ in 0..10 {
        let now = pair.now;
        pair.client.write(now, b"ping", Push::Now).unwrap();
        pair.run_for(DELAY + Duration::from_millis(1));
        assert_eq!(pair.server().acks.due(), AckDue::Delayed);
        let now = pair.now;
        let count = pair.server().read(now, &mut [0; 10]);
        assert_eq!(count, Ok(Some(4)));
        pair.server().write(now, b"pong", Push::Now).unwrap();
        pair.run_for(DELAY + Duration::from_millis(1));
        let now = pair.now;
        assert_eq!(pair.client.read(now, &mut [0; 10]), Ok(Some(4)));
    }
    assert_eq!(pair.log.len() - before, 20, "no pure ACK");
}
