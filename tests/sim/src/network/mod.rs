//! Network: hosts and the links between them under one clock, which jumps from event to event.

mod arrival;
mod incidents;
mod notes;
mod router;
mod visit;

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use synack_netem::{Link, LinkConfig, LinkStats, Outcome as LinkOutcome};
use synack_tcb::{FourTuple, Internals, Open};
use synack_wire::{SeqNum, TcpPacket};

use crate::application::Application;
use crate::conversation::{Conversation, ConversationId};
use crate::datagram::Datagram;
use crate::device::Waiting;
use crate::host::{Host, HostConfig, HostId};
use crate::middlebox::{Middlebox, MiddleboxFaults};
use crate::script::Script;
use crate::streams::{Streams, Subsystem};
use crate::trace::{Log, Trace};
use crate::violation::{Invariant, Violation, ensure};
use crate::wire_tap::octets_of;

use notes::Notes;
pub(crate) use notes::{Fate, Sent};
use router::TooBig;

/// Hosts, links, and the conversations that run over them.
///
/// Everything random comes from the seed; the same seed and the same calls give the same octets at
/// the same times.
#[derive(Debug)]
pub struct Network {
    time: Duration,
    streams: Streams,
    hosts: Vec<Host>,
    wires: Vec<Wire>,
    conversations: Vec<Conversation>,
    trace: Trace,
    counts: Counts,
    /// Events since time last moved, and in all.
    steps_here: u32,
    steps: u64,
    /// Whether connections may appear that no one opened: there is an attacker in the path.
    pub(crate) allows_ghosts: bool,
    /// The text that was sent, if anyone wants to know.
    notes: Notes,
}

/// One direction between two hosts.
#[derive(Debug)]
pub(crate) struct Wire {
    from: HostId,
    to: HostId,
    pub(crate) link: Link<Datagram>,
    pub(crate) middlebox: Middlebox,
    /// The number after the last FIN that passed.
    fin: Option<SeqNum>,
    /// The last packet that was sent.
    pub(crate) last: Option<TcpPacket>,
}

/// What was counted in a run, beside what links count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Packets that hosts emitted.
    pub sent: u64,
    /// Packets that arrived.
    pub arrived: u64,
    /// Packets that arrived damaged and were refused.
    pub refused: u64,
    /// Packets that arrived damaged and looked sound.
    pub undetected: u64,
    /// Segments that an attacker put in.
    pub forged: u64,
    /// Times at which output was put off.
    pub put_off: u64,
    /// Timers that were looked at too early.
    pub early: u64,
    /// Hosts that stopped and started again.
    pub crashes: u64,
    /// Clocks put forward or back, stopped, or made to drift.
    pub clock_changes: u64,
    /// Times at which a host's connections were given another congestion controller.
    pub controller_changes: u64,
    /// Packets that routers said were too large for them.
    pub reports: u64,
    /// Packets of the endpoint that a full device dropped.
    pub dropped_replies: u64,
}

impl Counts {
    /// Adds those of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { sent, arrived, refused, undetected, forged, put_off, early, .. } = other;
        self.sent += sent;
        self.arrived += arrived;
        self.refused += refused;
        self.undetected += undetected;
        self.forged += forged;
        self.put_off += put_off;
        self.early += early;
        self.crashes += other.crashes;
        self.clock_changes += other.clock_changes;
        self.controller_changes += other.controller_changes;
        self.reports += other.reports;
        self.dropped_replies += other.dropped_replies;
    }
}

impl Network {
    /// No hosts yet.
    pub fn new(streams: Streams) -> Self {
        Self {
            time: Duration::ZERO,
            streams,
            hosts: Vec::new(),
            wires: Vec::new(),
            conversations: Vec::new(),
            trace: Trace::new(),
            counts: Counts::default(),
            steps_here: 0,
            steps: 0,
            allows_ghosts: false,
            notes: Notes::default(),
        }
    }

    /// Says what happens from now on, line by line.
    pub fn set_log(&mut self, log: Log) {
        self.trace.set_log(log);
    }

    /// Adds a host.
    pub fn add_host(&mut self, config: HostConfig) -> HostId {
        let id = HostId(self.hosts.len());
        self.hosts.push(Host::new(id, config, self.streams));
        id
    }

    /// Joins two hosts, one direction: what `from` sends to `to` takes this link.
    pub fn join(&mut self, from: HostId, to: HostId, link: LinkConfig, faults: MiddleboxFaults) {
        let index = self.wires.len() as u32;
        let seed = self.streams.of(Subsystem::Link, index).bits();
        let dice = self.streams.of(Subsystem::Middlebox, index);
        self.wires.push(Wire {
            from,
            to,
            link: Link::new(link, seed),
            middlebox: Middlebox::new(faults, dice),
            fin: None,
            last: None,
        });
    }

    /// Lets a host listen on a port.
    ///
    /// # Errors
    /// If its endpoint refuses.
    pub fn listen(&mut self, host: HostId, port: u16) -> Result<(), Violation> {
        self.hosts[host.0].listen(port).map(|_| ())
    }

