//! A handshake that nobody answers is repeated with growing pauses and then forgotten.
//! The queue is driven from deadline to deadline, with times that are stated.

use super::*;
use crate::FourTuple;
use crate::connection::Identity;
use core::net::SocketAddr;
use synack_wire::{Ecn, Flags, Segment, SeqNum};

const START: Instant = Instant::from_millis(1_000);
const LISTENER: ListenerId = ListenerId::new(0, 0);

fn record(port: u16) -> SynRecord {
    let remote = SocketAddr::from(([10, 0, 0, 1], port));
    let path = FourTuple::new("10.0.0.2:80".parse().unwrap(), remote);
    let iss = SeqNum::new(u32::MAX);
    let identity = Identity { path, iss, timestamp_offset: 0, flow_label: 0, mtu: 1_500 };
    let syn = Segment { control: Flags::SYN, ..Segment::default() };
    SynRecord::from_syn(START, identity, &syn, Ecn::NotEct, &ConnectionConfig::default())
}

fn insert(queue: &mut SynQueue, now: Instant, port: u16, retries_max: u8) -> Key {
    queue.insert(now, record(port), (LISTENER, LinkId(0)), retries_max, Arc::default())
}

/// Runs the queue dry: when each SYN-ACK left again, and when the last handshake was over. Seconds.
fn run(queue: &mut SynQueue) -> (Vec<u64>, u64) {
    let (mut sent, mut over) = (Vec::new(), 0);
    while let Some(now) = queue.deadline() {
        let seconds = now.since(START).as_secs();
        while let Some(key) = queue.first_expired(now) {
            assert!(queue.remove(key).is_some());
            over = seconds;
        }
        while let Some((_, packet)) = queue.poll_syn_ack(now) {
            assert!(packet.segment.is_syn() && packet.segment.ack.is_some());
            sent.push(seconds);
        }
    }
    (sent, over)
}

#[test]
fn dec_18_five_syn_acks_after_the_first_and_over_at_63_seconds() {
    for (retries_max, sent, over) in [
        (5, &[1, 3, 7, 15, 31][..], 63),
        (2, &[1, 3], 7),
        (0, &[], 1),
        (9, &[1, 3, 7, 15, 31, 63, 127, 255, 383], 511),
    ] {
        let mut queue = SynQueue::default();
        insert(&mut queue, START, 4_000, retries_max);
        assert_eq!(run(&mut queue), (sent.to_vec(), over), "{retries_max}");
        assert_eq!(queue.len(), 0);
    }
}

#[test]
fn a5_ten_thousand_handshakes_leave_nothing_behind() {
    let mut queue = SynQueue::default();
    for index in 0..10_000u16 {
        insert(&mut queue, START + Duration::from_millis(u64::from(index)), 1_000 + index, 5);
    }
    let (sent, over) = run(&mut queue);
    assert_eq!((sent.len(), queue.len()), (50_000, 0));
    assert!(over <= 63 + 10);
}

#[test]
fn a_device_that_is_full_puts_off_the_back_off() {
    let mut queue = SynQueue::default();
    insert(&mut queue, START, 4_000, 1);
    let later = START + Duration::from_secs(500);
    assert_eq!(queue.first_expired(later), None, "the SYN-ACK is owed, and was not sent");
    assert_eq!((queue.deadline(), queue.wants_transmit()), (None, true));
    assert!(queue.poll_syn_ack(later).is_some());
    assert_eq!(queue.deadline(), Some(later + Duration::from_secs(2)));
}

#[test]
fn a_record_takes_about_a_hundred_octets() {
    assert!(size_of::<SynRecord>() <= 112, "{}", size_of::<SynRecord>());
    assert!(size_of::<HalfOpen>() <= 144, "{}", size_of::<HalfOpen>());
}

#[test]
fn sm_close_10_aborted_handshakes_owe_a_reset_each() {
    let mut queue = SynQueue::default();
    let other = ListenerId::new(1, 0);
    for port in 1..=3 {
        insert(&mut queue, START, port, 5);
    }
    queue.insert(START, record(9), (other, LinkId(1)), 5, Arc::default());
    assert_eq!(queue.abort_all(LISTENER).len(), 3);
    for _ in 0..3 {
        let (link, reset) =
            queue.poll_reset(START).map(|(link, reset)| (link, reset.segment)).unwrap();
        assert!(reset.is_rst() && link == LinkId(0));
        assert_eq!((reset.seq, reset.ack), (SeqNum::new(0), Some(SeqNum::new(1))));
    }
    assert_eq!((queue.poll_reset(START), queue.len()), (None, 1));
}
