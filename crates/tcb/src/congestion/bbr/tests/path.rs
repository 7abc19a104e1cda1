//! A path with one narrow place, and a sender that BBR governs: packets, ACKs, delivery rates.

use alloc::collections::VecDeque;

use super::super::super::pacing::{Pacer, late_max, quantum};
use super::super::super::testing::{NOW, ack, beginning};
use super::super::*;

pub(super) const MSS: u32 = 1_000;

/// The path, and everything on it. Time stands still between two events.
pub(super) struct Path {
    pub(super) bbr: Bbr,
    pub(super) now: Instant,
    /// Of the narrow place.
    pub(super) rate: BytesPerSecond,
    /// What its queue holds. Units: octets.
    pub(super) buffer: u32,
    /// Without any queue.
    pub(super) rtt: Duration,
    /// One packet in so many is lost, whatever the queue.
    pub(super) lost_one_in: Option<u64>,
    /// Octets that the application still wants to send.
    pub(super) backlog: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    /// The longest that a packet waited in the queue since this was set to zero.
    pub(super) wait_max: Duration,
    free_at: Instant,
    in_flight: u32,
    sent_count: u64,
    packets: VecDeque<Packet>,
    pacer: Pacer,
    paused_until: Option<Instant>,
    delivered_at: Instant,
    first_sent_at: Instant,
    app_limited_until: Option<u64>,
    recovers_at: Option<u64>,
}

/// A packet on its way, and what was known when it was sent.
#[derive(Clone, Copy)]
struct Packet {
    index: u64,
    sent_at: Instant,
    acked_at: Instant,
    is_lost: bool,
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    lost: u64,
    tx_in_flight: u32,
    is_app_limited: bool,
}

impl Path {
    pub(super) fn new(mbit: u64, rtt_ms: u64, buffer: u32) -> Self {
        let mut bbr = Bbr::new(&beginning(MSS));
        let rtt = Duration::from_millis(rtt_ms);
        bbr.on_established(NOW, Some(rtt));
        Self {
            bbr,
            now: NOW,
            rate: BytesPerSecond::new(mbit * 125_000),
            buffer,
            rtt,
            lost_one_in: None,
            backlog: u64::MAX,
            delivered: 0,
            lost: 0,
            wait_max: Duration::ZERO,
            free_at: NOW,
            in_flight: 0,
            sent_count: 0,
            packets: VecDeque::new(),
            pacer: Pacer::default(),
            paused_until: None,
            delivered_at: NOW,
            first_sent_at: NOW,
            app_limited_until: None,
            recovers_at: None,
        }
    }

    /// Lets `duration` pass; `look` sees the path after each event.
    pub(super) fn run(&mut self, duration: Duration, mut look: impl FnMut(&Self)) {
        let end = self.now + duration;
        loop {
            self.send();
            look(self);
            let ack = self.packets.front().map(|packet| packet.acked_at);
            let pause = self.paused_until.filter(|at| *at > self.now);
            let next = [ack, pause].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if ack.is_some_and(|at| at <= self.now) {
                self.acknowledge();
            }
        }
        self.now = end;
    }

    /// Octets delivered in `duration`, as a share of what the narrow place could have.
    pub(super) fn utilization(&mut self, duration: Duration) -> f64 {
        let before = self.delivered;
        self.run(duration, |_| {});
        (self.delivered - before) as f64 / self.rate.volume_in(duration) as f64
    }

    fn send(&mut self) {
        while self.in_flight + MSS <= self.bbr.cwnd() {
            if self.backlog < u64::from(MSS) {
                let bubble = self.delivered + u64::from(self.in_flight);
                self.app_limited_until = Some(bubble.max(1));
                return;
            }
            if self.paused_until.is_some_and(|at| at > self.now) {
                return;
            }
            let rate = self.bbr.pacing_rate().expect("BBR is always paced");
            self.paused_until = self.pacer.wait(self.now, rate, quantum(rate, MSS));
            if self.paused_until.is_some() {
                return;
            }
            self.bbr.on_sent(&SentSample {
                now: self.now,
                bytes: MSS,
                in_flight_before: self.in_flight,
                is_app_limited: self.app_limited_until.is_some(),
            });
            self.pacer.on_sent(self.now, MSS, rate, late_max(None));
            self.put_on_the_wire();
        }
    }

