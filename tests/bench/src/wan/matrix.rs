//! Matrix: many paths, on each our TCP beside others, and who is faster.

use std::time::Duration;

use synack_netem::{Probability, Rate};
use synack_sim::{Controller, Path};

use super::end::{Ecn, End, RECEIVER};
use super::schedule::Planned;
use super::trial::{Outcome, Trial};
use crate::rows::{Goal, Row};
use crate::spread::spread;

/// What is compared, on which paths.
pub(super) struct Matrix {
    pub(super) paths: Vec<Path>,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) rounds: u32,
    pub(super) duration: Duration,
}

/// One of ours beside another, with the same receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) ours: End,
    pub(super) theirs: End,
    pub(super) goals: Goals,
}

/// What is demanded of the ratios of goodput.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Goals {
    /// No less on the average, and on no path much less.
    Equal,
    /// Several times as much wherever something is lost or overtaken.
    #[cfg_attr(not(feature = "peers"), allow(dead_code, reason = "asked beside smoltcp alone"))]
    Multiple,
    /// Only shown.
    None,
}

/// All paths.
pub(super) fn paths() -> Vec<Path> {
    let mut paths = Vec::new();
    for rate in [10, 100].map(Rate::mbit) {
        for rtt in [1, 20, 100].map(Duration::from_millis) {
            for reordering in [0, 1].map(Probability::percent) {
                for loss in [0, 1_000, 10_000, 30_000].map(Probability::per_million) {
                    paths.push(Path { rate, rtt, loss, reordering });
                }
            }
        }
    }
    paths
}

/// A tenth of them, in which every value of each quantity occurs.
pub(super) fn few_paths() -> Vec<Path> {
    paths().into_iter().skip(1).step_by(11).collect()
}

/// Each of our controllers beside the kernel's of the same name; CUBIC, or what there is, beside
/// smoltcp's.
pub(super) fn comparisons() -> Vec<Comparison> {
    let ends = End::all();
    let kernel_with = |controller: &Controller| {
        ends.iter()
            .copied()
            .find(|end| matches!(end, End::Kernel(name) if *name == controller.name))
    };
    let beside_kernel = Controller::ALL.iter().filter_map(|controller| {
        let goals = if controller.name == "reno" { Goals::None } else { Goals::Equal };
        Some(Comparison { ours: End::Synack(*controller), theirs: kernel_with(controller)?, goals })
    });
    let comparisons = beside_kernel.collect();
    #[cfg(feature = "peers")]
    let comparisons = with_smoltcp(comparisons);
    comparisons
}

#[cfg(feature = "peers")]
fn with_smoltcp(mut comparisons: Vec<Comparison>) -> Vec<Comparison> {
    let controller = Controller::named("cubic").or(Controller::ALL.first().copied());
    let of_smoltcp = |controller| Comparison {
        ours: End::Synack(controller),
        theirs: End::Smoltcp,
        goals: Goals::Multiple,
    };
    comparisons.extend(controller.map(of_smoltcp));
    comparisons
}

impl Matrix {
    /// Every trial: path by path, round by round, the ends in turn.
    pub(super) fn trials(&self) -> Vec<Planned> {
        let mut trials = Vec::new();
        for path in &self.paths {
            for round in 0..self.rounds {
                for end in self.ends() {
                    let trial = Trial {
                        flows: vec![(end, RECEIVER)],
                        links: path.links(),
                        ecn: Ecn::NotAsked,
                        seed: u64::from(round),
                        duration: self.duration,
                    };
                    let name = format!("{end}, {path}");
                    let rate = path.rate.get() as f64 / 1e6;
                    trials.push(Planned { name, trial, rate });
                }
            }
        }
        trials
    }

