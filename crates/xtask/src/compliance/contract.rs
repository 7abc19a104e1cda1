//! The rows of the contract: what `requirements.md` and `state-machine.md` ask for.

use anyhow::{Context, bail};

use super::row_ids::RowIds;
use crate::tree::project::Project;

/// The two documents, read.
pub(super) struct Contract {
    /// In the order of the documents.
    pub(super) rows: Vec<Row>,
    pub(super) ids: RowIds,
}

/// A row of a table.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) level: Level,
    /// The level as the document has it, such as `MUST NOT (drop)`; empty where it has none.
    pub(super) wording: String,
    /// The number of the section that it stands in, such as `25`.
    pub(super) section: String,
    /// What nobody has to build: the row, or all of its section.
    pub(super) is_optional: bool,
    pub(super) document: &'static str,
    /// Counted from 1.
    pub(super) line: usize,
}

/// How strongly a row binds. Of several levels in one row, the strongest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    Must,
    MustNot,
    Should,
    May,
    /// A row of the state machine, whose document gives no levels.
    Rule,
    /// A mistake that others made.
    Trap,
}

impl Level {
    pub(super) const ALL: [Self; 6] =
        [Self::Must, Self::MustNot, Self::Should, Self::May, Self::Rule, Self::Trap];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD, SHOULD NOT, RECOMMENDED",
            Self::May => "MAY",
            Self::Rule => "rule of the state machine",
            Self::Trap => "trap",
        }
    }

    fn of_wording(wording: &str) -> Option<Self> {
        let starts = |word| wording.starts_with(word);
        if starts("MUST NOT") && !wording.ends_with(", MUST") {
            return Some(Self::MustNot);
        }
        if wording.contains("MUST") {
            return Some(Self::Must);
        }
        if starts("SHOULD") || starts("RECOMMENDED") {
            return Some(Self::Should);
        }
        starts("MAY").then_some(Self::May)
    }
}

const REQUIREMENTS: &str = "docs/requirements.md";
const STATE_MACHINE: &str = "docs/state-machine.md";

impl Contract {
    /// Reads both documents.
    ///
    /// # Errors
    /// When one is missing, an id stands twice, or a level is not understood.
    pub(super) fn read(project: &Project) -> anyhow::Result<Self> {
        let mut contract = Self { rows: Vec::new(), ids: RowIds::default() };
        for document in [REQUIREMENTS, STATE_MACHINE] {
            let text = project.text(document).with_context(|| format!("no {document}"))?;
            contract.add(document, text)?;
        }
        Ok(contract)
    }

    fn add(&mut self, document: &'static str, text: &str) -> anyhow::Result<()> {
        let mut heading = "";
        let mut level_column = None;
        for (index, line) in text.lines().enumerate() {
            if let Some(title) = line.strip_prefix("## ") {
                heading = title;
            }
            let Some(cells) = cells(line) else { continue };
            if cells[0] == "id" {
                level_column = cells.iter().position(|cell| *cell == "level");
            }
            if !is_id(cells[0]) {
                continue;
            }
            let wording = level_column.and_then(|column| cells.get(column)).unwrap_or(&"");
            let Some(level) = level(document, cells[0], wording) else {
                bail!("{document}:{}: no level is called `{wording}`", index + 1);
            };
            if !self.ids.insert(cells[0]) {
                bail!("{document}:{}: {} stands here twice", index + 1, cells[0]);
            }
            let section = heading.split_once(". ").map_or("", |(number, _)| number);
            let is_optional =
                heading.ends_with("(optional)") || line.contains("**project**, optional");
            self.rows.push(Row {
                id: cells[0].to_owned(),
                level,
                wording: (*wording).to_owned(),
                section: section.to_owned(),
                is_optional,
                document,
                line: index + 1,
            });
        }
        Ok(())
    }
}

fn level(document: &str, id: &str, wording: &str) -> Option<Level> {
    if document == REQUIREMENTS {
        return Level::of_wording(wording);
    }
    Some(if id.starts_with("TRAP-") { Level::Trap } else { Level::Rule })
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// Whether a first cell is an id: capital letters and digits, hyphens, and a number at the end.
fn is_id(cell: &str) -> bool {
    let Some((prefix, number)) = cell.rsplit_once('-') else { return false };
    let is_prefix = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '-';
    prefix.starts_with(|first: char| first.is_ascii_uppercase())
        && prefix.chars().all(is_prefix)
        && number.parse::<u32>().is_ok()
        // The names of two states stand in first cells, too.
        && prefix != "FIN-WAIT"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contract of these two documents.
    fn read(requirements: &str, state_machine: &str) -> anyhow::Result<Contract> {
        let files = [(REQUIREMENTS, requirements), (STATE_MACHINE, state_machine)];
        Contract::read(&Project::of(&files))
    }

    const HEAD: &str = "| id | requirement | source | level | checked |\n|---|---|---|---|---|\n";

    #[test]
    fn rows_are_read_with_level_section_and_whether_they_are_optional() {
        let requirements = format!(
            "## 1. One\n{HEAD}| WS-1 | This. | RFC | MUST NOT (drop) | text |\n\
             ## 2. Two (optional)\n{HEAD}| TFO-1 | That. | RFC | SHOULD | text |\n"
        );
        let machine = "## 3. Calls\n| id | state | result |\n|---|---|---|\n\
                       | SM-OPEN-1 | CLOSED | x |\n| TRAP-1 | a | b |\n| FIN-WAIT-1 | a | b |\n";
        let contract = read(&requirements, machine).unwrap();
        let rows: Vec<_> = contract
            .rows
            .iter()
            .map(|row| (row.id.as_str(), row.level, row.section.as_str(), row.is_optional))
            .collect();
        let expected = [
            ("WS-1", Level::MustNot, "1", false),
            ("TFO-1", Level::Should, "2", true),
            ("SM-OPEN-1", Level::Rule, "3", false),
            ("TRAP-1", Level::Trap, "3", false),
        ];
        assert_eq!(rows, expected);
        assert_eq!(contract.rows[0].line, 4);
        assert_eq!(contract.rows[0].wording, "MUST NOT (drop)");
    }

    #[test]
    fn the_strongest_of_several_levels_counts() {
        let rows = [
            ("SHOULD, MUST (same ISN)", Some(Level::Must)),
            ("MUST NOT, MUST", Some(Level::Must)),
            ("MUST NOT (more), RECOMMENDED (way)", Some(Level::MustNot)),
            ("RECOMMENDED, SHOULD, MUST NOT (below 1 s)", Some(Level::Must)),
            ("SHOULD NOT", Some(Level::Should)),
            ("RECOMMENDED", Some(Level::Should)),
            ("MAY", Some(Level::May)),
            ("text", None),
        ];
        for (wording, level) in rows {
            assert_eq!(Level::of_wording(wording), level, "{wording}");
        }
    }

    #[test]
    fn a_row_that_stands_twice_or_has_no_level_is_an_error() {
        let row = "| WS-1 | This. | RFC | MUST | text |\n";
        assert!(read(&format!("{HEAD}{row}"), "").is_ok());
        assert!(read(&format!("{HEAD}{row}{row}"), "").is_err());
        assert!(read(&format!("{HEAD}| WS-1 | This. | RFC | OUGHT | text |\n"), "").is_err());
    }
}
