//! Shows when arriving text is acknowledged: at once, with the second segment, or with some delay.
//! The far end is played by hand with raw packets, on tokio's paused clock.

use std::time::Duration;

use synack::{ConnectionConfig, TcpStream};
use synack_wire::Flags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::{FarEnd, settle};
use crate::pair::Family;

/// The longest that an ACK waits (DACK-2).
const DELAY: Duration = Duration::from_millis(40);
/// Octets of a full-sized segment.
const FULL: usize = 1_400;

/// A connection that is past its first 16 segments, each of which was acknowledged at once
/// (DACK-6). The stack's task reads whatever comes.
async fn seasoned(family: Family) -> (FarEnd, tokio::io::WriteHalf<TcpStream>) {
    let (far, stream) = configured(family, ConnectionConfig::default()).await;
    let (mut read, write) = tokio::io::split(stream);
    tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    (far, write)
}

async fn configured(family: Family, config: ConnectionConfig) -> (FarEnd, TcpStream) {
    let (stack, mut far) = FarEnd::with(family, |stack| stack.connection_config(config)).await;
    let listener = stack.listen(far.host).await.unwrap();
    let stream = far.open(&listener).await;
    for segment in 0..16 {
        assert_eq!(say(&mut far, FULL).await, 1, "segment {segment} of a new connection");
    }
    far.silent_for(Duration::from_secs(1)).await;
    (far, stream)
}

/// Sends a segment; how many ACKs leave at once. The last one must acknowledge everything.
async fn say(far: &mut FarEnd, len: usize) -> usize {
    far.says(&vec![b'x'; len]);
    settle().await;
    let acks = far.sent();
    for ack in &acks {
        assert_eq!(ack.at, far.now());
        assert!(ack.segment().is_empty());
        assert_eq!(ack.segment().ack, Some(far.seq));
    }
    acks.len()
}

