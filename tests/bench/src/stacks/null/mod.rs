//! The least TCP that can talk to the kernel over a TUN device: the ceiling of this machine.
//!
//! It has no congestion control, no reassembly and no RTT, goes back to SND.UNA on a loss, and
//! sends constant octets. Any stack on one thread does all that this one does, and more.

mod connection;
mod ring;
mod segment;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout};

use self::connection::{Connection, Fate, Limits};
use self::ring::Ring;
use self::segment::{Checksums, Flow, NEEDS_CHECKSUM, RST, SYN, Segment, VIRTIO_HEADER, Writer};
use super::Place;
use crate::protocol::Service;
use crate::tun::{Framing, Tun};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Exchange super-segments of up to 64 KiB with the device, and leave checksums to it
    #[arg(long)]
    vnet: bool,
    /// Copy every octet once in each direction, as a stack with buffers must
    #[arg(long)]
    copy: bool,
    /// Verify the checksums of arriving packets
    #[arg(long)]
    verify: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut host = Host::new(arguments)?;
    let mut buffer = vec![0; BUFFER_OCTETS];
    loop {
        if host.receive(&mut buffer)? > 0 {
            host.flush()?;
        } else if wait(host.writer.tun())? == 0 {
            host.send_again()?;
        }
    }
}

/// The connections, the device, and what a turn has touched.
struct Host {
    writer: Writer,
    framing: Framing,
    checksums: Checksums,
    mss: u16,
    limits: Limits,
    ring: Option<Ring>,
    connections: HashMap<Flow, Connection>,
    touched: Vec<Flow>,
}

impl Host {
    fn new(arguments: &Arguments) -> io::Result<Self> {
        let Place { tun, ip, mtu } = &arguments.place;
        let mss = mtu - HEADERS_OCTETS;
        let framing = if arguments.vnet { Framing::Virtio } else { Framing::Plain };
        let limits = match framing {
            Framing::Plain => Limits { window: 512 << 10, segment: u32::from(mss) },
            Framing::Virtio => Limits {
                window: 4 << 20,
                segment: (u32::from(u16::MAX) - 60) / u32::from(mss) * u32::from(mss),
            },
        };
        let tun = Tun::open(tun, framing)?;
        Ok(Self {
            writer: Writer::new(tun, framing, ip.octets(), usize::from(mss)),
            framing,
            checksums: if arguments.verify { Checksums::Verify } else { Checksums::Trust },
            mss,
            limits,
            ring: arguments.copy.then(Ring::new),
            connections: HashMap::new(),
            touched: Vec::new(),
        })
    }

    /// Takes in a batch of packets, and returns how many.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for count in 0..BATCH {
            match self.writer.tun().receive(buffer) {
                Ok(length) => self.on_packet(&buffer[..length])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(count),
                Err(error) => return Err(error),
            }
        }
        Ok(BATCH)
    }

    fn on_packet(&mut self, framed: &[u8]) -> io::Result<()> {
        let (packet, checksums) = match (self.framing, framed) {
            (Framing::Plain, packet) => (packet, self.checksums),
            (Framing::Virtio, [flags, ..]) if flags & NEEDS_CHECKSUM != 0 => {
                (framed.get(VIRTIO_HEADER..).unwrap_or_default(), Checksums::Trust)
            }
            (Framing::Virtio, _) => {
                (framed.get(VIRTIO_HEADER..).unwrap_or_default(), self.checksums)
            }
        };
        let Some(segment) = Segment::parse(packet, checksums) else { return Ok(()) };
        if segment.flags & SYN != 0 {
            return self.on_syn(&segment);
        }
        let Entry::Occupied(mut entry) = self.connections.entry(segment.flow) else {
            return Ok(());
        };
        if segment.flags & RST != 0 {
            entry.remove();
            return Ok(());
        }
        entry.get_mut().on_segment(&segment, self.ring.as_mut());
        if self.touched.last() != Some(&segment.flow) {
            self.touched.push(segment.flow);
        }
        Ok(())
    }

    fn on_syn(&mut self, syn: &Segment<'_>) -> io::Result<()> {
        let Some(service) = Service::of_port(syn.flow.port) else { return Ok(()) };
        let connection = Connection::accept(syn, service, self.mss);
        connection.greet(self.mss, &mut self.writer)?;
        self.connections.insert(syn.flow, connection);
        Ok(())
    }

    /// Sends for every connection that the batch touched.
    fn flush(&mut self) -> io::Result<()> {
        let mut touched = std::mem::take(&mut self.touched);
        for flow in touched.drain(..) {
            // One that was touched twice has nothing left to send the second time.
            self.flush_one(flow)?;
        }
        self.touched = touched;
        Ok(())
    }

    fn flush_one(&mut self, flow: Flow) -> io::Result<()> {
        let Entry::Occupied(mut entry) = self.connections.entry(flow) else { return Ok(()) };
        let fate = entry.get_mut().flush(self.limits, &mut self.writer, self.ring.as_mut())?;
        if fate == Fate::Ends {
            entry.remove();
        }
        Ok(())
    }

    /// Stands in for a retransmission timer: nothing came for long, so what is in flight is lost.
    fn send_again(&mut self) -> io::Result<()> {
        for (flow, connection) in &mut self.connections {
            if connection.is_in_flight() {
                connection.go_back();
                self.touched.push(*flow);
            }
        }
        self.flush()
    }
}

/// Waits until the device is readable, and returns 0 if it was not for the time of a lost packet.
fn wait(tun: &Tun) -> io::Result<i32> {
    let mut descriptors = [PollFd::new(tun.as_fd(), PollFlags::POLLIN)];
    Ok(nix::poll::poll(&mut descriptors, PollTimeout::from(LOST_AFTER_MS))?)
}

/// Packets that are taken in before anything is sent, so that a batch costs one ACK.
const BATCH: usize = 64;
/// Of IPv4 and TCP, without options.
const HEADERS_OCTETS: u16 = 40;
/// Longer than the longest packet with its virtio-net header.
const BUFFER_OCTETS: usize = 70_000;
/// As RFC 9293 §3.8.1 leaves it to the stack; the kernel's least RTO.
const LOST_AFTER_MS: u8 = 200;
