//! Calls that wait, and time that passes meanwhile.
//!
//! packetdrill makes a call that may block on a second thread and looks, from the first, whether
//! that thread is asleep. So a call that waits really sleeps. When something happens that may end
//! its wait, the thread that made it happen holds still until the sleeper has either gone to sleep
//! again or read the clock, which is the first thing it does when its call is over: otherwise the
//! virtual clock would run on in between.

use std::cell::Cell;
use std::sync::PoisonError;
use std::time::Duration;

use synack_simhost::{Errno, Fault, Host};

use crate::world::{Held, SHARED, World, world};

thread_local! {
    /// This thread was woken in a call, and has not read the clock since.
    static OWES_A_LOOK: Cell<bool> = const { Cell::new(false) };
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// Something happened.
    Changed,
    /// The time was up.
    TimedOut,
}

/// Makes a call, again whenever something happened, until it does not have to wait any more, or
/// until `patience` is over: then it fails with `late`.
///
/// # Errors
/// The call's own.
pub(crate) fn call<T>(
    patience_us: Option<u64>,
    late: Errno,
    mut attempt: impl FnMut(&mut Host) -> Result<T, Fault>,
) -> Result<T, Errno> {
    let mut held = SHARED.lock();
    let until_us = patience_us.map(|patience| world(&mut held).host.now().saturating_add(patience));
    let mut has_slept = false;
    let result = loop {
        match attempt(&mut world(&mut held).host) {
            Ok(value) => break Ok(value),
            Err(Fault::Errno(errno)) => break Err(errno),
            Err(Fault::WouldBlock) => {}
        }
        let (again, woken) = sleep(held, until_us, has_slept);
        held = again;
        has_slept = true;
        if woken == Woken::TimedOut {
            break Err(late);
        }
    };
    if has_slept {
        OWES_A_LOOK.set(true);
    } else {
        held = wake_sleepers(held);
    }
    drop(held);
    result
}

/// The clock, which moves by a microsecond whenever it is read: packetdrill reads it in a loop.
pub(crate) fn read_clock_us() -> u64 {
    let mut held = SHARED.lock();
    if OWES_A_LOOK.replace(false) {
        let world = world(&mut held);
        world.unsettled = world.unsettled.saturating_sub(1);
        SHARED.settled.notify_all();
        return world.host.now();
    }
    let at_us = world(&mut held).host.now() + 1;
    held = advance(held, at_us);
    world(&mut held).host.now()
}

/// Time passes, for `time_us`.
pub(crate) fn pass(time_us: u64) {
    let mut held = SHARED.lock();
    let at_us = world(&mut held).host.now().saturating_add(time_us);
    drop(advance(held, at_us));
}

/// Something happens to the host, and whoever waits for it hears of it.
pub(crate) fn happen<T>(event: impl FnOnce(&mut World) -> T) -> T {
    let mut held = SHARED.lock();
    let result = event(world(&mut held));
    drop(wake_sleepers(held));
    result
}

/// Lets time pass until a packet has left, or until `limit_us`.
pub(crate) fn await_egress(limit_us: u64) -> Option<synack_simhost::Sent> {
    let mut held = SHARED.lock();
    loop {
        let world = world(&mut held);
        if world.host.has_egress() {
            return world.host.next_egress(limit_us);
        }
        let next_us = next_step(world).filter(|next| *next <= limit_us)?;
        held = advance(held, next_us);
    }
}

/// When something happens next by itself.
fn next_step(world: &World) -> Option<u64> {
    world.host.next_deadline().into_iter().chain(world.wakes_at_us).min()
}

/// Moves the clock; sleepers hear of everything that happens on the way.
fn advance(mut held: Held, at_us: u64) -> Held {
    while let Some(next_us) = next_step(world(&mut held)).filter(|next| *next <= at_us) {
        let due = world(&mut held);
        due.host.advance_to(next_us);
        let is_alarm = due.wakes_at_us.is_some_and(|at| at <= next_us);
        held = wake_sleepers(held);
        if is_alarm {
            world(&mut held).wakes_at_us.take_if(|at| *at <= next_us);
        }
    }
    world(&mut held).host.advance_to(at_us);
    held
}

/// Wakes whoever waits in a call, and holds still until they have settled.
fn wake_sleepers(mut held: Held) -> Held {
    let woken = world(&mut held);
    if woken.waiting == 0 {
        return held;
    }
    woken.alarms += 1;
    woken.unsettled = woken.waiting;
    SHARED.changed.notify_all();
    while held.as_ref().is_some_and(|world| world.unsettled > 0) {
        let waited = SHARED.settled.wait_timeout(held, SETTLING_MAX);
        let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        held = again;
        if timeout.timed_out() {
            break;
        }
    }
    held
}

/// Sleeps until something happens, or until `until_us` on the host's clock.
fn sleep(mut held: Held, until_us: Option<u64>, was_woken: bool) -> (Held, Woken) {
    let asleep = world(&mut held);
    let is_late = |world: &World| until_us.is_some_and(|until| until <= world.host.now());
    if is_late(asleep) {
        return (held, Woken::TimedOut);
    }
    if was_woken {
        asleep.unsettled = asleep.unsettled.saturating_sub(1);
        SHARED.settled.notify_all();
    }
    asleep.waiting += 1;
    asleep.wakes_at_us = asleep.wakes_at_us.into_iter().chain(until_us).min();
    let before = asleep.alarms;
    while held.as_ref().is_some_and(|world| world.alarms == before) {
        held = SHARED.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
    }
    let awake = world(&mut held);
    awake.waiting -= 1;
    (held, Woken::Changed)
}

/// How long, on the clock of the machine, a woken thread may take to settle.
const SETTLING_MAX: Duration = Duration::from_secs(2);
