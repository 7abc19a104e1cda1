//! A run: a plan carried out, healed half-way, and brought to rest.

use core::time::Duration;

use synack_netem::{LinkConfig, LinkStats};
use synack_tcb::FourTuple;
use synack_wire::SeqNum;

use crate::conversation::Outcome;
use crate::device::DeviceFaults;
use crate::host::HostId;
use crate::isn::{Opening, epoch_for};
use crate::network::{Counts, Network};
use crate::plan::{Fault, Incident, Plan, Planned};
use crate::script::{Ending, Script};
use crate::streams::{Dice, Streams, Subsystem};
use crate::trace::Log;
use crate::violation::{Invariant, Violation, ensure};

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything that happened, as one number.
    pub trace_hash: u64,
    /// How long it took, by the true time of the simulation.
    pub time: Duration,
    /// Moments at which something happened.
    pub steps: u64,
    /// Conversations that were opened, and those of them that both sides completed.
    pub conversations: (u64, u64),
    /// What was counted.
    pub counts: Counts,
    /// What links did, both directions together.
    pub links: LinkStats,
    /// Packets lost in middleboxes by what they are.
    pub targeted: u64,
    /// Packets that middleboxes changed.
    pub changed: u64,
    /// Times at which a device was full.
    pub full: u64,
}

impl Report {
    /// Adds what another run came to. The number of a sum of runs means nothing.
    pub fn add(&mut self, other: &Self) {
        self.time += other.time;
        self.steps += other.steps;
        self.conversations.0 += other.conversations.0;
        self.conversations.1 += other.conversations.1;
        self.counts.add(&other.counts);
        add(&mut self.links, &other.links);
        self.targeted += other.targeted;
        self.changed += other.changed;
        self.full += other.full;
    }
}

/// Carries out a plan; `log` takes what happens, line by line.
///
/// # Errors
/// The first invariant that does not hold.
///
/// # Panics
/// If an assertion of the code under test fails.
pub fn run(plan: &Plan, log: Option<Log>) -> Result<Report, Violation> {
    let mut stage = Stage::new(plan, log)?;
    let result = stage.play();
    result.map_err(|violation| match violation.at {
        Duration::ZERO => Violation { at: stage.network.time(), ..violation },
        _ => violation,
    })?;
    Ok(stage.report())
}

/// A plan being carried out.
struct Stage<'a> {
    plan: &'a Plan,
    network: Network,
    /// Conversations that are not open yet.
    waiting: Vec<Waiting<'a>>,
    /// Since when a successor has waited for those before it to be over.
    free_since: Option<Duration>,
    attacker: Dice,
    opened: u64,
}

/// A conversation that is not open yet.
#[derive(Clone, Copy)]
struct Waiting<'a> {
    planned: &'a Planned,
    port: u16,
    /// Its addresses were found in use: tried again then.
    not_before: Duration,
}

const A: HostId = HostId(0);
const B: HostId = HostId(1);

impl<'a> Stage<'a> {
    fn new(plan: &'a Plan, log: Option<Log>) -> Result<Self, Violation> {
        let streams = Streams::new(plan.seed);
        let mut network = Network::new(streams);
        if let Some(log) = log {
            network.set_log(log);
        }
        for (index, config) in plan.hosts.iter().enumerate() {
            let mut config = config.clone();
            if let Some(epoch) = epoch(plan, index, streams) {
                config.epoch = epoch;
            }
            network.add_host(config);
        }
        network.join(A, B, plan.links[0].clone(), plan.middleboxes[0].clone());
        network.join(B, A, plan.links[1].clone(), plan.middleboxes[1].clone());
        if plan.listens {
            network.listen(B, SERVER_PORT)?;
        }
        // An attacker in the path may open connections; and with SYN cookies an old ACK that comes
        // once more is a new connection, as the listener keeps no state (RFC 4987 §3.6).
        network.allows_ghosts =
            [Fault::InPathAttack, Fault::SynCookies].iter().any(|it| plan.faults.contains(it));
        let ports = (0..).map(|index| CLIENT_PORT + index);
        let waiting = plan.conversations.iter().zip(ports).map(|(planned, port)| {
            let port = if planned.is_successor { CLIENT_PORT } else { port };
            Waiting { planned, port, not_before: Duration::ZERO }
        });
        Ok(Self {
            plan,
            network,
            waiting: waiting.collect(),
            free_since: None,
            attacker: streams.of(Subsystem::Attacker, 0),
            opened: 0,
        })
    }

    fn play(&mut self) -> Result<(), Violation> {
        let plan = self.plan;
        for (time, incident) in &plan.incidents {
            self.go_on_until((*time).min(plan.heals_at))?;
            self.happen(incident)?;
        }
        self.go_on_until(plan.heals_at)?;
        self.network.heal(&plan.healed)?;
        self.go_on_until(plan.heals_at + plan.stalls_for)?;
        self.network.hurry()?;
        self.finish()?;
        self.come_to_rest()?;
        self.judge_outcomes()
    }

