//! Fairness: two flows through one bottleneck, and what share each gets.

use std::time::Duration;

use synack_netem::{Probability, Rate};
use synack_sim::{Controller, Path};

use super::end::{Ecn, End, RECEIVER};
use super::schedule::Planned;
use super::trial::{Outcome, Trial};
use crate::rows::{Goal, Row};
use crate::spread::{jain, spread};

/// Two flows on a path.
#[derive(Clone, Copy, Debug)]
struct Contest {
    flows: [End; 2],
    rtt: Duration,
}

/// Ours beside the kernel's with CUBIC; two of ours with BBR; each over a short and a long path.
fn contests() -> Vec<Contest> {
    let ours = |name| Controller::named(name).map(End::Synack);
    let beside_kernel = ours("cubic").map(|ours| [ours, End::Kernel("cubic")]);
    let among_ours = ours("bbr").map(|ours| [ours, ours]);
    let pairs = beside_kernel.into_iter().chain(among_ours);
    pairs.flat_map(|flows| RTTS.map(|rtt| Contest { flows, rtt })).collect()
}

/// Every trial: contest by contest, round by round.
pub(super) fn trials(rounds: u32, duration: Duration) -> Vec<Planned> {
    let planned = |contest: Contest, round: u32| Planned {
        name: contest.name(),
        trial: Trial {
            flows: contest.flows.map(|end| (end, RECEIVER)).into(),
            links: contest.path().links(),
            ecn: Ecn::NotAsked,
            seed: u64::from(round),
            duration,
        },
        rate: RATE.get() as f64 / 1e6,
    };
    let contests = contests().into_iter();
    contests.flat_map(|it| (0..rounds).map(move |round| planned(it, round))).collect()
}

/// What the outcomes of [`trials`] say.
pub(super) fn rows(rounds: u32, outcomes: &[Option<Outcome>]) -> Vec<Row> {
    let of_contest = outcomes.chunks(rounds as usize);
    contests().iter().zip(of_contest).map(|(contest, outcomes)| row(*contest, outcomes)).collect()
}

/// The median over the rounds of Jain's index, which two flows reach when each has at least two
/// fifths.
fn row(contest: Contest, outcomes: &[Option<Outcome>]) -> Row {
    let goodputs = || outcomes.iter().flatten().map(|outcome| outcome.goodputs.as_slice());
    let index = spread(goodputs().filter_map(jain)).map(|it| it.median);
    let share = |goodputs: &[f64]| goodputs[0] / goodputs.iter().sum::<f64>();
    let row = Row::new(contest.name(), "Jain's index", index).with_goal(Goal::AtLeast(JAIN_MIN));
    let total = spread(goodputs().map(|goodputs| goodputs.iter().sum::<f64>() / 1e6));
    match (spread(goodputs().map(share)), total) {
        (Some(share), Some(total)) => {
            row.with("share_of_the_first", share.median).with("both_mbit_s", total.median)
        }
        (_, _) => row,
    }
}

impl Contest {
    fn path(self) -> Path {
        let Self { rtt, .. } = self;
        Path { rate: RATE, rtt, loss: Probability::NEVER, reordering: Probability::NEVER }
    }

    fn name(self) -> String {
        let [first, second] = self.flows;
        format!("{first} beside {second}, {RATE}, {:?}: fairness", self.rtt)
    }
}

const RATE: Rate = Rate::mbit(50);
const RTTS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];
/// Shares of 40 and 60 in a hundred give 0.9615.
const JAIN_MIN: f64 = 0.96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_reached_by_two_fifths() {
        assert!(jain(&[4.0, 6.0]).unwrap() >= JAIN_MIN);
        assert!(jain(&[3.9, 6.1]).unwrap() < JAIN_MIN);
    }
}
