//! The largest of the values seen in a window of time, in constant space.

/// The three best candidates for the maximum, each newer and smaller than the one before it; the
/// second and third take over as the window moves past the first.
///
/// "Time" is any count that never goes back: milliseconds, or rounds. It may wrap.
///
/// Source: the filter by K. Nichols that draft-ietf-ccwg-bbr names for its windowed maxima.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowedMax {
    best: [Candidate; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Candidate {
    at: u32,
    value: u32,
}

impl WindowedMax {
    /// A window that holds only `value`.
    pub(crate) const fn new(at: u32, value: u32) -> Self {
        Self { best: [Candidate { at, value }; 3] }
    }

    /// The maximum.
    pub(crate) const fn get(&self) -> u32 {
        self.best[0].value
    }

    /// Takes a value; those that are older than `window` are forgotten.
    pub(crate) fn update(&mut self, at: u32, value: u32, window: u32) {
        let newest = Candidate { at, value };
        let [first, second, third] = &mut self.best;
        if value >= first.value || at.wrapping_sub(third.at) > window {
            self.best = [newest; 3];
            return;
        }
        if value >= second.value {
            *second = newest;
            *third = newest;
        } else if value >= third.value {
            *third = newest;
        }
        let age = at.wrapping_sub(first.at);
        if age > window {
            *first = *second;
            *second = *third;
            *third = newest;
            if at.wrapping_sub(first.at) > window {
                *first = *second;
                *second = *third;
            }
        } else if second.at == first.at && age > window / 4 {
            // A quarter of the window without another candidate: this one is it.
            *second = newest;
            *third = newest;
        } else if third.at == second.at && age > window / 2 {
            *third = newest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn the_maximum_leaves_with_its_window() {
        let mut max = WindowedMax::new(0, 0);
        for (at, value, expected) in
            [(0, 50, 50), (4, 30, 50), (8, 20, 50), (10, 10, 50), (11, 10, 30), (15, 5, 20)]
        {
            max.update(at, value, 10);
            assert_eq!(max.get(), expected, "at {at}");
        }
        max.update(100, 1, 10);
        assert_eq!(max.get(), 1, "after a long silence");
        max.update(100, 7, 10);
        assert_eq!(max.get(), 7, "a new maximum at once");
    }

    proptest! {
        /// Against the list of all values: never above the true maximum of the window, never below
        /// the newest value, and the true maximum itself while nothing was forgotten.
        #[test]
        fn it_is_bounded_by_the_true_maximum(
            start in any::<u32>(),
            steps in proptest::collection::vec((0..4u32, any::<u32>()), 1..100),
        ) {
            let window = 10;
            let mut max = WindowedMax::new(start, 0);
            let mut at = start;
            let mut seen = vec![(start, 0)];
            for (step, value) in steps {
                at = at.wrapping_add(step);
                seen.push((at, value));
                max.update(at, value, window);
                let recent = seen.iter().filter(|(when, _)| at.wrapping_sub(*when) <= window);
                let truth = recent.map(|(_, value)| *value).max().unwrap();
                prop_assert!(max.get() <= truth && max.get() >= value);
                if at.wrapping_sub(start) <= window {
                    prop_assert_eq!(max.get(), truth);
                }
            }
        }
    }
}
