//! TCP/IP on the wire.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod flags;
mod options;
mod packet;
mod payload;
mod sack;
mod segment;
mod seq;

pub use flags::Flags;
pub use options::{
    AccurateEcnCounters, FastOpenCookie, OPTIONS_LEN_MAX, Options, Timestamps, UserTimeout,
};
pub use packet::{Ecn, IpFields, TcpPacket};
pub use payload::{PAYLOAD_SLICES_MAX, Payload};
pub use sack::{SACK_BLOCKS_MAX, SackBlocks};
pub use segment::Segment;
pub use seq::{SeqNum, SeqRange};
