//! Shows that the CoDel queue drops and marks what RFC 8289 says, when it says so.
//! How: known overloads against the control law; random traffic against the pseudocode, chapter 5.

use crate::drive::{cases, ms, run, stream, us};
use core::time::Duration;
use proptest::prelude::*;
use std::collections::VecDeque;
use synack_netem::{Bottleneck, Capacity, CoDel, EcnUse, LinkConfig, Queue, Rate};

/// One full packet a millisecond.
const RATE: Rate = Rate::mbit(12);

fn codel(ecn: EcnUse) -> LinkConfig {
    let bottleneck = Bottleneck::codel(RATE, Capacity::packets(100_000), ecn);
    LinkConfig { bottleneck: Some(bottleneck), ..LinkConfig::default() }
}

/// A stream of packets that carry ECT(0), or not, above the line's rate.
fn overload(count: u64, second_octet: u8) -> Vec<(Duration, Vec<u8>)> {
    let mut packets = stream(count, 1_500, us(900));
    for (_, packet) in &mut packets {
        packet[..2].copy_from_slice(&[0x60, second_octet]);
    }
    packets
}

/// When each drop is due by the control law, after the first at `first`: 100 ms divided by the root
/// of 1, 2, 3...
fn drops_due(first: Duration, until: Duration) -> Vec<Duration> {
    let mut due = vec![first];
    let mut next = first.as_secs_f64();
    for count in 1.. {
        next += 0.1 / f64::from(count).sqrt();
        if next > until.as_secs_f64() {
            break;
        }
        due.push(Duration::from_secs_f64(next));
    }
    due
}

#[test]
fn it_drops_after_100_ms_above_5_ms_and_then_faster_and_faster() {
    let run = run(codel(EcnUse::Drop), 1, overload(2_000, 0));
    // Packets leave the queue one a millisecond; the one delivered at `due` left it at `due - 1
    // ms`.
    let left = |delivery: &synack_netem::Delivery<_>| delivery.due - ms(1);
    let sent = |nth: u64| us(900) * (nth as u32 - 1);
    let above = run.deliveries.iter().find(|got| left(got) - sent(got.nth) >= ms(5)).unwrap();

    // A drop takes no time on the line, so it shows as a gap in the numbers: at the time at which
    // the next packet left the queue.
    let dropped: Vec<Duration> = run
        .deliveries
        .windows(2)
        .flat_map(|pair| vec![left(&pair[1]); (pair[1].nth - pair[0].nth - 1) as usize])
        .collect();
    assert_eq!(dropped.len() as u64, run.stats.codel_dropped);
    assert_eq!(dropped[0], left(above) + ms(100));

    // Each further drop comes with the first packet to leave at or after its time.
    let last_sent = sent(2_000);
    let expected: Vec<Duration> = drops_due(dropped[0], last_sent)
        .into_iter()
        .map(|due| ms(due.as_nanos().div_ceil(1_000_000) as u64))
        .collect();
    assert!(expected.len() > 50, "{}", expected.len());
    assert_eq!(dropped[..expected.len()], expected);
}

#[test]
fn it_leaves_a_queue_alone_that_waits_less_than_the_target() {
    // Bursts of five packets each 10 ms: the last waits 4 ms.
    let mut packets = Vec::new();
    for turn in 0..200 {
        packets.extend((0..5).map(|_| (ms(10 * turn), vec![0; 1_500])));
    }
    assert_eq!(run(codel(EcnUse::Drop), 1, packets).stats.lost(), 0);
}

#[test]
fn it_leaves_a_burst_alone_that_is_gone_within_the_interval() {
    // Ninety packets at once wait up to 89 ms, and then there are none.
    let run = run(codel(EcnUse::Drop), 1, stream(90, 1_500, Duration::ZERO));
    assert_eq!(run.stats.lost(), 0);
}

#[test]
fn it_never_drops_the_last_packet_of_a_queue_however_long_it_waited() {
    // At 8 kbit/s each packet of 1,000 octets takes a second, far above the target.
    let bottleneck = Bottleneck::codel(Rate::kbit(8), Capacity::packets(10), EcnUse::Drop);
    let config = LinkConfig { bottleneck: Some(bottleneck), ..LinkConfig::default() };
    let run = run(config, 1, stream(50, 1_000, ms(999)));
    assert_eq!(run.stats.lost(), 0);
}

#[test]
fn it_marks_what_can_carry_a_mark_and_drops_the_rest() {
    let marking = run(codel(EcnUse::Mark), 1, overload(2_000, 0x20));
    assert_eq!(marking.stats.lost(), 0);
    assert!(marking.stats.ce_marked > 50);
    let marked = marking.deliveries.iter().filter(|got| got.packet[1] == 0x30).count() as u64;
    assert_eq!(marked, marking.stats.ce_marked);

    let not_capable = run(codel(EcnUse::Mark), 1, overload(2_000, 0));
    let dropping = run(codel(EcnUse::Drop), 1, overload(2_000, 0x20));
    assert_eq!(not_capable.stats.ce_marked, 0);
    assert_eq!(dropping.stats.ce_marked, 0);
    assert_eq!(not_capable.missing(), dropping.missing());
    // The first signal is given to the same packet, whichever it is.
    let first = marking.deliveries.iter().find(|got| got.alterations.ce_marked).unwrap();
    assert_eq!(first.nth, dropping.missing()[0]);
}

