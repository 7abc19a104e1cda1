//! Samples of the delivery rate (BBR-17), by numbers worked out by hand.
//! Segments of 1000 octets leave and are acknowledged at stated times; a round trip takes 100 ms.
use super::super::{AckArrival, AckOutcome, Handshaken, LossRecovery, Sent};
use super::*;
use alloc::vec::Vec;
use core::time::Duration;
use synack_wire::SeqRange;

const ISS: SeqNum = SeqNum::new(u32::MAX - 2_500);
const MSS: u32 = 1_000;

struct Sender {
    recovery: LossRecovery,
    nxt: SeqNum,
}

impl Sender {
    fn new() -> Self {
        let mut recovery = LossRecovery::new(ISS);
        let rtt = Some(Duration::from_millis(100));
        recovery.on_established(at(1), Handshaken { rtt, timed_out: false, sack: true });
        Self { recovery, nxt: ISS + 1 }
    }

    /// One segment leaves at each of these times.
    fn send(&mut self, times_ms: impl IntoIterator<Item = u64>) {
        for ms in times_ms {
            let range = SeqRange::with_len(self.nxt, MSS);
            self.recovery.on_sent(at(ms), range, MSS, Sent::Segment);
            self.nxt = range.end;
        }
    }

    /// Everything below the segment of this index is acknowledged, and these are SACKed.
    fn ack_and_sack(&mut self, ms: u64, una: u32, sacked: &[(u32, u32)]) -> AckOutcome {
        let segment = |index: u32| ISS + 1 + index * MSS;
        let sack: Vec<_> =
            sacked.iter().map(|(from, to)| SeqRange::new(segment(*from), segment(*to))).collect();
        self.recovery.on_ack(AckArrival {
            now: at(ms),
            ack: segment(una),
            nxt: self.nxt,
            sack: Some(&sack),
            is_duplicate: !sack.is_empty(),
            echoed_at: None,
            mss: MSS,
        })
    }

    fn ack(&mut self, ms: u64, una: u32) -> RateSample {
        self.ack_and_sack(ms, una, &[]).sample.unwrap().rate.unwrap()
    }

    /// What is lost leaves again.
    fn send_again(&mut self, ms: u64) {
        while let Some(lost) = self.recovery.next_lost(MSS) {
            self.recovery.on_retransmitted(at(ms), lost, MSS);
        }
    }
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(1_000 + ms)
}

/// Octets, over how many milliseconds, octets per second.
fn figures(sample: &RateSample) -> (u32, u128, u64) {
    (sample.delivered, sample.interval.as_millis(), sample.delivery_rate.get())
}

#[test]
fn bbr_17_the_rate_is_what_was_delivered_since_the_last_ack_before_the_packet_left() {
    let mut sender = Sender::new();
    sender.send([0, 10, 20, 30]);
    assert_eq!(figures(&sender.ack(100, 1)), (1_000, 100, 10_000));
    sender.send([100]);
    for (ms, una, worked) in [
        // Sent before anything was acknowledged: from the start on.
        (110, 2, (2_000, 110, 18_181)),
        (130, 4, (4_000, 130, 30_769)),
        // Sent after the first ACK, when 1000 octets were delivered.
        (200, 5, (4_000, 100, 40_000)),
    ] {
        assert_eq!(figures(&sender.ack(ms, una)), worked, "{ms} ms");
    }
}

#[test]
fn bbr_17_acks_that_were_held_up_and_come_at_once_do_not_exceed_the_rate_of_sending() {
    let mut sender = Sender::new();
    sender.send((0..10).map(|index| index * 10));
    sender.ack(100, 1);
    sender.send([100]);
    // Nine segments with one ACK; the next leaves with it.
    sender.ack(199, 10);
    sender.send([199]);
    // By the ACKs 10000 octets took 100 ms, and so by the sending.
    assert_eq!(figures(&sender.ack(200, 11)), (10_000, 100, 100_000));
    // By the ACKs 100 ms; but it left 109 ms after what had been acknowledged when it did.
    assert_eq!(figures(&sender.ack(299, 12)), (2_000, 109, 18_348));
}

