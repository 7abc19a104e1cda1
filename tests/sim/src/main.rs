//! `synack-sim`: runs the simulation over many seeds, or one seed with a log of its packets; or a
//! grid of paths under every congestion controller, as a table, a picture of one, or one path over
//! many seeds.

mod swarm;
mod totals;

use std::fmt;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use swarm::Swarm;
use synack_netem::{Probability, Rate};
use synack_sim::grid::{Grid, Table};
use synack_sim::spread::{Spread, Summary};
use synack_sim::{Controller, Fault, Path, Plan, plot, run_guarded};

#[derive(Parser)]
#[command(name = "synack-sim", about = "Two endpoints over links that spoil packets, by seed")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run many seeds, each with faults of its own; or one, with a log
    Swarm(SwarmArguments),
    /// Measure transfers over many paths, under every congestion controller
    Grid(GridArguments),
    /// Draw one transfer under each congestion controller, a file NAME.svg each
    Plot(PlotArguments),
    /// Measure one path over many seeds, under each congestion controller; or follow one seed
    Spread(SpreadArguments),
}

#[derive(Args)]
struct SwarmArguments {
    /// How many seeds to run
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many threads; one for each core by default
    #[arg(long)]
    threads: Option<usize>,
    /// Stop after so many failures
    #[arg(long, default_value_t = 10)]
    failures_max: usize,
    /// Run this seed alone and print everything that happens
    #[arg(long, conflicts_with_all = ["seeds", "from", "threads"])]
    seed: Option<u64>,
    /// Leave these faults out of that seed
    #[arg(long, requires = "seed", value_delimiter = ',', value_parser = fault)]
    without: Vec<Fault>,
}

#[derive(Args)]
struct GridArguments {
    /// Under these controllers alone
    #[arg(long, value_delimiter = ',', value_parser = controller)]
    controllers: Vec<Controller>,
    /// How many threads; one for each core by default
    #[arg(long)]
    threads: Option<usize>,
    /// Write the table to this file, with an explanation, instead of printing it
    #[arg(long)]
    into: Option<PathBuf>,
}

