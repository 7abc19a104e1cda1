//! `synack-sim`: runs the simulation over many seeds, or one seed with a log of its packets; or a
//! grid of paths under every congestion controller, as a table or a picture of one.

mod swarm;
mod totals;

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
use synack_sim::{Controller, Fault, Plan, plot, run_guarded};

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
    /// How long the transfer takes
    #[arg(long, default_value_t = 15)]
    seconds: u64,
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
    let path = synack_sim::Path {
        rate: Rate::mbit(arguments.rate),
        rtt: Duration::from_millis(arguments.rtt),
        loss: Probability::per_million(arguments.loss),
        reordering: Probability::per_million(arguments.reorder),
    };
    let time = Duration::from_secs(arguments.seconds);
    for controller in or_all(arguments.controllers) {
        let file = arguments.into.join(controller.name).with_extension("svg");
        std::fs::write(file, plot::svg(path, controller, time)?)?;
    }
    Ok(())
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
