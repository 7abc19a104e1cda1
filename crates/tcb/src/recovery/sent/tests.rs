//! The queue of what was sent, against a map with one cell per sequence number.
//! Random sends, ACKs, SACK blocks, losses and retransmissions, across the wrap.
use super::*;
use alloc::vec;
use core::time::Duration;
use proptest::prelude::*;

const START: SeqNum = SeqNum::new(u32::MAX - 300);

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// Segments of `segment_len` octets, one each millisecond.
fn queue(segments: u32, segment_len: u32) -> SentQueue {
    let mut queue = SentQueue::default();
    for index in 0..segments {
        let range = SeqRange::with_len(START + index * segment_len, segment_len);
        queue.push(at(u64::from(index) + 1), range, segment_len, Sent::Segment);
    }
    queue
}

fn range(from: u32, to: u32) -> SeqRange {
    SeqRange::new(START + from, START + to)
}

/// What an ACK delivered: from where to where, and when it had been sent.
fn acknowledge(queue: &mut SentQueue, to: u32) -> Vec<(u32, u32, Instant)> {
    let mut parts = vec![];
    queue.acknowledge(START + to, |part| {
        parts.push((part.range.start - START, part.range.end - START, part.sent_at));
    });
    queue.check();
    parts
}

fn sack(queue: &mut SentQueue, from: u32, to: u32) -> u32 {
    let newly = queue.mark_sacked(range(from, to), |_| {});
    queue.check();
    newly
}

fn lose_sent_before(queue: &mut SentQueue, ms: u64) {
    queue.lose_oldest_while(|record| record.sent_at < at(ms));
    queue.check();
}

#[test]
fn an_ack_delivers_what_sack_had_not_reported() {
    let mut queue = queue(10, 100);
    assert_eq!(acknowledge(&mut queue, 150), [(0, 100, at(1)), (100, 150, at(2))]);
    assert_eq!(sack(&mut queue, 300, 500), 200);
    let parts = [(150, 200, at(2)), (200, 300, at(3)), (500, 600, at(6))];
    assert_eq!(acknowledge(&mut queue, 600), parts);
    assert_eq!((queue.len(), queue.sacked(), queue.pipe()), (4, 0, 400));
}

#[test]
fn seq_9_a_segment_is_acknowledged_in_full_by_its_end_and_not_before() {
    for (ack, segments) in [(0, 3), (99, 3), (100, 2), (101, 2), (199, 2), (299, 1), (300, 0)] {
        let mut queue = queue(3, 100);
        acknowledge(&mut queue, ack);
        assert_eq!(queue.len(), segments, "after an ACK of {ack} octets");
    }
}

#[test]
fn a_packet_in_many_parts_is_found_by_more_than_one_place() {
    let mut queue = SentQueue::default();
    queue.push(at(1), range(0, 400), 1, Sent::Segment);
    queue.push(at(2), range(400, 500), 100, Sent::Segment);
    // Every second octet, upwards, so that each search begins at the start of the packet.
    for octet in (1..400).step_by(2) {
        assert_eq!(sack(&mut queue, octet, octet + 1), 1);
    }
    assert_eq!((queue.len(), queue.sacked()), (401, 200));
    let places = queue.order.len();
    assert!((4..=10).contains(&places), "{places}");
    // From the front they go as they came, and the places with them.
    for octet in 1..=400 {
        assert_eq!(queue.acknowledge(START + octet, |_| {}), 1);
        queue.check();
    }
    assert_eq!((queue.len(), queue.order.len(), queue.sacked()), (1, 1, 0));
}

#[test]
fn sack_10_what_was_reported_is_looked_at_again_after_a_timeout() {
    let mut queue = queue(10, 100);
    assert_eq!(sack(&mut queue, 200, 500), 300);
    for (from, to) in [(200, 500), (300, 400), (250, 450)] {
        assert_eq!(sack(&mut queue, from, to), 0);
    }
    queue.judge_all(|_| Fate::Lost);
    assert_eq!(sack(&mut queue, 300, 400), 100);
    // Half of a segment says nothing, but all of it does when it leaves in halves.
    assert_eq!(sack(&mut queue, 650, 800), 100);
    queue.on_retransmitted(at(20), range(600, 700), 50);
    assert_eq!(sack(&mut queue, 650, 800), 50);
}

#[test]
fn trap_2_a_range_reported_long_ago_does_not_stand_for_one_after_the_wrap() {
    let mut queue = queue(10, 100);
    assert_eq!(sack(&mut queue, 200, 1_000), 800);
    acknowledge(&mut queue, 1_000);
    // The numbers come round to where they were.
    queue.push(at(30), range(1_000, 1 << 30), 100, Sent::Segment);
    acknowledge(&mut queue, 1 << 30);
    for quarter in 1..4_u32 {
        let end = (quarter + 1).wrapping_shl(30);
        queue.push(at(30), SeqRange::new(START + (quarter << 30), START + end), 100, Sent::Segment);
        acknowledge(&mut queue, end);
    }
    queue.push(at(40), range(0, 1_000), 100, Sent::Segment);
    assert_eq!(sack(&mut queue, 200, 1_000), 800);
}

