//! Shows that `cargo xtask compliance` fails on a tree that does not show its contract, or whose
//! page is old, and passes once the page is written, by running it on a workspace in a folder.

mod workspace;

use std::path::Path;
use std::process::{Command, Output};

/// A workspace of one package and a contract of one row, which a comment cites and a test shows.
const SOUND: [(&str, &str); 6] = [
    (
        "Cargo.toml",
        "[package]\nname = \"synack-tcb\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
         [lib]\npath = \"crates/tcb/src/lib.rs\"\n",
    ),
    (".gitignore", "/target\nCargo.lock\n"),
    (
        "docs/requirements.md",
        "## 1. RFC 9293\n| id | requirement | source | level | checked |\n|---|---|---|---|---|\n\
         | MUST-1 | The window is unsigned. | RFC 9293 3.1 | MUST | text |\n",
    ),
    ("docs/state-machine.md", "# TCP event processing\n"),
    ("docs/compliance.toml", "rfc_9293 = [\"MUST-1\"]\noptional_built = []\n"),
    (
        "crates/tcb/src/lib.rs",
        "//! TCP.\n/// The window, RFC 9293 §3.1 (MUST-1).\npub type Window = u32;\n\
         #[test]\nfn must_1_the_window_is_unsigned() {}\n",
    ),
];

/// The sound workspace with these files put over it.
fn tree_with(changes: &[(&str, &str)]) -> tempfile::TempDir {
    workspace::of(SOUND.iter().chain(changes))
}

fn compliance(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["compliance", "--root"]).arg(root).args(arguments).output().unwrap()
}

#[test]
fn a_page_that_was_never_written_or_is_old_fails_until_it_is_written() {
    let tree = tree_with(&[]);
    let told = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let missing = compliance(tree.path(), &[]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(told(&missing).contains("docs/compliance.md: is not what the tree tells"));

    assert!(compliance(tree.path(), &["--write"]).status.success());
    let kept = compliance(tree.path(), &[]);
    assert!(kept.status.success(), "{kept:?}");
    assert!(told(&kept).contains("| MUST | 1 | 1 | 0 | 0 | 0 |"), "{kept:?}");

    let page = tree.path().join("docs/compliance.md");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.contains("| MUST-1 | MUST | crates/tcb/src/lib.rs: `Window` | "), "{text}");
    std::fs::write(&page, text.replace("`Window`", "`Elsewhere`")).unwrap();
    assert_eq!(compliance(tree.path(), &[]).status.code(), Some(1));
}

#[test]
fn a_must_without_a_test_fails_though_the_page_is_written() {
    let tree = tree_with(&[("crates/tcb/src/lib.rs", "//! TCP (MUST-1).\n")]);
    let output = compliance(tree.path(), &["--write"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("docs/requirements.md:4: no test shows MUST-1 (MUST)"), "{text}");
    assert!(text.ends_with("compliance: 1 finding\n"), "{text}");
}
