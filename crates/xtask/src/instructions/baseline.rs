//! Counts that are kept in the tree, and how others differ from them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::toolchain::Toolchain;

/// Instructions of so many operations, each done a hundred times, by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Baseline {
    pub(super) toolchain: Toolchain,
    pub(super) counts: BTreeMap<String, u64>,
}

/// An operation, its kept count and its present one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) kept: Option<u64>,
    pub(super) counted: Option<u64>,
}

impl Baseline {
    /// As it is kept.
    ///
    /// # Errors
    /// When the format cannot express it, which no name of an operation makes happen.
    pub(super) fn to_text(&self) -> anyhow::Result<String> {
        Ok(format!("{HEAD}{}", toml::to_string(self)?))
    }

    /// From what was kept.
    ///
    /// # Errors
    /// When it is not of the format.
    pub(super) fn from_text(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Every operation of either, in the order of the names.
    pub(super) fn changes_from(&self, kept: &Self) -> Vec<Change> {
        let names: BTreeSet<&String> = self.counts.keys().chain(kept.counts.keys()).collect();
        let change = |name: &String| Change {
            name: name.clone(),
            kept: kept.counts.get(name).copied(),
            counted: self.counts.get(name).copied(),
        };
        names.into_iter().map(change).collect()
    }
}

const HEAD: &str = "\
# Instructions of a hundred operations each, as valgrind counts them.
# Written by `cargo xtask instructions --write`; without `--write`, it says what grew.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(counts: &[(&str, u64)]) -> Baseline {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Baseline { toolchain: Toolchain::default(), counts }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = baseline(&[("bulk.v4", 300_000), ("parse.text_v6", 12)]);
        assert_eq!(Baseline::from_text(&written.to_text().unwrap()).unwrap(), written);
    }

    #[test]
    fn operations_of_either_side_are_compared() {
        let changes =
            baseline(&[("a", 1), ("b", 2)]).changes_from(&baseline(&[("b", 3), ("c", 4)]));
        let change = |name: &str, kept, counted| Change { name: name.to_owned(), kept, counted };
        let expected =
            [change("a", None, Some(1)), change("b", Some(3), Some(2)), change("c", Some(4), None)];
        assert_eq!(changes, expected);
    }
}
