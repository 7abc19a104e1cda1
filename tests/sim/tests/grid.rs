//! Shows that grid.txt says what transfers come to under every congestion controller.
//! A sixth of the paths are run again, in virtual time, and compared line by line.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread;

use synack_netem::{Probability, Rate};
use synack_sim::grid::{Grid, Table};

const FILE: &str = include_str!("grid.txt");
const REFRESH: &str = "cargo run --release -p synack-sim -- grid --into tests/sim/tests/grid.txt";

/// The groups of lines of a table, by their headings.
fn groups(table: &str) -> BTreeMap<&str, &str> {
    let groups = table.split("\n\n").filter_map(|group| group.trim_end().split_once('\n'));
    groups.filter(|(heading, _)| heading.ends_with("reordered")).collect()
}

/// Runs the grid and looks up what comes out.
#[track_caller]
fn assert_unchanged(grid: &Grid) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let table = Table(&grid.run(threads)).to_string();
    let (before, now) = (groups(FILE), groups(&table));
    assert!(!now.is_empty());
    for (heading, now) in now {
        let before = before.get(heading).copied().unwrap_or_default();
        let is_unchanged = now.lines().all(|line| before.lines().any(|other| other == line));
        let advice = format!("if that is meant, write the file anew:\n{REFRESH}");
        assert!(is_unchanged, "\n{heading}: now\n{now}\nbefore\n{before}\n{advice}");
    }
}

/// What can be computed in a moment.
fn small_grid() -> Grid {
    Grid {
        rates: [10, 100].map(Rate::mbit).into(),
        rtts_ms: vec![20, 100],
        losses: [0, 1, 10].map(Probability::percent).into(),
        ..Grid::full()
    }
}

#[test]
fn no_transfer_of_the_small_grid_has_changed() {
    assert_unchanged(&small_grid());
}

#[test]
#[ignore = "takes most of a minute; CI runs it"]
fn no_transfer_has_changed() {
    assert_unchanged(&Grid::full());
}

#[test]
fn the_file_has_every_group_and_says_how_to_write_it_anew() {
    let Grid { rates, rtts_ms, reorderings, controllers, .. } = Grid::full();
    let count = rates.len() * rtts_ms.len() * reorderings.len() * controllers.len();
    assert_eq!(groups(FILE).len(), count, "write the file anew:\n{REFRESH}");
    assert!(FILE.contains(REFRESH));
}

#[test]
fn the_order_in_which_cells_are_run_makes_no_difference() {
    let small = small_grid();
    let grid = Grid { rates: small.rates[..1].into(), rtts_ms: vec![20], ..small };
    let [one, three] = [1, 3].map(|threads| Table(&grid.run(threads)).to_string());
    assert_eq!(one, three);
}
