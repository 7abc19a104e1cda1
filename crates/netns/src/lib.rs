//! Private network namespaces for tests, examples and benches.
//!
//! A namespace has its own devices, addresses, routes, ports and settings, and vanishes with the
//! last thread in it. So a test can give a TUN device any address, and run beside a hundred others,
//! and the machine's own network is never touched: every function here that changes something
//! refuses to work outside of a private namespace.
//!
//! - [`Namespace`]: a new network for one closure, on a thread of its own.
//! - [`enter`]: a new network for the whole process, at the beginning of `main`.
//! - [`test`](fn@test): a new network for one `#[test]`, also for an ordinary user.
//! - [`Interface`]: addresses, routes, MTU and queue length of a device; [`set_sysctl`].
//! - [`availability`]: whether any of this can be had here, and why not.
//!
//! No command and no privilege is needed where the kernel lets ordinary users have user namespaces,
//! and `/dev/net/tun` is open to them.
//!
//! ```
//! use synack_netns::{Interface, Namespace};
//!
//! # fn main() -> std::io::Result<()> {
//! let Ok(namespace) = Namespace::new() else {
//!     return Ok(()); // not with these privileges; see `enter`
//! };
//! let addresses = namespace.run(|| -> std::io::Result<_> {
//!     let loopback = Interface::named("lo")?;
//!     loopback.add_address("192.0.2.1/32".parse()?)?;
//!     // This socket belongs to the namespace, here and on any thread.
//!     std::net::UdpSocket::bind("192.0.2.1:7")?.local_addr()
//! })?;
//! assert_eq!(addresses.port(), 7);
//! # Ok(())
//! # }
//! ```
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod availability;
mod child;
mod enter;
mod interface;
mod namespace;
mod netlink;
mod prefix;
mod private;
mod sysctl;
mod test;

pub use availability::{Step, Unavailable, availability};
pub use enter::enter;
pub use interface::Interface;
pub use namespace::Namespace;
pub use prefix::{ParsePrefixError, Prefix};
pub use sysctl::set_sysctl;
pub use test::test;
