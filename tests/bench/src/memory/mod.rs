//! `memory`: what idle connections take, by the thousand or by the million, all of it counted.
//!
//! The peer is a stub without state, so everything that grows is ours. Each connection is used for
//! one octet there and back, and then left alone until its buffers are given back.

mod heap;
mod in_stack;
mod in_tcb;
mod stub;

use bytesize::ByteSize;
use clap::Args;

use crate::paper::{number, sheet};
use crate::peers::process;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many connections are open at once
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Print one JSON object a row instead of the table
    #[arg(long)]
    json: bool,
}

/// What something takes. Units: octets.
struct Row {
    name: &'static str,
    octets: f64,
    goal: Option<f64>,
}

impl Row {
    fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| self.octets <= goal)
    }
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows = measure(arguments.connections)?;
    if arguments.json {
        rows.iter().for_each(|row| println!("{}", json(row, arguments.connections)));
    } else {
        print(&rows, arguments.connections);
    }
    Ok(())
}

fn measure(connections: usize) -> anyhow::Result<Vec<Row>> {
    // First, as the heap is small then: what is freed here is used again below.
    let tcb = in_tcb::octets_each(connections.min(IN_TCB_MAX))?;
    let resident_before = process::resident_kib(std::process::id())?;
    let held = in_stack::Held::open(connections)?;
    let resident_kib = process::resident_kib(std::process::id())?;
    let all = held.octets_each();
    drop(held);
    let resident = resident_kib * 1024.0;
    let grown = (resident_kib - resident_before) * 1024.0 / connections as f64;
    let each = |name, octets, goal| Row { name, octets, goal };
    Ok(vec![
        each("tcb: a connection and what hangs on it", tcb, Some(GOAL_TCB)),
        each("runtime: the rest of its cell, and its places in tables", all - tcb, None),
        each("in all", all, Some(GOAL_ALL)),
        // What the first ones gave back is kept by the allocator for those that come.
        each("in all, as the kernel counts it, with what was freed", grown, None),
        Row { name: "the whole process", octets: resident, goal: Some(GOAL_PROCESS) },
    ])
}

fn print(rows: &[Row], connections: usize) {
    println!("{connections} idle connections, octets each; the last row is the sum");
    let mut table = sheet(&["", "octets", "goal", ""], &[1, 2]);
    for row in rows {
        let goal = row.goal.map_or_else(String::new, size);
        let verdict = if row.holds() { "" } else { "more than the goal" };
        table.add_row([row.name.to_owned(), size(row.octets), goal, verdict.to_owned()]);
    }
    println!("{}", table.trim_fmt());
}

/// To the octet, unless it is a process.
fn size(octets: f64) -> String {
    if octets < 1e6 { number(octets) } else { ByteSize(octets as u64).to_string() }
}

fn json(row: &Row, connections: usize) -> serde_json::Value {
    serde_json::json!({
        "row": row.name,
        "figure": row.octets,
        "unit": "octets",
        "goal": row.goal,
        "holds": row.holds(),
        "details": { "connections": connections },
    })
}

/// Goals of docs/architecture.md §4. Units: octets.
const GOAL_TCB: f64 = 1024.0;
const GOAL_ALL: f64 = 2048.0;
/// For a million connections, and so for fewer.
const GOAL_PROCESS: f64 = (2_u64 << 30) as f64;
/// More tell nothing more: nothing in there is shared between connections.
const IN_TCB_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of how much nothing can be said here: the tests beside it allocate in the same process.
    #[test]
    fn every_octet_comes_back_and_every_part_is_told() {
        let rows = measure(200).unwrap();
        let goals: Vec<_> = rows.iter().map(|row| row.goal).collect();
        assert_eq!(goals, [Some(GOAL_TCB), None, Some(GOAL_ALL), None, Some(GOAL_PROCESS)]);
    }

    #[test]
    fn a_row_says_whether_its_goal_is_kept() {
        for (octets, goal, holds) in [
            (GOAL_ALL, Some(GOAL_ALL), true),
            (GOAL_ALL + 1.0, Some(GOAL_ALL), false),
            (GOAL_ALL + 1.0, None, true),
        ] {
            let row = Row { name: "in all", octets, goal };
            assert_eq!(json(&row, 1)["holds"], holds);
        }
    }
}
