//! Every `select!` is `biased`: otherwise tokio draws the order, and a run is more than its seed.

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .filter(|file| file.path.starts_with("crates/"))
        .flat_map(|file| {
            unbiased(file)
                .into_iter()
                .map(|line| Finding::at(&file.path, line, "`select!` without `biased;`"))
        })
        .collect()
}

fn unbiased(file: &RustFile) -> Vec<usize> {
    file.tokens
        .windows(5)
        .filter(|window| window[0].text == "select" && window[1].text == "!")
        .filter(|window| window[3].text != "biased" || window[4].text != ";")
        .map(|window| window[0].line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_that_draws_its_order_is_found() {
        // Each row: a source text, and how many findings it gives.
        let rows = [
            ("fn f() { tokio::select! { x = g() => {} } }", 1),
            ("fn f() { select!(x = g() => {}) }", 1),
            ("fn f() { tokio::select! { biased; x = g() => {} } }", 0),
            ("fn f() { select(1, 2, 3) }", 0),
        ];
        for (text, expected) in rows {
            let project = Project::of(&[("crates/runtime/src/driver/mod.rs", text)]);
            assert_eq!(look(&project).len(), expected, "{text}");
        }
    }
}
