//! One run: a server of some shards, each with a thread and a client of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use synack::{IpNet, MemoryDevice, Stack, TcpListener, TcpStream};
use synack_tcb::{FourTuple, ShardMap};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Barrier;

use crate::clock::Stopwatch;
use crate::protocol::{self, Service};
use crate::stacks::Workers;

/// What each client does.
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) duration: Duration,
}

/// What all threads of a run share.
struct Course {
    server: Stack,
    map: ShardMap,
    handles: Vec<Handle>,
    /// Where they wait for each other.
    gate: Barrier,
}

impl Load {
    /// Requests a second, of all clients together.
    ///
    /// # Errors
    /// When a stack cannot be made, or a connection fails.
    pub(super) fn requests_per_second(&self, shards: NonZeroU16) -> anyhow::Result<f64> {
        let runtimes: Vec<Runtime> =
            (0..shards.get()).map(|_| Workers::One.runtime()).collect::<Result<_, _>>()?;
        let handles: Vec<Handle> = runtimes.iter().map(|it| it.handle().clone()).collect();
        let (near, far): (Vec<_>, Vec<_>) =
            runtimes.iter().map(|_| MemoryDevice::pair(MTU)).unzip();
        let builder = Stack::builder().queues(near).address(prefix(SERVER)?).secret(SECRET);
        let course = Course {
            server: builder.spawn_on(&handles)?,
            map: ShardMap::new(&SECRET, shards),
            handles,
            gate: Barrier::new(runtimes.len()),
        };
        let rates = std::thread::scope(|scope| {
            let course = &course;
            let threads = runtimes.iter().zip(far).enumerate().map(|(shard, (runtime, cable))| {
                scope.spawn(move || runtime.block_on(self.drive(course, shard, cable)))
            });
            let threads: Vec<_> = threads.collect();
            let joined = threads.into_iter().map(|it| it.join().expect("no thread panics"));
            joined.collect::<anyhow::Result<Vec<f64>>>()
        })?;
        let stats = course.server.stats();
        ensure!(stats.forwarded == 0, "each shard has a load of its own: {stats:?}");
        Ok(rates.iter().sum())
    }

    /// The client of one shard, on its thread: its requests a second.
    async fn drive(
        &self,
        course: &Course,
        shard: usize,
        cable: MemoryDevice,
    ) -> anyhow::Result<f64> {
        let port = Service::Echo.port();
        let at = SocketAddr::from((SERVER, port));
        if shard == 0 {
            let listener = course.server.listen(at).await?;
            tokio::spawn(accept(listener, course.handles.clone()));
        }
        course.gate.wait().await;
        let ip = Ipv4Addr::from_bits(SERVER.to_bits() + 1 + u32::try_from(shard)?);
        let client = Stack::builder().device(cable).address(prefix(ip)?).spawn()?;
        let is_own = |local: &SocketAddr| course.map.owner(&FourTuple::new(at, *local)) == shard;
        let sockets = (1_024..=u16::MAX).map(|port| SocketAddr::from((ip, port))).filter(is_own);
        let answered = Arc::new(AtomicU64::new(0));
        for local in sockets.take(self.connections) {
            let stream = client.connect(at).bind(local).await.context("connecting")?;
            stream.set_nodelay(true)?;
            tokio::spawn(ask(stream, Arc::clone(&answered)));
        }
        course.gate.wait().await;
        let (before, watch) = (answered.load(Ordering::Relaxed), Stopwatch::start());
        tokio::time::sleep(self.duration).await;
        let count = answered.load(Ordering::Relaxed) - before;
        let rate = count as f64 / watch.elapsed().as_secs_f64();
        // Nobody stops before all have measured.
        course.gate.wait().await;
        Ok(rate)
    }
}

/// Serves each connection on the thread of its shard.
async fn accept(listener: TcpListener, handles: Vec<Handle>) -> std::io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let Some(handle) = handles.get(stream.shard()) else { continue };
        handle.spawn(async move { protocol::serve(&mut stream, Service::Echo).await });
    }
}

/// Sends an octet and waits for it to come back, again and again.
async fn ask(mut stream: TcpStream, answered: Arc<AtomicU64>) -> std::io::Result<()> {
    loop {
        stream.write_all(&[1]).await?;
        stream.read_exact(&mut [0]).await?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn prefix(ip: Ipv4Addr) -> anyhow::Result<IpNet> {
    Ok(IpNet::new(IpAddr::V4(ip), 16)?)
}

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SECRET: [u8; 32] = [7; 32];
const MTU: u32 = 1_500;
