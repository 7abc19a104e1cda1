//! What a package may never be built from, at any depth and with any feature.
//!
//! `tcb` and `wire` have no clock, no randomness of their own, no tokio, no descriptor and no
//! thread. What stands on `tcb` to simulate it stays free of tokio, so that a run is its seed.

use std::collections::VecDeque;

use super::finding::Finding;
use super::packages::{Package, Purpose, Resolved};
use super::project::Project;

/// Crates that bring tokio or another scheduler.
const RUNTIMES: &[&str] = &["tokio", "mio", "async-std", "smol", "async-io"];

/// Crates that bring a scheduler, the operating system or entropy.
const OUTSIDE: &[&str] = &[
    "tokio",
    "mio",
    "async-std",
    "smol",
    "async-io",
    "libc",
    "rustix",
    "nix",
    "socket2",
    "windows-sys",
    "rand",
    "getrandom",
    "fastrand",
    "parking_lot",
];

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .packages
        .iter()
        .flat_map(|package| {
            banned(&package.folder).iter().filter_map(|name| {
                let chain = chain_to(name, package, &project.resolved)?;
                let message = format!("{} is built from {name}: {chain}", package.folder);
                Some(Finding::about(&format!("{}/Cargo.toml", package.folder), message))
            })
        })
        .collect()
}

fn banned(folder: &str) -> &'static [&'static str] {
    match folder {
        "crates/wire" | "crates/tcb" => OUTSIDE,
        "crates/netem" | "tests/sim" | "tests/simhost" | "tests/packetdrill" | "tests/fuzz" => {
            RUNTIMES
        }
        _ => &[],
    }
}

/// The shortest way from `package` down to the crate `name`, if there is one.
fn chain_to(name: &str, package: &Package, resolved: &Resolved) -> Option<String> {
    let declared = package.dependencies.iter().filter(|it| it.purpose == Purpose::Build);
    let mut queue = VecDeque::new();
    let mut seen = vec![false; resolved.nodes.len()];
    for dependency in declared {
        if dependency.name == name {
            return Some(format!("{} -> {name}", package.name));
        }
        let Some(index) = resolved.index_of(&dependency.name) else { continue };
        queue.push_back((index, format!("{} -> {}", package.name, dependency.name)));
    }
    while let Some((index, chain)) = queue.pop_front() {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        let node = &resolved.nodes[index];
        if node.name == name {
            return Some(chain);
        }
        for &used in &node.uses {
            queue.push_back((used, format!("{chain} -> {}", resolved.nodes[used].name)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::packages::{Dependency, Node};

    fn project(folder: &str, uses: &str, purpose: Purpose, nodes: &[(&str, &[usize])]) -> Project {
        let mut project = Project::of(&[]);
        project.packages = vec![Package {
            name: "synack-x".to_owned(),
            folder: folder.to_owned(),
            dependencies: vec![Dependency { name: uses.to_owned(), purpose }],
        }];
        let node = |(name, uses): &(&str, &[usize])| Node {
            name: (*name).to_owned(),
            uses: uses.to_vec(),
        };
        project.resolved = Resolved { nodes: nodes.iter().map(node).collect() };
        project
    }

    #[test]
    fn tokio_below_tcb_is_found_at_any_depth() {
        let nodes: [(&str, &[usize]); 3] = [("bytes", &[1]), ("io", &[0, 2]), ("tokio", &[])];
        let said = look(&project("crates/tcb", "bytes", Purpose::Build, &nodes));
        let expected = "crates/tcb is built from tokio: synack-x -> bytes -> io -> tokio";
        assert_eq!(said, [Finding::about("crates/tcb/Cargo.toml", expected)]);
    }

    #[test]
    fn a_direct_dependency_is_found_before_anything_is_resolved() {
        let said = look(&project("tests/fuzz", "tokio", Purpose::Build, &[]));
        assert_eq!(said.len(), 1);
    }

    #[test]
    fn entropy_is_banned_from_tcb_and_allowed_in_the_simulator() {
        let nodes: [(&str, &[usize]); 1] = [("getrandom", &[])];
        let look_at = |folder| look(&project(folder, "getrandom", Purpose::Build, &nodes)).len();
        assert_eq!((look_at("crates/tcb"), look_at("tests/sim")), (1, 0));
    }

    #[test]
    fn tests_of_tcb_may_be_built_from_more() {
        let nodes: [(&str, &[usize]); 1] = [("rand", &[])];
        assert_eq!(look(&project("crates/tcb", "rand", Purpose::Test, &nodes)), []);
    }
}
