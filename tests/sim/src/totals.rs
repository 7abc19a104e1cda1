//! Totals: what many runs did, as tables.

use core::fmt;
use core::time::Duration;

use synack_netem::LinkStats;
use synack_sim::{Fault, Plan, Report};

/// Sums over runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    seeds: u64,
    sum: Report,
    /// How many runs had each fault.
    with: Vec<u64>,
}

impl Totals {
    /// Adds a run; one that failed has no report.
    pub(crate) fn add(&mut self, plan: &Plan, report: Option<&Report>) {
        self.seeds += 1;
        self.with.resize(Fault::ALL.len(), 0);
        for fault in &plan.faults {
            self.with[*fault as usize] += 1;
        }
        if let Some(report) = report {
            self.sum.add(report);
        }
    }

    /// How many runs there were.
    pub(crate) fn seeds(&self) -> u64 {
        self.seeds
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { time, steps, conversations, counts, links, .. } = &self.sum;
        let days = time.as_secs_f64() / Duration::from_hours(24).as_secs_f64();
        writeln!(f, "{} seeds, {days:.1} days simulated in {steps} steps", self.seeds)?;
        let (opened, completed) = conversations;
        writeln!(f, "{opened} conversations, {completed} completed by both sides")?;
        let mebibytes = links.delivered_bytes >> 20;
        writeln!(f, "{} packets sent, {} arrived, {mebibytes} MiB", counts.sent, counts.arrived)?;
        writeln!(f, "\nruns with")?;
        let with = Fault::ALL.iter().zip(&self.with);
        columns(f, &with.map(|(fault, count)| (fault.name(), *count)).collect::<Vec<_>>())?;
        writeln!(f, "\ninjected")?;
        columns(f, &injected(&self.sum))
    }
}

/// What was done to packets and hosts, by kind.
fn injected(sum: &Report) -> [(&'static str, u64); 28] {
    let Report { counts, links, targeted, changed, full, .. } = sum;
    let LinkStats { lost_uniform, lost_burst, lost_outage, queue_dropped, .. } = *links;
    [
        ("lost by chance", lost_uniform),
        ("lost in bursts", lost_burst),
        ("lost in outages", lost_outage),
        ("lost by kind", *targeted),
        ("queue full", queue_dropped),
        ("dropped by CoDel", links.codel_dropped),
        ("marked", links.ce_marked),
        ("dropped by policers", links.police_dropped),
        ("duplicated", links.duplicated),
        ("reordered", links.reordered),
        ("delay spikes", links.spiked),
        ("corrupted", links.corrupted),
        ("truncated", links.truncated),
        ("padded", links.padded),
        ("damaged and refused", counts.refused),
        ("damaged and believed", counts.undetected),
        ("changed on the way", *changed),
        ("device full", *full),
        ("output put off", counts.put_off),
        ("replies dropped", counts.dropped_replies),
        ("reports of routers", counts.reports),
        ("timers looked at early", counts.early),
        ("clock changes", counts.clock_changes),
        ("controller changes", counts.controller_changes),
        ("crashes", counts.crashes),
        ("segments forged", counts.forged),
        ("too big", links.too_big),
        ("lost in flight", links.flight_dropped),
    ]
}

/// Names and numbers, three to a line.
fn columns(f: &mut fmt::Formatter<'_>, rows: &[(&str, u64)]) -> fmt::Result {
    for line in rows.chunks(3) {
        for (name, count) in line {
            write!(f, "  {name:<22} {count:>9}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}
