//! `shards`: what more shards on more threads are worth, in one process.
//!
//! ```text
//!   thread 0: shard 0 of the server ── cable ── client 0
//!   thread 1: shard 1 of the server ── cable ── client 1      beside one thread with one shard
//! ```
//!
//! Each client is a stack of its own, whose connections are all of the shard on its thread, as with
//! a network card that knows where a connection is served; so the shards have nothing to do with
//! each other but the listener. Each connection sends an octet, waits for it to come back, and
//! sends the next.

mod load;

use std::num::NonZeroU16;
use std::time::Duration;

use clap::Args;

use self::load::Load;
use crate::paper::{number, progress_bar, sheet};
use crate::spread::{Spread, spread};

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many shards are compared with one
    #[arg(long, default_value = "2")]
    shards: NonZeroU16,
    /// Connections of each client
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How often; a round measures both
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long one measurement takes
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Print one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// Requests a second.
struct Round {
    one: f64,
    several: f64,
}

/// Measures and prints.
///
/// # Errors
/// When a stack cannot be made, or a connection fails.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { shards, connections, seconds, .. } = *arguments;
    let load = Load { connections, duration: Duration::try_from_secs_f64(seconds)? };
    let bar = progress_bar(2 * u64::from(arguments.rounds));
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        let one = load.requests_per_second(NonZeroU16::MIN)?;
        bar.inc(1);
        let several = load.requests_per_second(shards)?;
        bar.inc(1);
        rounds.push(Round { one, several });
    }
    bar.finish_and_clear();
    let of = |figure: fn(&Round) -> f64| spread(rounds.iter().map(figure));
    let figures = (of(|it| it.one), of(|it| it.several), of(|it| it.several / it.one));
    let (Some(one), Some(several), Some(ratio)) = figures else { return Ok(()) };
    if arguments.json {
        println!("{}", json(shards, one, several, ratio));
    } else {
        print(shards, one, several, ratio);
    }
    Ok(())
}

fn print(shards: NonZeroU16, one: Spread, several: Spread, ratio: Spread) {
    let mut table = sheet(&["", "median", "least", "most"], &[1, 2, 3]);
    let rows = [
        ("one shard, requests a second".to_owned(), one),
        (format!("{shards} shards, requests a second"), several),
        (format!("ratio, at least {GOAL} with 2"), ratio),
    ];
    for (name, Spread { median, min, max }) in rows {
        table.add_row([name, number(median), number(min), number(max)]);
    }
    println!("{}", table.trim_fmt());
}

fn json(shards: NonZeroU16, one: Spread, several: Spread, ratio: Spread) -> serde_json::Value {
    serde_json::json!({
        "row": format!("{shards} shards on {shards} threads, of one shard on one"),
        "figure": ratio.median,
        "goal": GOAL,
        "holds": ratio.median >= GOAL,
        "details": {
            "one_per_second": one.median,
            "several_per_second": several.median,
            "least_ratio": ratio.min,
            "most_ratio": ratio.max,
        },
    })
}

/// What two shards on two threads are to be worth in requests a second.
const GOAL: f64 = 1.6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_serves_a_load_of_its_own() {
        let load = Load { connections: 3, duration: Duration::from_millis(50) };
        for shards in [1, 2, 3] {
            let rate = load.requests_per_second(NonZeroU16::new(shards).unwrap()).unwrap();
            assert!(rate > 0.0);
        }
    }

    #[test]
    fn the_goal_is_asked_of_the_median() {
        let spread = |median| Spread { median, min: 1.0, max: 2.0 };
        for (ratio, holds) in [(1.59, false), (1.61, true)] {
            let two = NonZeroU16::new(2).unwrap();
            let row = json(two, spread(1.0), spread(ratio), spread(ratio));
            assert_eq!((&row["holds"], &row["figure"]), (&holds.into(), &ratio.into()));
        }
    }
}
