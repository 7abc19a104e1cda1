//! Spread: what transfers over one path come to, seed by seed, in virtual time.
//!
//! A transfer of a few seconds hangs on when its first loss comes. One seed says little of it, many
//! say how often it goes well; and a single one can be followed from moment to moment.

mod sample;

use core::fmt;
use core::ops::Range;
use core::time::Duration;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub use sample::{Follower, Sample, SlowStartEnd};

use crate::guard::guarded;
use crate::{Controller, Path, Violation};

/// Transfers over one path under one controller, a seed each.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The way that they take.
    pub path: Path,
    /// Who governs how much is in flight.
    pub controller: Controller,
    /// How long each of them is watched, from the opening of the connection on.
    pub time: Duration,
    /// One transfer for each of these.
    pub seeds: Range<u64>,
}

impl Spread {
    /// Runs them on so many threads; in the order of their seeds.
    ///
    /// # Errors
    /// An invariant that does not hold, of the lowest seed.
    pub fn run(&self, threads: usize) -> Result<Vec<Sample>, Violation> {
        let next = AtomicU64::new(self.seeds.start);
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !self.seeds.contains(&seed) {
                            break;
                        }
                        let result = guarded(|| self.sample(seed, None));
                        done.lock().unwrap_or_else(|it| it.into_inner()).push((seed, result));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(|it| it.into_inner());
        done.sort_by_key(|(seed, _)| *seed);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Runs the transfer of one seed, and tells `follower` of its moments.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn sample(&self, seed: u64, follower: Option<Follower<'_>>) -> Result<Sample, Violation> {
        Sample::take(self, seed, follower)
    }
}

/// How one figure of many samples lies: the least, the quartiles, the most.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quartiles(pub [f64; 5]);

impl Quartiles {
    /// Of what `figure` says of each; `None` if there are none.
    pub fn of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Option<Self> {
        let mut values: Vec<f64> = samples.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        Some(Self([0, 1, 2, 3, 4].map(|quarter| values[last * quarter / 4])))
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|value| write!(f, " {value:>9.2}"))
    }
}

/// Samples as text: how each of their figures lies, and the geometric mean of goodput.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(pub &'a [Sample]);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "least", "", "median", "", "most")?;
        for (name, figure) in Sample::FIGURES {
            if let Some(quartiles) = Quartiles::of(self.0, figure) {
                writeln!(f, "{name:<24}{quartiles}")?;
            }
        }
        let logarithms: f64 = self.0.iter().map(|it| it.goodput_mbit().max(1e-9).ln()).sum();
        let mean = (logarithms / self.0.len().max(1) as f64).exp();
        writeln!(f, "{:<24} {mean:>9.2}", "geometric mean, Mbit/s")
    }
}

#[cfg(test)]
mod tests {
    use synack_netem::{Probability, Rate};

    use super::*;

    #[test]
    fn samples_differ_by_their_seeds_alone() {
        let path = Path {
            rate: Rate::mbit(10),
            rtt: Duration::from_millis(40),
            loss: Probability::percent(1),
            reordering: Probability::NEVER,
        };
        let controller = Controller::named("cubic").unwrap();
        let spread = Spread { path, controller, time: Duration::from_secs(2), seeds: 3..9 };
        let [one, three] = [1, 3].map(|threads| spread.run(threads).unwrap());
        assert_eq!(one, three);
        assert_eq!(one.len(), 6);
        assert!(one.iter().any(|sample| sample.received_bytes != one[0].received_bytes));
        assert_eq!(spread.sample(4, None).unwrap(), one[1]);
    }

    #[test]
    fn quartiles_are_values_that_occurred() {
        let of = |count: u64| -> Vec<Sample> {
            let sample = |received_bytes| Sample {
                received_bytes: received_bytes * 125_000,
                time: Duration::from_secs(1),
                ..Sample::default()
            };
            (1..=count).map(sample).collect()
        };
        let quartiles = |samples: &[Sample]| Quartiles::of(samples, Sample::goodput_mbit);
        assert_eq!(quartiles(&of(9)), Some(Quartiles([1.0, 3.0, 5.0, 7.0, 9.0])));
        assert_eq!(quartiles(&of(1)), Some(Quartiles([1.0; 5])));
        assert_eq!(quartiles(&[]), None);
    }
}
