//! `synack-bench kernel`: streams between the kernel's TCP and ours, every octet of them right.
//!
//! ```text
//!             private network namespace, one a cell
//!  socket of the kernel ── TUN synack0 ── stack, in this process
//! ```
//!
//! A cell is an MTU, a version of IP and a direction. Both ends hash what they have sent or
//! received, so the figures are not those of TCP alone: `peers` measures speed.

mod cell;
mod table;

use anyhow::bail;
use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressStyle};
use synack_netns::Namespace;

use self::cell::{Cell, Outcome};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How much each cell moves, such as 64MiB
    #[arg(long, default_value = "1GiB")]
    size: ByteSize,
    /// The MTUs of the device, in octets
    #[arg(long, value_delimiter = ',', default_value = "1280,1500,9000,65535",
          value_parser = clap::value_parser!(u16).range(1280..))]
    mtus: Vec<u16>,
    /// Print one JSON object a row instead of the table
    #[arg(long)]
    json: bool,
}

/// Runs all cells and prints how each went.
///
/// # Errors
/// When this user cannot have a private network, or an octet was wrong in any cell.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    synack_netns::availability()?;
    synack_netns::enter()?;
    let len = usize::try_from(arguments.size.as_u64())?;
    let cells = Cell::all(&arguments.mtus);
    let progress = progress_bar(len as u64 * cells.len() as u64);
    let mut rows = Vec::new();
    for (index, cell) in cells.into_iter().enumerate() {
        progress.set_message(cell.to_string());
        let outcome = Namespace::new()?.run(|| cell.run(len, index as u64, &progress));
        // A cell that failed has moved less.
        progress.set_position((index as u64 + 1) * len as u64);
        rows.push((cell, outcome));
    }
    progress.finish_and_clear();
    if arguments.json {
        table::print_json(&rows, len);
    } else {
        table::print(&rows, len);
    }
    match wrong(&rows) {
        0 => Ok(()),
        count => bail!("{count} of {} transfers failed", rows.len()),
    }
}

fn wrong(rows: &[(Cell, Outcome)]) -> usize {
    rows.iter().filter(|(_, outcome)| outcome.is_err()).count()
}

fn progress_bar(octets: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {bytes}/{total_bytes} {msg} [{elapsed}, {eta} left]",
    );
    ProgressBar::new(octets).with_style(style.expect("the template is well formed"))
}
