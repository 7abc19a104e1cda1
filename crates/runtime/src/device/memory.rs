//! Devices in memory: a cable between two stacks, a bundle of cables, and a switch for many.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{Capabilities, Device, Outgoing, Received};
use crate::buffer_pool::BufferPool;
use crate::sync::{Mutex, lock};

/// One end of a cable, or one port of a [`MemorySwitch`].
///
/// A cable loses nothing: when the other end takes packets too slowly, the sender waits. When the
/// other end is gone, what is sent vanishes, as on a cable that was pulled.
///
/// ```
/// use synack::{MemoryDevice, Stack};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> std::io::Result<()> {
/// let (left, right) = MemoryDevice::pair(1_500);
/// let server = Stack::builder().device(left).address("10.0.0.1/24".parse().unwrap()).spawn()?;
/// let client = Stack::builder().device(right).address("10.0.0.2/24".parse().unwrap()).spawn()?;
///
/// let listener = server.listen("10.0.0.1:80".parse().unwrap()).await?;
/// let (accepted, opened) =
///     tokio::join!(listener.accept(), client.connect("10.0.0.1:80".parse().unwrap()));
/// assert_eq!(accepted?.1, opened?.local_addr()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryDevice {
    inbox: Arc<Inbox>,
    outlet: Outlet,
    mtu: u32,
}

/// Joins any number of stacks: packets go where their destination was last heard from, and
/// everywhere if it never was. A port that takes packets too slowly loses them.
#[derive(Clone, Debug)]
pub struct MemorySwitch {
    fabric: Arc<Mutex<Fabric>>,
    mtu: u32,
}

#[derive(Debug)]
enum Outlet {
    Cable(Arc<Inbox>),
    Switch {
        fabric: Arc<Mutex<Fabric>>,
        port: usize,
    },
    /// Any of these, as the count of packets so far says.
    Queues {
        inboxes: Arc<[Arc<Inbox>]>,
        sent: AtomicU64,
    },
}

/// What waits for one device.
struct Inbox(Mutex<Waiting>);

struct Waiting {
    packets: VecDeque<Bytes>,
    /// Blocks that packets are written in: they come back when the receiving stack drops them.
    pool: BufferPool,
    reader: Option<Waker>,
    /// The other end of the cable, if it waits for room.
    writer: Option<Waker>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Gone,
}

#[derive(Debug)]
struct Fabric {
    ports: Vec<Arc<Inbox>>,
    /// The port behind which an address was heard from last.
    learned: HashMap<IpAddr, usize>,
}

impl MemoryDevice {
    /// The two ends of a cable that carries packets of up to `mtu` octets.
    pub fn pair(mtu: u32) -> (Self, Self) {
        let (left, right) = (Inbox::new(mtu), Inbox::new(mtu));
        let end = |inbox: &Arc<Inbox>, other: &Arc<Inbox>| Self {
            inbox: Arc::clone(inbox),
            outlet: Outlet::Cable(Arc::clone(other)),
            mtu,
        };
        (end(&left, &right), end(&right, &left))
    }

    /// The two ends of a device with several queues at each, of which packets of up to `mtu` octets
    /// come in by any: as good as at random, and the same each time. A queue that takes packets too
    /// slowly loses them.
    ///
    /// For [`StackBuilder::queues`](crate::StackBuilder::queues).
    pub fn pair_of_queues(mtu: u32, [left, right]: [usize; 2]) -> (Vec<Self>, Vec<Self>) {
        let inboxes = |count| (0..count).map(|_| Inbox::new(mtu)).collect::<Arc<[_]>>();
        let (left, right) = (inboxes(left), inboxes(right));
        let end = |own: &Arc<[Arc<Inbox>]>, other: &Arc<[Arc<Inbox>]>| {
            let queue = |(index, inbox): (usize, &Arc<Inbox>)| {
                let (inboxes, sent) = (Arc::clone(other), AtomicU64::new((index as u64) << 32));
                Self { inbox: Arc::clone(inbox), outlet: Outlet::Queues { inboxes, sent }, mtu }
            };
            own.iter().enumerate().map(queue).collect()
        };
        (end(&left, &right), end(&right, &left))
    }
}

