//! Shows the bottleneck's queues but CoDel: drop-tail by packets and octets, ECN marking, policing.
//! How: bursts into known capacities; which packets are dropped or marked is compared one by one.

use crate::drive::{ms, run, run_link, stream, us};
use core::time::Duration;
use synack_netem::{Bottleneck, Capacity, Link, LinkConfig, Outcome, Queue, Rate, is_ecn_capable};

fn config(bottleneck: Bottleneck) -> LinkConfig {
    LinkConfig { bottleneck: Some(bottleneck), ..LinkConfig::default() }
}

#[test]
fn a_full_queue_of_packets_drops_what_arrives() {
    // One on the line, four in the queue, five too many.
    let run = run(config(Bottleneck::drop_tail(Rate::mbit(12), 4)), 1, stream(10, 1_500, ms(0)));
    assert_eq!(run.order(), [1, 2, 3, 4, 5]);
    assert_eq!(run.outcomes[5..], [Outcome::QueueFull; 5]);
    assert_eq!(run.stats.queue_dropped, 5);
    assert_eq!(run.stats.queue_packets_peak, 4);
    assert_eq!(run.stats.queue_bytes_peak, 6_000);
}

#[test]
fn a_full_queue_of_octets_drops_what_does_not_fit_and_takes_what_does() {
    let queue = Queue::DropTail { capacity: Capacity::bytes(2_000) };
    let bottleneck = Bottleneck { rate: Rate::mbit(12), burst_bytes: 0, queue };
    let lengths = [1_500, 1_500, 600, 500, 1];
    let packets = lengths.map(|len| (Duration::ZERO, vec![0; len])).to_vec();
    let run = run(config(bottleneck), 1, packets);
    assert_eq!(run.missing(), [3, 5]);
    assert_eq!(run.stats.queue_bytes_peak, 2_000);
}

#[test]
fn room_comes_back_as_the_queue_is_served() {
    // 1 ms a packet; one waits at most. Each 2 ms two are sent: the second waits, none is lost.
    let mut packets = Vec::new();
    for turn in 0..100 {
        packets.extend(stream(2, 1_500, ms(0)).into_iter().map(|(_, p)| (ms(2 * turn), p)));
    }
    let run = run(config(Bottleneck::drop_tail(Rate::mbit(12), 1)), 1, packets);
    assert_eq!(run.stats.lost(), 0);
}

#[test]
fn a_queue_without_room_takes_what_finds_the_line_free() {
    let packets = vec![(ms(0), vec![0; 1_500]), (us(999), vec![0; 1_500]), (ms(1), vec![0; 1_500])];
    let run = run(config(Bottleneck::drop_tail(Rate::mbit(12), 0)), 1, packets);
    assert_eq!(run.missing(), [2]);
}

#[test]
fn a_long_queue_marks_what_can_be_marked_and_passes_the_rest() {
    let queue = Queue::MarkAbove { capacity: Capacity::packets(100), bytes: 3_000 };
    let bottleneck = Bottleneck { rate: Rate::mbit(12), burst_bytes: 0, queue };
    // Every second packet is IPv6 with ECT(0), the others without ECT.
    let packet = |index: u64| {
        let mut octets = vec![0; 1_500];
        octets[..2].copy_from_slice(if index.is_multiple_of(2) {
            &[0x60, 0x20]
        } else {
            &[0x60, 0x00]
        });
        octets
    };
    let packets = (0..10).map(|index| (Duration::ZERO, packet(index))).collect();
    let run = run(config(bottleneck), 1, packets);
    assert_eq!(run.stats.lost(), 0);
    let marked: Vec<u64> = run
        .deliveries
        .iter()
        .filter(|delivery| delivery.alterations.ce_marked)
        .map(|delivery| delivery.nth)
        .collect();
    // The first is on the line; the fifth finds three before it, 4,500 octets.
    assert_eq!(marked, [5, 7, 9]);
    assert_eq!(run.stats.ce_marked, 3);
    for delivery in &run.deliveries {
        let is_marked = delivery.packet[1] == 0x30;
        assert_eq!(is_marked, delivery.alterations.ce_marked);
        assert_eq!(is_ecn_capable(&delivery.packet), delivery.nth % 2 == 1);
    }
}

