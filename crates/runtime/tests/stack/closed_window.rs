//! Shows a sender before a closed window: its probes, what it survives, what ends it.
//! The far end is played by hand with raw packets, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::{Stack, State, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::{FarEnd, settle};
use crate::pair::Family;

/// Octets that do not repeat soon.
fn text() -> Vec<u8> {
    (0..10_000_u32).map(|index| (index % 251) as u8).collect()
}

/// A connection whose far end took the first 1,000 octets of [`text`] and then closed its window,
/// now. The round trip is nothing, so RTO is its floor of 200 ms.
async fn closed(family: Family) -> (Stack, FarEnd, TcpStream) {
    let (stack, mut far) = FarEnd::new(family).await;
    far.window = 1_000;
    let mut stream = far.accept(&stack).await;
    far.silent_for(Duration::from_secs(1)).await;
    stream.write_all(&text()).await.unwrap();
    let first = far.next().await;
    assert_eq!(first.segment().payload.to_vec(), text()[..1_000]);
    far.takes(&first);
    far.window = 0;
    assert_eq!(far.ask(&far.ack()).await.len(), 0);
    (stack, far, stream)
}

/// The time between probe `index` and what came before it: one RTO, doubled each time, up to a
/// minute (ZWP-1, ZWP-2).
fn interval(index: u32) -> Duration {
    let doubled = Duration::from_millis(200) * 2_u32.saturating_pow(index.min(10));
    doubled.min(Duration::from_secs(60))
}

#[tokio::test(start_paused = true)]
async fn must_36_and_must_37_a_window_that_is_closed_for_an_hour_ends_nothing() {
    for family in Family::BOTH {
        let (_stack, mut far, mut stream) = closed(family).await;
        let closed_at = far.now();
        let mut expected = closed_at;
        let mut probes = 0;
        while expected < closed_at + Duration::from_secs(3_600) {
            expected += interval(probes);
            probes += 1;
            let probe = far.next().await;
            assert_eq!(probe.at, expected, "probe {probes}");
            let segment = probe.segment();
            assert_eq!((segment.seq, segment.ack), (far.ack, Some(far.seq)));
            assert_eq!(segment.payload.to_vec(), text()[1_000..1_001], "ZWP-3");
            // The window is closed still, and the octet was not taken.
            assert_eq!(far.ask(&far.ack()).await.len(), 0);
            assert_eq!(stream.info().unwrap().state, State::Established);
        }
        // Nine of them until the interval is a minute, and then one a minute.
        assert_eq!(probes, 9 + 59);

        far.window = 30_000;
        let opened_at = far.now();
        let mut arrived = text()[..1_000].to_vec();
        far.send(&far.ack());
        while arrived.len() < 10_000 {
            let sent = far.next().await;
            assert_eq!(sent.at, opened_at, "at once, all that cwnd allows");
            assert_eq!(sent.segment().seq, far.ack);
            arrived.extend_from_slice(&sent.segment().payload.to_vec());
            far.takes(&sent);
            far.send(&far.ack());
        }
        assert_eq!(arrived, text());
        settle().await;
        assert_eq!(stream.info().unwrap().unacked, 0);
        // It is as alive as ever, both ways.
        far.says(b"thank you");
        stream.read_exact(&mut [0; 9]).await.unwrap();
        stream.write_all(b"not at all").await.unwrap();
        settle().await;
        assert_eq!(far.sent().pop().unwrap().segment().payload.to_vec(), b"not at all"[..]);
    }
}

#[tokio::test(start_paused = true)]
async fn zwp_1_the_next_time_the_window_closes_the_intervals_begin_at_one_rto_again() {
    let (_stack, mut far, mut stream) = closed(Family::V4).await;
    for _ in 0..2 {
        let closed_at = far.now();
        let mut expected = closed_at;
        for index in 0..6 {
            expected += interval(index);
            assert_eq!(far.next().await.at, expected);
            far.ask(&far.ack()).await;
        }
        far.window = 30_000;
        far.send(&far.ack());
        settle().await;
        for sent in far.sent() {
            far.takes(&sent);
        }
        far.window = 0;
        far.ask(&far.ack()).await;
        stream.write_all(b"more").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn zwp_4_probes_that_nobody_answers_are_the_end_after_five_minutes() {
    let (_stack, far, mut stream) = closed(Family::V4).await;
    let closed_at = far.now();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(far.now(), closed_at + Duration::from_secs(300));
    let mut expected = closed_at;
    for (index, probe) in (0..).zip(far.sent()) {
        expected += interval(index);
        assert_eq!(probe.at, expected);
        assert_eq!(probe.segment().payload.len(), 1);
    }
    far.silent_for(Duration::from_secs(3_600)).await;
}

#[tokio::test(start_paused = true)]
async fn uto_1_a_timeout_of_the_applications_ends_it_though_probes_are_answered() {
    let (_stack, far, mut stream) = closed(Family::V4).await;
    let closed_at = far.now();
    let timeout = Duration::from_millis(12_345);
    stream.set_user_timeout(Some(timeout)).unwrap();
    let mut octet = [0];
    let (read, ()) = tokio::join!(stream.read(&mut octet), async {
        // The sixth would come 12.6 s after the window closed.
        for _ in 0..5 {
            far.next().await;
            far.send(&far.ack());
        }
    });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(far.now(), closed_at + timeout);
}

#[tokio::test(start_paused = true)]
async fn zwp_6_octets_of_probes_that_are_taken_arrive_once() {
    let (_stack, mut far, stream) = closed(Family::V4).await;
    let mut arrived = text()[..1_000].to_vec();
    let closed_at = far.now();
    while far.now() < closed_at + Duration::from_secs(3_600) {
        let probe = far.next().await;
        assert_eq!(probe.segment().seq, far.ack);
        assert_eq!(probe.segment().payload.len(), 1);
        arrived.extend_from_slice(&probe.segment().payload.to_vec());
        far.takes(&probe);
        far.send(&far.ack());
    }
    assert_eq!(arrived, text()[..arrived.len()]);
    assert!(arrived.len() > 1_050, "{} octets", arrived.len());
    assert_eq!(stream.info().unwrap().state, State::Established);
}

#[tokio::test(start_paused = true)]
async fn zwp_7_a_fin_before_a_closed_window_is_probed_with_too() {
    let (stack, mut far) = FarEnd::new(Family::V6).await;
    far.window = 0;
    let mut stream = far.accept(&stack).await;
    stream.shutdown().await.unwrap();
    let mut expected = far.now();
    for index in 0..12 {
        expected += interval(index);
        let probe = far.next().await;
        assert_eq!(probe.at, expected);
        assert!(probe.segment().is_fin() && probe.segment().payload.is_empty());
        assert_eq!(probe.segment().seq, far.ack);
        far.ask(&far.ack()).await;
    }
    far.ack += 1;
    far.send(&far.ack());
    settle().await;
    assert_eq!(stream.info().unwrap().state, State::FinWait2);
}
