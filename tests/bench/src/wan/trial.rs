//! Trial: flows between ends, over one emulated path, for a time.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use synack_netem::LinkConfig;

use super::emulator::{Emulator, Report};
use super::end::{Ecn, End, Flow, Host};
use super::port::Port;
use crate::clock;
use crate::protocol::Service;

/// What is run: who sends to whom, over what, for how long.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// A sender and a receiver for each flow.
    pub(super) flows: Vec<(End, End)>,
    /// The way from senders to receivers, and back.
    pub(super) links: [LinkConfig; 2],
    pub(super) ecn: Ecn,
    pub(super) seed: u64,
    pub(super) duration: Duration,
}

/// What a trial came to.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// What the receiving application of each flow got, from the beginning of the trial on, its
    /// handshake included. Units: bits per second.
    pub(super) goodputs: Vec<f64>,
    pub(super) report: Report,
}

/// A flow whose ends are in their places.
struct Settled {
    sender: Host,
    receiver: Host,
    listens: SocketAddrV4,
}

impl Trial {
    /// A round trip without any queue.
    pub(super) fn rtt(&self) -> Duration {
        self.links.iter().map(|link| link.delay).sum()
    }

    /// Runs it.
    ///
    /// # Errors
    /// When an end cannot be put in its place, or its connection fails.
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let Self { flows, links, ecn, seed, duration } = self;
        let mut ports: [Vec<Port>; 2] = Default::default();
        let mut settled = Vec::new();
        for (number, (left, right)) in (1..).zip(flows) {
            let (port, sender) = left.settle(Ipv4Addr::new(10, 77, 1, number), ecn)?;
            ports[0].push(port);
            let address = Ipv4Addr::new(10, 77, 2, number);
            let (port, receiver) = right.settle(address, ecn)?;
            ports[1].push(port);
            let listens = SocketAddrV4::new(address, Service::Sink.port());
            settled.push(Settled { sender, receiver, listens });
        }
        let [is_over, is_idle] = [(); 2].map(|()| AtomicBool::new(false));
        let received: Vec<AtomicU64> = settled.iter().map(|_| AtomicU64::new(0)).collect();
        // Two applications a flow, and this thread.
        let begin = Barrier::new(2 * settled.len() + 1);
        let emulator = Emulator::new(links, ports, seed);
        thread::scope(|scope| {
            let emulator = scope.spawn(|| emulator.run(&is_idle).context("the emulator"));
            let mut ends = Vec::new();
            for (Settled { sender, receiver, listens }, received) in
                settled.into_iter().zip(&received)
            {
                let (begin, is_over) = (&begin, &is_over);
                let flow = move || Flow::new(listens, received, begin, is_over);
                ends.push(scope.spawn(move || {
                    flow().run(|flow| receiver.receive(flow)).context("the receiver")
                }));
                ends.push(
                    scope.spawn(move || flow().run(|flow| sender.send(flow)).context("the sender")),
                );
            }
            begin.wait();
            let start = Instant::now();
            clock::pause(duration);
            let goodputs = received
                .iter()
                .map(|octets| octets.load(Ordering::Relaxed) as f64 * 8.0)
                .map(|bits| bits / start.elapsed().as_secs_f64())
                .collect();
            is_over.store(true, Ordering::Relaxed);
            let ends = ends.into_iter().map(joined).reduce(anyhow::Result::and);
            // An end that has not finished would take an emulator that is gone for a broken device.
            is_idle.store(true, Ordering::Relaxed);
            let report = joined(emulator)?;
            ends.unwrap_or(Ok(()))?;
            Ok(Outcome { goodputs, report })
        })
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
}
