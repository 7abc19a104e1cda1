//! `flows64`: how much 64 connections carry together, and how evenly.

use std::io;

use anyhow::ensure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::Figure;
use super::bulk::Direction;
use crate::peers::running::Running;
use crate::peers::{Setting, client};
use crate::protocol::Service;
use crate::spread::jain;

pub(super) fn measure(
    direction: Direction,
    stack: &Running,
    setting: &Setting,
) -> anyhow::Result<Figure> {
    let service = match direction {
        Direction::Receive => Service::Sink,
        Direction::Send => Service::Source,
    };
    let streams = (0..FLOWS).map(|_| client::connect(stack.address(), service));
    let streams: Vec<std::net::TcpStream> = streams.collect::<io::Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (carried, cpu) = runtime.block_on(async {
        let begin = Instant::now() + setting.duration / 2;
        let window = Window { begin, end: begin + setting.duration };
        let mut flows = JoinSet::new();
        for stream in streams {
            stream.set_nonblocking(true)?;
            flows.spawn(carry(direction, TcpStream::from_std(stream)?, window));
        }
        time::sleep_until(window.begin).await;
        let before = stack.cpu_seconds()?;
        time::sleep_until(window.end).await;
        let cpu = stack.cpu_seconds()? - before;
        let carried: io::Result<Vec<f64>> = flows.join_all().await.into_iter().collect();
        io::Result::Ok((carried?, cpu))
    })?;
    let octets: f64 = carried.iter().sum();
    ensure!(octets > 0.0, "nothing was carried");
    Ok(Figure {
        quantity: match direction {
            Direction::Receive => "flows64_rx",
            Direction::Send => "flows64_tx",
        },
        value: octets * 8.0 / setting.duration.as_secs_f64() / 1e9,
        unit: "Gbit/s",
        details: vec![
            ("jain", jain(&carried).unwrap_or_default()),
            ("cpu_s_per_gb", cpu / (octets / 1e9)),
        ],
    })
}

/// When octets count. Before, flows come up to their speed; what lies in buffers is the same at
/// both ends.
#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

/// Octets that a connection carries in the window.
async fn carry(direction: Direction, mut stream: TcpStream, window: Window) -> io::Result<f64> {
    let mut buffer = vec![7; CHUNK];
    // More than there is time for: the connection is dropped in the midst of it.
    stream.write_all(&(u64::MAX / 2).to_le_bytes()).await?;
    let mut carried = 0.0;
    loop {
        let moving = async {
            match direction {
                Direction::Receive => stream.write(&buffer).await,
                Direction::Send => stream.read(&mut buffer).await,
            }
        };
        // A flow that stalls has carried what it has.
        let Ok(moved) = time::timeout_at(window.end, moving).await else { return Ok(carried) };
        let count = moved?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = Instant::now();
        if now >= window.end {
            return Ok(carried);
        }
        if now >= window.begin {
            carried += count as f64;
        }
    }
}

const FLOWS: usize = 64;
/// Octets that are written or read at once: few beside what a flow carries.
const CHUNK: usize = 32 << 10;
