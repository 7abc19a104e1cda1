//! The application protocol that every stack serves, so that one driver measures all of them alike.
//!
//! | port | service | the client sends | the server answers |
//! |---|---|---|---|
//! | 9001 | sink | a count, then so many octets | 8 octets when all have come |
//! | 9002 | source | a count | so many octets |
//! | 9003 | echo | anything | the same |
//! | 9004 | half-close | a count | so many octets, then FIN at once; it reads on to the end |
//!
//! A count is a `u64`, little-endian. The client closes first, except on 9004; then the
//! stack closes its side too.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A service of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Service {
    Sink,
    Source,
    Echo,
    HalfClose,
}

impl Service {
    pub(crate) const ALL: [Self; 4] = [Self::Sink, Self::Source, Self::Echo, Self::HalfClose];

    /// The port it is served on.
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Sink => 9001,
            Self::Source => 9002,
            Self::Echo => 9003,
            Self::HalfClose => 9004,
        }
    }

    /// The service on `port`.
    pub(crate) fn of_port(port: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.port() == port)
    }
}

/// Serves one connection of a stack that has tokio's traits.
///
/// # Errors
/// What the stream reports, and `UnexpectedEof` if the client goes before it has said its count.
pub(crate) async fn serve<S>(stream: &mut S, service: Service) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match service {
        Service::Sink => sink(stream).await,
        Service::Source => source(stream).await,
        Service::Echo => echo(stream).await,
        Service::HalfClose => half_close(stream).await,
    }
}

async fn sink<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut left = stream.read_u64_le().await?;
    let mut buffer = vec![0; BULK_OCTETS];
    while left > 0 {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left = left.saturating_sub(count as u64);
    }
    stream.write_all(&SINK_ANSWER).await?;
    stream.flush().await?;
    drain(stream, &mut buffer).await
}

async fn source<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let count = stream.read_u64_le().await?;
    send(stream, count).await?;
    drain(stream, &mut [0; 64]).await
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    // On the stack of the task, and small: it counts as memory of the connection.
    let mut buffer = [0; ECHO_OCTETS];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
        stream.flush().await?;
    }
}

async fn half_close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let count = stream.read_u64_le().await?;
    send(stream, count).await?;
    // Some stacks report the end of our side only when the other side has ended too.
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut buffer = [0; 64];
    let (shut, drained) = tokio::join!(writer.shutdown(), drain(&mut reader, &mut buffer));
    shut.and(drained)
}

async fn send<W: AsyncWrite + Unpin>(stream: &mut W, count: u64) -> io::Result<()> {
    let mut left = count;
    let buffer = vec![7; BULK_OCTETS];
    while left > 0 {
        let part = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = stream.write(&buffer[..part]).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        left -= count as u64;
    }
    stream.flush().await
}

async fn drain<R: AsyncRead + Unpin>(stream: &mut R, buffer: &mut [u8]) -> io::Result<()> {
    while stream.read(buffer).await? > 0 {}
    Ok(())
}

/// What the sink answers.
pub(crate) const SINK_ANSWER: [u8; 8] = [1; 8];

/// Octets that bulk services read or write at once.
pub(crate) const BULK_OCTETS: usize = 256 * 1024;

/// Octets that the echo reads at once.
pub(crate) const ECHO_OCTETS: usize = 2048;

#[cfg(test)]
mod tests;
