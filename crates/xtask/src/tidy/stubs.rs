//! What is not there yet: stub macros, and marks for later that no issue keeps.

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

/// Macros that stand for code which is not written.
const STUBS: [&str; 2] = ["todo", "unimplemented"];
/// Marks that say a line is wrong. In two parts, so that this file does not bear them.
const MARKS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
/// A mark for later, which needs the number of an issue.
const LATER: &str = concat!("TO", "DO");

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .flat_map(|file| {
            let mut findings = stub_calls(file);
            findings.extend(marks(file));
            findings
        })
        .collect()
}

fn stub_calls(file: &RustFile) -> Vec<Finding> {
    STUBS
        .iter()
        .flat_map(|name| {
            file.lines_with(&[name, "!"]).map(move |line| (name, line)).collect::<Vec<_>>()
        })
        .map(|(name, line)| Finding::at(&file.path, line, format!("`{name}!` is a stub")))
        .collect()
}

fn marks(file: &RustFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.lines.iter().enumerate() {
        for mark in MARKS.iter().filter(|mark| line.contains(*mark)) {
            findings.push(Finding::at(&file.path, index + 1, format!("`{mark}` stands here")));
        }
        if line.contains(LATER) && !names_an_issue(line) {
            findings.push(Finding::at(
                &file.path,
                index + 1,
                format!("`{LATER}` without an issue"),
            ));
        }
    }
    findings
}

/// Whether the line has a `#` before a digit.
fn names_an_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        look(&Project::of(&[("a.rs", text)])).len()
    }

    #[test]
    fn stub_macros_are_found_in_code_and_not_in_words() {
        for name in STUBS {
            assert_eq!(count(&format!("fn f() {{ {name}!() }}")), 1);
            assert_eq!(count(&format!("fn f() {{ assert!({{ {name}!(\"later\") }}) }}")), 1);
            assert_eq!(count(&format!("// {name}\nfn {name}() {{}}")), 0);
        }
    }

    #[test]
    fn marks_are_found_in_comments() {
        for mark in MARKS {
            assert_eq!(count(&format!("fn f() {{}} // {mark}: wrong")), 1);
        }
    }

    #[test]
    fn a_mark_for_later_needs_an_issue() {
        assert_eq!(count(&format!("// {LATER}: later")), 1);
        assert_eq!(count(&format!("// {LATER}(#12): later")), 0);
    }
}
