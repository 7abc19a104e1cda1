//! Standard input and output over a connection, opened or accepted on a TUN device.
//!
//! ```console
//! nc -l 10.9.0.1 5000
//! sudo cargo run --release --example netcat -- 10.9.0.1:5000
//! sudo cargo run --release --example netcat -- --listen 10.9.0.2:5000
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use synack::TcpStream;
use synack_examples::device::Device;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(about = "Standard input and output over a connection")]
struct Arguments {
    #[command(flatten)]
    device: Device,
    /// Accept one connection at the address instead of opening one to it.
    #[arg(long)]
    listen: bool,
    /// Address and port.
    at: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<()> {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    log.with_env_filter(EnvFilter::from_default_env()).init();
    let arguments = Arguments::parse();
    let stack = arguments.device.stack()?;
    let stream = if arguments.listen {
        let listener = stack.listen(arguments.at).await?;
        eprintln!("listening on {}", listener.local_addr()?);
        listener.accept().await?.0
    } else {
        stack.connect(arguments.at).await?
    };
    converse(stream).await?;
    stack.shutdown(Instant::now() + Duration::from_secs(2)).await;
    Ok(())
}

/// Copies both ways until both have ended; the end of one leaves the other open.
async fn converse(stream: TcpStream) -> Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let sending = async {
        tokio::io::copy(&mut tokio::io::stdin(), &mut writer).await?;
        writer.shutdown().await
    };
    let receiving = async {
        let mut out = tokio::io::stdout();
        tokio::io::copy_buf(&mut reader, &mut out).await?;
        out.flush().await
    };
    tokio::try_join!(sending, receiving)?;
    Ok(())
}