#[test]
fn sack_marks_whole_segments_and_counts_each_once() {
    let mut queue = SentQueue::default();
    queue.push(at(1), range(0, 1_000), 100, Sent::Segment);
    assert_eq!(sack(&mut queue, 150, 450), 200, "200 to 400");
    assert_eq!(sack(&mut queue, 150, 450), 0);
    assert_eq!(queue.sacked_segments(), 2);
    assert_eq!(sack(&mut queue, 0, 1_000), 800);
    assert_eq!((queue.sacked(), queue.pipe(), queue.sacked_segments()), (1_000, 0, 10));
}

#[test]
fn what_was_sent_first_is_lost_first_and_sent_again_in_the_order_of_the_numbers() {
    let mut queue = queue(10, 100);
    sack(&mut queue, 200, 300);
    lose_sent_before(&mut queue, 6);
    assert_eq!((queue.lost(), queue.pipe()), (400, 500));
    assert_eq!(queue.next_lost(1_000), Some(range(0, 200)));
    assert_eq!(queue.next_lost(150), Some(range(0, 150)));
    queue.on_retransmitted(at(20), range(0, 150), 150);
    assert_eq!(queue.next_lost(1_000), Some(range(150, 200)));
    queue.on_retransmitted(at(21), range(150, 200), 50);
    assert_eq!(queue.next_lost(1_000), Some(range(300, 500)));
    // Sent at 20 ms, the first is not the oldest any more.
    lose_sent_before(&mut queue, 20);
    assert_eq!((queue.lost(), queue.pipe()), (700, 200));
    lose_sent_before(&mut queue, 21);
    assert_eq!(queue.next_lost(1_000), Some(range(0, 150)));
    // What arrives after all is not sent again.
    sack(&mut queue, 0, 500);
    assert_eq!(queue.next_lost(1_000), Some(range(500, 1_000)));
}

#[test]
fn tlp_14_a_probe_is_in_flight_beside_what_it_repeats() {
    let mut queue = SentQueue::default();
    queue.push(at(1), range(0, 250), 100, Sent::Segment);
    assert_eq!(queue.tail(100), Some(range(200, 250)));
    queue.on_probed(at(9), range(200, 250));
    queue.check();
    assert_eq!((queue.pipe(), queue.len()), (300, 2));
    queue.on_probed(at(10), range(200, 250));
    assert_eq!(queue.pipe(), 300, "not three times");
    // RACK-3: it was sent at 10 ms.
    lose_sent_before(&mut queue, 10);
    assert_eq!((queue.pipe(), queue.lost()), (100, 200));
    lose_sent_before(&mut queue, 11);
    assert_eq!((queue.pipe(), queue.lost()), (0, 250));
    assert_eq!(queue.tail(100), None, "it is to be sent again anyway");
}

#[test]
fn tlp_9_the_tail_is_the_last_segment_and_small_ones_that_fit_with_it() {
    for (case, lens, len_max, tail) in [
        ("the last of one packet", &[(250, 100)][..], 100, Some(range(200, 250))),
        ("the end of a segment that is too long now", &[(300, 100)], 80, Some(range(220, 300))),
        ("small ones", &[(100, 100), (30, 100), (20, 100)], 60, Some(range(100, 150))),
        ("text and a FIN", &[(200, 100), (1, 100)], 101, Some(range(100, 201))),
        ("a FIN for which there is no room", &[(100, 100), (1, 100)], 100, Some(range(100, 101))),
        ("text and a FIN in one packet", &[(201, 100)], 101, Some(range(100, 201))),
        ("nothing", &[], 100, None),
    ] {
        let mut queue = SentQueue::default();
        let mut from = 0;
        for (len, segment_len) in lens {
            queue.push(at(1), range(from, from + len), *segment_len, Sent::Segment);
            from += len;
        }
        assert_eq!(queue.tail(len_max), tail, "{case}");
    }
}

#[test]
fn rack_2_rack_3_a_record_tells_when_it_left_last_to_the_nanosecond_and_whether_again() {
    let mut queue = SentQueue::default();
    let nanos = |nanos: u64| Instant::from_nanos(nanos);
    queue.push(nanos(1_000_000_001), range(0, 100), 100, Sent::Segment);
    let told = |queue: &SentQueue| queue.first().map(|it| (it.sent_at, it.fate, it.again));
    assert_eq!(told(&queue), Some((nanos(1_000_000_001), Fate::InFlight, Again::No)));
    queue.lose_first_segment();
    assert_eq!(told(&queue), Some((nanos(1_000_000_001), Fate::Lost, Again::No)));
    queue.on_retransmitted(nanos(1_000_000_002), range(0, 100), 100);
    assert_eq!(told(&queue), Some((nanos(1_000_000_002), Fate::InFlight, Again::Retransmitted)));
}

