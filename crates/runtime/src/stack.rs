//! Stack: the handle of the application, and its builder.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use ipnet::IpNet;
use synack_tcb::{ConnectionConfig, EndpointConfig, LinkId, ListenOn, Shard};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::congestion::CongestionFactory;
use crate::connect::Connect;
use crate::device::{Capabilities, Device};
#[cfg(target_os = "linux")]
use crate::device::{OffloadTunDevice, TunDevice};
use crate::driver::{Bell, Driver, Place, Request, Shards};
use crate::interfaces::{Interface, Interfaces};
use crate::listener::Listen;
use crate::observe::{Connections, Counters, StackStats};
use crate::other_packets::{OtherPackets, OtherQueue};

/// A TCP/IP stack in user space: a task of tokio's that owns one or more devices, or several such
/// tasks, [shards](StackBuilder::queues), that share devices with several queues.
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

/// What all handles share. The last one to go tells the drivers.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shards: Arc<Shards>,
    pub(crate) other: Arc<OtherQueue>,
    /// Of each shard.
    counters: Box<[Arc<Counters>]>,
    /// What connections get unless told otherwise.
    connection: Arc<ConnectionConfig>,
}

/// What a [`Stack`] is made from.
#[derive(Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct StackBuilder {
    /// Addresses and the like that came before any device; they belong to the first.
    first: Plan,
    /// Each device by its queues.
    plans: Vec<(Vec<Box<dyn Device>>, Plan)>,
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
        Listen::new(Arc::clone(handle.shards.first()), on, Arc::clone(&handle.connection))
    }

    /// Connects to `remote`, which may be an address of the stack's own.
    ///
    /// # Errors
    /// See [`Connect`].
    pub fn connect(&self, remote: SocketAddr) -> Connect {
        let handle = &self.handle;
        Connect::new(
            Arc::clone(handle.shards.next_to_open()),
            remote,
            Arc::clone(&handle.connection),
        )
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
        let aborted = self.ask_all(|reply| Request::ShutDown { deadline, reply });
        aborted.await.into_iter().sum()
    }

    /// All connections of the stack, as `ss` tells of a kernel's; none if the stack is gone.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn connections(&self) -> Connections {
        let mut all = Connections::default();
        self.ask_all(Request::List).await.into_iter().for_each(|part| all.append(part));
        all
    }

    /// What was counted so far.
    pub fn stats(&self) -> StackStats {
        Counters::snapshot(&self.handle.counters)
    }

    /// How many shards the stack has.
    pub fn shards(&self) -> usize {
        self.handle.shards.bells().len()
    }

    /// Asks every shard, and waits for the answers; of those that are gone there is none.
    async fn ask_all<T>(&self, request: impl Fn(oneshot::Sender<T>) -> Request) -> Vec<T> {
        let ask = |bell: &Arc<Bell>| {
            let (reply, answer) = oneshot::channel();
            bell.ask(request(reply)).ok().map(|()| answer)
        };
        let asked: Vec<_> = self.handle.shards.bells().iter().filter_map(ask).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.extend(answer.await.ok());
        }
        answers
    }
}

impl StackBuilder {
    /// Adds a device. What [`address`](Self::address), [`route`](Self::route) and
    /// [`mtu`](Self::mtu) say after it concerns this one; what they say before any device, the
    /// first.
    pub fn device(self, device: impl Device) -> Self {
        self.add(vec![Box::new(device)])
    }