#[tokio::test(start_paused = true)]
async fn must_40_the_ack_of_an_odd_segment_waits_40_ms() {
    for family in Family::BOTH {
        let (mut far, _write) = seasoned(family).await;
        for _ in 0..5 {
            let arrived = far.now();
            assert_eq!(say(&mut far, FULL).await, 0);
            let ack = far.next().await;
            assert_eq!(ack.at, arrived + DELAY);
            assert_eq!(ack.segment().ack, Some(far.seq));
            far.silent_for(Duration::from_secs(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn shld_18_every_second_full_segment_is_acknowledged_at_once() {
    for family in Family::BOTH {
        let (mut far, _write) = seasoned(family).await;
        for pair in 0..10 {
            assert_eq!(say(&mut far, FULL).await, 0, "pair {pair}");
            far.silent_for(Duration::from_millis(39)).await;
            assert_eq!(say(&mut far, FULL).await, 1, "pair {pair}");
        }
        // DACK-7: nothing is left to be said later.
        far.silent_for(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn dack_1_two_short_segments_make_no_full_ones() {
    let (mut far, _write) = seasoned(Family::V4).await;
    let arrived = far.now();
    for _ in 0..3 {
        assert_eq!(say(&mut far, FULL / 4).await, 0);
    }
    assert_eq!(far.next().await.at, arrived + DELAY, "after the first of them");
    far.silent_for(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn must_59_segments_that_wait_together_have_one_ack() {
    let (mut far, _write) = seasoned(Family::V4).await;
    for _ in 0..10 {
        far.says(&[b'x'; FULL]);
    }
    settle().await;
    let acks = far.sent();
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].segment().ack, Some(far.seq));
    far.silent_for(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn dack_4_an_ack_rides_on_text_that_is_written_meanwhile() {
    let (mut far, mut write) = seasoned(Family::V4).await;
    assert_eq!(say(&mut far, FULL).await, 0);
    far.silent_for(Duration::from_millis(20)).await;
    write.write_all(b"answer").await.unwrap();
    settle().await;
    let answer = far.sent().pop().unwrap();
    assert_eq!(answer.segment().payload.to_vec(), b"answer");
    assert_eq!(answer.segment().ack, Some(far.seq));
    far.takes(&answer);
    far.send(&far.ack());
    far.silent_for(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn dack_3_no_delay_for_a_gap_or_for_what_fills_it_or_for_an_old_duplicate_or_for_a_fin() {
    let (mut far, _write) = seasoned(Family::V4).await;
    let missing = far.text(&[b'x'; FULL]);
    let before = far.seq;
    far.seq += FULL as u32;
    let behind = far.text(&[b'x'; FULL]);
    for _ in 0..3 {
        let answer = far.answer_to(&behind).await;
        assert_eq!(answer.segment().ack, Some(before), "what is missing");
    }
    far.seq += FULL as u32;
    assert_eq!(far.answer_to(&missing).await.segment().ack, Some(far.seq));
    assert_eq!(far.answer_to(&missing).await.segment().ack, Some(far.seq));
    assert_eq!(far.answer_to(&far.fin()).await.segment().ack, Some(far.seq + 1));
    far.silent_for(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn must_40_no_configuration_makes_the_delay_500_ms() {
    let ack_delay = Duration::from_secs(60);
    let config = ConnectionConfig { ack_delay, ..ConnectionConfig::default() };
    let (mut far, mut stream) = configured(Family::V4, config).await;
    let arrived = far.now();
    assert_eq!(say(&mut far, FULL).await, 0);
    stream.read_exact(&mut [0; FULL]).await.unwrap();
    assert_eq!(far.next().await.at, arrived + Duration::from_millis(499));
}

#[tokio::test(start_paused = true)]
async fn shld_18_with_quick_ack_no_ack_waits_and_what_is_owed_leaves_at_once() {
    let (mut far, stream) = configured(Family::V4, ConnectionConfig::default()).await;
    assert_eq!(say(&mut far, 10).await, 0);
    stream.set_quickack(true).unwrap();
    settle().await;
    assert_eq!(far.sent().len(), 1, "the ACK that waited");
    for _ in 0..5 {
        assert_eq!(say(&mut far, 10).await, 1);
    }
    stream.set_quickack(false).unwrap();
    assert_eq!(say(&mut far, 10).await, 0);
}

#[tokio::test(start_paused = true)]
async fn dack_4_a_short_exchange_costs_the_side_that_answers_three_packets() {
    for family in Family::BOTH {
        let (stack, mut far) = FarEnd::new(family).await;
        let listener = stack.listen(far.host).await.unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = [0; 8];
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(b"answer").await.unwrap();
            assert_eq!(stream.read(&mut question).await.unwrap(), 0);
        });
        let syn_ack = far.answer_to(&far.syn()).await;
        far.seq += 1;
        far.take_syn(&syn_ack);
        far.send(&far.ack());
        far.says(b"question");
        let answer = far.next().await;
        assert_eq!(answer.segment().payload.to_vec(), b"answer");
        assert_eq!((answer.at, answer.segment().ack), (far.now(), Some(far.seq)));
        far.takes(&answer);
        let end = far.answer_to(&far.fin()).await;
        assert_eq!(end.segment().control, Flags::FIN);
        assert_eq!(end.segment().ack, Some(far.seq + 1));
        far.silent_for(Duration::from_millis(100)).await;
        served.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn dack_3_dack_6_what_is_read_and_not_answered_is_acknowledged_at_once() {
    let (stack, mut far) = FarEnd::new(Family::V4).await;
    let listener = stack.listen(far.host).await.unwrap();
    let mut stream = far.open(&listener).await;
    let reader = tokio::spawn(async move {
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        (stream, read)
    });
    settle().await;
    assert_eq!(say(&mut far, 10).await, 1, "the reader has no answer");
    assert_eq!(far.answer_to(&far.fin()).await.segment().ack, Some(far.seq + 1));
    let (stream, read) = reader.await.unwrap();
    assert_eq!(read.len(), 10);
    drop(stream);
}
