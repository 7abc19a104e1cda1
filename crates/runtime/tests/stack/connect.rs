//! Shows how an active open goes and how it fails, each failure with the kind of a kernel's socket.
//! Two stacks are joined in memory, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::{ConnectError, MemoryDevice, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::pair::{Family, Pair};

#[tokio::test(start_paused = true)]
async fn api_3_a_port_without_a_listener_refuses() {
    let pair = Pair::v4();
    let error = pair.client.connect(pair.at(81)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn the_applications_own_timeout_ends_a_connect() {
    let (pair, cable) = Pair::with_cable(Family::V4);
    cable.cut();
    let before = Instant::now();
    let connect = pair.client.connect(pair.at(80)).timeout(Duration::from_secs(5));
    assert_eq!(connect.await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(before.elapsed(), Duration::from_secs(5));
    settle().await;
    let stats = pair.client.stats();
    assert_eq!((stats.opened, stats.released), (1, 1), "nothing is left of it");
}

#[tokio::test(start_paused = true)]
async fn a_lost_syn_is_sent_again() {
    let (pair, cable) = Pair::with_cable(Family::V4);
    let listener = pair.listen(80).await;
    cable.cut();
    let connect = tokio::spawn(pair.client.connect(pair.at(80)));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    cable.join();
    let (connected, accepted) = tokio::join!(connect, listener.accept());
    connected.unwrap().unwrap();
    accepted.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_local_address_and_port_can_be_chosen() {
    let second = "10.0.0.77/24".parse().unwrap();
    let pair = Pair::with_each(Family::V4, |client| client.address(second), |server| server);
    let listener = pair.listen(80).await;
    let from = "10.0.0.77:1234".parse().unwrap();
    let (client, server) =
        tokio::join!(pair.client.connect(pair.at(80)).bind(from), listener.accept());
    let client = client.unwrap();
    assert_eq!(client.local_addr().unwrap(), from);
    assert_eq!(client.peer_addr().unwrap(), pair.at(80));
    let (server, peer) = server.unwrap();
    assert_eq!(peer, from);
    assert_eq!(server.peer_addr().unwrap(), from);
    let again = pair.client.connect(pair.at(80)).bind(from).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_says_why() {
    let pair = Pair::v4();
    let not_ours = "10.0.0.99:0".parse().unwrap();
    for (remote, from, kind, source) in [
        (
            "10.0.0.2:80",
            Some(not_ours),
            ErrorKind::AddrNotAvailable,
            ConnectError::AddressNotAvailable,
        ),
        ("10.0.0.2:0", None, ErrorKind::AddrNotAvailable, ConnectError::RemoteUnspecified),
        ("0.0.0.0:80", None, ErrorKind::AddrNotAvailable, ConnectError::RemoteUnspecified),
        ("224.0.0.1:80", None, ErrorKind::NetworkUnreachable, ConnectError::RemoteInvalid),
        ("[2001:db8::1]:80", None, ErrorKind::NetworkUnreachable, ConnectError::NoRoute),
    ] {
        let mut connect = pair.client.connect(remote.parse().unwrap());
        if let Some(from) = from {
            connect = connect.bind(from);
        }
        let error = connect.await.unwrap_err();
        assert_eq!(error.kind(), kind, "{remote}");
        let told = error.get_ref().and_then(|error| error.downcast_ref::<ConnectError>());
        assert_eq!(told, Some(&source), "{remote}");
    }
    assert_eq!(pair.client.stats().opened, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stack_connects_to_itself() {
    // Nobody is at the other end of its device.
    let (device, _other) = MemoryDevice::pair(1_500);
    let builder = Stack::builder().device(device).address("10.0.0.1/24".parse().unwrap());
    let stack = builder.address("fd00::1/64".parse().unwrap()).spawn().unwrap();
    for local in ["10.0.0.1:80", "[fd00::1]:80"] {
        let local = local.parse().unwrap();
        let listener = stack.listen(local).await.unwrap();
        let (client, server) = tokio::join!(stack.connect(local), listener.accept());
        let (mut client, (mut server, _)) = (client.unwrap(), server.unwrap());
        let sent = vec![9; 2_000_000];
        let (written, read) = tokio::join!(
            async {
                client.write_all(&sent).await?;
                client.shutdown().await
            },
            async {
                let mut read = Vec::new();
                server.read_to_end(&mut read).await.map(|_| read)
            }
        );
        written.unwrap();
        assert_eq!(read.unwrap(), sent);
    }
    assert_eq!(stack.stats().packets_out, 0);
    let refused = stack.connect("10.0.0.1:81".parse().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_dropped_leaves_nothing_behind() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    // At each number of polls: before the driver knows, before the SYN-ACK, before the stream.
    for polls in 0..8 {
        let mut connect = Box::pin(pair.client.connect(pair.at(80)));
        for _ in 0..polls {
            if futures::poll!(connect.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(connect);
        settle().await;
    }
    drop(listener);
    settle().await;
    let stats = pair.client.stats();
    assert!(stats.opened >= 6);
    assert_eq!(stats.opened, stats.released);
}

#[tokio::test(start_paused = true)]
async fn buffer_sizes_are_set_before_the_syn() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    let connect = pair.client.connect(pair.at(80)).send_buffer_size(8_192).recv_buffer_size(4_096);
    let (client, _server) = tokio::join!(connect.nodelay(true), listener.accept());
    let client = client.unwrap();
    assert_eq!(client.send_buffer_size().unwrap(), 8_192);
    assert_eq!(client.recv_buffer_size().unwrap(), 4_096);
    assert!(client.nodelay().unwrap());
    assert!(client.info().unwrap().rcv_wnd <= 4_096);
    assert_eq!(client.try_write(&[0; 10_000]).unwrap(), 8_192);
}

/// Lets everything happen that is due, a delayed ACK and a second of quarantine included.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}
