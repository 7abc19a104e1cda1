//! The queue of what was sent, against a map with one cell per sequence number.
//! Random sends, ACKs, SACK blocks, losses and retransmissions, across the wrap.
use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const START: SeqNum = SeqNum::new(u32::MAX - 300);
const NOW: Instant = Instant::from_millis(1);

fn queue(segments: u32, segment_len: u32) -> SentQueue {
    let mut queue = SentQueue::default();
    for index in 0..segments {
        let range = SeqRange::with_len(START + index * segment_len, segment_len);
        queue.push(Instant::from_millis(u64::from(index) + 1), range, segment_len, Sent::Segment);
    }
    queue
}

fn range(from: u32, to: u32) -> SeqRange {
    SeqRange::new(START + from, START + to)
}

#[test]
fn an_ack_times_the_earliest_range_and_nothing_after_a_retransmission() {
    let mut queue = queue(10, 100);
    let done = queue.acknowledge(START + 250);
    assert_eq!(done.bytes, 250);
    assert_eq!(done.sent_at, Some(Instant::from_millis(1)));
    queue.mark_lost(1);
    queue.on_retransmitted(NOW, range(300, 400), 100);
    let done = queue.acknowledge(START + 500);
    assert_eq!((done.bytes, done.sent_at), (250, None), "Karn");
    let done = queue.acknowledge(START + 600);
    assert_eq!(done.sent_at, Some(Instant::from_millis(6)));
    queue.check();
}

#[test]
fn sack_marks_whole_segments_and_counts_each_once() {
    let mut queue = SentQueue::default();
    queue.push(NOW, range(0, 1_000), 100, Sent::Segment);
    assert_eq!(queue.mark_sacked(range(150, 450)), 200, "200 to 400");
    assert_eq!(queue.mark_sacked(range(150, 450)), 0);
    assert_eq!(queue.mark_sacked(range(0, 1_000)), 800);
    assert_eq!((queue.sacked(), queue.pipe()), (1_000, 0));
    queue.check();
}

#[test]
fn lost_ranges_come_lowest_first_and_no_longer_than_asked() {
    let mut queue = queue(10, 100);
    [7, 2, 3].into_iter().for_each(|index| queue.mark_lost(index));
    assert_eq!(queue.next_lost(1_000), Some(range(200, 400)));
    assert_eq!(queue.next_lost(150), Some(range(200, 350)));
    queue.on_retransmitted(NOW, range(200, 350), 150);
    assert_eq!(queue.next_lost(1_000), Some(range(350, 400)));
    queue.on_retransmitted(NOW, range(350, 400), 50);
    assert_eq!(queue.next_lost(1_000), Some(range(700, 800)));
    assert_eq!(queue.mark_sacked(range(700, 800)), 100);
    assert_eq!(queue.next_lost(1_000), None);
    queue.check();
}

#[test]
fn dec_5_after_a_timeout_nothing_counts_as_received() {
    let mut queue = queue(10, 100);
    queue.mark_sacked(range(300, 600));
    queue.mark_all_lost();
    assert_eq!((queue.sacked(), queue.pipe(), queue.lost()), (0, 0, 1_000));
    assert_eq!(queue.next_lost(100), Some(range(0, 100)));
    queue.check();
}

#[test]
fn zwp_3_a_probe_is_not_in_flight() {
    let mut queue = SentQueue::default();
    queue.push(NOW, range(0, 1), 1, Sent::Probe);
    assert_eq!((queue.pipe(), queue.lost()), (0, 1));
    assert_eq!(queue.next_lost(100), Some(range(0, 1)));
    queue.check();
}

#[derive(Clone, Debug)]
enum Step {
    Send(u32, u32),
    Acknowledge(u32),
    Sack(u32, u32),
    Lose(usize),
    LoseAll,
    Retransmit(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..90u32, 1..30u32).prop_map(|(len, segment)| Step::Send(len, segment)),
        (0..200u32).prop_map(Step::Acknowledge),
        (0..400u32, 0..120u32).prop_map(|(from, len)| Step::Sack(from, len)),
        (0..20usize).prop_map(Step::Lose),
        Just(Step::LoseAll),
        (1..70u32).prop_map(Step::Retransmit),
    ]
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Cell {
    InFlight,
    Lost,
    Sacked,
}

proptest! {
    #[test]
    fn counts_and_marks_agree_with_a_map_of_cells(
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut queue = SentQueue::default();
        let mut cells: Vec<Cell> = vec![];
        let (mut una, mut nxt) = (START, START);
        for step in steps {
            match step {
                Step::Send(len, segment) => {
                    queue.push(NOW, SeqRange::with_len(nxt, len), segment, Sent::Segment);
                    nxt += len;
                    cells.extend(vec![Cell::InFlight; len as usize]);
                }
                Step::Acknowledge(count) => {
                    let count = count.min(nxt - una);
                    una += count;
                    let gone: Vec<_> = cells.drain(..count as usize).collect();
                    let done = queue.acknowledge(una);
                    prop_assert_eq!(done.bytes, count);
                    let sacked = gone.iter().filter(|cell| **cell == Cell::Sacked).count() as u32;
                    prop_assert_eq!(done.newly_delivered, count - sacked);
                }
                Step::Sack(from, len) => {
                    let block = SeqRange::with_len(una + from, len);
                    let before = cells.iter().filter(|cell| **cell == Cell::Sacked).count();
                    let newly = queue.mark_sacked(block);
                    for record in &queue.records {
                        if record.sacked {
                            let from = (record.range.start - una) as usize;
                            let to = (record.range.end - una) as usize;
                            cells[from..to].fill(Cell::Sacked);
                        }
                    }
                    let after = cells.iter().filter(|cell| **cell == Cell::Sacked).count();
                    prop_assert_eq!(newly as usize, after - before);
                    prop_assert!(newly <= len);
                }
                Step::Lose(index) => {
                    queue.mark_lost(index);
                    if let Some(record) = queue.get(index).filter(|record| record.lost) {
                        let from = (record.range.start - una) as usize;
                        let to = (record.range.end - una) as usize;
                        cells[from..to].fill(Cell::Lost);
                    }
                }
                Step::LoseAll => {
                    queue.mark_all_lost();
                    cells.fill(Cell::Lost);
                }
                Step::Retransmit(len) => {
                    let lowest = cells.iter().position(|cell| *cell == Cell::Lost);
                    let next = queue.next_lost(len);
                    prop_assert_eq!(next.map(|range| (range.start - una) as usize), lowest);
                    let Some(range) = next else { continue };
                    prop_assert!(!range.is_empty() && range.len() <= len);
                    let from = (range.start - una) as usize;
                    let cells = &mut cells[from..from + range.len() as usize];
                    prop_assert!(cells.iter().all(|cell| *cell == Cell::Lost));
                    cells.fill(Cell::InFlight);
                    queue.on_retransmitted(NOW, range, len);
                }
            }
            queue.check();
            let count = |kind| cells.iter().filter(|cell| **cell == kind).count() as u32;
            prop_assert_eq!(queue.pipe(), count(Cell::InFlight));
            prop_assert_eq!(queue.lost(), count(Cell::Lost));
            prop_assert_eq!(queue.sacked(), count(Cell::Sacked));
        }
    }
}
