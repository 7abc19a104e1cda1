//! Shows that octets come through as they were sent, in both directions and both families, and that
//! each direction closes by itself. Two stacks are joined in memory, on tokio's paused clock.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair::{Family, Pair};

async fn echo_once(family: Family, len: usize) {
    let pair = Pair::new(family);
    let (mut client, mut server) = pair.connect().await;
    let sent: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).await.unwrap();
        back
    });
    let mut arrived = Vec::new();
    server.read_to_end(&mut arrived).await.unwrap();
    assert_eq!(arrived, expected);
    server.write_all(&arrived).await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(writer.await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_echo_comes_back_over_ipv4() {
    echo_once(Family::V4, 3_000_000).await;
}

#[tokio::test(start_paused = true)]
async fn an_echo_comes_back_over_ipv6() {
    echo_once(Family::V6, 3_000_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_single_octet_comes_back() {
    echo_once(Family::V4, 1).await;
}
