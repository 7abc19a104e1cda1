//! `setsockopt` and `getsockopt`, with the numbers and layouts of Linux.

use core::time::Duration;
use std::sync::Arc;

use synack_tcb::{BufferSize, ConnectionConfig};

use super::option_values::{name, number, of_count, of_number, pair, seconds};
use crate::errno::{Errno, Fault, fails};
use crate::host::Host;
use crate::settings::congestion;
use crate::socket::{Descriptor, Role, Socket};
use crate::tcp_info;

impl Host {
    /// `setsockopt`.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for a value that means nothing; `ENOPROTOOPT` for an unknown option;
    /// `ENOENT` for an unknown congestion controller.
    pub fn set_option(
        &mut self,
        fd: Descriptor,
        level: i32,
        option: i32,
        value: &[u8],
    ) -> Result<(), Fault> {
        self.descriptors.get(fd)?;
        match level {
            libc::SOL_SOCKET => self.set_socket_option(fd, option, value),
            libc::IPPROTO_TCP => self.set_tcp_option(fd, option, value),
            libc::IPPROTO_IP | libc::IPPROTO_IPV6 => self.set_ip_option(fd, level, option, value),
            _ => fails(libc::ENOPROTOOPT),
        }
    }

    /// `getsockopt`: the value, as long as it is.
    ///
    /// # Errors
    /// `EBADF`, `ENOPROTOOPT`.
    pub fn option(&mut self, fd: Descriptor, level: i32, option: i32) -> Result<Vec<u8>, Fault> {
        let socket = self.descriptors.get_mut(fd)?;
        match (level, option) {
            (libc::SOL_SOCKET, libc::SO_ERROR) => {
                Ok(of_number(socket.error.take().map_or(0, |Errno(number)| number)))
            }
            (libc::SOL_SOCKET, _) => socket_option(socket, option),
            (libc::IPPROTO_TCP, libc::TCP_INFO) => Ok(self.tcp_info(fd)?),
            (libc::IPPROTO_TCP, _) => self.tcp_option(fd, option),
            _ => match socket.options.kept.get(&(level, option)) {
                Some(value) => Ok(of_number(*value)),
                None => fails(libc::ENOPROTOOPT),
            },
        }
    }

    fn set_socket_option(
        &mut self,
        fd: Descriptor,
        option: i32,
        value: &[u8],
    ) -> Result<(), Fault> {
        match option {
            libc::SO_RCVBUF | SO_RCVBUFFORCE => {
                let size = usize::try_from(number(value)?).unwrap_or(0).max(RCVBUF_MIN / 2);
                self.keep(fd, (libc::SOL_SOCKET, libc::SO_RCVBUF), 2 * size as i32)?;
                return self.change(fd, |config| config.receive_buffer = BufferSize::Fixed(size));
            }
            libc::SO_SNDBUF | SO_SNDBUFFORCE => {
                let size = usize::try_from(number(value)?).unwrap_or(0).max(SNDBUF_MIN / 2);
                self.keep(fd, (libc::SOL_SOCKET, libc::SO_SNDBUF), 2 * size as i32)?;
                let size = BufferSize::Fixed(2 * size);
                return self.change(fd, |config| config.send_buffer = size);
            }
            libc::SO_LINGER => {
                let (on, time_s) = pair(value)?;
                let socket = self.descriptors.get_mut(fd)?;
                socket.options.linger_s = (on != 0).then(|| time_s.unsigned_abs());
                return Ok(());
            }
            libc::SO_KEEPALIVE => {
                let is_on = number(value)? != 0;
                self.keep(fd, (libc::SOL_SOCKET, option), i32::from(is_on))?;
                return self.apply_keep_alive(fd);
            }
            _ => {}
        }
        let value = number(value)?;
        self.keep(fd, (libc::SOL_SOCKET, option), value)
    }

