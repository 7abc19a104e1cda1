//! `memory-link`: what two endpoints cost that are joined in memory, ours beside those of smoltcp.
//!
//! One thread drives both ends by turns, without a device and without a task, so what is measured
//! is TCP and IP alone, both ends of it: packets are written and read, checksums computed and
//! verified, text copied in and out. Rounds interleave the two, and a ratio compares neighbours.

mod smoltcp;
mod synack;

use std::num::NonZeroU32;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::rows::{self, Format, Goal, Row};
use crate::spread::spread;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often
    #[arg(long, default_value = "5")]
    rounds: NonZeroU32,
    /// CPU time of one measurement, in seconds
    #[arg(long, default_value = "0.5", value_parser = crate::clock::seconds)]
    seconds: Duration,
    /// The MTU of the link, in octets
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u16).range(576..))]
    mtu: u16,
    /// Print one JSON object a row instead of the table
    #[arg(long)]
    json: bool,
}

/// Two ends and a connection between them.
trait Link {
    /// Moves some text from one end to the other, as in the midst of a bulk transfer; returns how
    /// many segments of text that were.
    fn move_text(&mut self) -> u64;

    /// One octet there and one back.
    fn exchange(&mut self);
}

/// Something to be measured, of either stack.
struct Quantity {
    name: &'static str,
    unit: &'static str,
    /// Of a link, in CPU time of so long.
    measure: fn(&mut dyn Link, Duration) -> f64,
}

const QUANTITIES: [Quantity; 2] = [
    Quantity { name: "bulk", unit: "segments/s", measure: segments_a_second },
    Quantity { name: "1-octet exchanges", unit: "exchanges/s", measure: exchanges_a_second },
];

/// Measures and prints.
///
/// # Errors
/// When a figure cannot be written as JSON.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows: Vec<Row> = QUANTITIES.iter().map(|quantity| compare(arguments, quantity)).collect();
    rows::print(&rows, if arguments.json { Format::Json } else { Format::Table })
}

fn compare(arguments: &Arguments, quantity: &Quantity) -> Row {
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds.get() {
        let mut ours = synack::Ends::new(arguments.mtu);
        let ours = (quantity.measure)(&mut ours, arguments.seconds);
        let mut theirs = smoltcp::Ends::new(arguments.mtu);
        let theirs = (quantity.measure)(&mut theirs, arguments.seconds);
        rounds.push((ours, theirs));
    }
    let median = |of: fn(&(f64, f64)) -> f64| spread(rounds.iter().map(of)).map(|it| it.median);
    let name = format!("memory-link {}, MTU {}: of smoltcp", quantity.name, arguments.mtu);
    let row = Row::new(name, "ratio", median(|(ours, theirs)| ours / theirs));
    let row = if arguments.mtu == GOAL_MTU { row.with_goal(GOAL) } else { row };
    let [ours, theirs] = match quantity.unit {
        "segments/s" => ["synack_segments_a_second", "smoltcp_segments_a_second"],
        _ => ["synack_exchanges_a_second", "smoltcp_exchanges_a_second"],
    };
    let (of_ours, of_theirs) = (median(|it| it.0), median(|it| it.1));
    row.with(ours, of_ours.unwrap_or_default()).with(theirs, of_theirs.unwrap_or_default())
}

fn segments_a_second(link: &mut dyn Link, time: Duration) -> f64 {
    let turn = || link.move_text();
    rate(time, turn)
}

fn exchanges_a_second(link: &mut dyn Link, time: Duration) -> f64 {
    let turn = || {
        (0..EXCHANGES).for_each(|_| link.exchange());
        EXCHANGES
    };
    rate(time, turn)
}

/// What a second of CPU time gives, after a while that does not count.
fn rate(time: Duration, mut turn: impl FnMut() -> u64) -> f64 {
    let warm = cpu_time() + time / 4;
    while cpu_time() < warm {
        turn();
    }
    let begun = cpu_time();
    let mut done = 0;
    loop {
        done += turn();
        let elapsed = cpu_time() - begun;
        if elapsed >= time {
            return done as f64 / elapsed.as_secs_f64();
        }
    }
}

/// CPU time of this thread: whatever else the machine does is not in it.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.expect("a thread has such a clock").into()
}

/// Exchanges between two looks at the clock.
const EXCHANGES: u64 = 64;
/// What ours does of what smoltcp does.
const GOAL: Goal = Goal::AtLeast(1.5);
/// The MTU that the goal is for.
const GOAL_MTU: u16 = 1500;

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> [Box<dyn Link>; 2] {
        [Box::new(synack::Ends::new(1500)), Box::new(smoltcp::Ends::new(1500))]
    }

    #[test]
    fn either_link_moves_text_and_exchanges_octets() {
        for mut link in links() {
            let moved: u64 = (0..50).map(|_| link.move_text()).sum();
            assert!(moved > 1_000, "{moved} segments");
        }
        for mut link in links() {
            (0..50).for_each(|_| link.exchange());
        }
    }

    #[test]
    fn a_rate_is_what_was_done_in_the_time() {
        let rate = rate(Duration::from_millis(2), || 1);
        assert!(rate > 1_000.0, "{rate} turns a second of nothing");
    }
}