#[test]
fn dec_5_a_timeout_decides_anew_about_all() {
    let mut queue = queue(10, 100);
    sack(&mut queue, 300, 600);
    lose_sent_before(&mut queue, 3);
    queue.on_retransmitted(at(20), range(0, 100), 100);
    queue.judge_all(|record| if record.sent_at < at(8) { Fate::Lost } else { Fate::InFlight });
    queue.check();
    assert_eq!((queue.sacked(), queue.pipe(), queue.lost()), (0, 400, 600));
    let in_flight: Vec<_> = queue.in_flight().map(|record| record.sent_at).collect();
    assert_eq!(in_flight, [at(8), at(9), at(10), at(20)]);
    assert_eq!(queue.next_lost(100), Some(range(100, 200)));
}

#[test]
fn rack_13_the_last_that_is_overdue_is_known() {
    let mut queue = queue(10, 100);
    let sent_at = |queue: &SentQueue| queue.overdue().map(|record| record.sent_at);
    queue.mark_overdue(|record| record.sent_at < at(4));
    assert_eq!(sent_at(&queue), Some(at(3)));
    sack(&mut queue, 200, 300);
    assert_eq!(sent_at(&queue), Some(at(2)), "it arrived");
    lose_sent_before(&mut queue, 2);
    assert_eq!(sent_at(&queue), Some(at(2)));
    lose_sent_before(&mut queue, 3);
    assert_eq!(sent_at(&queue), None);
    queue.mark_overdue(|record| record.sent_at < at(7));
    assert_eq!(sent_at(&queue), Some(at(6)));
}

#[test]
fn zwp_3_a_probe_is_not_in_flight() {
    let mut queue = SentQueue::default();
    queue.push(at(1), range(0, 1), 1, Sent::Probe);
    queue.check();
    assert_eq!((queue.pipe(), queue.lost()), (0, 1));
    assert_eq!(queue.next_lost(100), Some(range(0, 1)));
}

#[test]
fn our_own_queue_is_no_time_on_the_way() {
    let mut queue = queue(10, 100);
    queue.on_stalled(at(50), at(8));
    queue.check();
    let sent: Vec<_> = queue.in_flight().map(|record| record.sent_at.as_millis()).collect();
    assert_eq!(sent, [1, 2, 3, 4, 5, 6, 7, 50, 50, 50]);
}

#[derive(Clone, Debug)]
enum Step {
    Send(u32, u32),
    Acknowledge(u32),
    Sack(u32, u32),
    Lose(u64),
    LoseFirst,
    Judge(u64),
    Retransmit(u32),
    Probe(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..90u32, 1..30u32).prop_map(|(len, segment)| Step::Send(len, segment)),
        1 => (0..200u32).prop_map(Step::Acknowledge),
        3 => (0..400u32, 0..120u32).prop_map(|(from, len)| Step::Sack(from, len)),
        2 => (0..20u64).prop_map(Step::Lose),
        1 => Just(Step::LoseFirst),
        1 => (0..20u64).prop_map(Step::Judge),
        2 => (1..70u32).prop_map(Step::Retransmit),
        1 => (1..40u32).prop_map(Step::Probe),
    ]
}

/// What is known of one number.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Cell {
    fate: Fate,
    again: Again,
    sent_at: Instant,
}

/// What the cells must be, read from the records.
fn cells_of(queue: &SentQueue) -> Vec<Cell> {
    let records = queue.keys().map(|key| queue.record(key));
    let cells = records.flat_map(|record| {
        let SentRecord { fate, again, sent_at, .. } = *record;
        vec![Cell { fate, again, sent_at }; record.range.len() as usize]
    });
    cells.collect()
}

