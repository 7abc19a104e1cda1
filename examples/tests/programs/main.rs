//! The examples do what they say, with the programs that everybody has: curl, wget, wrk, nc, ping.
//! Each test starts the real binaries in a private network and compares every octet they exchange.

mod http;
mod netcat;
mod network;
mod own_congestion;
mod ping;
mod process;
mod reliable_udp;
mod syn_flood;
