//! What the measurements of synack share: two endpoints joined in memory, and single operations.
//!
//! [`Pair`] moves octets between two endpoints of `synack-tcb` through packets as they travel,
//! with no task, no device and no clock of its own. [`operations`] are what a stack does for a
//! segment, one by one, each ready to be run so many [`TIMES`](operations::TIMES): for counts of
//! instructions and for the clock.
#![forbid(unsafe_code)]

mod end;
pub mod operations;
mod pair;
mod unlimited;

pub use end::End;
pub use pair::{Family, Pair, SEGMENTS_MAX};
pub use unlimited::Unlimited;