impl MemorySwitch {
    /// A switch whose ports carry packets of up to `mtu` octets.
    pub fn new(mtu: u32) -> Self {
        let fabric = Fabric { ports: Vec::new(), learned: HashMap::new() };
        Self { fabric: Arc::new(Mutex::new(fabric)), mtu }
    }

    /// A further port.
    pub fn port(&self) -> MemoryDevice {
        let inbox = Inbox::new(self.mtu);
        let mut fabric = lock(&self.fabric);
        let port = fabric.ports.len();
        fabric.ports.push(Arc::clone(&inbox));
        drop(fabric);
        let outlet = Outlet::Switch { fabric: Arc::clone(&self.fabric), port };
        MemoryDevice { inbox, outlet, mtu: self.mtu }
    }
}

impl Device for MemoryDevice {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        _pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.inbox.poll_pop(cx).map(|packet| Ok(Received::unverified(packet)))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.outlet {
            Outlet::Cable(inbox) => inbox.poll_room(cx).map(Ok),
            Outlet::Switch { .. } | Outlet::Queues { .. } => Poll::Ready(Ok(())),
        }
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        if packet.packet_len() > self.mtu as usize {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "packet larger than the MTU"));
        }
        match &self.outlet {
            Outlet::Cable(inbox) => inbox.push(|into| packet.write_to(into)),
            Outlet::Switch { fabric, port } => {
                let octets = packet.contiguous()?;
                let ports = lock(fabric).route(*port, octets);
                for inbox in ports {
                    // A full port loses the packet, so that it does not hold up the others.
                    let _lost = inbox.push(|into| copy_to(octets, into));
                }
                Ok(())
            }
            Outlet::Queues { inboxes, sent } => {
                let nth = scatter(sent.fetch_add(1, Ordering::Relaxed)) % inboxes.len().max(1);
                let Some(inbox) = inboxes.get(nth) else { return Ok(()) };
                match inbox.push(|into| packet.write_to(into)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                    pushed => pushed,
                }
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.mtu)
    }
}

impl Drop for MemoryDevice {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

impl Inbox {
    fn new(mtu: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waiting {
            packets: VecDeque::new(),
            pool: BufferPool::new(mtu as usize),
            reader: None,
            writer: None,
            end: End::Open,
        })))
    }

    /// Appends the packet that `write` writes, of the length that it returns.
    fn push(&self, write: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        let mut waiting = lock(&self.0);
        if waiting.end == End::Gone {
            return Ok(());
        }
        if waiting.packets.len() >= PACKETS_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut block = waiting.pool.take();
        match write(block.octets()) {
            Ok(len) => {
                let packet = waiting.pool.give(block, len);
                waiting.packets.push_back(packet);
            }
            Err(error) => {
                waiting.pool.put_back(block);
                return Err(error);
            }
        }
        let reader = waiting.reader.take();
        drop(waiting);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut waiting = lock(&self.0);
        let Some(packet) = waiting.packets.pop_front() else {
            waiting.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let has_room = waiting.packets.len() <= PACKETS_MAX / 2;
        let writer = if has_room { waiting.writer.take() } else { None };
        drop(waiting);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(packet)
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = lock(&self.0);
        if waiting.packets.len() <= PACKETS_MAX / 2 || waiting.end == End::Gone {
            return Poll::Ready(());
        }
        waiting.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn close(&self) {
        let mut waiting = lock(&self.0);
        waiting.end = End::Gone;
        waiting.packets = VecDeque::new();
        let writer = waiting.writer.take();
        drop(waiting);
        writer.into_iter().for_each(Waker::wake);
    }
}

impl Fabric {
    /// Where a packet goes that came in at `from`; learns who is there.
    fn route(&mut self, from: usize, packet: &[u8]) -> Vec<Arc<Inbox>> {
        let Some((source, destination)) = addresses(packet) else { return Vec::new() };
        if self.learned.len() < LEARNED_MAX || self.learned.contains_key(&source) {
            self.learned.insert(source, from);
        }
        if let Some(port) = self.learned.get(&destination) {
            return self.ports.get(*port).cloned().into_iter().collect();
        }
        let others = self.ports.iter().enumerate().filter(|(port, _)| *port != from);
        others.map(|(_, inbox)| Arc::clone(inbox)).collect()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("packets", &lock(&self.0).packets.len()).finish()
    }
}

/// Source and destination of an IP packet.
fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match packet.first()? >> 4 {
        4 => {
            let at = |from| packet.get(from..)?.first_chunk::<4>().copied();
            Some((Ipv4Addr::from(at(12)?).into(), Ipv4Addr::from(at(16)?).into()))
        }
        6 => {
            let at = |from| packet.get(from..)?.first_chunk::<16>().copied();
            Some((Ipv6Addr::from(at(8)?).into(), Ipv6Addr::from(at(24)?).into()))
        }
        _ => None,
    }
}

