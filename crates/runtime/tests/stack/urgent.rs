//! Shows that no way to read from a stream crosses the end of urgent text (SM-RECV-6).
//! Two stacks are joined in memory, on tokio's paused clock.

use std::io::IoSliceMut;
use std::time::Duration;

use bytes::BytesMut;
use synack::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair::Pair;

/// A stream that holds `before!after`, the exclamation mark urgent; its peer goes on.
async fn marked_stream() -> (TcpStream, TcpStream) {
    let (mut client, server) = Pair::v4().connect().await;
    client.write_all(b"before").await.unwrap();
    client.write_urgent(b"!").await.unwrap();
    client.write_all(b"after").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.info().unwrap().unread, 12, "all of it has arrived");
    (client, server)
}

#[tokio::test(start_paused = true)]
async fn sm_recv_6_a_read_into_initialised_memory_stops_at_the_mark() {
    let (_client, mut server) = marked_stream().await;
    let mut text = [0; 20];
    assert_eq!(server.read(&mut text).await.unwrap(), 7);
    assert_eq!(server.read(&mut text).await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn sm_recv_6_a_read_into_uninitialised_memory_stops_at_the_mark() {
    let (_client, mut server) = marked_stream().await;
    let mut text = BytesMut::with_capacity(20);
    assert_eq!(server.read_buf(&mut text).await.unwrap(), 7);
    assert_eq!(server.read_buf(&mut text).await.unwrap(), 5);
    assert_eq!(text, b"before!after"[..]);
}

#[tokio::test(start_paused = true)]
async fn sm_recv_6_a_read_into_several_slices_stops_at_the_mark() {
    let (_client, server) = marked_stream().await;
    let (mut first, mut second, mut third) = ([0; 5], [0; 4], [0; 20]);
    let mut slices = [&mut first[..], &mut second, &mut third].map(IoSliceMut::new);
    assert_eq!(server.try_read_vectored(&mut slices).unwrap(), 7);
    assert_eq!(server.try_read_vectored(&mut slices).unwrap(), 5);
    assert_eq!((&first, &third), (b"after", &[0; 20]));
}

#[tokio::test(start_paused = true)]
async fn sm_recv_6_octets_without_a_copy_stop_at_the_mark() {
    let (_client, mut server) = marked_stream().await;
    let mut text = BytesMut::new();
    while text.len() < 7 {
        text.extend_from_slice(&server.read_bytes(20).await.unwrap());
    }
    assert_eq!(text, b"before!"[..]);
    assert_eq!(server.try_read_buf(&mut text).unwrap(), 5);
}