#[test]
fn bbr_17_idle_time_is_not_counted() {
    let mut sender = Sender::new();
    sender.send([0]);
    sender.ack(100, 1);
    sender.send([5_000, 5_000]);
    assert_eq!(figures(&sender.ack(5_100, 3)), (2_000, 100, 20_000));
}

#[test]
fn bbr_17_the_packet_sent_last_counts_whatever_its_number() {
    let mut sender = Sender::new();
    sender.send([0, 10, 20, 30, 40]);
    // Segment 0 is lost, and what is behind it is reported.
    let outcome = sender.ack_and_sack(140, 0, &[(1, 5)]);
    let rate = outcome.sample.unwrap().rate.unwrap();
    assert_eq!(figures(&rate), (4_000, 140, 28_571));
    assert_eq!(rate.tx_in_flight, 5_000);
    sender.send_again(140);
    sender.send([150]);
    // Segment 5 left after the second sending of segment 0.
    let rate = sender.ack(250, 6);
    assert_eq!(rate.prior_delivered, 4_000);
    assert_eq!(rate.tx_in_flight, 2_000);
    assert_eq!(figures(&rate), (2_000, 110, 18_181));
}

#[test]
fn bbr_17_a_sample_shorter_than_the_round_trip_tells_no_rate() {
    let mut sender = Sender::new();
    sender.send([0, 0, 0]);
    let signal = sender.recovery.on_timeout(at(300), sender.nxt, MSS);
    assert_eq!(signal, Some(3_000));
    sender.send_again(300);
    // The ACK of the first sending, which was late.
    let rate = sender.ack(310, 1);
    assert_eq!((rate.delivery_rate, rate.interval), (BytesPerSecond::ZERO, ms(10)));
}

#[test]
fn bbr_17_samples_are_the_applications_for_a_round_trip_after_it_had_nothing_to_send() {
    let mut sender = Sender::new();
    sender.send([0, 10]);
    sender.recovery.on_app_limited();
    sender.send([50, 100]);
    for (ms, una, limited) in [(100, 1, false), (110, 2, false), (150, 3, true)] {
        assert_eq!(sender.ack(ms, una).is_app_limited, limited, "{ms} ms");
    }
    // 2000 octets were on their way when there was nothing to send, and more is delivered now.
    assert!(!sender.recovery.is_app_limited());
    sender.send([150]);
    assert!(sender.ack(200, 4).is_app_limited, "it left before that");
    assert!(!sender.ack(250, 5).is_app_limited);
}

#[test]
fn bbr_16_each_lost_range_tells_what_was_in_flight_and_lost_since_it_left() {
    let mut sender = Sender::new();
    sender.send([0; 10]);
    let outcome = sender.ack_and_sack(100, 0, &[(1, 2), (4, 10)]);
    assert_eq!(outcome.sample.unwrap().lost_bytes, 3_000);
    let lost = sender.recovery.take_newly_lost();
    let told: Vec<_> =
        lost.iter().map(|it| (it.bytes, it.tx_in_flight, it.lost, it.is_adjacent)).collect();
    // Segments 0, 2 and 3, and only 3 follows another one.
    let worked =
        [(1_000, 1_000, 1_000, false), (1_000, 3_000, 2_000, false), (1_000, 4_000, 3_000, true)];
    assert_eq!(told, worked);
    assert!(sender.recovery.take_newly_lost().is_empty(), "each is told once");
    // What left before these losses has them behind it.
    assert_eq!(outcome.sample.unwrap().rate.unwrap().lost, 3_000);
    sender.send_again(100);
    let rate = sender.ack(200, 10);
    assert_eq!((rate.lost, rate.tx_in_flight), (0, 3_000));
}

#[test]
fn what_left_late_was_sent_late() {
    let mut sender = Sender::new();
    sender.send([0, 0]);
    sender.recovery.on_stalled(at(400), at(0));
    assert_eq!(figures(&sender.ack(500, 2)), (2_000, 100, 20_000));
    // What was delivered in the meantime stays so.
    sender.send([500, 500]);
    sender.ack(600, 3);
    sender.send([600]);
    sender.recovery.on_stalled(at(700), at(600));
    assert_eq!(sender.ack(800, 5).interval, ms(200));
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
