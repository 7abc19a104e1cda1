//! Nothing lies at the top but what the layout names.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::project::Project;

/// What may be seen at the top; what begins with a dot is not seen.
const ENTRIES: [&str; 12] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "examples",
    "rustfmt.toml",
    "tests",
];

pub(super) fn look(project: &Project) -> Vec<Finding> {
    let entries: BTreeSet<&str> =
        project.files.iter().filter_map(|file| file.path.split('/').next()).collect();
    entries
        .into_iter()
        .filter(|entry| !is_known(entry))
        .map(|entry| Finding::about(entry, "the layout does not name this at the top"))
        .collect()
}

fn is_known(entry: &str) -> bool {
    ENTRIES.contains(&entry) || entry.starts_with('.') || entry.starts_with("LICENSE-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_the_layout_does_not_name_is_found() {
        let known = [("crates/wire/src/seq.rs", ""), ("LICENSE-MIT", ""), (".gitignore", "")];
        assert_eq!(look(&Project::of(&known)), []);
        for path in ["scripts/run.sh", "notes.md", "Makefile", "src/lib.rs"] {
            assert_eq!(look(&Project::of(&[(path, "")])).len(), 1, "{path}");
        }
    }
}
