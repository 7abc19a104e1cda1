//! Each file says its job in its first line; a test file what it shows, and how in the second.

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project.rust_files.iter().filter_map(missing).collect()
}

fn missing(file: &RustFile) -> Option<Finding> {
    let says = |at: usize| file.lines.get(at).is_some_and(|line| is_module_doc(line));
    if !says(0) {
        return Some(Finding::at(&file.path, 1, "the first line does not say the job: `//! …`"));
    }
    (has_tests_only(file) && !says(1)).then(|| {
        Finding::at(&file.path, 2, "a test file opens with two lines: what it shows, and how")
    })
}

/// Whether the line is a comment on the whole file, with something in it.
fn is_module_doc(line: &str) -> bool {
    line.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty())
}

/// Whether this is a test file and holds tests, not only what they share.
fn has_tests_only(file: &RustFile) -> bool {
    let test = ["#", "[", "test", "]"];
    let path_test = [":", ":", "test", "]"];
    file.is_test_file
        && (file.lines_with(&test).next().is_some() || file.lines_with(&path_test).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        look(&Project::of(&[(path, text)])).len()
    }

    #[test]
    fn a_file_that_does_not_say_its_job_is_found() {
        for text in ["", "use a::b;\n", "//!\n", "#![no_std]\n//! Late.\n", "// Not a doc.\n"] {
            assert_eq!(count("crates/wire/src/seq.rs", text), 1, "{text:?}");
        }
        assert_eq!(count("crates/wire/src/seq.rs", "//! Numbers.\n"), 0);
    }

    #[test]
    fn a_test_file_with_one_line_is_found() {
        let tests = "#[test]\nfn f() {}\n";
        let one = format!("//! What.\n\n{tests}");
        let two = format!("//! What.\n//! How.\n\n{tests}");
        for path in ["crates/tcb/tests/close.rs", "crates/tcb/src/send/tests.rs"] {
            assert_eq!(count(path, &one), 1);
            assert_eq!(count(path, &two), 0);
            assert_eq!(count(path, "//! What.\n\n#[tokio::test]\nasync fn f() {}\n"), 1);
            assert_eq!(count(path, "//! What tests share.\n\nfn f() {}\n"), 0);
        }
        assert_eq!(count("crates/tcb/src/send/mod.rs", &one), 0);
    }
}
