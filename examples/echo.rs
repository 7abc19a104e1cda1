//! A server that sends back what it gets, one task a connection.
//!
//! ```console
//! sudo cargo run --release --example echo
//! nc 10.9.0.2 7
//! ```

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use anyhow::Result;
use clap::Parser;
use synack::TcpStream;
use synack_examples::device::Device;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(about = "Sends back what it gets")]
struct Arguments {
    #[command(flatten)]
    device: Device,
    /// The port to listen on, over IPv4 and IPv6.
    #[arg(long, default_value_t = 7)]
    port: u16,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();
    let arguments = Arguments::parse();
    let stack = arguments.device.stack()?;
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, arguments.port));
    let listener = stack.listen(any).await?;
    println!("listening on port {}", listener.local_addr()?.port());
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match echo(stream).await {
                Ok(octets) => println!("{peer}: {octets} octets"),
                Err(error) => println!("{peer}: {error}"),
            }
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<u64> {
    let (mut reader, mut writer) = stream.split();
    let octets = tokio::io::copy_buf(&mut reader, &mut writer).await?;
    tokio::io::AsyncWriteExt::shutdown(&mut writer).await?;
    Ok(octets)
}
