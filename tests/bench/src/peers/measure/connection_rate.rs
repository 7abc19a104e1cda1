//! `crr` and `crr64`: how many connections a second are opened, used for one octet, and closed.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time;

use super::Figure;
use crate::peers::running::Running;
use crate::peers::{Setting, client};
use crate::protocol::Service;

/// Connections that came to their end, and those that did not.
#[derive(Default)]
struct Tally {
    done: u64,
    failed: u64,
}

/// One connection after the other.
pub(super) fn sequential(stack: &Running, setting: &Setting) -> anyhow::Result<Figure> {
    measure("crr", stack, || {
        let mut tally = Tally::default();
        let start = Instant::now();
        while start.elapsed() < setting.duration && tally.may_go_on() {
            match client::exchange(stack.address()) {
                Ok(_) => tally.done += 1,
                Err(_) => tally.failed += 1,
            }
        }
        Ok(tally)
    })
}

/// 64 connections at once.
pub(super) fn concurrent(stack: &Running, setting: &Setting) -> anyhow::Result<Figure> {
    let address = SocketAddr::from((stack.address(), Service::Echo.port()));
    let duration = setting.duration;
    measure("crr64", stack, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(async {
            let clients: JoinSet<Tally> =
                (0..CONCURRENCY).map(|_| exchange_for(address, duration)).collect();
            clients.join_all().await.into_iter().fold(Tally::default(), Tally::plus)
        }))
    })
}

fn measure(
    quantity: &'static str,
    stack: &Running,
    run: impl FnOnce() -> io::Result<Tally>,
) -> anyhow::Result<Figure> {
    let cpu_before = stack.cpu_seconds()?;
    let start = Instant::now();
    let tally = run()?;
    let elapsed = start.elapsed();
    let cpu = stack.cpu_seconds()? - cpu_before;
    ensure!(tally.done > 0, "all {} connections failed", tally.failed);
    Ok(Figure {
        quantity,
        value: tally.done as f64 / elapsed.as_secs_f64(),
        unit: "connections/s",
        details: vec![
            ("cpu_us", cpu * 1e6 / tally.done as f64),
            ("failed_percent", 100.0 * tally.failed as f64 / tally.total() as f64),
        ],
    })
}

async fn exchange_for(address: SocketAddr, duration: Duration) -> Tally {
    let mut tally = Tally::default();
    let start = Instant::now();
    while start.elapsed() < duration && tally.may_go_on() {
        match time::timeout(EXCHANGE_TIMEOUT, exchange(address)).await {
            Ok(Ok(())) => tally.done += 1,
            Ok(Err(_)) | Err(_) => {
                tally.failed += 1;
                // A stack that refuses is given time to listen again.
                time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    tally
}

async fn exchange(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&[1]).await?;
    stream.read_exact(&mut [0]).await?;
    Ok(())
}

impl Tally {
    fn total(&self) -> u64 {
        self.done + self.failed
    }

    /// A stack on which every connection fails is not tried for ever.
    fn may_go_on(&self) -> bool {
        self.failed < 500 || self.failed < self.done
    }

    fn plus(self, other: Self) -> Self {
        Self { done: self.done + other.done, failed: self.failed + other.failed }
    }
}

const CONCURRENCY: usize = 64;
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(8);
