//! Shows what a stream offers beside reads and writes, and that no dropped future loses octets.
//! Two stacks are joined in memory, on tokio's paused clock.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use synack::{KeepAlive, StreamEvent, TcpStream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, Interest};

use crate::pair::Pair;

#[tokio::test(start_paused = true)]
async fn peek_shows_everything_and_takes_nothing() {
    let (mut client, mut server) = Pair::v4().connect().await;
    // Long enough for several blocks, with short ones between.
    let sent: Vec<u8> = (0..10_000_u32).map(|index| index as u8).collect();
    for part in sent.chunks(1_111) {
        client.write_all(part).await.unwrap();
        client.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut shown = vec![0; 20_000];
    assert_eq!(server.peek(&mut shown).await.unwrap(), sent.len());
    assert_eq!(&shown[..sent.len()], sent);
    assert_eq!(server.peek(&mut shown[..3]).await.unwrap(), 3);
    let mut read = vec![0; sent.len()];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(read, sent);
    drop(client);
    assert_eq!(server.peek(&mut shown).await.unwrap(), 0, "the end of the stream");
}

#[tokio::test(start_paused = true)]
async fn a_read_half_gives_lines_and_consumes_what_it_gave() {
    let (mut client, mut server) = Pair::v4().connect().await;
    client.write_all(b"one\ntwo\nthree").await.unwrap();
    client.shutdown().await.unwrap();
    let (mut read, _write) = server.split();
    let mut line = String::new();
    assert_eq!(read.read_line(&mut line).await.unwrap(), 4);
    // What the buffered reader did not take is there for every other way to read.
    let mut buffer = [0; 2];
    read.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"tw");
    assert_eq!(read.fill_buf().await.unwrap(), b"o\nthree");
    read.consume(2);
    assert_eq!(read.try_read(&mut buffer[..1]).unwrap(), 1);
    let mut rest = String::new();
    server.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "hree");
}

#[tokio::test(start_paused = true)]
async fn joined_halves_are_a_buffered_reader_and_a_writer() {
    let (client, server) = Pair::v4().connect().await;
    let [mut client, mut server] = [client, server].map(|stream| {
        let (read, write) = stream.into_split();
        tokio::io::join(read, write)
    });
    client.write_all(b"a question\n").await.unwrap();
    let mut line = String::new();
    server.read_line(&mut line).await.unwrap();
    server.write_all(b"an answer\n").await.unwrap();
    client.read_line(&mut line).await.unwrap();
    assert_eq!(line, "a question\nan answer\n");
}

#[tokio::test(start_paused = true)]
async fn vectored_calls_keep_the_order() {
    let (mut client, server) = Pair::v4().connect().await;
    let parts = [IoSlice::new(b"a gath"), IoSlice::new(b""), IoSlice::new(b"ered write")];
    assert_eq!(client.write_vectored(&parts).await.unwrap(), 16);
    assert!(tokio::io::AsyncWrite::is_write_vectored(&client));
    assert_eq!(client.try_write_vectored(&parts[..1]).unwrap(), 6);
    server.readable().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (mut first, mut second) = ([0; 4], [0; 40]);
    let mut into = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(server.try_read_vectored(&mut into).unwrap(), 22);
    assert_eq!(&first, b"a ga");
    assert_eq!(&second[..18], b"thered writea gath");
}

