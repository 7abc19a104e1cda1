//! `socket`, `bind`, `listen`, `accept`, `connect`, and the names of both ends.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use synack_tcb::{ConnectionId, ListenOn, ListenerConfig, Open};

use super::wait;
use crate::errno::{Errno, Fault, fails};
use crate::host::Host;
use crate::socket::{Descriptor, Domain, Options, Phase, Role, Socket, unmapped};

impl Host {
    /// `socket(domain, SOCK_STREAM, IPPROTO_TCP)`: blocking, as the settings are now.
    pub fn socket(&mut self, domain: Domain) -> Descriptor {
        let options = Options::new(&self.settings);
        self.descriptors.insert(Socket {
            domain,
            is_nonblocking: false,
            options,
            role: Role::Idle,
            local: None,
            error: None,
        })
    }

    /// `bind`.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for a socket that has a name; `EADDRINUSE` if another socket has this one,
    /// and not both allow that (`SO_REUSEADDR`) or the other listens.
    pub fn bind(&mut self, fd: Descriptor, local: SocketAddr) -> Result<(), Fault> {
        let local = unmapped(local);
        let socket = self.descriptors.get(fd)?;
        if socket.local.is_some() || !matches!(socket.role, Role::Idle) {
            return fails(libc::EINVAL);
        }
        if local.port() != 0 && self.descriptors.iter().any(|other| collides(socket, local, other))
        {
            return fails(libc::EADDRINUSE);
        }
        self.descriptors.get_mut(fd)?.local = Some(local);
        Ok(())
    }

