//! Emulator: links of `synack-netem` in real time, between ports.
//!
//! ```text
//!    left ports ──┐  ┌── Link ──▶ there ──┐  ┌── right ports
//!                 ├──┤                    ├──┤
//!                 ┘  └── back ◀── Link ───┘  └
//! ```
//!
//! All ports of a side share the link to the other side. One thread moves every packet. It sleeps
//! in `ppoll`, whose timers are those of the kernel, to the nanosecond, and wakes to a packet or to
//! the deadline of a link. What the machine adds to that is measured: see [`Lateness`].

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use nix::sys::prctl;
use nix::sys::time::TimeSpec;
use synack_netem::{Link, LinkConfig, LinkStats};

use super::lateness::Lateness;
use super::port::Port;

/// Two links, the ports at their ends, and a clock.
pub(super) struct Emulator {
    links: [Link<Vec<u8>>; 2],
    ports: [Vec<Port>; 2],
    epoch: Instant,
    buffer: Vec<u8>,
    report: Report,
}

/// What an emulator did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    /// What the link from left to right did, and the one back.
    pub(super) links: [LinkStats; 2],
    /// How late packets left.
    pub(super) lateness: Lateness,
    /// Packets that a port had no room for: the host behind it was too slow.
    pub(super) overruns: u64,
}

impl Emulator {
    /// Joins the left ports to the right ones by a link each way, as `links` have it: there, back.
    pub(super) fn new(links: [LinkConfig; 2], ports: [Vec<Port>; 2], seed: u64) -> Self {
        let [there, back] = links;
        Self {
            links: [Link::new(there, 2 * seed), Link::new(back, 2 * seed + 1)],
            ports,
            epoch: Instant::now(),
            buffer: vec![0; PACKET_MAX],
            report: Report::default(),
        }
    }

    /// Moves packets until `is_idle` says that no one needs it any more.
    ///
    /// # Errors
    /// When a port fails.
    pub(super) fn run(mut self, is_idle: &AtomicBool) -> io::Result<Report> {
        // Without it the kernel lets a sleep take 50 microseconds longer, to save wake-ups.
        prctl::set_timerslack(1)?;
        while !is_idle.load(Ordering::Relaxed) {
            let mut moved = 0;
            for side in SIDES {
                moved += self.take_in(side)?;
            }
            for side in SIDES {
                self.give_out(side)?;
            }
            if moved == 0 {
                self.sleep()?;
            }
        }
        self.report.links = SIDES.map(|side| self.links[side].stats());
        Ok(self.report)
    }

    /// Puts what the ports of a side have on their link, and returns how many packets those were.
    fn take_in(&mut self, side: usize) -> io::Result<usize> {
        let Self { links, ports, buffer, .. } = self;
        let mut moved = 0;
        for port in &ports[side] {
            for _ in 0..BATCH {
                let length = match port.receive(buffer) {
                    Ok(length) => length,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                if length == 0 {
                    break;
                }
                moved += 1;
                let packet = &buffer[..length];
                // A kernel also looks for routers and neighbours.
                if destination(packet).is_some() {
                    links[side].send(self.epoch.elapsed(), packet.to_vec());
                }
            }
        }
        Ok(moved)
    }

    /// Gives the ports of the other side what has come off the link of this one.
    fn give_out(&mut self, side: usize) -> io::Result<()> {
        let Self { links, ports, report, .. } = self;
        let now = self.epoch.elapsed();
        while let Some(delivery) = links[side].poll(now) {
            let to = destination(&delivery.packet);
            let Some(port) = ports[1 - side].iter().find(|port| Some(port.address) == to) else {
                continue;
            };
            match port.send(&delivery.packet) {
                Ok(()) => report.lateness.add(self.epoch.elapsed().saturating_sub(delivery.due)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => report.overruns += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sleeps until a port has a packet, or a link.
    fn sleep(&self) -> io::Result<()> {
        let due = self.links.iter().filter_map(Link::deadline).min();
        let wait = due.map_or(LOOK_UP, |due| due.saturating_sub(self.epoch.elapsed()).min(LOOK_UP));
        let ports = self.ports.iter().flatten();
        let mut wanted: Vec<PollFd<'_>> =
            ports.map(|port| PollFd::new(port.as_fd(), PollFlags::POLLIN)).collect();
        match nix::poll::ppoll(&mut wanted, Some(TimeSpec::from_duration(wait)), None) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Report {
    /// Whether nothing but the model spoiled a path of this round trip without any queue.
    pub(super) fn is_calm(&self, rtt: Duration) -> bool {
        self.overruns == 0 && self.lateness.p99() <= LATE_MAX.max(rtt / LATE_SHARE)
    }
}

/// To whom an IPv4 packet is.
fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    let [0x40..=0x4f, ..] = packet else { return None };
    let octets: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    Some(octets.into())
}

/// Left and right.
const SIDES: [usize; 2] = [0, 1];
/// Packets that one port may put in before another has its turn.
const BATCH: usize = 32;
/// What 99 in a hundred packets may be late, on a path of a millisecond too.
const LATE_MAX: Duration = Duration::from_micros(256);

/// On a longer path they may be late by this part of the round trip: less than a jitter that the
/// sender would notice.
const LATE_SHARE: u32 = 20;
/// How often it looks whether all is over.
const LOOK_UP: Duration = Duration::from_millis(20);
/// More than the longest packet. Units: octets.
const PACKET_MAX: usize = 1 << 16;
