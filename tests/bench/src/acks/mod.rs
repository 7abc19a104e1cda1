//! `acks`: what an ACK costs with few packets in flight and with many, whatever it reports.

mod flight;
mod hostility;

use std::time::Duration;

use clap::Args;
use flight::Flight;
use hostility::{Again, Hostility};

use crate::clock::Stopwatch;
use crate::paper::{number, progress_bar, sheet};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Packets in flight where they are many
    #[arg(long, default_value_t = 10_000)]
    packets: u32,
    /// Print one JSON object a row instead of the table
    #[arg(long)]
    json: bool,
}

/// What one way to report costs.
struct Row {
    name: String,
    /// For each ACK, with few and with many packets in flight. Units: nanoseconds.
    few_ns: f64,
    many_ns: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.many_ns / self.few_ns
    }

    fn holds(&self) -> bool {
        self.ratio() <= GOAL
    }
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) {
    let bar = progress_bar((SEGMENTS_EACH.len() * Hostility::ALL.len()) as u64);
    let mut rows = vec![];
    for (segments_each, what) in SEGMENTS_EACH {
        for hostility in Hostility::ALL {
            let name = format!("{what}: {}", hostility.name());
            bar.set_message(name.clone());
            let many = arguments.packets.max(FEW);
            let (few_ns, many_ns) = compare(hostility, segments_each, many);
            rows.push(Row { name, few_ns, many_ns });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if arguments.json {
        rows.iter().for_each(|row| println!("{}", json(row)));
    } else {
        print(&rows, arguments.packets);
    }
}

/// What an ACK costs with few and with many packets in flight: each the least of some turns, taken
/// by turns so that whatever disturbs the machine disturbs both.
fn compare(hostility: Hostility, segments_each: u32, many: u32) -> (f64, f64) {
    let mut least = [f64::INFINITY; 2];
    for _ in 0..TURNS {
        for (least, packets) in least.iter_mut().zip([FEW, many]) {
            *least = least.min(cost_ns(hostility, packets, segments_each));
        }
    }
    least.into()
}

/// What an ACK costs, on the average over so many that the clock does not count.
fn cost_ns(hostility: Hostility, packets: u32, segments_each: u32) -> f64 {
    let (mut acks_taken, mut spent) = (0, Duration::ZERO);
    while acks_taken < ACKS_MIN {
        let mut flight = Flight::new(packets, segments_each);
        let (before, again) = hostility.before(flight.segments);
        let mut before = flight.acks(&before);
        flight.take(&mut before);
        match again {
            Again::Leaves => flight.send_again(),
            Again::Waits => {}
        }
        let mut acks = flight.acks(&hostility.reports(flight.segments));
        let watch = Stopwatch::start();
        flight.take(&mut acks);
        spent += watch.elapsed();
        acks_taken += acks.len();
    }
    spent.as_nanos() as f64 / acks_taken as f64
}

fn print(rows: &[Row], many: u32) {
    let headings = ["", &format!("{FEW} packets, ns"), &format!("{many} packets, ns"), "ratio", ""];
    let mut table = sheet(&headings, &[1, 2, 3]);
    for row in rows {
        let verdict = if row.holds() { "" } else { "more than 3" };
        let figures = [row.few_ns, row.many_ns, row.ratio()].map(number);
        let [few, many, ratio] = figures;
        table.add_row([row.name.clone(), few, many, ratio, verdict.to_owned()]);
    }
    println!("{}", table.trim_fmt());
}

fn json(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "row": row.name,
        "figure": row.ratio(),
        "goal": GOAL,
        "holds": row.holds(),
        "details": { "few_ns": row.few_ns, "many_ns": row.many_ns },
    })
}

/// Packets in flight where they are few.
const FEW: u32 = 10;
/// Segments in each packet: plain ones, and super-segments that are cut by what is reported.
const SEGMENTS_EACH: [(u32, &str); 2] = [(1, "segments"), (4, "super-segments")];
/// An ACK is to cost at most so many times as much (docs/architecture.md, Speed rules).
const GOAL: f64 = 3.0;
/// ACKs in one measurement.
const ACKS_MIN: usize = 100_000;
/// Measurements of each, of which the fastest counts.
const TURNS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_report_is_measured() {
        for hostility in Hostility::ALL {
            for (segments_each, _) in SEGMENTS_EACH {
                let mut flight = Flight::new(FEW, segments_each);
                let mut acks = flight.acks(&hostility.reports(flight.segments));
                flight.take(&mut acks);
            }
        }
    }

    #[test]
    fn a_row_holds_up_to_three_times_the_cost() {
        for (many_ns, holds) in [(299.0, true), (301.0, false)] {
            let row = Row { name: String::new(), few_ns: 100.0, many_ns };
            assert_eq!(row.holds(), holds);
            assert_eq!(json(&row)["holds"], holds);
        }
    }
}
