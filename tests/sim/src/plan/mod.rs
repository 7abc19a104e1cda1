//! Plan: a whole run, drawn from a seed: hosts, links, conversations, and which faults there are.

mod applications;
mod fault;
mod hosts;
mod links;

use core::fmt;
use core::time::Duration;

pub use fault::Fault;
use synack_netem::{Bottleneck, LinkConfig, Mtu, Rate};

use crate::Controller;
use crate::device::DeviceFaults;
use crate::host::{HostConfig, HostId};
use crate::middlebox::MiddleboxFaults;
use crate::script::Script;
use crate::streams::{Dice, Streams, Subsystem};

/// A run before it is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is drawn from.
    pub seed: u64,
    /// The faults in it.
    pub faults: Vec<Fault>,
    /// Both hosts; the second listens.
    pub hosts: [HostConfig; 2],
    /// The link from the first host to the second, and the other.
    pub links: [LinkConfig; 2],
    /// What stands in both.
    pub middleboxes: [MiddleboxFaults; 2],
    /// What the links are when everything is healed.
    pub healed: [LinkConfig; 2],
    /// When that is. Units: true time.
    pub heals_at: Duration,
    /// How long readers may rest after that.
    pub stalls_for: Duration,
    /// The conversations.
    pub conversations: Vec<Planned>,
    /// What happens at set times.
    pub incidents: Vec<(Duration, Incident)>,
    /// The first ISN of each host; `None` for whatever its clock gives.
    pub isns: [Option<u32>; 2],
    /// Whether the second host listens at all.
    pub listens: bool,
    /// Why conversations may fail, although both sides are willing.
    pub excuses: Vec<&'static str>,
}

/// A conversation to be opened.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When, at the soonest.
    pub opens_at: Duration,
    /// Whether it waits until all before it are over, and uses the ports of the first.
    pub is_successor: bool,
    /// Whether both sides open it.
    pub is_simultaneous: bool,
    /// What both sides do.
    pub scripts: [Script; 2],
}

/// Something that happens at a set time.
#[derive(Clone, Debug)]
pub enum Incident {
    /// A host stops.
    Crash(HostId),
    /// It starts again.
    Restart(HostId),
    /// A clock is put forward.
    PutForward(HostId, Duration),
    /// A clock is put back.
    PutBack(HostId, Duration),
    /// A clock runs at this many thousandths of its speed.
    Rate(HostId, u32),
    /// A blind attacker sends a few segments.
    Blind(HostId),
    /// An attacker in the path changes a packet.
    InPath(HostId),
    /// A host's connections are given another congestion controller.
    Controller(HostId, Controller),
    /// The first link, or the second, takes no larger packets.
    Narrow(usize, Mtu),
}

impl Plan {
    /// The run of `seed`, without some of its faults: all other draws stay as they are.
    pub fn draw(seed: u64, without: &[Fault]) -> Self {
        Self::assemble(seed, |fault, is_drawn| is_drawn && !without.contains(&fault))
    }

    /// A run with exactly these faults, each as strong as the seed has it.
    pub fn with(seed: u64, faults: &[Fault]) -> Self {
        Self::assemble(seed, |fault, _| faults.contains(&fault))
    }

    /// A run with the faults that are `wanted`, given whether the seed draws them.
    fn assemble(seed: u64, wanted: impl Fn(Fault, bool) -> bool) -> Self {
        let streams = Streams::new(seed);
        let mut dice = streams.of(Subsystem::Plan, 0);
        let mut plan = Self::plain(seed, &mut dice);
        for fault in Fault::ALL.iter().copied() {
            // The stream belongs to the fault, so it draws the same whatever the others do.
            let mut dice = streams.of(Subsystem::Plan, 1 + fault as u32);
            let is_drawn = dice.chance(fault.permille());
            if wanted(fault, is_drawn) {
                plan.faults.push(fault);
                fault.apply(&mut plan, &mut dice);
            }
        }
        plan.settle();
        plan
    }

    /// A run without faults.
    fn plain(seed: u64, dice: &mut Dice) -> Self {
        let addresses =
            if dice.chance(300) { ["fd00::1", "fd00::2"] } else { ["10.0.0.1", "10.0.0.2"] };
        let hosts = addresses.map(|address| {
            HostConfig::new(address.parse().expect("the addresses above are written correctly"))
        });
        let delay = dice.time_magnitude(Duration::from_micros(10), Duration::from_millis(400));
        let links = [(); 2].map(|()| LinkConfig { delay, ..LinkConfig::default() });
        let conversation = Planned {
            opens_at: Duration::ZERO,
            is_successor: false,
            is_simultaneous: false,
            scripts: applications::willing(dice),
        };
        Self {
            seed,
            faults: Vec::new(),
            hosts,
            healed: links.clone(),
            links,
            middleboxes: Default::default(),
            heals_at: dice.time(Duration::from_secs(5), HEALS_AT_MAX),
            stalls_for: Duration::ZERO,
            conversations: vec![conversation],
            incidents: Vec::new(),
            isns: [None; 2],
            listens: true,
            excuses: Vec::new(),
        }
    }

