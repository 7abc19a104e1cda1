//! `synack-sim`: runs the simulation over many seeds, or one seed with a log of its packets.

mod swarm;
mod totals;

use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

use clap::{Args, Parser, Subcommand};
use swarm::Swarm;
use synack_sim::{Fault, Plan, run_guarded};

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

fn fault(name: &str) -> Result<Fault, String> {
    Fault::named(name).ok_or_else(|| {
        let names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        format!("no such fault; there are {}", names.join(", "))
    })
}

fn main() -> io::Result<ExitCode> {
    let Command::Swarm(arguments) = Cli::parse().command;
    let is_sound = match arguments.seed {
        Some(seed) => replay(seed, &arguments.without)?,
        None => {
            let cores = thread::available_parallelism().map_or(1, NonZero::get);
            let SwarmArguments { from, seeds: count, threads, failures_max, .. } = arguments;
            Swarm { from, count, threads: threads.unwrap_or(cores), failures_max }.run()?
        }
    };
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
