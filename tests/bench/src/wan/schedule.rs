//! Schedule: trials side by side, as many as leave each other alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use indicatif::ProgressBar;

use super::trial::{Outcome, Trial};
use crate::paper::number;

/// A trial with what it costs and what to call it.
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) trial: Trial,
    /// Mbit/s of the path.
    pub(super) rate: f64,
}

/// Runs all trials, begun in their order, and returns their outcomes in that order.
///
/// Progress is shown, and what each trial came to, or why it failed.
pub(super) fn run(trials: Vec<Planned>, progress: &ProgressBar) -> Vec<Option<Outcome>> {
    let next = AtomicUsize::new(0);
    let load = Load::default();
    let outcomes = Mutex::new(vec![None; trials.len()]);
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE_MAX {
            scope.spawn(|| {
                while let Some(planned) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _share = load.take(cost(planned.rate));
                    let outcome = calm_outcome(planned, progress);
                    let index = trials.iter().position(|it| std::ptr::eq(it, planned));
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(place) = index.and_then(|index| outcomes.get_mut(index)) {
                        *place = outcome;
                    }
                    progress.inc(1);
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a trial, and again if the machine had other things to do meanwhile. What it came to is told
/// at once, so that a run that is ended early was not for nothing.
fn calm_outcome(planned: &Planned, progress: &ProgressBar) -> Option<Outcome> {
    let Planned { name, trial, .. } = planned;
    let mut last = None;
    for _ in 0..ATTEMPTS_MAX {
        progress.set_message(name.clone());
        match trial.clone().run() {
            Ok(outcome) => {
                let is_calm = outcome.report.is_calm(trial.rtt());
                last = Some(outcome);
                if is_calm {
                    break;
                }
            }
            Err(error) => {
                progress.suspend(|| eprintln!("{name}: {error:#}"));
                return None;
            }
        }
    }
    if let Some(outcome) = &last {
        progress.suspend(|| eprintln!("{name}: {}", told(outcome, trial)));
    }
    last
}

/// An outcome in a few words.
fn told(outcome: &Outcome, trial: &Trial) -> String {
    let rates: Vec<String> = outcome.goodputs.iter().map(|goodput| number(goodput / 1e6)).collect();
    let late = outcome.report.lateness.p99();
    let disturbed = if outcome.report.is_calm(trial.rtt()) {
        String::new()
    } else {
        format!(", disturbed: packets left up to {late:?} late")
    };
    format!("{} Mbit/s{disturbed}", rates.join(" and "))
}

/// How much of the machine the trials under way take.
#[derive(Default)]
struct Load {
    taken: Mutex<u32>,
    freed: Condvar,
}

/// A part of the load, given back when it is dropped.
struct Share<'a> {
    load: &'a Load,
    cost: u32,
}

impl Load {
    /// Waits until there is room.
    fn take(&self, cost: u32) -> Share<'_> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |taken: &mut u32| *taken > 0 && *taken + cost > LOAD_MAX;
        let mut taken =
            self.freed.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        *taken += cost;
        Share { load: self, cost }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.load.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.cost;
        self.load.freed.notify_all();
    }
}

/// What a trial takes of the machine, both ends and the emulator, measured where waking an idle
/// core is dear. Units: hundredths of a core.
fn cost(rate: f64) -> u32 {
    5 + (rate * 0.4) as u32
}

/// A good half of two cores: the rest is for what comes at the same moment. Units: as of a cost.
const LOAD_MAX: u32 = 110;
/// As many as fit at most.
const SIDE_BY_SIDE_MAX: usize = 10;
/// A trial that was disturbed is run again so often.
const ATTEMPTS_MAX: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_waits_but_for_what_is_alone() {
        let load = Load::default();
        let alone = load.take(10 * LOAD_MAX);
        drop(alone);
        let (first, second) = (load.take(LOAD_MAX - 20), load.take(20));
        let waited = Mutex::new(false);
        thread::scope(|scope| {
            let third = scope.spawn(|| {
                let _third = load.take(10);
                *waited.lock().unwrap()
            });
            *waited.lock().unwrap() = true;
            drop((first, second));
            assert!(third.join().unwrap());
        });
        assert_eq!(*load.taken.lock().unwrap(), 0);
    }
}
