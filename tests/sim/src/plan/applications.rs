//! What applications do: willing ones, and all that they can get wrong.

use core::time::Duration;

use super::{Plan, Planned};
use crate::script::{Ending, Pause, PushStyle, Script, Sizes, Stall, Start};
use crate::streams::Dice;

/// Two sides that mean to send and receive everything.
pub(super) fn willing(dice: &mut Dice) -> [Script; 2] {
    let sizes = |dice: &mut Dice| match dice.below(10) {
        0..3 => dice.magnitude(1, 20_000),
        3..9 => dice.between(20_000, 400_000),
        _ => dice.between(400_000, 5_000_000),
    };
    let bytes = match dice.below(4) {
        0 => [sizes(dice), 0],
        1 => [0, sizes(dice)],
        _ => [sizes(dice), sizes(dice)],
    };
    let mut scripts = bytes.map(Script::send);
    for script in &mut scripts {
        script.write_sizes = Sizes::new(1_000, dice.magnitude(1_000, 65_536));
        script.read_sizes = Sizes::new(1_000, dice.magnitude(1_000, 65_536));
        script.start = if dice.chance(300) { Start::Opened } else { Start::Connected };
    }
    // Not both: each would wait for the other.
    if dice.chance(500) {
        scripts[dice.below(2) as usize].ending = Ending::CloseAfterReceiving;
    }
    scripts
}

/// One of the scripts.
fn any<'a>(plan: &'a mut Plan, dice: &mut Dice) -> &'a mut Script {
    let index = dice.below(plan.conversations.len() as u64) as usize;
    &mut plan.conversations[index].scripts[dice.below(2) as usize]
}

fn each(plan: &mut Plan) -> impl Iterator<Item = &mut Script> {
    plan.conversations.iter_mut().flat_map(|conversation| &mut conversation.scripts)
}

pub(super) fn small_portions(plan: &mut Plan, dice: &mut Dice) {
    for script in each(plan) {
        if dice.chance(500) {
            script.write_sizes = Sizes::new(1, dice.magnitude(1, 2_000));
        }
        if dice.chance(500) {
            script.read_sizes = Sizes::new(1, dice.magnitude(1, 2_000));
        }
    }
}

pub(super) fn pauses(plan: &mut Plan, dice: &mut Dice) {
    for script in each(plan) {
        let mut pause = |chance: u32| {
            let time_max = dice.time_magnitude(Duration::from_micros(10), Duration::from_secs(5));
            let permille = dice.magnitude(1, 500) as u32;
            dice.chance(chance).then_some(Pause { permille, time_max })
        };
        script.read_pause = pause(600);
        script.write_pause = pause(600);
    }
}

pub(super) fn stalls(plan: &mut Plan, dice: &mut Dice) {
    let after_bytes = dice.magnitude(1, 200_000);
    let time = dice.time_magnitude(Duration::from_secs(1), Duration::from_mins(10));
    any(plan, dice).stall = Some(Stall { after_bytes, time });
    plan.stalls_for = time;
}

pub(super) fn push_styles(plan: &mut Plan, dice: &mut Dice) {
    for script in each(plan) {
        script.push = dice.pick(&[PushStyle::Always, PushStyle::Corked, PushStyle::Urgent]);
    }
}

pub(super) fn parallel(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.between(1, 4) {
        let opens_at = dice.time_magnitude(Duration::from_micros(1), Duration::from_secs(10));
        plan.conversations.push(Planned {
            opens_at,
            is_successor: false,
            is_simultaneous: false,
            scripts: willing(dice),
        });
    }
}

pub(super) fn successors(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.between(1, 4) {
        let gap = dice.time_magnitude(Duration::from_micros(1), Duration::from_secs(70));
        plan.conversations.push(Planned {
            opens_at: gap,
            is_successor: true,
            is_simultaneous: false,
            scripts: willing(dice),
        });
    }
}

pub(super) fn simultaneous_open(plan: &mut Plan, _dice: &mut Dice) {
    plan.conversations[0].is_simultaneous = true;
}

pub(super) fn aborts(plan: &mut Plan, dice: &mut Dice) {
    let bytes = dice.magnitude(1, 200_000);
    any(plan, dice).ending = Ending::AbortAfter { bytes };
}

pub(super) fn drops(plan: &mut Plan, dice: &mut Dice) {
    any(plan, dice).ending = Ending::DropAfterSending;
}
