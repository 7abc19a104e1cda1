//! Conversations of a connection with a far end played by hand: packets in, packets out, at stated
//! times.

mod closing;
mod simulated;
#[path = "../support/mod.rs"]
mod support;