fn copy_to(octets: &[u8], into: &mut [u8]) -> io::Result<usize> {
    let into = into.get_mut(..octets.len()).ok_or(io::ErrorKind::InvalidInput)?;
    into.copy_from_slice(octets);
    Ok(octets.len())
}

/// A number that looks like one drawn at random, another for each `count`: the finalizer of
/// splitmix64.
fn scatter(count: u64) -> usize {
    let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 33) as usize
}

/// Packets that wait for one device, as many as a TUN device holds by default (`txqueuelen`).
const PACKETS_MAX: usize = 500;
/// Addresses that a switch remembers.
const LEARNED_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Wake;

    use super::*;
    use crate::sync::AtomicBool;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    async fn receive(device: &MemoryDevice) -> Bytes {
        let mut pool = BufferPool::new(0);
        poll_fn(|cx| device.poll_receive(cx, &mut pool)).await.unwrap().packet
    }

    fn send(device: &MemoryDevice, octets: &[u8]) -> io::Result<()> {
        device.try_send(Outgoing::octets(octets, &mut Vec::new()))
    }

    fn packet(source: u8, destination: u8) -> Vec<u8> {
        let mut packet = vec![0x45; 20];
        packet[12..16].copy_from_slice(&[10, 0, 0, source]);
        packet[16..20].copy_from_slice(&[10, 0, 0, destination]);
        packet
    }

    #[tokio::test]
    async fn a_cable_carries_packets_in_order_and_both_ways() {
        let (left, right) = MemoryDevice::pair(100);
        send(&left, b"one").unwrap();
        send(&left, b"two").unwrap();
        send(&right, b"back").unwrap();
        assert_eq!(receive(&right).await, b"one"[..]);
        assert_eq!(receive(&right).await, b"two"[..]);
        assert_eq!(receive(&left).await, b"back"[..]);
    }

    #[tokio::test]
    async fn a_full_cable_blocks_and_says_when_there_is_room() {
        let (left, right) = MemoryDevice::pair(100);
        for _ in 0..PACKETS_MAX {
            send(&left, b"x").unwrap();
        }
        assert_eq!(send(&left, b"x").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        assert!(left.poll_writable(&mut cx).is_pending());
        for _ in 0..PACKETS_MAX / 2 {
            assert!(!woken.0.load(Ordering::Relaxed));
            receive(&right).await;
        }
        assert!(woken.0.load(Ordering::Relaxed));
        assert!(left.poll_writable(&mut cx).is_ready());
        send(&left, b"x").unwrap();
    }

    #[tokio::test]
    async fn what_is_sent_into_a_pulled_cable_vanishes() {
        let (left, right) = MemoryDevice::pair(100);
        drop(right);
        for _ in 0..2 * PACKETS_MAX {
            send(&left, b"x").unwrap();
        }
    }

    #[test]
    fn a_packet_above_the_mtu_is_refused() {
        let (left, _right) = MemoryDevice::pair(100);
        assert_eq!(send(&left, &[0x45; 101]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn a_switch_floods_what_it_does_not_know_and_then_knows() {
        let switch = MemorySwitch::new(100);
        let [a, b, c] = [switch.port(), switch.port(), switch.port()];
        send(&a, &packet(1, 2)).unwrap();
        assert_eq!(receive(&b).await, packet(1, 2));
        assert_eq!(receive(&c).await, packet(1, 2));
        send(&b, &packet(2, 1)).unwrap();
        send(&b, &packet(2, 3)).unwrap();
        assert_eq!(receive(&a).await, packet(2, 1));
        // Had the reply been flooded, it would come first.
        assert_eq!(receive(&c).await, packet(2, 3));
    }
}
