//! Shows that octets and packets correspond, through the public interface only.
//! One module a topic; templates and a naive checksum that owes nothing to the crate in `packets`.

mod captures;
mod checksum_trust;
mod echo;
mod header;
mod icmp;
mod ip_layer;
mod oracle;
mod packets;
mod robustness;
mod round_trip;
mod shared_memory;