    fn put_on_the_wire(&mut self) {
        if self.in_flight == 0 {
            self.first_sent_at = self.now;
            self.delivered_at = self.now;
        }
        self.backlog -= u64::from(MSS);
        self.in_flight += MSS;
        self.sent_count += 1;
        let at_queue = self.now + self.rtt / 2;
        let wait = self.free_at.since(at_queue);
        let is_unlucky =
            self.lost_one_in.is_some_and(|every| self.sent_count.is_multiple_of(every));
        let is_lost = is_unlucky || self.rate.volume_in(wait) > u64::from(self.buffer);
        if !is_lost {
            self.wait_max = self.wait_max.max(wait);
            self.free_at = self.free_at.max(at_queue) + self.rate.time_for(u64::from(MSS));
        }
        self.packets.push_back(Packet {
            index: self.sent_count,
            sent_at: self.now,
            acked_at: self.free_at.max(at_queue) + self.rtt / 2,
            is_lost,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            lost: self.lost,
            tx_in_flight: self.in_flight,
            is_app_limited: self.app_limited_until.is_some(),
        });
    }

    /// The ACK of the next packet that was not lost, and what it says of those that were: three
    /// later ones arrived.
    fn acknowledge(&mut self) {
        let Some(packet) = self.packets.pop_front() else { return };
        if packet.is_lost {
            self.lose(&packet);
            return;
        }
        let before = self.in_flight;
        self.delivered += u64::from(MSS);
        self.in_flight -= MSS;
        self.delivered_at = self.now;
        self.first_sent_at = packet.sent_at;
        let send_time = packet.sent_at.since(packet.first_sent_at);
        let interval = send_time.max(self.now.since(packet.delivered_at));
        let delivered = u32::try_from(self.delivered - packet.delivered).unwrap();
        let rate = RateSample {
            delivered,
            interval,
            delivery_rate: BytesPerSecond::from_volume(u64::from(delivered), interval),
            prior_delivered: packet.delivered,
            tx_in_flight: packet.tx_in_flight,
            lost: u32::try_from(self.lost - packet.lost).unwrap(),
            is_app_limited: packet.is_app_limited,
        };
        if self.app_limited_until.is_some_and(|until| self.delivered > until) {
            self.app_limited_until = None;
        }
        if self.recovers_at.is_some_and(|at| packet.index > at) {
            self.recovers_at = None;
            self.bbr.on_recovered(self.now, CongestionSignal::Loss);
        }
        let rtt = Some(self.now.since(packet.sent_at));
        self.bbr.on_ack(&AckSample {
            now: self.now,
            in_flight_before: before,
            in_flight: self.in_flight,
            rtt,
            srtt: rtt,
            min_rtt: rtt,
            rate: Some(rate),
            delivered_total: self.delivered,
            cwnd_limited: before + MSS > self.bbr.cwnd(),
            in_recovery: self.recovers_at.is_some(),
            paced: true,
            ..ack(MSS)
        });
    }

    fn lose(&mut self, packet: &Packet) {
        let is_adjacent = self.lost > packet.lost;
        self.lost += u64::from(MSS);
        self.in_flight -= MSS;
        self.bbr.on_lost(
            self.now,
            &LostSample {
                bytes: MSS,
                tx_in_flight: packet.tx_in_flight,
                lost: u32::try_from(self.lost - packet.lost).unwrap(),
                is_app_limited: packet.is_app_limited,
                is_adjacent: is_adjacent && self.packets.front().is_some_and(|next| next.is_lost),
            },
        );
        if self.recovers_at.is_none() {
            self.recovers_at = Some(self.sent_count);
            self.bbr.on_congestion(&CongestionEvent {
                now: self.now,
                signal: CongestionSignal::Loss,
                flight_size: self.in_flight,
                in_flight: self.in_flight,
            });
        }
    }
}
