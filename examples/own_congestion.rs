//! A congestion controller of one's own: what governs how much may be in flight is one type, and
//! the stack needs to know nothing of it.
//!
//! The type here goes by delay, as TCP Vegas does. It sends for a few seconds over a slow line with
//! a large queue, and so do the controllers that the stack comes with; each fills the line, and
//! the table shows what queue it leaves there. At the end it takes over from another in the middle
//! of a transfer.
//!
//! ```console
//! cargo run --release --example own_congestion
//! ```

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use synack::congestion::{
    AckSample, Bbr, Beginning, CongestionController, CongestionEvent, CongestionFactory,
    CongestionSignal, Cubic, Instant, NewReno, initial_window,
};
use synack::{ImpairedDevice, MemoryDevice, Stack, TcpListener, TcpStream};
use synack_netem::{Bottleneck, LinkConfig, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Keeps about three segments in the queue of the path: more in flight when there are fewer, less
/// when there are more. Octets, except where it says segments.
#[derive(Debug)]
struct ByDelay {
    cwnd: u32,
    ssthresh: u32,
    mss: u32,
    /// The shortest round trip ever seen: the path without a queue.
    base_rtt: Option<Duration>,
    /// The shortest of this round trip.
    round_rtt: Option<Duration>,
}

/// Makes [`ByDelay`] for each connection.
#[derive(Debug)]
struct ByDelayFactory;

impl CongestionFactory for ByDelayFactory {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        let mss = beginning.mss;
        let mut by_delay = ByDelay {
            cwnd: initial_window(mss),
            ssthresh: u32::MAX,
            mss,
            base_rtt: None,
            round_rtt: None,
        };
        if let Some(inherited) = beginning.inherited {
            // The connection is under way: go on from where the one before us was.
            by_delay.cwnd = inherited.cwnd;
            by_delay.ssthresh = inherited.cwnd;
            by_delay.base_rtt = inherited.min_rtt;
        }
        Box::new(by_delay)
    }
}

impl CongestionController for ByDelay {
    fn name(&self) -> &'static str {
        "by-delay"
    }

    fn on_ack(&mut self, sample: &AckSample) {
        let shorter = |known: Option<Duration>, new| known.map_or(new, |known| known.min(new));
        if let Some(rtt) = sample.rtt {
            self.base_rtt = Some(shorter(self.base_rtt, rtt));
            self.round_rtt = Some(shorter(self.round_rtt, rtt));
        }
        if sample.in_recovery || !sample.cwnd_limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.cwnd = self.cwnd.saturating_add(sample.growth_bytes.min(self.mss) / 2);
        }
        if sample.round_start {
            self.adjust();
        }
    }

    /// A segment was lost: a quarter less. The timer expired: begin again.
    fn on_congestion(&mut self, event: &CongestionEvent) {
        self.ssthresh = (event.flight_size / 4 * 3).max(2 * self.mss);
        self.cwnd = match event.signal {
            CongestionSignal::Loss | CongestionSignal::Ecn => self.ssthresh,
            CongestionSignal::Timeout => self.mss,
        };
    }

    fn on_restart(&mut self, _now: Instant) {
        self.cwnd = self.cwnd.min(initial_window(self.mss));
    }

    fn on_mss(&mut self, mss: u32) {
        self.mss = mss;
        self.cwnd = self.cwnd.max(mss);
    }

    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }
}

impl ByDelay {
    /// Once a round trip: half-way to what would leave three segments in the queue.
    fn adjust(&mut self) {
        let (Some(base), Some(rtt)) = (self.base_rtt, self.round_rtt.take()) else { return };
        let on_the_way = self.cwnd as f64 * base.as_secs_f64() / rtt.as_secs_f64();
        let target = on_the_way as u32 + 3 * self.mss;
        if self.cwnd >= self.ssthresh || target < self.cwnd {
            self.cwnd = ((self.cwnd + target) / 2).max(2 * self.mss);
            self.ssthresh = self.ssthresh.min(self.cwnd);
        }
    }
}