#[derive(Args)]
struct PlotArguments {
    /// Where the files are written
    #[arg(long)]
    into: PathBuf,
    /// Under these controllers alone
    #[arg(long, value_delimiter = ',', value_parser = controller)]
    controllers: Vec<Controller>,
    #[command(flatten)]
    path: PathArguments,
    /// How long the transfer takes
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

#[derive(Args)]
struct SpreadArguments {
    /// Under these controllers alone
    #[arg(long, value_delimiter = ',', value_parser = controller)]
    controllers: Vec<Controller>,
    #[command(flatten)]
    path: PathArguments,
    /// How long each transfer is watched
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many seeds to run
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many threads; one for each core by default
    #[arg(long)]
    threads: Option<usize>,
    /// Run this seed alone and print how the sender's variables change
    #[arg(long, conflicts_with_all = ["seeds", "from", "threads"])]
    seed: Option<u64>,
}

#[derive(Args)]
struct PathArguments {
    /// Mbit/s of the narrow place
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Milliseconds of a round trip without any queue
    #[arg(long, default_value_t = 40)]
    rtt: u64,
    /// Packets of the sender that are lost by chance, in a million
    #[arg(long, default_value_t = 1_000)]
    loss: u32,
    /// Packets of the sender that 3 to 8 others overtake, in a million
    #[arg(long, default_value_t = 0)]
    reorder: u32,
}

impl PathArguments {
    fn path(&self) -> Path {
        Path {
            rate: Rate::mbit(self.rate),
            rtt: Duration::from_millis(self.rtt),
            loss: Probability::per_million(self.loss),
            reordering: Probability::per_million(self.reorder),
        }
    }
}

fn controller(name: &str) -> Result<Controller, String> {
    Controller::named(name).ok_or_else(|| {
        let names: Vec<_> = Controller::ALL.iter().map(|controller| controller.name).collect();
        format!("no such controller; there are {}", names.join(", "))
    })
}

fn fault(name: &str) -> Result<Fault, String> {
    Fault::named(name).ok_or_else(|| {
        let names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        format!("no such fault; there are {}", names.join(", "))
    })
}

fn main() -> io::Result<ExitCode> {
    let is_sound = match Cli::parse().command {
        Command::Swarm(arguments) => match arguments.seed {
            Some(seed) => replay(seed, &arguments.without)?,
            None => {
                let SwarmArguments { from, seeds: count, threads, failures_max, .. } = arguments;
                Swarm { from, count, threads: threads.unwrap_or_else(cores), failures_max }.run()?
            }
        },
        Command::Grid(arguments) => run_grid(arguments)?,
        Command::Plot(arguments) => draw(arguments).map(|()| true)?,
        Command::Spread(arguments) => measure(&arguments)?,
    };
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a grid and prints its table. Returns whether no cell broke an invariant.
fn run_grid(arguments: GridArguments) -> io::Result<bool> {
    let grid = Grid { controllers: or_all(arguments.controllers), ..Grid::full() };
    let outcomes = grid.run(arguments.threads.unwrap_or_else(cores));
    let table = Table(&outcomes);
    match arguments.into {
        Some(file) => std::fs::write(file, format!("{}{table}", Table::PREFACE))?,
        None => write!(io::stdout(), "{table}")?,
    }
    Ok(outcomes.iter().all(|(_, result)| result.is_ok()))
}

/// Draws a transfer under each controller.
fn draw(arguments: PlotArguments) -> io::Result<()> {
    let path = arguments.path.path();
    let time = Duration::from_secs(arguments.seconds);
    for controller in or_all(arguments.controllers) {
        let file = arguments.into.join(controller.name).with_extension("svg");
        std::fs::write(file, plot::svg(path, controller, time)?)?;
    }
    Ok(())
}

/// Measures a path over many seeds, or follows one. Returns whether no seed broke an invariant.
fn measure(arguments: &SpreadArguments) -> io::Result<bool> {
    let mut is_sound = true;
    for controller in or_all(arguments.controllers.clone()) {
        let spread = Spread {
            path: arguments.path.path(),
            controller,
            time: Duration::from_secs(arguments.seconds),
            seeds: arguments.from..arguments.from.saturating_add(arguments.seeds),
        };
        writeln!(io::stdout(), "{}: {}", controller.name, spread.path)?;
        let result = match arguments.seed {
            Some(seed) => {
                let mut print = |moment: &dyn fmt::Display| {
                    // A reader that goes away ends the lines, not the run.
                    let _ = writeln!(io::stdout(), "{moment}");
                };
                spread.sample(seed, Some(&mut print)).map(|sample| vec![sample])
            }
            None => spread.run(arguments.threads.unwrap_or_else(cores)),
        };
        is_sound &= result.is_ok();
        match result {
            Ok(samples) => writeln!(io::stdout(), "{}", Summary(&samples))?,
            Err(violation) => writeln!(io::stdout(), "{violation}")?,
        }
    }
    Ok(is_sound)
}

fn or_all(controllers: Vec<Controller>) -> Vec<Controller> {
    if controllers.is_empty() { Controller::ALL.into() } else { controllers }
}

/// Runs one seed, and prints what happens as it happens.
fn replay(seed: u64, without: &[Fault]) -> io::Result<bool> {
    let plan = Plan::draw(seed, without);
    let mut out = io::stdout().lock();
    writeln!(out, "{plan}")?;
    drop(out);
    let log = |line: &str| {
        // A reader that goes away ends the log, not the run.
        let _ = writeln!(io::stdout(), "{line}");
    };
    let result = run_guarded(&plan, Some(Box::new(log)));
    let mut out = io::stdout().lock();
    match result {
        Ok(report) => writeln!(out, "{report:#?}").map(|()| true),
        Err(violation) => writeln!(out, "{violation}").map(|()| false),
    }
}
