//! No file is called after having no job: `util`, `helper`, `common`, `misc`.

use super::finding::Finding;
use super::project::Project;

const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "process2"];

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .filter_map(|file| {
            let mut parts = file.path.trim_end_matches(".rs").split('/');
            let name = parts.find(|part| EMPTY_NAMES.contains(part))?;
            Some(Finding::about(&file.path, format!("`{name}` does not say what it owns")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_job_are_found() {
        for path in ["crates/tcb/src/util.rs", "crates/tcb/tests/common/mod.rs"] {
            assert_eq!(look(&Project::of(&[(path, "")])).len(), 1, "{path}");
        }
        assert_eq!(look(&Project::of(&[("crates/tcb/src/utilization.rs", "")])), []);
    }
}
