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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_run_on_many_threads() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
    });
    let exchanges = (0..40_u8).map(|number| {
        let connect = pair.client.connect(pair.at(80));
        tokio::spawn(async move {
            let (mut read, mut write) = connect.await.unwrap().into_split();
            let sent = vec![number; 200_000 + usize::from(number)];
            let expected = sent.clone();
            let writer = tokio::spawn(async move {
                for part in sent.chunks(1_000 + usize::from(number) * 400) {
                    write.write_all(part).await.unwrap();
                }
                write.shutdown().await.unwrap();
            });
            let mut back = Vec::new();
            read.read_to_end(&mut back).await.unwrap();
            writer.await.unwrap();
            assert!(back == expected, "connection {number} is spoilt");
        })
    });
    for exchange in exchanges.collect::<Vec<_>>() {
        exchange.await.unwrap();
    }
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_single_octet_comes_back() {
    echo_once(Family::V4, 1).await;
}
