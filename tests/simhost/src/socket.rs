//! What stands behind a descriptor: a socket, its options, and the table of all of them.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use synack_tcb::{ConnectionConfig, ConnectionId, KeepAlive, ListenerId};

use crate::errno::Errno;
use crate::settings::Settings;

/// A descriptor: a small number, from [`DESCRIPTOR_FIRST`] upwards.
pub type Descriptor = i32;

/// The first descriptor a host gives out: far above any of the process around it, so that one is
/// never taken for the other.
pub const DESCRIPTOR_FIRST: Descriptor = 900_000;

/// The address family that a socket was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`, which speaks IPv4 too, with mapped addresses (RFC 4291 §2.5.5.2).
    V6,
}

impl Domain {
    /// An address as a socket of this family shows it.
    pub(crate) fn shown(self, address: SocketAddr) -> SocketAddr {
        match (self, address) {
            (Self::V6, SocketAddr::V4(v4)) => {
                SocketAddr::new(IpAddr::V6(v4.ip().to_ipv6_mapped()), v4.port())
            }
            (Self::V4, _) | (Self::V6, SocketAddr::V6(_)) => address,
        }
    }

    /// All addresses of this family.
    pub(crate) fn unspecified(self, port: u16) -> SocketAddr {
        match self {
            Self::V4 => SocketAddr::from(([0; 4], port)),
            Self::V6 => SocketAddr::from(([0; 16], port)),
        }
    }
}

/// An address without the IPv6 clothes that an IPv4 one may wear.
pub(crate) fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A socket.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    pub(crate) domain: Domain,
    pub(crate) is_nonblocking: bool,
    pub(crate) options: Options,
    pub(crate) role: Role,
    /// What it was bound to.
    pub(crate) local: Option<SocketAddr>,
    /// The error that no call has told yet: `SO_ERROR`.
    pub(crate) error: Option<Errno>,
}

/// What a socket is used for.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// Nothing yet, or nothing any more.
    Idle,
    /// It listens; the connections that wait to be accepted.
    Listening { id: ListenerId, waiting: VecDeque<ConnectionId> },
    /// It is one end of a connection.
    Connected { id: ConnectionId, phase: Phase },
}

/// How far a connection is, as its socket was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// `connect` was called and has not succeeded.
    Opening,
    /// The handshake is over.
    Open,
}

/// What `setsockopt` changes beside the connection's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) config: Arc<ConnectionConfig>,
    /// Values that are only kept, to be told again.
    pub(crate) kept: BTreeMap<(i32, i32), i32>,
    /// `SO_LINGER`: how long `close` waits. Units: seconds.
    pub(crate) linger_s: Option<u32>,
    /// `TCP_CORK`.
    pub(crate) is_corked: bool,
    /// `SHUT_RD` was called.
    pub(crate) is_read_shut: bool,
    /// `SHUT_WR` was called.
    pub(crate) is_write_shut: bool,
    /// `TCP_CONGESTION`.
    pub(crate) congestion: String,
    /// Keep-alive times, whether or not `SO_KEEPALIVE` is on.
    pub(crate) keep_alive: KeepAlive,
}

impl Options {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            config: Arc::new(settings.connection.clone()),
            kept: BTreeMap::new(),
            linger_s: None,
            is_corked: false,
            is_read_shut: false,
            is_write_shut: false,
            congestion: settings.congestion.clone(),
            keep_alive: settings.keep_alive,
        }
    }
}

/// The sockets by descriptor; the lowest free one is given next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Descriptors {
    sockets: BTreeMap<Descriptor, Socket>,
}

impl Descriptors {
    pub(crate) fn insert(&mut self, socket: Socket) -> Descriptor {
        let free = (DESCRIPTOR_FIRST..).find(|fd| !self.sockets.contains_key(fd));
        let fd = free.unwrap_or(Descriptor::MAX);
        self.sockets.insert(fd, socket);
        fd
    }

    pub(crate) fn get(&self, fd: Descriptor) -> Result<&Socket, Errno> {
        self.sockets.get(&fd).ok_or(Errno(libc::EBADF))
    }

    pub(crate) fn get_mut(&mut self, fd: Descriptor) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(&fd).ok_or(Errno(libc::EBADF))
    }

    pub(crate) fn remove(&mut self, fd: Descriptor) -> Result<Socket, Errno> {
        self.sockets.remove(&fd).ok_or(Errno(libc::EBADF))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.sockets.values_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.sockets.values()
    }
}
