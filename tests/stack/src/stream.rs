//! Long streams of octets whose hash both ends know.

use std::io;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;

/// Octets written at once.
const CHUNK_LEN: usize = 64 << 10;

/// Moves `len` octets and the end of the stream from `writer` to `reader`, which must get them all.
///
/// # Errors
/// What either stream reports; [`io::ErrorKind::InvalidData`] if anything else arrives.
pub async fn transfer<W, R>(mut writer: W, reader: &mut R, len: usize, seed: u64) -> io::Result<()>
where
    W: AsyncWrite + Unpin + Send + 'static,
    R: AsyncRead + Unpin,
{
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        let hash = send(&mut writer, len, seed).await?;
        writer.shutdown().await?;
        io::Result::Ok(hash)
    });
    // If this fails, the sender has nobody to send to, and ends with the set.
    let (received_len, received) = receive(reader).await?;
    let sent = sending.join_next().await.expect("the sender was started")??;
    if (received_len, received) == (len, sent) {
        return Ok(());
    }
    let reason = if received_len == len {
        "other octets arrived than were sent".to_owned()
    } else {
        format!("{received_len} octets arrived of {len}")
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// Writes `len` octets that depend on their place and on `seed`, and returns their hash.
///
/// # Errors
/// What the stream reports.
pub async fn send<W>(stream: &mut W, len: usize, seed: u64) -> io::Result<[u8; 32]>
where
    W: AsyncWrite + Unpin,
{
    let mut state = seed | 1;
    let (mut left, mut hash) = (len, Sha256::new());
    let mut chunk = vec![0; CHUNK_LEN];
    while left > 0 {
        for octets in chunk.chunks_exact_mut(8) {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            octets.copy_from_slice(&state.to_le_bytes());
        }
        let part = &chunk[..left.min(CHUNK_LEN)];
        hash.update(part);
        stream.write_all(part).await?;
        left -= part.len();
    }
    Ok(hash.finalize().into())
}

/// Reads to the end of the stream; returns how much there was, and its hash.
///
/// # Errors
/// What the stream reports.
pub async fn receive<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<(usize, [u8; 32])> {
    let (mut len, mut hash) = (0, Sha256::new());
    let mut buffer = vec![0; CHUNK_LEN];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok((len, hash.finalize().into()));
        }
        hash.update(&buffer[..count]);
        len += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 100_000;

    /// What `transfer` says of a way that does `spoil` to the octets.
    async fn outcome(spoil: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let (writer, mut way) = tokio::io::duplex(1_000);
        let (mut end, mut reader) = tokio::io::duplex(1_000);
        let spoiling = async {
            let mut octets = Vec::new();
            way.read_to_end(&mut octets).await?;
            spoil(&mut octets);
            end.write_all(&octets).await?;
            end.shutdown().await
        };
        let (outcome, spoiled) = tokio::join!(transfer(writer, &mut reader, LEN, 1), spoiling);
        spoiled.unwrap();
        outcome
    }

    #[tokio::test]
    async fn what_arrives_as_it_was_sent_is_right() {
        outcome(|_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn an_octet_changed_or_moved_or_too_many_or_too_few_is_wrong() {
        type Spoil = fn(&mut Vec<u8>);
        let spoilers: [(Spoil, &str); 4] = [
            (|octets| octets[LEN - 1] ^= 1, "other octets arrived than were sent"),
            (|octets| octets.swap(10_000, 20_001), "other octets arrived than were sent"),
            (|octets| octets.push(0), "100001 octets arrived of 100000"),
            (|octets| octets.truncate(LEN - 1), "99999 octets arrived of 100000"),
        ];
        for (spoil, reason) in spoilers {
            let error = outcome(spoil).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::InvalidData, reason)
            );
        }
    }
}
