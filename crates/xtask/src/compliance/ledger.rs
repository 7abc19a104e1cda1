//! Rows, citations, tests and remarks brought together, and what is missing among them.

use std::collections::{BTreeMap, BTreeSet};

use super::citations::Citation;
use super::contract::{Contract, Level, Row};
use super::proofs::Proof;
use super::remarks::{self, Remarks};
use crate::tree::finding::Finding;

/// One entry for each row that has to be told of.
pub(super) struct Ledger<'a> {
    /// The labels of RFC 9293 in its order, then the rest in the order of the documents.
    pub(super) entries: Vec<Entry<'a>>,
}

/// A row, and what the tree says of it.
pub(super) struct Entry<'a> {
    pub(super) row: &'a Row,
    /// Path and item, each once.
    pub(super) places: BTreeSet<(String, String)>,
    /// Where it is done, in words.
    pub(super) remark: Option<&'a str>,
    /// Tests that run, in order of path.
    pub(super) tests: Vec<&'a Proof>,
    /// Why it is not done.
    pub(super) reason: Option<&'a str>,
}

/// What is known of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Shown,
    /// It is done, and no test says that it shows it.
    Untested,
    NotDone,
    /// Nothing cites it, and nobody said why.
    Untold,
}

impl Entry<'_> {
    pub(super) fn standing(&self) -> Standing {
        if self.reason.is_some() {
            return Standing::NotDone;
        }
        if !self.tests.is_empty() {
            return Standing::Shown;
        }
        if self.places.is_empty() && self.remark.is_none() {
            return Standing::Untold;
        }
        Standing::Untested
    }
}

impl<'a> Ledger<'a> {
    /// Brings all together, and finds what does not fit.
    pub(super) fn new(
        contract: &'a Contract,
        remarks: &'a Remarks,
        citations: Vec<Citation>,
        proofs: &'a [Proof],
        findings: &mut Vec<Finding>,
    ) -> Self {
        check_remarks(contract, remarks, proofs, findings);
        let mut places: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for Citation { id, path, item } in citations {
            places.entry(id).or_default().insert((path, item));
        }
        let entries: Vec<Entry<'a>> = ordered(contract, remarks)
            .into_iter()
            .filter(|row| !row.is_optional || remarks.optional_built.contains(&row.section))
            .map(|row| Entry {
                row,
                places: places.remove(&row.id).unwrap_or_default(),
                remark: remarks.done.get(&row.id).map(String::as_str),
                tests: tests_of(row, remarks, proofs),
                reason: remarks.not_done.get(&row.id).map(String::as_str),
            })
            .collect();
        for entry in &entries {
            findings.extend(finding(entry));
        }
        Self { entries }
    }
}

/// The rows: first the labels of RFC 9293, in its order.
fn ordered<'a>(contract: &'a Contract, remarks: &Remarks) -> Vec<&'a Row> {
    let place = |row: &Row| remarks.rfc_9293.iter().position(|label| *label == row.id);
    let mut rows: Vec<&Row> = contract.rows.iter().collect();
    // The sort is stable, so the rest stays as it is.
    rows.sort_by_key(|row| place(row).unwrap_or(usize::MAX));
    rows
}

/// The tests of a row that run.
fn tests_of<'a>(row: &Row, remarks: &Remarks, proofs: &'a [Proof]) -> Vec<&'a Proof> {
    let named = remarks.shown.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    let shows = |proof: &Proof| proof.ids.contains(&row.id) || named.contains(&proof.name);
    proofs.iter().filter(|proof| !proof.is_ignored && shows(proof)).collect()
}

/// What is wrong with an entry.
fn finding(entry: &Entry<'_>) -> Option<Finding> {
    let Row { id, wording, document, line, .. } = entry.row;
    let binds = match entry.row.level {
        Level::Must | Level::MustNot => true,
        Level::Should | Level::May | Level::Rule | Level::Trap => false,
    };
    match entry.standing() {
        Standing::Untested | Standing::Untold if binds => {
            Some(Finding::at(document, *line, format!("no test shows {id} ({wording})")))
        }
        Standing::NotDone if !entry.tests.is_empty() => {
            let message = format!("{id} is called not done, and a test shows it");
            Some(Finding::about(remarks::PATH, message))
        }
        Standing::Shown | Standing::Untested | Standing::NotDone | Standing::Untold => None,
    }
}

/// Remarks must be on rows that are there, and name tests that are there and run.
fn check_remarks(
    contract: &Contract,
    remarks: &Remarks,
    proofs: &[Proof],
    findings: &mut Vec<Finding>,
) {
    let Remarks { rfc_9293, optional_built, done, shown, not_done } = remarks;
    let mut find = |message| findings.push(Finding::about(remarks::PATH, message));
    let ids = done.keys().chain(shown.keys()).chain(not_done.keys()).chain(rfc_9293);
    for id in ids.filter(|id| !contract.ids.contains(id)) {
        find(format!("there is no row {id}"));
    }
    for section in optional_built {
        if !contract.rows.iter().any(|row| row.is_optional && row.section == *section) {
            find(format!("section {section} is not optional"));
        }
    }
    for (id, name) in shown.iter().flat_map(|(id, names)| names.iter().map(move |it| (id, it))) {
        match proofs.iter().find(|proof| proof.name == *name) {
            None => find(format!("there is no test `{name}` to show {id}")),
            Some(proof) if proof.is_ignored => find(format!("`{name}`, of {id}, does not run")),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
