//! An HTTP client on a TUN device: hyper on a TCP that lives in this process.
//!
//! ```console
//! python3 -m http.server 8000 &
//! sudo cargo run --release --example http_client -- http://10.9.0.1:8000/
//! ```

use std::time::Duration;

use anyhow::{Result, ensure};
use axum::body::Body;
use axum::http::Uri;
use clap::Parser;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use synack_examples::connector::StackConnector;
use synack_examples::device::Device;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(about = "Fetches a page over a TUN device, and writes it to the standard output")]
struct Arguments {
    #[command(flatten)]
    device: Device,
    /// What to fetch; a host name is resolved by the host's own resolver.
    url: Uri,
}

#[tokio::main]
async fn main() -> Result<()> {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    log.with_env_filter(EnvFilter::from_default_env()).init();
    let arguments = Arguments::parse();
    let stack = arguments.device.stack()?;
    let connector = StackConnector(stack.clone());
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let response = client.get(arguments.url).await?;
    let status = response.status();
    let mut body = response.into_body();
    let mut out = tokio::io::stdout();
    while let Some(frame) = body.frame().await {
        if let Ok(octets) = frame?.into_data() {
            out.write_all(&octets).await?;
        }
    }
    out.flush().await?;
    drop(client);
    stack.shutdown(Instant::now() + Duration::from_secs(2)).await;
    ensure!(status.is_success(), "{status}");
    Ok(())
}