#[tokio::test(start_paused = true)]
async fn try_calls_say_would_block_and_readiness_says_when_not() {
    let (client, server) = Pair::v4().connect().await;
    let mut buffer = BytesMut::new();
    assert_eq!(server.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.try_read_buf(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut written = 0;
    let error = loop {
        match client.try_write(&[5; 10_000]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(server.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap().is_writable());
    let mut read = 0;
    while read < written {
        let (readable, _) = tokio::join!(server.readable(), tokio::task::yield_now());
        readable.unwrap();
        match server.try_read_buf(&mut buffer) {
            Ok(count) => read += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert!(buffer.iter().all(|octet| *octet == 5));
    client.writable().await.unwrap();
    client.try_write(b"x").unwrap();
}

#[tokio::test(start_paused = true)]
async fn any_number_of_tasks_wait_for_readiness_by_a_shared_stream() {
    let (mut client, server) = Pair::v4().connect().await;
    let server = std::sync::Arc::new(server);
    let waiters: Vec<_> = (0..5)
        .map(|_| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move { server.readable().await })
        })
        .collect();
    tokio::task::yield_now().await;
    client.write_all(b"x").await.unwrap();
    for waiter in waiters {
        waiter.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn octets_travel_without_a_copy() {
    let (mut client, mut server) = Pair::v4().connect().await;
    let sent = Bytes::from(vec![8; 100_000]);
    let mut left = sent.clone();
    let mut read = BytesMut::new();
    while read.len() < sent.len() {
        if !left.is_empty() {
            client.write_bytes(&mut left).await.unwrap();
        }
        let bytes = server.read_bytes(7_000).await.unwrap();
        assert!((1..=7_000).contains(&bytes.len()));
        read.extend_from_slice(&bytes);
    }
    assert_eq!(read, sent);
    drop(client);
    assert!(server.read_bytes(1).await.unwrap().is_empty(), "the end of the stream");
}

#[tokio::test(start_paused = true)]
async fn borrowed_halves_read_and_write_at_once() {
    let (mut client, mut server) = Pair::v4().connect().await;
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = TcpStream::split(&mut server);
        tokio::io::copy_buf(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let sent = vec![1; 1_000_000];
    let (mut read, mut write) = TcpStream::split(&mut client);
    let mut back = Vec::new();
    let (written, read) = tokio::join!(
        async {
            write.write_all(&sent).await?;
            write.shutdown().await
        },
        read.read_to_end(&mut back)
    );
    written.unwrap();
    read.unwrap();
    assert_eq!(back, sent);
    echo.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn owned_halves_close_apart_and_come_together_again() {
    let pair = Pair::v4();
    let (client, mut server) = pair.connect().await;
    let (other, _server) = pair.connect().await;
    let (read, write) = client.into_split();
    let (other_read, other_write) = other.into_split();
    let refused = read.reunite(other_write).unwrap_err();
    assert!(refused.to_string().contains("same stream"));
    let (read, other_write) = (refused.0, refused.1);
    other_read.reunite(other_write).unwrap();
    let client = write.reunite(read).unwrap();

    let (mut read, write) = client.into_split();
    server.write_all(b"to the read half").await.unwrap();
    drop(write);
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0, "the write half shut down");
    let mut text = [0; 16];
    read.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"to the read half");
    drop(server);
    assert_eq!(read.read(&mut text).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_half_that_is_forgotten_shuts_nothing_down() {
    let (client, mut server) = Pair::v4().connect().await;
    let (read, write) = client.into_split();
    write.forget();
    let waits = tokio::time::timeout(Duration::from_secs(5), server.read(&mut [0; 1])).await;
    assert!(waits.is_err());
    drop(read);
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn api_6_a_dropped_read_or_write_loses_nothing_and_repeats_nothing() {
    let (mut client, mut server) = Pair::v4().connect().await;
    let sent: Vec<u8> = (0..600_000_u32).map(|index| (index / 3) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        let mut done = 0;
        while done < sent.len() {
            // Each second future is dropped after one poll, however far it got.
            let mut dropped = Box::pin(client.write(&sent[done..]));
            if let std::task::Poll::Ready(count) = futures::poll!(dropped.as_mut()) {
                done += count.unwrap();
                continue;
            }
            drop(dropped);
            tokio::task::yield_now().await;
            done += client.write(&sent[done..]).await.unwrap();
        }
        client.shutdown().await.unwrap();
    });
    let mut read = Vec::new();
    let mut buffer = [0; 1_000];
    loop {
        let mut dropped = Box::pin(server.read(&mut buffer));
        if let std::task::Poll::Ready(count) = futures::poll!(dropped.as_mut()) {
            drop(dropped);
            read.extend_from_slice(&buffer[..count.unwrap()]);
        } else {
            drop(dropped);
        }
        let count = server.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        if count == 0 {
            break;
        }
    }
    writer.await.unwrap();
    assert_eq!(read, expected);
}

#[tokio::test(start_paused = true)]
async fn dropped_waits_leave_the_stream_as_it_was() {
    let (mut client, mut server) = Pair::v4().connect().await;
    for _ in 0..3 {
        assert!(futures::poll!(Box::pin(server.readable())).is_pending());
        assert!(futures::poll!(Box::pin(server.peek(&mut [0; 1]))).is_pending());
        assert!(futures::poll!(Box::pin(server.read_bytes(9))).is_pending());
        assert!(futures::poll!(Box::pin(server.split().0.fill_buf())).is_pending());
        let ready = server.ready(Interest::READABLE);
        assert!(futures::poll!(Box::pin(ready)).is_pending());
    }
    client.write_all(b"still there").await.unwrap();
    let mut buffer = [0; 11];
    server.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"still there");
}

#[tokio::test(start_paused = true)]
async fn options_are_kept_and_bounded() {
    let (client, _server) = Pair::v4().connect().await;
    assert!(!client.nodelay().unwrap());
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    assert_eq!(client.keepalive().unwrap(), None);
    client.set_keepalive(Some(KeepAlive::default())).unwrap();
    assert_eq!(client.keepalive().unwrap(), Some(KeepAlive::default()));
    assert!(!client.quickack().unwrap());
    client.set_quickack(true).unwrap();
    assert!(client.quickack().unwrap());
    assert_eq!(client.linger().unwrap(), None);
    client.set_zero_linger().unwrap();
    assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
    client.set_linger(None).unwrap();
    assert_eq!(client.linger().unwrap(), None);
    let timeout = Some(Duration::from_secs(7));
    client.set_user_timeout(timeout).unwrap();
    assert_eq!(client.user_timeout().unwrap(), timeout);
    client.set_ttl(9).unwrap();
    assert_eq!(client.ttl().unwrap(), 9);
    client.set_dscp(46).unwrap();
    assert_eq!(client.dscp().unwrap(), 46);
    client.set_send_buffer_size(5_000).unwrap();
    assert_eq!(client.send_buffer_size().unwrap(), 5_000);
    client.set_recv_buffer_size(6_000).unwrap();
    assert_eq!(client.recv_buffer_size().unwrap(), 6_000);
    let second = Some(Duration::from_secs(1));
    let refused = [client.set_ttl(0), client.set_ttl(256), client.set_dscp(64)];
    for refused in refused.into_iter().chain([client.set_linger(second)]) {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test(start_paused = true)]
async fn nagle_holds_a_second_small_segment_until_it_is_switched_off() {
    let pair = Pair::v4();
    let (client, mut server) = pair.connect().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = client.info().unwrap().counters.segments_out;
    client.try_write(b"1").unwrap();
    tokio::task::yield_now().await;
    client.try_write(b"2").unwrap();
    client.try_write(b"3").unwrap();
    let mut text = [0; 3];
    server.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"123");
    assert_eq!(client.info().unwrap().counters.segments_out - before, 2);
}

#[tokio::test(start_paused = true)]
async fn api_10_urgent_marks_and_soft_errors_are_told_to_those_who_ask() {
    let (mut client, mut server, cable) = Pair::v4_with_cable().await;
    let mut news = server.events();
    client.write_urgent(b"now!").await.unwrap();
    assert_eq!(news.recv().await, Some(StreamEvent::Urgent { octets_left: 4 }));
    let mut buffer = [0; 16];
    assert_eq!(server.read(&mut buffer).await.unwrap(), 4, "it stays in line");
    assert_eq!(news.missed(), 0);

    let mut news = client.events();
    cable.cut();
    client.write_all(b"lost").await.unwrap();
    assert!(matches!(news.recv().await, Some(StreamEvent::SoftError(_))), "SHLD-9: R1");
    client.abort();
    let rest: Vec<StreamEvent> = news.collect().await;
    assert!(rest.len() <= 16, "it ends with the connection");
}
