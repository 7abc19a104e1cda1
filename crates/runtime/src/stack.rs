//! Stack: the handle of the application, and its builder.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;
use synack_tcb::{ConnectionConfig, EndpointConfig, LinkId, ListenOn};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::congestion::CongestionFactory;
use crate::connect::Connect;
use crate::device::{Capabilities, Device};
#[cfg(target_os = "linux")]
use crate::device::{OffloadTunDevice, TunDevice};
use crate::driver::{Bell, Driver, Request};
use crate::interfaces::{Interface, Interfaces};
use crate::listener::Listen;
use crate::observe::{Connections, Counters, StackStats};
use crate::other_packets::{OtherPackets, OtherQueue};

/// A TCP/IP stack in user space: a task of tokio's that owns one or more devices.
///
/// A handle is cheap to clone. The stack lives as long as a handle, a listener or a connection
/// does: when the last handle and listener are gone, it serves the streams that are left, and ends
/// with the last connection. TIME-WAIT does not keep it, so a peer whose last FIN is lost then may
/// wait in vain for our ACK; keep a handle, or [`shutdown`](Self::shutdown) first, where that
/// matters.
///
/// When a **device** fails, every connection that uses it fails with an error of the same kind,
/// whose source is a [`StackError`](crate::StackError); when the last one does, so does the stack.
/// The same happens, with [`NetworkDown`](io::ErrorKind::NetworkDown), when the runtime ends under
/// it.
///
/// ```
/// use synack::{MemoryDevice, Stack};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (device, _other_end) = MemoryDevice::pair(1_500);
/// let stack = Stack::builder().device(device).address("10.0.0.2/24".parse()?).spawn()?;
/// let listener = stack.listen("10.0.0.2:0".parse()?).await?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Stack {
    handle: Arc<Handle>,
}

/// What all handles share. The last one to go tells the driver.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) bell: Arc<Bell>,
    pub(crate) other: Arc<OtherQueue>,
    counters: Arc<Counters>,
    /// What connections get unless told otherwise.
    connection: Arc<ConnectionConfig>,
}

/// What a [`Stack`] is made from.
#[derive(Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct StackBuilder {
    /// Addresses and the like that came before any device; they belong to the first.
    first: Plan,
    plans: Vec<(Box<dyn Device>, Plan)>,
    config: EndpointConfig,
    /// What each connection gets, where that is said apart from `config`.
    connection: Option<ConnectionConfig>,
    /// Likewise.
    congestion: Option<Arc<dyn CongestionFactory>>,
    secret: Option<[u8; 32]>,
}

/// What is wanted of one device.
#[derive(Debug, Default)]
struct Plan {
    addresses: Vec<IpNet>,
    routes: Vec<IpNet>,
    mtu_max: Option<u32>,
}

impl Stack {
    /// Begins to make a stack.
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// Listens on `local`. Port 0 lets the stack choose one; an unspecified address listens on all
    /// addresses of its family, and `[::]` on those of both.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if a listener holds exactly this, or no port is
    /// free; [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) for an address that is not the
    /// stack's.
    pub fn listen(&self, local: SocketAddr) -> Listen {
        self.listen_on(ListenOn::Socket(local))
    }

    /// Listens on what no other listener holds, as a transparent proxy does: every port of the
    /// stack's addresses, or every address whatsoever. A stream's
    /// [`local_addr`](crate::TcpStream::local_addr) says whom the peer meant.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn listen_on(&self, on: ListenOn) -> Listen {
        let handle = &self.handle;
        Listen::new(Arc::clone(&handle.bell), on, Arc::clone(&handle.connection))
    }

    /// Connects to `remote`, which may be an address of the stack's own.
    ///
    /// # Errors
    /// See [`Connect`].
    pub fn connect(&self, remote: SocketAddr) -> Connect {
        let handle = &self.handle;
        Connect::new(Arc::clone(&handle.bell), remote, Arc::clone(&handle.connection))
    }

    /// The packets that are not TCP; `None` if they are being taken already.
    pub fn other_packets(&self) -> Option<OtherPackets> {
        OtherPackets::take(&self.handle)
    }

    /// Closes every listener and every connection, and waits until the last one is released: what
    /// was written is delivered, and streams may still be read. At `deadline` the rest is reset.
    ///
    /// Returns how many connections had to be reset. From the call on, opening fails with
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable) and listening with
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable); afterwards both find the stack gone.
    ///
    /// # Cancel safety
    /// Once polled, the shutdown goes on without the future.
    pub async fn shutdown(&self, deadline: Instant) -> usize {
        let (reply, done) = oneshot::channel();
        if self.handle.bell.ask(Request::ShutDown { deadline, reply }).is_err() {
            return 0;
        }
        // If the driver went another way, nothing is left either.
        done.await.unwrap_or_default()
    }

    /// All connections of the stack, as `ss` tells of a kernel's; none if the stack is gone.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn connections(&self) -> Connections {
        let (reply, told) = oneshot::channel();
        if self.handle.bell.ask(Request::List(reply)).is_err() {
            return Connections::default();
        }
        told.await.unwrap_or_default()
    }

    /// What was counted so far.
    pub fn stats(&self) -> StackStats {
        self.handle.counters.snapshot()
    }
}

impl StackBuilder {
    /// Adds a device. What [`address`](Self::address), [`route`](Self::route) and
    /// [`mtu`](Self::mtu) say after it concerns this one; what they say before any device, the
    /// first.
    pub fn device(mut self, device: impl Device) -> Self {
        let plan = std::mem::take(&mut self.first);
        self.plans.push((Box::new(device), plan));
        self
    }

