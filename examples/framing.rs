//! Messages over a byte stream: TCP keeps octets and their order, not the borders of writes.
//!
//! One side writes three messages at once and then one message an octet at a time. Plain reads see
//! them stuck together and split apart; a length in front of each message brings the borders back.
//!
//! ```console
//! cargo run --example framing
//! ```

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use synack::{MemoryDevice, Stack, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

const SERVER: &str = "10.0.0.1:7000";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (left, right) = MemoryDevice::pair(1_500);
    let server = Stack::builder().device(left).address("10.0.0.1/24".parse()?).spawn()?;
    let client = Stack::builder().device(right).address("10.0.0.2/24".parse()?).spawn()?;
    let listener = server.listen(SERVER.parse()?).await?;

    println!("plain reads, of writes of 3 + 3 + 5 octets and then of 4 single ones:");
    let (sender, receiver) = open(&client, &listener).await?;
    let sending = tokio::spawn(write_plainly(sender));
    let reads = read_plainly(receiver).await?;
    sending.await??;
    println!("  {} reads: {}", reads.len(), reads.join(" | "));

    println!("framed messages, written in the same way:");
    let (sender, receiver) = open(&client, &listener).await?;
    let sending = tokio::spawn(send_messages(sender));
    let mut framed = Framed::new(receiver, codec());
    while let Some(message) = framed.next().await {
        println!("  a message: {}", String::from_utf8_lossy(&message?));
    }
    sending.await??;
    Ok(())
}

async fn open(client: &Stack, listener: &TcpListener) -> Result<(TcpStream, TcpStream)> {
    let opening = client.connect(SERVER.parse()?);
    let (opened, accepted) = tokio::join!(opening, listener.accept());
    let (opened, (accepted, _)) = (opened?, accepted?);
    opened.set_nodelay(true)?;
    Ok((opened, accepted))
}

async fn write_plainly(mut stream: TcpStream) -> Result<()> {
    for message in ["one", "two", "three"] {
        stream.write_all(message.as_bytes()).await?;
    }
    for octet in "four".bytes() {
        tokio::task::yield_now().await;
        stream.write_all(&[octet]).await?;
    }
    stream.shutdown().await?;
    Ok(())
}

async fn read_plainly(mut stream: TcpStream) -> Result<Vec<String>> {
    let mut reads = Vec::new();
    let mut buffer = [0; 64];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(reads);
        }
        reads.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
}

async fn send_messages(stream: TcpStream) -> Result<()> {
    let mut framed = Framed::new(stream, codec());
    for message in ["one", "two", "three"] {
        framed.feed(Bytes::from_static(message.as_bytes())).await?;
    }
    SinkExt::<Bytes>::flush(&mut framed).await?;
    // The last message leaves an octet at a time, its length too.
    let stream = framed.get_mut();
    for octet in [0, 0, 0, 4].into_iter().chain("four".bytes()) {
        tokio::task::yield_now().await;
        stream.write_all(&[octet]).await.context("a message in single octets")?;
    }
    stream.shutdown().await?;
    Ok(())
}

/// Four octets of length, then the message; one longer than 64 KiB is refused, whoever sends it.
fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().length_field_length(4).max_frame_length(64 << 10).new_codec()
}
