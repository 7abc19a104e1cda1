//! `synack-bench wan`: TCPs over emulated paths in real time, ours beside the kernel's and others.
//!
//! ```text
//!    sender                  emulator                  receiver
//!  ┌─────────┐ TUN, or   ┌─────────────┐   TUN, or ┌─────────┐
//!  │ any end │── cable ──│ netem links │── cable ──│ any end │
//!  └─────────┘           └─────────────┘           └─────────┘
//! ```
//!
//! An end is the kernel's TCP in a network namespace of its own, or a stack of this process; each
//! has its threads. Trials run side by side, as many as leave each other alone; one in which
//! packets left the emulator late is run again.

mod emulator;
mod end;
mod fairness;
mod kernel;
mod lateness;
mod matrix;
mod path;
mod port;
mod schedule;
#[cfg(feature = "peers")]
mod smoltcp;
mod synack;
mod trial;

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::ensure;
use synack_netns::Namespace;

use self::end::End;
use self::matrix::Matrix;
use self::path::PathArguments;
use self::schedule::Planned;
use self::trial::{Outcome, Trial};
use crate::clock::seconds;
use crate::paper;
use crate::rows::{self, Format, Row};
use crate::spread::spread;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run one path alone: the sender, such as synack-reno or kernel-cubic
    #[arg(long)]
    left: Option<End>,
    /// The receiver of that run
    #[arg(long, default_value = "kernel-cubic")]
    right: End,
    #[command(flatten)]
    path: PathArguments,
    /// Run two flows through one bottleneck instead of the matrix
    #[arg(long, conflicts_with_all = ["left", "quick"])]
    fairness: bool,
    /// Run a tenth of the matrix
    #[arg(long, conflicts_with = "left")]
    quick: bool,
    /// Compare on the matrix only what has this in its name, such as cubic or smoltcp
    #[arg(long, conflicts_with_all = ["left", "fairness"])]
    only: Option<String>,
    /// How often each is run; the figures are medians [default: 3, of --fairness: 1]
    #[arg(long)]
    rounds: Option<NonZeroU32>,
    /// How long each run takes [default: 5, of --fairness: 60]
    #[arg(long, value_parser = seconds)]
    seconds: Option<Duration>,
    /// Print one JSON object a row instead of the table
    #[arg(long)]
    json: bool,
}

/// Measures and prints what was asked for.
///
/// # Errors
/// When this user cannot have a private network, or there is nothing to measure. A trial that fails
/// is a row without a figure and not an error.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    synack_netns::availability()?;
    synack_netns::enter()?;
    let rows = if arguments.fairness {
        fairness_rows(arguments)?
    } else if let Some(left) = arguments.left {
        vec![single_row(arguments, left)]
    } else {
        matrix_rows(arguments)?
    };
    rows::print(&rows, if arguments.json { Format::Json } else { Format::Table })
}

/// Runs trials, and shows how far they are.
fn outcomes(trials: Vec<Planned>) -> Vec<Option<Outcome>> {
    let progress = paper::progress_bar(trials.len() as u64);
    let outcomes = schedule::run(trials, &progress);
    progress.finish_and_clear();
    outcomes
}

fn single_row(arguments: &Arguments, left: End) -> Row {
    let path = arguments.path.path();
    let name = format!("{left} to {}, {path}: Mbit/s", arguments.right);
    let trial = |seed| Planned {
        name: name.clone(),
        trial: Trial {
            flows: vec![(left, arguments.right)],
            links: arguments.path.links(),
            ecn: arguments.path.ecn(),
            seed,
            duration: arguments.seconds.unwrap_or(TRIAL_TIME),
        },
        rate: path.rate.get() as f64 / 1e6,
    };
    let rounds = u64::from(arguments.rounds.unwrap_or(ROUNDS).get());
    let outcomes: Vec<Outcome> =
        outcomes((0..rounds).map(trial).collect()).into_iter().flatten().collect();
    let medians = |of: Look| spread(outcomes.iter().map(of));
    let Some(goodput) = medians(|it| it.goodputs[0] / 1e6) else {
        return Row::new(name, "Mbit/s", None);
    };
    let row = Row::new(name, "Mbit/s", Some(goodput.median)).with("min", goodput.min);
    let details = DETAILS.iter().filter_map(|(name, of)| Some((*name, medians(*of)?.median)));
    details.fold(row.with("max", goodput.max), |row, (name, value)| row.with(name, value))
}

fn fairness_rows(arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let rounds = arguments.rounds.map_or(1, NonZeroU32::get);
    let trials = fairness::trials(rounds, arguments.seconds.unwrap_or(CONTEST_TIME));
    ensure!(!trials.is_empty(), "no controller of ours is to share with another yet");
    Ok(fairness::rows(rounds, &outcomes(trials)))
}

fn matrix_rows(arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let mut comparisons = matrix::comparisons();
    if let Some(only) = &arguments.only {
        comparisons.retain(|it| it.name().contains(only));
        ensure!(!comparisons.is_empty(), "no comparison has {only} in its name");
    }
    let mut rows = Vec::new();
    let controllers = Namespace::new()?.run(kernel::controllers)?;
    comparisons.retain(|comparison| match comparison.missing(&controllers) {
        Some(missing) => {
            rows.push(Row::new(
                format!("{}: cannot run, the kernel has no {missing}", comparison.name()),
                "ratio",
                None,
            ));
            false
        }
        None => true,
    });
    let matrix = Matrix {
        paths: if arguments.quick { matrix::few_paths() } else { matrix::paths() },
        comparisons,
        rounds: arguments.rounds.unwrap_or(ROUNDS).get(),
        duration: arguments.seconds.unwrap_or(TRIAL_TIME),
    };
    let outcomes = outcomes(matrix.trials());
    rows.extend(matrix.rows(&outcomes));
    Ok(rows)
}

/// Takes one figure from an outcome.
type Look = fn(&Outcome) -> f64;

/// What a single run shows beside its goodput.
const DETAILS: [(&str, Look); 5] = [
    ("packets", |it| it.report.links[0].sent as f64),
    ("lost", |it| it.report.links[0].lost() as f64),
    ("queue_packets_peak", |it| it.report.links[0].queue_packets_peak as f64),
    ("ce_marked", |it| it.report.links[0].ce_marked as f64),
    ("emulator_late_p99_us", |it| it.report.lateness.p99().as_micros() as f64),
];
const TRIAL_TIME: Duration = Duration::from_secs(5);
const CONTEST_TIME: Duration = Duration::from_secs(60);
const ROUNDS: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");
