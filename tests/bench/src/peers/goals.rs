//! What is asked of synack beside its ceiling and its peers: a row for each goal.
//!
//! A row appears when what it compares was measured, or failed to be.

use super::results::{Results, Row};
use crate::rows;
use crate::rows::Goal as Bound;
use crate::rows::Goal::{AtLeast, AtMost};

/// Something that is asked of a stack.
struct Goal {
    quantity: &'static str,
    stack: &'static str,
    look: Look,
    bound: Bound,
}

/// How a quantity of a stack is looked at.
#[derive(Clone, Copy)]
enum Look {
    /// As it is.
    Itself,
    /// Beside another stack's, round by round.
    Of(&'static str),
    /// Beside another quantity of the same stack.
    OfQuantity(&'static str),
    /// By what was seen besides: its name and unit.
    Detail(&'static str, &'static str),
    /// By the ratio of two things that were seen besides.
    Details(&'static str, &'static str),
    /// By what was seen besides, beside the least of every peer's.
    OfLeastPeer(&'static str),
}

const fn goal(quantity: &'static str, stack: &'static str, look: Look, bound: Bound) -> Goal {
    Goal { quantity, stack, look, bound }
}

/// The goals, in the order of the tests.
const GOALS: &[Goal] = &[
    goal("rx", PLAIN, Look::Of("null-copy"), AtLeast(0.9)),
    goal("rx", PLAIN, Look::Of("smoltcp"), AtLeast(1.25)),
    goal("rx", PLAIN, Look::OfLeastPeer(CPU), AtMost(1.0)),
    goal("rx", OFFLOAD, Look::Of("null-vnet-copy"), AtLeast(0.8)),
    goal("rx", OFFLOAD, Look::Of("kernel-veth"), AtLeast(0.9)),
    goal("rx", OFFLOAD, Look::Of("smoltcp"), AtLeast(8.0)),
    goal("rx", OFFLOAD, Look::OfLeastPeer(CPU), AtMost(1.0)),
    goal("tx", PLAIN, Look::Of("null-copy"), AtLeast(0.9)),
    goal("tx", PLAIN, Look::Of("smoltcp"), AtLeast(1.2)),
    goal("tx", PLAIN, Look::Of("tokio-smoltcp"), AtLeast(1.0)),
    goal("tx", PLAIN, Look::OfLeastPeer(CPU), AtMost(1.0)),
    goal("tx", OFFLOAD, Look::Of("null-vnet-copy"), AtLeast(0.8)),
    goal("tx", OFFLOAD, Look::Of("kernel-veth"), AtLeast(0.9)),
    goal("tx", OFFLOAD, Look::Of("smoltcp"), AtLeast(20.0)),
    goal("tx", OFFLOAD, Look::OfLeastPeer(CPU), AtMost(1.0)),
    goal("rx9000", PLAIN, Look::Of("null-copy"), AtLeast(0.9)),
    goal("tx9000", PLAIN, Look::Of("null-copy"), AtLeast(0.9)),
    goal("rx65535", PLAIN, Look::Of("null-copy"), AtLeast(0.9)),
    goal("tx65535", PLAIN, Look::Of("null-copy"), AtLeast(0.9)),
    goal("rr", PLAIN, Look::Of("null"), AtLeast(0.9)),
    goal("rr", PLAIN, Look::Of("kernel-loopback"), AtLeast(1.0)),
    goal("rr", PLAIN, Look::Details("p99_us", "p50_us"), AtMost(1.25)),
    goal("rr1k", PLAIN, Look::Of("null"), AtLeast(0.9)),
    goal("rr1k", PLAIN, Look::Of("kernel-loopback"), AtLeast(1.0)),
    goal("rr1k", PLAIN, Look::Details("p99_us", "p50_us"), AtMost(1.25)),
    goal("crr64", PLAIN, Look::Of("null"), AtLeast(0.75)),
    goal("crr64", PLAIN, Look::Of("kernel-veth"), AtLeast(1.5)),
    goal("crr64", PLAIN, Look::Detail("failed_percent", "percent"), AtMost(0.0)),
    goal("mem10000", PLAIN, Look::Itself, AtMost(2.0)),
    goal("rr_with_idle", PLAIN, Look::OfQuantity("rr"), AtLeast(0.95)),
    goal("flows64_rx", PLAIN, Look::OfQuantity("rx"), AtLeast(0.95)),
    goal("flows64_rx", PLAIN, Look::Detail("jain", "Jain's index"), AtLeast(0.95)),
    goal("flows64_tx", PLAIN, Look::OfQuantity("tx"), AtLeast(0.95)),
    goal("flows64_tx", PLAIN, Look::Detail("jain", "Jain's index"), AtLeast(0.95)),
];

/// The stack on a device that takes single packets.
const PLAIN: &str = "synack";
/// The stack on one that takes super-segments.
const OFFLOAD: &str = "synack-offload";
/// CPU seconds of the stack, for each GB.
const CPU: &str = "cpu_s_per_gb";
/// Stacks of others whose CPU time is all their own.
const PEERS: [&str; 6] =
    ["smoltcp", "tokio-smoltcp", "tokio-smoltcp-1", "netstack-smoltcp", "ipstack", "ipstack-64k"];

/// A row for each goal that what was measured has to do with.
pub(super) fn rows(results: &Results) -> Vec<rows::Row> {
    let measured = results.rows();
    GOALS.iter().filter_map(|goal| goal.row(results, &measured)).collect()
}

impl Goal {
    /// The figure that is judged, with what it was judged by: that of every stack.
    fn row(&self, results: &Results, measured: &[Row]) -> Option<rows::Row> {
        let Self { quantity, stack, look, bound } = *self;
        let find = |quantity: &str, stack: &str| {
            measured.iter().find(|row| row.quantity == quantity && row.stack == stack)
        };
        let ours = find(quantity, stack)?;
        let (name, unit, figure) = match look {
            Look::Itself => (String::new(), ours.unit, ours.median()),
            Look::Of(other) => {
                find(quantity, other)?;
                (format!(", of {other}"), "ratio", results.ratio_of(quantity, stack, other))
            }
            Look::OfQuantity(other) => {
                let theirs = find(other, stack)?.median();
                (format!(", of {other}"), "ratio", ratio(ours.median(), theirs))
            }
            Look::Detail(name, unit) => (format!(": {name}"), unit, ours.detail(name)),
            Look::Details(one, other) => {
                let figure = ratio(ours.detail(one), ours.detail(other));
                (format!(": {one} of {other}"), "ratio", figure)
            }
            Look::OfLeastPeer(name) => {
                let peers = PEERS.iter().filter_map(|peer| find(quantity, peer)?.detail(name));
                let least = peers.min_by(f64::total_cmp)?;
                let figure = ratio(ours.detail(name), Some(least));
                (format!(": {name} of the least peer's"), "ratio", figure)
            }
        };
        let row = rows::Row::new(format!("{quantity}: {stack}{name}"), unit, figure);
        let beside = measured.iter().filter(|row| row.quantity == quantity);
        let beside = beside.filter_map(|row| Some((row.stack.clone(), look.seen(row)?)));
        Some(beside.fold(row.with_goal(bound), |row, (name, value)| row.with(name, value)))
    }
}

impl Look {
    /// What of a stack is shown beside the figure.
    fn seen(self, row: &Row) -> Option<f64> {
        match self {
            Self::Itself | Self::Of(_) | Self::OfQuantity(_) => row.median(),
            Self::Detail(name, _) | Self::Details(name, _) | Self::OfLeastPeer(name) => {
                row.detail(name)
            }
        }
    }
}

fn ratio(this: Option<f64>, that: Option<f64>) -> Option<f64> {
    this.zip(that).map(|(this, that)| this / that)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::measure::{Figure, Test};
    use crate::peers::subject::{self, Subject};

    fn subject(name: &str) -> Subject {
        subject::parse(&format!("{name}=true")).unwrap()
    }

    /// Results of one round of `quantity`: the figure of each stack, and its CPU time.
    fn results(quantity: &'static str, stacks: &[(&str, f64, f64)]) -> Results {
        let mut results = Results::default();
        for (name, value, cpu) in stacks {
            let details = vec![(CPU, *cpu)];
            let figure = Figure { quantity, value: *value, unit: "Gbit/s", details };
            results.add(0, &subject(name), vec![figure]);
        }
        results
    }

    fn figures(results: &Results) -> Vec<(String, Option<f64>, Option<bool>)> {
        rows(results).into_iter().map(|row| (row.name.clone(), row.figure, row.holds())).collect()
    }

    #[test]
    fn what_was_not_measured_has_no_row() {
        assert_eq!(figures(&results("rx", &[("synack", 9.0, 1.0)])).len(), 0);
        assert_eq!(figures(&results("rx", &[("null-copy", 9.0, 1.0)])).len(), 0);
    }

    #[test]
    fn a_stack_is_judged_beside_its_ceiling_and_its_peers() {
        let stacks = [
            ("null-copy", 10.0, 0.5),
            ("synack", 9.5, 1.0),
            ("smoltcp", 8.0, 1.25),
            ("x", 1.0, 9.0),
        ];
        let expected = [
            ("rx: synack, of null-copy".to_owned(), Some(0.95), Some(true)),
            ("rx: synack, of smoltcp".to_owned(), Some(1.1875), Some(false)),
            ("rx: synack: cpu_s_per_gb of the least peer's".to_owned(), Some(0.8), Some(true)),
        ];
        let results = results("rx", &stacks);
        assert_eq!(figures(&results), expected);
        assert_eq!(rows(&results)[0].details.len(), stacks.len(), "every stack is told of");
    }

    #[test]
    fn what_failed_reaches_no_goal() {
        let mut results = results("rx", &[("null-copy", 10.0, 0.5)]);
        results.add_failure(&subject("synack"), Test::Rx);
        let expected = [("rx: synack, of null-copy".to_owned(), None, Some(false))];
        assert_eq!(figures(&results), expected);
    }

    #[test]
    fn every_stack_that_a_goal_names_is_one_of_the_table() {
        let known = |stack: &str| subject::chosen(&[stack.to_owned()]).is_ok();
        for goal in GOALS {
            assert!(known(goal.stack), "{}", goal.stack);
            if let Look::Of(other) = goal.look {
                let is_left_out = !cfg!(feature = "peers") && PEERS.contains(&other);
                assert!(known(other) || is_left_out, "{other}");
            }
        }
    }
}
