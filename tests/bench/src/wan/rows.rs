//! Rows: what is found out, each with its goal, as a table or as JSON.

use crate::paper::{number, sheet};

/// A finding.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    /// What it is about.
    pub(super) name: String,
    /// `None` if it could not be found out; the name says why.
    pub(super) figure: Option<f64>,
    /// The least that the figure is to be.
    pub(super) goal: Option<f64>,
    /// What else was seen, by name; the unit is at the end of the name.
    pub(super) details: Vec<(&'static str, f64)>,
}

impl Row {
    /// A row without a goal.
    pub(super) fn new(name: impl Into<String>, figure: Option<f64>) -> Self {
        Self { name: name.into(), figure, goal: None, details: Vec::new() }
    }

    /// The same with a goal.
    pub(super) fn with_goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// The same with another detail.
    pub(super) fn with(mut self, name: &'static str, value: f64) -> Self {
        self.details.push((name, value));
        self
    }

    /// Whether the goal is reached; `None` if there is none. What could not be found out reaches
    /// no goal.
    fn holds(&self) -> Option<bool> {
        self.goal.map(|goal| self.figure.is_some_and(|figure| figure >= goal))
    }
}

/// Prints the rows on the standard output: one JSON object each, or a table.
///
/// # Errors
/// When a figure cannot be written as JSON.
pub(super) fn print(rows: &[Row], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Table => {
            let mut table = sheet(&["", "figure", "goal", "holds", "besides"], &[1, 2]);
            for row in rows {
                table.add_row(cells(row));
            }
            println!("{}", table.trim_fmt());
        }
        Format::Json => {
            for row in rows {
                println!("{}", serde_json::to_string(&json(row))?);
            }
        }
    }
    Ok(())
}

/// How rows are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Table,
    Json,
}

fn cells(row: &Row) -> [String; 5] {
    let text = |value: Option<f64>| value.map_or_else(String::new, number);
    let holds = match row.holds() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    let besides: Vec<String> =
        row.details.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
    let figure = if row.figure.is_some() { text(row.figure) } else { "-".to_owned() };
    [row.name.clone(), figure, text(row.goal), holds.to_owned(), besides.join(", ")]
}

fn json(row: &Row) -> serde_json::Value {
    let details: serde_json::Map<String, serde_json::Value> =
        row.details.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    serde_json::json!({
        "row": row.name,
        "figure": row.figure,
        "goal": row.goal,
        "holds": row.holds(),
        "details": details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_holds_from_its_own_value_on() {
        for (figure, goal, holds) in [
            (Some(0.9), Some(0.9), Some(true)),
            (Some(0.89), Some(0.9), Some(false)),
            (None, Some(0.9), Some(false)),
            (Some(0.1), None, None),
        ] {
            let row = Row { goal, ..Row::new("it", figure) };
            assert_eq!(row.holds(), holds);
            assert_eq!(json(&row)["holds"].as_bool(), holds);
        }
    }

    #[test]
    fn a_row_shows_its_figure_its_goal_and_what_was_seen() {
        let row = Row::new("it", Some(1.0384)).with_goal(0.9).with("ours_mbit_s", 94.21);
        assert_eq!(cells(&row), ["it", "1.04", "0.900", "yes", "ours_mbit_s 94.2"]);
        assert_eq!(cells(&Row::new("it", None))[1], "-");
    }
}
