//! Netlink: one request to the kernel's network configuration, and its answer.

use crate::private;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;

/// Asks the kernel to do something in the calling thread's network, which must be a private one.
///
/// `flags` come on top of those of any request.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] outside of a private network; what the kernel answers.
pub(crate) fn request(message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    private::require()?;
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    send(&socket, message, flags)?;
    match receive(&socket)? {
        Message::Answer(result) => result,
        Message::News(_) => Err(unexpected("the kernel sent news that were not asked for")),
    }
}

/// As [`request`], and waits until the kernel has told of something that `is_awaited`: in its
/// answer, or later to the multicast `group`, as of what it does by itself because of the request.
///
/// # Errors
/// As for [`request`]; [`io::ErrorKind::TimedOut`] if it does not happen.
pub(crate) fn request_and_await(
    message: RouteNetlinkMessage,
    flags: u16,
    group: u32,
    is_awaited: impl Fn(&RouteNetlinkMessage) -> bool,
) -> io::Result<()> {
    private::require()?;
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.add_membership(group)?;
    send(&socket, message, flags)?;
    // The two come in any order, among news that others caused.
    let (mut is_answered, mut has_happened) = (false, false);
    for _ in 0..NEWS_MAX {
        match receive(&socket)? {
            Message::Answer(result) => {
                result?;
                is_answered = true;
            }
            Message::News(news) => has_happened |= is_awaited(&news),
        }
        if is_answered && has_happened {
            return Ok(());
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn send(socket: &Socket, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
    request.finalize();
    let mut octets = vec![0; request.buffer_len()];
    request.serialize(&mut octets);
    socket.send_to(&octets, &SocketAddr::new(0, 0), 0)?;
    Ok(())
}

/// What the kernel sends to a socket.
enum Message {
    /// How a request went.
    Answer(io::Result<()>),
    /// Something that happened, told to a multicast group.
    News(Box<RouteNetlinkMessage>),
}

/// The next message; each has a datagram of its own.
fn receive(socket: &Socket) -> io::Result<Message> {
    wait_for_message(socket)?;
    let (datagram, _kernel) = socket.recv_from_full()?;
    let message = NetlinkMessage::deserialize(&datagram)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if let NetlinkPayload::InnerMessage(news) = message.payload {
        return Ok(Message::News(Box::new(news)));
    }
    let NetlinkPayload::Error(answer) = message.payload else {
        return Err(unexpected("the kernel sent neither an answer nor news"));
    };
    // An error with the number 0 is success.
    Ok(Message::Answer(match answer.code {
        None => Ok(()),
        Some(_) => Err(answer.to_io()),
    }))
}

/// Waits until there is a message. A signal begins the wait anew, and they come far between.
fn wait_for_message(socket: &Socket) -> io::Result<()> {
    loop {
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::from(ANSWER_MS_MAX)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn unexpected(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The kernel answers while it is asked, and does the rest at its next opportunity. So this is for
/// a broken one.
const ANSWER_MS_MAX: u16 = 10_000;
/// News of one request; others change little in a network that is private.
const NEWS_MAX: usize = 1_000;
