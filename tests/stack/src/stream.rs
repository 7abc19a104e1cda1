//! Long streams of octets whose hash both ends know.

use std::io;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Octets written at once.
const CHUNK_LEN: usize = 64 << 10;

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