    fn set_tcp_option(&mut self, fd: Descriptor, option: i32, value: &[u8]) -> Result<(), Fault> {
        if option == libc::TCP_CONGESTION {
            let name = name(value);
            let Some(factory) = congestion(name) else { return fails(libc::ENOENT) };
            name.clone_into(&mut self.descriptors.get_mut(fd)?.options.congestion);
            return self.change(fd, |config| config.congestion = Arc::clone(&factory));
        }
        let value = number(value)?;
        let socket = self.descriptors.get_mut(fd)?;
        let keep_alive = &mut socket.options.keep_alive;
        match option {
            libc::TCP_NODELAY => {
                self.change(fd, |config| config.nodelay = value != 0)?;
                if value != 0 { self.push(fd) } else { Ok(()) }
            }
            libc::TCP_MAXSEG => match u16::try_from(value) {
                Ok(mss @ (0 | MSS_MIN..=MSS_MAX)) => {
                    let mss_max = (mss > 0).then_some(mss);
                    self.change(fd, |config| config.mss_max = mss_max)
                }
                Ok(_) | Err(_) => fails(libc::EINVAL),
            },
            libc::TCP_QUICKACK => self.change(fd, |config| config.quick_ack = value != 0),
            libc::TCP_CORK => self.cork(fd, value != 0),
            libc::TCP_KEEPIDLE => {
                keep_alive.idle = seconds(value)?;
                self.apply_keep_alive(fd)
            }
            libc::TCP_KEEPINTVL => {
                keep_alive.interval = seconds(value)?;
                self.apply_keep_alive(fd)
            }
            libc::TCP_KEEPCNT => {
                keep_alive.probes_max = u32::try_from(value).or_else(|_| fails(libc::EINVAL))?;
                self.apply_keep_alive(fd)
            }
            libc::TCP_USER_TIMEOUT => {
                let Ok(millis) = u64::try_from(value) else { return fails(libc::EINVAL) };
                let timeout = (millis > 0).then(|| Duration::from_millis(millis));
                self.change(fd, |config| config.user_timeout = timeout)
            }
            libc::TCP_LINGER2 => {
                let timeout = Duration::from_secs(u64::try_from(value).unwrap_or(0));
                self.keep(fd, (libc::IPPROTO_TCP, option), value)?;
                self.change(fd, |config| config.fin_wait_2_timeout = timeout)
            }
            _ => fails(libc::ENOPROTOOPT),
        }
    }

    fn set_ip_option(
        &mut self,
        fd: Descriptor,
        level: i32,
        option: i32,
        value: &[u8],
    ) -> Result<(), Fault> {
        // Linux takes an octet for most of them too.
        let number = match value {
            &[octet] => i32::from(octet),
            _ => number(value)?,
        };
        let octet = u8::try_from(number).unwrap_or(u8::MAX);
        match (level, option) {
            (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                self.change(fd, |config| config.dscp = octet >> 2)?;
            }
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS) => {
                self.change(fd, |config| config.hop_limit = octet)?;
            }
            _ => {}
        }
        self.keep(fd, (level, option), number)
    }

    /// Changes the configuration of a socket, and of its connection if it has one.
    fn change(
        &mut self,
        fd: Descriptor,
        change: impl Fn(&mut ConnectionConfig),
    ) -> Result<(), Fault> {
        let now = self.instant();
        let (socket, id) = self.connected(fd)?;
        change(Arc::make_mut(&mut socket.options.config));
        if let Role::Listening { id, .. } = socket.role {
            let connection = Arc::clone(&socket.options.config);
            self.endpoint.configure_listener(id, |config| config.connection = Some(connection));
            return Ok(());
        }
        if let Some(connection) = id.and_then(|id| self.connection_mut(id)) {
            connection.configure(now, change);
            self.drain();
        }
        Ok(())
    }

    fn keep(&mut self, fd: Descriptor, option: (i32, i32), value: i32) -> Result<(), Fault> {
        self.descriptors.get_mut(fd)?.options.kept.insert(option, value);
        Ok(())
    }

    /// Keep-alive is on or off by one option and has its times from three others.
    fn apply_keep_alive(&mut self, fd: Descriptor) -> Result<(), Fault> {
        let options = &self.descriptors.get(fd)?.options;
        let is_on = options.kept.get(&(libc::SOL_SOCKET, libc::SO_KEEPALIVE)) == Some(&1);
        let keep_alive = is_on.then_some(options.keep_alive);
        self.change(fd, |config| config.keep_alive = keep_alive)
    }

    /// `TCP_CORK`: once it is off, what was held back leaves.
    fn cork(&mut self, fd: Descriptor, is_corked: bool) -> Result<(), Fault> {
        self.descriptors.get_mut(fd)?.options.is_corked = is_corked;
        if is_corked { Ok(()) } else { self.push(fd) }
    }

    /// What a cork holds back leaves.
    fn push(&mut self, fd: Descriptor) -> Result<(), Fault> {
        let now = self.instant();
        let (_, id) = self.connected(fd)?;
        if let Some(connection) = id.and_then(|id| self.connection_mut(id)) {
            // Nothing is written, so that it cannot fail in a way that matters.
            let _ = connection.write(now, &[], synack_tcb::Push::Now);
            self.drain();
        }
        Ok(())
    }

    fn tcp_option(&mut self, fd: Descriptor, option: i32) -> Result<Vec<u8>, Fault> {
        let (socket, id) = self.connected(fd)?;
        let options = socket.options.clone();
        let info = id.and_then(|id| self.connection(id)).map(|connection| connection.info());
        let config = &options.config;
        let whole_seconds = |time: Duration| of_count(time.as_secs() as usize);
        Ok(match option {
            libc::TCP_NODELAY => of_number(i32::from(config.nodelay)),
            libc::TCP_QUICKACK => of_number(i32::from(config.quick_ack)),
            libc::TCP_CORK => of_number(i32::from(options.is_corked)),
            libc::TCP_MAXSEG => {
                let unconnected = config.mss_max.map_or(MSS_DEFAULT, usize::from);
                of_count(info.map_or(unconnected, |info| info.mss as usize))
            }
            libc::TCP_KEEPIDLE => whole_seconds(options.keep_alive.idle),
            libc::TCP_KEEPINTVL => whole_seconds(options.keep_alive.interval),
            libc::TCP_KEEPCNT => of_count(options.keep_alive.probes_max as usize),
            libc::TCP_USER_TIMEOUT => {
                of_count(config.user_timeout.unwrap_or_default().as_millis() as usize)
            }
            libc::TCP_LINGER2 => whole_seconds(config.fin_wait_2_timeout),
            libc::TCP_CONGESTION => {
                let mut value = options.congestion.into_bytes();
                value.resize(CONGESTION_NAME_LEN, 0);
                value
            }
            libc::TCP_CC_INFO => vec![0; CONGESTION_INFO_LEN],
            _ => return fails(libc::ENOPROTOOPT),
        })
    }

    fn tcp_info(&self, fd: Descriptor) -> Result<Vec<u8>, Fault> {
        let socket = self.descriptors.get(fd)?;
        Ok(match socket.role {
            Role::Idle => tcp_info::of_state(tcp_info::CLOSE),
            Role::Listening { .. } => tcp_info::of_state(tcp_info::LISTEN),
            Role::Connected { id, .. } => match self.connection(id) {
                Some(connection) => tcp_info::of_connection(connection, self.instant()),
                None => tcp_info::of_state(tcp_info::CLOSE),
            },
        })
    }
}