    /// `listen`. A second call changes the backlog and nothing else.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for a connected socket; `EADDRINUSE`, `EADDRNOTAVAIL`.
    pub fn listen(&mut self, fd: Descriptor, backlog: i32) -> Result<(), Fault> {
        let (syn_cookies, syn_ack_retries_max) =
            (self.settings.syn_cookies, self.settings.syn_ack_retries_max);
        let socket = self.descriptors.get_mut(fd)?;
        match socket.role {
            Role::Idle => {}
            Role::Listening { .. } => return Ok(()),
            Role::Connected { .. } => return fails(libc::EINVAL),
        }
        let local = socket.local.unwrap_or_else(|| socket.domain.unspecified(0));
        // As Linux counts: one more than was asked for.
        let backlog = u32::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN) + 1;
        let config = ListenerConfig {
            backlog,
            syn_cookies,
            syn_ack_retries_max,
            connection: Some(Arc::clone(&socket.options.config)),
            ..ListenerConfig::default()
        };
        let id = self.endpoint.listen(ListenOn::Socket(local), config).map_err(Errno::from)?;
        let on = self.endpoint.listens_on(id);
        let socket = self.descriptors.get_mut(fd)?;
        socket.role = Role::Listening { id, waiting: VecDeque::new() };
        if let Some(ListenOn::Socket(on)) = on {
            socket.local = Some(on);
        }
        Ok(())
    }

    /// `accept`: the connection that has waited longest, and who called.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for a socket that does not listen; `EAGAIN` when none waits.
    pub fn accept(&mut self, fd: Descriptor) -> Result<(Descriptor, SocketAddr), Fault> {
        let socket = self.descriptors.get_mut(fd)?;
        let Role::Listening { id: listener, waiting } = &mut socket.role else {
            return fails(libc::EINVAL);
        };
        let listener = *listener;
        let Some(id) = waiting.pop_front() else {
            return Err(wait(socket, false, libc::EAGAIN));
        };
        let (domain, options, error) = (socket.domain, socket.options.clone(), None);
        self.endpoint.handle_accepted(listener, 1);
        let Some(connection) = self.connection(id) else { return fails(libc::ECONNABORTED) };
        let path = connection.path();
        let accepted = Socket {
            domain,
            is_nonblocking: false,
            options,
            role: Role::Connected { id, phase: Phase::Open },
            local: Some(path.local()),
            error,
        };
        let accepted = self.descriptors.insert(accepted);
        self.adopt_failure(accepted, id);
        Ok((accepted, domain.shown(path.remote())))
    }

    /// `connect`. A blocking one is called again until it succeeds or fails.
    ///
    /// # Errors
    /// `EINPROGRESS`, then `EALREADY`, while a non-blocking one goes on; what ended it; `EISCONN`
    /// after it has succeeded once; what the endpoint says of the addresses.
    pub fn connect(&mut self, fd: Descriptor, remote: SocketAddr) -> Result<(), Fault> {
        let socket = self.descriptors.get(fd)?;
        match socket.role {
            Role::Listening { .. } => return fails(libc::EISCONN),
            Role::Connected { phase: Phase::Open, .. } => return fails(libc::EISCONN),
            Role::Connected { id, phase: Phase::Opening } => return self.opening(fd, id),
            Role::Idle => {}
        }
        let open = Open {
            local: socket.local,
            config: Some(Arc::clone(&socket.options.config)),
            ..Open::to(unmapped(remote))
        };
        let now = self.instant();
        let (id, connection) = self.endpoint.connect(now, open).map_err(Errno::from)?;
        let local = connection.path().local();
        self.insert(id, connection);
        let socket = self.descriptors.get_mut(fd)?;
        socket.role = Role::Connected { id, phase: Phase::Opening };
        socket.local = Some(local);
        let waits = wait(socket, false, libc::EINPROGRESS);
        self.drain();
        Err(waits)
    }

    /// `connect(AF_UNSPEC)`: the socket is as if it had never been connected.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn disconnect(&mut self, fd: Descriptor) -> Result<(), Fault> {
        let socket = self.descriptors.get_mut(fd)?;
        let role = core::mem::replace(&mut socket.role, Role::Idle);
        socket.local = None;
        socket.error = None;
        self.abandon(role);
        Ok(())
    }

    /// `getsockname`.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn local_name(&self, fd: Descriptor) -> Result<SocketAddr, Fault> {
        let socket = self.descriptors.get(fd)?;
        let local = socket.local.unwrap_or_else(|| socket.domain.unspecified(0));
        Ok(socket.domain.shown(local))
    }

    /// `getpeername`.
    ///
    /// # Errors
    /// `EBADF`, `ENOTCONN`.
    pub fn remote_name(&self, fd: Descriptor) -> Result<SocketAddr, Fault> {
        let socket = self.descriptors.get(fd)?;
        match socket.role {
            Role::Connected { id, phase: Phase::Open } => match self.connection(id) {
                Some(connection) => Ok(socket.domain.shown(connection.path().remote())),
                None => fails(libc::ENOTCONN),
            },
            Role::Connected { .. } | Role::Idle | Role::Listening { .. } => fails(libc::ENOTCONN),
        }
    }

    /// What became of a `connect` that was begun.
    fn opening(&mut self, fd: Descriptor, id: ConnectionId) -> Result<(), Fault> {
        let is_open = self.connection(id).is_some_and(|connection| connection.is_connected());
        let is_over =
            self.connection(id).is_none_or(|connection| connection.close_reason().is_some());
        let socket = self.descriptors.get_mut(fd)?;
        if let Some(error) = socket.error.take() {
            socket.role = Role::Idle;
            self.let_go(id);
            return Err(error.into());
        }
        if is_open {
            socket.role = Role::Connected { id, phase: Phase::Open };
            return Ok(());
        }
        if is_over {
            socket.role = Role::Idle;
            self.let_go(id);
            return fails(libc::ECONNABORTED);
        }
        Err(wait(socket, false, libc::EALREADY))
    }

    /// A connection that failed while it waited to be accepted tells its socket.
    fn adopt_failure(&mut self, fd: Descriptor, id: ConnectionId) {
        let reason = self.connection(id).and_then(|connection| connection.close_reason());
        if let Some(error) = reason.and_then(Errno::of_close)
            && let Ok(socket) = self.descriptors.get_mut(fd)
        {
            socket.error = Some(error);
        }
    }
}

/// Whether `other` keeps `socket` from taking the name `local`.
fn collides(socket: &Socket, local: SocketAddr, other: &Socket) -> bool {
    let Some(taken) = other.local else { return false };
    let is_same = taken.port() == local.port()
        && (taken.ip() == local.ip() || taken.ip().is_unspecified() || local.ip().is_unspecified());
    let may_share = [socket, other].iter().all(|socket| {
        let key = (libc::SOL_SOCKET, libc::SO_REUSEADDR);
        socket.options.kept.get(&key).is_some_and(|value| *value != 0)
    });
    is_same && (!may_share || matches!(other.role, Role::Listening { .. }))
}

/// The longest backlog (`net.core.somaxconn` of Linux).
const SOMAXCONN: u32 = 4_096;
