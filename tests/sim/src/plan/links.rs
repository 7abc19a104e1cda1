//! Faults of links and of what stands in them.

use core::time::Duration;

use synack_netem::{
    Bottleneck, BurstLoss, Capacity, CoDel, Corruption, Distribution, Duplication, EcnUse, Excess,
    Jitter, Mtu, Order, Outage, OutageEffect, Padding, Probability, Queue, Rate, ReorderBy,
    Reordering, Spikes,
};
use synack_tcb::{EcnPolicy, MtuProbing};
use synack_wire::Ecn;

use super::{Incident, Plan};
use crate::middlebox::{Kind, Mangling, Strips, Target};
use crate::streams::Dice;

/// A probability up to `permille_max` thousandths, each order of magnitude as likely.
fn probability(dice: &mut Dice, permille_max: u64) -> Probability {
    Probability::per_million(dice.magnitude(200, permille_max * 1_000) as u32)
}

/// The first link, the second, or both.
fn directions(dice: &mut Dice) -> &'static [usize] {
    dice.pick(&[&[0][..], &[1], &[0, 1], &[0, 1]])
}

pub(super) fn uniform_loss(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        plan.links[*index].loss = probability(dice, 300);
    }
}

pub(super) fn burst_loss(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        plan.links[*index].burst_loss = Some(BurstLoss {
            enter: Probability::per_million(dice.magnitude(100, 50_000) as u32),
            leave: Probability::per_million(dice.between(50_000, 500_000) as u32),
            loss_while_bad: Probability::percent(dice.between(50, 100) as u32),
        });
    }
}

pub(super) fn targeted_loss(plan: &mut Plan, dice: &mut Dice) {
    for _ in 0..dice.between(1, 4) {
        let target = Target {
            kind: dice.pick(&Kind::ALL),
            nth: dice.magnitude(1, 20) as u32,
            count: dice.magnitude(1, 4) as u32,
        };
        let index = dice.below(2) as usize;
        plan.middleboxes[index].targets.push(target);
    }
}

pub(super) fn ack_loss(plan: &mut Plan, dice: &mut Dice) {
    let index = dice.below(2) as usize;
    plan.middleboxes[index].ack_loss_permille = dice.between(10, 900) as u32;
}

pub(super) fn reordering(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let by = if dice.chance(500) {
            let packets_max = dice.magnitude(1, 1_000) as u32;
            ReorderBy::Depth { packets_min: 1, packets_max, hold_max: Duration::from_secs(2) }
        } else {
            let max = dice.time_magnitude(Duration::from_millis(1), Duration::from_secs(2));
            ReorderBy::Time { max }
        };
        let probability = probability(dice, 500);
        plan.links[*index].reordering = Some(Reordering { probability, by });
    }
}

pub(super) fn duplication(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let probability = probability(dice, 500);
        // Twice the MSL of the project (DEC-17): into the next incarnation.
        let delay_max = dice.time_magnitude(Duration::from_millis(1), Duration::from_secs(60));
        plan.links[*index].duplication = Some(Duplication { probability, delay_max });
    }
}

pub(super) fn corruption(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let word_swaps = plan.links[*index].corruption.word_swap;
        plan.links[*index].corruption = Corruption {
            bit_flips: probability(dice, 100),
            bit_flips_max: dice.between(1, 8) as u8,
            byte_swap: probability(dice, 100),
            word_swap: word_swaps,
            from_byte: 0,
        };
    }
}

pub(super) fn word_swaps(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let is_ipv6 = plan.hosts[0].address.is_ipv6();
        let corruption = &mut plan.links[*index].corruption;
        corruption.word_swap = probability(dice, 50);
        corruption.from_byte = if is_ipv6 { 40 } else { 20 };
    }
}

pub(super) fn truncation(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        plan.links[*index].truncation = probability(dice, 100);
    }
}

pub(super) fn padding(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let probability = probability(dice, 1_000);
        let bytes_max = dice.between(1, 46) as u8;
        plan.links[*index].padding = Some(Padding { probability, bytes_max });
    }
}

pub(super) fn option_stripping(plan: &mut Plan, dice: &mut Dice) {
    let mut draw = || dice.chance(400);
    let strips =
        Strips { mss: draw(), window_scale: draw(), sack_permitted: draw(), timestamps: draw() };
    let is_partial = draw() && draw();
    plan.middleboxes[1].strips = strips;
    if !is_partial {
        plan.middleboxes[0].strips = strips;
        return;
    }
    // Taken off the SYN-ACK alone: one end believes that an option is in use.
    if strips.timestamps || strips.window_scale {
        plan.excuse("options were taken off the SYN-ACK alone");
    }
}

pub(super) fn mss_clamp(plan: &mut Plan, dice: &mut Dice) {
    let mss_max = Some(dice.magnitude(100, 1_400) as u16);
    plan.middleboxes.iter_mut().for_each(|middlebox| middlebox.mss_max = mss_max);
}

