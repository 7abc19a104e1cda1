//! A cell: one stream over one connection, in a network of its own.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::ProgressBar;
use synack::TunDevice;
use synack_stack::stream::transfer;
use synack_stack::{Ends, Family, Link};

/// What is moved over which link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cell {
    pub(super) mtu: u16,
    pub(super) family: Family,
    pub(super) direction: Direction,
}

/// Who sends. The sender has opened the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    KernelToUs,
    UsToKernel,
}

/// How a cell went; an error if an octet was wrong or missing.
pub(super) type Outcome = anyhow::Result<Transfer>;

/// What a transfer took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Transfer {
    /// From the first octet to the end.
    pub(super) time: Duration,
    /// Segments that our end has sent again.
    pub(super) retransmissions: u32,
}

impl Cell {
    /// Every direction of both versions of IP at each of `mtus`.
    pub(super) fn all(mtus: &[u16]) -> Vec<Self> {
        let mut cells = Vec::new();
        for &mtu in mtus {
            for family in Family::ALL {
                for direction in [Direction::KernelToUs, Direction::UsToKernel] {
                    cells.push(Self { mtu, family, direction });
                }
            }
        }
        cells
    }

    /// Moves `len` octets in the private network of the calling thread.
    ///
    /// # Errors
    /// When the network or the connection fails, an octet is wrong, or it takes far too long.
    pub(super) fn run(self, len: usize, seed: u64, progress: &ProgressBar) -> Outcome {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let patience = PATIENCE + Duration::from_secs((len / SLOW_OCTETS_PER_SECOND) as u64);
        let moving = async {
            let moving = tokio::time::timeout(patience, self.transfer(len, seed, progress));
            moving.await.context("too slow")?
        };
        let outcome = runtime.block_on(moving);
        // What a failed transfer has left behind must not keep the rest waiting.
        runtime.shutdown_background();
        outcome
    }

    async fn transfer(self, len: usize, seed: u64, progress: &ProgressBar) -> Outcome {
        let link =
            Link::open(self.mtu, TunDevice::open, |builder| builder).context("the device")?;
        let Ends { kernel, ours } = self.open(&link).await.context("the connection")?;
        let (reader, writer) = kernel.into_split();
        let (mut our_reader, our_writer) = ours.into_split();
        let start = Instant::now();
        match self.direction {
            Direction::KernelToUs => {
                let mut watched = progress.wrap_async_read(&mut our_reader);
                transfer(writer, &mut watched, len, seed).await?;
            }
            Direction::UsToKernel => {
                let mut watched = progress.wrap_async_read(reader);
                transfer(our_writer, &mut watched, len, seed).await?;
            }
        }
        let time = start.elapsed();
        let counters = our_reader.as_ref().info()?.counters;
        Ok(Transfer { time, retransmissions: counters.retransmissions })
    }

    async fn open(self, link: &Link) -> io::Result<Ends> {
        match self.direction {
            Direction::KernelToUs => link.opened_by_the_kernel(self.family).await,
            Direction::UsToKernel => link.opened_by_us(self.family).await,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MTU {}, {}, {}", self.mtu, ip_version(self.family), self.direction)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KernelToUs => "kernel -> synack",
            Self::UsToKernel => "synack -> kernel",
        })
    }
}

/// The name of the version of IP.
pub(super) const fn ip_version(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// A transfer that is slower than that has come to a halt.
const SLOW_OCTETS_PER_SECOND: usize = 2 << 20;
/// What a cell may take besides.
const PATIENCE: Duration = Duration::from_secs(60);
