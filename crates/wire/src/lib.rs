//! TCP/IP on the wire: octets into packets, and packets into octets.
//!
//! [`parse`] takes one IP packet and says what it is; [`emit_headers`] and [`emit_contiguous`]
//! write a [`TcpPacket`]. A payload is a slice of the packet it came in and is gathered when it
//! leaves, so nothing is copied that need not be, and neither way allocates. This crate knows
//! octets only: no connection, no time, no input or output. It works on what any peer may send:
//! every input ends in a value that can only hold sane content, or in a [`ParseError`].
//!
//! ```
//! use synack_wire::{ChecksumTrust, Flags, IpFields, Options, Parsed, Segment, SeqNum};
//! use synack_wire::{TcpPacket, parse};
//!
//! let syn = TcpPacket {
//!     source: "192.0.2.1:4321".parse()?,
//!     destination: "198.51.100.2:80".parse()?,
//!     ip: IpFields::default(),
//!     segment_size: None,
//!     segment: Segment {
//!         seq: SeqNum::new(u32::MAX),
//!         control: Flags::SYN,
//!         window: 64_240,
//!         options: Options { mss: Some(1460), sack_permitted: true, ..Options::default() },
//!         ..Segment::default()
//!     },
//! };
//! assert_eq!(syn.segment.end(), SeqNum::new(0), "a SYN takes a number, and numbers wrap");
//! assert_eq!(
//!     syn.to_string(),
//!     "IP 192.0.2.1.4321 > 198.51.100.2.80: Flags [S], seq 4294967295, win 64240, \
//!      options [mss 1460,sackOK], length 0"
//! );
//!
//! let octets = syn.to_bytes()?;
//! let Parsed::Tcp { packet, option_fault: None } = parse(octets, ChecksumTrust::Verify)? else {
//!     panic!("a SYN is TCP");
//! };
//! assert_eq!(packet, syn);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | read a packet from a device | [`parse`], [`Parsed`], [`ChecksumTrust`] |
//! | write one to a device that gathers | [`emit_headers`], then [`Payload::slices`] |
//! | write one into a buffer | [`emit_contiguous`], [`TcpPacket::to_bytes`] |
//! | write a super-segment in pieces | [`TcpPacket::cut_up`], then [`emit_contiguous`] |
//! | answer a ping | [`EchoRequest::into_reply`] |
//! | act on an ICMP error, or make one | [`IcmpError`], [`emit_icmp_error`] |
//! | compute or correct a checksum | [`checksum`] |
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "a test that goes out of bounds fails, as it should"
    )
)]

extern crate alloc;

mod address_pair;
pub mod checksum;
mod cut;
mod display;
mod echo;
mod emit;
mod error;
mod flags;
mod icmp;
mod ipv4;
mod ipv6;
mod options;
mod packet;
mod parse;
mod payload;
pub mod pseudo_header;
mod sack;
mod segment;
mod seq;

pub use cut::Cut;
pub use echo::EchoRequest;
pub use emit::{ChecksumMode, HEADERS_LEN_MAX, emit_contiguous, emit_headers};
pub use error::{EmitError, OptionFault, ParseError};
pub use flags::Flags;
pub use icmp::{IcmpError, IcmpErrorKind, emit_icmp_error};
pub use options::{
    AccurateEcnCounters, EncodedOptions, FastOpenCookie, OPTIONS_LEN_MAX, Options, Timestamps,
    UserTimeout,
};
pub use packet::{Ecn, IpFields, TcpPacket};
pub use parse::{ChecksumTrust, Parsed, parse};
pub use payload::{PAYLOAD_SLICES_MAX, Payload};
pub use sack::{SACK_BLOCKS_MAX, SackBlocks};
pub use segment::Segment;
pub use seq::{SeqNum, SeqRange};
