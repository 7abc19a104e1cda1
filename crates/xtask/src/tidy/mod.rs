//! `cargo xtask tidy`: the rules that a compiler does not hold, one check a file.
//!
//! A check is a function from the [`Project`] to what it found. Each has tests which show that it
//! fails on a broken sample; `tests/tidy.rs` runs them all, on a broken workspace and on this one.

mod allows;
mod dependency_tree;
mod first_lines;
mod forbidden_calls;
mod layers;
mod lengths;
mod machine_paths;
mod manifests;
mod names;
mod panics;
mod paths;
mod select;
mod stubs;
mod top_level;
mod unsafe_code;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::tree::{finding, packages, project, rust_file};
use finding::Finding;
use project::Project;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The workspace to look at [default: the one of the current directory]
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
}

/// A rule: its name in reports, and the function that looks for what breaks it.
struct Check {
    name: &'static str,
    look: fn(&Project) -> Vec<Finding>,
}

/// Every rule that is held, in the order of reports.
const CHECKS: [Check; 14] = [
    Check { name: "top-level", look: top_level::look },
    Check { name: "manifests", look: manifests::look },
    Check { name: "dependency-tree", look: dependency_tree::look },
    Check { name: "layers", look: layers::look },
    Check { name: "unsafe-code", look: unsafe_code::look },
    Check { name: "forbidden-calls", look: forbidden_calls::look },
    Check { name: "select", look: select::look },
    Check { name: "panics", look: panics::look },
    Check { name: "allows", look: allows::look },
    Check { name: "lengths", look: lengths::look },
    Check { name: "first-lines", look: first_lines::look },
    Check { name: "names", look: names::look },
    Check { name: "stubs", look: stubs::look },
    Check { name: "machine-paths", look: machine_paths::look },
];

/// Runs every check and prints what each found; fails if any found something.
///
/// # Errors
/// When the workspace cannot be read: `git` or `cargo metadata` fails, or a file does not parse.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::load(arguments.root.as_deref())?;
    let mut count = 0;
    for check in CHECKS {
        for finding in (check.look)(&project) {
            println!("{finding} [{}]", check.name);
            count += 1;
        }
    }
    if count > 0 {
        println!("tidy: {count} finding{}", if count == 1 { "" } else { "s" });
        return Ok(ExitCode::FAILURE);
    }
    println!("tidy: {} files hold {} rules", project.files.len(), CHECKS.len());
    Ok(ExitCode::SUCCESS)
}
