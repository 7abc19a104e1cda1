//! Shows that `cargo xtask tidy` fails on a workspace that breaks its rules and passes on this one,
//! by running the program on workspaces written to a temporary folder, and on the tree it is from.

mod workspace;

use std::path::Path;
use std::process::{Command, Output};

/// A workspace that holds every rule: `wire`, `tcb` on top of it, and the simulator on both.
const SOUND: [(&str, &str); 8] = [
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\", \"tests/*\"]\n\
         exclude = [\"target\"]\n[workspace.lints.rust]\nmissing_docs = \"warn\"\n",
    ),
    (".gitignore", "/target\n"),
    ("crates/wire/Cargo.toml", "[package]\nname = \"synack-wire\"\n[lints]\nworkspace = true\n"),
    ("crates/wire/src/lib.rs", "//! Octets.\n#![no_std]\n#![forbid(unsafe_code)]\n"),
    (
        "crates/tcb/Cargo.toml",
        "[package]\nname = \"synack-tcb\"\n[lints]\nworkspace = true\n\
         [dependencies]\nsynack-wire = { path = \"../wire\" }\n\
         [dev-dependencies]\nsynack-sim = { path = \"../../tests/sim\" }\n",
    ),
    ("crates/tcb/src/lib.rs", "//! TCP.\n#![no_std]\n#![forbid(unsafe_code)]\n"),
    (
        "tests/sim/Cargo.toml",
        "[package]\nname = \"synack-sim\"\n[lints]\nworkspace = true\n\
         [dependencies]\nsynack-tcb = { path = \"../../crates/tcb\" }\n",
    ),
    ("tests/sim/src/lib.rs", "//! Two ends and a link.\n"),
];

/// Runs `tidy` on the sound workspace with these files put over it.
fn tidy_with(changes: &[(&str, &str)]) -> Output {
    tidy(workspace::of(SOUND.iter().chain(changes)).path())
}

fn tidy(root: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(["tidy", "--root"]).arg(root).output().unwrap()
}

/// Asserts that `tidy` fails on these changes to the sound workspace, and says this.
fn assert_found(changes: &[(&str, &str)], said: &str) {
    let output = tidy_with(changes);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}{output:?}");
    assert!(text.contains(said), "{text}");
    assert!(text.ends_with("tidy: 1 finding\n"), "{text}");
}

#[test]
fn this_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let output = tidy(root);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_sound_workspace_passes() {
    let output = tidy_with(&[]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_manifest_that_points_up_fails() {
    let manifest = "[package]\nname = \"synack-wire\"\n[lints]\nworkspace = true\n\
                    [dev-dependencies]\nsynack-tcb = { path = \"../tcb\" }\n";
    assert_found(
        &[("crates/wire/Cargo.toml", manifest)],
        "crates/wire/Cargo.toml: crates/wire must not use crates/tcb [manifests]",
    );
}

#[test]
fn tokio_below_tcb_fails() {
    // A package of this name stands in for the real one, so that nothing is downloaded.
    let wire = "[package]\nname = \"synack-wire\"\n[lints]\nworkspace = true\n\
                [features]\nasync = [\"dep:tokio\"]\n\
                [dependencies]\ntokio = { path = \"../../target/tokio\", optional = true }\n";
    let output = tidy_with(&[
        ("crates/wire/Cargo.toml", wire),
        ("target/tokio/Cargo.toml", "[package]\nname = \"tokio\"\n"),
        ("target/tokio/src/lib.rs", ""),
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}{output:?}");
    let chain = "crates/tcb is built from tokio: synack-tcb -> synack-wire -> tokio";
    assert!(text.contains(chain), "{text}");
}

#[test]
fn a_part_of_a_connection_that_names_another_fails() {
    assert_found(
        &[("crates/tcb/src/send/mod.rs", "//! SEND.\nuse crate::recv::Window;\n")],
        "crates/tcb/src/send/mod.rs:2: Send must not name recv::Window [layers]",
    );
}

#[test]
fn a_clock_in_the_pure_crates_fails() {
    assert_found(
        &[("crates/tcb/src/time.rs", "//! Time.\nfn now() { core::time::SystemTime }\n")],
        "crates/tcb/src/time.rs:2: `SystemTime` in a pure crate: time is an argument",
    );
}

#[test]
fn a_file_that_git_ignores_is_not_looked_at() {
    let output = tidy_with(&[("target/debug/notes.rs", "not even Rust")]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_workspace_that_does_not_parse_is_an_error_and_not_a_pass() {
    let output = tidy_with(&[("crates/tcb/src/time.rs", "//! Time.\nfn {")]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot parse crates/tcb/src/time.rs")
    );
}
