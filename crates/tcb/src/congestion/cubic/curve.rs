//! The cubic function, in integers.
//!
//! Time is counted in ticks of 2^-20 s, a little less than a microsecond, so that seconds cubed are
//! a shift and no division.

use core::time::Duration;

/// `W_cubic(t) = C * (t - K)^3 + W_max` (RFC 9438 §4.2, CUBIC-4). Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Curve {
    /// K: when the window is back at W_max.
    k: Ticks,
    /// Where the curve is flat.
    w_max: u32,
}

/// A time since the epoch began: at most 4,095 s, when the curve has long left every window behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Ticks(u32);

impl Curve {
    /// The curve that begins at `cwnd` and rises to `w_max`, or that is flat at `cwnd` if that is
    /// higher.
    ///
    /// Source: RFC 9438 §4.2 (CUBIC-5), §4.8, §4.10 (CUBIC-15, CUBIC-17).
    pub(super) fn new(cwnd: u32, w_max: u32, mss: u32) -> Self {
        let w_max = w_max.max(cwnd);
        // K^3 = (W_max - cwnd_epoch) / C, with C = 4 / 10 segments.
        let tenths = u128::from(w_max - cwnd) * 10;
        let cube = (tenths << CUBE_SHIFT) / (4 * u128::from(mss.max(1)));
        Self { k: Ticks(cube_root(cube)), w_max }
    }

    /// W_cubic at `t`, zero if that is below.
    pub(super) fn window(self, t: Ticks, mss: u32) -> u32 {
        let distance = u64::from(t.0.abs_diff(self.k.0));
        let cube = u128::from(distance * distance) * u128::from(distance);
        let octets = (cube * u128::from(4 * mss)) >> CUBE_SHIFT;
        let octets = u32::try_from(octets / 10).unwrap_or(u32::MAX);
        if t < self.k {
            self.w_max.saturating_sub(octets)
        } else {
            self.w_max.saturating_add(octets)
        }
    }
}

impl Ticks {
    /// The same time, rounded down.
    pub(super) fn from_duration(duration: Duration) -> Self {
        let nanos = duration.min(LONGEST).as_nanos() as u64;
        Self(((nanos << SHIFT) / 1_000_000_000) as u32)
    }
}

/// The largest number whose cube is at most `cube`.
fn cube_root(cube: u128) -> u32 {
    let mut root = 0u32;
    for bit in (0..u32::BITS).rev() {
        let candidate = root | 1 << bit;
        if u128::from(candidate).pow(3) <= cube {
            root = candidate;
        }
    }
    root
}

/// A tick is so many binary places of a second.
const SHIFT: u32 = 20;
const CUBE_SHIFT: u32 = 3 * SHIFT;
/// The longest time that [`Ticks`] can say.
const LONGEST: Duration = Duration::from_secs(4_095);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(seconds: f64) -> Ticks {
        Ticks::from_duration(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn cubic_5_k_by_the_depth_of_the_reduction() {
        // Segments before and after a reduction to 0.7, and K = cbrt(0.3 * W_max / 0.4).
        for (w_max, cwnd, k_ms) in [
            (10, 7, 1_957),
            (100, 70, 4_217),
            (1_000, 700, 9_086),
            (10_000, 7_000, 19_574),
            (100_000, 70_000, 42_172),
        ] {
            let curve = Curve::new(cwnd * 1_000, w_max * 1_000, 1_000);
            let millis = (u64::from(curve.k.0) * 1_000) >> SHIFT;
            assert!(millis.abs_diff(k_ms) <= 1, "K of {w_max} is {millis} ms, not {k_ms}");
        }
    }

    #[test]
    fn cubic_4_the_window_over_time() {
        // 100 segments reduced to 70, in octets of 1000: 0.4 * (t - 4.217)^3 + 100 by hand.
        let curve = Curve::new(70_000, 100_000, 1_000);
        for (t, octets) in [
            (0.0, 70_000),
            (1.0, 86_681),
            (2.0, 95_640),
            (3.0, 99_279),
            (4.217, 100_000),
            (5.0, 100_192),
            (6.0, 102_267),
            (8.0, 121_653),
            (10.0, 177_354),
        ] {
            let window = curve.window(seconds(t), 1_000);
            assert!(window.abs_diff(octets) <= 5, "W({t}) is {window}, not {octets}");
        }
    }

    #[test]
    fn cubic_15_and_cubic_17_a_curve_from_its_flat_part() {
        for w_max in [0, 49_999, 50_000] {
            let curve = Curve::new(50_000, w_max, 1_000);
            assert_eq!(curve.k, Ticks(0));
            assert_eq!(curve.window(seconds(0.0), 1_000), 50_000);
            assert_eq!(curve.window(seconds(10.0), 1_000), 450_000, "0.4 * 10^3 segments more");
        }
    }

    #[test]
    fn cube_roots_of_cubes_and_of_their_neighbours() {
        for root in [0u32, 1, 2, 3, 1_000, 65_535, 1 << 20, u32::MAX] {
            let cube = u128::from(root).pow(3);
            assert_eq!(cube_root(cube), root);
            assert_eq!(cube_root(u128::from(root).pow(3) + u128::from(root)), root);
            if root > 0 {
                assert_eq!(cube_root(cube - 1), root - 1);
            }
        }
        assert_eq!(cube_root(u128::MAX), u32::MAX);
    }

    proptest! {
        /// CUBIC-20, against floating point: within a segment while a window can be so large.
        #[test]
        fn cubic_20_windows_are_exact_to_a_segment(
            mss in 88..=65_535u32,
            cwnd in 1..=1u32 << 30,
            w_max in 1..=1u32 << 30,
            micros in 0..400_000_000u64,
        ) {
            let curve = Curve::new(cwnd, w_max, mss);
            let (segment, top) = (f64::from(mss), f64::from(w_max.max(cwnd)));
            let k = ((top - f64::from(cwnd)) / segment / 0.4).cbrt();
            let t = micros as f64 / 1e6;
            let exact = (0.4 * (t - k).powi(3)).mul_add(segment, top);
            let window = curve.window(Ticks::from_duration(Duration::from_micros(micros)), mss);
            if exact < f64::from(1u32 << 30) {
                let error = (f64::from(window) - exact.max(0.0)).abs();
                prop_assert!(error <= segment, "{window} is not {exact}");
            } else {
                prop_assert!(window >= (1 << 30) - mss);
            }
        }
    }
}
