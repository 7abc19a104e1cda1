//! `synack-bench peers`: every stack behind the same device, driven by the same client.
//!
//! ```text
//!   driver (this process)                              stack (a child process)
//!  ┌──────────────────────┐   private network namespace  ┌──────────────────────┐
//!  │ client: sockets of   │── kernel's TCP ── TUN t0 ────│ bench protocol       │
//!  │ the kernel           │   10.77.0.1       10.77.0.2  │ on ports 9001 - 9004 │
//!  └──────────────────────┘                              └──────────────────────┘
//! ```
//!
//! Every round starts every stack once for each test, so that a ratio compares runs of one minute;
//! absolute figures drift with the machine. With TUN, the kernel's receive work runs inside the
//! stack's `write`, and is billed to the stack: compare with the null stack, not with zero.

mod affinity;
mod client;
mod goals;
mod measure;
mod network;
pub(crate) mod process;
mod results;
mod running;
mod subject;
mod table;

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use nix::sys::resource::{self, Resource};

use self::measure::Test;
use self::network::Network;
use self::results::Results;
use self::running::Running;
use self::subject::Subject;
use crate::clock::seconds;
use crate::paper;
use crate::rows::{self, Format};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(long, value_delimiter = ',', default_value = DEFAULT)]
    tests: Vec<Test>,
    /// How often; a round runs every stack once (memory does not vary: it is measured once)
    #[arg(long, default_value = "3")]
    rounds: NonZeroU32,
    /// Which stacks, by the names in the table [default: all]
    #[arg(long, value_delimiter = ',')]
    stacks: Vec<String>,
    /// Another stack: a command that takes --tun NAME --ip ADDRESS --mtu OCTETS and serves the
    /// bench protocol
    #[arg(long, value_name = "NAME=COMMAND", value_parser = subject::parse)]
    with: Vec<Subject>,
    /// The MTU of the devices, in octets
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u16).range(576..))]
    mtu: u16,
    /// How long one measurement takes
    #[arg(long, default_value = "1", value_parser = seconds)]
    seconds: Duration,
    /// Print one JSON object a row instead of the table
    #[arg(long)]
    json: bool,
}

/// What is the same for all measurements.
struct Setting {
    mtu: u16,
    duration: Duration,
}

/// Measures, and prints the medians of all rounds.
///
/// # Errors
/// When this user cannot have a private network, or no stack of that name is known.
/// A stack that fails a test is a row of the results and not an error.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut subjects = subject::chosen(&arguments.stacks)?;
    subjects.extend(arguments.with.iter().cloned());
    let setting = Setting { mtu: arguments.mtu, duration: arguments.seconds };
    raise_open_files()?;
    synack_netns::availability()?;
    synack_netns::enter()?;

    let progress = progress_bar(arguments, subjects.len());
    check_services(&subjects, &setting, &progress);
    let results = run_rounds(arguments, &subjects, &setting, &progress);
    progress.finish_and_clear();

    let (rows, judged) = (results.rows(), goals::rows(&results));
    if arguments.json {
        table::print_json(&rows, setting.mtu)?;
        return rows::print(&judged, Format::Json);
    }
    table::print(&rows, setting.mtu);
    if judged.is_empty() {
        return Ok(());
    }
    println!();
    rows::print(&judged, Format::Table)
}

/// Tries every service of every stack once, and tells which do not work.
fn check_services(subjects: &[Subject], setting: &Setting, progress: &ProgressBar) {
    for subject in subjects {
        progress.set_message(format!("{}: all services", subject.name));
        let faults =
            with_stack(subject, Test::Rr, setting, |stack| Ok(client::faults(stack.address())));
        for fault in faults.unwrap_or_else(|error| vec![format!("{error:#}")]) {
            warn(progress, &format!("{}: {fault}", subject.name));
        }
        progress.inc(1);
    }
}

fn run_rounds(
    arguments: &Arguments,
    subjects: &[Subject],
    setting: &Setting,
    progress: &ProgressBar,
) -> Results {
    let mut results = Results::default();
    for round in 0..arguments.rounds.get() {
        for subject in subjects {
            for test in arguments.tests.iter().filter(|test| test.is_due(round)) {
                progress.set_message(format!("round {}: {} {test}", round + 1, subject.name));
                let measured =
                    with_stack(subject, *test, setting, |stack| test.run(stack, setting));
                match measured {
                    Ok(figures) => results.add(round, subject, figures),
                    Err(error) => {
                        warn(progress, &format!("{} {test}: {error:#}", subject.name));
                        results.add_failure(subject, *test);
                    }
                }
                progress.inc(1);
            }
        }
    }
    results
}

/// Runs `body` in a network of its own, with the stack started and answering.
///
/// Each side has a thread, since a network belongs to a thread. The thread that starts the stack
/// stays until the client is done: the kernel kills what a thread has started when it ends.
fn with_stack<T: Send>(
    subject: &Subject,
    test: Test,
    setting: &Setting,
    body: impl FnOnce(&Running) -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    let network = Network::new(subject.link, test.mtu(setting))?;
    network.stack().run(|| {
        if test.takes_turns() {
            affinity::pin_to_one_core()?;
        }
        let mut stack = Running::start(subject, &network, test, setting)?;
        network.client().run(|| {
            stack.wait_until_it_answers()?;
            body(&stack)
        })
    })
}

/// Prints a line above the progress, which is shown only on a terminal.
fn warn(progress: &ProgressBar, message: &str) {
    progress.suspend(|| eprintln!("{message}"));
}

fn progress_bar(arguments: &Arguments, subjects: usize) -> ProgressBar {
    let tests = |round| arguments.tests.iter().filter(|test| test.is_due(round)).count();
    let runs: usize = (0..arguments.rounds.get()).map(tests).sum();
    paper::progress_bar(((runs + 1) * subjects) as u64)
}

/// What is measured if nothing else is said: everything.
const DEFAULT: &str = "rx,tx,rx9000,tx9000,rx65535,tx65535,flows64,rr,rr1k,crr,crr64,mem";

/// The memory test holds 10,000 connections; the limit is inherited by the stacks.
fn raise_open_files() -> anyhow::Result<()> {
    let (_, hard) = resource::getrlimit(Resource::RLIMIT_NOFILE)?;
    resource::setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the open files")
}
