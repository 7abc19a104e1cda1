//! Shows that the generic server keeps the protocol of the benches,
//! by playing the client over a pipe in memory.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{SINK_ANSWER, Service, serve};

/// Starts the service, and returns the client's end of the pipe.
fn start(service: Service) -> DuplexStream {
    let (client, mut server) = tokio::io::duplex(1000);
    tokio::spawn(async move { serve(&mut server, service).await });
    client
}

#[test]
fn every_service_is_found_by_its_port() {
    for service in Service::ALL {
        assert_eq!(Service::of_port(service.port()), Some(service));
    }
    assert_eq!(Service::of_port(80), None);
}

#[tokio::test]
async fn the_sink_answers_when_all_have_come_and_not_before() {
    let mut client = start(Service::Sink);
    client.write_u64_le(3000).await.unwrap();
    client.write_all(&[5; 2999]).await.unwrap();
    let mut answer = [0; 8];
    tokio::select! {
        biased;
        _ = client.read_exact(&mut answer) => panic!("an answer after 2999 octets of 3000"),
        () = tokio::task::yield_now() => {}
    }
    client.write_all(&[5]).await.unwrap();
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, SINK_ANSWER);
}

#[tokio::test]
async fn the_source_sends_as_many_as_asked_and_waits_for_the_client_to_close() {
    let mut client = start(Service::Source);
    client.write_u64_le(300_000).await.unwrap();
    let mut octets = vec![0; 300_000];
    client.read_exact(&mut octets).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut octets).await.unwrap(), 0);
}

#[tokio::test]
async fn the_echo_sends_back_what_it_gets() {
    let mut client = start(Service::Echo);
    for text in [&b"one"[..], &[9; 900]] {
        client.write_all(text).await.unwrap();
        let mut back = vec![0; text.len()];
        client.read_exact(&mut back).await.unwrap();
        assert_eq!(back, text);
    }
}

#[tokio::test]
async fn the_half_close_ends_its_side_first_and_reads_on() {
    let mut client = start(Service::HalfClose);
    client.write_u64_le(5000).await.unwrap();
    let mut octets = Vec::new();
    client.read_to_end(&mut octets).await.unwrap();
    assert_eq!(octets.len(), 5000);
    // More than the pipe holds, so this ends only if the server reads on.
    client.write_all(&[3; 4000]).await.unwrap();
    client.shutdown().await.unwrap();
}