pub(super) fn sack_stripping(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        plan.middleboxes[*index].strips_sack_blocks = true;
    }
}

pub(super) fn splitting(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        plan.middleboxes[*index].split_permille = dice.magnitude(5, 500) as u32;
    }
}

pub(super) fn jitter(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let link = &mut plan.links[*index];
        let amount = link.delay.mul_f64(dice.between(1, 100) as f64 / 100.0);
        let spread = [Distribution::Uniform, Distribution::Bell, Distribution::LongTail];
        link.jitter = Some(Jitter { amount, distribution: dice.pick(&spread) });
        link.order = dice.pick(&[Order::Kept, Order::Free]);
    }
}

pub(super) fn spikes(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let probability = probability(dice, 10);
        let extra = dice.time_magnitude(Duration::from_millis(100), Duration::from_secs(30));
        plan.links[*index].spikes = Some(Spikes { probability, extra });
    }
}

pub(super) fn bottlenecks(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let rate = Rate::bits_per_second(dice.magnitude(10_000, 100_000_000_000));
        let packets = dice.magnitude(1, 10_000) as usize;
        // A packet larger than its depth never passes a policer.
        let burst_bytes = dice.magnitude(10_000, 1_000_000) as usize;
        let capacity = Capacity::packets(packets.max(10));
        plan.links[*index].bottleneck = Some(match dice.below(4) {
            0 => Bottleneck::policer(rate, burst_bytes),
            1 => Bottleneck::codel(rate, capacity, EcnUse::Drop),
            _ => Bottleneck::drop_tail(rate, packets),
        });
    }
}

pub(super) fn marks(plan: &mut Plan, dice: &mut Dice) {
    for host in &mut plan.hosts {
        host.connection.ecn = dice.pick(&[EcnPolicy::Off, EcnPolicy::WhenAsked, EcnPolicy::Ask]);
        host.connection.accurate_ecn = dice.chance(500);
    }
    for link in &mut plan.links {
        let Some(bottleneck) = &mut link.bottleneck else { continue };
        let capacity = Capacity::packets(dice.magnitude(10, 10_000) as usize);
        bottleneck.queue = match dice.below(3) {
            0 => Queue::CoDel { capacity, codel: CoDel::RFC_8289, ecn: EcnUse::Mark },
            1 => Queue::MarkAbove { capacity, bytes: dice.magnitude(1, 1_000_000) as usize },
            _ => bottleneck.queue,
        };
    }
}

pub(super) fn mangling(plan: &mut Plan, dice: &mut Dice) {
    for host in &mut plan.hosts {
        host.connection.ecn = EcnPolicy::Ask;
        host.connection.accurate_ecn = dice.chance(700);
    }
    for index in directions(dice) {
        plan.middleboxes[*index].mangling = Mangling {
            field: dice.pick(&[None, Some(Ecn::NotEct), Some(Ecn::Ect1), Some(Ecn::Ce)]),
            flags: dice.chance(300),
            option: dice.chance(300),
        };
    }
}

pub(super) fn path_mtu(plan: &mut Plan, dice: &mut Dice) {
    let is_ipv6 = plan.hosts[0].address.is_ipv6();
    let least = if is_ipv6 { 1_280 } else { 576 };
    let modes = [MtuProbing::Off, MtuProbing::OnBlackHole, MtuProbing::Always];
    for host in &mut plan.hosts {
        host.connection.mtu_probing = dice.pick(&modes);
    }
    for index in directions(dice) {
        let excess = dice.pick(&[Excess::Reported, Excess::Reported, Excess::Silent]);
        let bytes = dice.magnitude(least, 1_500) as usize;
        let mtu = Mtu { bytes, excess };
        if dice.chance(400) {
            plan.links[*index].mtu = Some(mtu);
            continue;
        }
        let time = dice.time_magnitude(Duration::from_millis(1), plan.heals_at);
        plan.incidents.push((time, Incident::Narrow(*index, mtu)));
    }
}

pub(super) fn flaps(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        for _ in 0..dice.between(1, 6) {
            let effect = dice.pick(&[OutageEffect::Lose, OutageEffect::Hold]);
            let outage = outage(plan, dice, Duration::from_secs(5), effect);
            plan.links[*index].outages.push(outage);
        }
    }
}

pub(super) fn partition(plan: &mut Plan, dice: &mut Dice) {
    for index in directions(dice) {
        let outage = outage(plan, dice, plan.heals_at, OutageEffect::Lose);
        plan.links[*index].outages.push(outage);
    }
}

fn outage(plan: &Plan, dice: &mut Dice, max: Duration, effect: OutageEffect) -> Outage {
    let from = dice.time_magnitude(Duration::from_millis(1), plan.heals_at);
    let time = dice.time_magnitude(Duration::from_millis(1), max);
    Outage { from, until: from + time, effect }
}
