//! Faults of hosts: configuration, devices, clocks, crashes, and who attacks them.

use core::time::Duration;

use synack_tcb::{Nagle, SynCookies};

use super::{Incident, Plan};
use crate::Controller;
use crate::device::Batching;
use crate::host::HostId;
use crate::streams::Dice;

/// One of both hosts.
fn either(dice: &mut Dice) -> HostId {
    HostId(dice.below(2) as usize)
}

/// A time before everything is healed, early times as likely as late ones.
fn moment(plan: &Plan, dice: &mut Dice) -> Duration {
    dice.time_magnitude(Duration::from_millis(1), plan.heals_at)
}

pub(super) fn mtu(plan: &mut Plan, dice: &mut Dice) {
    let least = if plan.hosts[0].address.is_ipv6() { 1_280 } else { 140 };
    for host in &mut plan.hosts {
        host.mtu = dice.magnitude(least, 65_535) as u32;
    }
}

pub(super) fn isn(plan: &mut Plan, dice: &mut Dice) {
    for side in 0..2 {
        let edge = dice.pick(&[0, 1 << 31]);
        let before = dice.magnitude(1, 300_000) as u32;
        let isn = if dice.chance(850) { 0u32.wrapping_sub(before) } else { before };
        plan.isns[side] = dice.chance(700).then(|| isn.wrapping_add(edge));
    }
}

pub(super) fn configuration(plan: &mut Plan, dice: &mut Dice) {
    for host in &mut plan.hosts {
        let config = &mut host.connection;
        config.timestamps = dice.chance(600);
        config.sack = dice.chance(600);
        config.window_scaling = dice.chance(600);
        config.nodelay = dice.chance(400);
        config.nagle = dice.pick(&[Nagle::Classic, Nagle::Minshall]);
        config.ack_delay = dice.time(Duration::ZERO, Duration::from_millis(499));
        config.quick_acks = dice.pick(&[0, 1, 16]);
        config.copy_below = dice.pick(&[0, 750, 65_536]);
        config.rto_min = dice.pick(&[20, 200, 1_000].map(Duration::from_millis));
    }
}

pub(super) fn controllers(plan: &mut Plan, dice: &mut Dice) {
    for host in &mut plan.hosts {
        host.connection.congestion = dice.pick(Controller::ALL).factory();
        host.connection.pacing = dice.chance(400);
    }
}

pub(super) fn controller_changes(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.magnitude(1, 30) {
        let (host, time) = (either(dice), moment(plan, dice));
        plan.incidents.push((time, Incident::Controller(host, dice.pick(Controller::ALL))));
    }
}

pub(super) fn small_buffers(plan: &mut Plan, dice: &mut Dice) {
    for host in &mut plan.hosts {
        if dice.chance(700) {
            host.connection.receive_buffer = (dice.magnitude(1, 200_000) as usize).into();
        }
        if dice.chance(700) {
            host.connection.send_buffer = (dice.magnitude(1, 200_000) as usize).into();
        }
    }
}

pub(super) fn short_timeouts(plan: &mut Plan, dice: &mut Dice) {
    let host = &mut plan.hosts[dice.below(2) as usize];
    let timeout = dice.time_magnitude(Duration::from_secs(1), Duration::from_secs(60));
    host.connection.user_timeout = Some(timeout);
    plan.excuse("a user timeout is short");
}

pub(super) fn keep_alive(plan: &mut Plan, dice: &mut Dice) {
    for host in &mut plan.hosts {
        let idle = dice.time_magnitude(Duration::from_millis(500), Duration::from_secs(60));
        let interval = dice.time_magnitude(Duration::from_millis(500), Duration::from_secs(60));
        let probes_max = dice.between(1, 10) as u32;
        host.connection.keep_alive = Some(synack_tcb::KeepAlive { idle, interval, probes_max });
    }
    plan.excuse("keep-alive gives up soon");
}

