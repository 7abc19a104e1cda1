//! The client: sockets of the kernel, set up the same for every stack.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::socket::{self, sockopt};

use crate::protocol::{SINK_ANSWER, Service};

/// Connects to a service of the stack at `address`.
///
/// Nagle's algorithm is off, and the congestion control is CUBIC whatever the default of the
/// machine: with a controller that paces, the client would be the limit.
pub(super) fn connect(address: Ipv4Addr, service: Service) -> io::Result<TcpStream> {
    connect_within(CONNECT_TIMEOUT, address, service)
}

fn connect_within(timeout: Duration, address: Ipv4Addr, service: Service) -> io::Result<TcpStream> {
    let address = SocketAddr::from((address, service.port()));
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nodelay(true)?;
    socket::setsockopt(&stream, sockopt::TcpCongestion, &OsString::from("cubic"))?;
    stream.set_read_timeout(Some(TRANSFER_TIMEOUT))?;
    stream.set_write_timeout(Some(TRANSFER_TIMEOUT))?;
    Ok(stream)
}

/// Connects to the echo and exchanges one octet.
pub(super) fn exchange(address: Ipv4Addr) -> io::Result<TcpStream> {
    exchange_on(connect(address, Service::Echo)?)
}

/// Whether the echo answers within a moment.
pub(super) fn is_answered(address: Ipv4Addr) -> bool {
    connect_within(MOMENT, address, Service::Echo)
        .and_then(|stream| stream.set_read_timeout(Some(MOMENT)).map(|()| stream))
        .and_then(exchange_on)
        .is_ok()
}

fn exchange_on(mut stream: TcpStream) -> io::Result<TcpStream> {
    stream.write_all(&[1])?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

/// Tries every service, and says what is wrong with those that do not keep the protocol.
pub(super) fn faults(address: Ipv4Addr) -> Vec<String> {
    Service::ALL
        .into_iter()
        .filter_map(|service| {
            let error = check(address, service).err()?;
            let is_timeout = error.kind() == io::ErrorKind::WouldBlock;
            let what =
                if is_timeout { "no answer, or no end".to_owned() } else { error.to_string() };
            Some(format!("{service:?} fails: {what}"))
        })
        .collect()
}

fn check(address: Ipv4Addr, service: Service) -> io::Result<()> {
    let mut stream = connect(address, service)?;
    stream.set_read_timeout(Some(CHECK_TIMEOUT))?;
    let count = CHECK_OCTETS.len() as u64;
    let mut octets = CHECK_OCTETS;
    match service {
        Service::Sink => {
            stream.write_all(&count.to_le_bytes())?;
            stream.write_all(&CHECK_OCTETS)?;
            stream.read_exact(&mut octets[..SINK_ANSWER.len()])?;
        }
        Service::Source => {
            stream.write_all(&count.to_le_bytes())?;
            stream.read_exact(&mut octets)?;
        }
        Service::Echo => {
            stream.write_all(&CHECK_OCTETS)?;
            stream.read_exact(&mut octets)?;
            if octets != CHECK_OCTETS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "other octets came back"));
            }
        }
        Service::HalfClose => {
            stream.write_all(&count.to_le_bytes())?;
            let mut received = Vec::new();
            stream.read_to_end(&mut received)?;
            if received.len() != CHECK_OCTETS.len() {
                let error = format!("{} octets came", received.len());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
            }
            stream.write_all(&CHECK_OCTETS)?;
        }
    }
    close(stream)
}

/// Closes, and waits until the stack has done so too.
fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "more than the answer came")),
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(15);
const MOMENT: Duration = Duration::from_millis(500);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Less than a segment, so that every stack has room for it.
const CHECK_OCTETS: [u8; 300] = [0xa5; 300];