fn socket_option(socket: &Socket, option: i32) -> Result<Vec<u8>, Fault> {
    let kept = socket.options.kept.get(&(libc::SOL_SOCKET, option)).copied();
    let config = &socket.options.config;
    Ok(match option {
        libc::SO_LINGER => {
            let linger_s = socket.options.linger_s;
            let mut value = of_number(i32::from(linger_s.is_some()));
            value.extend(of_count(linger_s.unwrap_or(0) as usize));
            value
        }
        libc::SO_TYPE => of_number(libc::SOCK_STREAM),
        libc::SO_PROTOCOL => of_number(libc::IPPROTO_TCP),
        libc::SO_DOMAIN => of_number(match socket.domain {
            crate::Domain::V4 => libc::AF_INET,
            crate::Domain::V6 => libc::AF_INET6,
        }),
        libc::SO_ACCEPTCONN => of_number(i32::from(matches!(socket.role, Role::Listening { .. }))),
        libc::SO_RCVBUF => {
            kept.map_or_else(|| of_count(2 * config.receive_buffer.initial()), of_number)
        }
        libc::SO_SNDBUF => kept.map_or_else(|| of_count(config.send_buffer.initial()), of_number),
        libc::SO_MEMINFO => vec![0; MEMORY_INFO_LEN],
        _ => of_number(kept.unwrap_or(0)),
    })
}

/// `SO_RCVBUFFORCE` and `SO_SNDBUFFORCE`, which `libc` has under other names on some machines.
const SO_RCVBUFFORCE: i32 = 33;
const SO_SNDBUFFORCE: i32 = 32;
/// The least that Linux takes for them, already doubled. Units: octets.
const RCVBUF_MIN: usize = 2_304;
const SNDBUF_MIN: usize = 4_608;
/// What `TCP_MAXSEG` says before there is a connection (RFC 9293 §3.7.1, MUST-15). Units: octets.
const MSS_DEFAULT: usize = 536;
/// What Linux takes for it. Units: octets.
const MSS_MIN: u16 = 88;
const MSS_MAX: u16 = 32_767;
/// `TCP_CA_NAME_MAX`. Units: octets.
const CONGESTION_NAME_LEN: usize = 16;
/// `union tcp_cc_info`: nothing of it is told. Units: octets.
const CONGESTION_INFO_LEN: usize = 20;
/// Nine numbers about memory, none of which is told. Units: octets.
const MEMORY_INFO_LEN: usize = 36;