    /// Adds a device by its queues, as [`device`](Self::device) does: the stack has as many shards
    /// as there are queues, so every device of a stack must have equally many.
    ///
    /// A shard is a task of its own, with connections of its own, that reads and writes one queue
    /// of each device; all else is as with one. Connections are spread over them evenly: which
    /// shard has one is as good as random, and nobody outside can tell. What comes in by another's
    /// queue is forwarded, so the device may spread packets as it likes; one that keeps to the
    /// queue that a connection sends by, as a TUN device does, saves the detour.
    ///
    /// Bounds of the [configuration](Self::config) and of listeners are divided among the shards.
    /// [`spawn_on`](Self::spawn_on) says on which threads they run.
    ///
    /// ```
    /// use synack::{MemoryDevice, Stack};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // A server with two shards, and a client with one.
    /// let (left, right) = MemoryDevice::pair_of_queues(1_500, [2, 1]);
    /// let server = Stack::builder().queues(left).address("10.0.0.1/24".parse()?).spawn()?;
    /// let client = Stack::builder().queues(right).address("10.0.0.2/24".parse()?).spawn()?;
    /// assert_eq!((server.shards(), client.shards()), (2, 1));
    ///
    /// let listener = server.listen("10.0.0.1:7".parse()?).await?;
    /// for _ in 0..10 {
    ///     let opening = client.connect("10.0.0.1:7".parse()?);
    ///     let (mut opened, accepted) = tokio::try_join!(opening, listener.accept())?;
    ///     let (mut stream, _peer) = accepted;
    ///     stream.write_all(&[stream.shard() as u8]).await?;
    ///     assert!(opened.read_u8().await? < 2);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn queues<D: Device>(self, queues: impl IntoIterator<Item = D>) -> Self {
        let boxed = |queue| -> Box<dyn Device> { Box::new(queue) };
        self.add(queues.into_iter().map(boxed).collect())
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
        self.tun_queues(name, 1)
    }

    /// As [`tun`](Self::tun), with so many queues, and as many [shards](Self::queues).
    ///
    /// # Errors
    /// As [`TunDevice::open_queues`].
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    #[cfg(target_os = "linux")]
    pub fn tun_queues(self, name: &str, queues: usize) -> io::Result<Self> {
        match OffloadTunDevice::open_queues(name, queues) {
            Ok(devices) => {
                tracing::info!(name, queues, offload = true, "tun device");
                Ok(self.queues(devices))
            }
            Err(error) => {
                let devices = TunDevice::open_queues(name, queues)?;
                tracing::info!(name, queues, offload = false, %error, "tun device");
                Ok(self.queues(devices))
            }
        }
    }

    /// What the devices can do that were added so far, in order.
    pub fn capabilities(&self) -> impl Iterator<Item = Capabilities> {
        let first = |(queues, _): &(Vec<Box<dyn Device>>, _)| Some(queues.first()?.capabilities());
        self.plans.iter().filter_map(first)
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
    ///   than 254 devices, with devices that have not equally many queues, or with an MTU below
    ///   that of the address family: 68 octets for IPv4 (RFC 791 §3.2), 1280 for IPv6 (RFC 8200
    ///   §5).
    /// - [`Other`](io::ErrorKind::Other) outside of a runtime, or without entropy from the
    ///   operating system: initial sequence numbers would be a guess away (RFC 6528).
    pub fn spawn(self) -> io::Result<Stack> {
        let runtime = runtime::Handle::try_current().map_err(io::Error::other)?;
        self.spawn_on(&[runtime])
    }

    /// Starts the stack on these runtimes, which must have time enabled: each
    /// [shard](Self::queues) on one of them, in turn. With a runtime of one thread for each, a
    /// shard stays where it is; open its queue there too.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); [`InvalidInput`](io::ErrorKind::InvalidInput) without a runtime.
    pub fn spawn_on(self, runtimes: &[runtime::Handle]) -> io::Result<Stack> {
        let Self { first, mut plans, mut config, connection, congestion, secret } = self;
        let count = check_plans(&first, &plans)?;
        let secret = secret.map_or_else(entropy, Ok)?;
        if let Some(connection) = connection {
            config.connection = Arc::new(connection);
        }
        if let Some(congestion) = congestion {
            Arc::make_mut(&mut config.connection).congestion = congestion;
        }
        let connection = Arc::clone(&config.connection);
        // The queues of each shard, the last shard's first.
        let mut interfaces = Vec::new();
        for _ in 0..count.get() {
            let links = plans.iter_mut().filter_map(|(queues, plan)| Some((queues.pop()?, plan)));
            let links = links.map(|(queue, plan)| into_interface(queue, plan));
            interfaces.push(Interfaces::new(links.collect::<io::Result<_>>()?));
        }
        let shards = Shards::new(Shard::all(count));
        let other = Arc::<OtherQueue>::default();
        let counters: Box<[_]> = Shard::all(count).map(|_| Arc::new(Counters::new())).collect();
        if runtimes.is_empty() {
            return Err(invalid("a stack needs a runtime"));
        }
        let runtimes = runtimes.iter().cycle();
        for ((bell, counters), runtime) in shards.bells().iter().zip(&counters).zip(runtimes) {
            let _entered = runtime.enter();
            let driver = Driver::new(
                config.clone(),
                secret,
                interfaces.pop().expect("there is one for each shard"),
                Place::new(bell, &shards),
                Arc::clone(&other),
                Arc::clone(counters),
            );
            runtime.spawn(driver);
        }
        Ok(Stack { handle: Arc::new(Handle { shards, other, counters, connection }) })
    }

    fn add(mut self, queues: Vec<Box<dyn Device>>) -> Self {
        let plan = std::mem::take(&mut self.first);
        self.plans.push((queues, plan));
        self
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
        // A stack that is gone need not be told.
        let _gone = self.shards.first().ask(Request::HandlesGone);
    }
}

/// How many shards a stack of these devices has.
///
/// # Errors
/// What cannot be a stack.
fn check_plans(first: &Plan, plans: &[(Vec<Box<dyn Device>>, Plan)]) -> io::Result<NonZeroU16> {
    let are_addresses_lost = !first.addresses.is_empty();
    if are_addresses_lost || plans.len() >= usize::from(LinkId::LOOPBACK.0) {
        return Err(invalid("a stack needs a device, and can have 254"));
    }
    let Some((queues, _)) = plans.first() else {
        return Err(invalid("a stack needs a device, and can have 254"));
    };
    if plans.iter().any(|(other, _)| other.len() != queues.len()) {
        return Err(invalid("the devices of a stack must have equally many queues"));
    }
    if plans.iter().all(|(_, plan)| plan.addresses.is_empty()) {
        return Err(invalid("a stack needs an address"));
    }
    let count = u16::try_from(queues.len()).ok().and_then(NonZeroU16::new);
    count.ok_or_else(|| invalid("a device needs a queue, and can have 65535"))
}

fn into_interface(device: Box<dyn Device>, plan: &Plan) -> io::Result<Interface> {
    let Plan { addresses, routes, mtu_max } = plan;
    let mtu_of_device = device.capabilities().mtu;
    let mtu = mtu_max.map_or(mtu_of_device, |max| max.min(mtu_of_device));
    let has_v6 = addresses.iter().any(|address| matches!(address, IpNet::V6(_)));
    if mtu < if has_v6 { 1_280 } else { 68 } {
        return Err(invalid("the MTU is below what every link must carry"));
    }
    Ok(Interface::new(device, *mtu_max, addresses.clone(), routes.clone()))
}

fn entropy() -> io::Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    Ok(secret)
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