pub(super) fn syn_cookies(plan: &mut Plan, dice: &mut Dice) {
    let listener = &mut plan.hosts[1].listener;
    listener.syn_cookies = dice.pick(&[SynCookies::Always, SynCookies::WhenFull]);
    listener.half_open_max = dice.between(0, 2) as u32;
    listener.backlog = dice.magnitude(1, 16) as u32;
    // A later segment that overtakes the last ACK of the handshake is no cookie, and draws a RST.
    plan.excuse("handshakes may be stateless");
}

pub(super) fn full_device(plan: &mut Plan, dice: &mut Dice) {
    for device in plan.devices() {
        device.full_permille = dice.magnitude(1, 250) as u32;
        device.full_time_max =
            dice.time_magnitude(Duration::from_micros(10), Duration::from_millis(500));
    }
}

pub(super) fn lazy_output(plan: &mut Plan, dice: &mut Dice) {
    for device in plan.devices() {
        device.lazy_permille = dice.magnitude(10, 900) as u32;
        device.lazy_time_max =
            dice.time_magnitude(Duration::from_micros(10), Duration::from_millis(50));
    }
}

pub(super) fn coarse_timers(plan: &mut Plan, dice: &mut Dice) {
    for device in plan.devices() {
        device.tick = dice.pick(&[0, 1, 1, 10].map(Duration::from_millis));
        device.early_permille = dice.pick(&[0, 10, 200]);
    }
}

pub(super) fn batching(plan: &mut Plan, dice: &mut Dice) {
    for device in plan.devices() {
        device.batching = dice.pick(&[Batching::Batched, Batching::Coalesced]);
    }
}

pub(super) fn super_segments(plan: &mut Plan, dice: &mut Dice) {
    for device in plan.devices() {
        device.super_segment_max = dice.magnitude(1_000, 65_000) as u32;
    }
}

pub(super) fn clock_drift(plan: &mut Plan, dice: &mut Dice) {
    for host in [HostId(0), HostId(1)] {
        let rate = dice.between(900, 1_100) as u32;
        plan.incidents.push((Duration::ZERO, Incident::Rate(host, rate)));
    }
}

pub(super) fn clock_jump(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.between(1, 3) {
        let (host, time) = (either(dice), moment(plan, dice));
        if dice.chance(300) {
            let by = dice.time_magnitude(Duration::from_millis(1), Duration::from_hours(1));
            plan.incidents.push((time, Incident::PutBack(host, by)));
            plan.excuse("a clock goes back");
            continue;
        }
        let by = dice.time_magnitude(Duration::from_millis(1), Duration::from_hours(30 * 24));
        plan.incidents.push((time, Incident::PutForward(host, by)));
        plan.excuse("a clock jumps over timeouts");
    }
}

pub(super) fn clock_stop(plan: &mut Plan, dice: &mut Dice) {
    let (host, time) = (either(dice), moment(plan, dice));
    let length = dice.time_magnitude(Duration::from_millis(1), Duration::from_secs(20));
    plan.incidents.push((time, Incident::Rate(host, 0)));
    plan.incidents.push((time + length, Incident::Rate(host, 1_000)));
}

pub(super) fn crash(plan: &mut Plan, dice: &mut Dice) {
    let (host, time) = (either(dice), moment(plan, dice));
    let downtime = dice.time_magnitude(Duration::from_millis(1), Duration::from_secs(60));
    plan.incidents.push((time, Incident::Crash(host)));
    plan.incidents.push((time + downtime, Incident::Restart(host)));
    plan.excuse("a host crashes");
}

pub(super) fn blind_attack(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.magnitude(1, 100) {
        let (host, time) = (either(dice), moment(plan, dice));
        plan.incidents.push((time, Incident::Blind(host)));
    }
}

pub(super) fn in_path_attack(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.magnitude(1, 300) {
        let (host, time) = (either(dice), moment(plan, dice));
        plan.incidents.push((time, Incident::InPath(host)));
    }
    plan.excuse("an attacker is in the path");
}

pub(super) fn no_listener(plan: &mut Plan, _dice: &mut Dice) {
    plan.listens = false;
    plan.excuse("no one listens");
}
