//! The state table of TCP: each state with each event, in IPv4 and IPv6, told by packets and calls.
//! A test brings a host into the state by packets, does what its row says, and looks from outside.

mod ack;
mod before;
mod calls_close;
mod calls_data;
mod calls_open;
mod closed_listen;
mod duplicates;
mod early_close;
mod fin_output;
mod mishaps;
mod reset_syn;
mod resets;
mod sequences;
mod summary;
#[path = "../support/mod.rs"]
mod support;
mod syn_sent;
mod text;
mod time_wait_syn;
mod timers;
mod timers_at_rest;
mod timestamps;
mod two;
mod window;
