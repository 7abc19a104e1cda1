//! Conversations of a connection with a far end played by hand: packets in, packets out, at stated
//! times.

mod accurate_ecn;
mod acknowledging;
mod application;
mod beginnings;
mod blind;
mod buffers;
mod closing;
mod congestion;
mod controller;
mod ecn;
mod fast_retransmit;
mod icmp;
mod keep_alive;
mod needless;
mod out_of_order_memory;
mod pacing;
mod patience;
mod paws;
mod rack;
mod reduction;
mod retransmission_timer;
mod segment_size;
mod selective_receiver;
mod selective_sender;
mod simulated;
mod small_segments;
#[path = "../support/mod.rs"]
mod support;
mod tail_loss;
mod timestamps;
mod transfers;
mod urgent;
mod window_scale;
mod zero_window;
