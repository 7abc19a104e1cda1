//! The outcomes on paper: a table to read, or JSON to compute with.

use bytesize::ByteSize;
use comfy_table::Table;

use super::cell::{Cell, Outcome, ip_version};
use crate::paper::sheet;

const HEADINGS: [&str; 8] =
    ["MTU", "IP", "direction", "octets", "seconds", "Gbit/s", "sent again", "outcome"];

/// Columns of numbers, which are read from the right.
const NUMBERS: [usize; 5] = [0, 3, 4, 5, 6];

/// Prints the rows as a table on the standard output.
pub(super) fn print(rows: &[(Cell, Outcome)], len: usize) {
    println!("{} over one connection a row; both ends hash what they move", ByteSize(len as u64));
    println!("{}", table(rows, len).trim_fmt());
}

/// Prints one JSON object a row on the standard output.
pub(super) fn print_json(rows: &[(Cell, Outcome)], len: usize) {
    for (cell, outcome) in rows {
        println!("{}", json(*cell, outcome, len));
    }
}

fn table(rows: &[(Cell, Outcome)], len: usize) -> Table {
    let mut table = sheet(&HEADINGS, &NUMBERS);
    table.add_rows(rows.iter().map(|(cell, outcome)| cells(*cell, outcome, len)));
    table
}

fn cells(cell: Cell, outcome: &Outcome, len: usize) -> [String; HEADINGS.len()] {
    let figures = match outcome {
        Ok(transfer) => {
            let seconds = transfer.time.as_secs_f64();
            [
                len.to_string(),
                format!("{seconds:.2}"),
                format!("{:.2}", gigabits_per_second(len, seconds)),
                transfer.retransmissions.to_string(),
                "every octet right".to_owned(),
            ]
        }
        Err(error) => {
            let none = String::new;
            [none(), none(), none(), none(), format!("FAILED: {error:#}")]
        }
    };
    let [octets, seconds, rate, again, outcome] = figures;
    let family = ip_version(cell.family).to_owned();
    [
        cell.mtu.to_string(),
        family,
        cell.direction.to_string(),
        octets,
        seconds,
        rate,
        again,
        outcome,
    ]
}

fn json(cell: Cell, outcome: &Outcome, len: usize) -> serde_json::Value {
    let transfer = outcome.as_ref().ok();
    let seconds = transfer.map(|transfer| transfer.time.as_secs_f64());
    serde_json::json!({
        "mtu": cell.mtu,
        "ip": ip_version(cell.family),
        "direction": cell.direction.to_string(),
        "octets": len,
        "seconds": seconds,
        "gigabits_per_second": seconds.map(|seconds| gigabits_per_second(len, seconds)),
        "retransmissions": transfer.map(|transfer| transfer.retransmissions),
        "error": outcome.as_ref().err().map(|error| format!("{error:#}")),
    })
}

fn gigabits_per_second(len: usize, seconds: f64) -> f64 {
    len as f64 * 8.0 / seconds / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use synack_stack::Family;

    use super::super::cell::{Direction, Transfer};
    use super::super::wrong;
    use super::*;

    const LEN: usize = 1 << 30;

    fn rows() -> Vec<(Cell, Outcome)> {
        let right = Ok(Transfer { time: Duration::from_secs(2), retransmissions: 3 });
        let cell = Cell { mtu: 1_500, family: Family::V6, direction: Direction::UsToKernel };
        vec![(cell, right), (cell, Err(anyhow::anyhow!("no route").context("the connection")))]
    }

    #[test]
    fn a_row_says_what_was_moved_how_fast_or_why_not() {
        let cells: Vec<_> =
            rows().iter().map(|(cell, it)| cells(*cell, it, LEN).join("|")).collect();
        let expected = [
            "1500|IPv6|synack -> kernel|1073741824|2.00|4.29|3|every octet right",
            "1500|IPv6|synack -> kernel|||||FAILED: the connection: no route",
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn json_has_an_error_or_figures() {
        let json: Vec<_> = rows().iter().map(|(cell, it)| json(*cell, it, LEN)).collect();
        assert!(json[0]["error"].is_null() && json[0]["seconds"] == 2.0, "{}", json[0]);
        assert!(json[1]["error"] == "the connection: no route" && json[1]["seconds"].is_null());
    }

    #[test]
    fn one_row_that_failed_is_enough() {
        let rows = rows();
        assert_eq!((wrong(&rows), wrong(&rows[..1])), (1, 0));
    }
}
