//! Connections of a whole stack, with streams that an application holds.

use std::time::Duration;

use synack::{Stack, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use super::heap;
use super::stub::{self, Stub};
use crate::paper::progress_bar;

/// A stack with connections, each used once and idle since.
pub(super) struct Held {
    /// Goes first, and the driver with it: the peers are told nothing.
    _runtime: Runtime,
    streams: Vec<TcpStream>,
    octets: f64,
}

impl Held {
    /// Opens so many, and waits until all is given back that they take while they are used.
    pub(super) fn open(count: usize) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stack, first) = runtime.block_on(async {
            let address = "10.0.0.1/8".parse()?;
            let stack = Stack::builder().device(Stub::default()).address(address).spawn()?;
            let first = use_once(&stack, 0).await?;
            anyhow::Ok((stack, first))
        })?;
        // What there is one of, whatever the number of connections, is there now.
        let before = heap::allocated();
        let mut streams = Vec::with_capacity(count + 1);
        streams.push(first);
        runtime.block_on(async {
            let bar = progress_bar(count as u64);
            for number in 0..count {
                streams.push(use_once(&stack, number).await?);
                bar.inc(1);
            }
            bar.finish_and_clear();
            tokio::time::sleep(QUIET).await;
            anyhow::Ok(())
        })?;
        let octets = heap::allocated() - before;
        Ok(Self { _runtime: runtime, streams, octets })
    }

    /// What each takes: of everything that grew, the application's list of streams included.
    pub(super) fn octets_each(&self) -> f64 {
        self.octets / (self.streams.len() - 1) as f64
    }
}

async fn use_once(stack: &Stack, number: usize) -> anyhow::Result<TcpStream> {
    let mut stream = stack.connect(stub::socket(number)).await?;
    stream.write_all(b"?").await?;
    stream.read_exact(&mut [0]).await?;
    Ok(stream)
}

/// Longer than memory is kept that nothing is in.
const QUIET: Duration = Duration::from_secs(3);
