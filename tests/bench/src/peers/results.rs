//! What the rounds have given, and the medians and ratios of it.

use super::measure::{Figure, Test};
use super::subject::Subject;
use crate::spread::{Spread, spread};

/// Every figure of every round.
#[derive(Default)]
pub(super) struct Results {
    samples: Vec<Sample>,
    failures: Vec<Failure>,
}

struct Sample {
    round: u32,
    stack: String,
    ceiling: Option<&'static str>,
    figure: Figure,
}

struct Failure {
    stack: String,
    test: Test,
}

/// One quantity of one stack over all rounds.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) quantity: String,
    pub(super) stack: String,
    pub(super) unit: &'static str,
    /// Rounds that gave a figure; if none did, there are no figures here.
    pub(super) rounds: usize,
    /// Rounds in which the test failed.
    pub(super) failures: usize,
    pub(super) spread: Option<Spread>,
    /// The median of the ratios to the ceiling, round by round.
    pub(super) of_ceiling: Option<f64>,
    /// The same to smoltcp.
    pub(super) of_smoltcp: Option<f64>,
    /// Medians of what else was seen.
    pub(super) details: Vec<(&'static str, f64)>,
}

impl Row {
    pub(super) fn median(&self) -> Option<f64> {
        self.spread.map(|spread| spread.median)
    }

    /// The median of something else that was seen.
    pub(super) fn detail(&self, name: &str) -> Option<f64> {
        self.details.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

impl Results {
    pub(super) fn add(&mut self, round: u32, subject: &Subject, figures: Vec<Figure>) {
        self.samples.extend(figures.into_iter().map(|figure| Sample {
            round,
            stack: subject.name.clone(),
            ceiling: subject.ceiling,
            figure,
        }));
    }

    pub(super) fn add_failure(&mut self, subject: &Subject, test: Test) {
        self.failures.push(Failure { stack: subject.name.clone(), test });
    }

    /// One row a quantity and stack, the quantities together, both in the order of measuring.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut quantities: Vec<String> = Vec::new();
        let mut stacks: Vec<&str> = Vec::new();
        let measured = self.samples.iter().map(|it| (it.figure.quantity.to_owned(), &it.stack));
        let failed = self.failures.iter().map(|it| (it.test.to_string(), &it.stack));
        for (quantity, stack) in measured.chain(failed) {
            if !quantities.contains(&quantity) {
                quantities.push(quantity);
            }
            if !stacks.contains(&stack.as_str()) {
                stacks.push(stack);
            }
        }
        quantities
            .iter()
            .flat_map(|quantity| stacks.iter().filter_map(|stack| self.row(quantity, stack)))
            .collect()
    }

    fn row(&self, quantity: &str, stack: &str) -> Option<Row> {
        let samples: Vec<&Sample> = self.samples_of(quantity, stack).collect();
        let is_of_row = |it: &&Failure| it.stack == stack && it.test.to_string() == quantity;
        let failures = self.failures.iter().filter(is_of_row).count();
        if samples.is_empty() && failures == 0 {
            return None;
        }
        let ceiling = samples.first().and_then(|sample| sample.ceiling);
        Some(Row {
            quantity: quantity.to_owned(),
            stack: stack.to_owned(),
            unit: samples.first().map_or("", |sample| sample.figure.unit),
            rounds: samples.len(),
            failures,
            spread: spread(samples.iter().map(|sample| sample.figure.value)),
            of_ceiling: ceiling.and_then(|ceiling| self.ratio(&samples, ceiling)),
            of_smoltcp: self.ratio(&samples, "smoltcp"),
            details: details(&samples),
        })
    }

    /// The median of the ratios of one stack to another, round by round.
    pub(super) fn ratio_of(&self, quantity: &str, stack: &str, other: &str) -> Option<f64> {
        self.ratio(&self.samples_of(quantity, stack).collect::<Vec<_>>(), other)
    }

    fn samples_of(&self, quantity: &str, stack: &str) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |it| it.stack == stack && it.figure.quantity == quantity)
    }

    /// The median of the ratios to another stack in the same round.
    fn ratio(&self, samples: &[&Sample], other: &str) -> Option<f64> {
        let ratios = samples.iter().filter_map(|sample| {
            let mut others = self.samples_of(sample.figure.quantity, other);
            let other = others.find(|other| other.round == sample.round)?;
            Some(sample.figure.value / other.figure.value)
        });
        Some(spread(ratios)?.median)
    }
}

fn details(samples: &[&Sample]) -> Vec<(&'static str, f64)> {
    let Some(first) = samples.first() else { return Vec::new() };
    let names = first.figure.details.iter().map(|(name, _)| *name);
    names
        .filter_map(|name| {
            let all = samples.iter().flat_map(|sample| &sample.figure.details);
            let values = all.filter(|(other, _)| *other == name).map(|(_, value)| *value);
            Some((name, spread(values)?.median))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::subject;

    fn subject(name: &str) -> Subject {
        subject::parse(&format!("{name}=true")).unwrap()
    }

    fn figure(value: f64) -> Vec<Figure> {
        vec![Figure { quantity: "rx", value, unit: "Gbit/s", details: vec![("cpu", value * 2.0)] }]
    }

    /// Results of rounds, each with the figures of smoltcp, the ceiling and a stack.
    fn results(rounds: &[[f64; 3]]) -> Results {
        let mut results = Results::default();
        for (round, figures) in (0..).zip(rounds) {
            for (name, value) in ["smoltcp", "null-copy", "ours"].iter().zip(figures) {
                results.add(round, &subject(name), figure(*value));
            }
        }
        results
    }

    fn is_close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn a_row_has_the_median_of_its_rounds() {
        let rows = results(&[[1.0, 1.0, 5.0], [1.0, 1.0, 3.0], [1.0, 1.0, 4.0]]).rows();
        let ours = rows.iter().find(|row| row.stack == "ours").unwrap();
        assert_eq!(ours.spread, Some(Spread { median: 4.0, min: 3.0, max: 5.0 }));
        assert_eq!((ours.rounds, ours.details.as_slice()), (3, &[("cpu", 8.0)][..]));
    }

    #[test]
    fn ratios_compare_within_a_round() {
        // The machine doubles its speed in the second round; the ratios do not see it.
        let rows = results(&[[1.0, 10.0, 5.0], [2.0, 20.0, 10.0]]).rows();
        let ours = rows.iter().find(|row| row.stack == "ours").unwrap();
        assert!(is_close(ours.of_ceiling, 0.5) && is_close(ours.of_smoltcp, 5.0), "{ours:?}");
    }

    #[test]
    fn a_test_that_always_failed_is_a_row_without_figures() {
        let mut results = results(&[[1.0, 1.0, 1.0]]);
        results.add_failure(&subject("broken"), Test::Rx);
        let rows = results.rows();
        let broken = rows.iter().find(|row| row.stack == "broken").unwrap();
        assert_eq!((broken.rounds, broken.failures, broken.spread), (0, 1, None));
    }
}
