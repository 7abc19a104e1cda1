//! Shows that the shards of a stack end together: with the last connection, by a shutdown, by a
//! failure, or with a runtime. Stacks are joined in memory, on tokio's paused clock.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use synack::{MemoryDevice, PacketsDevice, Stack, StackError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::devices::Channel;
use crate::far_end::settle;
use crate::shards::Sharded;

#[tokio::test(start_paused = true)]
async fn every_shard_stays_for_the_last_connection_and_lets_go_of_its_queue_then() {
    let (left, right) = MemoryDevice::pair_of_queues(1_500, [4, 4]);
    let queues: Vec<_> = left.into_iter().map(Arc::new).collect();
    let builder = Stack::builder().queues(queues.clone());
    let client = builder.address("10.0.0.1/24".parse().unwrap()).spawn().unwrap();
    let builder = Stack::builder().queues(right);
    let server = builder.address("10.0.0.2/24".parse().unwrap()).spawn().unwrap();
    let remote = "10.0.0.2:80".parse().unwrap();
    let listener = server.listen(remote).await.unwrap();
    let (stream, accepted) = tokio::join!(client.connect(remote), listener.accept());
    let (mut stream, (mut accepted, _)) = (stream.unwrap(), accepted.unwrap());
    drop((client, server, listener));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let users = || queues.iter().map(Arc::strong_count).collect::<Vec<_>>();
    assert_eq!(users(), [2; 4]);
    // What comes by any queue still finds its way.
    let sent = vec![8; 200_000];
    let write = async {
        stream.write_all(&sent).await.unwrap();
        drop(stream);
    };
    let mut read = Vec::new();
    let (all, ()) = tokio::join!(accepted.read_to_end(&mut read), write);
    all.unwrap();
    assert_eq!(read, sent);
    assert_eq!(users(), [2; 4], "the peer has not closed yet");
    drop(accepted);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(users(), [1; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_opening_under_way_keeps_a_stack_whose_handles_are_gone() {
    let pair = Sharded::new([4, 4]);
    let listener = pair.server.listen(pair.at(80)).await.unwrap();
    let remote = pair.at(80);
    for _ in 0..3 {
        drop(pair.client.connect(remote).await.unwrap());
    }
    let mut connecting = Box::pin(pair.client.connect(remote));
    assert!(futures::poll!(&mut connecting).is_pending());
    drop(pair);
    let mut stream = connecting.await.unwrap();
    for _ in 0..3 {
        listener.accept().await.unwrap();
    }
    let (mut accepted, _) = listener.accept().await.unwrap();
    stream.write_all(b"alive").await.unwrap();
    let mut text = [0; 5];
    accepted.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"alive");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_delivers_what_was_written_in_every_shard() {
    let pair = Sharded::new([4, 4]);
    let mut ends = pair.connect(16).await;
    for (opened, _) in &mut ends {
        opened.write_all(&[5; 30_000]).await.unwrap();
    }
    let stack = pair.client.clone();
    let shutdown =
        tokio::spawn(async move { stack.shutdown(Instant::now() + Duration::from_secs(30)).await });
    for (_, accepted) in &mut ends {
        let mut read = Vec::new();
        accepted.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, [5; 30_000]);
    }
    let late = pair.client.connect(pair.at(80)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NetworkUnreachable);
    let late = pair.client.listen("10.0.0.1:80".parse().unwrap()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::AddrNotAvailable);
    for (_, accepted) in ends {
        drop(accepted);
    }
    assert_eq!(shutdown.await.unwrap(), 0, "nothing had to be reset");
    settle().await;
    for _ in 0..4 {
        let gone = pair.client.connect(pair.at(80)).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NetworkDown);
    }
    assert!(pair.client.connections().await.open.is_empty());
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_a_shutdown_resets_what_is_left_in_every_shard() {
    let pair = Sharded::new([4, 4]);
    let mut ends = pair.connect(16).await;
    let before = Instant::now();
    let reset = pair.client.shutdown(before + Duration::from_secs(3)).await;
    assert_eq!((reset, before.elapsed().as_secs()), (16, 3));
    for (_, accepted) in &mut ends {
        let error = accepted.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

/// Two stacks of two shards by channels: the second's ends of the two cables are the test's.
fn over_channels() -> (Stack, [mpsc::Sender<Bytes>; 2], [mpsc::Receiver<Bytes>; 2]) {
    let mut queues = Vec::new();
    let ends = [(); 2].map(|()| {
        let (into, from_test) = mpsc::channel::<Bytes>(100);
        let (to_test, out) = mpsc::channel::<Bytes>(100);
        let packets = Channel { packets: from_test, sink: to_test };
        queues.push(PacketsDevice::new(packets, 1_500));
        (into, out)
    });
    let builder = Stack::builder().queues(queues).address("10.0.0.1/24".parse().unwrap());
    let stack = builder.spawn().unwrap();
    let [(first, first_out), (second, second_out)] = ends;
    (stack, [first, second], [first_out, second_out])
}

#[tokio::test(start_paused = true)]
async fn a_device_that_fails_in_one_queue_has_failed_for_every_shard() {
    let (stack, [first, second], _out) = over_channels();
    let mut connecting: Vec<_> =
        (0..4).map(|_| tokio::spawn(stack.connect("10.0.0.2:80".parse().unwrap()))).collect();
    let listener = stack.listen("10.0.0.1:80".parse().unwrap()).await.unwrap();
    settle().await;
    assert_eq!(stack.connections().await.open.len(), 4);
    drop(second);
    for connect in &mut connecting {
        let error = connect.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let source = error.get_ref().and_then(|it| it.downcast_ref::<StackError>());
        assert!(matches!(source, Some(StackError::Device(_))), "{error:?}");
    }
    assert_eq!(listener.accept().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    settle().await;
    for _ in 0..2 {
        let gone = stack.connect("10.0.0.2:80".parse().unwrap()).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::UnexpectedEof);
    }
    drop(first);
}

#[test]
fn a_runtime_that_ends_takes_the_whole_stack_with_it() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (main, other) = (build(), build());
    main.block_on(async {
        let (left, right) = MemoryDevice::pair_of_queues(1_500, [2, 1]);
        let builder = Stack::builder().queues(left).address("10.0.0.1/24".parse().unwrap());
        let runtimes = [main.handle().clone(), other.handle().clone()];
        let stack = builder.spawn_on(&runtimes).unwrap();
        let listening = tokio::spawn(stack.listen("10.0.0.1:80".parse().unwrap()));
        settle().await;
        assert!(!listening.is_finished(), "the other shard does not run");
        other.shutdown_background();
        let error = listening.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkDown);
        settle().await;
        let error = stack.connect("10.0.0.2:80".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkDown);
        drop(right);
    });
}

#[tokio::test(start_paused = true)]
async fn what_is_no_stack_of_shards_is_refused() {
    let queues = |count| MemoryDevice::pair_of_queues(1_500, [count, 1]).0;
    let address = || "10.0.0.1/24".parse().unwrap();
    let uneven = Stack::builder().queues(queues(2)).address(address()).queues(queues(3));
    let none = Stack::builder().queues(queues(0)).address(address());
    for builder in [uneven, none] {
        assert_eq!(builder.spawn().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let nowhere = Stack::builder().queues(queues(2)).address(address()).spawn_on(&[]);
    assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::InvalidInput);
}
