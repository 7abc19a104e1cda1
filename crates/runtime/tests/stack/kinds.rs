//! Shows that what goes wrong has the same kind of error as with tokio's own sockets.
//! Each row is done twice: with a stack that connects to itself, and with the kernel's loopback.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use synack::{MemoryDevice, Stack};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A network with one host.
trait Host {
    type Listener;
    type Stream: AsyncRead + AsyncWrite + Unpin;

    fn address(&self, port: u16) -> SocketAddr;
    async fn listen(&self, local: SocketAddr) -> io::Result<Self::Listener>;
    async fn accept(&self, listener: &Self::Listener) -> io::Result<Self::Stream>;
    async fn connect(&self, remote: SocketAddr) -> io::Result<Self::Stream>;
    fn local(listener: &Self::Listener) -> SocketAddr;
    fn reset(stream: Self::Stream);
    fn try_read(stream: &Self::Stream) -> io::Result<usize>;
}

struct Synack(Stack);

impl Host for Synack {
    type Listener = synack::TcpListener;
    type Stream = synack::TcpStream;

    fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    async fn listen(&self, local: SocketAddr) -> io::Result<Self::Listener> {
        self.0.listen(local).await
    }

    async fn accept(&self, listener: &Self::Listener) -> io::Result<Self::Stream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(&self, remote: SocketAddr) -> io::Result<Self::Stream> {
        self.0.connect(remote).await
    }

    fn local(listener: &Self::Listener) -> SocketAddr {
        listener.local_addr().unwrap()
    }

    fn reset(stream: Self::Stream) {
        stream.set_zero_linger().unwrap();
    }

    fn try_read(stream: &Self::Stream) -> io::Result<usize> {
        stream.try_read(&mut [0; 8])
    }
}

struct Kernel;

impl Host for Kernel {
    type Listener = tokio::net::TcpListener;
    type Stream = tokio::net::TcpStream;

    fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    async fn listen(&self, local: SocketAddr) -> io::Result<Self::Listener> {
        tokio::net::TcpListener::bind(local).await
    }

    async fn accept(&self, listener: &Self::Listener) -> io::Result<Self::Stream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(&self, remote: SocketAddr) -> io::Result<Self::Stream> {
        tokio::net::TcpStream::connect(remote).await
    }

    fn local(listener: &Self::Listener) -> SocketAddr {
        listener.local_addr().unwrap()
    }

    fn reset(stream: Self::Stream) {
        stream.set_zero_linger().unwrap();
    }

    fn try_read(stream: &Self::Stream) -> io::Result<usize> {
        stream.try_read(&mut [0; 8])
    }
}

/// What a call came to.
type Outcome = Result<usize, ErrorKind>;

async fn pair<H: Host>(host: &H) -> (H::Stream, H::Stream) {
    let listener = host.listen(host.address(0)).await.unwrap();
    let remote = H::local(&listener);
    let (client, server) = tokio::join!(host.connect(remote), host.accept(&listener));
    (client.unwrap(), server.unwrap())
}

/// Every row, by name.
async fn outcomes<H: Host>(host: &H) -> Vec<(&'static str, Outcome)> {
    let mut rows = Vec::new();
    let mut row = |name, outcome: io::Result<usize>| {
        rows.push((name, outcome.map_err(|error| error.kind())));
    };

    let listener = host.listen(host.address(0)).await.unwrap();
    let taken = H::local(&listener);
    row("listen where someone does", host.listen(taken).await.map(|_| 0));
    drop(listener);
    row("connect where nobody listens", host.connect(taken).await.map(|_| 0));
    let elsewhere = "192.0.2.1:80".parse().unwrap();
    row("listen on another's address", host.listen(elsewhere).await.map(|_| 0));

    let (mut client, mut server) = pair(host).await;
    row("read of nothing yet", H::try_read(&client));
    row("write", client.write(b"hello").await);
    row("read", server.read(&mut [0; 8]).await);
    client.shutdown().await.unwrap();
    row("write after shutdown", client.write(b"x").await);
    row("read of the end", server.read(&mut [0; 8]).await);
    row("read of the end again", server.read(&mut [0; 8]).await);
    row("shutdown of the other side", server.shutdown().await.map(|()| 0));
    row("read after both", client.read(&mut [0; 8]).await);

    let (mut client, server) = pair(host).await;
    H::reset(server);
    row("read after a reset", client.read(&mut [0; 8]).await);
    row("second read after a reset", client.read(&mut [0; 8]).await);

    let (mut client, mut server) = pair(host).await;
    client.write_all(b"unread").await.unwrap();
    // Until it has arrived.
    while H::try_read(&server).is_err() {
        tokio::task::yield_now().await;
    }
    client.write_all(b"unread").await.unwrap();
    tokio::task::yield_now().await;
    server.write_all(b"answer").await.unwrap();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.unwrap();
    drop(server);
    row("read after a close with unread data", client.read(&mut [0; 8]).await);
    rows
}

#[tokio::test]
async fn calls_come_to_the_same_as_with_the_kernels_sockets() {
    let (device, _other) = MemoryDevice::pair(1_500);
    let builder = Stack::builder().device(device).address("10.0.0.1/24".parse().unwrap());
    let ours = outcomes(&Synack(builder.spawn().unwrap())).await;
    let theirs = outcomes(&Kernel).await;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}
