//! Options of a stream that can be changed while it lives.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use synack_tcb::{ConnectionConfig, KeepAlive, MtuProbing};

use crate::congestion::CongestionFactory;
use crate::stream::TcpStream;

/// Options. Each takes effect at once, for the whole connection, however it is split.
///
/// # Errors
/// Every method fails with a [`StackError`](crate::StackError) if the stack is gone; setters fail
/// with [`InvalidInput`](io::ErrorKind::InvalidInput) for a value that the option cannot have.
impl TcpStream {
    /// Whether the Nagle algorithm is off (RFC 9293 §3.7.4).
    pub fn nodelay(&self) -> io::Result<bool> {
        self.option(|config| config.nodelay)
    }

    /// Switches the Nagle algorithm off, or on again, as it is from the beginning.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.configure(|config| config.nodelay = nodelay)
    }

    /// Whether every segment is acknowledged at once.
    pub fn quickack(&self) -> io::Result<bool> {
        self.option(|config| config.quick_ack)
    }

    /// Acknowledges every segment at once, beginning with what is owed already, or lets
    /// acknowledgments wait for each other, as they do from the beginning (RFC 9293 §3.8.6.3).
    ///
    /// It stays as it is set, where a kernel may go back.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.configure(|config| config.quick_ack = quickack)
    }

    /// Times of keep-alive, if it is on (RFC 9293 §3.8.4).
    pub fn keepalive(&self) -> io::Result<Option<KeepAlive>> {
        self.option(|config| config.keep_alive)
    }

    /// Switches keep-alive on, with these times, or off, as it is from the beginning.
    pub fn set_keepalive(&self, keepalive: Option<KeepAlive>) -> io::Result<()> {
        self.configure(|config| config.keep_alive = keepalive)
    }

    /// The user timeout that was set, as by `TCP_USER_TIMEOUT` (RFC 9293 §3.9.1.1).
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.option(|config| config.user_timeout)
    }

    /// Gives the connection up when what was sent is not acknowledged for so long; `None` is five
    /// minutes, which a peer that answers window probes may exceed.
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.configure(|config| config.user_timeout = timeout)
    }

    /// How long dropping the last handle waits for what was written: `None` is not at all, while
    /// the stack delivers it; zero that it resets the connection instead.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.option(|config| config.zero_linger.then_some(Duration::ZERO))
    }

    /// Sets [`linger`](Self::linger), to `None` or to zero: a drop cannot wait. To wait for the
    /// peer, shut down and read to the end.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        if linger.is_some_and(|time| !time.is_zero()) {
            return Err(invalid());
        }
        self.configure(|config| config.zero_linger = linger.is_some())
    }

    /// Lets the last handle reset the connection instead of closing it.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// The time to live, or hop limit, of what is sent.
    pub fn ttl(&self) -> io::Result<u32> {
        self.option(|config| u32::from(config.hop_limit))
    }

    /// Sets the time to live, or hop limit, of what is sent: 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let hop_limit = u8::try_from(ttl).ok().filter(|ttl| *ttl > 0).ok_or_else(invalid)?;
        self.configure(|config| config.hop_limit = hop_limit)
    }

    /// The differentiated services code point of what is sent: the upper six bits of TOS.
    pub fn dscp(&self) -> io::Result<u8> {
        self.option(|config| config.dscp)
    }

    /// Sets the differentiated services code point of what is sent: 0 to 63 (RFC 2474).
    pub fn set_dscp(&self, dscp: u8) -> io::Result<()> {
        if dscp > 63 {
            return Err(invalid());
        }
        self.configure(|config| config.dscp = dscp)
    }

    /// Octets that may be written and not yet acknowledged now. It grows with the congestion
    /// window, unless it was set.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        Ok(size(self.cell().lock().look()?.send_limit()))
    }

    /// Sets how many octets may be written and not yet acknowledged, for good, as `SO_SNDBUF`
    /// does. What is queued stays.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.configure(|config| config.send_buffer = (size as usize).into())
    }

    /// Octets that may be received and not yet read now. It grows with what is read, unless it was
    /// set.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        Ok(size(self.cell().lock().look()?.receive_limit()))
    }

    /// Sets how many octets may be received and not yet read, for good, as `SO_RCVBUF` does.
    ///
    /// The window scale is fixed when the connection is opened, so what is more than fits it then
    /// does not show.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.configure(|config| config.receive_buffer = (size as usize).into())
    }

    /// What is done, beside believing routers, to find out what packets the path takes.
    pub fn mtu_probing(&self) -> io::Result<MtuProbing> {
        self.option(|config| config.mtu_probing)
    }

    /// Chooses what is done, beside believing routers, to find out what packets the path takes, as
    /// the kernel's `tcp_mtu_probing` does for all connections (RFC 4821). What it has come to,
    /// [`info`](Self::info) says.
    pub fn set_mtu_probing(&self, mtu_probing: MtuProbing) -> io::Result<()> {
        self.configure(|config| config.mtu_probing = mtu_probing)
    }

    /// What governs how much may be in flight, by name, as `TCP_CONGESTION` tells it.
    pub fn congestion(&self) -> io::Result<&'static str> {
        Ok(self.cell().lock().look()?.info().congestion)
    }

    /// Lets something else govern how much may be in flight. It begins with the congestion window
    /// that there is.
    pub fn set_congestion(&self, factory: impl CongestionFactory + 'static) -> io::Result<()> {
        self.configure(|config| config.congestion = Arc::new(factory))
    }

    /// Changes any part of the configuration.
    pub fn configure(&self, change: impl FnOnce(&mut ConnectionConfig)) -> io::Result<()> {
        self.cell().call_and_ring(|state, now| {
            state.connection()?.configure(now, change);
            Ok(())
        })
    }

    fn option<T>(&self, get: impl FnOnce(&ConnectionConfig) -> T) -> io::Result<T> {
        Ok(get(self.cell().lock().look()?.config()))
    }
}

fn size(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidInput.into()
}