#[test]
fn a_policer_drops_what_exceeds_its_burst_and_delays_nothing() {
    let run = run(config(Bottleneck::policer(Rate::mbit(12), 3_000)), 1, stream(4, 1_500, ms(0)));
    assert_eq!(run.order(), [1, 2]);
    assert_eq!(run.times(), [Duration::ZERO; 2]);
    assert_eq!(run.stats.police_dropped, 2);
}

#[test]
fn a_policer_passes_its_rate_over_time() {
    // 24 Mbit/s offered to 12 Mbit/s, for 10 s.
    let run =
        run(config(Bottleneck::policer(Rate::mbit(12), 3_000)), 1, stream(20_000, 1_500, us(500)));
    assert!(run.stats.delivered.abs_diff(10_000) <= 2, "{:?}", run.stats);
}

#[test]
fn a_queue_shrinks_by_service_when_its_capacity_does() {
    let mut link = Link::new(config(Bottleneck::drop_tail(Rate::mbit(12), 10)), 1);
    for _ in 0..11 {
        assert_eq!(link.send(ms(0), vec![0; 1_500]), Outcome::Taken);
    }
    link.set_config(ms(0), config(Bottleneck::drop_tail(Rate::mbit(12), 2)));
    assert_eq!(link.send(ms(5), vec![0; 1_500]), Outcome::QueueFull);
    assert_eq!(link.send(ms(9), vec![0; 1_500]), Outcome::Taken);
    assert_eq!(run_link(&mut link, Vec::new()).stats.delivered, 12);
}

#[test]
fn a_policer_that_goes_leaves_no_debt_behind() {
    // 1,000,000 octets at 8 kbit/s are 1,000 s until the bucket is full again.
    let mut link = Link::new(config(Bottleneck::policer(Rate::kbit(8), 1_000_000)), 1);
    for _ in 0..1_000 {
        assert_eq!(link.send(ms(0), vec![0; 1_000]), Outcome::Taken);
    }
    assert_eq!(link.send(ms(0), vec![0; 1_000]), Outcome::QueueFull);
    link.set_config(ms(10), config(Bottleneck::drop_tail(Rate::kbit(8_000), 10)));
    assert_eq!(link.send(ms(10), vec![0; 1_000]), Outcome::Taken);
    let run = run_link(&mut link, Vec::new());
    assert_eq!(run.times().last(), Some(&ms(11)));
}

#[test]
fn what_a_policer_saved_counts_under_the_next() {
    for (rest, passes) in [(0, 0), (500, 1), (1_600, 3), (10_000, 5)] {
        let policer = |burst| config(Bottleneck::policer(Rate::kbit(16), burst));
        let mut link = Link::new(policer(10_000), 1);
        while link.send(ms(0), vec![0; 1_000]) == Outcome::Taken {}
        link.set_config(ms(rest), policer(5_000));
        let sent = (0..10).filter(|_| link.send(ms(rest), vec![0; 1_000]) == Outcome::Taken);
        assert_eq!(sent.count(), passes, "after {rest} ms");
    }
}

#[test]
fn packets_queued_before_a_policer_came_leave_at_its_rate() {
    let mut link = Link::new(config(Bottleneck::drop_tail(Rate::mbit(12), 10)), 1);
    for _ in 0..3 {
        assert_eq!(link.send(ms(0), vec![0; 1_500]), Outcome::Taken);
    }
    link.set_config(ms(0), config(Bottleneck::policer(Rate::mbit(6), 0)));
    assert_eq!(run_link(&mut link, Vec::new()).times(), [1, 3, 5].map(ms));
}
