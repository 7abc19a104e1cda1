//! The main job in one command: HTTP both ways between the kernel's TCP and ours.
//!
//! It makes a private network with a TUN device in it, serves HTTP on a synack stack and fetches
//! from it with kernel sockets; then it serves on kernel sockets and fetches with a client on the
//! stack. Each way by IPv4 and IPv6: a page, and 64 MiB whose hash is checked. Where there is no
//! TUN device to be had, two stacks do the same over a cable in memory.
//!
//! ```console
//! cargo run --release --example quickstart
//! ```

mod fetch;
mod host;
mod report;
mod world;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use host::Host;
use report::{Report, Row};
use tracing_subscriber::EnvFilter;
use world::{MTU, World};

/// Each transfer has a port of its own, so that its connection is told from the others.
const FIRST_PORT: u16 = 8_001;

fn main() -> ExitCode {
    // Before any thread: an ordinary user gets a namespace of his own only then.
    let network = synack_netns::availability().and_then(|()| synack_netns::enter());
    // RUST_LOG=synack=debug shows every change of state, trace every packet.
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("a tokio runtime").and_then(|runtime| {
        runtime.block_on(async {
            let world = match network {
                Ok(()) => World::with_kernel()?,
                Err(reason) => {
                    println!("No TUN device: {reason}. Two stacks on a cable in memory instead.");
                    World::in_memory()?
                }
            };
            run(world).await
        })
    });
    match outcome {
        Ok(report) if report.is_all_right() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(world: World) -> Result<Report> {
    println!("{} <-> {} over {}, MTU {MTU}", world.peer, world.stack, world.link);
    let mut report = Report::default();
    let mut port = FIRST_PORT;
    for (client, server) in [(&world.peer, &world.stack), (&world.stack, &world.peer)] {
        for address in server.addresses() {
            let row = transfer(client, server, SocketAddr::new(*address, port)).await;
            let way = format!("{client} -> {server}");
            report.push(row.with_context(|| format!("{way} at {address}"))?.named(way));
            port += 1;
        }
    }
    report.left_open = world.shut_down(Duration::from_secs(5)).await;
    println!("{report}");
    Ok(report)
}

/// Serves on one host, fetches from the other.
async fn transfer(client: &Host, server: &Host, at: SocketAddr) -> Result<Row> {
    let serving = server.serve(at).await.context("a server")?;
    let row = fetch::both(client, server, at).await;
    serving.abort();
    row
}
