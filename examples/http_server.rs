//! An HTTP server on a TUN device: axum on a TCP that lives in this process.
//!
//! ```console
//! sudo cargo run --release --example http_server
//! curl http://10.9.0.2:8080/
//! wrk -t1 -c64 -d5 http://10.9.0.2:8080/
//! ```

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::Result;
use clap::Parser;
use synack_examples::device::Device;
use synack_examples::listener::StackListener;
use synack_examples::pages;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(about = "An HTTP server on a TUN device")]
struct Arguments {
    #[command(flatten)]
    device: Device,
    /// The port to listen on, over IPv4 and IPv6.
    #[arg(long, default_value_t = 8_080)]
    port: u16,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();
    let arguments = Arguments::parse();
    let stack = arguments.device.stack()?;
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, arguments.port));
    let listener = stack.listen(any).await?;
    for address in &arguments.device.address {
        println!("serving http://{}/", SocketAddr::from((address.addr(), arguments.port)));
    }
    Ok(axum::serve(StackListener(listener), pages::router()).await?)
}
