//! Shows what transfers over many paths come to under every congestion controller, in grid.txt.
//! The same grid is run again, in virtual time, and compared line by line.

use std::num::NonZero;
use std::thread;

use expect_test::expect_file;
use synack_sim::grid::{Grid, Table};

#[test]
fn no_cell_of_the_grid_has_changed() {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let outcomes = Grid::full().run(threads);
    expect_file!["grid.txt"].assert_eq(&format!("{PREFACE}{}", Table(&outcomes)));
}

#[test]
fn the_order_in_which_cells_are_run_makes_no_difference() {
    let mut grid = Grid::full();
    grid.rates.truncate(1);
    grid.rtts_ms.truncate(2);
    let [one, three] = [1, 3].map(|threads| Table(&grid.run(threads)).to_string());
    assert_eq!(one, three);
}

const PREFACE: &str = "\
What transfers over many paths come to, under every congestion controller, in virtual time.

To print the table:         cargo run --release -p synack-sim -- grid
To write this file anew:    UPDATE_EXPECT=1 cargo test -p synack-sim --test grid

lost         chance of each packet of the sender to be lost
Mbit/s       what the receiving application read, from the opening of the connection on
of rate      the same, as a share of the rate of the path
recovery     from the loss of a packet to the ACK that covers it, mean and maximum, in round trips
spurious     segments that the receiver had already when they came again
timeouts     expiries of the retransmission timer
queue        most packets before the narrow place; it has room for as much as the path holds, or 32
";