#[test]
fn a_full_queue_drops_also_under_codel() {
    let bottleneck = Bottleneck::codel(RATE, Capacity::packets(10), EcnUse::Drop);
    let config = LinkConfig { bottleneck: Some(bottleneck), ..LinkConfig::default() };
    let run = run(config, 1, stream(20, 1_500, Duration::ZERO));
    assert_eq!(run.stats.queue_dropped, 9);
}

/// The pseudocode of RFC 8289, chapter 5, over packets of one size and a line that takes 1 ms each.
/// Times are nanoseconds; 0 is never, as there.
#[derive(Default)]
struct Reference {
    queue: VecDeque<(u64, u64)>,
    first_above_time: u64,
    drop_next: u64,
    count: u32,
    lastcount: u32,
    dropping: bool,
    dropped: Vec<u64>,
}

impl Reference {
    fn dodequeue(&mut self, now: u64, codel: CoDel) -> (Option<u64>, bool) {
        let Some((nth, arrived)) = self.queue.pop_front() else {
            self.first_above_time = 0;
            return (None, false);
        };
        if now - arrived < (codel.target.as_nanos() as u64) || self.queue.len() <= 1 {
            self.first_above_time = 0;
            return (Some(nth), false);
        }
        if self.first_above_time == 0 {
            self.first_above_time = now + codel.interval.as_nanos() as u64;
            return (Some(nth), false);
        }
        (Some(nth), now >= self.first_above_time)
    }

    fn dequeue(&mut self, now: u64, codel: CoDel) -> Option<u64> {
        let interval = codel.interval.as_nanos() as u64;
        // Roots of whole numbers, so that nothing hangs on the rounding of a float; the test of the
        // control law above has the formula as it stands.
        let square = u128::from(interval) * u128::from(interval);
        let control_law = |t: u64, count: u32| t + (square / u128::from(count)).isqrt() as u64;
        let (mut packet, mut ok_to_drop) = self.dodequeue(now, codel);
        if self.dropping {
            if !ok_to_drop {
                self.dropping = false;
            }
            while now >= self.drop_next && self.dropping {
                self.dropped.extend(packet);
                self.count += 1;
                (packet, ok_to_drop) = self.dodequeue(now, codel);
                if ok_to_drop {
                    self.drop_next = control_law(self.drop_next, self.count);
                } else {
                    self.dropping = false;
                }
            }
        } else if ok_to_drop {
            self.dropped.extend(packet);
            (packet, _) = self.dodequeue(now, codel);
            self.dropping = true;
            let delta = self.count - self.lastcount;
            self.count = 1;
            if delta > 1 && now - self.drop_next < 16 * interval {
                self.count = delta;
            }
            self.drop_next = control_law(now, self.count);
            self.lastcount = self.count;
        }
        packet
    }

    /// What is dropped of packets that arrive at these times.
    fn run(mut self, arrivals: &[u64], codel: CoDel) -> Vec<u64> {
        let mut free_at = 0;
        let mut next = 0;
        loop {
            let begin = match self.queue.front() {
                Some((_, arrived)) => free_at.max(*arrived),
                None if next == arrivals.len() => return self.dropped,
                None => arrivals[next].max(free_at),
            };
            while next < arrivals.len() && arrivals[next] <= begin {
                self.queue.push_back((next as u64 + 1, arrivals[next]));
                next += 1;
            }
            if begin > free_at {
                // The line asked when it became free, and there was nothing.
                self.first_above_time = 0;
                self.dropping = false;
            }
            if self.dequeue(begin, codel).is_some() {
                free_at = begin + 1_000_000;
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Phases of overload and rest, so that dropping begins, ends and begins anew.
    #[test]
    fn it_drops_the_packets_that_the_pseudocode_drops(
        phases in prop::collection::vec((100_u64..1_500, 1_usize..400), 1..12),
        target_ms in 2_u64..20,
        interval_ms in 10_u64..150,
    ) {
        let mut now = 7_u64; // microseconds, off the grid of the line's milliseconds
        let mut arrivals = Vec::new();
        for (gap_us, packets) in phases {
            for _ in 0..packets {
                now += gap_us;
                arrivals.push(now);
            }
        }
        let numbers = CoDel { target: ms(target_ms), interval: ms(interval_ms) };
        let queue = Queue::CoDel {
            capacity: Capacity::packets(usize::MAX),
            codel: numbers,
            ecn: EcnUse::Drop,
        };
        let bottleneck = Bottleneck { rate: RATE, burst_bytes: 0, queue };
        let config = LinkConfig { bottleneck: Some(bottleneck), ..LinkConfig::default() };
        let packets = arrivals.iter().map(|at| (us(*at), vec![0; 1_500])).collect();

        let nanos: Vec<u64> = arrivals.iter().map(|at| at * 1_000).collect();
        let expected = Reference::default().run(&nanos, numbers);
        prop_assert_eq!(run(config, 1, packets).missing(), expected);
    }
}
