//! `cargo xtask`: the project's own chores, run from anywhere in the workspace.

#![forbid(unsafe_code)]

mod compliance;
mod instructions;
mod tidy;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "The chores of the synack project")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Hold the tree to the rules of dependency, size and style
    Tidy(tidy::Arguments),
    /// Tell where each rule of the contract is done, and which tests show it
    Compliance(compliance::Arguments),
    /// Count the instructions of single operations, and say which take more than before
    Instructions(instructions::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().chore {
        Chore::Tidy(arguments) => tidy::run(&arguments),
        Chore::Compliance(arguments) => compliance::run(&arguments),
        Chore::Instructions(arguments) => instructions::run(&arguments),
    }
}
