//! Visits: what a host does with a connection when something happened to it, in the order that
//! `Connection` asks for.

use core::time::Duration;

use synack_tcb::{ConnectionConfig, EndpointEvent, KeepAlive, TransmitLimits};
use synack_wire::Cut;

use super::Network;
use crate::device::Waiting;
use crate::host::HostId;
use crate::oracle::Cause;
use crate::violation::{Invariant, Violation, ensure};
use crate::wire_tap::octets_of;

impl Network {
    /// Everything that is due at a host by itself: timers, applications, a device that is free
    /// again.
    pub(super) fn visit_due(&mut self, host: HostId) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        if at.is_down || at.next_event().is_none_or(|next| next > self.time) {
            return Ok(());
        }
        let now = at.now(self.time);
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= self.time);
        if is_due(at.endpoint.deadline().and_then(|deadline| at.fires_at(deadline))) {
            at.endpoint.handle_timeout(now);
        }
        if is_due(at.device.writable_at()) {
            self.go_on_sending(host)?;
        }
        for index in 0..self.hosts[host.0].slots.len() {
            self.visit_if_due(host, index)?;
        }
        self.flush_endpoint(host)?;
        self.forget_released(host);
        self.hosts[host.0].judge_endpoint(self.time)
    }

    fn visit_if_due(&mut self, host: HostId, index: usize) -> Result<(), Violation> {
        let time = self.time;
        let at = &mut self.hosts[host.0];
        let now = at.now(time);
        let deadline = at.slots[index].connection.deadline();
        let fires_at = deadline.and_then(|deadline| at.fires_at(deadline));
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= time);
        let slot = &mut at.slots[index];
        let has_fired = is_due(fires_at);
        let sends = is_due(slot.sends_at);
        let wakes = slot.application.as_ref().is_some_and(|it| is_due(it.wakes_at()));
        if !(has_fired || sends || wakes) {
            return Ok(());
        }
        if has_fired {
            slot.connection.handle_timeout(now);
            slot.watch.judge(now, &slot.connection, &Cause::Timeout)?;
        }
        if sends {
            slot.sends_at = None;
            self.run_application(host, index)?;
            return self.flush(host, index);
        }
        self.visit(host, index)
    }

    /// Drains a connection: events, what concerns the endpoint, packets.
    pub(crate) fn visit(&mut self, host: HostId, index: usize) -> Result<(), Violation> {
        self.run_application(host, index)?;
        self.carry(host, index)?;
        let time = self.time;
        let at = &mut self.hosts[host.0];
        let now = at.now(time);
        let slot = &mut at.slots[index];
        if at.device.looks_early() {
            self.counts.early += 1;
            slot.connection.handle_timeout(now);
            slot.watch.judge(now, &slot.connection, &Cause::Timeout)?;
        }
        if slot.sends_at.is_some() {
            return Ok(());
        }
        if let Some(wait) = at.device.puts_off() {
            self.counts.put_off += 1;
            slot.sends_at = Some(time + wait);
            return Ok(());
        }
        self.flush(host, index)
    }

    /// Lets the application act on what the connection says, as often as it says something.
    fn run_application(&mut self, host: HostId, index: usize) -> Result<(), Violation> {
        let time = self.time;
        let at = &mut self.hosts[host.0];
        let now = at.now(time);
        let slot = &mut at.slots[index];
        for _ in 0..ROUNDS_MAX {
            let events = slot.connection.poll_events();
            let (mut handle, application) = slot.handle(now);
            let Some(application) = application else { return Ok(()) };
            let conversation = &mut self.conversations[application.conversation.0];
            application.on_events(events);
            application.run(time, &mut handle, conversation)?;
            if let Some(outcome) = application.outcome().filter(|_| !slot.is_detached) {
                let side = conversation.sides.map(|side| (side.sent, side.received));
                self.trace.say(time, host, format_args!("is done: {outcome:?}, {side:?}"));
                self.trace.count(time, host, format!("{outcome:?}").as_bytes());
                slot.handle(now).0.detach()?;
                slot.is_detached = true;
            }
            if events.is_empty() {
                return Ok(());
            }
        }
        Err(Violation::new(Invariant::Work, "the connection says something new without end"))
    }

    /// Carries what concerns the endpoint there.
    pub(super) fn carry(&mut self, host: HostId, index: usize) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        let length = at.time_wait_length();
        let slot = &mut at.slots[index];
        while let Some(event) = slot.connection.poll_endpoint_event() {
            slot.is_released |= matches!(event, EndpointEvent::Released(_));
            if let EndpointEvent::TimeWait(time_wait) = &event {
                at.time_waits.on_entered(time_wait, length);
            }
            at.endpoint.handle_event(now, slot.id, event);
            if slot.is_released {
                break;
            }
        }
        self.share_path_mtu(host)
    }

    /// Sends what there is, until the device is full.
    fn flush(&mut self, host: HostId, index: usize) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        let limits = TransmitLimits { super_segment_max: at.device.faults.super_segment_max };
        let mtu = at.config.mtu;
        let wanted = at.slots[index].connection.wants_transmit();
        for _ in 0..FLUSH_MAX {
            let at = &mut self.hosts[host.0];
            if at.device.is_full() {
                return Ok(());
            }
            let slot = &mut at.slots[index];
            let Some(packet) = slot.connection.poll_transmit(now, limits) else {
                slot.watch.judge(now, &slot.connection, &Cause::Polled)?;
                slot.watch.judge_drained(now)?;
                return self.carry(host, index);
            };
            slot.watch.judge(now, &slot.connection, &Cause::Transmit(&packet))?;
            ensure(wanted, Invariant::Timers, || {
                format!("wants_transmit() denied that there is {packet}")
            })?;
            let id = Some(slot.id);
            for packet in packet.cut_up().map(Cut::to_packet) {
                let octets = octets_of(&packet, mtu)?;
                self.emit(host, Waiting { id, packet, octets })?;
            }
        }
        Err(Violation::new(Invariant::Work, "poll_transmit gives packets without end"))
    }

    /// Sends what the endpoint has to say; a full device drops it.
    pub(super) fn flush_endpoint(&mut self, host: HostId) -> Result<(), Violation> {
        let now = self.hosts[host.0].now(self.time);
        for _ in 0..FLUSH_MAX {
            let Some((_link, packet)) = self.hosts[host.0].endpoint.poll_transmit(now) else {
                return Ok(());
            };
            self.reply(host, packet)?;
        }
        Err(Violation::new(Invariant::Work, "the endpoint gives packets without end"))
    }

    /// Sends a packet of the endpoint, unless the device is full.
    pub(super) fn reply(
        &mut self,
        host: HostId,
        packet: synack_wire::TcpPacket,
    ) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        let octets = octets_of(&packet, at.config.mtu)?;
        if at.device.is_full() {
            self.counts.dropped_replies += 1;
            return Ok(());
        }
        self.emit(host, Waiting { id: None, packet, octets })
    }

    /// The device is not full any more: what waited leaves, and connections learn that it left only
    /// now.
    fn go_on_sending(&mut self, host: HostId) -> Result<(), Violation> {
        let at = &mut self.hosts[host.0];
        let now = at.now(self.time);
        let Some((since, backlog)) = at.device.drain() else { return Ok(()) };
        let mut stalled = Vec::new();
        for waiting in backlog {
            stalled.extend(waiting.id.filter(|id| !stalled.contains(id)));
            self.trace.say(self.time, host, format_args!("now out {}", waiting.packet));
            self.put(host, waiting)?;
        }
        for id in stalled {
            let at = &mut self.hosts[host.0];
            let Some(index) = at.find(id) else { continue };
            let slot = &mut at.slots[index];
            slot.connection.handle_stall(now, since);
            slot.watch.judge(now, &slot.connection, &Cause::Stall)?;
        }
        for index in 0..self.hosts[host.0].slots.len() {
            self.visit(host, index)?;
        }
        Ok(())
    }

    /// Lets applications rest no more.
    pub(super) fn hurry_host(&mut self, host: HostId) -> Result<(), Violation> {
        for index in 0..self.hosts[host.0].slots.len() {
            if let Some(application) = &mut self.hosts[host.0].slots[index].application {
                application.hurry();
            }
            self.visit(host, index)?;
        }
        self.forget_released(host);
        Ok(())
    }

    /// Lets all applications abort that are not done yet.
    pub(super) fn abandon_host(&mut self, host: HostId) -> Result<(), Violation> {
        for index in 0..self.hosts[host.0].slots.len() {
            if let Some(application) = &mut self.hosts[host.0].slots[index].application {
                application.give_up();
            }
            self.visit(host, index)?;
        }
        self.forget_released(host);
        Ok(())
    }

    /// Drops connections that are released and that no application reads from any more.
    pub(super) fn forget_released(&mut self, host: HostId) {
        self.hosts[host.0].slots.retain(|slot| {
            let is_read = slot.application.is_some() && !slot.is_detached;
            !slot.is_released || is_read
        });
    }

    /// Ends the faults of a host, and lets keep-alive find out about peers that are gone.
    pub(super) fn heal_host(&mut self, host: HostId) -> Result<(), Violation> {
        if self.hosts[host.0].is_down {
            self.restart(host)?;
        }
        let time = self.time;
        let at = &mut self.hosts[host.0];
        at.device.heal();
        at.clock.set_rate(time, 1_000);
        at.config.connection.keep_alive = Some(KEEP_ALIVE_HEALED);
        for slot in &mut at.slots {
            slot.sends_at = None;
        }
        self.configure_host(host, |config| config.keep_alive = Some(KEEP_ALIVE_HEALED))
    }

    /// Changes the configuration of every connection of a host.
    pub(super) fn configure_host(
        &mut self,
        host: HostId,
        set: impl Fn(&mut ConnectionConfig),
    ) -> Result<(), Violation> {
        let now = self.hosts[host.0].now(self.time);
        for index in 0..self.hosts[host.0].slots.len() {
            let slot = &mut self.hosts[host.0].slots[index];
            slot.connection.configure(now, &set);
            slot.watch.judge(now, &slot.connection, &Cause::Configure)?;
            self.visit(host, index)?;
        }
        self.forget_released(host);
        Ok(())
    }
}

/// How soon a peer that is gone is noticed once the network is healed: after more than the longest
/// RTO, as a peer with a full window is only heard when it sends again.
const KEEP_ALIVE_HEALED: KeepAlive =
    KeepAlive { idle: Duration::from_secs(150), interval: Duration::from_secs(10), probes_max: 5 };

/// How often a connection may say something new in one visit: each time the application acts.
const ROUNDS_MAX: usize = 100;
/// More packets than this in one visit are a loop: 1 MiB in the smallest segments are 21,846.
const FLUSH_MAX: usize = 50_000;
