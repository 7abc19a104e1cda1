//! The TCP of the kernel at an end: its sockets, and which congestion controllers it has.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::socket::{self, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::end::{Ecn, Flow};
use super::port::Port;
use crate::kernel_tcp;
use crate::protocol::BULK_OCTETS;

/// Makes the calling thread's network an end with this controller and `address`.
///
/// # Errors
/// When the kernel has no such controller, or refuses a device or a setting.
pub(super) fn settle(controller: &str, address: Ipv4Addr, ecn: Ecn) -> anyhow::Result<Port> {
    let has_controller = controllers()?.iter().any(|name| name == controller);
    ensure!(has_controller, "the kernel has no {controller}");
    kernel_tcp::tune()?;
    if ecn == Ecn::Asked {
        // By default it accepts ECN and does not ask for it (ip-sysctl).
        synack_netns::set_sysctl("net.ipv4.tcp_ecn", "1").context("cannot ask for ECN")?;
    }
    Port::to_kernel(address).context("cannot make the TUN device")
}

/// The controllers that the TCP of the calling thread's network has. Modules that are not loaded do
/// not count.
///
/// # Errors
/// When the kernel does not say.
pub(super) fn controllers() -> anyhow::Result<Vec<String>> {
    let names =
        fs::read_to_string(AVAILABLE).with_context(|| format!("cannot read {AVAILABLE}"))?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

pub(super) fn send(controller: &str, flow: &Flow<'_>) -> anyhow::Result<()> {
    flow.begin();
    let mut stream = TcpStream::connect_timeout(&flow.receiver.into(), CONNECT_TIMEOUT)?;
    socket::setsockopt(&stream, sockopt::TcpCongestion, &OsString::from(controller))?;
    stream.set_write_timeout(Some(LOOK_UP))?;
    let octets = vec![7; BULK_OCTETS];
    while !flow.is_over() {
        unless_timeout(stream.write(&octets))?;
    }
    Ok(())
}

pub(super) fn receive(flow: &Flow<'_>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(flow.receiver)?;
    // The timeout of reading is that of accepting too (socket(7)).
    let timeout = TimeVal::microseconds(LOOK_UP.as_micros() as i64);
    socket::setsockopt(&listener, sockopt::ReceiveTimeout, &timeout)?;
    flow.begin();
    let mut stream = None;
    let mut octets = vec![0; BULK_OCTETS];
    while !flow.is_over() {
        let Some(stream) = &mut stream else {
            stream = unless_timeout(listener.accept())?.map(|(stream, _)| stream);
            continue;
        };
        stream.set_read_timeout(Some(LOOK_UP))?;
        while !flow.is_over() {
            flow.count(unless_timeout(stream.read(&mut octets))?.unwrap_or_default());
        }
    }
    Ok(())
}

/// What a call gave; nothing if its time was up.
fn unless_timeout<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

const AVAILABLE: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// How often it looks whether the flow is over.
const LOOK_UP: Duration = Duration::from_millis(20);
