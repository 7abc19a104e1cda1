//! `cargo xtask compliance`: each row of the contract, where it is done and which tests show it.
//!
//! The rows are read from the two documents, where they are done from the comments that cite them,
//! and what shows them from the names of tests. `docs/compliance.md` is what comes of it.

mod citations;
mod contract;
mod ledger;
mod page;
mod proofs;
mod remarks;
mod row_ids;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::tree::finding::Finding;
use crate::tree::project::Project;
use contract::Contract;
use ledger::Ledger;
use remarks::Remarks;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The workspace to look at [default: the one of the current directory]
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Write the page, and do not only compare it
    #[arg(long)]
    write: bool,
}

/// The page that is kept.
const PAGE: &str = "docs/compliance.md";

/// Tells what of the contract is not shown, counts by level, and compares or writes the page.
///
/// # Errors
/// When the workspace cannot be read, or a document of the contract is missing or not understood.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::load(arguments.root.as_deref())?;
    let contract = Contract::read(&project)?;
    let remarks = Remarks::read(&project)?;
    let mut findings = Vec::new();
    let citations = citations::collect(&project, &contract.ids, &mut findings);
    let proofs = proofs::collect(&project, &contract.ids, &mut findings);
    let ledger = Ledger::new(&contract, &remarks, citations, &proofs, &mut findings);
    let page = page::page(&ledger);
    if arguments.write {
        let path = project.root.join(PAGE);
        std::fs::write(&path, &page).with_context(|| format!("cannot write {PAGE}"))?;
    } else if project.text(PAGE) != Some(page.as_str()) {
        let message = "is not what the tree tells: run `cargo xtask compliance --write`";
        findings.push(Finding::about(PAGE, message));
    }
    for finding in &findings {
        println!("{finding}");
    }
    print!("{}", page::counts(&ledger));
    if findings.is_empty() {
        println!("compliance: {} rows are told of", ledger.entries.len());
        return Ok(ExitCode::SUCCESS);
    }
    let plural = if findings.len() == 1 { "" } else { "s" };
    println!("compliance: {} finding{plural}", findings.len());
    Ok(ExitCode::FAILURE)
}
