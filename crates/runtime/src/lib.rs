//! User-space TCP for tokio: streams and listeners like those of [`tokio::net`], over a TUN device
//! or over anything else that carries IP packets.
//!
//! A [`Stack`] is a task that owns a [`Device`]. From it come [`TcpListener`]s and
//! [`TcpStream`]s, with the names, the signatures, the cancel safety and the kinds of error that
//! tokio's have.
//!
//! ```
//! use synack::{MemoryDevice, Stack};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two stacks, joined by a cable in memory.
//! let (left, right) = MemoryDevice::pair(1_500);
//! let server = Stack::builder().device(left).address("10.0.0.1/24".parse()?).spawn()?;
//! let client = Stack::builder().device(right).address("10.0.0.2/24".parse()?).spawn()?;
//!
//! let listener = server.listen("10.0.0.1:7".parse()?).await?;
//! tokio::spawn(async move {
//!     let (mut stream, _peer) = listener.accept().await?;
//!     let (mut read, mut write) = stream.split();
//!     tokio::io::copy(&mut read, &mut write).await?;
//!     write.shutdown().await
//! });
//!
//! let mut stream = client.connect("10.0.0.1:7".parse()?).await?;
//! stream.write_all(b"an echo").await?;
//! stream.shutdown().await?;
//! let mut echo = String::new();
//! stream.read_to_string(&mut echo).await?;
//! assert_eq!(echo, "an echo");
//! # Ok(())
//! # }
//! ```
//!
//! | to | use |
//! |---|---|
//! | speak with the kernel's network | [`StackBuilder::tun`], [`TunDevice`], [`OffloadTunDevice`] |
//! | join stacks in one process, for tests above all | [`MemoryDevice`], [`MemorySwitch`] |
//! | tunnel without a privilege | [`UdpDevice`] |
//! | carry packets by something of your own | [`PacketsDevice`], or implement [`Device`] |
//! | serve on several threads | [`StackBuilder::queues`], [`StackBuilder::tun_queues`] |
//! | try out a bad network | [`ImpairedDevice`] |
//!
//! **Time** is tokio's: under a paused clock a TIME-WAIT of a minute passes in no time, and with a
//! [`secret`](StackBuilder::secret) of its own a test sends the same octets each time it runs.
#![deny(unsafe_code)]

mod buffer_pool;
mod cell;
mod clock;
pub mod congestion;
mod connect;
mod device;
mod doorbell;
mod driver;
mod error;
mod events;
mod flush;
mod interfaces;
mod listener;
mod observe;
mod other_packets;
mod split;
mod stack;
mod stream;
mod stream_options;
mod sync;
mod transfer;
mod wheel;

pub use buffer_pool::{Block, BufferPool};
pub use connect::Connect;
pub use device::{
    Capabilities, Device, ImpairedDevice, MemoryDevice, MemorySwitch, Outgoing, PacketsDevice,
    Received, UdpDevice,
};
#[cfg(target_os = "linux")]
pub use device::{OffloadTunDevice, TunDevice};
pub use error::StackError;
pub use events::{StreamEvent, StreamEvents};
pub use ipnet::IpNet;
pub use listener::{Listen, TcpListener};
pub use observe::{Connections, StackStats};
pub use other_packets::OtherPackets;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stack::{Stack, StackBuilder};
pub use stream::TcpStream;
pub use synack_tcb::{
    BufferSize, CloseReason, ConnectError, ConnectionConfig, ConnectionInfo, DropReason, EcnPolicy,
    EndpointConfig, EndpointCounters, KeepAlive, ListenError, ListenOn, ListenerConfig, MtuProbing,
    Nagle, ReadError, SoftError, State, SynCookies, WriteError,
};
pub use synack_wire::{ChecksumTrust, OptionFault, ParseError};