#[derive(Parser)]
#[command(about = "Compares congestion controllers, one of them the example's own")]
struct Arguments {
    /// How long each of them sends.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let time = Duration::from_secs(Arguments::parse().seconds);
    println!("8 Mbit/s, 40 ms, and a queue for 250 packets:");
    println!("  {:<12} {:>8} {:>13} {:>12}", "controller", "Mbit/s", "round trip", "sent again");
    transfer(NewReno::FACTORY, time).await?;
    transfer(Cubic::FACTORY, time).await?;
    transfer(Bbr::FACTORY, time).await?;
    transfer(ByDelayFactory, time).await?;
    take_over(time).await
}

/// Sends for a while, and prints what came of it.
async fn transfer(factory: impl CongestionFactory + 'static, time: Duration) -> Result<()> {
    let (client, listener) = line()?;
    let listener = listener.await?;
    let connecting = client.connect(SERVER.parse()?).congestion(factory);
    let (mut stream, receiving) = connect(connecting, &listener).await?;
    let _stopped = tokio::time::timeout(time, send(&mut stream)).await;
    let info = stream.info()?;
    let megabits = info.counters.octets_acked as f64 * 8e-6 / time.as_secs_f64();
    let millis = info.srtt.unwrap_or_default().as_millis();
    let again = info.counters.retransmissions;
    println!("  {:<12} {megabits:>8.2} {millis:>10} ms {again:>12}", info.congestion);
    receiving.abort();
    Ok(())
}

/// Lets the own controller take over from CUBIC when that has filled the queue.
async fn take_over(time: Duration) -> Result<()> {
    let (client, listener) = line()?;
    let listener = listener.await?;
    let (mut stream, receiving) = connect(client.connect(SERVER.parse()?), &listener).await?;
    let tell = |stream: &TcpStream| -> Result<()> {
        let info = stream.info()?;
        let millis = info.srtt.unwrap_or_default().as_millis();
        println!(
            "  {:<12} cwnd {:>7} octets, round trip {millis:>4} ms",
            info.congestion, info.cwnd
        );
        Ok(())
    };
    println!("taking over in the middle of a transfer:");
    let _stopped = tokio::time::timeout(time, send(&mut stream)).await;
    tell(&stream)?;
    stream.set_congestion(ByDelayFactory)?;
    tell(&stream)?;
    let _stopped = tokio::time::timeout(time, send(&mut stream)).await;
    tell(&stream)?;
    receiving.abort();
    Ok(())
}

/// Two stacks, joined by a slow line with a long queue.
fn line() -> Result<(Stack, synack::Listen)> {
    let (left, right) = MemoryDevice::pair(1_500);
    let half = Duration::from_millis(20);
    let there = LinkConfig {
        delay: half,
        bottleneck: Some(Bottleneck::drop_tail(Rate::mbit(8), 250)),
        ..LinkConfig::default()
    };
    let back = LinkConfig { delay: half, ..LinkConfig::default() };
    let left = ImpairedDevice::new(left, back, there, 1);
    let client = Stack::builder().device(left).address("10.0.0.2/24".parse()?).spawn()?;
    let server = Stack::builder().device(right).address("10.0.0.1/24".parse()?).spawn()?;
    Ok((client, server.listen(SERVER.parse()?)))
}

async fn connect(
    connecting: synack::Connect,
    listener: &TcpListener,
) -> Result<(TcpStream, tokio::task::JoinHandle<()>)> {
    let (stream, accepted) = tokio::join!(connecting, listener.accept());
    let (mut reader, _) = accepted?;
    let receiving = tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while matches!(reader.read(&mut buffer).await, Ok(1..)) {}
    });
    Ok((stream?, receiving))
}

/// Writes for as long as it is allowed to.
async fn send(stream: &mut TcpStream) -> Result<()> {
    let octets = vec![0; 64 << 10];
    loop {
        stream.write_all(&octets).await?;
    }
}

const SERVER: &str = "10.0.0.1:7000";
