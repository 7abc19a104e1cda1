//! Runs whose faults are drawn from seeds hold every invariant, and are the same each time.
//! A fixed set of seeds is run; `cargo run --release -p synack-sim -- swarm` runs any others.

use synack_sim::{Fault, Plan, run_guarded};

/// Runs plans, and says how to see a failure again.
#[track_caller]
fn all_hold(plans: impl Iterator<Item = Plan>) {
    for plan in plans {
        if let Err(violation) = run_guarded(&plan, None) {
            let faults: Vec<_> = plan.faults.iter().map(|fault| fault.name()).collect();
            panic!("{violation}\nseed {} with {}", plan.seed, faults.join(", "));
        }
    }
}

#[test]
fn three_hundred_seeds_hold_every_invariant() {
    all_hold((0..300).map(|seed| Plan::draw(seed, &[])));
}

#[test]
fn without_faults_every_conversation_is_completed() {
    all_hold((0..40).map(|seed| Plan::with(seed, &[])));
    for seed in 0..40 {
        let report = run_guarded(&Plan::with(seed, &[]), None).unwrap();
        assert_eq!(report.conversations, (1, 1));
        assert_eq!(report.counts.sent, report.counts.arrived);
    }
}

#[test]
fn each_fault_alone_holds_every_invariant() {
    let seeds = 1_000..1_005;
    all_hold(
        seeds.flat_map(|seed| Fault::ALL.iter().map(move |fault| Plan::with(seed, &[*fault]))),
    );
}

#[test]
fn the_same_seed_gives_the_same_octets_at_the_same_times() {
    for seed in 0..30 {
        let plan = Plan::draw(seed, &[]);
        let [first, second] =
            [(); 2].map(|()| run_guarded(&plan, None).map(|report| report.trace_hash));
        assert_eq!(first, second, "seed {seed}");
    }
    let hash = |seed| run_guarded(&Plan::draw(seed, &[]), None).unwrap().trace_hash;
    assert_ne!(hash(0), hash(1));
}

#[test]
fn a_fault_that_is_left_out_changes_no_other() {
    for seed in 0..50 {
        let whole = Plan::draw(seed, &[]);
        let Some(fault) = whole.faults.first() else { continue };
        let mut rest = whole.faults.clone();
        rest.retain(|other| other != fault);
        assert_eq!(Plan::draw(seed, &[*fault]).faults, rest);
    }
}
