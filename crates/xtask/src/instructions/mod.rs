//! `cargo xtask instructions`: counts the instructions of single operations, and compares them with
//! those that are kept.
//!
//! The counts come from valgrind, by the benchmark `instructions` of `synack-bench`; they hardly
//! vary from run to run, whatever else the machine does. They do with the compiler and the C
//! library: with others than the kept counts are from, what grew is told and nothing fails.

mod baseline;
mod counts;
mod toolchain;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use baseline::{Baseline, Change};
use toolchain::Toolchain;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Keep what is counted, and do not only compare it
    #[arg(long)]
    write: bool,
    /// Only the operations whose names have this in them
    #[arg(long, conflicts_with = "write")]
    only: Option<String>,
}

/// Where the counts are kept.
const KEPT: &str = "tests/bench/instructions.toml";
/// How often each operation is done.
const TIMES: f64 = 100.0;
/// A count may be so many times the kept one.
const GROWTH_MAX: f64 = 1.03;
/// A segment over IPv6 may take so many times as many instructions as one over IPv4.
const V6_MAX: f64 = 1.05;
/// The operations that are the whole way of a segment.
const WHOLE_WAYS: [&str; 4] = ["bulk", "exchange", "stack_bulk", "stack_exchange"];

/// Counts, prints a table, and says what grew.
///
/// # Errors
/// When the benchmark cannot be built or run, or the kept counts cannot be read or written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    let path = PathBuf::from(metadata.workspace_root).join(KEPT);
    let toolchain = Toolchain::present()?;
    let counted = Baseline { toolchain, counts: counts::count(arguments.only.as_deref())? };
    if arguments.write {
        std::fs::write(&path, counted.to_text()?)
            .with_context(|| format!("cannot write {KEPT}"))?;
        print!("{}", table(&counted.changes_from(&counted)));
        return Ok(verdict(&counted, &[]));
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {KEPT}"))?;
    let kept = Baseline::from_text(&text).with_context(|| format!("cannot understand {KEPT}"))?;
    let mut changes = counted.changes_from(&kept);
    changes.retain(|it| arguments.only.as_ref().is_none_or(|part| it.name.contains(part)));
    print!("{}", table(&changes));
    let mut findings: Vec<String> = changes.iter().filter_map(finding).collect();
    if kept.toolchain != counted.toolchain && !findings.is_empty() {
        println!("The kept counts are from another toolchain, so nothing fails for these:");
        println!("  kept    {}\n  present {}", kept.toolchain, counted.toolchain);
        findings.drain(..).for_each(|finding| println!("  {finding}"));
    }
    Ok(verdict(&counted, &findings))
}

/// Prints the findings, those about IPv6 among them, and whether there are none.
fn verdict(counted: &Baseline, findings: &[String]) -> ExitCode {
    let of_v6 = v6_findings(counted);
    for finding in findings.iter().chain(&of_v6) {
        println!("{finding}");
    }
    if findings.is_empty() && of_v6.is_empty() {
        println!("instructions: {} operations are within their bounds", counted.counts.len());
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

/// What is wrong with a count, if anything is.
fn finding(change: &Change) -> Option<String> {
    let name = &change.name;
    match (change.kept, change.counted) {
        (Some(_), None) => Some(format!("{name} is kept, and there is no such operation")),
        (None, Some(_)) => {
            Some(format!("{name} is not kept: run `cargo xtask instructions --write`"))
        }
        (Some(kept), Some(counted)) if counted as f64 > kept as f64 * GROWTH_MAX => Some(format!(
            "{name} grew from {:.1} to {:.1} instructions",
            kept as f64 / TIMES,
            counted as f64 / TIMES,
        )),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// Where a segment over IPv6 takes too many more instructions than one over IPv4.
fn v6_findings(counted: &Baseline) -> Vec<String> {
    let pair = |way: &str| {
        let count = |family| counted.counts.get(&format!("{way}.{family}")).copied();
        Some((count("v4")?, count("v6")?))
    };
    let beyond = |way: &&str| pair(way).is_some_and(|(v4, v6)| v6 as f64 > v4 as f64 * V6_MAX);
    WHOLE_WAYS
        .into_iter()
        .filter(beyond)
        .map(|way| format!("{way} takes over 5 % more instructions by IPv6 than by IPv4"))
        .collect()
}

fn table(changes: &[Change]) -> String {
    let mut text = format!("{:32}{:>14}{:>14}{:>9}\n", "for each operation", "kept", "now", "");
    for change in changes {
        let each = |count: Option<u64>| {
            count.map_or_else(|| "-".to_owned(), |it| format!("{:.1}", it as f64 / TIMES))
        };
        let growth = change.kept.zip(change.counted).map_or_else(String::new, |(kept, counted)| {
            format!("{:+.1} %", (counted as f64 / kept as f64 - 1.0) * 100.0)
        });
        let (kept, counted) = (each(change.kept), each(change.counted));
        text += &format!("{:32}{kept:>14}{counted:>14}{growth:>9}\n", change.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kept: Option<u64>, counted: Option<u64>) -> Change {
        Change { name: "parse.text_v4".to_owned(), kept, counted }
    }

    #[test]
    fn a_count_may_grow_by_three_percent_and_shrink_as_it_likes() {
        assert_eq!(finding(&change(Some(1_000), Some(1_030))), None);
        assert_eq!(finding(&change(Some(1_000), Some(1))), None);
        let grown = finding(&change(Some(1_000), Some(1_031)));
        assert_eq!(grown.as_deref(), Some("parse.text_v4 grew from 10.0 to 10.3 instructions"));
    }

    #[test]
    fn what_is_kept_is_what_is_counted() {
        assert!(finding(&change(Some(1), None)).is_some_and(|it| it.contains("no such")));
        assert!(finding(&change(None, Some(1))).is_some_and(|it| it.contains("--write")));
    }

    #[test]
    fn the_whole_way_of_a_segment_is_compared_between_the_versions_of_ip() {
        let counted = |v6| Baseline {
            toolchain: Toolchain::default(),
            counts: [("bulk.v4", 100), ("bulk.v6", v6), ("parse.v4", 1), ("parse.v6", 2)]
                .map(|(name, count)| (name.to_owned(), count))
                .into(),
        };
        assert_eq!(v6_findings(&counted(105)).len(), 0);
        assert_eq!(v6_findings(&counted(106)).len(), 1);
    }
}