    /// Makes what was drawn fit together.
    fn settle(&mut self) {
        for (healed, link) in self.healed.iter_mut().zip(&self.links) {
            healed.delay = link.delay.min(Duration::from_secs(1));
            healed.bottleneck = link.bottleneck.map(|narrow| {
                let rate = narrow.rate.max(RATE_HEALED_MIN);
                Bottleneck::drop_tail(rate, 1_000)
            });
        }
        self.incidents.sort_by_key(|(time, _)| *time);
        let bytes_max = self.bytes_max();
        for conversation in &mut self.conversations {
            for script in &mut conversation.scripts {
                script.send_bytes = script.send_bytes.min(bytes_max);
            }
        }
    }

    /// How much a side may send for the run to stay short: a few thousand packets.
    fn bytes_max(&self) -> u64 {
        let payload = self.hosts.iter().map(|host| u64::from(host.mtu.max(140)) - 80).min();
        let portion = self.conversations.iter().flat_map(|it| &it.scripts);
        let portion =
            portion.map(|script| script.write_sizes.high.min(script.read_sizes.high)).min();
        let of_segments = payload.unwrap_or(u64::MAX).min(1_400) * 4_000;
        let of_portions = portion.unwrap_or(u64::MAX).saturating_mul(3_000);
        let of_windows = self.buffer_min().saturating_mul(ROUNDS_MAX);
        of_segments.min(of_portions).min(of_windows)
    }

    /// The smallest buffer: no more than that moves in a round trip.
    fn buffer_min(&self) -> u64 {
        let buffers = self.hosts.iter().map(|host| {
            let config = &host.connection;
            config.receive_buffer.initial().min(config.send_buffer.initial()) as u64
        });
        buffers.min().unwrap_or(u64::MAX)
    }

    /// How long the conversations may take on the healed links, one after another: on the wire, and
    /// in round trips with all that may delay a segment or its ACK.
    pub(crate) fn time_max(&self) -> Duration {
        let rates = self.healed.iter().filter_map(|link| Some(link.bottleneck?.rate.get()));
        let rate = rates.min().unwrap_or(u64::MAX);
        let on_wire = Duration::from_secs(20 * 8 * self.bytes() / rate);
        let rounds = self.bytes() / self.buffer_min() + 1;
        let links = self.healed.iter().map(|link| link.delay).sum::<Duration>();
        on_wire + (links + ROUND_DELAY) * u32::try_from(rounds).unwrap_or(u32::MAX)
    }

    /// Octets that both sides of all conversations mean to send.
    pub fn bytes(&self) -> u64 {
        let scripts = self.conversations.iter().flat_map(|it| &it.scripts);
        scripts.map(|script| script.send_bytes).sum()
    }

    /// Lets conversations fail, for `why`.
    fn excuse(&mut self, why: &'static str) {
        self.excuses.push(why);
    }

    /// The device of both hosts, to be changed.
    fn devices(&mut self) -> impl Iterator<Item = &mut DeviceFaults> {
        self.hosts.iter_mut().map(|host| &mut host.device)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.faults.iter().map(|fault| fault.name()).collect();
        writeln!(f, "seed {}: {}", self.seed, names.join(", "))?;
        writeln!(f, "heals at {:?}; excuses: {:?}", self.heals_at, self.excuses)?;
        for (host, name) in self.hosts.iter().zip(["A", "B"]) {
            writeln!(f, "{name}: {host:?}")?;
        }
        for (index, name) in ["A to B", "B to A"].into_iter().enumerate() {
            writeln!(f, "{name}: {:?}", self.links[index])?;
            writeln!(f, "        {:?}", self.middleboxes[index])?;
        }
        for conversation in &self.conversations {
            writeln!(f, "{conversation:?}")?;
        }
        for (time, incident) in &self.incidents {
            writeln!(f, "at {time:?} {incident:?}")?;
        }
        Ok(())
    }
}

/// The latest time at which everything is healed.
///
/// Retransmissions double: what was sent before and is lost until then is sent again before the
/// three minutes of a SYN (MUST-23) and the five of a user timeout are over. So no connection may
/// fail for faults that merely lose packets.
pub(crate) const HEALS_AT_MAX: Duration = Duration::from_secs(80);

/// Round trips that a side may need for what it sends, if buffers are small.
const ROUNDS_MAX: u64 = 300;

/// What a round trip may take beside the links: a delayed ACK (below 500 ms), an override of silly
/// window avoidance (200 ms), devices and timers that are late.
const ROUND_DELAY: Duration = Duration::from_secs(1);

/// The slowest healed link: what is in its queue leaves within a minute.
const RATE_HEALED_MIN: Rate = Rate::kbit(1_000);
