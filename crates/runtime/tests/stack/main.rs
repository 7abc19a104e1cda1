//! Whole stacks, by their public interface: joined in memory, on tokio's paused clock.
//! Each file shows one thing; `pair` holds the two stacks that most of them use, `far_end` the peer
//! that is played by hand in the others.

mod acknowledging;
mod close;
mod closed_window;
mod congestion;
mod connect;
mod devices;
mod echo;
mod ecn;
mod endings;
mod far_end;
mod full_device;
mod handshakes;
mod idle;
mod kinds;
mod lifetime;
mod links;
mod listen;
mod memory;
mod other;
mod pair;
mod shard_ends;
mod shard_packets;
mod shards;
mod silence;
mod stats;
mod stream;
mod time_wait;
mod unread;
mod urgent;
