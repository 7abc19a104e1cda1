//! Shows endings on the wire: resets that overtake the reader, half-closes, shutdowns that return.
//! The far end is played by hand with raw packets, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::{Stack, State, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::{FarEnd, settle};
use crate::pair::Family;

/// A connection that the far end opened.
async fn opened(family: Family) -> (Stack, FarEnd, TcpListener, TcpStream) {
    let (stack, mut far) = FarEnd::new(family).await;
    let listener = stack.listen(far.host).await.unwrap();
    let stream = far.open(&listener).await;
    (stack, far, listener, stream)
}

/// What a reader is told after the text: the reset, once, and then the end.
async fn assert_reset(stream: &mut TcpStream, text: &[u8]) {
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut read = vec![0; text.len() + 10];
    let mut count = 0;
    let error = loop {
        match stream.read(&mut read[count..]).await {
            Ok(0) => panic!("the end of the stream comes before the reset"),
            Ok(more) => count += more,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(read[..count], *text);
    assert_eq!(stream.read(&mut read).await.unwrap(), 0);
    assert_eq!(stream.read(&mut read).await.unwrap(), 0);
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn api_2_received_text_is_read_then_the_reset_and_only_then_the_end() {
    for family in Family::BOTH {
        // All of it waits on the cable before the stack sees the first.
        for text in [&b""[..], b"text", &[7; 5_000]] {
            for closes_first in [false, true] {
                let (_stack, mut far, _listener, mut stream) = opened(family).await;
                for part in text.chunks(1_400) {
                    far.says(part);
                }
                if closes_first {
                    far.send(&far.fin());
                    far.seq += 1;
                }
                far.send(&far.rst());
                settle().await;
                far.sent();
                assert_reset(&mut stream, text).await;
                far.silent_for(Duration::from_secs(3_600)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn api_2_text_behind_a_hole_is_not_read_after_a_reset() {
    let (_stack, mut far, _listener, mut stream) = opened(Family::V4).await;
    far.says(b"whole");
    let mut behind = far.text(b"behind");
    behind.segment.seq += 1;
    far.send(&behind);
    far.send(&far.rst());
    settle().await;
    assert_reset(&mut stream, b"whole").await;
}

#[tokio::test(start_paused = true)]
async fn blind_3_a_reset_elsewhere_in_the_window_is_challenged_and_changes_nothing() {
    let (_stack, mut far, _listener, mut stream) = opened(Family::V4).await;
    let mut rst = far.rst();
    rst.segment.seq += 1;
    let challenge = far.answer_to(&rst).await;
    assert_eq!((challenge.segment().seq, challenge.segment().ack), (far.ack, Some(far.seq)));
    far.says(b"alive");
    stream.read_exact(&mut [0; 5]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn shutdown_returns_when_the_fin_is_queued() {
    for family in Family::BOTH {
        let (_stack, mut far, _listener, mut stream) = opened(family).await;
        stream.write_all(b"last words").await.unwrap();
        let before = far.now();
        stream.shutdown().await.unwrap();
        assert_eq!(far.now(), before, "though nothing was acknowledged");
        assert_eq!(stream.info().unwrap().state, State::FinWait1);
        settle().await;
        // On the segment of the last text, or behind it (SM-OUT-3).
        let last = far.sent().pop().unwrap();
        assert!(last.segment().is_fin());
        assert_eq!(last.segment().end(), far.ack + 11);
        // Nor does it wait for the peer's FIN, or for TIME-WAIT.
        far.takes(&last);
        assert_eq!(far.ask(&far.ack()).await.len(), 0);
        assert_eq!(stream.info().unwrap().state, State::FinWait2);
        stream.shutdown().await.unwrap();
        far.send(&far.fin());
        settle().await;
        stream.shutdown().await.unwrap();
        assert_eq!(far.now(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_returns_though_the_text_before_the_fin_does_not_fit_the_window() {
    let (stack, mut far) = FarEnd::new(Family::V4).await;
    far.window = 0;
    let mut stream = far.accept(&stack).await;
    let text: Vec<u8> = (0..100_000_u32).map(|place| (place % 251) as u8).collect();
    stream.write_all(&text).await.unwrap();
    let before = far.now();
    stream.shutdown().await.unwrap();
    assert_eq!(far.now(), before);
    assert_eq!(stream.info().unwrap().state, State::FinWait1);
    drop(stream);
    // The rest is the stack's affair: all of it arrives, and the FIN behind it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    far.sent();
    far.window = 40_000;
    far.send(&far.ack());
    let mut arrived = Vec::new();
    loop {
        let sent = far.next().await;
        assert_eq!(sent.segment().seq, far.ack);
        arrived.extend_from_slice(&sent.segment().payload.to_vec());
        far.takes(&sent);
        far.send(&far.ack());
        if sent.segment().is_fin() {
            break;
        }
    }
    assert_eq!(arrived, text);
}

#[tokio::test(start_paused = true)]
async fn api_1_a_half_close_of_the_peers_closes_nothing_of_ours() {
    for family in Family::BOTH {
        let (stack, mut far, _listener, mut stream) = opened(family).await;
        far.says(b"that is all");
        far.send(&far.fin());
        far.seq += 1;
        settle().await;
        far.sent();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"that is all");
        // For a day the other direction goes on (CLOSE-11), and no FIN leaves.
        for hour in 0..24 {
            far.silent_for(Duration::from_secs(3_600)).await;
            stream.write_all(&[hour; 500]).await.unwrap();
            settle().await;
            let sent = far.sent().remove(0);
            assert_eq!(sent.segment().payload.to_vec(), [hour; 500]);
            assert!(!sent.segment().is_fin());
            far.takes(&sent);
            assert_eq!(far.ask(&far.ack()).await.len(), 0);
            assert_eq!(stream.info().unwrap().state, State::CloseWait);
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        }
        stream.shutdown().await.unwrap();
        assert_eq!(stream.info().unwrap().state, State::LastAck);
        settle().await;
        let fin = far.sent().remove(0);
        assert!(fin.segment().is_fin());
        far.takes(&fin);
        assert_eq!(far.ask(&far.ack()).await.len(), 0);
        assert_eq!(stack.connections().await.open, [], "LAST-ACK was the last");
        assert_eq!(stack.connections().await.time_wait, 0);
    }
}
