//! A small HTTP application: a page, and a large body whose hash both sides know.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::get;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use sha2::{Digest, Sha256};

/// What `GET /` answers.
pub const PAGE: &str = "<!doctype html><title>synack</title>\
                        <p>This page came over a TCP that lives in this process.</p>\n";

/// The application: `/` is [`PAGE`], `/octets/N` a body of N octets of the [`Pattern`].
pub fn router() -> Router {
    Router::new().route("/", get(|| async { axum::response::Html(PAGE) })).route(
        "/octets/{len}",
        get(|Path(len): Path<u64>| async move { Body::new(Pattern::new(len)) }),
    )
}

/// The hash of the first `len` octets of the pattern.
pub fn pattern_hash(len: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut pattern = Pattern::new(len);
    while let Some(chunk) = pattern.next_chunk() {
        hash.update(&chunk);
    }
    hash.finalize().into()
}

/// A body of octets that repeat only after 2^64 of them, so that no shift of it is itself.
#[derive(Debug)]
pub struct Pattern {
    left: u64,
    state: u64,
}

impl Pattern {
    /// The first `len` octets.
    pub const fn new(len: u64) -> Self {
        Self { left: len, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The next octets, at most 64 KiB of them; `None` at the end.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let mut chunk = Vec::with_capacity(CHUNK_LEN);
        while chunk.len() < CHUNK_LEN {
            // Marsaglia's xorshift64.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            chunk.extend_from_slice(&self.state.to_le_bytes());
        }
        chunk.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= chunk.len() as u64;
        Some(chunk.into())
    }
}

impl http_body::Body for Pattern {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.next_chunk().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

const CHUNK_LEN: usize = 64 << 10;
