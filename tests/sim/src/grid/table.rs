//! Table: what the cells of a grid came to, a line each.

use core::fmt;

use super::{Figures, Outcome};
use crate::Path;

/// The outcomes of a grid; as text, a line each under a heading.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Outcome]);

impl Table<'_> {
    /// What stands before a table in a file.
    pub const PREFACE: &'static str = "\
What transfers over many paths come to, under every congestion controller, in virtual time.

To print the table:       cargo run --release -p synack-sim -- grid
To write this file anew:  cargo run --release -p synack-sim -- grid --into tests/sim/tests/grid.txt

lost         chance of each packet of the sender to be lost
Mbit/s       what the receiving application read, from the opening of the connection on
of rate      the same, as a share of the rate of the path
recovery     from the loss of a packet to the ACK that covers it, mean and maximum, in round trips
spurious     segments that the receiver had already when they came again
timeouts     expiries of the retransmission timer
queue        most packets before the narrow place; it has room for as much as the path holds, or 32
";
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = None;
        for (cell, result) in self.0 {
            let Path { rate, rtt, loss, reordering } = cell.path;
            let this = (cell.controller.name, rate, rtt, reordering);
            if group.replace(this) != Some(this) {
                let name = cell.controller.name;
                writeln!(f, "\n{name}, {rate}, {rtt:?}, {reordering} reordered")?;
                writeln!(f, "{HEADING}")?;
            }
            let loss = loss.to_string();
            match result {
                Ok(figures) => {
                    let is_whole = figures.received_bytes == cell.transfer_bytes();
                    writeln!(f, "{loss:>6} {}{}", Line(figures, cell.path), unfinished(is_whole))?;
                }
                Err(violation) => writeln!(f, "{loss:>6} {violation}")?,
            }
        }
        Ok(())
    }
}

const HEADING: &str =
    "  lost     Mbit/s  of rate  recovery RTTs, at worst  spurious  timeouts  queue";

/// The figures of one cell.
struct Line<'a>(&'a Figures, Path);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(figures, path) = self;
        let goodput = figures.goodput();
        let of_rate = 100.0 * goodput / path.rate.get() as f64;
        write!(f, "{:>10.3} {of_rate:>7.2}%", goodput / 1e6)?;
        let round_trips = |time: core::time::Duration| time.as_secs_f64() / path.rtt.as_secs_f64();
        match figures.recovery {
            Some(recovery) => {
                let (mean, max) = (round_trips(recovery.mean), round_trips(recovery.max));
                write!(f, " {mean:>14.2} {max:>9.2}")?;
            }
            None => write!(f, " {:>14} {:>9}", "-", "-")?,
        }
        let Figures { spurious, timeouts, queue_packets_peak, .. } = figures;
        write!(f, " {spurious:>9} {timeouts:>9} {queue_packets_peak:>6}")
    }
}

const fn unfinished(is_whole: bool) -> &'static str {
    if is_whole { "" } else { "  not finished in a day" }
}
