//! Connect: an active open, from its options to an established stream.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use synack_tcb::{ConnectionConfig, Open};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::cell::ConnectionCell;
use crate::congestion::CongestionFactory;
use crate::driver::{Bell, Request};
use crate::error;
use crate::stream::TcpStream;

/// An active open on its way: a future that becomes a [`TcpStream`], from
/// [`Stack::connect`](crate::Stack::connect). Options are set before it is first polled.
///
/// # Errors
/// - [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): the peer answered with a reset.
/// - [`TimedOut`](io::ErrorKind::TimedOut): nobody answered.
/// - [`HostUnreachable`](io::ErrorKind::HostUnreachable) and the like: an ICMP error said so.
/// - [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable): no address of the stack leads
///   there.
/// - [`AddrInUse`](io::ErrorKind::AddrInUse): the same four-tuple is in use, or was just now.
/// - [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable): the local address is not the stack's,
///   or no ephemeral port is free, or the remote port is 0.
/// - A [`StackError`](crate::StackError) if the stack is gone.
///
/// # Cancel safety
/// Dropping it gives the opening up; the peer may get a reset if it answers later.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Connect {
    bell: Arc<Bell>,
    state: Connecting,
    timeout: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Connecting {
    /// Not asked for yet.
    Planned(Box<Plan>),
    /// The driver was asked for a connection.
    Asked(oneshot::Receiver<io::Result<TcpStream>>),
    /// The SYN is on its way.
    Opening(Option<TcpStream>),
}

/// What an open will be asked for.
#[derive(Debug)]
struct Plan {
    open: Open,
    /// The stack's, to begin from when a part is changed.
    default_config: Arc<ConnectionConfig>,
    timeout: Option<Duration>,
}

impl Connect {
    pub(crate) fn new(
        bell: Arc<Bell>,
        remote: SocketAddr,
        default_config: Arc<ConnectionConfig>,
    ) -> Self {
        let plan = Plan { open: Open::to(remote), default_config, timeout: None };
        Self { bell, state: Connecting::Planned(Box::new(plan)), timeout: None }
    }

    /// Connects from this address and port, as a bind before the connect does; an unspecified
    /// address, or port 0, leaves that part to the stack.
    pub fn bind(self, local: SocketAddr) -> Self {
        self.plan(|plan| plan.open.local = Some(local))
    }

    /// Gives up, with [`TimedOut`](io::ErrorKind::TimedOut), when the connection is not established
    /// by then. Without it, the SYN is repeated for three minutes (RFC 9293 §3.8.3).
    pub fn timeout(self, timeout: Duration) -> Self {
        self.plan(|plan| plan.timeout = Some(timeout))
    }

    /// Octets that may be written and not yet acknowledged. Without it they grow with the path.
    pub fn send_buffer_size(self, octets: u32) -> Self {
        self.configure(|config| config.send_buffer = (octets as usize).into())
    }

    /// Octets that may be received and not yet read; the window scale is chosen for it. Without it
    /// they grow with the path.
    pub fn recv_buffer_size(self, octets: u32) -> Self {
        self.configure(|config| config.receive_buffer = (octets as usize).into())
    }

    /// Switches the Nagle algorithm off, or on.
    pub fn nodelay(self, nodelay: bool) -> Self {
        self.configure(|config| config.nodelay = nodelay)
    }

    /// Governs how much may be in flight.
    pub fn congestion(self, factory: impl CongestionFactory + 'static) -> Self {
        self.configure(|config| config.congestion = Arc::new(factory))
    }

    /// Changes any part of the connection's configuration.
    pub fn configure(self, change: impl FnOnce(&mut ConnectionConfig)) -> Self {
        self.plan(|plan| {
            let config = plan.open.config.get_or_insert_with(|| Arc::clone(&plan.default_config));
            change(Arc::make_mut(config));
        })
    }

    fn plan(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        if let Connecting::Planned(plan) = &mut self.state {
            change(plan);
        }
        self
    }

    /// Asks the driver, once.
    fn begin(&mut self) -> io::Result<()> {
        let Connecting::Planned(plan) = &mut self.state else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        let request = Request::Connect { open: plan.open.clone(), tried: 0, reply };
        self.timeout = plan.timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout)));
        self.state = Connecting::Asked(answer);
        self.bell.ask(request).map_err(Into::into)
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Connecting::Asked(answer) = &mut self.state else { return Poll::Ready(Ok(())) };
        let answered = ready!(Pin::new(answer).poll(cx));
        self.state = Connecting::Opening(None);
        Poll::Ready(match answered {
            Ok(Ok(stream)) => {
                self.state = Connecting::Opening(Some(stream));
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.bell.failure().into()),
        })
    }

    /// Ready when the handshake is complete, or never will be. Then the stream is given away or
    /// dropped: nothing is left here.
    fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let Connecting::Opening(stream) = &mut self.state else { return Poll::Pending };
        let polled = match stream {
            Some(stream) => ready!(stream.cell().poll_opened(cx)),
            None => Ok(()),
        };
        let stream = stream.take().ok_or_else(polled_again);
        Poll::Ready(polled.and(stream))
    }
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.begin()?;
        if let Poll::Ready(answered) = this.poll_answer(cx) {
            answered?;
            if let Poll::Ready(opened) = this.poll_opened(cx) {
                return Poll::Ready(opened);
            }
        }
        if let Some(timeout) = &mut this.timeout {
            ready!(timeout.as_mut().poll(cx));
            this.state = Connecting::Opening(None);
            return Poll::Ready(Err(error::connect_timeout()));
        }
        Poll::Pending
    }
}

impl ConnectionCell {
    /// Ready when the handshake is complete.
    ///
    /// # Errors
    /// Why it never will be.
    fn poll_opened(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        let connection = state.connection()?;
        // A connection may be opened and reset before the application looks: then the stream is
        // what tells of the reset.
        if connection.is_connected() {
            return Poll::Ready(Ok(()));
        }
        if let Some(reason) = connection.close_reason() {
            return Poll::Ready(Err(error::of_failure(reason)));
        }
        state.register_writer(cx);
        Poll::Pending
    }
}

/// A future that was ready is polled again, which no caller should do.
fn polled_again() -> io::Error {
    io::Error::other("the connect is over")
}
