//! Shows that deadlines come out in time, each once, and that a later one does not move an entry.
//! The wheel runs beside a plain map of deadlines, over random operations and jumps of time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn due(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut keys: Vec<u32> = std::iter::from_fn(|| wheel.poll(at(now))).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_deadline_comes_out_once_and_not_before_its_time() {
    let mut wheel = Wheel::new();
    wheel.arm(7, at(100));
    assert_eq!(due(&mut wheel, 99), []);
    assert_eq!(wheel.deadline(), Some(at(100)));
    assert_eq!(due(&mut wheel, 100), [7]);
    assert_eq!(due(&mut wheel, 1_000), []);
    assert!(wheel.is_empty());
    assert_eq!(wheel.deadline(), None);
}

#[test]
fn an_earlier_deadline_moves_an_entry_and_a_later_one_does_not() {
    let mut wheel = Wheel::new();
    wheel.arm(0, at(5_000));
    wheel.arm(0, at(90));
    wheel.arm(0, at(7_000));
    assert_eq!(due(&mut wheel, 89), []);
    assert_eq!(due(&mut wheel, 90), [0]);
}

#[test]
fn a_deadline_between_two_ticks_comes_out_at_the_second() {
    let mut wheel = Wheel::new();
    wheel.arm(3, Instant::from_nanos(10_000_001));
    assert_eq!(wheel.poll(Instant::from_nanos(10_999_999)), None);
    assert_eq!(wheel.poll(at(11)), Some(3));
}

#[test]
fn a_disarmed_key_does_not_come_out() {
    let mut wheel = Wheel::new();
    (0..4).for_each(|key| wheel.arm(key, at(50)));
    wheel.disarm(2);
    wheel.disarm(2);
    wheel.disarm(99);
    assert_eq!(due(&mut wheel, 50), [0, 1, 3]);
}

#[test]
fn the_far_end_of_time_is_reached_within_a_bounded_number_of_steps() {
    let end = Instant::from_nanos(u64::MAX);
    let mut wheel = Wheel::new();
    wheel.arm(0, end);
    let mut steps = 0;
    while let Some(deadline) = wheel.deadline() {
        steps += 1;
        assert!(steps <= LEVELS, "each step takes the entry to a lower level");
        // The last tick begins after the last nanosecond.
        if wheel.poll(deadline).is_some() || deadline.as_nanos() == u64::MAX {
            break;
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Arm { key: u32, ahead_ms: u64 },
    Disarm { key: u32 },
    Pass { ms: u64 },
    SleepUntilDeadline,
}

fn step() -> impl Strategy<Value = Step> {
    // Of every order of magnitude, so that each level is used.
    let span = (0_u32..40, any::<u64>()).prop_map(|(bits, noise)| noise & ((1 << bits) - 1));
    prop_oneof![
        5 => (0..20_u32, span.clone()).prop_map(|(key, ahead_ms)| Step::Arm { key, ahead_ms }),
        1 => (0..20_u32).prop_map(|key| Step::Disarm { key }),
        2 => span.prop_map(|ms| Step::Pass { ms }),
        2 => Just(Step::SleepUntilDeadline),
    ]
}

proptest! {
    #[test]
    fn the_wheel_agrees_with_a_map_of_deadlines(
        start in 1..1_u64 << 40,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut now = start;
        let mut wheel = Wheel::new();
        let mut map: BTreeMap<u32, u64> = BTreeMap::new();
        prop_assert_eq!(due(&mut wheel, now), Vec::<u32>::new());
        for step in steps {
            match step {
                Step::Arm { key, ahead_ms } => {
                    wheel.arm(key, at(now + ahead_ms));
                    let earliest = map.get(&key).copied().unwrap_or(u64::MAX);
                    map.insert(key, earliest.min(now + ahead_ms));
                }
                Step::Disarm { key } => {
                    wheel.disarm(key);
                    map.remove(&key);
                }
                Step::Pass { ms } => now += ms,
                Step::SleepUntilDeadline => {
                    now = wheel.deadline().map_or(now, |deadline| deadline.as_millis().max(now));
                }
            }
            let expected: Vec<u32> =
                map.iter().filter(|(_, tick)| **tick <= now).map(|(key, _)| *key).collect();
            map.retain(|_, tick| *tick > now);
            prop_assert_eq!(due(&mut wheel, now), expected);
            prop_assert_eq!(wheel.is_empty(), map.is_empty());
            let first = map.values().min().copied();
            let deadline = wheel.deadline().map(Instant::as_millis);
            if let (Some(deadline), Some(first)) = (deadline, first) {
                prop_assert!(deadline <= first, "{deadline} is later than {first}");
            }
            prop_assert!(deadline.is_some() || first.is_none());
            prop_assert!(deadline.is_none_or(|deadline| deadline > now), "time moves on");
        }
    }
}
