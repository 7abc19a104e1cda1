//! Many seeds at once: on every core, some of them twice, failures made small.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use synack_sim::{Fault, Plan, Violation, run_guarded};

use crate::totals::Totals;

/// Which seeds to run, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swarm {
    pub(crate) from: u64,
    pub(crate) count: u64,
    pub(crate) threads: usize,
    /// After this many failures the rest is left out.
    pub(crate) failures_max: usize,
}

/// A seed that failed.
struct Failure {
    seed: u64,
    violation: Violation,
    /// The faults without which it fails as well.
    needless: Vec<Fault>,
}

/// What all threads share.
struct Shared {
    next: AtomicU64,
    totals: Mutex<Totals>,
    failures: Mutex<Vec<Failure>>,
}

impl Swarm {
    /// Runs all seeds and says what they came to. Returns whether none failed.
    pub(crate) fn run(self) -> io::Result<bool> {
        let start = Instant::now();
        let shared = Shared {
            next: AtomicU64::new(self.from),
            totals: Mutex::default(),
            failures: Mutex::default(),
        };
        thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| self.work(&shared));
            }
        });
        let totals = shared.totals.into_inner().unwrap_or_else(|it| it.into_inner());
        let mut failures = shared.failures.into_inner().unwrap_or_else(|it| it.into_inner());
        failures.sort_by_key(|failure| failure.seed);
        let mut out = io::stdout().lock();
        write!(out, "{totals}")?;
        for failure in &failures {
            writeln!(out, "\n{}", failure.describe())?;
        }
        let elapsed = start.elapsed().as_secs_f64();
        writeln!(out, "\n{} of {} seeds failed, {elapsed:.1} s", failures.len(), totals.seeds())?;
        Ok(failures.is_empty())
    }

    fn work(self, shared: &Shared) {
        let until = self.from.saturating_add(self.count);
        loop {
            let seed = shared.next.fetch_add(1, Ordering::Relaxed);
            if seed >= until || lock(&shared.failures).len() >= self.failures_max {
                return;
            }
            let plan = Plan::draw(seed, &[]);
            let result = run_guarded(&plan, None);
            let result = match result {
                Ok(report) if seed.is_multiple_of(TWICE_EACH) => {
                    let again = run_guarded(&plan, None).map(|again| again.trace_hash);
                    let is_same = again == Ok(report.trace_hash);
                    assert!(is_same, "seed {seed} is not the same twice: {again:?}");
                    Ok(report)
                }
                result => result,
            };
            lock(&shared.totals).add(&plan, result.as_ref().ok());
            if let Err(violation) = result {
                let failure = Failure::new(&plan, violation);
                lock(&shared.failures).push(failure);
            }
        }
    }
}

impl Failure {
    /// Takes out one fault after the other as long as the same invariant is broken.
    fn new(plan: &Plan, violation: Violation) -> Self {
        let mut needless = Vec::new();
        for fault in &plan.faults {
            needless.push(*fault);
            let smaller = Plan::draw(plan.seed, &needless);
            let is_same = matches!(
                run_guarded(&smaller, None),
                Err(other) if other.invariant == violation.invariant
            );
            if !is_same {
                needless.pop();
            }
        }
        Self { seed: plan.seed, violation, needless }
    }

    fn describe(&self) -> String {
        let faults = Plan::draw(self.seed, &self.needless).faults;
        let faults: Vec<_> = faults.iter().map(|fault| fault.name()).collect();
        let without: Vec<_> = self.needless.iter().map(|fault| fault.name()).collect();
        let mut command =
            format!("cargo run --release -p synack-sim -- swarm --seed {}", self.seed);
        if !without.is_empty() {
            command += &format!(" --without {}", without.join(","));
        }
        let Self { seed, violation, .. } = self;
        format!("seed {seed}: {violation}\n  with {}\n  replay: {command}", faults.join(", "))
    }
}

/// A lock whose holder panicked still guards whole values here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// One seed in so many runs twice and must give the same trace.
const TWICE_EACH: u64 = 100;