    /// Adds the TUN device `name`, which is made if there is none, with offloads if the kernel has
    /// them: an [`OffloadTunDevice`] or else a [`TunDevice`]. The event `tun device` of `tracing`
    /// says which, as [`capabilities`](Self::capabilities) does.
    ///
    /// # Errors
    /// As [`TunDevice::open`].
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    #[cfg(target_os = "linux")]
    pub fn tun(self, name: &str) -> io::Result<Self> {
        match OffloadTunDevice::open(name) {
            Ok(device) => {
                tracing::info!(name, offload = true, "tun device");
                Ok(self.device(device))
            }
            Err(error) => {
                let device = TunDevice::open(name)?;
                tracing::info!(name, offload = false, %error, "tun device");
                Ok(self.device(device))
            }
        }
    }

    /// What the devices can do that were added so far, in order.
    pub fn capabilities(&self) -> impl Iterator<Item = Capabilities> {
        self.plans.iter().map(|(device, _)| device.capabilities())
    }

    /// Gives the stack an address on a device; its prefix says who the neighbours are.
    pub fn address(mut self, address: IpNet) -> Self {
        self.plan().addresses.push(address);
        self
    }

    /// Sends by a device what goes to `destinations`. Not needed with one device, which leads
    /// everywhere.
    pub fn route(mut self, destinations: IpNet) -> Self {
        self.plan().routes.push(destinations);
        self
    }

    /// Sends no larger packets than this by a device, which itself may ask for less. Units: octets,
    /// IP header included.
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.plan().mtu_max = Some(mtu);
        self
    }

    /// What holds for all connections and listeners, and, in
    /// [`connection`](EndpointConfig::connection), what each connection gets unless told otherwise.
    pub fn config(mut self, config: EndpointConfig) -> Self {
        self.config = config;
        self
    }

    /// What each connection gets unless told otherwise; whether it is said before or after
    /// [`config`](Self::config), it counts, and not what that says of connections.
    pub fn connection_config(mut self, config: ConnectionConfig) -> Self {
        self.connection = Some(config);
        self
    }

    /// Governs how much each connection may have in flight, unless told otherwise: CUBIC, if this
    /// is not said. Whether it is said before or after [`config`](Self::config), it counts.
    ///
    /// ```
    /// use synack::Stack;
    /// use synack::congestion::Bbr;
    ///
    /// let builder = Stack::builder().congestion(Bbr::FACTORY);
    /// # let _ = builder;
    /// ```
    pub fn congestion(mut self, factory: impl CongestionFactory + 'static) -> Self {
        self.congestion = Some(Arc::new(factory));
        self
    }

    /// Takes all randomness from `secret` instead of from the operating system, so that a test is
    /// the same each time. Whoever knows it can forge segments.
    pub fn secret(mut self, secret: [u8; 32]) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Starts the stack on the current runtime, which must have time enabled.
    ///
    /// # Errors
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) without a device or an address, with more
    ///   than 254 devices, or with an MTU below that of the address family: 68 octets for IPv4
    ///   (RFC 791 §3.2), 1280 for IPv6 (RFC 8200 §5).
    /// - [`Other`](io::ErrorKind::Other) outside of a runtime, or without entropy from the
    ///   operating system: initial sequence numbers would be a guess away (RFC 6528).
    pub fn spawn(self) -> io::Result<Stack> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let Self { first, plans, mut config, connection, congestion, secret } = self;
        let are_addresses_lost = !first.addresses.is_empty();
        if plans.is_empty() || are_addresses_lost || plans.len() >= usize::from(LinkId::LOOPBACK.0)
        {
            return Err(invalid("a stack needs a device, and can have 254"));
        }
        let links = plans.into_iter().map(into_interface).collect::<io::Result<Vec<_>>>()?;
        let interfaces = Interfaces::new(links);
        if interfaces.addresses().is_empty() {
            return Err(invalid("a stack needs an address"));
        }
        let secret = secret.map_or_else(entropy, Ok)?;
        if let Some(connection) = connection {
            config.connection = Arc::new(connection);
        }
        if let Some(congestion) = congestion {
            Arc::make_mut(&mut config.connection).congestion = congestion;
        }
        let (bell, other) = (Arc::new(Bell::new()), Arc::<OtherQueue>::default());
        let counters = Arc::new(Counters::new());
        let connection = Arc::clone(&config.connection);
        let driver = Driver::new(
            config,
            secret,
            interfaces,
            Arc::clone(&bell),
            Arc::clone(&other),
            Arc::clone(&counters),
        );
        runtime.spawn(driver);
        Ok(Stack { handle: Arc::new(Handle { bell, other, counters, connection }) })
    }

    fn plan(&mut self) -> &mut Plan {
        self.plans.last_mut().map_or(&mut self.first, |(_, plan)| plan)
    }
}

impl fmt::Debug for StackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plans: Vec<&Plan> = self.plans.iter().map(|(_, plan)| plan).collect();
        f.debug_struct("StackBuilder").field("devices", &plans).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A driver that is gone need not be told.
        let _gone = self.bell.ask(Request::HandlesGone);
    }
}

fn into_interface((device, plan): (Box<dyn Device>, Plan)) -> io::Result<Interface> {
    let Plan { addresses, routes, mtu_max } = plan;
    let mtu_of_device = device.capabilities().mtu;
    let mtu = mtu_max.map_or(mtu_of_device, |max| max.min(mtu_of_device));
    let has_v6 = addresses.iter().any(|address| matches!(address, IpNet::V6(_)));
    if mtu < if has_v6 { 1_280 } else { 68 } {
        return Err(invalid("the MTU is below what every link must carry"));
    }
    Ok(Interface::new(device, mtu_max, addresses, routes))
}

fn entropy() -> io::Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    Ok(secret)
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
