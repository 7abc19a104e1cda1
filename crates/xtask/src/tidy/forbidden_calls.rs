//! No clock, no randomness, no thread and no `std` in `tcb` and `wire`: all of it is an argument.

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

/// The pure crates, with their tests.
const PURE: [&str; 2] = ["crates/wire/", "crates/tcb/"];

/// A row of tokens that must not stand in the pure crates.
struct Forbidden {
    tokens: &'static [&'static str],
    instead: &'static str,
    reach: Reach,
}

/// Whether the tests of the pure crates must do without, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Sources,
    SourcesAndTests,
}

const FORBIDDEN: [Forbidden; 11] = [
    Forbidden {
        tokens: &["Instant", ":", ":", "now"],
        instead: "time is an argument",
        reach: Reach::SourcesAndTests,
    },
    Forbidden {
        tokens: &["SystemTime"],
        instead: "time is an argument",
        reach: Reach::SourcesAndTests,
    },
    // A test may ask whether it is panicking, to say what it saw.
    Forbidden {
        tokens: &["thread", ":", ":"],
        instead: "there are no threads",
        reach: Reach::Sources,
    },
    Forbidden {
        tokens: &["thread", ":", ":", "spawn"],
        instead: "there are no threads",
        reach: Reach::SourcesAndTests,
    },
    Forbidden {
        tokens: &["thread", ":", ":", "sleep"],
        instead: "time is an argument",
        reach: Reach::SourcesAndTests,
    },
    Forbidden {
        tokens: &["tokio", ":", ":"],
        instead: "there is no runtime",
        reach: Reach::SourcesAndTests,
    },
    Forbidden {
        tokens: &["rand", ":", ":", "rng"],
        instead: "tests draw from a seed",
        reach: Reach::SourcesAndTests,
    },
    Forbidden {
        tokens: &["rand", ":", ":"],
        instead: "randomness derives from the secret",
        reach: Reach::Sources,
    },
    Forbidden {
        tokens: &["use", "rand"],
        instead: "randomness derives from the secret",
        reach: Reach::Sources,
    },
    Forbidden { tokens: &["std", ":", ":"], instead: "the crate is no_std", reach: Reach::Sources },
    Forbidden {
        tokens: &["extern", "crate", "std"],
        instead: "the crate is no_std",
        reach: Reach::Sources,
    },
];

pub(super) fn look(project: &Project) -> Vec<Finding> {
    let pure = |file: &&RustFile| PURE.iter().any(|folder| file.path.starts_with(folder));
    project
        .rust_files
        .iter()
        .filter(pure)
        .flat_map(|file| {
            let mut findings = calls(file);
            findings.extend(root_with_std(file));
            findings
        })
        .collect()
}

fn calls(file: &RustFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Forbidden { tokens, instead, reach } in &FORBIDDEN {
        for line in file.lines_with(tokens) {
            if *reach == Reach::SourcesAndTests || !file.is_test_line(line) {
                let message = format!("`{}` in a pure crate: {instead}", spelled(tokens));
                findings.push(Finding::at(&file.path, line, message));
            }
        }
    }
    findings
}

/// The tokens as one writes them: names apart, `::` close.
fn spelled(tokens: &[&str]) -> String {
    tokens.join(" ").replace(" : :", "::").replace(":: ", "::")
}

fn root_with_std(file: &RustFile) -> Option<Finding> {
    let is_root = PURE.iter().any(|folder| file.path == format!("{folder}src/lib.rs"));
    let is_free = file.lines_with(&["#", "!", "[", "no_std", "]"]).next().is_some()
        || file.lines_with(&["not", "(", "test", ")", ",", "no_std"]).next().is_some();
    (is_root && !is_free).then(|| Finding::about(&file.path, "the root lacks #![no_std]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        look(&Project::of(&[(path, text)])).len()
    }

    #[test]
    fn calls_that_reach_outside_are_found() {
        for text in [
            "fn f() { Instant::now() }",
            "fn f() -> SystemTime { g() }",
            "fn f() { thread::yield_now() }",
            "fn f() { tokio::spawn(g()) }",
            "fn f() { rand::random() }",
            "use rand;",
            "use std::{collections::HashMap};",
            "extern crate std;",
            "fn f() { debug_assert!(std::env::args().len() > 0) }",
        ] {
            assert_eq!(count("crates/tcb/src/time.rs", text), 1, "{text}");
            assert_eq!(count("crates/wire/src/parse.rs", text), 1, "{text}");
            assert_eq!(count("crates/runtime/src/clock.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn tests_may_use_std_and_seeded_randomness_but_no_clock() {
        let path = "crates/tcb/src/send/tests.rs";
        assert_eq!(count(path, "use std::vec::Vec; fn f() { rand::SeedableRng::x() }"), 0);
        assert_eq!(count(path, "fn f() { std::time::Instant::now() }"), 1);
        assert_eq!(count(path, "fn f() { rand::rng() }"), 1);
    }

    #[test]
    fn a_root_with_std_is_found() {
        assert_eq!(count("crates/wire/src/lib.rs", "mod seq;"), 1);
        assert_eq!(count("crates/wire/src/lib.rs", "#![no_std]\nmod seq;"), 0);
    }

    #[test]
    fn messages_spell_paths_as_sources_do() {
        assert_eq!(spelled(&["rand", ":", ":", "rng"]), "rand::rng");
        assert_eq!(spelled(&["extern", "crate", "std"]), "extern crate std");
    }
}
