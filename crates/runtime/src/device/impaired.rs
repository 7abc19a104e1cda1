//! A device whose packets pass a spoilt link, in tokio's time.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use synack_netem::{Link, LinkConfig, LinkStats};
use tokio::time::{Duration, Instant, Sleep};

use super::{Capabilities, Device, Outgoing, Received};
use crate::buffer_pool::BufferPool;
use crate::sync::{Mutex, lock};

/// Wraps a device with a [`synack_netem::Link`] for each direction: delay, rate, loss, reordering,
/// duplication, corruption, all drawn from one seed.
///
/// ```
/// use std::time::Duration;
/// use synack::{ImpairedDevice, MemoryDevice};
/// use synack_netem::{LinkConfig, Probability};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let bad = LinkConfig {
///     delay: Duration::from_millis(20),
///     loss: Probability::percent(2),
///     ..LinkConfig::default()
/// };
/// let (left, right) = MemoryDevice::pair(1_500);
/// let left = ImpairedDevice::new(left, bad.clone(), bad, 42);
/// # let _ = (left, right);
/// # }
/// ```
pub struct ImpairedDevice<D> {
    device: D,
    epoch: Instant,
    /// For what the device gives, which may be longer than what comes off a link.
    pool: Mutex<Option<BufferPool>>,
    links: Mutex<Links>,
    /// Absent while it is polled, which only the driver does.
    sleep: Mutex<Option<Pin<Box<Sleep>>>>,
}

struct Links {
    inward: Link<Bytes>,
    outward: Link<Bytes>,
    /// A packet that came off the outward link when the device was full.
    refused: Option<Bytes>,
    /// The driver's, so that it learns of an earlier deadline.
    driver: Option<Waker>,
}

impl<D: Device> ImpairedDevice<D> {
    /// What `device` receives passes a link as `inward` says, what is sent one as `outward` says.
    pub fn new(device: D, inward: LinkConfig, outward: LinkConfig, seed: u64) -> Self {
        let links = Links {
            inward: Link::new(inward, seed),
            outward: Link::new(outward, seed.wrapping_add(1)),
            refused: None,
            driver: None,
        };
        Self {
            device,
            epoch: Instant::now(),
            pool: Mutex::new(None),
            links: Mutex::new(links),
            sleep: Mutex::default(),
        }
    }

    /// Changes what the links do, from now on.
    pub fn set_config(&self, inward: LinkConfig, outward: LinkConfig) {
        let now = self.now();
        let mut links = lock(&self.links);
        links.inward.set_config(now, inward);
        links.outward.set_config(now, outward);
        let driver = links.driver.take();
        drop(links);
        driver.into_iter().for_each(Waker::wake);
    }

    /// What happened so far on the inward and on the outward link.
    pub fn stats(&self) -> (LinkStats, LinkStats) {
        let links = lock(&self.links);
        (links.inward.stats(), links.outward.stats())
    }

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.epoch)
    }

    /// Puts on the inward link what the device has.
    fn take_in(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut pool = lock(&self.pool);
        let longest = || BufferPool::new(self.device.capabilities().packet_len_max());
        let pool = pool.get_or_insert_with(longest);
        for _ in 0..BATCH {
            let received = self.device.poll_receive(cx, pool);
            let Poll::Ready(received) = received else { return Ok(()) };
            let mut links = lock(&self.links);
            for packet in received?.into_plain() {
                links.inward.send(self.now(), packet);
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Sends what has come off the outward link. Ready when nothing waits for the device.
    fn poll_outward(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..BATCH {
            let due = {
                let mut links = lock(&self.links);
                links.refused.take().or_else(|| Some(links.outward.poll(self.now())?.packet))
            };
            let Some(packet) = due else { return Poll::Ready(Ok(())) };
            match self.device.try_send(Outgoing::octets(&packet, &mut Vec::new())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    lock(&self.links).refused = Some(packet);
                    ready!(self.device.poll_writable(cx))?;
                }
                // Lost, as on any link.
                Ok(()) | Err(_) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Wakes the driver when the next packet comes off a link.
    fn sleep_until_due(&self, cx: &mut Context<'_>) {
        let deadline = {
            let mut links = lock(&self.links);
            links.driver = Some(cx.waker().clone());
            let inward = links.inward.deadline();
            inward.into_iter().chain(links.outward.deadline()).min()
        };
        let Some(deadline) = deadline else { return };
        let deadline = self.epoch + deadline;
        let sleep = lock(&self.sleep).take();
        let mut sleep = sleep.unwrap_or_else(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        *lock(&self.sleep) = Some(sleep);
    }
}

impl<D: Device> Device for ImpairedDevice<D> {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        _pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        self.take_in(cx)?;
        if let Poll::Ready(Err(error)) = self.poll_outward(cx) {
            return Poll::Ready(Err(error));
        }
        let arrived = lock(&self.links).inward.poll(self.now());
        if let Some(delivery) = arrived {
            return Poll::Ready(Ok(Received::unverified(delivery.packet)));
        }
        self.sleep_until_due(cx);
        Poll::Pending
    }

    /// Always: what waits, waits on the link, and what exceeds it is lost there.
    fn poll_writable(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let packet = packet.to_bytes()?;
        let now = self.now();
        let mut links = lock(&self.links);
        links.outward.send(now, packet);
        let driver = links.driver.take();
        drop(links);
        driver.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// What passes the links are packets as they are on a wire, whatever the device takes.
    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(self.device.capabilities().mtu)
    }
}

impl<D: fmt::Debug> fmt::Debug for ImpairedDevice<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImpairedDevice").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Packets moved in one poll; the driver's turn is no longer for an impaired device.
const BATCH: usize = 64;
