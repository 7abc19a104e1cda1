//! The page: counts by level, and a line for each row.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::contract::Level;
use super::ledger::{Entry, Ledger, Standing};

/// What stands above the tables.
const HEAD: &str = "\
# Compliance

Every row of [requirements.md](requirements.md) and [state-machine.md](state-machine.md): where it
is done, and which tests show it; of the optional groups, those that are built. `cargo xtask
compliance --write` writes this page from the comments that cite a row and the names of the tests,
with what [compliance.toml](compliance.toml) adds; do not edit it. The labels of RFC 9293 stand
first, in the order of its appendix B.

";

/// The whole page.
pub(super) fn page(ledger: &Ledger<'_>) -> String {
    let mut page = format!("{HEAD}{}", counts(ledger));
    let mut title = String::new();
    for entry in &ledger.entries {
        let new_title = heading(entry);
        if new_title != title {
            title = new_title;
            let head = "| id | level | done in | shown by |\n|---|---|---|---|\n";
            page.push_str(&format!("\n## {title}\n\n{head}"));
        }
        page.push_str(&line(entry));
    }
    page
}

/// The table of counts.
pub(super) fn counts(ledger: &Ledger<'_>) -> String {
    let mut table = String::from(
        "| level | rows | shown by tests | no test says so | not done | not told |\n\
         |---|---|---|---|---|---|\n",
    );
    for level in Level::ALL {
        let count = |standing: Option<Standing>| {
            let of_level = ledger.entries.iter().filter(|entry| entry.row.level == level);
            of_level.filter(|it| standing.is_none_or(|standing| it.standing() == standing)).count()
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            level.name(),
            count(None),
            count(Some(Standing::Shown)),
            count(Some(Standing::Untested)),
            count(Some(Standing::NotDone)),
            count(Some(Standing::Untold)),
        );
    }
    table
}

/// The title of the table that an entry stands in.
fn heading(entry: &Entry<'_>) -> String {
    let document = entry.row.document.trim_start_matches("docs/").trim_end_matches(".md");
    match (document, entry.row.section.as_str()) {
        ("requirements", "1") => "RFC 9293, its own labels".to_owned(),
        (document, section) => format!("{document}, section {section}"),
    }
}

/// The line of an entry.
fn line(entry: &Entry<'_>) -> String {
    let mut done: Vec<String> = entry.remark.map(str::to_owned).into_iter().collect();
    done.extend(by_file(entry.places.iter().map(|(path, item)| (path.as_str(), item.as_str()))));
    let mut shown: Vec<String> =
        by_file(entry.tests.iter().map(|test| (test.path.as_str(), test.name.as_str())));
    match entry.standing() {
        Standing::NotDone => done = vec![format!("not done: {}", entry.reason.unwrap_or_default())],
        Standing::Untested => shown = vec!["**no test says so**".to_owned()],
        Standing::Untold => done = vec!["**not told**".to_owned()],
        Standing::Shown => {}
    }
    let (done, shown) = (done.join("<br>"), shown.join("<br>"));
    format!("| {} | {} | {done} | {shown} |\n", entry.row.id, entry.row.wording)
}

/// Names by the file that they are of: `path: a, b`.
fn by_file<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, name) in names {
        let names = files.entry(path).or_default();
        if !name.is_empty() {
            names.push(name);
        }
    }
    files
        .into_iter()
        .map(|(path, names)| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let colon = if names.is_empty() { "" } else { ": " };
            format!("{path}{colon}{}", names.join(", "))
        })
        .collect()
}
