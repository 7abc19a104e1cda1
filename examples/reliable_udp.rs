//! A reliable byte stream over plain UDP sockets, between two ordinary processes.
//!
//! Each process runs a stack whose device puts its IP packets into UDP datagrams. No privilege is
//! needed, and whatever the network does to the datagrams, the octets arrive once and in order.
//!
//! ```console
//! cargo run --release --example reliable_udp -- receive
//! cargo run --release --example reliable_udp -- send --mebibytes 256
//! cargo run --release --example reliable_udp -- send --mebibytes 16 --loss-percent 1 --delay-ms 20
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use sha2::{Digest, Sha256};
use synack::{Device, ImpairedDevice, Stack, TcpStream, UdpDevice};
use synack_examples::pages::Pattern;
use synack_netem::{LinkConfig, Probability};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

#[derive(Parser)]
#[command(about = "A reliable byte stream over plain UDP sockets")]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Waits for one stream, checks it, says what came, and ends.
    Receive {
        #[command(flatten)]
        sockets: Sockets,
    },
    /// Sends a stream and waits until the other side has checked it.
    Send {
        #[command(flatten)]
        sockets: Sockets,
        /// How much to send.
        #[arg(long, default_value_t = 256)]
        mebibytes: u64,
        /// Datagrams lost, in each direction.
        #[arg(long, default_value_t = 0)]
        loss_percent: u32,
        /// Time a datagram takes, in each direction.
        #[arg(long, default_value_t = 0)]
        delay_ms: u64,
        /// Which datagrams are lost.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// The UDP sockets of both processes; by default both on this host.
#[derive(Args)]
struct Sockets {
    /// The UDP address to bind.
    #[arg(long)]
    local: Option<SocketAddr>,
    /// The UDP address of the other process.
    #[arg(long)]
    remote: Option<SocketAddr>,
}

impl Sockets {
    async fn device(&self, local_port: u16, remote_port: u16) -> Result<UdpDevice> {
        let on_this_host = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let local = self.local.unwrap_or_else(|| on_this_host(local_port));
        let remote = self.remote.unwrap_or_else(|| on_this_host(remote_port));
        Ok(UdpDevice::connect(local, remote).await?)
    }
}

/// UDP ports of the receiver and of the sender.
const PORTS: (u16, u16) = (5_001, 5_002);
const RECEIVER: &str = "10.0.0.1:7000";

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().role {
        Role::Receive { sockets } => {
            let device = sockets.device(PORTS.0, PORTS.1).await?;
            receive(stack(device, "10.0.0.1/24")?).await
        }
        Role::Send { sockets, mebibytes, loss_percent, delay_ms, seed } => {
            let device = sockets.device(PORTS.1, PORTS.0).await?;
            let link = LinkConfig {
                loss: Probability::percent(loss_percent),
                delay: Duration::from_millis(delay_ms),
                ..LinkConfig::default()
            };
            let device = ImpairedDevice::new(device, link.clone(), link, seed);
            send(stack(device, "10.0.0.2/24")?, mebibytes << 20).await
        }
    }
}

fn stack(device: impl Device, address: &str) -> Result<Stack> {
    Ok(Stack::builder().device(device).address(address.parse()?).spawn()?)
}

/// The stream is a length, so many octets of the pattern, and their hash; the answer is one octet.
async fn receive(stack: Stack) -> Result<()> {
    let listener = stack.listen(RECEIVER.parse()?).await?;
    println!("waiting");
    let (mut stream, _) = listener.accept().await?;
    let len = stream.read_u64().await?;
    let (mut left, mut hash) = (len, Sha256::new());
    let mut buffer = vec![0; 256 << 10];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left)?);
        let count = stream.read(&mut buffer[..most]).await?;
        ensure!(count > 0, "the stream ended {left} octets early");
        hash.update(&buffer[..count]);
        left -= count as u64;
    }
    let mut expected = [0; 32];
    stream.read_exact(&mut expected).await?;
    let intact = hash.finalize()[..] == expected;
    stream.write_u8(u8::from(intact)).await?;
    stream.shutdown().await?;
    ensure!(intact, "the octets are not those that were sent");
    println!("received {len} octets, every one right");
    finish(stack, stream).await
}

async fn send(stack: Stack, len: u64) -> Result<()> {
    let mut stream = stack.connect(RECEIVER.parse()?).await?;
    let start = Instant::now();
    stream.write_u64(len).await?;
    let mut hash = Sha256::new();
    let mut pattern = Pattern::new(len);
    while let Some(chunk) = pattern.next_chunk() {
        hash.update(&chunk);
        stream.write_all(&chunk).await?;
    }
    stream.write_all(&hash.finalize()).await?;
    let intact = stream.read_u8().await? == 1;
    let time = start.elapsed();
    let info = stream.info()?;
    ensure!(intact, "the other side received something else");
    println!(
        "sent {len} octets in {:.2} s, {:.0} Mbit/s; {} of {} segments sent again, \
         round trip {:.1} ms",
        time.as_secs_f64(),
        len as f64 * 8.0 / time.as_secs_f64() / 1e6,
        info.counters.retransmissions,
        info.counters.segments_out,
        info.srtt.unwrap_or_default().as_secs_f64() * 1e3,
    );
    finish(stack, stream).await
}

/// Closes in order: the other process must learn that everything arrived.
async fn finish(stack: Stack, mut stream: TcpStream) -> Result<()> {
    stream.shutdown().await?;
    drop(stream);
    stack.shutdown(Instant::now() + Duration::from_secs(2)).await;
    Ok(())
}
