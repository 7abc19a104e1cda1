//! Where `unsafe` may stand, and that the compiler forbids it everywhere else.
//!
//! Every crate of `crates/` forbids it at its root. `runtime` denies it and allows it once, in the
//! file that speaks to the TUN driver. Of the tests, those with a C interface or a bare peer may
//! need it. Each block says why it is sound.

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

/// The one file of `crates/` with unsafe code.
const TUN_SYSTEM_CALLS: &str = "crates/runtime/src/device/tun_sys.rs";

/// Packages under `tests/` that may need it.
const UNSAFE_TESTS: [&str; 3] = ["tests/packetdrill/", "tests/bench/", "tests/fuzz/"];

/// How many lines above an unsafe block its reason may end.
const REASON_LINES_MAX: usize = 1;

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .flat_map(|file| {
            let mut findings = Vec::new();
            findings.extend(unguarded_root(file));
            findings.extend(lifted_guard(file));
            findings.extend(unsafe_tokens(file));
            findings
        })
        .collect()
}

/// The attribute that each root of a crate in `crates/` begins with.
fn unguarded_root(file: &RustFile) -> Option<Finding> {
    let guard = if file.path.starts_with("crates/runtime/") { "deny" } else { "forbid" };
    let attribute = ["#", "!", "[", guard, "(", "unsafe_code", ")", "]"];
    (is_crate_root(&file.path) && file.lines_with(&attribute).next().is_none())
        .then(|| Finding::about(&file.path, format!("the root lacks #![{guard}(unsafe_code)]")))
}

/// `crates/x/src/lib.rs`, `main.rs`, `bin/y.rs` or `bin/y/main.rs`.
fn is_crate_root(path: &str) -> bool {
    let folders: Vec<&str> = path.split('/').collect();
    match folders.as_slice() {
        ["crates", _, "src", file] => matches!(*file, "lib.rs" | "main.rs"),
        ["crates", _, "src", "bin", _] | ["crates", _, "src", "bin", _, "main.rs"] => true,
        _ => false,
    }
}

fn lifted_guard(file: &RustFile) -> Vec<Finding> {
    if !file.path.starts_with("crates/") || file.path == TUN_SYSTEM_CALLS {
        return Vec::new();
    }
    ["allow", "expect"]
        .iter()
        .flat_map(|lift| file.lines_with(&[lift, "(", "unsafe_code"]).collect::<Vec<_>>())
        .map(|line| Finding::at(&file.path, line, "unsafe code is allowed here"))
        .collect()
}

fn unsafe_tokens(file: &RustFile) -> Vec<Finding> {
    let may_be_unsafe = file.path == TUN_SYSTEM_CALLS
        || UNSAFE_TESTS.iter().any(|folder| file.path.starts_with(folder));
    if !may_be_unsafe {
        return file
            .lines_with(&["unsafe"])
            .map(|line| Finding::at(&file.path, line, "unsafe code outside its places"))
            .collect();
    }
    file.lines_with(&["unsafe", "{"])
        .filter(|line| !has_reason(file, *line))
        .map(|line| Finding::at(&file.path, line, "an unsafe block without `// SAFETY:` above it"))
        .collect()
}

/// Whether the comment that ends just above `line`, or stands on it, gives the reason.
fn has_reason(file: &RustFile, line: usize) -> bool {
    let is_comment = |text: &str| text.trim_start().starts_with("//");
    // The block may begin in the middle of a statement, so that the comment is a line further up.
    let end = (line - 1).min(file.lines.len());
    let lowest = (0..end).rev().take(REASON_LINES_MAX + 1).find(|at| is_comment(&file.lines[*at]));
    let Some(lowest) = lowest else { return false };
    file.lines[..=lowest]
        .iter()
        .rev()
        .take_while(|text| is_comment(text))
        .any(|text| text.contains("// SAFETY:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, text: &str) -> Vec<String> {
        look(&Project::of(&[(path, text)])).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_crate_root_without_the_guard_is_found() {
        for path in ["crates/wire/src/lib.rs", "crates/inspect/src/bin/top.rs"] {
            let expected = format!("{path}: the root lacks #![forbid(unsafe_code)]");
            assert_eq!(said(path, "#![deny(unsafe_code)]"), [expected]);
            assert_eq!(said(path, "#![forbid(unsafe_code)]"), Vec::<String>::new());
        }
        let expected = "crates/runtime/src/lib.rs: the root lacks #![deny(unsafe_code)]";
        assert_eq!(said("crates/runtime/src/lib.rs", ""), [expected]);
    }

    #[test]
    fn only_the_file_of_tun_system_calls_may_lift_the_guard() {
        let text = "#![allow(unsafe_code, reason = \"ioctl\")]";
        assert_eq!(said(TUN_SYSTEM_CALLS, text), Vec::<String>::new());
        assert_eq!(said("crates/runtime/src/device/tun.rs", text).len(), 1);
    }

    #[test]
    fn unsafe_outside_its_places_is_found_even_with_a_reason() {
        let text = "fn f() {\n    // SAFETY: no.\n    unsafe { g() }\n}";
        assert_eq!(said("tests/stack/src/lib.rs", text).len(), 1);
        assert_eq!(said("tests/bench/src/main.rs", text), Vec::<String>::new());
    }

    #[test]
    fn an_unsafe_block_needs_its_reason_above_it() {
        // Each row: a text, and whether it is fine.
        let rows = [
            ("fn f() {\n    unsafe { g() }\n}", false),
            ("// SAFETY: far away.\nfn f() {\n    let x = 1;\n    unsafe { g() }\n}", false),
            ("fn f() {\n    // SAFETY: long,\n    // and longer.\n    unsafe { g() }\n}", true),
            ("fn f() {\n    // SAFETY: split.\n    let x =\n        unsafe { g() };\n}", true),
            ("fn f() {\n    // Just a comment.\n    unsafe { g() }\n}", false),
        ];
        for (text, is_fine) in rows {
            assert_eq!(said("tests/bench/src/main.rs", text).is_empty(), is_fine, "{text}");
        }
    }
}
