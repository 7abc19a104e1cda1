//! Runs the benchmark, and reads what it says.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// Instructions by the name of the operation: of all, or of those with `only` in their name.
///
/// # Errors
/// When the benchmark cannot be built, run or understood.
pub(super) fn count(only: Option<&str>) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut command = Command::new(env!("CARGO"));
    // Without the stacks of others, which take long to build.
    command.args(["bench", "--package", "synack-bench", "--no-default-features"]);
    command.args(["--bench", "instructions", "--"]);
    // A name is a path: instructions::operations::parse::text_v4.
    command.args(only.map(|part| format!("*{}*", part.replace('.', "::"))));
    command.args(["--output-format=json"]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "the benchmark failed; it needs valgrind, and `cargo install gungraun-runner` of the \
         version of gungraun in Cargo.lock",
    );
    let text = String::from_utf8(output.stdout).context("the benchmark did not write text")?;
    text.lines().filter(|line| line.starts_with('{')).map(read).collect()
}

/// The name of an operation and its instructions.
fn read(line: &str) -> anyhow::Result<(String, u64)> {
    let summary: Summary = serde_json::from_str(line).context("not a summary of a benchmark")?;
    let name = match summary.id {
        Some(id) => format!("{}.{id}", summary.function_name),
        None => summary.function_name,
    };
    let profile = summary.profiles.into_iter().next();
    let profile = profile.with_context(|| format!("{name} was not counted"))?;
    Ok((name, profile.data.total.metrics.instructions.values.new))
}

/// What is read of a summary, which the benchmark library writes for each benchmark.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    id: Option<String>,
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    #[serde(rename = "Ir")]
    instructions: Metric,
}

#[derive(Deserialize)]
struct Metric {
    values: Values,
}

#[derive(Deserialize)]
struct Values {
    new: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_a_name_and_a_count() {
        let line = r#"{"function_name":"parse","id":"text_v4","kind":"LibraryBenchmark",
            "profiles":[{"data":{"parts":[],"total":{"metrics":{"Dr":{"values":{"new":7}},
            "Ir":{"values":{"new":687,"old":680}}},"regressions":[]}},"tool":"Callgrind"}]}"#;
        assert_eq!(read(line).unwrap(), ("parse.text_v4".to_owned(), 687));
        assert!(read(r#"{"function_name":"parse","profiles":[]}"#).is_err());
    }
}
