//! A host in virtual time: BSD sockets over the TCP state machine, without I/O.
//!
//! A [`Host`] owns an endpoint with its connections, a clock in microseconds that moves only when
//! told to, a table of descriptors, and a queue of what it sent and when. Whoever drives it injects
//! packets, makes socket calls and takes what leaves; nothing waits, and nothing depends on the
//! machine. Numbers (errors, options, flags, the layout of `TCP_INFO`) are those of Linux, so that
//! scripts written for it mean the same here.
//!
//! ```
//! use synack_simhost::{Domain, Fault, Host, Settings};
//!
//! let mut host = Host::new(&["192.168.0.1/16".parse()?], 1_500, Settings::default());
//! let fd = host.socket(Domain::V4);
//! host.bind(fd, "192.168.0.1:8080".parse()?)?;
//! host.listen(fd, 1)?;
//! assert_eq!(host.accept(fd), Err(Fault::WouldBlock), "nobody called");
//!
//! let client = host.socket(Domain::V4);
//! let calling = host.connect(client, "192.0.2.1:80".parse()?);
//! assert_eq!(calling, Err(Fault::WouldBlock), "a blocking connect waits for the peer");
//! let syn = host.next_egress(host.now()).expect("the SYN left at once");
//! assert_eq!(syn.at_us, host.now());
//! let again = host.next_egress(host.now() + 2_000_000).expect("the SYN leaves again");
//! assert_eq!(again.at_us - syn.at_us, 1_000_000, "after a second (RFC 6298 §2.1)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod calls;
mod errno;
mod host;
mod readiness;
pub mod script;
mod segmentation;
mod settings;
mod socket;
mod tcp_info;

pub use calls::{ReadFlags, Shutdown, WriteFlags};
pub use errno::{Errno, Fault};
pub use host::{Host, Sent};
pub use readiness::Readiness;
pub use settings::{SettingError, Settings};
pub use socket::{DESCRIPTOR_FIRST, Descriptor, Domain};
