//! Spread: how a figure lies over the rounds in which it was measured.

/// The middle and the ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Of some values; `None` if there are none.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Some(Spread { median: f64::midpoint(low, high), min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        let spread_of_four = spread([4.0, 1.0, 2.0, 3.0].into_iter());
        assert_eq!(spread_of_four, Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(spread([].into_iter()), None);
    }
}
