//! The results on paper: a table to read, or JSON to compute with.

use comfy_table::Table;

use super::results::Row;
use crate::paper::{number, sheet};
use crate::spread::Spread;

const HEADINGS: [&str; 8] =
    ["test", "stack", "median", "unit", "min .. max", "of ceiling", "of smoltcp", "besides"];

/// Columns of numbers, which are read from the right.
const NUMBERS: [usize; 4] = [2, 4, 5, 6];

/// Prints the rows as a table on the standard output.
pub(super) fn print(rows: &[Row], mtu: u16) {
    println!("MTU {mtu}; medians over the rounds; ratios are medians of the ratios within a round");
    println!("{}", table(rows).trim_fmt());
}

/// Prints one JSON object a row on the standard output.
///
/// # Errors
/// When a figure cannot be written as JSON.
pub(super) fn print_json(rows: &[Row], mtu: u16) -> anyhow::Result<()> {
    for row in rows {
        println!("{}", serde_json::to_string(&json(row, mtu))?);
    }
    Ok(())
}

fn table(rows: &[Row]) -> Table {
    let mut table = sheet(&HEADINGS, &NUMBERS);
    let mut quantity = "";
    for row in rows {
        if row.quantity != quantity && !quantity.is_empty() {
            table.add_row([""; HEADINGS.len()]);
        }
        quantity = &row.quantity;
        table.add_row(cells(row));
    }
    table
}

fn cells(row: &Row) -> [String; HEADINGS.len()] {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |it| format!("{it:.2}"));
    let (median, range) = match row.spread {
        Some(Spread { median, min, max }) => {
            (number(median), format!("{} .. {}", number(min), number(max)))
        }
        None => ("failed".to_owned(), String::new()),
    };
    let mut besides: Vec<String> =
        row.details.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
    if row.failures > 0 {
        besides.push(format!("failed in {} of {}", row.failures, row.failures + row.rounds));
    }
    [
        row.quantity.clone(),
        row.stack.clone(),
        median,
        row.unit.to_owned(),
        range,
        ratio(row.of_ceiling),
        ratio(row.of_smoltcp),
        besides.join(", "),
    ]
}

fn json(row: &Row, mtu: u16) -> serde_json::Value {
    let Row { quantity, stack, unit, rounds, failures, spread, of_ceiling, of_smoltcp, details } =
        row;
    let details: serde_json::Map<String, serde_json::Value> =
        details.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    serde_json::json!({
        "row": format!("{quantity}: {stack}"),
        "figure": spread.map(|it| it.median),
        "goal": null,
        "holds": null,
        "test": quantity,
        "stack": stack,
        "mtu": mtu,
        "unit": unit,
        "rounds": rounds,
        "failures": failures,
        "median": spread.map(|it| it.median),
        "min": spread.map(|it| it.min),
        "max": spread.map(|it| it.max),
        "of_ceiling": of_ceiling,
        "of_smoltcp": of_smoltcp,
        "details": details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            quantity: "rx".to_owned(),
            stack: "ours".to_owned(),
            unit: "Gbit/s",
            rounds: 2,
            failures: 1,
            spread: Some(Spread { median: 9.071, min: 8.0, max: 10.0 }),
            of_ceiling: Some(0.72),
            of_smoltcp: None,
            details: vec![("cpu_s_per_gb", 0.871)],
        }
    }

    #[test]
    fn a_row_shows_its_median_its_range_and_its_ratios() {
        let expected = [
            "rx",
            "ours",
            "9.07",
            "Gbit/s",
            "8.00 .. 10.0",
            "0.72",
            "",
            "cpu_s_per_gb 0.871, failed in 1 of 3",
        ];
        assert_eq!(cells(&row()), expected);
    }

    #[test]
    fn a_row_without_figures_says_that_it_failed() {
        let failed = Row { rounds: 0, spread: None, of_ceiling: None, details: vec![], ..row() };
        assert_eq!(cells(&failed)[2], "failed");
        assert!(json(&failed, 1500)["median"].is_null());
    }
}
