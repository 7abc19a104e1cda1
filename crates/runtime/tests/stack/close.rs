//! Shows how connections end: by halves, by drop, by reset, by time, and what each side is told.
//! Two stacks are joined in memory, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::pair::Pair;

#[tokio::test(start_paused = true)]
async fn api_1_the_end_of_the_peers_stream_comes_after_its_data() {
    let (mut client, mut server) = Pair::v4().connect().await;
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut text = String::new();
    server.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "last words");
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "and stays");
}

#[tokio::test(start_paused = true)]
async fn api_4_a_half_closed_connection_carries_the_other_half() {
    let (mut client, mut server) = Pair::v4().connect().await;
    client.shutdown().await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    let big = vec![7; 300_000];
    let (written, read) = tokio::join!(server.write_all(&big), async {
        let mut read = vec![0; big.len()];
        client.read_exact(&mut read).await.unwrap();
        read
    });
    written.unwrap();
    assert_eq!(read, big);
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(client.info().unwrap().state, State::FinWait2);
    assert_eq!(server.info().unwrap().state, State::CloseWait);
}

#[tokio::test(start_paused = true)]
async fn shutdown_returns_when_the_fin_is_queued_and_may_be_repeated() {
    let (mut client, server) = Pair::v4().connect().await;
    let before = Instant::now();
    client.shutdown().await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn api_8_dropping_a_stream_delivers_what_was_written_and_closes() {
    let (mut client, mut server) = Pair::v4().connect().await;
    let sent = vec![3; 200_000];
    client.write_all(&sent).await.unwrap();
    drop(client);
    let mut read = Vec::new();
    server.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, sent);
}

#[tokio::test(start_paused = true)]
async fn close_13_dropping_a_stream_with_unread_data_resets_the_peer() {
    let (client, mut server) = Pair::v4().connect().await;
    server.write_all(b"never read").await.unwrap();
    client.readable().await.unwrap();
    drop(client);
    let error = server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_zero_linger_time_resets_on_drop() {
    let (client, mut server) = Pair::v4().connect().await;
    client.set_zero_linger().unwrap();
    drop(client);
    let error = server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn api_2_after_a_reset_come_the_data_then_the_error_once_then_the_end() {
    let (mut client, mut server) = Pair::v4().connect().await;
    client.write_all(b"before").await.unwrap();
    server.readable().await.unwrap();
    client.abort();
    // The reset arrives while the data wait.
    while server.info().unwrap().state != State::Closed {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut buffer = [0; 16];
    assert_eq!(server.read(&mut buffer).await.unwrap(), 6);
    assert_eq!(&buffer[..6], b"before");
    assert_eq!(server.read(&mut buffer).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    assert_eq!(server.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn api_9_after_an_abort_our_own_calls_fail_too() {
    let (mut client, _server) = Pair::v4().connect().await;
    client.abort();
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    let error = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_is_woken_by_a_reset() {
    let (client, mut server) = Pair::v4().connect().await;
    let reader = tokio::spawn(async move { server.read(&mut [0; 8]).await });
    tokio::task::yield_now().await;
    client.abort();
    assert_eq!(reader.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_is_woken_by_a_reset() {
    let (client, mut server) = Pair::v4().connect().await;
    let writer = tokio::spawn(async move {
        loop {
            if let Err(error) = server.write(&[0; 4_096]).await {
                return error.kind();
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(!writer.is_finished(), "both buffers are full");
    client.abort();
    assert_eq!(writer.await.unwrap(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn api_2_an_error_that_was_taken_is_not_told_by_a_read() {
    let (mut client, mut server) = Pair::v4().connect().await;
    assert!(server.take_error().unwrap().is_none());
    client.write_all(b"last words").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.abort();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let error = server.take_error().unwrap().expect("the peer reset the connection");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(server.take_error().unwrap().is_none());
    let mut text = String::new();
    assert_eq!(server.read_to_string(&mut text).await.unwrap(), 10, "and then the end");
    assert_eq!(server.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_leaves_no_error() {
    let (client, mut server) = Pair::v4().connect().await;
    drop(client);
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(server.take_error().unwrap().is_none());
}
