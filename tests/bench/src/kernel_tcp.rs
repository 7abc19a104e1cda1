//! The TCP of the kernel as a partner in measurements: its settings, and its device.

use std::io;
use std::net::Ipv4Addr;

use anyhow::Context;
use synack_netns::{Interface, Prefix, set_sysctl};

/// Makes the TCP of the calling thread's private network fit for measurements.
///
/// # Errors
/// When the kernel refuses a setting.
pub(crate) fn tune() -> anyhow::Result<()> {
    SETTINGS.iter().try_for_each(set)
}

/// Sets a device of the calling thread's network up, with an address.
pub(crate) fn join(device: &Interface, mtu: u16, address: Ipv4Addr) -> io::Result<()> {
    device.set_mtu(u32::from(mtu))?;
    device.set_up()?;
    let prefix = Prefix::new(address.into(), PREFIX_BITS);
    device.add_address(prefix.expect("an IPv4 address has more bits than the prefix"))
}

fn set((name, value): &(&str, &str)) -> anyhow::Result<()> {
    set_sysctl(name, value).with_context(|| format!("cannot set {name}"))
}

const PREFIX_BITS: u8 = 16;

/// Many ports, but none of the protocol's, large windows, no TIME-WAIT to run out of ports, nothing
/// learned from the connections before.
const SETTINGS: [(&str, &str); 8] = [
    ("net.ipv4.ip_local_port_range", "1100 65500"),
    ("net.ipv4.ip_local_reserved_ports", "9001-9004"),
    ("net.ipv4.tcp_max_tw_buckets", "0"),
    ("net.ipv4.tcp_rmem", "4096 131072 33554432"),
    ("net.ipv4.tcp_wmem", "4096 65536 33554432"),
    ("net.ipv4.tcp_max_syn_backlog", "8192"),
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.core.somaxconn", "8192"),
];