    /// Opens a conversation from one host to a listener on another. `None` if the endpoint says
    /// that the addresses are still in use.
    ///
    /// # Errors
    /// If the first packet breaks an invariant.
    pub fn open(
        &mut self,
        from: (HostId, u16),
        to: (HostId, u16),
        scripts: [Script; 2],
    ) -> Result<Option<ConversationId>, Violation> {
        let path = FourTuple::new(self.socket(from), self.socket(to));
        let key = self.streams.of(Subsystem::Application, u32::MAX).bits();
        let id = ConversationId(self.conversations.len());
        let key = key.wrapping_add(2 * id.0 as u64);
        self.conversations.push(Conversation::new(path, scripts, key));
        if self.open_side(from.0, id, 0)? {
            return Ok(Some(id));
        }
        self.conversations.pop();
        Ok(None)
    }

    /// Opens a conversation from both ends at once. `None` as [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_simultaneously(
        &mut self,
        ends: [(HostId, u16); 2],
        scripts: [Script; 2],
    ) -> Result<Option<ConversationId>, Violation> {
        let Some(id) = self.open(ends[0], ends[1], scripts)? else { return Ok(None) };
        self.open_side(ends[1].0, id, 1)?;
        Ok(Some(id))
    }

    /// What a host's socket is.
    pub fn socket(&self, (host, port): (HostId, u16)) -> SocketAddr {
        SocketAddr::new(self.hosts[host.0].config.address, port)
    }

    fn open_side(
        &mut self,
        host: HostId,
        id: ConversationId,
        side: usize,
    ) -> Result<bool, Violation> {
        let index = id.0 as u32 * 2 + side as u32;
        let dice = self.streams.of(Subsystem::Application, index);
        let conversation = &mut self.conversations[id.0];
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        let path = if side == 0 { conversation.path } else { conversation.path.reversed() };
        let config = Some(std::sync::Arc::new(at.config.connection.clone()));
        let open = Open { remote: path.remote(), local: Some(path.local()), from: None, config };
        let Ok((connection_id, connection)) = at.endpoint.connect(now, open) else {
            return Ok(false);
        };
        if side == 0 {
            conversation.iss = Some(connection.internals().iss);
        }
        conversation.sides[side].has_connection = true;
        let script = conversation.scripts[side].clone();
        let application = Application::opening(id, side, script, dice);
        let slot = at.insert(now, connection_id, connection, Some(application));
        self.visit(host, slot)?;
        Ok(true)
    }

    /// How a side of a conversation stands; `None` when its connection is gone.
    pub fn internals(&self, id: ConversationId, side: usize) -> Option<Internals> {
        let mut slots = self.hosts.iter().flat_map(|host| &host.slots);
        let slot = slots.find(|slot| {
            let application = slot.application.as_ref();
            application.is_some_and(|it| (it.conversation, it.side) == (id, side))
        })?;
        Some(*slot.watch.last())
    }

    /// The true time since the start.
    pub const fn time(&self) -> Duration {
        self.time
    }

    /// The conversations, in the order in which they were opened.
    pub fn conversations(&self) -> &[Conversation] {
        &self.conversations
    }

    /// A conversation.
    pub fn conversation(&self, id: ConversationId) -> &Conversation {
        &self.conversations[id.0]
    }

    /// Whether no conversation has anything left to do.
    pub fn is_over(&self) -> bool {
        self.conversations.iter().all(Conversation::is_over)
    }

    /// Everything that happened, as one number.
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// What was counted.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Events so far.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub(crate) fn wires(&self) -> &[Wire] {
        &self.wires
    }

    pub(crate) fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// What each link did, in the order in which they were joined.
    pub fn link_stats(&self) -> impl Iterator<Item = LinkStats> {
        self.wires.iter().map(|wire| wire.link.stats())
    }

    /// Lets events happen until `until`, or until nothing more would happen.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn run_until(&mut self, until: Duration) -> Result<(), Violation> {
        while self.step(until)? {}
        Ok(())
    }

    /// Lets events happen until all conversations are over, at most for `time_max`. Returns whether
    /// they are.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn run_to_end(&mut self, time_max: Duration) -> Result<bool, Violation> {
        let until = self.time + time_max;
        while !self.is_over() && self.step(until)? {}
        Ok(self.is_over())
    }

    /// Lets the next moment at which something happens come; false if there is none before `until`,
    /// and then it is `until`.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn step(&mut self, until: Duration) -> Result<bool, Violation> {
        let time = self.next_event().filter(|time| *time <= until);
        let result = match time {
            Some(time) => self.step_to(time.max(self.time)).map(|()| true),
            None => {
                self.time = self.time.max(until);
                Ok(false)
            }
        };
        result.map_err(|violation| Violation { at: self.time, ..violation })
    }

    /// When something happens next.
    pub fn next_event(&self) -> Option<Duration> {
        let hosts = self.hosts.iter().filter_map(Host::next_event);
        hosts.chain(self.wires.iter().filter_map(|wire| wire.link.deadline())).min()
    }

    fn step_to(&mut self, time: Duration) -> Result<(), Violation> {
        self.steps += 1;
        self.steps_here = if time == self.time { self.steps_here + 1 } else { 0 };
        self.time = time;
        ensure(self.steps_here < STEPS_HERE_MAX, Invariant::Work, || {
            "time stands still while events go on".into()
        })?;
        ensure(self.steps < STEPS_MAX, Invariant::Work, || "too many events".into())?;
        for host in 0..self.hosts.len() {
            self.visit_due(HostId(host))?;
        }
        self.deliver_due()
    }

    /// Emits a packet of a host; what the device does not take waits.
    fn emit(&mut self, host: HostId, waiting: Waiting) -> Result<(), Violation> {
        self.counts.sent += 1;
        self.trace.count(self.time, host, &waiting.octets);
        self.trace.say(self.time, host, format_args!("sends   {}", waiting.packet));
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        if let Some(taken) = at.device.send(self.time, now, waiting) {
            self.put(host, taken)?;
        } else {
            self.trace.say(self.time, host, format_args!("        but the device is full"));
        }
        Ok(())
    }

    /// Puts a packet on the link to its destination, by the middlebox there.
    fn put(&mut self, from: HostId, waiting: Waiting) -> Result<(), Violation> {
        let Waiting { packet, octets, .. } = waiting;
        let Some(to) = self.host_at(packet.destination.ip()) else { return Ok(()) };
        let reverse = self.wires.iter().find(|wire| (wire.from, wire.to) == (to, from));
        let fin = reverse.and_then(|wire| wire.fin);
        let Some(wire) = self.wires.iter_mut().find(|wire| (wire.from, wire.to) == (from, to))
        else {
            return Ok(());
        };
        if packet.segment.is_fin() {
            wire.fin = Some(packet.segment.end());
        }
        let passed = wire.middlebox.pass(packet.clone(), fin);
        if passed.is_empty() {
            self.trace.say(self.time, from, format_args!("        lost by what it is"));
        }
        wire.last = Some(packet.clone());
        let mut too_big = Vec::new();
        for out in passed {
            let octets = if out == packet { octets.clone() } else { octets_of(&out, u32::MAX)? };
            let outcome = wire.link.send(self.time, Datagram::new(octets.clone()));
            if let LinkOutcome::TooBig { mtu_bytes } = outcome {
                too_big.push(TooBig { from, to, octets, mtu_bytes });
            }
            if outcome != LinkOutcome::Taken {
                self.trace.say(self.time, from, format_args!("        {outcome:?}"));
            }
            self.notes.add(self.time, from, &out, outcome);
        }
        too_big.iter().try_for_each(|dropped| self.report_too_big(dropped))
    }

    fn host_at(&self, address: IpAddr) -> Option<HostId> {
        self.hosts.iter().find(|host| host.config.address == address).map(|host| host.id)
    }

    /// Writes a line to the log.
    pub(crate) fn say(&mut self, host: HostId, what: fmt::Arguments<'_>) {
        self.trace.say(self.time, host, what);
    }

    /// The last packet that was sent to a host on each link.
    pub(crate) fn passed_to(&self, host: HostId) -> impl Iterator<Item = &TcpPacket> {
        self.wires.iter().filter(move |wire| wire.to == host).filter_map(|wire| wire.last.as_ref())
    }

    /// I-11, I-13: when everything is over, no connection is left, and nothing will happen.
    ///
    /// # Errors
    /// If something is left.
    pub fn check_at_rest(&self) -> Result<(), Violation> {
        for host in &self.hosts {
            let left: Vec<_> = host.slots.iter().map(|slot| slot.connection.path()).collect();
            ensure(left.is_empty(), Invariant::Memory, || {
                format!("host {} still has {left:?}", host.id)
            })?;
            let endpoint = &host.endpoint;
            let kept = [endpoint.connections(), endpoint.half_open(), endpoint.time_waits()];
            ensure(kept == [0; 3], Invariant::Memory, || {
                let names = "connections, half-open ones, and records of TIME-WAIT";
                format!("the endpoint of host {} still has {names}: {kept:?}", host.id)
            })?;
        }
        ensure(self.next_event().is_none(), Invariant::Memory, || {
            "something will still happen".into()
        })
    }

    /// How the connections stand, for a message.
    pub(crate) fn describe(&self) -> String {
        let slots = self.hosts.iter().flat_map(|host| &host.slots);
        slots
            .map(|slot| format!("\n  {:?}: {:?}", slot.connection.path(), slot.watch.last()))
            .collect()
    }
}

/// More events at one moment than this are a loop: each of a few hundred packets in flight, on each
/// of a few connections, causes a few.
const STEPS_HERE_MAX: u32 = 100_000;
/// More events than this are a loop: the longest run takes about a tenth.
const STEPS_MAX: u64 = 5_000_000;
