//! Rows: what is found out, each with its goal, as a table or as JSON.

use crate::paper::{number, sheet};

/// A finding.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    /// What it is about.
    pub(crate) name: String,
    /// `None` if it could not be found out; the name says why.
    pub(crate) figure: Option<f64>,
    /// What the figure counts.
    pub(crate) unit: &'static str,
    pub(crate) goal: Option<Goal>,
    /// What else was seen, by name; the unit is at the end of the name.
    pub(crate) details: Vec<(String, f64)>,
}

/// What a figure is to be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    /// A row without a goal.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, figure: Option<f64>) -> Self {
        Self { name: name.into(), figure, unit, goal: None, details: Vec::new() }
    }

    /// The same with a goal.
    pub(crate) fn with_goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// The same with another detail.
    pub(crate) fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.details.push((name.into(), value));
        self
    }

    /// Whether the goal is reached; `None` if there is none. What could not be found out reaches
    /// no goal.
    pub(crate) fn holds(&self) -> Option<bool> {
        self.goal.map(|goal| self.figure.is_some_and(|figure| goal.is_met(figure)))
    }
}

impl Goal {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::AtLeast(value) | Self::AtMost(value) => value,
        }
    }

    /// Which end the value is of the range that meets it.
    fn bound(self) -> &'static str {
        match self {
            Self::AtLeast(_) => "least",
            Self::AtMost(_) => "most",
        }
    }
}

/// Prints the rows on the standard output: one JSON object each, or a table.
///
/// # Errors
/// When a figure cannot be written as JSON.
pub(crate) fn print(rows: &[Row], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Table => {
            let mut table = sheet(&["", "figure", "", "goal", "holds", "besides"], &[1, 3]);
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
pub(crate) enum Format {
    Table,
    Json,
}

fn cells(row: &Row) -> [String; 6] {
    let holds = match row.holds() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    let besides: Vec<String> =
        row.details.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
    let figure = row.figure.map_or_else(|| "-".to_owned(), number);
    let goal = row.goal.map_or_else(String::new, |goal| {
        let sign = match goal {
            Goal::AtLeast(_) => '≥',
            Goal::AtMost(_) => '≤',
        };
        format!("{sign} {}", number(goal.value()))
    });
    [row.name.clone(), figure, row.unit.to_owned(), goal, holds.to_owned(), besides.join(", ")]
}

fn json(row: &Row) -> serde_json::Value {
    let details: serde_json::Map<String, serde_json::Value> =
        row.details.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
    serde_json::json!({
        "row": row.name,
        "figure": row.figure,
        "unit": row.unit,
        "goal": row.goal.map(Goal::value),
        "bound": row.goal.map(Goal::bound),
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
            (Some(0.9), Some(Goal::AtLeast(0.9)), Some(true)),
            (Some(0.89), Some(Goal::AtLeast(0.9)), Some(false)),
            (Some(0.9), Some(Goal::AtMost(0.9)), Some(true)),
            (Some(0.91), Some(Goal::AtMost(0.9)), Some(false)),
            (None, Some(Goal::AtLeast(0.9)), Some(false)),
            (None, Some(Goal::AtMost(0.9)), Some(false)),
            (Some(0.1), None, None),
        ] {
            let row = Row { goal, ..Row::new("it", "ratio", figure) };
            assert_eq!(row.holds(), holds);
            assert_eq!(json(&row)["holds"].as_bool(), holds);
        }
    }

    #[test]
    fn a_row_shows_its_figure_its_goal_and_what_was_seen() {
        let row = Row::new("it", "ratio", Some(1.0384)).with_goal(Goal::AtLeast(0.9));
        let row = row.with("ours_mbit_s", 94.21);
        assert_eq!(cells(&row), ["it", "1.04", "ratio", "≥ 0.900", "yes", "ours_mbit_s 94.2"]);
        assert_eq!(cells(&Row::new("it", "ratio", None))[1], "-");
        let json = json(&row);
        assert_eq!((json["goal"].as_f64(), json["bound"].as_str()), (Some(0.9), Some("least")));
        assert_eq!(json["unit"], "ratio");
    }
}
