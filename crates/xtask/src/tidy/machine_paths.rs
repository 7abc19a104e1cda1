//! No file names a path of one machine.

use super::finding::Finding;
use super::project::Project;

/// Folders at the root of a file system that differ from machine to machine.
const FOLDERS: [&str; 6] = ["work", "farm", "root", "home", "tmp", "Users"];

pub(super) fn look(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &project.files {
        let Some(text) = &file.text else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names(line, folder)) {
                let message = format!("a path of one machine, in /{folder}");
                findings.push(Finding::at(&file.path, index + 1, message));
            }
        }
    }
    findings
}

/// Whether an absolute path in `line` begins with `folder`.
fn names(line: &str, folder: &str) -> bool {
    let needle = format!("/{folder}/");
    line.match_indices(&needle).any(|(at, _)| !continues_a_path(line[..at].chars().next_back()))
}

/// Whether a slash behind `before` stands in the middle of a path or an address.
fn continues_a_path(before: Option<char>) -> bool {
    before.is_some_and(|it| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '~' | '}' | '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_is_found_and_a_relative_one_is_not() {
        for folder in FOLDERS {
            let rows = [
                (format!("see /{folder}/notes"), 1),
                (format!("/{folder}/notes"), 1),
                (format!("\"/{folder}/notes\""), 1),
                (format!("see target/{folder}/notes"), 0),
                (format!("https://example.com/{folder}/notes"), 0),
                (format!("{{target}}/{folder}/notes"), 0),
                (format!("a {folder}/b"), 0),
            ];
            for (text, expected) in rows {
                let project = Project::of(&[("README.md", &text)]);
                assert_eq!(look(&project).len(), expected, "{text}");
            }
        }
    }
}