    /// Lets time pass, and opens conversations when theirs has come; stops early if nothing is left
    /// to wait for.
    fn go_on_until(&mut self, until: Duration) -> Result<(), Violation> {
        while self.network.time() < until {
            self.open_waiting()?;
            if self.is_over() && self.plan.incidents.is_empty() {
                return Ok(());
            }
            let next = self.next_opening().unwrap_or(until).clamp(self.network.time(), until);
            if !self.network.step(next)? && next == until {
                return Ok(());
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.network.is_over()
    }

    /// When a conversation is opened next, as far as that is known.
    fn next_opening(&self) -> Option<Duration> {
        self.waiting.iter().filter_map(|waiting| self.opens_at(waiting)).min()
    }

    fn opens_at(&self, waiting: &Waiting<'_>) -> Option<Duration> {
        let Waiting { planned, not_before, .. } = waiting;
        let since = if planned.is_successor { self.free_since? } else { Duration::ZERO };
        Some((since + planned.opens_at).max(*not_before))
    }

    /// Opens what is due; successors one at a time.
    fn open_waiting(&mut self) -> Result<(), Violation> {
        let time = self.network.time();
        let is_free = self.network.is_over();
        self.free_since = is_free.then(|| self.free_since.unwrap_or(time));
        for mut waiting in core::mem::take(&mut self.waiting) {
            if self.opens_at(&waiting).is_none_or(|at| at > time) {
                self.waiting.push(waiting);
            } else if self.open(waiting)? {
                self.free_since = self.free_since.filter(|_| !waiting.planned.is_successor);
            } else {
                // In use for a while yet: TIME-WAIT, or the remains of a reset.
                waiting.not_before = time + RETRY;
                self.waiting.push(waiting);
            }
        }
        Ok(())
    }

    fn open(&mut self, waiting: Waiting<'_>) -> Result<bool, Violation> {
        let Waiting { planned, port, .. } = waiting;
        let scripts = planned.scripts.clone();
        let id = if planned.is_simultaneous {
            let ends = [(A, port), (B, SIMULTANEOUS_PORT)];
            self.network.open_simultaneously(ends, scripts)?
        } else {
            self.network.open((A, port), (B, SERVER_PORT), scripts)?
        };
        self.opened += u64::from(id.is_some());
        Ok(id.is_some())
    }

    fn happen(&mut self, incident: &Incident) -> Result<(), Violation> {
        let time = self.network.time();
        match incident {
            Incident::Crash(host) => self.network.crash(*host),
            Incident::Restart(host) => return self.network.restart(*host),
            Incident::PutForward(host, by) => {
                self.network.change_clock(*host, |clock| clock.put_forward(time, *by));
            }
            Incident::PutBack(host, by) => {
                self.network.change_clock(*host, |clock| clock.put_back(time, *by));
            }
            Incident::Rate(host, rate) => {
                self.network.change_clock(*host, |clock| clock.set_rate(time, *rate));
            }
            Incident::Blind(host) => {
                for _ in 0..self.attacker.between(1, 4) {
                    self.network.attack_blindly(*host, &mut self.attacker)?;
                }
            }
            Incident::InPath(host) => self.network.attack_in_path(*host, &mut self.attacker)?,
            Incident::Controller(host, controller) => {
                self.network.set_congestion(*host, *controller)?;
            }
            Incident::Narrow(index, mtu) => {
                let config = self.plan.links[*index].clone();
                self.network.set_link(*index, LinkConfig { mtu: Some(*mtu), ..config });
            }
        }
        Ok(())
    }

    /// I-13: on the healed network every conversation ends.
    fn finish(&mut self) -> Result<(), Violation> {
        let until = self.network.time() + self.patience();
        self.go_on_until(until)?;
        if self.network.is_over() && self.waiting.is_empty() {
            return Ok(());
        }
        let stuck: Vec<_> =
            self.network.conversations().iter().filter(|it| !it.is_over()).collect();
        let is_hopeless = stuck.iter().all(|it| it.is_poisoned);
        ensure(is_hopeless, Invariant::Liveness, || {
            let sides: Vec<_> = stuck.iter().map(|it| it.sides).collect();
            format!("stuck: {sides:?}{}", self.network.describe())
        })?;
        self.network.abandon()
    }

    /// How long a healed network may take: every timer that gives a connection up, and the time
    /// that the conversations need.
    fn patience(&self) -> Duration {
        let opening = (RETRY * 15) * self.plan.conversations.len() as u32;
        let back = self.plan.incidents.iter().filter_map(|(_, incident)| match incident {
            Incident::PutBack(_, by) => Some(*by),
            Incident::Crash(_)
            | Incident::Restart(_)
            | Incident::PutForward(..)
            | Incident::Rate(..)
            | Incident::Blind(_)
            | Incident::InPath(_)
            | Incident::Controller(..)
            | Incident::Narrow(..) => None,
        });
        PATIENCE + self.plan.time_max() + opening + back.sum()
    }

    /// I-11: when all is over, everything is given back.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        let until = self.network.time() + self.patience();
        self.network.run_until(until)?;
        self.network.check_at_rest()
    }

    /// What the conversations must have come to.
    fn judge_outcomes(&self) -> Result<(), Violation> {
        for conversation in self.network.conversations() {
            let is_willing = conversation.scripts.iter().all(is_willing);
            if conversation.is_poisoned || !is_willing || !self.plan.excuses.is_empty() {
                continue;
            }
            // A listener gives up half-open connections after a minute (DEC-18), and then a client
            // that only waits must be reset.
            let is_half_open = !conversation.sides[1].has_connection;
            let is_given_up =
                is_half_open && matches!(conversation.sides[0].outcome, Some(Outcome::Failed(_)));
            ensure(conversation.is_complete() || is_given_up, Invariant::Liveness, || {
                format!("both sides were willing, and came to {:?}", conversation.sides)
            })?;
        }
        Ok(())
    }

    fn report(&self) -> Report {
        let conversations = self.network.conversations();
        let completed = conversations.iter().filter(|it| it.is_complete()).count();
        let mut links = LinkStats::default();
        for stats in self.network.link_stats() {
            add(&mut links, &stats);
        }
        let middleboxes = || self.network.wires().iter().map(|wire| &wire.middlebox);
        Report {
            trace_hash: self.network.trace_hash(),
            time: self.network.time(),
            steps: self.network.steps(),
            conversations: (self.opened, completed as u64),
            counts: self.network.counts(),
            links,
            targeted: middleboxes().map(|it| it.lost).sum(),
            changed: middleboxes().map(|it| it.changed).sum(),
            full: self.network.hosts().iter().map(|host| host.device.refusals).sum(),
        }
    }
}

/// Whether a side means to send and receive everything.
fn is_willing(script: &Script) -> bool {
    match script.ending {
        Ending::CloseAfterSending | Ending::CloseAfterReceiving => true,
        Ending::AbortAfter { .. } | Ending::DropAfterSending => false,
    }
}

/// What the clock of a host must read at the start for the ISN that the plan asks for.
fn epoch(plan: &Plan, index: usize, streams: Streams) -> Option<Duration> {
    let isn = SeqNum::new(plan.isns[index]?);
    let first = plan.conversations.first()?;
    let port = if first.is_simultaneous { SIMULTANEOUS_PORT } else { SERVER_PORT };
    let [client, server] = &plan.hosts;
    let path = FourTuple::new((client.address, CLIENT_PORT).into(), (server.address, port).into());
    let config = crate::HostConfig { device: DeviceFaults::default(), ..plan.hosts[index].clone() };
    let host = (HostId(index), &config);
    if index == 0 {
        return epoch_for(isn, host, streams, (path, Opening::Active), first.opens_at);
    }
    let opening = if first.is_simultaneous { Opening::Active } else { Opening::Passive };
    let wait = first.opens_at + plan.links[0].delay;
    epoch_for(isn, host, streams, (path.reversed(), opening), wait)
}

/// Adds what one link did to the sum.
fn add(sum: &mut LinkStats, more: &LinkStats) {
    sum.sent += more.sent;
    sum.sent_bytes += more.sent_bytes;
    sum.delivered += more.delivered;
    sum.delivered_bytes += more.delivered_bytes;
    sum.too_big += more.too_big;
    sum.lost_outage += more.lost_outage;
    sum.lost_targeted += more.lost_targeted;
    sum.lost_uniform += more.lost_uniform;
    sum.lost_burst += more.lost_burst;
    sum.queue_dropped += more.queue_dropped;
    sum.codel_dropped += more.codel_dropped;
    sum.police_dropped += more.police_dropped;
    sum.flight_dropped += more.flight_dropped;
    sum.duplicated += more.duplicated;
    sum.reordered += more.reordered;
    sum.spiked += more.spiked;
    sum.corrupted += more.corrupted;
    sum.truncated += more.truncated;
    sum.padded += more.padded;
    sum.ce_marked += more.ce_marked;
}

/// Where the second host listens, and from where the first opens.
const SERVER_PORT: u16 = 80;
const CLIENT_PORT: u16 = 40_000;
/// The second host's port of a simultaneous open.
const SIMULTANEOUS_PORT: u16 = 4_000;

/// How soon an open that found its addresses in use is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The user timeout, the longest RTO and the longest interval of probes, each twice; two MSL; and
/// some.
const PATIENCE: Duration = Duration::from_mins(30);
