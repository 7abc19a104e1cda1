//! Conversations with an endpoint: packets in, packets out, at stated times.

mod open;
#[path = "../support/mod.rs"]
mod support;
