//! What a count depends on, beside the code: the compiler, the C library and the counter.

use std::fmt;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// The versions, each as its program says it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Toolchain {
    rustc: String,
    /// It copies memory, by ways that depend on its version.
    libc: String,
    valgrind: String,
}

impl Toolchain {
    /// That of this machine.
    ///
    /// # Errors
    /// When one of the programs is missing.
    pub(super) fn present() -> anyhow::Result<Self> {
        Ok(Self {
            rustc: first_line("rustc", "--version")?,
            libc: first_line("ldd", "--version")?,
            valgrind: first_line("valgrind", "--version")?,
        })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rustc, libc, valgrind } = self;
        write!(f, "{rustc}; {libc}; {valgrind}")
    }
}

fn first_line(program: &str, argument: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program} {argument} failed");
    let text = String::from_utf8(output.stdout).context("not text")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
