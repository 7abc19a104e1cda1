//! Grid: transfers over many paths, each under every congestion controller, as a table.
//!
//! A cell is one transfer in virtual time, so the table is the same to the byte on every machine,
//! and a change to recovery or to a controller shows as a change of its lines.

mod cell;
mod table;

use core::time::Duration;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use synack_netem::{Probability, Rate};

pub use cell::{Cell, Figures, Recovery};
pub use table::Table;

use crate::guard::guarded;
use crate::{Controller, Path, Violation};

/// Which paths a grid has: every combination of these.
#[derive(Clone, Debug)]
pub struct Grid {
    /// How fast they are.
    pub rates: Vec<Rate>,
    /// Round-trip times. Units: milliseconds.
    pub rtts_ms: Vec<u64>,
    /// Chances of loss.
    pub losses: Vec<Probability>,
    /// Chances of reordering.
    pub reorderings: Vec<Probability>,
    /// Who governs how much is in flight.
    pub controllers: Vec<Controller>,
}

/// A cell and what it came to.
pub type Outcome = (Cell, Result<Figures, Violation>);

impl Grid {
    /// The whole grid.
    pub fn full() -> Self {
        Self {
            rates: [10, 100, 1_000].map(Rate::mbit).into(),
            rtts_ms: vec![1, 20, 100, 300],
            losses: [0, 100, 1_000, 10_000, 30_000, 100_000].map(Probability::per_million).into(),
            reorderings: [0, 1].map(Probability::percent).into(),
            controllers: Controller::ALL.into(),
        }
    }

    /// Its cells, in the order of the table.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &controller in &self.controllers {
            for &rate in &self.rates {
                for &rtt_ms in &self.rtts_ms {
                    for &reordering in &self.reorderings {
                        let rtt = Duration::from_millis(rtt_ms);
                        let path = |&loss| Path { rate, rtt, loss, reordering };
                        let paths = self.losses.iter().map(path);
                        cells.extend(paths.map(|path| Cell { path, controller }));
                    }
                }
            }
        }
        cells
    }

    /// Runs every cell, on so many threads.
    pub fn run(&self, threads: usize) -> Vec<Outcome> {
        let cells = self.cells();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(cells.len()));
        thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    // The longest transfers stand at the end; they are begun first.
                    let order = |nth| cells.len().checked_sub(nth + 1);
                    while let Some(index) = order(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = guarded(|| cells[index].run());
                        let mut done = done.lock().unwrap_or_else(|it| it.into_inner());
                        done.push((index, (cells[index], result)));
                    }
                });
            }
        });
        let mut outcomes = done.into_inner().unwrap_or_else(|it| it.into_inner());
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}
