//! Shows what listeners accept, what they bound, and what becomes of them.
//! Two stacks are joined in memory, on tokio's paused clock.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::time::Duration;

use synack::{ListenOn, MemoryDevice, Stack, TcpListener};
use tokio::io::AsyncReadExt;

use crate::pair::{Family, Pair};

#[tokio::test(start_paused = true)]
async fn connections_are_accepted_in_the_order_they_came() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(pair.client.connect(pair.at(80)).await.unwrap());
    }
    for client in &clients {
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(server.local_addr().unwrap(), pair.at(80));
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_is_chosen_for_port_0() {
    let pair = Pair::v4();
    let first = pair.listen(0).await.local_addr().unwrap();
    assert_ne!(first.port(), 0);
    let (one, other) = (pair.listen(0).await, pair.listen(0).await);
    assert_ne!(one.local_addr().unwrap(), other.local_addr().unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_listened_on_says_why() {
    let pair = Pair::v4();
    let _listener = pair.listen(80).await;
    let twice = pair.server.listen(pair.at(80)).await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::AddrInUse);
    let not_ours = pair.server.listen("10.0.0.99:80".parse().unwrap()).await.unwrap_err();
    assert_eq!(not_ours.kind(), ErrorKind::AddrNotAvailable);
}

#[tokio::test(start_paused = true)]
async fn a_port_can_be_listened_on_again_once_the_listener_is_dropped() {
    let pair = Pair::v4();
    drop(pair.listen(80).await);
    let _again = pair.listen(80).await;
}

#[tokio::test(start_paused = true)]
async fn wildcards_take_every_address_of_their_family_and_the_exact_one_comes_first() {
    let (left, right) = MemoryDevice::pair(1_500);
    let address =
        |builder: synack::StackBuilder, text: &str| builder.address(text.parse().unwrap());
    let server = ["10.0.0.2/24", "10.0.0.3/24", "fd00::2/64"].iter();
    let server = server.fold(Stack::builder().device(left), |b, text| address(b, text));
    let server = server.spawn().unwrap();
    let client = ["10.0.0.1/24", "fd00::1/64"].iter();
    let client = client.fold(Stack::builder().device(right), |b, text| address(b, text));
    let client = client.spawn().unwrap();

    let exact = server.listen("10.0.0.3:80".parse().unwrap()).await.unwrap();
    let all_v4 = server.listen("0.0.0.0:80".parse().unwrap()).await.unwrap();
    let both = server.listen("[::]:90".parse().unwrap()).await.unwrap();
    for (remote, listener) in [
        ("10.0.0.2:80", &all_v4),
        ("10.0.0.3:80", &exact),
        ("10.0.0.2:90", &both),
        ("[fd00::2]:90", &both),
    ] {
        let remote = remote.parse().unwrap();
        let (_client, accepted) = tokio::join!(client.connect(remote), listener.accept());
        assert_eq!(accepted.unwrap().0.local_addr().unwrap(), remote);
    }
    let refused = client.connect("[fd00::2]:80".parse().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_listens_on_everything() {
    let pair = Pair::v4();
    let proxy = pair.server.listen_on(ListenOn::Anything).await.unwrap();
    let remote = "192.0.2.7:4242".parse().unwrap();
    let (client, accepted) = tokio::join!(pair.client.connect(remote), proxy.accept());
    assert_eq!(client.unwrap().peer_addr().unwrap(), remote);
    assert_eq!(accepted.unwrap().0.local_addr().unwrap(), remote);
}

#[tokio::test(start_paused = true)]
async fn a2_a_full_accept_queue_holds_the_rest_back_until_there_is_room() {
    let pair = Pair::v4();
    let listener = pair.server.listen(pair.at(80)).backlog(2).await.unwrap();
    let connects: Vec<_> = (0..5).map(|_| tokio::spawn(pair.client.connect(pair.at(80)))).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(pair.server.stats().accepted, 2);
    let mut accepted = Vec::new();
    for _ in 0..5 {
        accepted.push(listener.accept().await.unwrap());
    }
    for connect in connects {
        connect.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn sm_close_10_a_dropped_listener_resets_what_nobody_accepted() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    let mut accepted = pair.client.connect(pair.at(80)).await.unwrap();
    let mut waiting = pair.client.connect(pair.at(80)).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    drop(listener);
    let error = waiting.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused = pair.client.connect(pair.at(80)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // What was accepted lives on, and closes in order.
    drop(server);
    assert_eq!(accepted.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_accept_that_is_dropped_loses_no_connection() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    for polls in 1..4 {
        let mut dropped = Box::pin(listener.accept());
        for _ in 0..polls {
            assert!(futures::poll!(dropped.as_mut()).is_pending());
        }
        let client = pair.client.connect(pair.at(80)).await.unwrap();
        // It was told of the connection, and goes before it looks.
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(dropped);
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn many_tasks_share_a_listener_and_each_connection_goes_to_one() {
    let pair = Pair::v4();
    let listener = std::sync::Arc::new(pair.listen(80).await);
    let accepts: Vec<_> = (0..8)
        .map(|_| {
            let listener = std::sync::Arc::clone(&listener);
            tokio::spawn(async move { listener.accept().await.unwrap().1 })
        })
        .collect();
    tokio::task::yield_now().await;
    let connects = (0..8).map(|_| pair.client.connect(pair.at(80)));
    let clients = futures::future::try_join_all(connects).await.unwrap();
    let mut peers = futures::future::try_join_all(accepts).await.unwrap();
    let mut opened: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    peers.sort();
    opened.sort();
    assert_eq!(peers, opened);
}

#[tokio::test(start_paused = true)]
async fn poll_accept_is_woken_by_a_connection() {
    let pair = Pair::new(Family::V6);
    let listener: TcpListener = pair.listen(80).await;
    let accept = tokio::spawn(async move { poll_fn(|cx| listener.poll_accept(cx)).await });
    tokio::task::yield_now().await;
    let client = pair.client.connect(pair.at(80)).await.unwrap();
    assert_eq!(accept.await.unwrap().unwrap().1, client.local_addr().unwrap());
}
