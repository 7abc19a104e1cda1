//! Conversations with an endpoint: packets in, packets out, at stated times.

mod allocation;
mod cookies;
mod floods;
mod half_open;
mod listen;
mod memory;
mod nobody;
mod open;
mod random;
mod shards;
#[path = "../support/mod.rs"]
mod support;
mod syn_sent;
mod time_wait;