    /// Who sends, each once.
    fn ends(&self) -> Vec<End> {
        let mut ends: Vec<End> = Vec::new();
        for end in self.comparisons.iter().flat_map(|it| [it.ours, it.theirs]) {
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        ends
    }

    /// What the outcomes of [`trials`](Self::trials) say.
    pub(super) fn rows(&self, outcomes: &[Option<Outcome>]) -> Vec<Row> {
        let ends = self.ends();
        let of_path = self.rounds as usize * ends.len();
        let goodput = |path: usize, end: End| {
            let index = ends.iter().position(|other| *other == end)?;
            let outcomes = outcomes.get(path * of_path..)?.iter().take(of_path);
            let rounds = outcomes.skip(index).step_by(ends.len()).flatten();
            Some(spread(rounds.map(|outcome| outcome.goodputs[0] / 1e6))?.median)
        };
        let mut rows = Vec::new();
        let mut verdicts = Vec::new();
        for comparison in &self.comparisons {
            let cells: Vec<Row> = (self.paths.iter().enumerate())
                .map(|(index, path)| {
                    let [ours, theirs] =
                        [comparison.ours, comparison.theirs].map(|end| goodput(index, end));
                    comparison.cell(path, ours, theirs)
                })
                .collect();
            verdicts.extend(comparison.verdicts(&cells));
            rows.extend(cells);
        }
        rows.extend(verdicts);
        rows
    }
}

impl Comparison {
    pub(super) fn name(&self) -> String {
        format!("{} over {}", self.ours, self.theirs)
    }

    /// The controller that the kernel would need and does not have.
    pub(super) fn missing(&self, of_kernel: &[String]) -> Option<&'static str> {
        match self.theirs {
            End::Kernel(name) => (!of_kernel.iter().any(|other| other == name)).then_some(name),
            End::Synack(_) => None,
            #[cfg(feature = "peers")]
            End::Smoltcp => None,
        }
    }

    /// The row of one path.
    fn cell(&self, path: &Path, ours: Option<f64>, theirs: Option<f64>) -> Row {
        let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
        let mut row = Row::new(format!("{}, {path}", self.name()), "ratio", ratio);
        for (name, value) in [("ours_mbit_s", ours), ("theirs_mbit_s", theirs)] {
            row.details.extend(value.map(|value| (name.to_owned(), value)));
        }
        let is_hard = path.loss > Probability::NEVER || path.reordering > Probability::NEVER;
        match self.goals {
            Goals::Equal => row.with_goal(Goal::AtLeast(WORST_MIN)),
            Goals::Multiple if is_hard => row.with_goal(Goal::AtLeast(MULTIPLE_MIN)),
            Goals::Multiple | Goals::None => row,
        }
    }

    /// The geometric mean of all paths, and the worst of those with a goal.
    fn verdicts(&self, cells: &[Row]) -> Vec<Row> {
        let ratios: Vec<f64> = cells.iter().filter_map(|cell| cell.figure).collect();
        let name = format!("{}: geometric mean", self.name());
        let mean = Row::new(name, "ratio", geometric_mean(&ratios));
        let mean = mean.with("cells", ratios.len() as f64);
        let is_judged = |cell: &&Row| cell.goal.is_some() || self.goals == Goals::None;
        let judged = cells.iter().filter(is_judged);
        let worst = judged.filter(|cell| cell.figure.is_some()).min_by(|a, b| {
            let key = |row: &Row| row.figure.unwrap_or(f64::NAN);
            key(a).total_cmp(&key(b))
        });
        let name = format!("{}: worst cell", self.name());
        let worst = worst.map_or_else(
            || Row::new(name.clone(), "ratio", None),
            |cell| Row { name: cell.name.replacen(", ", ": worst cell, ", 1), ..cell.clone() },
        );
        match self.goals {
            Goals::Equal => vec![
                mean.with_goal(Goal::AtLeast(MEAN_MIN)),
                worst.with_goal(Goal::AtLeast(WORST_MIN)),
            ],
            Goals::Multiple => vec![mean, worst.with_goal(Goal::AtLeast(MULTIPLE_MIN))],
            Goals::None => vec![mean, worst],
        }
    }
}

fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    if ratios.is_empty() {
        return None;
    }
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((sum / ratios.len() as f64).exp())
}

const MEAN_MIN: f64 = 1.0;
const WORST_MIN: f64 = 0.9;
const MULTIPLE_MIN: f64 = 3.0;