proptest! {
    #[test]
    fn sack_14_counts_and_marks_agree_with_a_map_of_cells(
        steps in proptest::collection::vec(step(), 0..100),
    ) {
        let mut queue = SentQueue::default();
        let mut cells: Vec<Cell> = vec![];
        let (mut una, mut nxt) = (START, START);
        for (step, ms) in steps.into_iter().zip(100..) {
            // Some things happen at the same time.
            let now = at(ms / 2);
            let before = |age: u64| now - Duration::from_millis(age);
            match step {
                Step::Send(len, segment) => {
                    queue.push(now, SeqRange::with_len(nxt, len), segment, Sent::Segment);
                    nxt += len;
                    let cell = Cell { fate: Fate::InFlight, again: Again::No, sent_at: now };
                    cells.extend(vec![cell; len as usize]);
                }
                Step::Acknowledge(count) => {
                    let count = count.min(nxt - una);
                    una += count;
                    let gone: Vec<_> = cells.drain(..count as usize).collect();
                    let mut delivered = 0;
                    let acked = queue.acknowledge(una, |part| delivered += part.range.len());
                    prop_assert_eq!(acked, count);
                    let new = gone.iter().filter(|cell| cell.fate != Fate::Sacked).count();
                    prop_assert_eq!(delivered as usize, new);
                }
                Step::Sack(from, len) => {
                    let block = SeqRange::with_len(una + from, len);
                    let mut parts = vec![];
                    let newly = queue.mark_sacked(block, |part| parts.push(*part));
                    prop_assert_eq!(newly, parts.iter().map(|part| part.range.len()).sum::<u32>());
                    for part in parts {
                        prop_assert!(block.contains_range(part.range));
                        let (from, to) = (part.range.start - una, part.range.end - una);
                        for cell in &mut cells[from as usize..to as usize] {
                            prop_assert_ne!(cell.fate, Fate::Sacked);
                            prop_assert_eq!(cell.sent_at, part.sent_at);
                            *cell = judged(*cell, Fate::Sacked);
                        }
                    }
                }
                Step::Lose(age) => {
                    queue.lose_oldest_while(|record| record.sent_at <= before(age));
                    for cell in cells.iter_mut().filter(|cell| cell.sent_at <= before(age)) {
                        if cell.fate == Fate::InFlight {
                            *cell = judged(*cell, Fate::Lost);
                        }
                    }
                }
                Step::LoseFirst => {
                    let first = queue.first().copied();
                    queue.lose_first_segment();
                    if let Some(first) = first.filter(|r| r.again == Again::No) {
                        let len = first.range.len().min(u32::from(first.segment_len));
                        for cell in &mut cells[..len as usize] {
                            if cell.fate == Fate::InFlight {
                                cell.fate = Fate::Lost;
                            }
                        }
                    }
                }
                Step::Judge(age) => {
                    let fate = |sent_at: Instant| {
                        if sent_at <= before(age) { Fate::Lost } else { Fate::InFlight }
                    };
                    queue.judge_all(|record| fate(record.sent_at));
                    cells.iter_mut().for_each(|cell| *cell = judged(*cell, fate(cell.sent_at)));
                }
                Step::Retransmit(len) => {
                    let lowest = cells.iter().position(|cell| cell.fate == Fate::Lost);
                    let next = queue.next_lost(len);
                    prop_assert_eq!(next.map(|range| (range.start - una) as usize), lowest);
                    let Some(range) = next else { continue };
                    prop_assert!(!range.is_empty() && range.len() <= len);
                    let from = (range.start - una) as usize;
                    let again = Again::Retransmitted;
                    for cell in &mut cells[from..from + range.len() as usize] {
                        prop_assert_eq!(cell.fate, Fate::Lost);
                        *cell = Cell { fate: Fate::InFlight, again, sent_at: now };
                    }
                    queue.on_retransmitted(now, range, len);
                }
                Step::Probe(len) => {
                    let Some(range) = queue.tail(len) else { continue };
                    prop_assert!(range.len() <= len);
                    queue.on_probed(now, range);
                    prop_assert_eq!(range.end, nxt);
                    for cell in &mut cells[(range.start - una) as usize..] {
                        prop_assert_eq!(cell.fate, Fate::InFlight);
                        *cell = Cell { again: Again::Probed, sent_at: now, ..*cell };
                    }
                }
            }
            queue.mark_overdue(|record| record.sent_at < before(10));
            queue.check();
            prop_assert_eq!(&cells_of(&queue), &cells);
            let count = |fate| cells.iter().filter(|cell| cell.fate == fate).count() as u32;
            let probed = cells.iter().filter(|cell| cell.again == Again::Probed).count() as u32;
            prop_assert_eq!(queue.pipe(), count(Fate::InFlight) + probed);
            prop_assert_eq!(queue.lost(), count(Fate::Lost));
            prop_assert_eq!(queue.sacked(), count(Fate::Sacked));
            let overdue = cells.iter().filter(|cell| cell.fate == Fate::InFlight);
            let overdue = overdue.map(|cell| cell.sent_at).filter(|sent_at| *sent_at < before(10));
            prop_assert_eq!(queue.overdue().map(|record| record.sent_at), overdue.max());
        }
    }
}

fn judged(cell: Cell, fate: Fate) -> Cell {
    let again = match cell.again {
        Again::Probed if fate != Fate::InFlight => Again::Retransmitted,
        again @ (Again::No | Again::Retransmitted | Again::Probed) => again,
    };
    Cell { fate, again, ..cell }
}
